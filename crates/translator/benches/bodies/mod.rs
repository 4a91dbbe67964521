//! Bodies as coding agents send them: about 110 KB, 24 tools, 40 turns. Deterministic.

use serde_json::{Value, json};

const WORDS: [&str; 24] = [
    "the",
    "build",
    "fails",
    "because",
    "module",
    "config",
    "cannot",
    "find",
    "symbol",
    "in",
    "crate",
    "when",
    "feature",
    "async",
    "is",
    "enabled",
    "see",
    "trace",
    "below",
    "and",
    "fix",
    "it",
    "carefully",
    "without",
];

/// A small generator of words: the same ones every time.
struct Words(u64);

impl Words {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.next(WORDS.len())]
    }

    fn text(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn code(&mut self, lines: usize) -> String {
        (0..lines)
            .map(|line| {
                format!(
                    "{line:5}\tlet v{line} = compute(\"{}\", {})?; // {} \u{2713}\n",
                    self.word(),
                    self.next(9999),
                    self.word()
                )
            })
            .collect()
    }

    fn schema(&mut self) -> Value {
        let mut properties = serde_json::Map::new();
        for index in 0..5 {
            let kind = ["string", "integer", "boolean"][self.next(3)];
            properties.insert(format!("arg_{index}"), json!({"type": kind, "description": self.text(18)}));
        }
        properties.insert(
            "mode".to_owned(),
            json!({"type":"string","enum":["a","b","c"],"description":self.text(10)}),
        );
        properties.insert(
            "items".to_owned(),
            json!({"type":"array","items":{"type":"object","properties":{"path":{"type":"string"},"n":{"type":"number"}},
                   "required":["path"],"additionalProperties":false}}),
        );
        json!({"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":properties,
               "required":["arg_0","mode"],"additionalProperties":false})
    }
}

/// A Claude Messages request.
pub(crate) fn claude() -> Vec<u8> {
    let mut words = Words(7);
    let mut messages = vec![json!({"role":"user","content":[{"type":"text","text":words.text(40)}]})];
    for turn in 0..20 {
        let (id, text) = (format!("toolu_{turn:024}"), words.text(30));
        messages.push(json!({"role":"assistant","content":[{"type":"text","text":text},
            {"type":"tool_use","id":id,"name":"tool_3","input":{"arg_0":text[..40],"mode":"a"}}]}));
        let result = if turn == 19 { "done".to_owned() } else { words.code(40) };
        messages.push(json!({"role":"user","content":[{"type":"tool_result","tool_use_id":id,
            "content":[{"type":"text","text":result}]}]}));
    }
    let tools: Vec<Value> = (0..24)
        .map(|tool| json!({"name":format!("tool_{tool}"),"description":words.text(120),"input_schema":words.schema()}))
        .collect();
    let system = words.text(1800);
    json!({"model":"claude-sonnet-4-5","max_tokens":32000,"stream":true,
        "system":[{"type":"text","text":system,"cache_control":{"type":"ephemeral"}}],
        "tools":tools,"messages":messages,"metadata":{"user_id":"u1"}})
    .to_string()
    .into_bytes()
}

/// A Chat Completions request.
pub(crate) fn chat() -> Vec<u8> {
    let mut words = Words(7);
    let mut messages = vec![
        json!({"role":"system","content":words.text(1800)}),
        json!({"role":"user","content":words.text(40)}),
    ];
    for turn in 0..20 {
        let (id, text) = (format!("toolu_{turn:024}"), words.text(30));
        let arguments = json!({"arg_0":text[..40],"mode":"a"}).to_string();
        messages.push(json!({"role":"assistant","content":text,
            "tool_calls":[{"id":id,"type":"function","function":{"name":"tool_3","arguments":arguments}}]}));
        let result = if turn == 19 { "done".to_owned() } else { words.code(40) };
        messages.push(json!({"role":"tool","tool_call_id":id,"content":result}));
    }
    let tools: Vec<Value> = (0..24)
        .map(|tool| json!({"type":"function","function":{"name":format!("tool_{tool}"),"description":words.text(120),"parameters":words.schema()}}))
        .collect();
    json!({"model":"gpt-5","stream":true,"tools":tools,"messages":messages,"stream_options":{"include_usage":true}})
        .to_string()
        .into_bytes()
}

/// A Claude stream of 200 text deltas.
pub(crate) fn claude_stream() -> Vec<u8> {
    let mut out = Vec::new();
    let mut event = |value: Value| {
        let name = value["type"].as_str().unwrap().to_owned();
        out.extend_from_slice(format!("event: {name}\ndata: {value}\n\n").as_bytes());
    };
    let usage = json!({"input_tokens":100,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":0});
    event(json!({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",
        "model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":usage}}));
    event(json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}));
    for _ in 0..200 {
        event(
            json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a word or \"two\""}}),
        );
    }
    event(json!({"type":"content_block_stop","index":0}));
    event(
        json!({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":400}}),
    );
    event(json!({"type":"message_stop"}));
    out
}

/// A Chat Completions stream of 200 text deltas.
pub(crate) fn chat_stream() -> Vec<u8> {
    let mut out = Vec::new();
    let mut chunk = |choices: Value, usage: Value| {
        let value = json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-5",
            "choices":choices,"usage":usage});
        out.extend_from_slice(format!("data: {value}\n\n").as_bytes());
    };
    chunk(json!([{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]), Value::Null);
    for _ in 0..200 {
        chunk(
            json!([{"index":0,"delta":{"content":" a word or \"two\""},"finish_reason":null}]),
            Value::Null,
        );
    }
    chunk(json!([{"index":0,"delta":{},"finish_reason":"stop"}]), Value::Null);
    chunk(json!([]), json!({"prompt_tokens":100,"completion_tokens":400,"total_tokens":500}));
    out.extend_from_slice(b"data: [DONE]\n\n");
    out
}
