//! A pair of formats, and what is translated between them: for the benches of times and of instructions.

use bytes::Bytes;
use cliproxy_benches::bodies::{Shape, Size};
use cliproxy_benches::format::Format;
use cliproxy_benches::replies;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::framing::FrameParser;
use cliproxy_translator::registry::{Exchange, Registry, RequestCall, Translated};
use cliproxy_translator::{Profile, ReplyContext};

/// Client formats, with the generator of their bodies.
const CLIENTS: [(&str, Format); 5] = [
    ("openai", Format::Chat),
    ("claude", Format::Claude),
    ("openai-response", Format::Responses),
    ("gemini", Format::Gemini),
    ("gemini-cli", Format::Gemini),
];

const PROVIDERS: [&str; 8] =
    ["openai", "claude", "openai-response", "codex", "gemini", "gemini-cli", "antigravity", "kiro"];

/// Of a stream.
pub(crate) const EVENTS: usize = 2_000;

/// All pairs, by name.
pub(crate) fn pairs() -> Vec<String> {
    CLIENTS
        .iter()
        .flat_map(|(client, _)| PROVIDERS.iter().map(move |provider| format!("{client} to {provider}")))
        .collect()
}

/// A translation of a request, and what it is translated with.
pub(crate) struct Pair {
    pub(crate) registry: Registry,
    pub(crate) client: ClientFormat,
    pub(crate) provider: ProviderFormat,
    pub(crate) body: Bytes,
    pub(crate) profile: Profile,
}

impl Pair {
    pub(crate) fn new(name: &str, size: Size) -> Self {
        let (client, provider) = name.split_once(" to ").unwrap();
        let format = CLIENTS.iter().find(|(known, _)| *known == client).unwrap().1;
        let mut body = Shape { format, model: "some-model", stream: true }.body(size);
        if client == "gemini-cli" {
            body = [br#"{"model":"some-model","project":"p","request":"#, body.as_slice(), b"}"].concat();
        }
        let body = Bytes::from(body);
        let mut profile = Profile::new("another-model", true);
        profile.size_hint = body.len();
        Self {
            registry: Registry::with_builtin(),
            client: ClientFormat::from(client.to_owned()),
            provider: ProviderFormat::from(provider.to_owned()),
            body,
            profile,
        }
    }

    pub(crate) fn translate(&self) -> Translated {
        let call = RequestCall::new(&self.client, &self.provider, &self.body, &self.profile);
        self.registry.translate_request(&call, ReplyContext::default()).unwrap()
    }

    /// A provider's stream, told by its own encoder.
    fn stream(&self) -> Vec<u8> {
        let context = ReplyContext::default();
        let chat = self.registry.codec("openai").unwrap();
        let provider = self.registry.codec(self.provider.as_str()).unwrap();
        let mut decoder = chat.stream_decoder(&context);
        let mut encoder = provider.stream_encoder(&context);
        let mut out = Vec::new();
        let mut parser = FrameParser::new(chat.framing());
        let stream = replies::stream(Format::Chat, "some-model", EVENTS).concat();
        parser
            .push(&stream, &mut |frame| {
                decoder.decode(frame, &mut |event| encoder.encode(event, &mut out)).unwrap();
            })
            .unwrap();
        decoder.finish(&mut |event| encoder.encode(event, &mut out)).unwrap();
        out
    }

    /// A stream of so many events, in chunks of 16 KiB, as they come when nothing waits.
    pub(crate) fn streaming(&self) -> Streaming {
        let chunks = self.stream().chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
        Streaming { exchange: self.translate().exchange.without_bodies(), chunks }
    }
}

/// A stream, and what it is translated with.
pub(crate) struct Streaming {
    exchange: Exchange,
    pub(crate) chunks: Vec<Bytes>,
}

impl Streaming {
    /// Translates it; the client's bytes are given away chunk by chunk. How many those were.
    pub(crate) fn run(&self, registry: &Registry) -> usize {
        let mut pipe = registry.stream(self.exchange.clone()).unwrap();
        let mut out = Vec::new();
        let mut written = 0;
        for chunk in &self.chunks {
            pipe.push(std::hint::black_box(chunk), &mut out).unwrap();
            written += out.len();
            out.clear();
        }
        pipe.finish(&mut out).unwrap();
        written + out.len()
    }
}
