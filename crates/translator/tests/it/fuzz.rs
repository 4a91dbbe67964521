//! What strangers feed us, bent by a seeded runner. Each target is a plain function of bytes: nothing may panic,
//! and what a target promises must hold. `cargo fuzz` can drive the same functions for hours.

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind};
use cliproxy_translator::framing::{EventStreamParser, FrameParser, SseParser, write_frame};
use cliproxy_translator::json::{Text, Writer};
use cliproxy_translator::pass::{args, errors, media, reasoning, schema, signature};
use cliproxy_translator::registry::Registry;
use cliproxy_translator::splice::{Edits, TopLevel};
use cliproxy_translator::{
    Codec, FrameKind, Framing, Invented, Patch, Profile, ReplyContext, Step, StreamFrame,
};
use serde_json::value::RawValue;

/// Frames do not depend on how the bytes are cut.
pub fn fuzz_framing(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let frames = |size: usize| {
        let mut seen = Vec::new();
        let mut parser = SseParser::with_limit(1 << 16);
        for chunk in stream.chunks(size) {
            parser
                .push(chunk, &mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec())))
                .unwrap();
        }
        parser.finish(&mut |frame| seen.push((frame.event.to_owned(), frame.data.to_vec()))).unwrap();
        seen
    };
    assert_eq!(frames(usize::from(step) + 1), frames(1 << 16));
}

/// Event-stream frames do not depend on how the bytes are cut, nor does what is wrong with them.
pub fn fuzz_event_stream(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let frames = |size: usize| {
        let mut seen = Vec::new();
        let mut parser = EventStreamParser::with_limit(1 << 16);
        let mut result = Ok(());
        for chunk in stream.chunks(size) {
            result = result.and_then(|()| {
                parser.push(chunk, &mut |frame| {
                    seen.push((frame.kind, frame.event.to_owned(), frame.data.to_vec()));
                })
            });
        }
        (seen, result.and_then(|()| parser.finish()))
    };
    assert_eq!(frames(usize::from(step) + 1), frames(1 << 16));
}

/// What is edited reads back; what is not named is not touched.
pub fn fuzz_splice(data: &[u8]) {
    let Ok(top) = TopLevel::scan(data) else { return };
    let body = Bytes::copy_from_slice(data);
    let edited = Edits::new().set("model", "[1]").remove("stream").apply(&body).unwrap();
    let after = TopLevel::scan(&edited).unwrap();
    assert_eq!(after.value("model"), Some(&b"[1]"[..]));
    assert!(!after.has("stream"));
    for (key, _) in top.members() {
        assert_eq!(key == "stream", !after.has(key));
        if key != "model" && key != "stream" {
            assert_eq!(after.value(key), top.value(key));
        }
    }
}

/// Text says what serde_json says, and is written so that it reads back.
pub fn fuzz_text(data: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<&RawValue>(data) else { return };
    let Some(text) = Text::from_raw(raw) else { return };
    if let Ok(expected) = serde_json::from_str::<String>(raw.get()) {
        assert_eq!(text.decoded(), expected);
    }
    for text in [Text::plain(text.decoded().into_owned()), text] {
        let mut writer = Writer::default();
        writer.text(&text);
        let written = writer.into_bytes();
        let back: &RawValue = serde_json::from_slice(&written).unwrap();
        assert_eq!(Text::from_raw(back).unwrap(), text);
    }
}

