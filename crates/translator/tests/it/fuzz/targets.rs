//! What strangers feed us: each target is a plain function of bytes. Nothing may panic, and what a target promises must
//! hold. The tests beside this drive them with a seeded runner; `fuzz/` at the root drives the same with libFuzzer.

use bytes::Bytes;
use cliproxy_core::{ClientError, ClientErrorKind, ClientFormat, FinishReason, ProviderFormat};
use cliproxy_translator::framing::{EventStreamParser, FrameParser, SseParser, write_frame};
use cliproxy_translator::json::{Text, Writer};
use cliproxy_translator::model::{Args, BlockKind, Delta, Event, PartKind, Response, ToolCall};
use cliproxy_translator::pass::{args, errors, media, reasoning, schema, signature};
use cliproxy_translator::payload::{Outgoing, Rule, Rules, Selector};
use cliproxy_translator::registry::Registry;
use cliproxy_translator::splice::{Document, Edits, Path, TopLevel};
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

/// A path in the first line, a value in the second, a body: rules leave JSON behind, what is set reads back, and members
/// that a plain path does not name stay byte for byte.
pub fn fuzz_payload(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(path), Some(json), Some(body)) = (lines.next(), lines.next(), lines.next()) else { return };
    let (Ok(path), Ok(json)) = (std::str::from_utf8(path), std::str::from_utf8(json)) else { return };
    let body = Bytes::copy_from_slice(body);
    let readable = serde_json::from_slice::<&RawValue>(&body).is_ok() && TopLevel::scan(&body).is_ok();
    let any = Selector::new("*");
    let number = any.clone().equal(path, 1.into());
    assert_eq!(number.is_ok(), Path::parse(path).is_ok());
    let rule = |selector: &Selector| Rule::new([selector.clone()]);
    let made = [
        rule(&any).default(path, json),
        rule(&any).set(path, json),
        rule(&any).remove(path),
        number.map_err(Into::into).and_then(|number| rule(&number).set(path, json)),
    ];
    for (made, format) in made.into_iter().flatten().zip([
        ProviderFormat::CODEX,
        ProviderFormat::GEMINI_CLI,
        ProviderFormat::CLAUDE,
        ProviderFormat::OPENAI,
    ]) {
        let mut rules = Rules::new();
        rules.push(made);
        let headers = http::HeaderMap::new();
        let outgoing = Outgoing {
            model: "m",
            requested: "m(high)",
            client: &ClientFormat::CLAUDE,
            format: &format,
            headers: &headers,
        };
        let applied = rules.apply(&outgoing, &body);
        if readable {
            is_json(&applied.body);
        }
    }
    let (Ok(path), Ok(value), true) = (Path::parse(path), serde_json::from_str::<&RawValue>(json), readable)
    else {
        return;
    };
    if path.is_place() {
        let mut document = Document::scan(&body).unwrap();
        if document.set(&path, value.get()).is_ok() {
            let set = document.finish(&body);
            is_json(&set);
            check_reach(&path, &body, &set);
            // A pattern or a query may select something else once it is set; of repeated objects one whose keys hold half a
            // surrogate pair stays closed.
            let plain =
                !path.as_str().contains(['#', '*', '?']) && memchr::memmem::find(&body, b"\\u").is_none();
            if plain && !path.appends() {
                let mut again = Document::scan(&set).unwrap();
                assert!(again.any(&path, |text| text == value.get().as_bytes()), "{}", path.as_str());
            }
        }
    }
    let mut document = Document::scan(&body).unwrap();
    document.remove(&path);
    let removed = document.finish(&body);
    is_json(&removed);
    check_reach(&path, &body, &removed);
}

