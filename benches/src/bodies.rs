//! Request bodies as coding agents send them: about 110 KB, 24 tools, 40 turns; and small ones of about 0.4 KB.
//! The same bytes every time.

use serde_json::{Map, Value, json};

use crate::format::Format;

const WORDS: &str = "the build fails because module config cannot find symbol in crate when feature async is enabled see \
                     trace below and fix it carefully without touching public api";

/// How much a request says.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Size {
    /// A question of forty words.
    Small,
    /// A turn of a coding agent deep in its work.
    Agent,
    /// As [`Size::Agent`], with tool results so long that the body has about this many bytes.
    Large(usize),
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// In which format.
    pub format: Format,
    /// Of which model.
    pub model: &'a str,
    /// Whether a stream is asked for.
    pub stream: bool,
}

impl Shape<'_> {
    /// The body.
    #[must_use]
    pub fn body(self, size: Size) -> Vec<u8> {
        match size {
            Size::Small => self.small(),
            Size::Agent => self.talk(40),
            // A line is about 48 bytes as JSON, and there are 19 long results.
            Size::Large(bytes) => self.talk(bytes / 48 / 19),
        }
    }

    fn small(self) -> Vec<u8> {
        let system = "You are terse.";
        let text = Words::new(7).text(40);
        let body = match self.format {
            Format::Chat => {
                json!({"messages":[{"role":"system","content":system},{"role":"user","content":text}]})
            }
            Format::Claude => {
                json!({"max_tokens":256,"system":system,"messages":[{"role":"user","content":text}]})
            }
            Format::Responses => json!({"instructions":system,"input":text}),
            Format::Gemini => json!({"systemInstruction":{"parts":[{"text":system}]},
                "contents":[{"role":"user","parts":[{"text":text}]}]}),
        };
        self.finish(body)
    }

    fn talk(self, lines: usize) -> Vec<u8> {
        let mut words = Words::new(7);
        let talk = Talk::new(&mut words, lines);
        let body = match self.format {
            Format::Chat => talk.chat(self.stream),
            Format::Claude => talk.claude(),
            Format::Responses => talk.responses(),
            Format::Gemini => talk.gemini(),
        };
        self.finish(body)
    }

    /// Names the model and the stream, in front, as the SDKs do.
    fn finish(self, body: Value) -> Vec<u8> {
        let mut whole = Map::new();
        if self.format != Format::Gemini {
            whole.insert("model".to_owned(), self.model.into());
            whole.insert("stream".to_owned(), self.stream.into());
        }
        if let Value::Object(members) = body {
            whole.extend(members);
        }
        Value::Object(whole).to_string().into_bytes()
    }
}

/// A generator of words: the same ones every time.
struct Words {
    state: u64,
    words: Vec<&'static str>,
}

impl Words {
    fn new(seed: u64) -> Self {
        Self { state: seed, words: WORDS.split_whitespace().collect() }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap_or(0) % limit.max(1)
    }

