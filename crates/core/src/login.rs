//! Getting new credentials: the trait behind every way to log in, and what such a flow says and asks.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::{Credential, CredentialId, CredentialKind, Document, Endpoint, Origin, ProviderId, Settings};

/// A way to log in to a provider. It stores nothing: what it returns is saved by its caller.
///
/// The flow may be dropped at any await; nothing is left behind then, but a code that nobody redeems.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// The word that names it: `claude`, `codex-device`. Unique among those of one program.
    fn name(&self) -> &str;

    /// The provider whose credentials it brings.
    fn provider(&self) -> &ProviderId;

    /// One line for people: whose account, and by which way.
    fn summary(&self) -> &str;

    /// Runs the flow to its end.
    ///
    /// # Errors
    /// When the user refuses or does not answer, and when the provider does not play along.
    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError>;

    /// The URLs it calls or sends the user to, for `endpoints.<provider>.<name>`.
    fn endpoints(&self) -> &[Endpoint] {
        &[]
    }
}

/// What the caller wants of a flow. `Debug` names the answers and shows none.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct LoginRequest {
    /// Whether a browser can be opened on this machine.
    pub browser: bool,
    /// The port of the callback listener, in place of the provider's own.
    pub callback_port: Option<u16>,
    /// Whether the browser opens a private window, where nobody is signed in yet; `None`: as the flow would have it.
    pub private_window: Option<bool>,
    /// Answers known beforehand, by [`Question::key`].
    pub answers: BTreeMap<String, String>,
    /// What is in the store already, so that the same account is recognised.
    pub existing: Vec<Credential>,
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let existing: Vec<String> = self.existing.iter().map(Credential::masked_id).collect();
        f.debug_struct("LoginRequest")
            .field("browser", &self.browser)
            .field("callback_port", &self.callback_port)
            .field("private_window", &self.private_window)
            .field("answers", &self.answers.keys().collect::<Vec<_>>())
            .field("existing", &existing)
            .finish()
    }
}

impl LoginRequest {
    /// A request with a browser at hand and nothing else said.
    #[must_use]
    pub fn new() -> Self {
        Self { browser: true, ..Self::default() }
    }

    /// Without a browser on this machine.
    #[must_use]
    pub fn without_browser(mut self) -> Self {
        self.browser = false;
        self
    }

    /// With an answer known beforehand.
    #[must_use]
    pub fn with_answer(mut self, key: impl Into<String>, answer: impl Into<String>) -> Self {
        self.answers.insert(key.into(), answer.into());
        self
    }

    /// An answer known beforehand, trimmed; `None` when it is blank.
    #[must_use]
    pub fn answer(&self, key: &str) -> Option<&str> {
        self.answers.get(key).map(|answer| answer.trim()).filter(|answer| !answer.is_empty())
    }
}

/// Something a flow needs to know from a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// Its name: `callback-url`, `email`, `project`, `cookie`, `file`.
    pub key: &'static str,
    /// What to show.
    pub text: String,
    /// What can be chosen from; empty when anything goes.
    pub choices: Vec<String>,
    /// Whether the answer is a secret.
    pub secret: bool,
}

impl Question {
    /// A question to which anything is an answer.
    #[must_use]
    pub fn new(key: &'static str, text: impl Into<String>) -> Self {
        Self { key, text: text.into(), choices: Vec::new(), secret: false }
    }

    /// With what can be chosen from.
    #[must_use]
    pub fn with_choices(mut self, choices: Vec<String>) -> Self {
        self.choices = choices;
        self
    }

    /// Its answer is a secret.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// What a flow tells while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginStep {
    /// The user has to open this URL. With `browser`, open it for them.
    #[non_exhaustive]
    Open {
        /// Where they agree.
        url: String,
        /// Whether a browser on this machine is to be opened.
        browser: bool,
        /// The port on this machine where the answer is awaited, if there is one.
        port: Option<u16>,
        /// Whether the browser is to open a private window.
        private: bool,
    },
    /// The user has to confirm a code on any device.
    #[non_exhaustive]
    Code {
        /// Where they type it in.
        url: String,
        /// A URL that has the code in it, or the same.
        complete_url: String,
        /// The code.
        code: String,
        /// How long it is good for.
        lifetime: Duration,
        /// Whether a browser on this machine is to be opened.
        browser: bool,
        /// Whether the browser is to open a private window.
        private: bool,
    },
    /// Something to know: progress, or what went wrong without ending the flow.
    Note(String),
}

