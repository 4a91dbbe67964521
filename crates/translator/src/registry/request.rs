//! The request path. Source: translation.md C.3.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};

use super::{Hub, Registry, RequestEnvelope, RequestMiddleware, Route, no_route};
use crate::codec::{CodecError, CodecErrorKind, Patch, Profile, ReplyContext, StateGate};
use crate::loss::{Loss, loss, told};
use crate::model::ReasoningControl;
use crate::pass::recall::{self, Recall};
use crate::pass::signature::{REFUSED_STATE, withhold};
use crate::splice::{Edits, TopLevel};

/// One request to translate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestCall<'c> {
    /// The client's format.
    pub client: &'c ClientFormat,
    /// The provider's format.
    pub provider: &'c ProviderFormat,
    /// The client's body.
    pub body: &'c Bytes,
    /// What is known of the target: its model and whether a stream is wanted, too.
    pub profile: &'c Profile,
    /// The reasoning that the model's suffix asks for: beats the body.
    pub suffix: Option<&'c ReasoningControl>,
    /// Whether the provider is to report usage in the stream whatever the client asked.
    pub include_usage: bool,
    /// Which opaque state of earlier turns goes along; all of it without one.
    pub gate: Option<&'c Arc<dyn StateGate>>,
    /// Where state is found that the client dropped.
    pub recall: Option<&'c dyn Recall>,
    /// Whether the request is said again through the canonical model though its bytes could pass: the target wants the
    /// conversation arranged otherwise.
    pub again: bool,
}

impl<'c> RequestCall<'c> {
    /// A call without suffix.
    #[must_use]
    pub fn new(
        client: &'c ClientFormat,
        provider: &'c ProviderFormat,
        body: &'c Bytes,
        profile: &'c Profile,
    ) -> Self {
        let (suffix, gate, recall) = (None, None, None);
        Self { client, provider, body, profile, suffix, include_usage: false, gate, recall, again: false }
    }

    /// With what the model's suffix asks for.
    #[must_use]
    pub fn with_suffix(mut self, suffix: Option<&'c ReasoningControl>) -> Self {
        self.suffix = suffix;
        self
    }

    /// With a say in which opaque state goes along.
    #[must_use]
    pub fn with_gate(mut self, gate: Option<&'c Arc<dyn StateGate>>) -> Self {
        self.gate = gate;
        self
    }

    /// With what is remembered of replies whose state the client dropped.
    #[must_use]
    pub fn with_recall(mut self, recall: Option<&'c dyn Recall>) -> Self {
        self.recall = recall;
        self
    }

    /// Said again, even where bytes could pass.
    #[must_use]
    pub fn said_again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    /// With usage in the stream.
    #[must_use]
    pub fn with_usage(mut self, include_usage: bool) -> Self {
        self.include_usage = include_usage;
        self
    }
}

/// A request in the provider's format, and what its reply will need.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Translated {
    /// The body for the provider.
    pub body: Bytes,
    /// How it was made.
    pub route: Route,
    /// What the reply side must know.
    pub exchange: Exchange,
    /// What had to be dropped.
    pub losses: Vec<Loss>,
}

/// What the reply side of one attempt knows. Owns everything; bodies are shared, not copied. Drop it, or use
/// [`Exchange::without_bodies`], to let go of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The client's format.
    pub client: ClientFormat,
    /// The provider's format.
    pub provider: ProviderFormat,
    /// The model in the provider's words.
    pub model: String,
    /// Whether a stream was asked of the provider.
    pub stream: bool,
    /// The client's body.
    pub original: Bytes,
    /// The provider's body.
    pub translated: Bytes,
    /// What codecs need.
    pub context: ReplyContext,
    /// The formats would let bytes pass, but the request did not: its reply does not pass either.
    pub rewritten: bool,
}

