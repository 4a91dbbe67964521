//! Copilot's own tokens. Source: providers-b.md 2.5.1, 2.5.2.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{
    Credential, ErrorKind, Evidence, ExecutorError, ProviderExecutor, Secret, Timestamp, retry_after,
};
use cliproxy_transport::oauth::known;
use http::header::{ACCEPT, DATE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

use crate::account;
use crate::egress::{self, Egress};
use crate::headers::{OWN_AGENT, bearer};
use crate::service::put;

/// A token that does not say when it ends is kept this long.
const UNSAID: Duration = Duration::from_secs(30 * 60);
/// One that is over by what it says serves a minute all the same, beside what tokens are spared: it was made this moment.
const LEAST: Duration = Duration::from_secs(2 * 60);
/// `refresh_in` is that much before the end.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// What a GitHub login was exchanged for.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// The API's root, when the exchange named one of GitHub's.
    pub(super) api: Option<String>,
}

/// The exchange of a GitHub token, and until when what it brings is good.
pub(super) async fn exchange(
    executor: &dyn ProviderExecutor,
    egress: &Egress,
    url: &str,
    credential: &Credential,
    home: &Home<'_>,
    github: &Secret,
    now: Timestamp,
) -> Result<(Token, Timestamp), ExecutorError> {
    let uri: Uri = url.parse().map_err(|_| {
        ExecutorError::new(
            ErrorKind::Misconfigured,
            "the endpoint github-copilot.copilot-token, or token_url of the file, is no URL",
        )
    })?;
    let mut request = egress::request(Method::GET, uri, Bytes::new());
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, OWN_AGENT);
    headers.insert(http::header::AUTHORIZATION, bearer(credential, github)?);
    for (name, value) in known::COPILOT_HEADERS {
        put(headers, name, value);
    }
    let reply = egress.whole(executor, credential, now, request).await.map_err(refused)?;
    let theirs = date(&reply.headers);
    let reply: Value = serde_json::from_slice(&reply.body).map_err(|error| {
        ExecutorError::new(ErrorKind::BadReply, "the exchange for a Copilot token brought no JSON")
            .with_source(error)
    })?;
    let text = |at: &str| reply.pointer(at).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(secret) = text("/token") else {
        return Err(ExecutorError::new(ErrorKind::BadReply, "the exchange for a Copilot token brought none"));
    };
    let token = Token {
        secret: Secret::from(secret),
        api: text("/endpoints/api").filter(|url| home.has(url)).map(str::to_owned),
    };
    Ok((token, now.plus(lifetime(&reply, theirs, now).max(LEAST))))
}

/// How long a token lives. When it ends is said by GitHub's clock, and ours may be another.
fn lifetime(reply: &Value, theirs: Option<Timestamp>, now: Timestamp) -> Duration {
    let end = reply.get("expires_at").and_then(Value::as_f64).and_then(Timestamp::from_number);
    let refresh = || {
        reply.get("refresh_in")?.as_u64().map(|seconds| Duration::from_secs(seconds).saturating_add(EARLY))
    };
    match (end, theirs) {
        (Some(end), Some(theirs)) => end.since(theirs),
        (Some(end), None) => refresh().unwrap_or_else(|| end.since(now)),
        (None, _) => refresh().unwrap_or(UNSAID),
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    Timestamp::from_http_date(headers.get(DATE)?.to_str().ok()?)
}

/// How long to wait where a refusal is GitHub's limit on calls, not about the account.
// Source: GitHub's REST documentation, "Rate limits": 403 or 429, with `retry-after`, or `x-ratelimit-remaining: 0` and the
// second of the reset.
fn limited(headers: &HeaderMap) -> Option<Option<Duration>> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let theirs = date(headers).unwrap_or_else(account::now);
    if let Some(wait) = retry_after(headers, theirs) {
        return Some(Some(wait));
    }
    let reset = || Timestamp::from_number(text("x-ratelimit-reset")?.parse().ok()?);
    (text("x-ratelimit-remaining")? == "0").then(|| reset().map(|end| end.since(theirs)))
}