impl LoginStep {
    /// The user has to open a URL.
    #[must_use]
    pub fn open(url: impl Into<String>, browser: bool, port: Option<u16>) -> Self {
        Self::Open { url: url.into(), browser, port, private: false }
    }

    /// The user has to confirm a code.
    #[must_use]
    pub fn code(
        url: impl Into<String>,
        complete_url: impl Into<String>,
        code: impl Into<String>,
        lifetime: Duration,
        browser: bool,
    ) -> Self {
        let (url, complete_url, code) = (url.into(), complete_url.into(), code.into());
        Self::Code { url, complete_url, code, lifetime, browser, private: false }
    }

    /// As the request wants it: in a private window, or not.
    #[must_use]
    pub fn in_window_of(mut self, request: &LoginRequest) -> Self {
        if let Self::Open { private, .. } | Self::Code { private, .. } = &mut self {
            *private = request.private_window.unwrap_or_default();
        }
        self
    }
}

/// Who shows a flow to a person: a terminal, or a dashboard.
#[async_trait]
pub trait LoginUi: fmt::Debug + Send + Sync + 'static {
    /// Shows a step. Returns at once.
    fn tell(&self, step: LoginStep);

    /// Asks, and waits for the answer; an empty one is an answer. `None` when there is nobody to ask. The future is
    /// dropped when the flow got on by other means.
    async fn ask(&self, question: Question) -> Option<String>;

    /// What the flow has, before it asks for more: tokens that no other login brings again. Whoever runs the flow saves
    /// the last of these, should it be dropped or fail after that. Returns at once.
    fn so_far(&self, _login: NewLogin) {}
}

/// What a flow brought: not stored yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewLogin {
    /// Whose credential it is.
    pub provider: ProviderId,
    /// The name that its file gets, unless the account has one already.
    pub file_name: String,
    /// The name in its place when another account has that one.
    pub other_name: Option<String>,
    /// The whole JSON, without what the user may have added to an older file.
    pub document: Document,
    /// The members that tell accounts apart: equal in all of them is the same account. A dot leads into an object.
    pub identity: Vec<&'static str>,
    /// Members that make it another account where they differ, and nobody the same where they are equal: by which way
    /// it logged in.
    pub distinct: Vec<&'static str>,
    /// Values of those members that say the same: the member, a value without capitals, and what it is another word for.
    pub synonyms: &'static [(&'static str, &'static str, &'static str)],
    /// Members that have to be equal, or to be missing in both, for it to be the same account.
    pub exact: Vec<&'static str>,
    /// Whose account a document is by what stands inside a member, as in a token. Where it tells of both, it decides.
    pub owner: Option<fn(&Document) -> Option<String>>,
}