    fn word(&mut self) -> &'static str {
        let index = self.below(self.words.len());
        self.words.get(index).copied().unwrap_or_default()
    }

    fn text(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn code(&mut self, lines: usize) -> String {
        (0..lines)
            .map(|line| {
                let (name, number, remark) = (self.word(), self.below(9999), self.word());
                format!("{line:5}\tlet v{line} = compute(\"{name}\", {number})?; // {remark} \u{2713}\n")
            })
            .collect()
    }

    fn schema(&mut self) -> Value {
        let mut properties = Map::new();
        for index in 0..5 {
            let kinds = ["string", "integer", "boolean"];
            let kind = kinds.get(self.below(kinds.len())).copied().unwrap_or_default();
            properties.insert(format!("arg_{index}"), json!({"type":kind,"description":self.text(18)}));
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

struct Tool {
    name: String,
    description: String,
    schema: Value,
}

struct Turn {
    id: String,
    says: String,
    arguments: Value,
    result: String,
}

/// What an agent and its model said so far, in no format.
struct Talk {
    system: String,
    question: String,
    tools: Vec<Tool>,
    turns: Vec<Turn>,
}

impl Talk {
    fn new(words: &mut Words, lines: usize) -> Self {
        let tools = (0..24)
            .map(|tool| Tool {
                name: format!("tool_{tool}"),
                description: words.text(120),
                schema: words.schema(),
            })
            .collect();
        let system = words.text(1800);
        let question = words.text(40);
        let turns = (0..20)
            .map(|turn| {
                let says = words.text(30);
                let result = if turn == 19 { "done".to_owned() } else { words.code(lines) };
                let argument: String = says.chars().take(40).collect();
                Turn {
                    id: format!("toolu_{turn:024}"),
                    says,
                    arguments: json!({"arg_0":argument,"mode":"a"}),
                    result,
                }
            })
            .collect();
        Self { system, question, tools, turns }
    }

    fn chat(&self, stream: bool) -> Value {
        let mut messages = vec![
            json!({"role":"system","content":self.system}),
            json!({"role":"user","content":self.question}),
        ];
        for turn in &self.turns {
            messages.push(
                json!({"role":"assistant","content":turn.says,"tool_calls":[{"id":turn.id,"type":"function",
                "function":{"name":"tool_3","arguments":turn.arguments.to_string()}}]}),
            );
            messages.push(json!({"role":"tool","tool_call_id":turn.id,"content":turn.result}));
        }
        messages.push(json!({"role":"user","content":"Go on."}));
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|tool| {
                json!({"type":"function","function":{"name":tool.name,"description":tool.description,
                    "parameters":tool.schema}})
            })
            .collect();
        let mut body = json!({"tools":tools,"messages":messages});
        if stream && let Value::Object(members) = &mut body {
            members.insert("stream_options".to_owned(), json!({"include_usage":true}));
        }
        body
    }

    fn claude(&self) -> Value {
        let mut messages = vec![json!({"role":"user","content":[{"type":"text","text":self.question}]})];
        for turn in &self.turns {
            messages.push(json!({"role":"assistant","content":[{"type":"text","text":turn.says},
                {"type":"tool_use","id":turn.id,"name":"tool_3","input":turn.arguments}]}));
            let mut content = vec![json!({"type":"tool_result","tool_use_id":turn.id,
                "content":[{"type":"text","text":turn.result}]})];
            if turn.result == "done" {
                content.push(json!({"type":"text","text":"Go on."}));
            }
            messages.push(json!({"role":"user","content":content}));
        }
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|tool| json!({"name":tool.name,"description":tool.description,"input_schema":tool.schema}))
            .collect();
        json!({"max_tokens":32000,
            "system":[{"type":"text","text":self.system,"cache_control":{"type":"ephemeral"}}],
            "tools":tools,"messages":messages,"metadata":{"user_id":"u1"}})
    }

    fn responses(&self) -> Value {
        let says = |role: &str, kind: &str, text: &str| json!({"type":"message","role":role,"content":[{"type":kind,"text":text}]});
        let mut input = vec![says("user", "input_text", &self.question)];
        for turn in &self.turns {
            input.push(says("assistant", "output_text", &turn.says));
            input.push(json!({"type":"function_call","call_id":turn.id,"name":"tool_3",
                "arguments":turn.arguments.to_string()}));
            input.push(json!({"type":"function_call_output","call_id":turn.id,"output":turn.result}));
        }
        input.push(says("user", "input_text", "Go on."));
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|tool| {
                json!({"type":"function","name":tool.name,"description":tool.description,"parameters":tool.schema,
                    "strict":false})
            })
            .collect();
        json!({"instructions":self.system,"input":input,"tools":tools,"store":false,"parallel_tool_calls":true})
    }

    fn gemini(&self) -> Value {
        let mut contents = vec![json!({"role":"user","parts":[{"text":self.question}]})];
        for turn in &self.turns {
            contents.push(json!({"role":"model","parts":[{"text":turn.says},
                {"functionCall":{"name":"tool_3","args":turn.arguments}}]}));
            let mut parts =
                vec![json!({"functionResponse":{"name":"tool_3","response":{"output":turn.result}}})];
            if turn.result == "done" {
                parts.push(json!({"text":"Go on."}));
            }
            contents.push(json!({"role":"user","parts":parts}));
        }
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|tool| {
                json!({"name":tool.name,"description":tool.description,"parametersJsonSchema":tool.schema})
            })
            .collect();
        json!({"systemInstruction":{"parts":[{"text":self.system}]},"contents":contents,
            "tools":[{"functionDeclarations":tools}]})
    }
}
