//! What a flow of one provider works with: its URLs, its client, and the way out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{Endpoint, LoginError, LoginErrorKind, Mask, ProviderId, Secret, Timestamp};
use cliproxy_transport::oauth::known::KnownClient;
use cliproxy_transport::oauth::{ClientAuth, Pace, TokenEndpoint, TokenError};
use cliproxy_transport::{HttpClient, Via};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Response};
use serde_json::Value;

use crate::Options;

/// Source: runtime.md K "OAuth helpers 30 s".
const LIMIT: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How much of an answer is shown.
const SHOWN: usize = 300;

#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) provider: ProviderId,
    /// None where each login registers a client of its own.
    known: Option<KnownClient>,
    endpoints: &'static [Endpoint],
    options: Options,
}

impl Means {
    pub(crate) fn new(
        provider: ProviderId,
        known: impl Into<Option<KnownClient>>,
        endpoints: &'static [Endpoint],
        options: &Options,
    ) -> Self {
        Self { provider, known: known.into(), endpoints, options: options.clone() }
    }

    pub(crate) fn endpoints(&self) -> &'static [Endpoint] {
        self.endpoints
    }

    /// One of the provider's URLs, without a slash at its end.
    pub(crate) fn url(&self, name: &'static str) -> Result<String, LoginError> {
        let key = (self.provider.as_str().to_owned(), name.to_owned());
        let replaced = self.options.endpoints.get(&key).map(String::as_str);
        let default = || self.endpoints.iter().find(|known| known.name == name).map(|known| known.default);
        let url = replaced.or_else(default).ok_or_else(|| {
            LoginError::new(LoginErrorKind::Setup, format!("there is no endpoint {}.{name}", self.provider))
        })?;
        Ok(url.trim().trim_end_matches('/').to_owned())
    }

    pub(crate) fn client_id(&self) -> &str {
        let replaced =
            self.options.clients.get(self.provider.as_str()).and_then(|client| client.id.as_deref());
        replaced.or(self.known.map(|known| known.id)).unwrap_or_default()
    }

    pub(crate) fn client_secret(&self) -> Option<Secret> {
        let replaced =
            self.options.clients.get(self.provider.as_str()).and_then(|client| client.secret.clone());
        replaced.or_else(|| self.known?.secret.map(Secret::from))
    }

    /// The secret, or which key to set. Source: design.md §7.
    pub(crate) fn required_secret(&self) -> Result<Secret, LoginError> {
        self.client_secret().ok_or_else(|| {
            let provider = &self.provider;
            let message = format!(
                "this login needs the OAuth client secret of {provider}, which its vendor does not publish: \
                 set `oauth-clients.{provider}.client-secret` in the config"
            );
            LoginError::new(LoginErrorKind::Setup, message)
        })
    }

    /// The token endpoint under the client, its secret in the body if there is one.
    pub(crate) fn token_endpoint(&self) -> Result<TokenEndpoint, LoginError> {
        Ok(self.token_endpoint_at(self.url("token")?))
    }

    /// As [`Self::token_endpoint`], at another URL than the provider's only one.
    pub(crate) fn token_endpoint_at(&self, url: String) -> TokenEndpoint {
        let endpoint = TokenEndpoint::new(url, self.client_id());
        match self.client_secret() {
            Some(secret) => endpoint.with_secret(secret, ClientAuth::Body),
            None => endpoint,
        }
    }

    pub(crate) fn http(&self) -> &HttpClient {
        &self.options.http
    }

    pub(crate) fn via(&self) -> Via {
        Via::new().with_proxy(self.options.proxy.clone())
    }

    pub(crate) fn pace(&self) -> &Arc<dyn Pace> {
        &self.options.pace
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.pace.now()
    }

    /// Sends a call and reads its answer whole, whatever its status.
    pub(crate) async fn send(&self, call: Call) -> Result<Response<Bytes>, LoginError> {
        let (what, mask) = (call.what, call.mask());
        let request = call.request(&self.provider)?;
        let via = self.via();
        let exchange = async {
            let reply = self.http().send(request, &via).await.map_err(|error| {
                LoginError::new(LoginErrorKind::Unavailable, format!("{what}: {error}")).with_source(error)
            })?;
            let (head, body) = reply.into_parts();
            let body = body.collect_sniffed(MAX_BYTES).await.map_err(|error| {
                LoginError::new(LoginErrorKind::Unavailable, format!("{what}: the answer broke off"))
                    .with_source(error)
            })?;
            let mut reply = Response::from_parts(head, body);
            // What reads its words has to hide what we sent.
            reply.extensions_mut().insert(mask);
            Ok(reply)
        };
        let late = |_| {
            let message = format!("{what}: no answer within {} s", LIMIT.as_secs());
            Err(LoginError::new(LoginErrorKind::Unavailable, message))
        };
        tokio::time::timeout(LIMIT, exchange).await.unwrap_or_else(late)
    }

    /// Sends a call and reads the JSON of a successful answer.
    pub(crate) async fn json(&self, call: Call) -> Result<Value, LoginError> {
        let what = call.what;
        let reply = self.send(call).await?;
        if !reply.status().is_success() {
            return Err(failed(what, &reply));
        }
        parse(what, &reply)
    }
}

