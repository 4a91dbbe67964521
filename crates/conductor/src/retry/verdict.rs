//! What a failure means for the request and for the credential.

use cliproxy_core::{
    Credential, CredentialKind, ErrorKind, ExecutorError, Operation, RequestScopedAction, RequestScopedRule,
    Scope, Verdict,
};
use cliproxy_quota::{Cooling, Fault};
use regex::Regex;

use crate::Options;
use crate::breaker::Reach;

/// What to do next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    /// Nothing else would help.
    pub(crate) stop: bool,
    /// New tokens might.
    pub(crate) renew: bool,
    /// The endpoint is at fault, and how far: counts against the small budget.
    pub(crate) endpoint: Option<Reach>,
    /// The endpoint does not offer the operation: no other credential there will do better.
    pub(crate) missing: bool,
    /// What the ledger is told.
    pub(crate) fault: Fault,
}

pub(crate) fn judge(
    error: &ExecutorError,
    credential: &Credential,
    options: &Options,
    operation: Operation,
) -> Judgement {
    let kind = error.kind();
    let cooling = if options.is_cooling_off(credential) { Cooling::Off } else { Cooling::Normal };
    let verdict = kind.verdict();
    let missing = is_missing(kind, operation);
    let mut fault = Fault::of(error).with_cooling(cooling);
    if missing || is_about_counts(error, operation) {
        fault.evidence = fault.evidence.with_scope(Scope::Request);
    }
    let mut judged = Judgement {
        stop: verdict == Verdict::GiveUp,
        // API keys rotate at once (Source: runtime.md D.8).
        renew: verdict == Verdict::RenewThenRetry && credential.kind() == CredentialKind::Account,
        endpoint: Reach::of(error),
        missing,
        fault,
    };
    if let Some(action) = rule(error, credential, options) {
        judged.apply(action);
    }
    judged
}

/// A missing count or compact endpoint cools nothing. Source: runtime.md D.7 last row.
fn is_missing(kind: ErrorKind, operation: Operation) -> bool {
    matches!(kind, ErrorKind::EndpointMissing | ErrorKind::Unsupported)
        || (kind == ErrorKind::NotFound && operation != Operation::Generate)
}

/// Limits and servers of counts are not those of generating: what one of them refuses another credential may get, and
/// no generation waits for it. A limit of the whole account is everybody's.
fn is_about_counts(error: &ExecutorError, operation: Operation) -> bool {
    let kind = error.kind();
    operation == Operation::CountTokens
        && error.evidence().scope == Scope::Model
        && (kind == ErrorKind::RateLimited || kind.is_endpoint_fault())
}

/// The first rule that matches: the credential's own, then its channel's. Source: runtime.md D.11.
fn rule(error: &ExecutorError, credential: &Credential, options: &Options) -> Option<RequestScopedAction> {
    let status = error.status()?.as_u16();
    let channel = options.channel_rules.get(credential.provider());
    let body = String::from_utf8_lossy(error.body());
    let matches = |rule: &&RequestScopedRule| rule.status == status && fits(rule, &body);
    let mut rules = credential.settings().request_scoped.iter().chain(channel.into_iter().flatten());
    rules.find(matches).map(|rule| rule.action)
}

/// Whether a body is one that the rule is about: any text, any pattern, or no condition at all.
fn fits(rule: &RequestScopedRule, body: &str) -> bool {
    // A pattern is compiled when it is needed, which is once a failure with this very status; it was checked when it
    // was read. Its engine takes linear time, whatever the provider wrote.
    let pattern = |pattern: &String| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(body));
    (rule.contains.is_empty() && rule.patterns.is_empty())
        || rule.contains.iter().any(|text| body.contains(text.as_str()))
        || rule.patterns.iter().any(pattern)
}

impl Judgement {
    fn apply(&mut self, action: RequestScopedAction) {
        let (stop, cool) = match action {
            RequestScopedAction::Stop => (true, false),
            RequestScopedAction::StopAndCooldown => (true, true),
            RequestScopedAction::Continue => (false, false),
            RequestScopedAction::ContinueAndCooldown => (false, true),
            _ => return,
        };
        self.stop = stop;
        self.renew = false;
        if cool {
            self.fault = self.fault.with_cooling(Cooling::Forced);
        } else {
            self.fault.evidence = self.fault.evidence.with_scope(Scope::Request);
        }
    }
}