/// A refused exchange is about the account: no seat, or a login that was revoked. Trouble of the network is not.
// Source: providers-b.md 2.4 (its trap), 2.7 row 2.
fn refused(error: ExecutorError) -> ExecutorError {
    let Some(status) = error.status().filter(|status| matches!(status.as_u16(), 401 | 403 | 404)) else {
        return error;
    };
    let (headers, body) = (error.headers().clone(), error.body().clone());
    if status == StatusCode::FORBIDDEN
        && let Some(wait) = limited(&headers)
    {
        let evidence = Evidence::new(ErrorKind::RateLimited).with_retry_after(wait);
        let message = "GitHub gives no Copilot token now: too many were asked for";
        return ExecutorError::from_evidence(evidence, message).with_reply(status, headers, body);
    }
    let message = "GitHub gives no Copilot token for this account: its login was revoked, or it has no seat";
    ExecutorError::from_evidence(Evidence::new(ErrorKind::Unauthorized), message)
        .with_reply(status, headers, body)
}

/// Where an account is at home: at github.com, or at its organisation's own domain (data residency).
#[derive(Clone, Copy, Debug)]
pub(super) struct Home<'c> {
    domain: Option<&'c str>,
}

impl<'c> Home<'c> {
    /// What `enterprise_domain` of the file says. It becomes a part of hosts: nothing but a name of a host gets there.
    pub(super) fn of(credential: &'c Credential) -> Result<Self, ExecutorError> {
        let Some(said) = credential.document().text("enterprise_domain") else {
            return Ok(Self { domain: None });
        };
        let domain = known::enterprise_domain(said).ok_or_else(|| {
            let message = format!(
                "enterprise_domain of credential {} is no domain: write it like example.ghe.com",
                credential.masked_id()
            );
            ExecutorError::new(ErrorKind::Misconfigured, message)
        })?;
        Ok(Self { domain: Some(domain) })
    }

    /// Where GitHub's token is exchanged. Source: providers-b.md 2.1 [H] "GitHub Enterprise".
    pub(super) fn exchange(&self) -> String {
        self.domain.map_or_else(
            || known::COPILOT_TOKEN.default.to_owned(),
            |domain| format!("https://api.{domain}/copilot_internal/v2/token"),
        )
    }

    /// The API's root, when the exchange names none.
    pub(super) fn api(&self) -> Option<String> {
        self.domain.map(|domain| format!("https://copilot-api.{domain}"))
    }

    /// Over TLS, at `githubcopilot.com` or below it, or at a host of the organisation's domain.
    // Source: providers-b.md 2.5.2 "Ours".
    fn has(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let githubs = host == "githubcopilot.com" || host.ends_with(".githubcopilot.com");
        let own = |domain: &str| {
            ["api", "copilot-api", "proxy"].iter().any(|name| host == format!("{name}.{domain}"))
        };
        uri.scheme_str() == Some("https") && (githubs || self.domain.is_some_and(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_github_or_of_the_organisation_are_believed() {
        for (url, domain, believed) in [
            ("https://api.githubcopilot.com", None, true),
            ("https://api.enterprise.githubcopilot.com/", None, true),
            ("http://api.githubcopilot.com", None, false),
            ("https://evilgithubcopilot.com", None, false),
            ("https://githubcopilot.com.evil.example", None, false),
            ("nonsense", None, false),
            ("https://copilot-api.corp.ghe.com", None, false),
            ("https://copilot-api.corp.ghe.com", Some("corp.ghe.com"), true),
            ("https://api.corp.ghe.com", Some("corp.ghe.com"), true),
            ("https://evil.corp.ghe.com", Some("corp.ghe.com"), false),
            ("http://api.corp.ghe.com", Some("corp.ghe.com"), false),
        ] {
            assert_eq!(Home { domain }.has(url), believed, "{url} {domain:?}");
        }
    }

    #[test]
    fn an_organisation_of_its_own_domain_has_its_own_hosts() {
        let home = Home { domain: Some("corp.ghe.com") };
        assert_eq!(home.exchange(), "https://api.corp.ghe.com/copilot_internal/v2/token");
        assert_eq!(home.api().as_deref(), Some("https://copilot-api.corp.ghe.com"));
        let home = Home { domain: None };
        assert_eq!((home.exchange().as_str(), home.api()), (known::COPILOT_TOKEN.default, None));
    }

    #[test]
    fn a_lifetime_without_measure_is_a_long_one() {
        let now = Timestamp::from_secs(1_795_000_000);
        for refresh_in in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
            let lives = lifetime(&serde_json::json!({ "refresh_in": refresh_in }), None, now);
            assert!(now.plus(lives) > now.plus(UNSAID), "{refresh_in}");
        }
    }
}