impl fmt::Debug for NewLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewLogin").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl NewLogin {
    /// A login to be stored under this name.
    #[must_use]
    pub fn new(
        provider: ProviderId,
        file_name: impl Into<String>,
        document: Document,
        identity: &[&'static str],
    ) -> Self {
        Self {
            provider,
            file_name: file_name.into(),
            other_name: None,
            document,
            identity: identity.to_vec(),
            distinct: Vec::new(),
            synonyms: &[],
            exact: Vec::new(),
            owner: None,
        }
    }

    /// With members that tell logins of one name apart.
    #[must_use]
    pub fn with_distinct(mut self, members: &[&'static str]) -> Self {
        self.distinct = members.to_vec();
        self
    }

    /// With members that have to be equal, or to be missing in both, for it to be the same account.
    #[must_use]
    pub fn with_exact(mut self, members: &[&'static str]) -> Self {
        self.exact = members.to_vec();
        self
    }

    /// With a way to read whose account a document is from what stands inside a member.
    #[must_use]
    pub fn with_owner(mut self, owner: fn(&Document) -> Option<String>) -> Self {
        self.owner = Some(owner);
        self
    }

    /// With a name for the case that another account has the first.
    #[must_use]
    pub fn with_other_name(mut self, name: impl Into<String>) -> Self {
        self.other_name = Some(name.into());
        self
    }

    /// The credential to save: over the stored one of the same account, whatever its file is called. Saving it leaves
    /// members that only the file has as they are. Another account's file is never the one that is saved over.
    // Source: providers-a.md 3.3 "a re-login of the same account must update the existing file rather than create a
    // twin"; 1.1 "Do the merge".
    #[must_use]
    pub fn into_credential(self, existing: &[Credential]) -> Credential {
        self.into_credential_beside(existing, |_| false)
    }

    /// As [`Self::into_credential`], with names that are in use although no stored credential has them: files that
    /// cannot be read.
    #[must_use]
    pub fn into_credential_beside(
        self,
        existing: &[Credential],
        in_use: impl Fn(&str) -> bool,
    ) -> Credential {
        let same = self.same_account(existing).map(|credential| credential.id().as_str().to_owned());
        let name = same.unwrap_or_else(|| {
            // A file belongs to whoever has it, of this provider or another; some file systems do not know case.
            self.free_name(|name| {
                in_use(name) || existing.iter().any(|known| known.id().as_str().eq_ignore_ascii_case(name))
            })
        });
        let label =
            ["label", "email", "username", "project_id"].iter().find_map(|key| self.document.text(key));
        let settings = Settings::new(label.unwrap_or(self.provider.as_str()));
        let (id, origin) = (CredentialId::new(name.as_str()), Origin::Store(name));
        Credential::new(id, self.provider, CredentialKind::Account, origin, self.document, settings)
    }

    /// The file name, the other one, then numbered ones.
    fn free_name(&self, taken: impl Fn(&str) -> bool) -> String {
        let last = self.other_name.as_ref().unwrap_or(&self.file_name);
        let stem = last.strip_suffix(".json").unwrap_or(last);
        let mut name = self.file_name.clone();
        let mut others = self.other_name.iter().cloned().chain((2_u64..).map(|n| format!("{stem}-{n}.json")));
        while taken(&name) {
            let Some(next) = others.next() else { break };
            name = next;
        }
        name
    }

    /// The stored credential of this account: the one that agrees in most. None, when several agree in as much and
    /// none in all: to choose one of them would be to guess whose tokens are lost.
    fn same_account<'c>(&self, existing: &'c [Credential]) -> Option<&'c Credential> {
        let ours = existing.iter().filter(|credential| credential.provider() == &self.provider);
        let mut same: Vec<(usize, &Credential)> = ours
            .filter_map(|credential| Some((self.agreement(credential.document())?, credential)))
            .collect();
        same.sort_by_key(|(agreement, _)| Reverse(*agreement));
        match same.as_slice() {
            [(most, _), (next, _), ..] if most == next && *most < self.identity.len() => None,
            [(_, credential), ..] => Some(credential),
            [] => None,
        }
    }

    /// In how many members of the identity it is the same account as a stored one; `None` when it is another.
    fn agreement(&self, stored: &Document) -> Option<usize> {
        let said = |document: &Document, key: &str| {
            let mut path = key.split('.');
            let top = document.get(path.next()?)?;
            let value = path.try_fold(top, |object, member| object.get(member))?;
            Some(value.clone()).filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
        };
        let text = |document: &Document, key: &str| document.text(key).map(str::to_ascii_lowercase);
        let word = |document: &Document, key: &str| {
            let said = text(document, key)?;
            let synonym = self.synonyms.iter().find(|(member, value, _)| *member == key && *value == said);
            Some(synonym.map_or(said, |(_, _, word)| (*word).to_owned()))
        };
        let differs = |key: &&'static str| {
            word(&self.document, key).zip(word(stored, key)).is_some_and(|(ours, theirs)| ours != theirs)
        };
        let unequal = |key: &&'static str| text(&self.document, key) != text(stored, key);
        if self.distinct.iter().any(differs) || self.exact.iter().any(unequal) {
            return None;
        }
        let owners = self.owner.and_then(|owner| owner(&self.document).zip(owner(stored)));
        if let Some((ours, theirs)) = owners {
            return (ours == theirs).then_some(self.identity.len() + 1);
        }
        let mut known = 0;
        let same = self.identity.iter().all(|key| {
            match (said(&self.document, key), said(stored, key)) {
                (Some(Value::String(ours)), Some(Value::String(theirs))) => {
                    known += 1;
                    ours.trim() == theirs.trim()
                }
                // What one of them does not say tells them apart only if nothing else is there to tell.
                _ => true,
            }
        });
        (known > 0 && same).then_some(known)
    }
}