/// A call that is not to a token endpoint.
pub(crate) struct Call {
    what: &'static str,
    method: Method,
    url: String,
    bearer: Option<Secret>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Call {
    /// `what` says in an error what was tried: "the list of projects".
    pub(crate) fn get(what: &'static str, url: impl Into<String>) -> Self {
        Self { what, method: Method::GET, url: url.into(), bearer: None, headers: Vec::new(), body: None }
    }

    pub(crate) fn post(what: &'static str, url: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(what, url) }
    }

    /// What it is for.
    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    pub(crate) fn bearer(mut self, token: &Secret) -> Self {
        self.bearer = Some(token.clone());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What the call shows of its sender.
    fn mask(&self) -> Mask {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let query: Vec<String> =
            url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned()).collect();
        let mut secrets: Vec<&str> = query.iter().map(String::as_str).collect();
        secrets.extend(self.bearer.iter().map(Secret::expose));
        for (_, value) in &self.headers {
            secrets.push(value);
            // A cookie may come back without its name.
            secrets.extend(value.split(';').filter_map(|pair| Some(pair.split_once('=')?.1)));
        }
        // Nothing else that is sent opens an account.
        let opening = ["code", "deviceCode", "device_auth_id", "user_code", "clientSecret"];
        let body = self.body.as_ref();
        secrets.extend(opening.iter().filter_map(|key| body?.get(key)?.as_str()));
        Mask::of_texts(secrets)
    }

    fn request(self, provider: &ProviderId) -> Result<Request<Bytes>, LoginError> {
        let what = self.what;
        let body = self.body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.url)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("cliproxy/", env!("CARGO_PKG_VERSION")));
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(body).map_err(|error| {
            let message = format!("{what}: an endpoint of {provider} is no URL, or a header cannot be sent");
            LoginError::new(LoginErrorKind::Setup, message).with_source(error)
        })?;
        if let Some(token) = &self.bearer {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                LoginError::new(
                    LoginErrorKind::BadReply,
                    format!("{what}: the token has characters no header carries"),
                )
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// The JSON of an answer.
pub(crate) fn parse(what: &'static str, reply: &Response<Bytes>) -> Result<Value, LoginError> {
    serde_json::from_slice(reply.body()).map_err(|error| {
        let page = reply.body().trim_ascii_start().starts_with(b"<");
        let seen = if page { "a web page, perhaps of a firewall or a captive portal" } else { "no JSON" };
        LoginError::new(LoginErrorKind::BadReply, format!("{what}: the answer is {seen}")).with_source(error)
    })
}

/// What a failing status means.
pub(crate) fn failed(what: &str, reply: &Response<Bytes>) -> LoginError {
    let status = reply.status();
    let kind = match status.as_u16() {
        402 | 403 => LoginErrorKind::NotEntitled,
        429 | 500.. => LoginErrorKind::Unavailable,
        _ => LoginErrorKind::Refused,
    };
    let said = said(reply);
    let said = if said.is_empty() { said } else { format!(" ({said})") };
    LoginError::new(kind, format!("{what}: status {}{said}", status.as_u16()))
}

/// The words of an error, wherever they stand in it, as far as they may be shown.
fn said(reply: &Response<Bytes>) -> String {
    let value: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
    let texts = ["/error/message", "/error_description", "/message", "/error_details/message", "/error"];
    shown(reply, texts.iter().find_map(|at| value.pointer(at)?.as_str()).unwrap_or_default())
}

/// Words of an answer without control characters and what we sent, and not too many of them.
pub(crate) fn shown(reply: &Response<Bytes>, words: &str) -> String {
    let masked = match reply.extensions().get::<Mask>() {
        Some(mask) => mask.apply(words),
        None => Mask::default().apply(words).into_owned().into(),
    };
    masked.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// What a token endpoint's failure means for a login.
pub(crate) fn token_failed(error: TokenError) -> LoginError {
    let (kind, message) = match (&error, error.code()) {
        (_, Some("access_denied")) => (LoginErrorKind::Denied, "the login was denied".to_owned()),
        (_, Some("expired_token")) => (
            LoginErrorKind::TimedOut,
            "the code expired before anybody confirmed it: log in again".to_owned(),
        ),
        (_, Some("invalid_grant")) => (
            LoginErrorKind::Refused,
            format!("{error}: the code was used already or is too old, log in again"),
        ),
        (_, Some(_)) => (LoginErrorKind::Refused, error.to_string()),
        (TokenError::Setup(_), None) => (LoginErrorKind::Setup, error.to_string()),
        (TokenError::Unreadable { .. }, None) => (LoginErrorKind::BadReply, error.to_string()),
        (_, None) => (LoginErrorKind::Unavailable, error.to_string()),
    };
    LoginError::new(kind, message).with_source(error)
}