/// Of a path of names and dots only the member that it begins with may differ.
fn check_reach(path: &Path, before: &[u8], after: &[u8]) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let Some(first) = path.as_str().split('.').next().filter(|_| path.as_str().chars().all(plain)) else {
        return;
    };
    let (before, after) = (TopLevel::scan(before).unwrap(), TopLevel::scan(after).unwrap());
    for (key, value) in before.members().filter(|(key, _)| *key != first) {
        assert!(after.members().any(|(name, same)| name == key && same == value), "{key}");
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
    let places = [vec![member("reason")], vec![member("o"), Step::Items, member("_")]];
    let places = places.into_iter().collect();
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
            is_json(&patched.body);
        }
        if let Ok((patched, ..)) = codec.patch_reply(&body, &context)
            && json
        {
            is_json(&patched);
        }
        let request = codec.decode_request(data).ok();
        let reply = codec.decode_reply(data, &context).ok();
        reply.iter().for_each(|reply| check_whole_calls(codec.name(), reply));
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
                crate::chunks::check_frames(std::str::from_utf8(&out).unwrap());
            }
        }
        check_calls(codec.as_ref(), &context, &stream);
        let mut observer = codec.stream_observer(&context);
        let mut parser = FrameParser::new(codec.framing());
        parser.push(&stream, &mut |frame| drop(observer.observe(frame))).unwrap();
        let _seen = observer.seen();
    }
}

/// The seeds are server-sent events: for other framings each becomes a frame of its own, checksums right, so that what
/// is bent reaches the decoder.
pub fn reframed(framing: Framing, data: &[u8]) -> Vec<u8> {
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

/// Clients parse the arguments of calls, and run them: in a stream that ends well they are JSON.
fn check_calls(codec: &dyn Codec, context: &ReplyContext, data: &[u8]) {
    let mut decoder = codec.stream_decoder(context);
    let mut parser = FrameParser::new(codec.framing());
    let mut calls: Vec<(u32, Text<'static>)> = Vec::new();
    let (mut failed, mut stopped) = (false, false);
    let mut sink = |event: Event<'_>| match event {
        Event::BlockStart { block, kind: BlockKind::ToolCall { custom: false, .. }, .. } => {
            calls.push((block, Text::default()));
        }
        Event::Delta { block, delta: Delta::Args(text) } => {
            if let Some((_, args)) = calls.iter_mut().find(|(of, _)| *of == block) {
                text.push_onto(args);
            }
        }
        Event::Finish { finish, .. } => stopped |= may_be_cut(finish.reason),
        Event::Error(_) => stopped = true,
        _ => {}
    };
    let mut read = |frame: StreamFrame<'_>| failed = failed || decoder.decode(frame, &mut sink).is_err();
    parser.push(data, &mut read).unwrap();
    parser.finish(&mut read).unwrap();
    if failed || decoder.finish(&mut sink).is_err() || stopped {
        return;
    }
    for (_, args) in &calls {
        let args = args.decoded();
        let is_json = args.trim().is_empty() || serde_json::from_str::<&RawValue>(&args).is_ok();
        assert!(is_json, "{}: the arguments of a call in a stream that ends well: {args}", codec.name());
    }
}

/// The same of a whole reply.
fn check_whole_calls(codec: &str, reply: &Response<'_>) {
    for candidate in &reply.candidates {
        if candidate.finish.as_ref().is_some_and(|finish| may_be_cut(finish.reason)) {
            continue;
        }
        for part in &candidate.parts {
            if let PartKind::ToolCall(ToolCall { args: Args::Encoded(args), .. }) = &part.kind {
                let args = args.decoded();
                let is_json = args.trim().is_empty() || serde_json::from_str::<&RawValue>(&args).is_ok();
                assert!(is_json, "{codec}: the arguments of a call in a whole reply: {args}");
            }
        }
    }
}

fn may_be_cut(reason: FinishReason) -> bool {
    use FinishReason::{BadToolCall, ContextWindow, Length, Refusal, Safety};
    matches!(reason, Length | ContextWindow | Safety | Refusal | BadToolCall)
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
