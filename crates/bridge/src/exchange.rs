//! One client request, tried on any number of targets.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cliproxy_core::{
    Attempt, ClientError, ClientRequest, ErrorKind, Exchange, ExecutorError, Operation, ReplyModes, Target,
    UpstreamReply, boxed,
};
use cliproxy_translator::pass::errors::refuses_state;
use cliproxy_translator::registry;
use cliproxy_translator::{Codec, CodecError, CodecErrorKind, Loss, ReplyContext, StateGate};
use http::HeaderMap;
use parking_lot::Mutex;

use crate::bridge::Shared;
use crate::call::Call;
use crate::explain::Teller;
use crate::failure;
use crate::headers;
use crate::profile::{ProfileHints, profile_of};
use crate::remarks;
use crate::request::{
    Cache, Key, Learned, Prepared, Rewriting, States, context_of, may_have_thoughts, name_cache, patched,
    rebuilds, translated,
};
use crate::route::{Route, Way};
use crate::state::{Fresh, Recorder, Refused, Scope};

/// The exchange of one request: see [`Exchange`]. What was encoded once is kept for the next attempt.
pub struct BridgeExchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<dyn Codec>,
    pub(crate) request: Arc<ClientRequest>,
    cache: Cache,
    remarks: Mutex<Vec<String>>,
    /// The one attempt without opaque state was made.
    retried: AtomicBool,
}

impl BridgeExchange {
    pub(crate) fn new(shared: Arc<Shared>, client: Arc<dyn Codec>, request: Arc<ClientRequest>) -> Self {
        let (cache, remarks) = (Cache::default(), Mutex::default());
        let retried = AtomicBool::new(false);
        Self { shared, client, request, cache, remarks, retried }
    }

