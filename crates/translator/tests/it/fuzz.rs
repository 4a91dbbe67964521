//! What strangers feed us, bent by a seeded runner: the targets of `fuzz/`, some thousand rounds of each in every test
//! run. The seeds are those of `fuzz/seeds`.

use cliproxy_testkit::fuzz::{self, seeds};
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::registry::Registry;
use cliproxy_translator::splice::TopLevel;
use cliproxy_translator::{ReplyContext, StreamFrame};

mod targets;

use targets::{
    fuzz_bodies, fuzz_event_stream, fuzz_framing, fuzz_passes, fuzz_payload, fuzz_splice, fuzz_streams,
    fuzz_text, reframed,
};

/// What the codecs decide by, beside the tokens of JSON.
const TOKENS: &[&str] = &[
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
    "\"finish_reason\":\"stop\"",
    "\"delta\":",
    "\"input\":{",
    "\"output_index\":1",
    "\"encrypted_content\":\"cliproxy:",
    "data:image/png;base64,AA==",
    "\"id\":null",
];

fn run(rounds: usize, seeds: &[Vec<u8>], target: impl Fn(&[u8])) {
    let tokens = [fuzz::JSON, TOKENS].concat();
    fuzz::run(rounds, seeds, &tokens, target);
}

#[test]
fn framing_takes_anything() {
    let steps = [7, 3, 0, 9, 1, 5, 2, 255];
    let seeds = seeds("streams").into_iter().zip(steps.into_iter().cycle());
    let seeds: Vec<Vec<u8>> = seeds.map(|(seed, step)| [&[step], seed.as_slice()].concat()).collect();
    run(6000, &seeds, fuzz_framing);
}

#[test]
fn event_stream_framing_takes_anything() {
    run(6000, &seeds("event_stream"), fuzz_event_stream);
}

#[test]
fn splicing_takes_anything() {
    run(6000, &seeds("bodies"), fuzz_splice);
}

#[test]
fn payload_rules_take_any_path_value_and_body() {
    let tokens =
        [".", "*", "?", "#", "-1", "|", "@", "#(a==1)", "#(a%\"x*\")#", "\\.", ":0", "request.", "\n"];
    fuzz::run(12_000, &seeds("payload"), &[fuzz::JSON, &tokens].concat(), fuzz_payload);
}

#[test]
fn text_takes_anything() {
    run(6000, &seeds("text"), fuzz_text);
}

#[test]
fn passes_take_anything() {
    run(12_000, &seeds("passes"), fuzz_passes);
}

#[test]
fn bodies_of_every_codec_take_anything() {
    let registry = Registry::with_builtin();
    run(1200, &seeds("bodies"), |data| fuzz_bodies(&registry, data));
}

#[test]
fn streams_of_every_codec_take_anything() {
    let registry = Registry::with_builtin();
    run(1200, &seeds("streams"), |data| fuzz_streams(&registry, data));
}

/// Bending garbage finds nothing: each codec has a stream that it reads to its end, and a body that it reads.
#[test]
fn every_codec_has_seeds_that_it_understands() {
    let registry = Registry::with_builtin();
    let (streams, bodies) = (seeds("streams"), seeds("bodies"));
    let context = ReplyContext::new("m", "seed");
    for codec in registry.codecs() {
        let understands = |seed: &Vec<u8>| {
            let (mut events, mut failed) = (0, false);
            let mut decoder = codec.stream_decoder(&context);
            let mut parser = FrameParser::new(codec.framing());
            let mut read = |frame: StreamFrame<'_>| {
                failed = failed || decoder.decode(frame, &mut |_| events += 1).is_err();
            };
            parser.push(&reframed(codec.framing(), seed), &mut read).unwrap();
            parser.finish(&mut read).unwrap();
            !failed && decoder.finish(&mut |_| events += 1).is_ok() && events > 3
        };
        assert!(streams.iter().any(understands), "no stream of {}", codec.name());
        let reads = |body: &Vec<u8>| {
            codec.decode_request(body).is_ok_and(|request| !request.turns.is_empty())
                || codec.decode_reply(body, &context).is_ok()
        };
        assert!(bodies.iter().any(reads), "no body of {}", codec.name());
    }
}

/// How deep the bodies nest: whatever calls itself for every level needs more than the stack of the thread they are read
/// in, at the least some hundred bytes a level.
const LEVELS: usize = 6_000;
const STACK: usize = 512 << 10;

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let reader = std::thread::Builder::new().stack_size(STACK);
    reader.spawn(read_deep_nesting).unwrap().join().unwrap();
}

fn read_deep_nesting() {
    let registry = Registry::with_builtin();
    let deep = |open: &str, close: &str, around: (&str, &str)| {
        let closed = |inside: &str| {
            format!("{}{}{inside}{}{}", around.0, open.repeat(LEVELS), close.repeat(LEVELS), around.1)
        };
        [format!("{}{}", around.0, open.repeat(LEVELS)), closed(""), closed("[]"), closed("\"x\"")]
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
        deep("[", "]", (r#"{"contents":[{"role":"user","parts":"#, "}]}")),
        deep("[", "]", (r#"{"request":{"contents":"#, "}}")),
        deep("[", "]", (r#"{"model":"m","input":"#, "}")),
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
    // As long as a body may be: refused at the first level too many, not at the end.
    let long = "[".repeat(1 << 20);
    assert!(registry.codecs().iter().all(|codec| codec.peek(long.as_bytes()).is_err()));
}
