//! What an auth file says of its credential.

use std::fmt;

use cliproxy_core::{
    Credential, CredentialId, CredentialKind, Document, Limits, Origin, ProviderId, Secret, Settings,
    StoreProblem,
};
use serde_json::Value;

use crate::normalize::{normalize_aliases, normalize_excluded_models, normalize_headers, normalize_prefix};
use crate::request_scoped;
use crate::text::{Fault, StoredText};

/// Shares above this are cut to it. Source: runtime.md A.10 "entry `weight`".
const MAX_WEIGHT: i64 = 1_000_000;

/// A credential read from its text, with what had to be left out of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reading {
    /// The credential, marked as stored.
    pub credential: Credential,
    /// Members that are there and could not be understood; the credential works without them.
    pub problems: Vec<StoreProblem>,
}

/// Reads the text of an auth file (or row, or object) called `name`.
///
/// # Errors
/// When it is no credential: empty, larger than 1 MiB, not JSON, not an object, or without a `type`.
pub fn read_credential(name: &str, text: &[u8]) -> Result<Reading, StoreProblem> {
    let parsed = if text.len() as u64 > crate::text::MAX_BYTES {
        Err(Fault::TooLarge)
    } else {
        StoredText::parse(text)
    };
    match parsed {
        Ok(stored) => Ok(reading(name, &stored)),
        Err(fault) => Err(StoreProblem::new(name, fault.to_string())),
    }
}

pub(crate) fn reading(name: &str, stored: &StoredText) -> Reading {
    let document = Document::new(stored.map.clone());
    let provider = provider_of(&document);
    let mut members = Members { document: &document, name, problems: Vec::new() };
    let settings = members.settings(&provider);
    let problems = members.problems;
    let kind = kind_of(&document);
    let origin = Origin::Store(name.to_owned());
    let credential =
        Credential::new(CredentialId::new(name), provider, kind, origin, document, settings).into_stored();
    Reading { credential, problems }
}

/// The provider that `type` names.
// Source: runtime.md C.6 "`type: gemini` becomes provider `gemini-cli`"; providers-b.md 0.1 "lower-cased".
pub(crate) fn provider_of(document: &Document) -> ProviderId {
    let provider = ProviderId::normalized(document.text("type").unwrap_or_default());
    if provider.as_str() == "gemini" { ProviderId::from_static("gemini-cli") } else { provider }
}

/// A file is a login unless it holds a key and nothing that a login would have.
// Source: runtime.md C.1 "AccountInfo".
fn kind_of(document: &Document) -> CredentialKind {
    const LOGIN: [&str; 8] = [
        "email",
        "access_token",
        "refresh_token",
        "token",
        "id_token",
        "cookie",
        "service_account",
        "accessToken",
    ];
    let has_key = document.text("api_key").or_else(|| document.text("api-key")).is_some();
    let has_login = LOGIN.iter().any(|key| document.get(key).is_some_and(|value| !is_blank(value)));
    if has_key && !has_login { CredentialKind::ApiKey } else { CredentialKind::Account }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The settings in a document, under the snake_case or the kebab-case name.
struct Members<'a> {
    document: &'a Document,
    name: &'a str,
    problems: Vec<StoreProblem>,
}

impl<'a> Members<'a> {
    // Source: providers-a.md 1.1 "Keys understood in any auth file"; runtime.md C.6.
    fn settings(&mut self, provider: &ProviderId) -> Settings {
        let document = self.document;
        let label = ["label", "email", "project_id"].iter().find_map(|key| document.text(key));
        let mut settings = Settings::new(label.unwrap_or(provider.as_str()));
        settings.prefix = self.text("prefix").and_then(normalize_prefix);
        settings.priority = self.integer("priority").unwrap_or(0);
        settings.weight = self.integer("weight").map_or(1, |weight| weight.min(MAX_WEIGHT));
        settings.base_url = self.text("base_url").map(str::to_owned);
        settings.proxy = self.text("proxy_url").map(Secret::from);
        settings.headers = normalize_headers(self.headers());
        settings.disabled = self.flag("disabled").unwrap_or(false);
        settings.excluded_models = normalize_excluded_models(self.texts("excluded_models"));
        settings.aliases = normalize_aliases(self.aliases());
        settings.limits = self.limits();
        if let Some(rules) = self.find("request_scoped_errors") {
            let (rules, faults) = request_scoped::rules(rules);
            settings.request_scoped = rules;
            faults.into_iter().for_each(|fault| self.report("request_scoped_errors", fault));
        }
        settings
    }

    /// The member under either spelling. Source: runtime.md C.1 "an explicit snake_case value wins".
    fn find(&self, snake: &str) -> Option<&'a Value> {
        let present = |key: &str| self.document.get(key).filter(|value| !value.is_null());
        present(snake).or_else(|| present(&snake.replace('_', "-")))
    }

    fn report(&mut self, member: &str, what: impl fmt::Display) {
        self.problems.push(StoreProblem::new(self.name, format!("\"{member}\" is ignored: {what}")));
    }

    fn text(&mut self, snake: &str) -> Option<&'a str> {
        match self.find(snake)? {
            Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.report(snake, "it has to be a text");
                None
            }
        }
    }

    fn flag(&mut self, snake: &str) -> Option<bool> {
        self.find(snake)?;
        let dashed = snake.replace('_', "-");
        let flag = self.document.flag(snake).or_else(|| self.document.flag(&dashed));
        if flag.is_none() {
            self.report(snake, "it has to be true or false");
        }
        flag
    }

    fn integer(&mut self, snake: &str) -> Option<i64> {
        let number = match self.find(snake)? {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if number.is_none() {
            self.report(snake, "it has to be a whole number");
        }
        number
    }

    fn texts(&mut self, snake: &str) -> Vec<&'a str> {
        match self.find(snake) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text.split(',').collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                self.report(snake, "it has to be a list of texts");
                Vec::new()
            }
        }
    }

    /// String values only. Source: runtime.md C.6.
    fn headers(&mut self) -> Vec<(String, Secret)> {
        let Some(value) = self.find("headers") else { return Vec::new() };
        let Some(map) = value.as_object() else {
            self.report("headers", "it has to be an object of texts");
            return Vec::new();
        };
        let pairs =
            map.iter().filter_map(|(name, value)| Some((name.clone(), Secret::from(value.as_str()?))));
        pairs.collect()
    }

    fn aliases(&mut self) -> Vec<(String, String, bool)> {
        let Some(value) = self.find("model_aliases") else { return Vec::new() };
        let Some(list) = value.as_array() else {
            self.report("model_aliases", "it has to be a list of {name, alias}");
            return Vec::new();
        };
        let entries = list.iter().map(|entry| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("name"), text("alias"), entry.get("fork").and_then(Value::as_bool).unwrap_or(false))
        });
        entries.collect()
    }

    fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        limits.disable_cooling = self.flag("disable_cooling");
        // Source: runtime.md C.1 "request_retry … negative ⇒ inherit in [H]".
        limits.request_retry = self.integer("request_retry").and_then(|retries| u32::try_from(retries).ok());
        limits
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and within ±9e15, which i64 holds exactly")]
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}