/// The passes that look inside foreign text.
pub fn fuzz_passes(data: &[u8]) {
    let _error = errors::probe_error(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _issuer = signature::classify(text);
    let _url = media::DataUrl::parse(text);
    let _mime = media::sniff(text);
    let _control = reasoning::parse_suffix(text);
    let _input = args::unwrap_custom_input(text);
    if let Some(repaired) = args::single_quotes_repaired(text) {
        assert!(args::is_object(&repaired));
    }
    if serde_json::from_str::<&RawValue>(text).is_ok() {
        for schema in [schema::claude_input_schema(text), schema::openai_parameters(text)] {
            assert!(serde_json::from_str::<&RawValue>(&schema).is_ok(), "{schema}");
        }
        let root = schema::claude_input_schema(text);
        assert_eq!(TopLevel::scan(root.as_bytes()).unwrap().value("type"), Some(&b"\"object\""[..]));
    }
}

fn is_json(bytes: &[u8]) {
    assert!(
        serde_json::from_slice::<&RawValue>(bytes).is_ok(),
        "not JSON: {}",
        String::from_utf8_lossy(bytes)
    );
}

/// A context that everything happens in: searches are told, arguments are taken out.
fn fuzz_context() -> ReplyContext {
    let mut context = ReplyContext::new("m", "seed");
    context.searches_web = true;
    let member = |name: &str| Step::Member(name.to_owned());
    let places = vec![vec![member("reason")], vec![member("o"), Step::Items, member("_")]];
    context.invented.push(Invented { tool: "f".to_owned(), places });
    context
}

/// Whatever a codec reads as a request or reply, every codec can say or refuse, and in valid JSON.
pub fn fuzz_bodies(registry: &Registry, data: &[u8]) {
    let context = fuzz_context();
    let profile = Profile::new("m", false);
    let body = Bytes::copy_from_slice(data);
    for codec in registry.codecs() {
        let _peek = codec.peek(data);
        let _count = codec.decode_count(data);
        let _error = codec.decode_error(data);
        let _own = codec.is_own_error(data);
        let mut patch = Patch::default();
        patch.model = Some("m".to_owned());
        patch.stream = Some(true);
        patch.include_usage = true;
        patch.reasoning = reasoning::parse_suffix("high");
        let json = serde_json::from_slice::<&RawValue>(data).is_ok();
        if let Ok(patched) = codec.patch_request(&body, &patch)
            && json
        {
            is_json(&patched);
        }
        if let Ok((patched, ..)) = codec.patch_reply(&body, &context)
            && json
        {
            is_json(&patched);
        }
        let request = codec.decode_request(data).ok();
        let reply = codec.decode_reply(data, &context).ok();
        for target in registry.codecs() {
            if let Some(Ok(encoded)) =
                request.as_ref().map(|request| target.encode_request(request, &profile))
            {
                is_json(&encoded.body);
            }
            if let Some(reply) = &reply {
                let body = target.encode_reply(reply, &context);
                match target.framing() {
                    Framing::EventStream => {
                        let mut parser = EventStreamParser::new();
                        parser.push(&body, &mut |frame| is_json(frame.data)).unwrap();
                        parser.finish().unwrap();
                    }
                    _ => is_json(&body),
                }
            }
        }
    }
}

/// Whatever a stream says, its decoder ends in events or an error, every encoder says them in whole frames of
/// JSON, and the observer does not mind.
pub fn fuzz_streams(registry: &Registry, data: &[u8]) {
    let context = fuzz_context();
    for codec in registry.codecs() {
        let stream = reframed(codec.framing(), data);
        for target in registry.codecs() {
            let out = decoded(codec.as_ref(), target.as_ref(), &context, &stream);
            let mut parser = FrameParser::new(target.framing());
            parser
                .push(&out, &mut |frame| {
                    if frame.data != b"[DONE]" {
                        is_json(frame.data);
                    }
                })
                .unwrap();
            let mut rest = 0;
            parser.finish(&mut |_| rest += 1).unwrap();
            assert_eq!(rest, 0, "a frame is not whole");
            // A lone surrogate is passed on as it came; serde_json makes no value of it.
            let readable = memchr::memmem::find(&out, b"\\ud8").is_none();
            if target.name() == "openai" && !out.is_empty() && readable {
                crate::chat::check_frames(std::str::from_utf8(&out).unwrap());
            }
        }
        let mut observer = codec.stream_observer(&context);
        let mut parser = FrameParser::new(codec.framing());
        parser.push(&stream, &mut |frame| drop(observer.observe(frame))).unwrap();
        let _seen = observer.seen();
    }
}

/// The seeds are server-sent events: for other framings each becomes a frame of its own, checksums right, so that what
/// is bent reaches the decoder.
fn reframed(framing: Framing, data: &[u8]) -> Vec<u8> {
    if framing == Framing::Sse {
        return data.to_vec();
    }
    let mut out = Vec::new();
    let mut parser = SseParser::new();
    let mut write = |frame: StreamFrame<'_>| {
        let kind = match frame.event.strip_prefix("exception ") {
            Some(_) => FrameKind::Exception,
            None => FrameKind::Event,
        };
        write_frame(&mut out, framing, StreamFrame { kind, ..frame });
    };
    parser.push(data, &mut write).unwrap();
    parser.finish(&mut write).unwrap();
    out
}

