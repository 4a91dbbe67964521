//! The table of routes and what every request goes through.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use cliproxy_core::{AccessProvider, ClientError, ClientFormat, Dispatcher, RequestId, Timestamp};
use cliproxy_relay::Relay;
use cliproxy_transport::{InboundBody, OutboundBody, Peer, Routed, Routes, Shutdown};
use http::header::{ALLOW, HeaderMap, HeaderValue, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri};
use serde_json::json;

use crate::call::{Addressed, Call};
use crate::endpoint::{Endpoint, base_url_advice, model_name, without_empty_segments};
use crate::models::{Style, list_of};
use crate::options::{Codecs, Options};
use crate::percent::decoded;
use crate::request_id::{Ids, trace_id};
use crate::{admit, code_assist, failure, generate, relay, respond};

/// How much of a body that nobody reads is taken from the client, so that it sees why.
const DISCARD_BYTES: usize = 16 * 1024 * 1024;

/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The routes of the client formats, on top of a dispatcher. Cheap to clone; clones are the same routes.
#[derive(Clone, Debug)]
pub struct ClientRoutes(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) dispatcher: Arc<dyn Dispatcher>,
    pub(crate) access: Arc<dyn AccessProvider>,
    pub(crate) codecs: Codecs,
    pub(crate) options: ArcSwap<Options>,
    pub(crate) shutdown: Shutdown,
    relay: OnceLock<Relay>,
    ids: Ids,
}

impl ClientRoutes {
    /// Routes that ask `access` who may call and `dispatcher` for replies. Streams end validly when `shutdown` cuts.
    #[must_use]
    pub fn new(
        dispatcher: Arc<dyn Dispatcher>,
        access: Arc<dyn AccessProvider>,
        codecs: Codecs,
        options: Options,
        shutdown: Shutdown,
    ) -> Self {
        let options = ArcSwap::from_pointee(options);
        let (relay, ids) = (OnceLock::new(), Ids::default());
        Self(Arc::new(Inner { dispatcher, access, codecs, options, shutdown, relay, ids }))
    }

    /// Lets pages connect to this relay, at `/v1/ws`. Said once; without it the route says that it is not built.
    #[must_use]
    pub fn with_relay(self, relay: Relay) -> Self {
        self.0.relay.get_or_init(|| relay);
        self
    }

    /// Replaces the options. Requests that have begun keep those they began with.
    pub fn reconfigure(&self, options: Options) {
        self.0.options.store(Arc::new(options));
    }
}

impl Routes for ClientRoutes {
    fn handle(&self, request: Request<InboundBody>, peer: Peer) -> Routed {
        let inner = Arc::clone(&self.0);
        Routed::reply_with(move || inner.answer(request, peer))
    }

    fn busy(&self, request: &Request<InboundBody>) -> Option<Response<OutboundBody>> {
        let options = self.0.options.load();
        let format =
            error_format(Endpoint::find(request.uri().path()), request.uri().path(), request.headers());
        let id = self.0.ids.name(request.headers());
        let mut response = respond::error(self.0.codecs.errors_of(&format).as_ref(), &failure::busy(), &id);
        self.0.dress(&mut response, &id, &options);
        Some(response)
    }
}

/// What a request is answered with, and whether somebody has taken its body. Method and path stay: the log names them.
struct Visit {
    parts: Parts,
    body: Option<InboundBody>,
    peer: Peer,
    id: RequestId,
    options: Arc<Options>,
}

impl Inner {
    async fn answer(self: Arc<Self>, request: Request<InboundBody>, peer: Peer) -> Response<OutboundBody> {
        let (parts, body) = request.into_parts();
        let id = self.ids.name(&parts.headers);
        let options = self.options.load_full();
        let started = tokio::time::Instant::now();
        let mut visit = Visit { parts, body: Some(body), peer, id, options };
        let mut response = Arc::clone(&self).route(&mut visit).await;
        if let Some(unread) = visit.body.take() {
            Box::pin(unread.discard(DISCARD_BYTES, DISCARD_TIME)).await;
        }
        self.dress(&mut response, &visit.id, &visit.options);
        // The query is left out: it may carry a key.
        tracing::info!(
            request_id = %visit.id, method = %visit.parts.method, path = visit.parts.uri.path(),
            status = u64::from(response.status().as_u16()),
            elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "answered"
        );
        response
    }