/// What ended a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginErrorKind {
    /// The user said no.
    Denied,
    /// Nobody answered in time, or the code expired.
    TimedOut,
    /// The provider refused what we sent.
    Refused,
    /// The account may not do this: no subscription, no seat.
    NotEntitled,
    /// The provider could not be reached, or is in trouble.
    Unavailable,
    /// The provider's answer cannot be understood.
    BadReply,
    /// Something has to be configured first; the message names the key.
    Setup,
    /// The callback port is in use.
    PortBusy,
    /// What the user gave is not what was asked for.
    BadInput,
    /// A person has to be asked, and nobody is there.
    NoInput,
    /// A file is being written: it may be whole in a moment.
    Unsettled,
}

/// A failed login, told in one clause that ends with the next step where there is one.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoginError {
    kind: LoginErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl LoginError {
    /// A failure of a kind.
    #[must_use]
    pub fn new(kind: LoginErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What ended the flow.
    #[must_use]
    pub fn kind(&self) -> LoginErrorKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document {
        Document::new(serde_json::from_str(json).unwrap())
    }

    fn stored(name: &str, json: &str) -> Credential {
        Credential::new(
            CredentialId::new(name),
            ProviderId::from_static("codex"),
            CredentialKind::Account,
            Origin::Store(name.to_owned()),
            document(json),
            Settings::new("x"),
        )
    }

    #[test]
    fn what_a_request_answers_is_not_shown() {
        let mut request = LoginRequest::new().with_answer("cookie", "BXAuth=CANARY");
        request.existing = vec![stored("mine.json", r#"{"refresh_token":"CANARY"}"#)];
        let shown = format!("{request:?}");
        assert!(shown.contains("cookie") && shown.contains("mine") && !shown.contains("CANARY"), "{shown}");
    }

    #[test]
    fn an_account_keeps_the_file_it_has_and_another_one_does_not_get_it() {
        let existing = [
            stored("mine.json", r#"{"email":"a@x","account_id":"1"}"#),
            stored("codex-b@x.json", r#"{"email":"b@x","account_id":"2"}"#),
            stored("old.json", r#"{"email":"c@x"}"#),
        ];
        for (json, expected) in [
            (r#"{"email":"a@x","account_id":"1"}"#, "mine.json"),
            (r#"{"email":"b@x","account_id":"2"}"#, "codex-b@x.json"),
            (r#"{"email":"b@x","account_id":"3"}"#, "other.json"),
            (r#"{"email":"c@x","account_id":"9"}"#, "old.json"),
            (r#"{}"#, "other.json"),
        ] {
            let login = NewLogin::new(
                ProviderId::from_static("codex"),
                "codex-b@x.json",
                document(json),
                &["email", "account_id"],
            );
            let credential = login.with_other_name("other.json").into_credential(&existing);
            assert_eq!(credential.id().as_str(), expected, "{json}");
        }
        for (way, expected) in [("IdC", "mine.json"), ("social", "new.json"), ("", "mine.json")] {
            let existing = [stored("mine.json", r#"{"email":"a@x","way":"idc"}"#)];
            let json = format!(r#"{{"email":"a@x","way":"{way}"}}"#);
            let login =
                NewLogin::new(ProviderId::from_static("codex"), "new.json", document(&json), &["email"])
                    .with_distinct(&["way"]);
            assert_eq!(login.into_credential(&existing).id().as_str(), expected, "{way}");
        }
        let other = NewLogin::new(
            ProviderId::from_static("qwen"),
            "q.json",
            document(r#"{"email":"a@x"}"#),
            &["email"],
        );
        assert_eq!(other.into_credential(&existing).id().as_str(), "q.json", "another provider's account");
    }

    #[test]
    fn what_a_token_says_of_its_owner_decides_where_it_says_anything() {
        fn owner(document: &Document) -> Option<String> {
            document.text("access_token")?.strip_prefix("of ").map(str::to_owned)
        }
        let existing = [
            stored("mine.json", r#"{"access_token":"of me","email":"1"}"#),
            stored("twin.json", r#"{"access_token":"of me","email":"2"}"#),
            stored("hers.json", r#"{"access_token":"of her","email":"3"}"#),
            stored("blank.json", r#"{"access_token":"opaque","email":"4"}"#),
        ];
        for (json, expected) in [
            (r#"{"access_token":"of me","email":"9"}"#, "mine.json"),
            (r#"{"access_token":"of her","email":"1"}"#, "hers.json"),
            (r#"{"access_token":"of him","email":"1"}"#, "new.json"),
            // Nothing is told: the name counts.
            (r#"{"access_token":"opaque too","email":"4"}"#, "blank.json"),
            (r#"{"access_token":"of him","email":"4"}"#, "blank.json"),
            (r#"{"access_token":"opaque too","email":"9"}"#, "new.json"),
        ] {
            let codex = ProviderId::from_static("codex");
            let login = NewLogin::new(codex, "new.json", document(json), &["email"]).with_owner(owner);
            assert_eq!(login.into_credential(&existing).id().as_str(), expected, "{json}");
        }
    }

    #[test]
    fn accounts_that_are_stored_one_after_another_keep_a_file_each() {
        let codex = ProviderId::from_static("codex");
        for other_name in [None, Some("x-hash.json")] {
            let login = |email: &str| {
                let json = format!(r#"{{"email":"{email}","refresh_token":"of {email}"}}"#);
                let login = NewLogin::new(codex.clone(), "x.json", document(&json), &["email"]);
                other_name.map_or(login.clone(), |name| login.with_other_name(name))
            };
            let mut existing = vec![Credential::new(
                CredentialId::new("X.json"),
                ProviderId::from_static("qwen"),
                CredentialKind::Account,
                Origin::Store("X.json".to_owned()),
                document("{}"),
                Settings::new("x"),
            )];
            // Some accounts do not say who they are: none of them is another's.
            let emails = ["a", "b", "", "c", "", "d"];
            for email in emails {
                let credential =
                    login(email).into_credential_beside(&existing, |name| name.ends_with("-3.json"));
                assert!(
                    existing.iter().all(|known| known.id() != credential.id()),
                    "{email}: {credential:?}"
                );
                assert!(!credential.id().as_str().ends_with("-3.json"), "that one cannot be read");
                existing.push(credential);
            }
            for (email, known) in emails.iter().zip(existing.iter().skip(1)) {
                if !email.is_empty() {
                    assert_eq!(login(email).into_credential(&existing).id(), known.id(), "again");
                }
            }
        }
    }

    #[test]
    fn of_several_files_the_one_that_agrees_most_is_the_accounts_and_none_when_that_would_be_a_guess() {
        let files = |first: &str, second: &str| [stored("one.json", first), stored("two.json", second)];
        let whole = r#"{"email":"a@x","token":{"id":"1"}}"#;
        let (bare, second) = (r#"{"email":"a@x"}"#, r#"{"email":"a@x","token":{"id":"2"}}"#);
        for (existing, json, expected) in [
            (files(bare, whole), whole, "two.json"),
            (files(bare, whole), second, "one.json"),
            (files(second, whole), whole, "two.json"),
            (files(second, whole), bare, "new.json"),
            (files(whole, whole), whole, "one.json"),
        ] {
            let provider = ProviderId::from_static("codex");
            let login = NewLogin::new(provider, "new.json", document(json), &["email", "token.id"]);
            assert_eq!(login.into_credential(&existing).id().as_str(), expected, "{json} {existing:?}");
        }
    }
}