fn decoded(codec: &dyn Codec, target: &dyn Codec, context: &ReplyContext, data: &[u8]) -> Vec<u8> {
    let mut decoder = codec.stream_decoder(context);
    let mut encoder = target.stream_encoder(context);
    let mut parser = FrameParser::new(codec.framing());
    let (mut out, mut failed) = (Vec::new(), false);
    let mut read = |frame: StreamFrame<'_>| {
        failed = failed || decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).is_err();
    };
    parser.push(data, &mut read).unwrap();
    parser.finish(&mut read).unwrap();
    if failed || decoder.finish(&mut |event| encoder.encode(event, &mut out)).is_err() {
        encoder.fail(&ClientError::new(ClientErrorKind::BadGateway, "broken"), &mut out);
    }
    out
}

/// A generator that gives the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % below.max(1)
    }
}

/// What is put in: the tokens that parsers decide by.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "\\u0041",
    "\\ud800",
    "é",
    "\n",
    "\r",
    "\n\n",
    "data: ",
    "event: ",
    "[DONE]",
    "\"content\":",
    "\"role\":\"user\"",
    "\"tool_calls\":",
    "\"type\":",
    "\"index\":7",
    "\"text\"",
    "{}",
    "[]",
    "\"\"",
    "\"finish_reason\":\"stop\"",
    "\"delta\":",
    "\"input\":{",
    "\"output_index\":1",
    "\"encrypted_content\":\"cliproxy:",
    "18446744073709551616",
    "data:image/png;base64,AA==",
    "\"id\":null",
    "\u{0}",
    "'",
];

fn bend(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let (at, other) = (random.below(data.len() + 1), random.below(data.len() + 1));
        let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 40));
        match random.below(5) {
            0 => drop(data.drain(from..to)),
            1 => {
                let piece = data[from..to].to_vec();
                drop(data.splice(at..at, piece));
            }
            2 if at < data.len() => data[at] = u8::try_from(random.below(256)).unwrap(),
            3 => data.truncate(at.max(data.len() / 2)),
            _ => drop(data.splice(at..at, TOKENS[random.below(TOKENS.len())].bytes())),
        }
    }
    data
}

fn run(rounds: usize, seeds: &[&[u8]], target: impl Fn(&[u8])) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    seeds.iter().for_each(|seed| target(seed));
    for round in 0..rounds {
        let data = bend(seeds[round % seeds.len()], &mut random);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&data)));
        assert!(result.is_ok(), "round {round} fails with {:?}", String::from_utf8_lossy(&data));
    }
}

