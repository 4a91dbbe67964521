//! What strangers feed us, bent by a seeded runner: the targets of `fuzz/`, some thousand rounds of each in every test
//! run. The seeds are those of `fuzz/seeds`.

use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::registry::Registry;
use cliproxy_translator::splice::TopLevel;
use cliproxy_translator::{ReplyContext, StreamFrame};

mod targets;

use targets::{
    fuzz_bodies, fuzz_event_stream, fuzz_framing, fuzz_passes, fuzz_splice, fuzz_streams, fuzz_text, reframed,
};

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

fn run(rounds: usize, seeds: &[Vec<u8>], target: impl Fn(&[u8])) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    seeds.iter().for_each(|seed| target(seed));
    for round in 0..rounds {
        let data = bend(&seeds[round % seeds.len()], &mut random);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&data)));
        assert!(result.is_ok(), "round {round} fails with {:?}", String::from_utf8_lossy(&data));
    }
}

/// The committed seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no seeds");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
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
