//! A token endpoint whose refresh tokens work once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::FakeUpstream;
use crate::received::Received;
use crate::reply::{Reply, status};

/// An OAuth token endpoint: each refresh token works exactly once and brings the next one. Using one again answers
/// `invalid_grant`, as strict providers do, and is recorded.
#[derive(Debug)]
pub struct FakeTokenEndpoint {
    upstream: FakeUpstream,
    ledger: Arc<Mutex<Ledger>>,
}

/// One use of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redemption {
    /// The token presented.
    pub refresh_token: String,
    /// What it was exchanged for: the next refresh token, or nothing when it was refused.
    pub next: Option<String>,
    /// Whether it had been used before.
    pub reused: bool,
}

#[derive(Debug, Default)]
struct Ledger {
    /// Every token ever valid, and whether it is spent.
    known: HashMap<String, bool>,
    redemptions: Vec<Redemption>,
    issued: u32,
    lifetime: u64,
    extra: Value,
}

impl FakeTokenEndpoint {
    /// Starts with these refresh tokens valid. It answers at any path.
    pub async fn start<'a>(refresh_tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let upstream = FakeUpstream::start().await;
        let known = refresh_tokens.into_iter().map(|token| (token.to_owned(), false)).collect();
        let ledger = Arc::new(Mutex::new(Ledger { known, lifetime: 3600, ..Ledger::default() }));
        let book = Arc::clone(&ledger);
        upstream.answer_with(move |request| book.lock().redeem(request));
        Self { upstream, ledger }
    }

    /// The URL to post to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/oauth/token", self.upstream.url())
    }

    /// How long the access tokens live, in seconds. 3600 at first.
    pub fn set_lifetime(&self, seconds: u64) {
        self.ledger.lock().lifetime = seconds;
    }

    /// Members to add to every successful reply, such as an `account` or an `id_token`.
    pub fn set_extra(&self, members: Value) {
        self.ledger.lock().extra = members;
    }

    /// The next requests are answered from this script instead (a 500, a cut, a hang), and spend no token.
    pub fn fail_with(&self, replies: impl IntoIterator<Item = Reply>) {
        self.upstream.interrupt(replies);
    }

    /// Every use of a refresh token, in order.
    #[must_use]
    pub fn redemptions(&self) -> Vec<Redemption> {
        self.ledger.lock().redemptions.clone()
    }

    /// How often a token was presented that had been spent.
    #[must_use]
    pub fn reuses(&self) -> usize {
        self.ledger.lock().redemptions.iter().filter(|redemption| redemption.reused).count()
    }

    /// The server below: requests received, waiting for them.
    #[must_use]
    pub fn upstream(&self) -> &FakeUpstream {
        &self.upstream
    }
}

impl Ledger {
    fn redeem(&mut self, request: &Received) -> Reply {
        let from_json = || {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            Some(body.get("refresh_token")?.as_str()?.to_owned())
        };
        let Some(presented) = from_json().or_else(|| request.form("refresh_token")) else {
            return oauth_error("invalid_request", "refresh_token is missing");
        };
        let reused = match self.known.get_mut(&presented) {
            Some(spent) => std::mem::replace(spent, true),
            None => {
                self.redemptions.push(Redemption { refresh_token: presented, next: None, reused: false });
                return oauth_error("invalid_grant", "Refresh token not found or invalid");
            }
        };
        if reused {
            self.redemptions.push(Redemption { refresh_token: presented, next: None, reused });
            return oauth_error("invalid_grant", "Refresh token has already been used");
        }
        self.issued += 1;
        let next = format!("refresh-{}", self.issued);
        self.known.insert(next.clone(), false);
        self.redemptions.push(Redemption { refresh_token: presented, next: Some(next.clone()), reused });
        let mut body = json!({
            "token_type": "Bearer",
            "access_token": format!("access-{}", self.issued),
            "refresh_token": next,
            "expires_in": self.lifetime,
        });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), self.extra.as_object()) {
            body.extend(extra.clone());
        }
        status(200).json(&body)
    }
}

// Source: RFC 6749 §5.2.
fn oauth_error(code: &str, description: &str) -> Reply {
    status(400).json(&json!({"error": code, "error_description": description}))
}