const STREAMS: &[&[u8]] = &[
    b"\x07event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    b"\x03event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQB\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n",
    b"\x00data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\nb\"}}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":1,\"id\":\"u\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]}}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\r\n\r\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\r\n\r\ndata: [DONE]\r\n\r\n",
    b"\x09data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"S\"}],\"images\":[{\"image_url\":{\"url\":\"data:image/png;base64,AA==\"}}],\"audio\":{\"id\":\"a\"}}}]}\n\ndata: {\"choices\":[{\"index\":1,\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"refusal\":\"no\",\"annotations\":[{\"url\":\"u\"}]},\"logprobs\":{\"content\":[{\"token\":\"x\",\"logprob\":-1}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"},\"tool_calls\":[{\"id\":\"t\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"i\"},\"extra_content\":{\"google\":{\"thought_signature\":\"S\"}}}]},\"usage\":{\"prompt_tokens\":1}}]}\n\ndata: {\"choices\":[{\"index\":1,\"text\":\"t\",\"finish_reason\":\"stop\"},{\"index\":0,\"message\":{\"content\":\"m\",\"tool_calls\":[{\"id\":\"t\",\"function\":{\"name\":\"f\"}}]},\"finish_reason\":\"function_call\"}]}\n\n",
    b"\x01data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n",
    b"\x05data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"\",\"thoughtSignature\":\"EgoKCPr7/P3+/wEC\"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\"}\n\ndata: {\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\"}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}}\n\ndata: [{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\"}}]\n\n",
    b"\x05event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"output\":[]}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"encrypted_content\":\"gAAAA\"}}\n\ndata: {\"type\":\"response.reasoning_summary_part.added\",\"item_id\":\"rs\",\"output_index\":0,\"summary_index\":0}\n\ndata: {\"type\":\"response.reasoning_summary_text.delta\",\"item_id\":\"rs\",\"output_index\":0,\"summary_index\":0,\"delta\":\"hm\"}\n\ndata: {\"type\":\"response.reasoning_text.delta\",\"output_index\":0,\"delta\":\"raw\"}\n\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":\"cliproxy:gemini.prev:x\"}}\n\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"output_index\":1,\"content_index\":0,\"delta\":\"a\",\"logprobs\":[{\"token\":\"a\",\"logprob\":-1}]}\n\ndata: {\"type\":\"response.output_text.annotation.added\",\"item_id\":\"m\",\"output_index\":1,\"annotation\":{\"type\":\"url_citation\",\"url\":\"u\"}}\n\ndata: {\"type\":\"response.refusal.delta\",\"item_id\":\"m\",\"output_index\":1,\"content_index\":1,\"delta\":\"no\"}\n\n",
    b"\x02data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"c\",\"arguments\":\"\"}}\n\ndata: {\"type\":\"response.function_call_arguments.delta\",\"item_id\":\"fc\",\"delta\":\"{\\\"a\\\"\"}\n\ndata: {\"type\":\"response.custom_tool_call_input.done\",\"item_id\":\"ctc\",\"output_index\":1,\"input\":\"ls\"}\n\ndata: {\"type\":\"response.image_generation_call.partial_image\",\"item_id\":\"ig\",\"partial_image_b64\":\"AA==\"}\n\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"web_search_call\",\"id\":\"ws\",\"action\":{\"query\":\"q\",\"sources\":[{\"url\":\"u\"}]}}}\n\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"mcp_call\",\n\"id\":\"x\"}}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\"}]}],\"usage\":{\"input_tokens\":1}}}\n\n",
    b"\x00data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"c\",\"message\":\"m\"}}}\n\n",
    b"\x04event: assistantResponseEvent\ndata: {\"content\":\"a<think\"}\n\nevent: assistantResponseEvent\ndata: {\"assistantResponseEvent\":{\"content\":\"ing>b</thinking>\\u003cc\",\"toolUses\":[{\"toolUseId\":\"w\",\"name\":\"f\",\"input\":{\"a\":1}}]}}\n\nevent: toolUseEvent\ndata: {\"toolUseId\":\"t\",\"name\":\"f\",\"input\":\"{\\\"a\\\":\"}\n\nevent: toolUseEvent\ndata: {\"toolUseId\":\"u\",\"name\":\"g\",\"input\":{},\"stop\":true}\n\nevent: toolUseEvent\ndata: {\"toolUseId\":\"t\",\"input\":\"1}\",\"stop\":true}\n\nevent: metadataEvent\ndata: {\"tokenUsage\":{\"uncachedInputTokens\":3,\"cacheReadInputTokens\":2,\"outputTokens\":4,\"totalTokens\":9},\"stopReason\":\"TOOL_USE\"}\n\n",
    b"\x02event: reasoningContentEvent\ndata: {\"text\":\"hm\"}\n\nevent: reasoningContentEvent\ndata: {\"signature\":\"EqQB\",\"redactedContent\":\"AA==\"}\n\nevent: assistantResponseEvent\ndata: {\"content\":\"<thinking>x\"}\n\nevent: contextUsageEvent\ndata: {\"contextUsagePercentage\":1.5}\n\nevent: meteringEvent\ndata: {\"unit\":\"credit\",\"usage\":0.2}\n\nevent: messageStopEvent\ndata: {\"stopReason\":\"MAX_TOKENS\"}\n\nevent: exception ThrottlingException\ndata: {\"message\":\"m\",\"reason\":\"INSUFFICIENT_MODEL_CAPACITY\"}\n\n",
    b"\xff: note\n\nid: 1\nretry: 5\ndata: a\ndata: b\n\n\xef\xbb\xbfdata: c\n",
];