    /// What the attempts so far could not carry over into their wire formats, for traces.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.cache.losses()
    }

    /// The request in the wire format, from an earlier attempt where that is possible.
    pub(crate) async fn prepare(
        &self,
        target: &Target,
        route: &Route,
        stream: bool,
        fresh: bool,
    ) -> Result<Arc<Prepared>, ExecutorError> {
        let remembers = !self.shared.states.is_empty();
        let key = Key {
            format: route.format.clone(),
            model: target.model.clone(),
            stream,
            suffix: target.suffix.clone(),
            hints: match route.way {
                Way::Same(_) if may_have_thoughts(&self.request, &route.format) => {
                    self.shared.options.profiles.hints(target, &route.format).passing_thoughts(target)
                }
                Way::Same(_) => ProfileHints::passing(target),
                Way::Hub(_) | Way::Registered(_) => self.shared.options.profiles.hints(target, &route.format),
            },
            info: target.info.clone(),
            credential: (remembers || fresh).then(|| target.credential.id().clone()),
            fresh,
        };
        if let Some(known) = self.cache.get(&key) {
            return Ok(known);
        }
        let prepared = self.encode(target, route, &key).await?;
        for loss in &prepared.losses {
            tracing::debug!(
                request_id = %self.request.id, format = %route.format, what = %loss.what, why = %loss.why,
                "not carried over"
            );
        }
        if self.request.explain {
            self.remarks.lock().extend(remarks::of(&prepared, &route.format));
        }
        let prepared = Arc::new(prepared);
        self.cache.put(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    async fn encode(&self, target: &Target, route: &Route, key: &Key) -> Result<Prepared, ExecutorError> {
        let rewriting = self.rewriting();
        let (gate, fresh) = self.gate(target, route, key.fresh);
        let bytes = self.request.body.len();
        let encoding = Encoding {
            shared: &self.shared,
            request: &self.request,
            key,
            way: &route.way,
            target,
            gate: gate.as_ref(),
            // Where all state is kept back too: what was put back must be known to be refused in later turns.
            recalls: self.remembers(),
            rewriting: rewriting.as_ref(),
        };
        let encoded = if self.shared.pool.is_small(bytes) {
            encoding.run()
        } else {
            let work = encoding.owned();
            self.shared.pool.run(bytes, work).await?
        };
        let mut prepared = encoded.map_err(failure::of_request)?;
        prepared.fresh = fresh;
        Ok(prepared)
    }

    /// What keeps opaque state from a target: all of it, or what its credential refused.
    fn gate(&self, target: &Target, route: &Route, fresh: bool) -> (Option<Gate>, Option<Arc<Fresh>>) {
        if fresh {
            let fresh = Arc::new(Fresh::new(self.scope(target, route)));
            return (Some(Arc::<Fresh>::clone(&fresh)), Some(fresh));
        }
        let refused = || -> Gate { Arc::new(Refused(self.scope(target, route))) };
        (self.shared.states.has_refusals().then(refused), None)
    }

    pub(crate) fn scope(&self, target: &Target, route: &Route) -> Scope {
        Scope::new(&self.shared.states, &self.request, target, &route.format)
    }

    /// Whether the state of replies is remembered for this client.
    fn remembers(&self) -> bool {
        !self.client.keeps_state() && self.shared.options.state_bytes > 0
    }

    /// What reads a reply for its state, where it goes through the hub to a client that drops it.
    pub(crate) fn recorder(
        &self,
        target: &Target,
        route: &Route,
        context: &ReplyContext,
    ) -> Option<Recorder> {
        let scope = self.remembers().then(|| self.scope(target, route))?;
        Some(Recorder::new(scope, context))
    }

    /// Who tells what of a reply was lost.
    pub(crate) fn remarker(&self, route: &Route) -> remarks::Remarker {
        remarks::Remarker {
            request: self.request.id.clone(),
            format: route.format.clone(),
            explain: self.request.explain,
            remembers: self.remembers(),
        }
    }

    /// Tells what of a reply was lost, before the client gets it.
    pub(crate) fn reply_lost(&self, route: &Route, losses: &[Loss]) {
        if !losses.is_empty() {
            self.remarks.lock().extend(self.remarker(route).of_reply(losses));
        }
    }

    /// Notes that a refused request went through without the state of earlier turns.
    fn mended(&self, prepared: &Prepared) {
        let Some(fresh) = &prepared.fresh else { return };
        tracing::debug!(
            request_id = %self.request.id, count = fresh.count(),
            "the provider refused opaque state of earlier turns and took the request without it"
        );
        if self.request.explain {
            self.remarks.lock().push(format!(
                "the provider refused opaque state of earlier turns: sent again without it ({} left out)",
                fresh.count()
            ));
        }
        fresh.remember();
    }

    /// One attempt, and where the provider refused state of earlier turns, one more without it.
    async fn attempted(&self, target: Target) -> Result<UpstreamReply, ExecutorError> {
        if self.request.operation == Operation::CountTokens {
            return Box::pin(self.count(&target)).await;
        }
        let route = self.route(&target)?;
        let error = match self.tried(&target, &route, false).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        // Boxed, as it is rare: whole replies shall not carry room for it through all layers.
        if !Box::pin(self.is_mendable(&target, &route, &error)).await {
            return Err(error);
        }
        let reply = Box::pin(self.tried(&target, &route, true)).await?;
        let prepared = Box::pin(self.prepare(&target, &route, self.sends_stream(&target), true)).await?;
        self.mended(&prepared);
        Ok(reply)
    }

    async fn tried(
        &self,
        target: &Target,
        route: &Route,
        fresh: bool,
    ) -> Result<UpstreamReply, ExecutorError> {
        let modes = target.executor.reply_modes(&target.model);
        let call = Call { exchange: self, target, route, fresh };
        if self.request.operation == Operation::Compact {
            // Source: providers-a.md 3.5 "Compact: real non-stream JSON", whatever the provider does otherwise.
            return call.whole().await;
        }
        match (self.request.stream, modes) {
            // What drives a stream is large.
            (true, ReplyModes::WholeOnly) => Box::pin(call.replayed()).await,
            (true, _) => Box::pin(call.streamed()).await,
            (false, ReplyModes::StreamOnly) => Box::pin(call.aggregated()).await,
            (false, _) => call.whole().await,
        }
    }

    /// Whether the provider refused opaque state, and leaving it out changes what is sent. Once in the life of a
    /// request.
    async fn is_mendable(&self, target: &Target, route: &Route, error: &ExecutorError) -> bool {
        let codec = route.codec().unwrap_or(&self.client);
        // Inside a stream a refusal may come without a status.
        let is_about_request =
            matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::Server);
        if !is_about_request || !refuses_state(&codec.decode_error(error.body())) {
            return false;
        }
        if self.retried.swap(true, Ordering::Relaxed) {
            return false;
        }
        let stream = self.sends_stream(target);
        let sent = self.prepare(target, route, stream, false).await;
        let again = self.prepare(target, route, stream, true).await;
        matches!((sent, again), (Ok(sent), Ok(again)) if sent.body != again.body)
    }

    /// Whether a stream is asked of the provider.
    fn sends_stream(&self, target: &Target) -> bool {
        let modes = target.executor.reply_modes(&target.model);
        match modes {
            _ if self.request.operation == Operation::Compact => false,
            ReplyModes::StreamOnly => true,
            ReplyModes::WholeOnly => false,
            _ => self.request.stream,
        }
    }

    /// The payload rules, if there are any. Source: runtime.md F.1 "generally not for token counting".
    fn rewriting(&self) -> Option<Rewriting> {
        let rules = &self.shared.options.payload;
        (!rules.is_empty() && self.request.operation != Operation::CountTokens)
            .then(|| Rewriting { rules: Arc::clone(rules), headers: Arc::clone(&self.request.headers) })
    }

    /// What the reply side of one attempt has to know.
    pub(crate) fn context(&self, target: &Target, prepared: &Prepared) -> Box<ReplyContext> {
        let mut context = match &prepared.context {
            Learned::Translated(context) => context.clone(),
            Learned::Passed { include_usage } => {
                let mut context = context_of(&self.request);
                context.include_usage = *include_usage;
                context
            }
        };
        context.shown_model.clone_from(&target.shown_model);
        context.created = target.now.as_secs();
        context.context_length = target.info.as_ref().and_then(|info| info.context_length);
        context
    }

    /// What the registry has to know of the reply of one attempt, where it made the request.
    pub(crate) fn registered(
        &self,
        prepared: &Prepared,
        context: &ReplyContext,
    ) -> Option<Box<registry::Exchange>> {
        let mut exchange = prepared.exchange.clone()?;
        exchange.context = context.clone();
        Some(exchange)
    }

    /// The executor's view of one attempt.
    pub(crate) fn attempt_of(
        &self,
        target: &Target,
        route: &Route,
        prepared: &Prepared,
        stream: bool,
    ) -> Attempt {
        Attempt::of(&self.request, target, route.format.clone(), prepared.body.clone(), stream)
    }

    /// The headers of a provider's reply that the client may see.
    pub(crate) fn shown(&self, upstream: &HeaderMap) -> HeaderMap {
        headers::for_client(upstream, self.shared.options.passthrough_headers)
    }

    pub(crate) fn teller(&self, target: &Target, route: Option<&Route>) -> Teller {
        let format = route.map_or_else(|| self.request.format.as_str().into(), |route| route.format.clone());
        // Without the provider's codec its errors are read as the client's: both probe the usual places.
        let wire = route.and_then(Route::codec).unwrap_or(&self.client);
        Teller {
            client: Arc::clone(&self.client),
            wire: Arc::clone(wire),
            native: route.is_some() && self.request.format.speaks(&format),
            kin: route.is_some() && wire.family() == self.client.family(),
            format,
            credential: Arc::clone(&target.credential),
            provider: target.executor.provider().clone(),
            model: target.shown_model.clone().unwrap_or_else(|| self.request.model.as_str().to_owned()),
            max_message: self.shared.options.max_message_bytes,
            max_body: self.shared.options.max_error_bytes,
            all_headers: self.shared.options.passthrough_headers,
        }
    }
}

