//! Carries the requests of the `oauth2` crate over our own client, and makes requests and answers standard.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::Mask;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::error::TokenError;
use super::reply::{Answer, Asked, read, unreadable};
use crate::{HttpClient, Via};

/// Token replies are a few kilobytes.
const MAX_BYTES: usize = 256 * 1024;
/// Source: runtime.md K "OAuth helpers 30 s".
const LIMIT: Duration = Duration::from_secs(30);

/// How an endpoint differs from the standards.
#[derive(Clone, Debug, Default)]
pub(super) struct Dialect {
    /// It takes JSON in place of a form.
    pub(super) json: bool,
    /// Names in requests are spelt in camelCase.
    pub(super) camel: bool,
    /// The only members that it takes, as the standard spells them; `None` for all.
    pub(super) only: Option<&'static [&'static str]>,
    /// Sent with every request.
    pub(super) headers: HeaderMap,
    /// Statuses that it means for good, whatever the body says.
    pub(super) final_statuses: Vec<u16>,
}

pub(super) struct Wire<'w> {
    pub(super) http: &'w HttpClient,
    pub(super) via: &'w Via,
    pub(super) dialect: &'w Dialect,
    asked: Asked,
    /// Why the last request brought no answer.
    trouble: Mutex<Option<TokenError>>,
}

impl<'w> Wire<'w> {
    pub(super) fn new(http: &'w HttpClient, via: &'w Via, dialect: &'w Dialect) -> Self {
        Self { http, via, dialect, asked: Asked::default(), trouble: Mutex::new(None) }
    }

    pub(super) fn asking(mut self, asked: Asked) -> Self {
        self.asked = asked;
        self
    }

    pub(super) fn trouble(&self) -> Option<TokenError> {
        self.trouble.lock().clone()
    }
}

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = TokenError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TokenError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answered = self.ask(request).await;
            *self.trouble.lock() = answered.as_ref().err().cloned();
            answered
        })
    }
}

impl Wire<'_> {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, TokenError> {
        let mask = sent(&request);
        let (status, headers, body) = self.send(request).await?;
        let (status, body) =
            match read(self.asked, (status, &headers, &body), &self.dialect.final_statuses, &mask)? {
                Answer::Granted(object) => (StatusCode::OK, Value::Object(object)),
                Answer::Refused { code, description } => {
                    (StatusCode::BAD_REQUEST, json!({"error": code, "error_description": description}))
                }
            };
        let mut response = Response::new(body.to_string().into_bytes());
        *response.status_mut() = status;
        Ok(response)
    }

    pub(super) async fn send(
        &self,
        request: HttpRequest,
    ) -> Result<(StatusCode, HeaderMap, Bytes), TokenError> {
        let request = self.spoken(request)?;
        let exchange = async {
            let reply =
                self.http.send(request, self.via).await.map_err(|error| TokenError::Send(Arc::new(error)))?;
            let (head, body) = reply.into_parts();
            // A body that breaks off is no JSON any more; the status alone still says something.
            let body = body.collect_sniffed(MAX_BYTES).await.unwrap_or_default();
            Ok((head.status, head.headers, body))
        };
        tokio::time::timeout(LIMIT, exchange).await.unwrap_or(Err(TokenError::Late(LIMIT)))
    }

    fn spoken(&self, request: HttpRequest) -> Result<Request<Bytes>, TokenError> {
        let (mut head, body) = request.into_parts();
        head.headers.insert(USER_AGENT, OWN_AGENT);
        head.headers.extend(self.dialect.headers.clone());
        if !self.dialect.json {
            return Ok(Request::from_parts(head, body.into()));
        }
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let pairs = oauth2::url::form_urlencoded::parse(&body);
        let taken = |key: &str| self.dialect.only.is_none_or(|only| only.contains(&key));
        let object: Map<String, Value> = pairs
            .filter(|(key, _)| taken(key))
            .map(|(key, value)| {
                let key = if self.dialect.camel { camel(&key) } else { key.into_owned() };
                (key, Value::String(value.into_owned()))
            })
            .collect();
        let body = serde_json::to_vec(&object).map_err(|error| TokenError::Setup(error.to_string()))?;
        Ok(Request::from_parts(head, body.into()))
    }
}

/// Members of a request that are no secrets; every other value is not to be shown, whatever an answer makes of it.
const PUBLIC: [&str; 9] = [
    "grant_type",
    "client_id",
    "redirect_uri",
    "scope",
    "response_type",
    "code_challenge_method",
    "provider",
    "start_url",
    "resource",
];

/// What a request showed of its sender.
pub(super) fn sent(request: &HttpRequest) -> Mask {
    let form = oauth2::url::form_urlencoded::parse(request.body());
    let mut secrets: Vec<String> =
        form.filter(|(key, _)| !PUBLIC.contains(&&**key)).map(|(_, value)| value.into_owned()).collect();
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    secrets.extend(shown.and_then(|shown| shown.split_once(' ')).map(|(_, shown)| shown.to_owned()));
    Mask::of_texts(secrets.iter().map(String::as_str))
}

/// `refresh_token` as `refreshToken`.
fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// An answer that parsed as JSON and still is no token reply.
pub(super) fn no_tokens(body: &[u8]) -> TokenError {
    match unreadable(StatusCode::OK, body) {
        TokenError::Unreadable { status, what } if what != "no JSON object" => {
            TokenError::Unreadable { status, what }
        }
        _ => {
            TokenError::Unreadable { status: 200, what: "an object without the members that were asked for" }
        }
    }
}

const OWN_AGENT: HeaderValue = HeaderValue::from_static(concat!("cliproxy/", env!("CARGO_PKG_VERSION")));