impl Exchange {
    /// The same without the bodies, so that a long stream does not pin them. Pairs and hooks then see empty ones.
    #[must_use]
    pub fn without_bodies(mut self) -> Self {
        self.original = Bytes::new();
        self.translated = Bytes::new();
        self
    }
}

impl Registry {
    /// Translates a request. `context` is what the caller knows for the reply (seed, shown model, time); what the
    /// request says is added to it.
    ///
    /// # Errors
    /// When nothing serves the pair, when the request cannot be read, or when the target cannot say it.
    pub fn translate_request(
        &self,
        call: &RequestCall<'_>,
        context: ReplyContext,
    ) -> Result<Translated, CodecError> {
        let mut state = State { context, route: Route::PassThrough, losses: Vec::new(), rewritten: false };
        let (profile, provider) = (call.profile, call.provider);
        let body = if self.request_middleware.is_empty() {
            self.translate(call, &mut state)?
        } else {
            let envelope =
                RequestEnvelope::new(call.client.as_str(), &profile.model, profile.stream, call.body.clone());
            let mut done = run(&self.request_middleware, envelope, &mut |mut envelope| {
                let mut profile = profile.clone();
                profile.model.clone_from(&envelope.model);
                profile.stream = envelope.stream;
                let call = RequestCall { body: &envelope.body, profile: &profile, ..call.clone() };
                let body = self.translate(&call, &mut state)?;
                envelope.body = body;
                envelope.format = provider.as_str().to_owned();
                Ok(envelope)
            })?;
            told(&mut state.losses, std::mem::take(&mut done.losses));
            done.body
        };
        let exchange = Exchange {
            client: call.client.clone(),
            provider: call.provider.clone(),
            model: profile.model.clone(),
            stream: profile.stream,
            original: call.body.clone(),
            translated: body.clone(),
            context: state.context,
            rewritten: state.rewritten,
        };
        Ok(Translated { body, route: state.route, exchange, losses: state.losses })
    }

    fn translate(&self, call: &RequestCall<'_>, state: &mut State) -> Result<Bytes, CodecError> {
        if let Some(transform) = self.request_transform(call.client, call.provider) {
            state.route = Route::Pair;
            let mut losses = Vec::new();
            let body = transform.transform_telling(call, &mut losses)?;
            told(&mut state.losses, losses);
            self.note_context(call, state);
            return Ok(self.normalized(call, body));
        }
        let passes = self.passes(call.client, call.provider);
        if passes && call.again {
            state.rewritten = true;
        } else if passes {
            match self.passed(call, state) {
                // The route's format in name only: it is translated to that format like any other.
                Err(error) if error.kind() == CodecErrorKind::OtherFormat => state.rewritten = true,
                passed => {
                    state.route = Route::PassThrough;
                    let body = passed?;
                    self.note_context(call, state);
                    return Ok(self.normalized(call, body));
                }
            }
        }
        if let Some(hub) = self.hub(call.client, call.provider) {
            state.route = Route::Hub;
            let body = self.through_hub(call, &hub, state)?;
            return Ok(self.normalized(call, body));
        }
        // Nothing of ours: the hooks normalise first, then translate (E672).
        let hooks = self.hooks.as_ref().ok_or_else(|| no_route(call.client, call.provider))?;
        state.route = Route::Hooks;
        let body = hooks.normalize_request(call, call.body.clone());
        let mut losses = Vec::new();
        let body = hooks.translate_request_telling(call, &body, &mut losses);
        told(&mut state.losses, losses);
        body.ok_or_else(|| no_route(call.client, call.provider))
    }

