//! A service account signs for itself: its assertion is exchanged for an access token. Source: RFC 7523;
//! providers-a.md 6.3.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cliproxy_core::Timestamp;
use http::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use http::{Method, Request};
use serde_json::{Value, json};

use super::endpoint::bad_url;
use super::error::TokenError;
use super::reply::{Answer, Asked, read};
use super::rsa_key::RsaKey;
use super::tokens::{Reply, Tokens};
use super::wire::{Dialect, Wire, no_tokens, sent};
use crate::{HttpClient, Via};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest that Google allows. Source: providers-a.md 6.3 "1 h".
const LIFETIME: i64 = 3600;
/// An assertion is dated back by this much: a clock that is a little ahead must not make it one of the future.
const BACK: i64 = 60;
/// A clock that is wrong by more than this is worth a word.
const SKEW: Duration = Duration::from_secs(120);

/// The grant of a service account under its private key.
#[derive(Clone, Debug)]
pub struct JwtBearer {
    url: String,
    issuer: String,
    audience: String,
    scope: String,
    key_id: Option<String>,
    key: RsaKey,
}

impl JwtBearer {
    /// A grant for `issuer`, asked for at `url`, which is its audience too.
    #[must_use]
    pub fn new(url: impl Into<String>, issuer: impl Into<String>, key: RsaKey) -> Self {
        let url = url.into();
        Self { audience: url.clone(), url, issuer: issuer.into(), scope: String::new(), key_id: None, key }
    }

    /// With another audience than the URL: a mirror hands the assertion on to whom it is meant for.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// For these scopes, separated by blanks.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// With the id under which the endpoint knows the key.
    #[must_use]
    pub fn with_key_id(mut self, id: impl Into<String>) -> Self {
        self.key_id = Some(id.into());
        self
    }

    /// Asks for a token.
    ///
    /// # Errors
    /// See [`TokenError`]. A refusal beside a clock that differs from ours by minutes says so.
    pub async fn exchange(&self, http: &HttpClient, via: &Via, now: Timestamp) -> Result<Tokens, TokenError> {
        let own = self.clone();
        // A signature takes about a millisecond.
        let assertion = tokio::task::spawn_blocking(move || own.assertion(now)).await;
        let assertion = assertion.unwrap_or_else(|error| Err(TokenError::Setup(error.to_string())))?;
        let request = self.request(&assertion)?;
        let (dialect, mask) = (Dialect::default(), sent(&request));
        let (status, headers, body) = Wire::new(http, via, &dialect).send(request).await?;
        match read(Asked::Grant, (status, &headers, &body), &[], &mask)? {
            Answer::Granted(object) => {
                let reply: Result<Reply, _> = serde_json::from_value(Value::Object(object));
                reply.map(|reply| Tokens::of(&reply)).map_err(|_| no_tokens(&body))
            }
            Answer::Refused { code, mut description } => {
                if let Some(skew) = skew(&headers, now) {
                    let separator = if description.is_empty() { "" } else { "; " };
                    description.push_str(separator);
                    description.push_str(&skew);
                }
                Err(TokenError::Refused { code, description })
            }
        }
    }

    fn request(&self, assertion: &str) -> Result<Request<Vec<u8>>, TokenError> {
        let mut form = oauth2::url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", GRANT).append_pair("assertion", assertion);
        let mut request = Request::new(form.finish().into_bytes());
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            self.url.parse().map_err(|error: http::uri::InvalidUri| bad_url("token URL", &error))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        Ok(request)
    }

    /// The signed assertion.
    fn assertion(&self, now: Timestamp) -> Result<String, TokenError> {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let (Some(id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), Value::from(id.as_str()));
        }
        let issued = now.as_secs() - BACK;
        let claims = json!({
            "iss": self.issuer, "scope": self.scope, "aud": self.audience, "iat": issued, "exp": issued + LIFETIME,
        });
        let mut text = URL_SAFE_NO_PAD.encode(header.to_string());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
        let signature = self.key.sign(text.as_bytes());
        let signature = signature.map_err(|_| TokenError::Setup("the key cannot sign".to_owned()))?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }
}

/// How far the endpoint's clock is from ours, when that may be the reason.
fn skew(headers: &HeaderMap, now: Timestamp) -> Option<String> {
    let theirs = Timestamp::from_http_date(headers.get(DATE)?.to_str().ok()?)?;
    let (off, word) =
        if theirs > now { (theirs.since(now), "behind") } else { (now.since(theirs), "ahead of") };
    (off > SKEW).then(|| {
        format!("the clock of this machine is {} min {word} the endpoint's: set it right", off.as_secs() / 60)
    })
}
