//! Whose state it is: what one client, in one conversation, had of one family of models.

use std::fmt;
use std::sync::Arc;

use cliproxy_core::{ClientRequest, ProviderFormat, Target, Timestamp};
use cliproxy_translator::model::Issuer;
use cliproxy_translator::pass::recall::{Anchor, Recall, State};

use super::store::{Key, Store};

/// The part of the memory that one attempt may see.
#[derive(Clone)]
pub(crate) struct Scope {
    store: Arc<Store>,
    issuer: Issuer,
    now: Timestamp,
    /// Principal, conversation, format, family, and the credential where only that can read its state.
    name: Key,
    /// Principal and credential: who refused what.
    refused: Key,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Scope {
    pub(crate) fn new(
        store: &Arc<Store>,
        request: &ClientRequest,
        target: &Target,
        format: &ProviderFormat,
    ) -> Self {
        let model = target.model.as_str().to_ascii_lowercase();
        let (issuer, family) = family(format.as_str(), &model);
        let principal = request.principal.as_str().as_bytes();
        let credential = target.credential.id().as_str().as_bytes();
        // OpenAI's state belongs to an organisation; the others' to whoever has it.
        let owner: &[u8] = if matches!(issuer, Issuer::Gpt | Issuer::Unknown) { credential } else { b"" };
        let session = request.session.as_ref().map_or("", |(session, _)| session.as_str()).as_bytes();
        let name = [b"state", principal, session, format.as_str().as_bytes(), family.as_bytes(), owner];
        Self {
            issuer,
            now: target.now,
            name: store.key(name),
            refused: store.key([b"refused".as_slice(), principal, credential]),
            store: Arc::clone(store),
        }
    }

    fn key(&self, anchor: &Anchor<'_>) -> Key {
        let (kind, value): (&[u8], &[u8]) = match anchor {
            Anchor::Call(id) => (b"call", id.as_bytes()),
            Anchor::Words(digest) => (b"words", digest),
            Anchor::Thoughts(digest) => (b"thoughts", digest),
            // An anchor of a later version of the translator: nothing is remembered under it.
            _ => (b"", b""),
        };
        self.store.key([&self.name, kind, value])
    }

    /// Remembers what a reply carried.
    pub(crate) fn put(&self, anchor: &Anchor<'_>, states: Vec<State>) {
        self.store.put(self.key(anchor), states, self.now);
    }

    /// Whether this credential refused a state before.
    pub(crate) fn is_refused(&self, state: &str) -> bool {
        self.store.is_refused(&self.refusal(state), self.now)
    }

    /// The name under which a refused state is remembered.
    pub(crate) fn refusal(&self, state: &str) -> Key {
        // That there is none is no state: it is refused by some models and not by the next.
        let whose = if state.is_empty() { &self.name } else { &self.refused };
        self.store.key([whose.as_slice(), state.as_bytes()])
    }

    /// Remembers that this credential refused a state.
    pub(crate) fn refuse(&self, refusal: Key) {
        self.store.refuse(refusal, self.now);
    }
}

impl Recall for Scope {
    fn issuer(&self) -> Issuer {
        self.issuer
    }

    fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    fn find(&self, anchor: &Anchor<'_>) -> Option<Vec<State>> {
        self.store.find(&self.key(anchor), self.now)
    }
}

/// Who issues the state of a model, and which models read one another's. Source: translation.md E652, E658;
/// providers-b.md 7.4 "`k3` and `k3-256k` share a family".
fn family<'m>(format: &str, model: &'m str) -> (Issuer, &'m str) {
    let kimi = ["kimi", "k2", "k3"].iter().any(|name| model.starts_with(name)) || model.contains("/kimi");
    match () {
        () if model.contains("claude") => (Issuer::Claude, "claude"),
        () if model.contains("gemini") => (Issuer::Gemini, "gemini"),
        () if kimi => (Issuer::Kimi, "kimi"),
        () if model.contains("grok") => (Issuer::Grok, model),
        () if format == "claude" => (Issuer::Claude, model),
        () if format.starts_with("gemini") || format == "antigravity" => (Issuer::Gemini, model),
        () if matches!(format, "openai-response" | "codex") => (Issuer::Gpt, model),
        () => (Issuer::Unknown, model),
    }
}