/// Keeps state from a provider.
type Gate = Arc<dyn StateGate>;

/// All that the making of one encoded request needs.
struct Encoding<'e> {
    shared: &'e Arc<Shared>,
    request: &'e Arc<ClientRequest>,
    key: &'e Key,
    way: &'e Way,
    target: &'e Target,
    gate: Option<&'e Gate>,
    /// Whether state that the client dropped is put back.
    recalls: bool,
    rewriting: Option<&'e Rewriting>,
}

impl Encoding<'_> {
    fn run(&self) -> Result<Prepared, CodecError> {
        let mut prepared = match self.way {
            Way::Same(codec) if rebuilds(self.request, self.key) => {
                let hints = self.shared.options.profiles.hints(self.target, &self.key.format);
                self.said_again(hints, Way::Hub(Arc::clone(codec)))
            }
            Way::Same(codec) => match patched(codec, self.request, self.key, self.gate) {
                // The format in name only: it goes the way of any other, and so do its replies.
                Err(error) if error.kind() == CodecErrorKind::OtherFormat && !self.is_compact() => {
                    let hints = self.shared.options.profiles.hints(self.target, &self.key.format);
                    self.said_again(hints, Way::Hub(Arc::clone(codec)))
                }
                patched => patched,
            },
            way => self.said_again(self.key.hints, way.clone()),
        }?;
        if self.key.hints.names_prompt_cache == Some(true) {
            name_cache(self.request, self.key, &mut prepared)?;
        }
        if let Some(rewriting) = self.rewriting {
            rewriting.apply(self.request, self.key, &mut prepared);
        }
        Ok(prepared)
    }

    fn is_compact(&self) -> bool {
        self.request.operation == Operation::Compact
    }

    fn said_again(&self, hints: ProfileHints, way: Way) -> Result<Prepared, CodecError> {
        let mut profile = profile_of(self.target, hints, self.key.stream);
        profile.size_hint = self.request.body.len();
        let scope = || Scope::new(&self.shared.states, self.request, self.target, &self.key.format);
        let states = States { gate: self.gate.cloned(), recall: self.recalls.then(scope) };
        translated(&self.shared.registry, self.request, self.key, &profile, &states, way)
    }

    /// The same work for another thread.
    fn owned(&self) -> impl FnOnce() -> Result<Prepared, CodecError> + Send + 'static {
        let (shared, request) = (Arc::clone(self.shared), Arc::clone(self.request));
        let (key, way, target) = (self.key.clone(), self.way.clone(), self.target.clone());
        let (gate, recalls, rewriting) = (self.gate.cloned(), self.recalls, self.rewriting.cloned());
        move || {
            let (shared, request, key) = (&shared, &request, &key);
            let (way, target, gate, rewriting) = (&way, &target, gate.as_ref(), rewriting.as_ref());
            Encoding { shared, request, key, way, target, gate, recalls, rewriting }.run()
        }
    }
}

#[async_trait]
impl Exchange for BridgeExchange {
    // Spelled out, so that the future is made in its box.
    fn attempt<'a, 'async_trait>(
        &'a self,
        target: Target,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamReply, ExecutorError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        boxed(|| self.attempted(target))
    }
    fn explain(&self, target: &Target, error: &ExecutorError) -> Box<ClientError> {
        let route = self.route(target).ok();
        self.teller(target, route.as_ref()).tell(error)
    }

    fn remarks(&self) -> Vec<String> {
        std::mem::take(&mut *self.remarks.lock())
    }
}

impl fmt::Debug for BridgeExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeExchange").field("request", &self.request).finish_non_exhaustive()
    }
}
