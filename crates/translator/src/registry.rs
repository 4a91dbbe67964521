//! Codecs by name, and what third parties register: exact pairs, middleware, hooks.
//!
//! Lookup order (translation.md C.10): the exact pair → the same format on both sides passes through → the hub →
//! nothing, which is an error and never a guess. A registry is made once, by whoever wires the program, and shared
//! behind an `Arc`; there is no global one.

use std::collections::HashMap;
use std::sync::Arc;

use cliproxy_core::{ClientFormat, ProviderFormat};

use crate::codec::{Codec, CodecError};

mod hooks;
mod pair;
mod pipe;
mod request;
mod watch;
mod whole;

pub use hooks::{ModelHook, RequestMiddleware, ResponseMiddleware, TranslationHooks};
pub use pair::{
    RequestEnvelope, RequestTransform, ResponseEnvelope, ResponseNonStreamTransform, ResponseStream,
    ResponseStreamTransform, ResponseTransforms, TokenCountTransform,
};
pub use pipe::StreamPipe;
pub use request::{Exchange, RequestCall, Translated};
pub use whole::TranslatedReply;

/// Codecs, pairs, middleware and hooks.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    codecs: HashMap<String, Arc<dyn Codec>>,
    requests: HashMap<(ClientFormat, ProviderFormat), Arc<dyn RequestTransform>>,
    responses: HashMap<(ClientFormat, ProviderFormat), ResponseTransforms>,
    hooks: Option<Arc<dyn TranslationHooks>>,
    model_hooks: Vec<Arc<dyn ModelHook>>,
    request_middleware: Vec<Arc<dyn RequestMiddleware>>,
    response_middleware: Vec<Arc<dyn ResponseMiddleware>>,
}

/// Two codecs and the canonical model between them.
pub(crate) struct Hub<'r> {
    pub(crate) client: &'r Arc<dyn Codec>,
    pub(crate) provider: &'r Arc<dyn Codec>,
}

/// How a pair of formats is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// By a transform for exactly this pair.
    Pair,
    /// As it is, but for what must be named otherwise.
    PassThrough,
    /// Through the canonical model.
    Hub,
    /// By the hooks' translator, because nothing else serves it.
    Hooks,
}

impl Registry {
    /// Nothing registered.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry with every codec of this crate.
    #[must_use]
    pub fn with_builtin() -> Self {
        use crate::format::{
            chat, claude::ClaudeCodec, gemini::GeminiCodec, kiro::KiroCodec, responses::ResponsesCodec,
        };
        let mut registry = Self::new();
        registry.add_codec(Arc::new(chat::ChatCodec::default()));
        registry.add_codec(Arc::new(chat::CompletionsCodec::default()));
        registry.add_codec(Arc::new(ClaudeCodec::default()));
        registry.add_codec(Arc::new(ResponsesCodec::default()));
        registry.add_codec(Arc::new(ResponsesCodec::codex()));
        registry.add_codec(Arc::new(GeminiCodec::default()));
        registry.add_codec(Arc::new(GeminiCodec::cli()));
        registry.add_codec(Arc::new(GeminiCodec::antigravity()));
        registry.add_codec(Arc::new(KiroCodec));
        registry
    }

    /// Adds a wire format under its codec's name; a later codec of that name takes the place of an earlier one.
    pub fn add_codec(&mut self, codec: Arc<dyn Codec>) {
        self.codecs.insert(codec.name().to_owned(), codec);
    }

    /// The codec of a format.
    #[must_use]
    pub fn codec(&self, name: &str) -> Option<&Arc<dyn Codec>> {
        self.codecs.get(name)
    }

    /// All codecs, by name.
    #[must_use]
    pub fn codecs(&self) -> Vec<&Arc<dyn Codec>> {
        let mut codecs: Vec<_> = self.codecs.values().collect();
        codecs.sort_by(|a, b| a.name().cmp(b.name()));
        codecs
    }

    /// Registers transforms for exactly one pair; they win over the hub. No request transform leaves an earlier
    /// one in place; the response transforms always take the place of earlier ones, even when there are none
    /// (C.1).
    pub fn register(
        &mut self,
        client: ClientFormat,
        provider: ProviderFormat,
        request: Option<Arc<dyn RequestTransform>>,
        response: ResponseTransforms,
    ) {
        let pair = (client, provider);
        if let Some(request) = request {
            self.requests.insert(pair.clone(), request);
        }
        self.responses.insert(pair, response);
    }

