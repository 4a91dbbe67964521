//! One client request, tried on any number of targets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Attempt, ClientError, ClientRequest, Exchange, ExecutorError, Operation, ReplyModes, Target,
    UpstreamReply,
};
use cliproxy_translator::registry;
use cliproxy_translator::{Codec, CodecErrorKind, Loss, ReplyContext};
use http::HeaderMap;
use parking_lot::Mutex;

use crate::bridge::Shared;
use crate::call::Call;
use crate::explain::Teller;
use crate::failure;
use crate::profile::profile_of;
use crate::remarks;
use crate::request::{Asked, Cache, Key, Prepared, Rewriting, patched, translated};
use crate::route::{Route, Way};

/// The exchange of one request: see [`Exchange`]. What was encoded once is kept for the next attempt.
pub struct BridgeExchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<dyn Codec>,
    pub(crate) request: Arc<ClientRequest>,
    headers: Arc<HeaderMap>,
    asked: Asked,
    cache: Cache,
    remarks: Mutex<Vec<String>>,
}

impl BridgeExchange {
    pub(crate) fn new(shared: Arc<Shared>, client: Arc<dyn Codec>, request: Arc<ClientRequest>) -> Self {
        let asked = Asked {
            body: request.body.clone(),
            stream: request.stream,
            model: request.model.as_str().to_owned(),
            seed: request.id.as_str().to_owned(),
            compact: request.operation == Operation::Compact,
        };
        let headers = Arc::new(request.headers.clone());
        let (cache, remarks) = (Cache::default(), Mutex::default());
        Self { shared, client, request, headers, asked, cache, remarks }
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
    ) -> Result<Arc<Prepared>, ExecutorError> {
        let key = Key {
            format: route.format.clone(),
            model: target.model.clone(),
            stream,
            suffix: target.suffix.clone(),
            hints: self.shared.options.profiles.hints(target, &route.format),
            info: target.info.clone(),
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
        let (asked, shared, way) = (self.asked.clone(), Arc::clone(&self.shared), route.way.clone());
        let client = self.request.format.clone();
        let mut profile = profile_of(target, key.hints, key.stream);
        profile.size_hint = asked.body.len();
        let key = key.clone();
        let bytes = asked.body.len();
        let rewriting = self.rewriting();
        let work = move || {
            let said_again = |way| translated(&shared.registry, &client, &asked, &key, &profile, way);
            let mut prepared = match way {
                Way::Same(codec) => match patched(&codec, &asked, &key) {
                    // The format in name only: it goes the way of any other, and so do its replies.
                    Err(error) if error.kind() == CodecErrorKind::OtherFormat && !asked.compact => {
                        said_again(Way::Hub(codec))
                    }
                    patched => patched,
                },
                way => said_again(way),
            }?;
            if let Some(rewriting) = rewriting {
                rewriting.apply(&client, &asked, &key, &mut prepared);
            }
            Ok(prepared)
        };
        self.shared.pool.run(bytes, work).await?.map_err(failure::of_request)
    }

    /// The payload rules, if there are any. Source: runtime.md F.1 "generally not for token counting".
    fn rewriting(&self) -> Option<Rewriting> {
        let rules = &self.shared.options.payload;
        (!rules.is_empty() && self.request.operation != Operation::CountTokens)
            .then(|| Rewriting { rules: Arc::clone(rules), headers: Arc::clone(&self.headers) })
    }

    /// What the reply side of one attempt has to know.
    pub(crate) fn context(&self, target: &Target, prepared: &Prepared) -> ReplyContext {
        let mut context = prepared.context.clone();
        context.shown_model.clone_from(&target.shown_model);
        context.created = target.now.as_secs();
        context.context_length = target.info.as_ref().and_then(|info| info.context_length);
        context
    }

    /// What the registry has to know of the reply of one attempt.
    pub(crate) fn registered(
        &self,
        prepared: &Prepared,
        context: ReplyContext,
    ) -> Option<registry::Exchange> {
        let mut exchange = prepared.exchange.clone()?;
        exchange.context = context;
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
        let mut attempt = Attempt::new(
            Arc::clone(&target.credential),
            target.model.clone(),
            route.format.clone(),
            prepared.body.clone(),
        );
        attempt.request_id = self.request.id.clone();
        attempt.operation = self.request.operation;
        attempt.stream = stream;
        attempt.client_format = self.request.format.clone();
        attempt.client_headers = Arc::clone(&self.headers);
        attempt.now = target.now;
        attempt
    }

    pub(crate) fn teller(&self, target: &Target, route: Option<&Route>) -> Teller {
        let format = route.map_or_else(|| self.request.format.as_str().into(), |route| route.format.clone());
        // Without the provider's codec its errors are read as the client's: both probe the usual places.
        let wire = route.and_then(Route::codec).unwrap_or(&self.client);
        Teller {
            client: Arc::clone(&self.client),
            wire: Arc::clone(wire),
            native: route.is_some() && self.request.format.speaks(&format),
            format,
            credential: Arc::clone(&target.credential),
            provider: target.executor.provider().clone(),
            model: target.shown_model.clone().unwrap_or_else(|| self.request.model.as_str().to_owned()),
            max_message: self.shared.options.max_message_bytes,
            max_body: self.shared.options.max_error_bytes,
        }
    }
}

#[async_trait]
impl Exchange for BridgeExchange {
    async fn attempt(&self, target: Target) -> Result<UpstreamReply, ExecutorError> {
        if self.request.operation == Operation::CountTokens {
            return self.count(&target).await;
        }
        let route = self.route(&target)?;
        let modes = target.executor.reply_modes(&target.model);
        let call = Call { exchange: self, target: &target, route: &route };
        if self.request.operation == Operation::Compact {
            // Source: providers-a.md 3.5 "Compact: real non-stream JSON", whatever the provider does otherwise.
            return call.whole().await;
        }
        match (self.request.stream, modes) {
            (true, ReplyModes::WholeOnly) => call.replayed().await,
            (true, _) => call.streamed().await,
            (false, ReplyModes::StreamOnly) => call.aggregated().await,
            (false, _) => call.whole().await,
        }
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