    /// The same format on both sides: only what must change does (C.10 rule 2).
    fn passed(&self, call: &RequestCall<'_>, state: &mut State) -> Result<Bytes, CodecError> {
        let profile = call.profile;
        match self.codec(call.provider.as_str()) {
            Some(codec) => {
                let patched = codec.patch_request(
                    call.body,
                    &Patch {
                        model: Some(profile.model.clone()).filter(|model| !model.is_empty()),
                        stream: Some(profile.stream),
                        include_usage: call.include_usage,
                        reasoning: call.suffix.cloned(),
                        info: profile.info.clone(),
                        refuses_thoughts: profile.strict && !profile.keeps_reasoning_text,
                        keeps_reasoning_text: profile.keeps_reasoning_text,
                        compact: false,
                        gate: call.gate.cloned(),
                        outline: None,
                    },
                )?;
                state.losses = patched.losses;
                Ok(patched.body)
            }
            None => name_model(call.body, &profile.model),
        }
    }

    fn through_hub(
        &self,
        call: &RequestCall<'_>,
        hub: &Hub<'_>,
        state: &mut State,
    ) -> Result<Bytes, CodecError> {
        let mut request = hub.client.decode_request(call.body)?;
        if let Some(suffix) = call.suffix {
            let summary = std::mem::take(&mut request.reasoning.summary);
            request.reasoning = ReasoningControl { summary, ..suffix.clone() };
        }
        if let Some(recall) = call.recall {
            state.context.question = recall::restore(&mut request, recall);
        }
        let withheld = call.gate.is_some_and(|gate| withhold(&mut request, &**gate));
        let mut taken = Vec::new();
        for hook in &self.model_hooks {
            hook.on_request_telling(call, &mut request, &mut taken)?;
        }
        hub.client.check_portable(&request, call.provider.as_str())?;
        hub.client.reply_context(&request, &mut state.context);
        let encoded = hub.provider.encode_request(&request, call.profile);
        let encoded = encoded.map_err(|error| error.told_to(&**hub.client))?;
        state.context.names = encoded.names;
        state.context.invented = encoded.invented;
        state.context.prompt_estimate = encoded.prompt_estimate;
        state.losses = encoded.losses;
        told(&mut state.losses, taken);
        if withheld {
            loss(&mut state.losses, "message.thinking", REFUSED_STATE);
        }
        Ok(Bytes::from(encoded.body))
    }

    /// What the client's own codec has to say about the reply side, where the body is not decoded anyway.
    fn note_context(&self, call: &RequestCall<'_>, state: &mut State) {
        if !call.profile.stream || self.codec(call.client.as_str()).is_none() {
            return;
        }
        // Only the switch that the pass-through observer needs; a full decode would cost what it saves.
        if memchr::memmem::find(call.body, b"\"include_usage\"").is_some()
            && let Ok(top) = TopLevel::scan(call.body)
            && let Some(options) = top.object("stream_options")
        {
            state.context.include_usage = options.boolean("include_usage").ok().flatten().unwrap_or(false);
        }
    }

    fn normalized(&self, call: &RequestCall<'_>, body: Bytes) -> Bytes {
        match &self.hooks {
            Some(hooks) => hooks.normalize_request(call, body),
            None => body,
        }
    }
}

struct State {
    context: ReplyContext,
    route: Route,
    losses: Vec<Loss>,
    rewritten: bool,
}

/// Names the model in a body of a format that we do not know; the same buffer when it is named so already, or when
/// there is no model to name (E662).
fn name_model(body: &Bytes, model: &str) -> Result<Bytes, CodecError> {
    if model.is_empty() {
        return Ok(body.clone());
    }
    let top = TopLevel::scan(body)?;
    if top.string("model").ok().flatten().is_some_and(|named| named == model) {
        return Ok(body.clone());
    }
    Ok(Edits::new().set_string("model", model).apply_scanned(body, &top))
}

fn run(
    chain: &[Arc<dyn RequestMiddleware>],
    envelope: RequestEnvelope,
    terminal: &mut dyn FnMut(RequestEnvelope) -> Result<RequestEnvelope, CodecError>,
) -> Result<RequestEnvelope, CodecError> {
    match chain.split_first() {
        None => terminal(envelope),
        Some((first, rest)) => first.handle(envelope, &mut |envelope| run(rest, envelope, terminal)),
    }
}
