//! The table of routes and what every request goes through.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use cliproxy_core::{AccessProvider, ClientError, Dispatcher, RequestId, Timestamp};
use cliproxy_translator::Codec;
use cliproxy_transport::{InboundBody, OutboundBody, Peer, Routed, Routes, Shutdown};
use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::call::Call;
use crate::endpoint::{Endpoint, base_url_advice};
use crate::models::Style;
use crate::options::{Codecs, Options};
use crate::request_id::Ids;
use crate::{admit, failure, generate, respond};

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
        Self(Arc::new(Inner { dispatcher, access, codecs, options, shutdown, ids: Ids::default() }))
    }

    /// Replaces the options. Requests that have begun keep those they began with.
    pub fn reconfigure(&self, options: Options) {
        self.0.options.store(Arc::new(options));
    }
}

impl Routes for ClientRoutes {
    fn handle(&self, request: Request<InboundBody>, _peer: Peer) -> Routed {
        let inner = Arc::clone(&self.0);
        Routed::reply(async move { inner.answer(request).await })
    }

    fn busy(&self, request: &Request<InboundBody>) -> Option<Response<OutboundBody>> {
        let endpoint = Endpoint::find(request.uri().path());
        let codec = self.0.codec(endpoint, request.headers().contains_key("anthropic-version"));
        let id = self.0.ids.name(request.headers());
        Some(respond::error(codec.as_ref(), &failure::busy(), &id))
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, request: Request<InboundBody>) -> Response<OutboundBody> {
        let (parts, body) = request.into_parts();
        let id = self.ids.name(&parts.headers);
        let options = self.options.load_full();
        let started = tokio::time::Instant::now();
        let line = Line { method: parts.method.clone(), path: parts.uri.path().to_owned() };
        let mut response = Arc::clone(&self).route(parts, body, &id, &options).await;
        let headers = response.headers_mut();
        respond::name(headers, &id);
        if options.keyed {
            respond::cors(headers);
        }
        tracing::info!(
            request_id = %id, method = %line.method, path = line.path, status = response.status().as_u16(),
            elapsed_ms = started.elapsed().as_millis(), "answered"
        );
        response
    }

    async fn route(
        self: Arc<Self>,
        parts: Parts,
        body: InboundBody,
        id: &RequestId,
        options: &Arc<Options>,
    ) -> Response<OutboundBody> {
        // Source: http-api.md A.0 "OPTIONS": any path at all, before any access check.
        if parts.method == Method::OPTIONS {
            return respond::empty(StatusCode::NO_CONTENT);
        }
        let path = parts.uri.path().to_owned();
        let endpoint = Endpoint::find(&path);
        let codec = self.codec(endpoint, parts.headers.contains_key("anthropic-version"));
        let refuse = |error: &ClientError| respond::error(codec.as_ref(), error, id);
        let Some(endpoint) = endpoint else {
            return refuse(&failure::unknown_path(&path, base_url_advice(&path)));
        };
        if !endpoint.takes(&parts.method) {
            let mut response = refuse(&failure::wrong_method(parts.method.as_str(), &path, endpoint.allow()));
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
            return response;
        }
        let mut parts = parts;
        let principal = match admit::check(&self, endpoint, &mut parts, options).await {
            Ok(principal) => principal,
            Err(error) => return refuse(&error),
        };
        match endpoint {
            Endpoint::Root => respond::json(StatusCode::OK, banner()),
            Endpoint::Health => respond::json(StatusCode::OK, r#"{"status":"ok"}"#),
            Endpoint::EventLogging => respond::json(StatusCode::OK, r#"{"status":"ok"}"#),
            Endpoint::NotBuilt => refuse(&failure::not_built(&path)),
            Endpoint::Models => {
                let list = Style::of(&parts.headers).list(&self.dispatcher.models());
                respond::json(StatusCode::OK, list.to_string())
            }
            Endpoint::Model => self.model(&parts, &path, id),
            Endpoint::ChatCompletions
            | Endpoint::Completions
            | Endpoint::Messages
            | Endpoint::CountTokens => {
                let call = Call { id: id.clone(), endpoint, codec, principal, options: Arc::clone(options) };
                generate::answer(self, call, parts, body).await
            }
        }
    }

    /// `GET /v1/models/{id}`; the id may hold slashes and percent escapes.
    fn model(&self, parts: &Parts, path: &str, id: &RequestId) -> Response<OutboundBody> {
        let style = Style::of(&parts.headers);
        let name = path.strip_prefix("/v1/models/").unwrap_or(path).trim_end_matches('/');
        let name = percent_decoded(name);
        match self.dispatcher.model(&name) {
            Some(model) => respond::json(StatusCode::OK, style.item(&model.info).to_string()),
            None => {
                let error = ClientError::new(
                    cliproxy_core::ClientErrorKind::ModelNotFound,
                    format!("the model `{name}` does not exist: see GET /v1/models"),
                );
                let codec = self.codec(Some(Endpoint::Model), style == Style::Claude);
                respond::error(codec.as_ref(), &error.with_param("model"), id)
            }
        }
    }

    /// The format in which a path is answered, errors included.
    pub(crate) fn codec(&self, endpoint: Option<Endpoint>, claude: bool) -> Arc<dyn Codec> {
        let codec = match endpoint {
            Some(Endpoint::Messages | Endpoint::CountTokens) => &self.codecs.claude,
            Some(Endpoint::Completions) => &self.codecs.completions,
            Some(Endpoint::ChatCompletions) => &self.codecs.chat,
            _ if claude => &self.codecs.claude,
            _ => &self.codecs.chat,
        };
        Arc::clone(codec)
    }

    /// The wall time, for names and stamps only.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }
}

/// What the access line names. The query is left out: it may carry a key.
struct Line {
    method: Method,
    path: String,
}

/// Source: http-api.md A.0 "Banner body".
fn banner() -> String {
    json!({
        "message": "CLI Proxy API Server",
        "endpoints": ["POST /v1/chat/completions", "POST /v1/completions", "POST /v1/messages", "GET /v1/models"],
    })
    .to_string()
}

/// Undoes percent escapes of a path; what is not one stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        rest = match escaped {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
        out.push(escaped.unwrap_or(byte));
    }
    String::from_utf8_lossy(&out).into_owned()
}