const BODIES: &[&[u8]] = &[
    br#"{"model":"m","max_tokens":10,"stream":true,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi\n"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"EqQB"},{"type":"text","text":"a"},{"type":"tool_use","id":"t.1","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t.1","content":[{"type":"text","text":"r"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}],"is_error":true},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"d"}]}}]}],"tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"f"},"thinking":{"type":"enabled","budget_tokens":2048},"metadata":{"user_id":"u"},"stop_sequences":["x"]}"#,
    br#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","name":"n","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}},{"type":"file","file":{"filename":"a.pdf","file_data":"AA=="}},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]},{"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{'a':1}"}},{"id":"d","type":"custom","custom":{"name":"g","input":"x"}}]},{"role":"tool","tool_call_id":"c","content":"ok"},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"ok"}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"anyOf":[{"type":"object"}]}}},{"type":"custom","custom":{"name":"g"}}],"tool_choice":"auto","reasoning_effort":"high","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"stop":"x","n":2,"temperature":0.5,"user":"u","stream_options":{"include_usage":true}}"#,
    br#"{"id":"msg","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"a","citations":[{"type":"char_location"}]},{"type":"tool_use","id":"t","name":"f","input":{}},{"type":"redacted_thinking","data":"x"}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3}}"#,
    br#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a","refusal":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":{"content":[]},"finish_reason":"stop"},{"index":1,"message":{"content":"b"}}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":1}}}"#,
    br#"{"model":"m","prompt":["a","b"],"echo":true,"max_tokens":5,"logprobs":1}"#,
    br#"{"model":"m","prompt":"a","suffix":"s","best_of":2,"n":2,"stream":true}"#,
    br#"{"model":"m","messages":[{"role":"developer","content":"d","cache_control":{"type":"ephemeral"}},{"role":"user","content":[{"type":"video_url","video_url":{"url":"https://h/v.mp4"}},{"type":"hologram","x":1}]},{"role":"assistant","content":"a","refusal":"r","function_call":{"name":"f","arguments":"{}"},"audio":{"id":"a"},"reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]},{"role":"function","name":"f","content":"r"},{"role":"assistant","tool_calls":[{"id":"","function":{"name":"f","arguments":{"a":1}},"extra_content":{"google":{"thought_signature":"S"}}}]},{"role":"tool","content":[{"type":"image_url","image_url":"https://h/a.png"}]}],"functions":[{"name":"f"}],"function_call":{"name":"f"},"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}},"reasoning":{"effort":"low","exclude":true},"thinking":{"type":"enabled","budget_tokens":9},"extra_body":{"google":{"thinking_config":{"thinking_budget":9}}},"logit_bias":{"1":1},"metadata":{"user_id":"u"},"service_tier":"flex"}"#,
    br#"{"id":"c","choices":[{"message":{"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"x"}],"annotations":[{"url":"u","title":"t"}],"images":[{"image_url":{"url":"data:image/png;base64,AA=="}}],"audio":{"id":"a"},"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call","usage":{"prompt_tokens":1}},{"index":1,"text":"t","logprobs":{"content":[{"token":"t","logprob":-1,"top_logprobs":[{"token":"u","logprob":-2}]}]},"finish_reason":"length"}],"system_fingerprint":"fp"}"#,
    br#"{"model":"m","stream":true,"instructions":"i","input":[{"role":"system","content":"s"},{"type":"message","role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{}},{"type":"input_image","image_url":"data:image/png;base64,AA==","detail":"original"},{"type":"input_file","filename":"a.pdf","file_data":"AA=="},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]},{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"cliproxy:claude:x"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]},{"type":"refusal","refusal":"r"}]},{"type":"function_call","call_id":"c","name":"run","namespace":"term","arguments":"{'a':1}"},{"type":"custom_tool_call","call_id":"d","name":"exec","input":"x"},{"type":"function_call_output","call_id":"c","output":"[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA==\"}]"},{"type":"custom_tool_call_output","call_id":"d","output":[{"type":"input_text","text":"ok"}]},{"type":"local_shell_call","id":"l"},{"type":"additional_tools","tools":[{"type":"function","name":"late"}]}],"tools":[{"type":"namespace","name":"term","description":"d","tools":[{"type":"function","name":"run","parameters":{}},{"type":"custom","name":"exec"}]},{"type":"web_search_preview"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"run"}]},"reasoning":{"effort":"high","summary":null},"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"metadata":{"user_id":"u"},"conversation":{"id":"c"},"max_output_tokens":9,"service_tier":"priority"}"#,
    br#"{"model":"m","input":"hi","previous_response_id":"r","store":true,"include":["message.output_text.logprobs"],"stream_options":{"reasoning_summary_delivery":"x"}}"#,
    br#"{"id":"resp","object":"response","created_at":1.5,"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"m","output":[{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"cliproxy:redacted:eA=="},{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation","url":"u"}]},{"type":"refusal","refusal":"no"}]},{"type":"function_call","call_id":"c","name":"f","arguments":""},{"type":"custom_tool_call","call_id":"d","name":"g","input":"x"},{"type":"image_generation_call","id":"ig","result":"AA=="},{"type":"web_search_call","id":"ws","action":{"queries":["q"]}},{"type":"compaction","encrypted_content":"x"}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#,
    br#"{"error":{"message":"m","type":"t","code":"c","param":null}}"#,
    br#"{"type":"error","error":{"type":"api_error","message":"m"},"request_id":"r"}"#,
    br#"{"contents":[{"role":"user","parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA=="}},{"file_data":{"file_uri":"gs://b/a.pdf"}}]},{"parts":[{"text":"t","thought":true,"thoughtSignature":"EgoKCPr7/P3+/wEC"},{"functionCall":{"id":"c","name":"f","args":{"a":1}},"thoughtSignature":"Y2xpcHJveHk6Y2xhdWRlOkVvWA=="},{"function_call":{"name":"g"}}]},{"role":"function","parts":[{"functionResponse":{"name":"","response":{"output":"ok"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}},{"functionResponse":{"name":"g","response":{"x":[1]}}}]}],"systemInstruction":{"parts":[{"text":"s"}]},"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}},"required":["b"]}}]},{"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},"generationConfig":{"maxOutputTokens":5,"thinkingConfig":{"thinkingBudget":-1,"includeThoughts":true},"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"},"stopSequences":["x"]},"session_id":"s"}"#,
    br#"{"model":"m","project":"p","request":{"contents":[{"role":"user","parts":[{"text":"a"}]}]}}"#,
    br#"{"model":"claude-m","userAgent":"antigravity","requestType":"agent","toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},"request":{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"t","thought":true,"thoughtSignature":"EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu"},{"functionCall":{"id":"c.1","name":"f","args":{"reason":"r","o":{"_":true}}}}]},{"role":"user","parts":[{"functionResponse":{"id":"c.1","name":"","response":{"output":"ok"}}},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","properties":{"o":{"type":"object","properties":{"x":{"type":"string"}}}}}},{"name":"g"}]}],"sessionId":"-1"}}"#,
    br#"{"response":{"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"id":"c","name":"f","args":{"reason":"r","o":[{"_":true}]}}}]},"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["q"],"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"startIndex":0,"endIndex":1,"text":"a"},"groundingChunkIndices":[0]}]}}],"cpaUsageMetadata":{"promptTokenCount":1}},"traceId":"t"}"#,
    br#"{"candidates":[{"content":{"parts":[{"text":"t","thought":true},{"text":"a"},{"functionCall":{"name":"f","args":{}}},{"executableCode":{"code":"1"}}],"role":"model"},"finishReason":"STOP","index":0,"groundingMetadata":{"webSearchQueries":["q"]}}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":3,"totalTokenCount":18},"promptFeedback":{"blockReason":"SAFETY"},"modelVersion":"m","responseId":"r","createTime":"2026-11-27T15:04:05.1Z"}"#,
    br#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[]}}"#,
    br#"{"__type":"com.amazon.aws.codewhisperer#ThrottlingException","message":"m","reason":"MONTHLY_REQUEST_COUNT"}"#,
    br#"{"response":{"totalTokens":7}}"#,
    br#"{"input_tokens":7}"#,
];