    /// Installs hooks, or removes them (C.9).
    pub fn set_hooks(&mut self, hooks: Option<Arc<dyn TranslationHooks>>) {
        self.hooks = hooks;
    }

    /// Adds a hook that sees the canonical model of what goes through the hub.
    pub fn add_model_hook(&mut self, hook: Arc<dyn ModelHook>) {
        self.model_hooks.push(hook);
    }

    /// Adds request middleware; the first added is the outermost (C.8).
    pub fn use_request(&mut self, middleware: Arc<dyn RequestMiddleware>) {
        self.request_middleware.push(middleware);
    }

    /// Adds response middleware; the first added is the outermost (C.8).
    pub fn use_response(&mut self, middleware: Arc<dyn ResponseMiddleware>) {
        self.response_middleware.push(middleware);
    }

    /// Whether hooks or middleware see what passes, so that a caller may take no short cut around the registry.
    #[must_use]
    pub fn is_intercepted(&self) -> bool {
        self.hooks.is_some()
            || !self.model_hooks.is_empty()
            || !self.request_middleware.is_empty()
            || !self.response_middleware.is_empty()
    }

    /// Whether a request transform is registered for the pair.
    #[must_use]
    pub fn has_request_transform(&self, client: &ClientFormat, provider: &ProviderFormat) -> bool {
        self.request_transform(client, provider).is_some()
    }

    /// The response transforms of the pair: empty when there are none (E664, E665).
    #[must_use]
    pub fn response_transforms(
        &self,
        client: &ClientFormat,
        provider: &ProviderFormat,
    ) -> ResponseTransforms {
        self.responses.get(&(client.clone(), provider.clone())).cloned().unwrap_or_default()
    }

    /// How requests of the pair are served; `None` when they are not.
    #[must_use]
    pub fn request_route(&self, client: &ClientFormat, provider: &ProviderFormat) -> Option<Route> {
        if self.has_request_transform(client, provider) {
            return Some(Route::Pair);
        }
        self.fallback(client, provider)
    }

    /// How whole replies, or streams, of the pair are served; `None` when they are not. Each kind is looked up on
    /// its own (C.4).
    #[must_use]
    pub fn response_route(
        &self,
        client: &ClientFormat,
        provider: &ProviderFormat,
        stream: bool,
    ) -> Option<Route> {
        let pair = self.response_transforms(client, provider);
        if if stream { pair.stream.is_some() } else { pair.whole.is_some() } {
            return Some(Route::Pair);
        }
        self.fallback(client, provider)
    }

    /// The reply of a token-count endpoint: the pair's own, else the client format's; `None` when neither has one.
    #[must_use]
    pub fn count(&self, client: &ClientFormat, provider: &ProviderFormat, tokens: u64) -> Option<Vec<u8>> {
        if let Some(count) = self.response_transforms(client, provider).count {
            return Some(count.transform(tokens));
        }
        self.codec(client.as_str())?.encode_count(tokens)
    }

    /// Whether bytes may pass from one side to the other: the same format, or dialects of one.
    pub(crate) fn passes(&self, client: &ClientFormat, provider: &ProviderFormat) -> bool {
        client.speaks(provider)
            || self.hub(client, provider).is_some_and(|hub| hub.client.family() == hub.provider.family())
    }

    fn fallback(&self, client: &ClientFormat, provider: &ProviderFormat) -> Option<Route> {
        if self.passes(client, provider) {
            Some(Route::PassThrough)
        } else if self.hub(client, provider).is_some() {
            Some(Route::Hub)
        } else {
            self.hooks.as_ref().map(|_| Route::Hooks)
        }
    }

    pub(crate) fn hub(&self, client: &ClientFormat, provider: &ProviderFormat) -> Option<Hub<'_>> {
        Some(Hub { client: self.codec(client.as_str())?, provider: self.codec(provider.as_str())? })
    }

    pub(crate) fn request_transform(
        &self,
        client: &ClientFormat,
        provider: &ProviderFormat,
    ) -> Option<&Arc<dyn RequestTransform>> {
        self.requests.get(&(client.clone(), provider.clone()))
    }
}

/// Source: design.md §12: an unknown pair is an error.
pub(crate) fn no_route(client: &ClientFormat, provider: &ProviderFormat) -> CodecError {
    CodecError::inexpressible(format!("nothing translates between {client} and {provider}"))
}