    /// The headers that every reply has.
    fn dress(&self, response: &mut Response<OutboundBody>, id: &RequestId, options: &Options) {
        let headers = response.headers_mut();
        respond::name(headers, id);
        if !headers.contains_key(respond::TRACE)
            && let Ok(value) = HeaderValue::try_from(trace_id(self.now(), None, id))
        {
            headers.insert(respond::TRACE, value);
        }
        if options.keyed {
            respond::cors(headers);
        }
    }

    async fn route(self: Arc<Self>, visit: &mut Visit) -> Response<OutboundBody> {
        // Source: http-api.md A.0 "OPTIONS": any path at all, before any access check.
        if visit.parts.method == Method::OPTIONS {
            return respond::empty(StatusCode::NO_CONTENT);
        }
        forgive_slashes(&mut visit.parts.uri);
        let path = visit.parts.uri.path();
        let found = Endpoint::find(path);
        let format = error_format(found, path, &visit.parts.headers);
        let refuse = |visit: &Visit, error: &ClientError| {
            respond::error(self.codecs.errors_of(&format).as_ref(), error, &visit.id)
        };
        let Some(endpoint) = found else {
            let advice = base_url_advice(path).map(|advice| advice.text);
            return refuse(visit, &failure::unknown_path(path, advice));
        };
        let method = &visit.parts.method;
        if !endpoint.takes(method) {
            // Source: http-api.md A.6 "Action without exactly one colon", E 6.
            if endpoint == Endpoint::GeminiModel && method == Method::POST {
                return refuse(visit, &failure::unknown_action(path));
            }
            if endpoint == Endpoint::Responses && visit.parts.headers.contains_key(UPGRADE) {
                return refuse(visit, &failure::no_websocket());
            }
            let error = match *method {
                Method::CONNECT => failure::no_proxy(),
                _ => failure::wrong_method(method.as_str(), path, endpoint.allow()),
            };
            let mut response = refuse(visit, &error);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
            return response;
        }
        // Both before the keys are taken out.
        let style = endpoint.operation().is_none().then(|| style_of(endpoint, &visit.parts));
        let login = match visit.options.code_assist {
            Some(_) if code_assist::is_about_its_login(endpoint) => {
                code_assist::own_login(&self, &visit.options, &visit.parts).await
            }
            _ => None,
        };
        let admitted = admit::check(&self, endpoint, &mut visit.parts, visit.peer, &visit.options).await;
        let principal = match admitted {
            Ok(principal) => principal,
            Err(error) => return refuse(visit, &error),
        };
        let path = visit.parts.uri.path();
        if let (Some(operation), Some(format)) = (endpoint.operation(), endpoint.format()) {
            let Some(codec) = self.codecs.get(&format).cloned() else {
                return refuse(visit, &failure::not_built(path));
            };
            let options = Arc::clone(&visit.options);
            let id = visit.id.clone();
            let call = Call { id, endpoint, format, operation, codec, principal, options };
            let addressed = Addressed::read(endpoint, &visit.parts);
            let headers = std::mem::take(&mut visit.parts.headers);
            let Some(body) = visit.body.take() else { return refuse(visit, &failure::no_body()) };
            return generate::answer(self, call, addressed, headers, body).await;
        }
        let style = style.unwrap_or(Style::OpenAi);
        match endpoint {
            Endpoint::Root => respond::json(StatusCode::OK, self.banner()),
            Endpoint::Health | Endpoint::EventLogging => respond::json(StatusCode::OK, r#"{"status":"ok"}"#),
            Endpoint::StoredResponse => refuse(visit, &failure::not_stored(path)),
            Endpoint::NotBuilt => refuse(visit, &failure::not_built(path)),
            Endpoint::Relay => {
                let Some(relay) = self.relay.get() else { return refuse(visit, &failure::not_built(path)) };
                relay::open(relay, &mut visit.parts, principal).unwrap_or_else(|(error, hints)| {
                    let mut response = refuse(visit, &error);
                    response.headers_mut().extend(hints);
                    response
                })
            }
            _ if code_assist::is_about_its_login(endpoint) => {
                let Some(onward) = visit.options.code_assist.clone() else {
                    return refuse(visit, &failure::not_offered(path));
                };
                let Some(login) = login else { return refuse(visit, &failure::no_own_login(path)) };
                let Some(body) = visit.body.take() else { return refuse(visit, &failure::no_body()) };
                let asked =
                    code_assist::answer(onward.as_ref(), &mut visit.parts, login, body, &visit.options);
                asked.await.unwrap_or_else(|error| refuse(visit, &error))
            }
            Endpoint::Models | Endpoint::GeminiModels => {
                let list = style.list(&self.dispatcher.models());
                respond::json(StatusCode::OK, list.to_string())
            }
            Endpoint::Model | Endpoint::GeminiModel => self.model(endpoint, style, path, &visit.id),
            _ => refuse(visit, &failure::not_offered(path)),
        }
    }

    /// One model by its id, which may hold slashes, colons and percent escapes.
    fn model(&self, endpoint: Endpoint, style: Style, path: &str, id: &RequestId) -> Response<OutboundBody> {
        let name = match endpoint {
            Endpoint::GeminiModel => model_name(path),
            _ => decoded(path.strip_prefix("/v1/models/").unwrap_or(path).trim_end_matches('/')),
        };
        // Source: http-api.md A.2 "Matches either `name` or `models/name`".
        let bare = name.strip_prefix("models/").unwrap_or(&name);
        match self.dispatcher.model(&name).or_else(|| self.dispatcher.model(bare)) {
            Some(model) => respond::json(StatusCode::OK, style.item(&model.info).to_string()),
            None => {
                let format = style.format();
                let near = self.dispatcher.similar(bare);
                let error = failure::no_such_model(&name, &near, list_of(&format));
                respond::error(self.codecs.errors_of(&format).as_ref(), &error, id)
            }
        }
    }

    /// Source: http-api.md A.0 "Banner body".
    fn banner(&self) -> String {
        let mut endpoints = vec!["POST /v1/chat/completions", "POST /v1/completions", "POST /v1/messages"];
        if self.codecs.responses.is_some() {
            endpoints.push("POST /v1/responses");
        }
        if self.codecs.gemini.is_some() {
            endpoints.push("POST /v1beta/models/{model}:generateContent");
        }
        if self.codecs.gemini_cli.is_some() {
            endpoints.push("POST /v1internal:generateContent");
        }
        endpoints.push("GET /v1/models");
        json!({"message": "CLI Proxy API Server", "endpoints": endpoints}).to_string()
    }

    /// The wall time, for names and stamps only.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }
}

fn style_of(endpoint: Endpoint, parts: &Parts) -> Style {
    match endpoint {
        Endpoint::GeminiModels | Endpoint::GeminiModel => Style::Gemini,
        _ => Style::of(&parts.headers, parts.uri.query()),
    }
}

/// Takes empty segments out of a path: a base URL with a slash at its end is the commonest wrong one. Not where being
/// local may be the only guard, or nothing is (`ws-auth: false`): a proxy in front may keep strangers from those paths by
/// their exact text.
fn forgive_slashes(uri: &mut Uri) {
    let Some(clean) = without_empty_segments(uri.path()) else { return };
    if Endpoint::find(&clean).is_some_and(|found| found.is_local() || found == Endpoint::Relay) {
        return;
    }
    let clean = match uri.query() {
        Some(query) => format!("{clean}?{query}"),
        None => clean,
    };
    let mut parts = std::mem::take(uri).into_parts();
    if let Ok(clean) = PathAndQuery::try_from(clean) {
        parts.path_and_query = Some(clean);
    }
    // The parts were those of a URI, and a path stays one without its empty segments.
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

/// The format in which a client of a path expects errors: that of the endpoint, or of the one that was meant, else what
/// path and headers betray.
fn error_format(endpoint: Option<Endpoint>, path: &str, headers: &HeaderMap) -> ClientFormat {
    let has = |name: &str| headers.contains_key(name);
    let meant = if endpoint.is_none() { base_url_advice(path).map(|advice| advice.meant) } else { None };
    if let Some(format) = endpoint.or(meant).and_then(Endpoint::format) {
        format
    } else if meant.is_some() {
        // A list of models, which every client reads in its own style.
        Style::of(headers, None).format()
    } else if path.contains("/v1beta") || path.contains("/v1alpha") || path.starts_with("/v1internal") {
        ClientFormat::GEMINI
    } else if path.contains("/messages") || has("anthropic-version") {
        ClientFormat::CLAUDE
    } else if path.contains("/responses") || path.starts_with("/backend-api") {
        ClientFormat::OPENAI_RESPONSES
    } else {
        Style::of(headers, None).format()
    }
}