#[test]
fn framing_takes_anything() {
    run(6000, STREAMS, fuzz_framing);
}

/// A step and frames with both checksums right: an empty one, an event, an exception whose headers have all types.
const FRAMES: &[&[u8]] = &[
    b"\x03\0\0\0\x10\0\0\0\0\x05\xc2H\xeb}\x98\xc8\xff\0\0\0\x10\0\0\0\0\x05\xc2H\xeb}\x98\xc8\xff",
    b"\x00\0\0\0\x10\0\0\0\0\x05\xc2H\xeb}\x98\xc8\xff\0\0\0",
];

#[test]
fn event_stream_framing_takes_anything() {
    let mut mixed = vec![5];
    for (name, payload) in [("assistantResponseEvent", r#"{"content":"hi"}"#), ("meteringEvent", "{}")] {
        mixed.extend(crate::event_stream::event(name, payload));
    }
    let headers: [(&str, u8, &[u8]); 4] = [
        ("t", 0, b""),
        ("n", 5, b"12345678"),
        (":message-type", 7, b"exception"),
        ("u", 9, b"0123456789abcdef"),
    ];
    mixed.extend(crate::event_stream::frame(&headers, b"{}"));
    let seeds: Vec<&[u8]> = FRAMES.iter().copied().chain([mixed.as_slice()]).collect();
    run(6000, &seeds, fuzz_event_stream);
}

#[test]
fn splicing_takes_anything() {
    run(6000, BODIES, fuzz_splice);
}

#[test]
fn text_takes_anything() {
    run(
        6000,
        &[br#""plain""#, br#""a\n\"\\\/\u00e9\ud83d\ude00\ud800x""#, "\"é✓\\t\"".as_bytes()],
        fuzz_text,
    );
}

#[test]
fn passes_take_anything() {
    let seeds: &[&[u8]] = &[
        br#"{"type":"object","properties":{"a":{"type":"object"},"b":{"items":[{"type":"object"}]}},"anyOf":[{"properties":{"c":{}},"required":["c"]}]}"#,
        br#"{'a': "b", 'c': [1, 'd']}"#,
        br#"{"input":"x\n"}"#,
        br#"{"error":{"message":"m","type":"t"},"detail":[{"msg":"x"}]}"#,
        b"data:image/png;name=x;base64,iVBORw0KGgoAAAANSUhEUg==",
        b"EqQBCkYIARgCKkAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw",
        b"gAAAAABm",
        b"8192",
    ];
    run(12_000, seeds, fuzz_passes);
}

#[test]
fn bodies_of_every_codec_take_anything() {
    let registry = Registry::with_builtin();
    run(4000, BODIES, |data| fuzz_bodies(&registry, data));
}

#[test]
fn streams_of_every_codec_take_anything() {
    let registry = Registry::with_builtin();
    run(3000, STREAMS, |data| fuzz_streams(&registry, data.get(1..).unwrap_or_default()));
}

#[test]
fn a_megabyte_of_brackets_is_an_error_and_no_overflow() {
    let registry = Registry::with_builtin();
    let deep = |open: &str, close: &str, around: (&str, &str)| {
        let count = (1 << 20) / open.len();
        [
            format!("{}{}", around.0, open.repeat(count)),
            format!("{}{}{}{}", around.0, open.repeat(count), close.repeat(count), around.1),
        ]
    };
    let shapes = [
        deep("[", "]", ("", "")),
        deep("{\"a\":", "}", ("", "1")),
        deep("[", "]", (r#"{"model":"m","max_tokens":1,"messages":"#, "}")),
        deep("[", "]", (r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"#, "}]}")),
        deep(
            r#"[{"type":"tool_result","tool_use_id":"t","content":"#,
            "}]",
            (r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"#, "}]}"),
        ),
        deep(
            r#"[{"type":"document","source":{"type":"content","content":"#,
            "}}]",
            (r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"#, "}]}"),
        ),
    ];
    for body in shapes.iter().flatten() {
        let bytes = body.as_bytes();
        assert!(TopLevel::scan(bytes).is_err(), "{}", &body[..80]);
        for codec in registry.codecs() {
            assert!(codec.peek(bytes).is_err(), "{} {}", codec.name(), &body[..80]);
            // Whether it is read or refused: nothing overflows.
            let _request = codec.decode_request(bytes).map(drop);
            let _reply = codec.decode_reply(bytes, &ReplyContext::default()).map(drop);
            let _error = codec.decode_error(bytes);
        }
        fuzz_text(bytes);
        fuzz_passes(bytes);
    }
}
