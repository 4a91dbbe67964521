//! A token endpoint whose refresh tokens work once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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

/// What becomes of a refresh token that is presented again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reuse {
    /// It is refused; its successor goes on.
    #[default]
    Refused,
    /// It is refused, and the whole account with it: the successor is dead too, as OAuth's best practice has it.
    // Source: RFC 9700 §4.14.2.
    Revokes,
    /// While its successor was never presented, its answer is given again: it may have been lost on its way. After that,
    /// it revokes the account.
    Forgiven,
}

#[derive(Debug, Default)]
struct Ledger {
    /// Every token ever valid.
    known: HashMap<String, State>,
    redemptions: Vec<Redemption>,
    issued: u32,
    lifetime: u64,
    extra: Value,
    reuse: Reuse,
    /// What its refresh tokens begin with.
    prefix: String,
    /// How long the answers wait, in turn; the tokens are spent before.
    delays: Vec<Duration>,
    /// JSON in camelCase, both ways, and nothing else is understood.
    camel_case: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    spent: bool,
    /// The number of the tokens that it was exchanged for.
    next: Option<u32>,
}

impl FakeTokenEndpoint {
    /// Starts with these refresh tokens valid. It answers at any path.
    pub async fn start<'a>(refresh_tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let upstream = FakeUpstream::start().await;
        let known = refresh_tokens.into_iter().map(|token| (token.to_owned(), State::default())).collect();
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

    /// Speaks as AWS's OIDC and Kiro's own service do: JSON in camelCase, both ways, and forms are not understood.
    // Source: providers-b.md 1.4.
    pub fn set_camel_case(&self) {
        self.ledger.lock().camel_case = true;
    }

    /// What the refresh tokens that it issues begin with, before `refresh-1`: no two services issue the same.
    pub fn set_prefix(&self, prefix: impl Into<String>) {
        self.ledger.lock().prefix = prefix.into();
    }

    /// What becomes of a refresh token that is presented again.
    pub fn set_reuse(&self, reuse: Reuse) {
        self.ledger.lock().reuse = reuse;
    }

    /// How long answers are on their way, in turn: the tokens are exchanged before. The last one stays.
    pub fn set_delays(&self, delays: impl IntoIterator<Item = Duration>) {
        self.ledger.lock().delays = delays.into_iter().collect();
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
        let Some(presented) = self.presented(request) else {
            return oauth_error("invalid_request", "refresh_token is missing");
        };
        let Some(state) = self.known.get(&presented).copied() else {
            self.redemptions.push(Redemption { refresh_token: presented, next: None, reused: false });
            return oauth_error("invalid_grant", "Refresh token not found or invalid");
        };
        let number = match state {
            State { spent: false, .. } => {
                self.issued += 1;
                self.issued
            }
            State { next: Some(next), .. } if self.is_forgiven(next) => next,
            _ => {
                if self.reuse != Reuse::Refused {
                    self.known.values_mut().for_each(|state| *state = State { spent: true, next: None });
                }
                self.redemptions.push(Redemption { refresh_token: presented, next: None, reused: true });
                return oauth_error("invalid_grant", "Refresh token has already been used");
            }
        };
        let next = format!("{}refresh-{number}", self.prefix);
        self.known.insert(presented.clone(), State { spent: true, next: Some(number) });
        self.known.entry(next.clone()).or_default();
        let redemption = Redemption { refresh_token: presented, next: Some(next.clone()), reused: false };
        self.redemptions.push(redemption);
        let access = format!("access-{number}");
        let mut body = if self.camel_case {
            json!({"tokenType": "Bearer", "accessToken": access, "refreshToken": next, "expiresIn": self.lifetime})
        } else {
            json!({"token_type": "Bearer", "access_token": access, "refresh_token": next, "expires_in": self.lifetime})
        };
        if let (Some(body), Some(extra)) = (body.as_object_mut(), self.extra.as_object()) {
            body.extend(extra.clone());
        }
        let delay =
            if self.delays.len() > 1 { Some(self.delays.remove(0)) } else { self.delays.first().copied() };
        let reply = status(200).json(&body);
        match delay {
            Some(delay) => reply.slow_head(delay),
            None => reply,
        }
    }

    /// The refresh token of a request.
    fn presented(&self, request: &Received) -> Option<String> {
        let body: Option<Value> = serde_json::from_slice(&request.body).ok();
        let member = |name: &str| Some(body.as_ref()?.get(name)?.as_str()?.to_owned());
        if self.camel_case {
            return member("refreshToken");
        }
        member("refresh_token").or_else(|| member("refreshToken")).or_else(|| request.form("refresh_token"))
    }

    /// Whether the answer with this number may be given once more: nobody has shown yet to have had it.
    fn is_forgiven(&self, number: u32) -> bool {
        let successor = self.known.get(&format!("{}refresh-{number}", self.prefix));
        self.reuse == Reuse::Forgiven && successor.is_some_and(|state| !state.spent)
    }
}

// Source: RFC 6749 §5.2.
fn oauth_error(code: &str, description: &str) -> Reply {
    status(400).json(&json!({"error": code, "error_description": description}))
}
