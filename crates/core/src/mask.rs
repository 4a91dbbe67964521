//! Takes secrets out of what a provider said, before anybody reads it: those that we sent, word for word, and whatever
//! looks like a key or token.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::Credential;

/// What stands in for a secret.
const HIDDEN: &str = "[redacted]";
/// A value shorter than this is no secret worth the confusion of replacing it everywhere.
const SHORTEST: usize = 6;
/// Parts of member names that say that the value identifies or opens the account.
const TELLING: [&str; 10] = [
    "token",
    "key",
    "secret",
    "password",
    "cookie",
    "credential",
    "assertion",
    "authorization",
    "email",
    "sub",
];
/// Ends of member names that tell, and whose values say nothing of the account: a text would lose its every `Bearer`.
const HARMLESS: [&str; 4] = ["token_type", "tokentype", "expires_at", "expiresat"];
/// How keys and tokens begin that are recognised without knowing them.
const PREFIXES: [&str; 15] = [
    "sk-",
    "sk_",
    "rk-",
    "pk-",
    "AIza",
    "ya29.",
    "1//",
    "gho_",
    "ghu_",
    "ghp_",
    "ghs_",
    "github_pat_",
    "xai-",
    "eyJ",
    COPILOT,
];
/// Copilot's tokens of half an hour, which no credential holds: `tid=…;exp=…;…:…`.
const COPILOT: &str = "tid=";
/// From how many characters after the prefix on it is one.
const TAIL: usize = 8;

/// The secrets that are not to be shown. `Debug` shows none of them.
#[derive(Clone, Default)]
pub struct Mask {
    known: Vec<String>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").field("count", &self.known.len()).finish()
    }
}

impl Mask {
    /// Hides these texts, as they are and as they read inside a JSON string or a form.
    #[must_use]
    pub fn of_texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self::of_known(texts.into_iter().map(|text| text.trim().to_owned()).collect())
    }

    /// Hides everything secret in a credential. Only called when there is an error to show.
    #[must_use]
    pub fn of(credential: &Credential) -> Self {
        let mut known = Vec::new();
        for (key, value) in credential.document().as_map() {
            collect(value, is_telling(key), &mut known);
            if let Some(cookie) = value.as_str().filter(|_| key.to_ascii_lowercase().contains("cookie")) {
                pairs(cookie, &mut known);
            }
        }
        let settings = credential.settings();
        known.extend(settings.proxy.iter().map(|proxy| proxy.expose().to_owned()));
        for (name, value) in &settings.headers {
            known.push(value.expose().to_owned());
            match name.to_ascii_lowercase().as_str() {
                "cookie" => pairs(value.expose(), &mut known),
                // A scheme and what it shows: `Bearer …`, `Basic …`.
                "authorization" | "proxy-authorization" => {
                    known.extend(
                        value.expose().trim().split_once(' ').map(|(_, shown)| shown.trim().to_owned()),
                    );
                }
                _ => {}
            }
        }
        if settings.label.contains('@') {
            known.push(settings.label.clone());
        }
        Self::of_known(known)
    }

    fn of_known(mut known: Vec<String>) -> Self {
        let escaped: Vec<String> =
            known.iter().flat_map(|text| escaped(text).into_iter().chain(in_a_form(text))).collect();
        known.extend(escaped);
        known.retain(|text| text.len() >= SHORTEST);
        // A secret inside another must not leave the rest of the longer one.
        known.sort_by_key(|text| std::cmp::Reverse(text.len()));
        known.dedup();
        Self { known }
    }

    /// The text without secrets. What is to be cut is cut afterwards: half a secret is known no more.
    #[must_use]
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.known {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), HIDDEN));
            }
        }
        match hide_lookalikes(&text) {
            Some(hidden) => Cow::Owned(hidden),
            None => text,
        }
    }
}

fn is_telling(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    if HARMLESS.iter().any(|end| key.ends_with(end)) {
        return false;
    }
    TELLING.iter().any(|word| key.contains(word))
}

/// What a cookie is made of: whoever repeats one may leave out what stands between and around.
fn pairs(cookie: &str, known: &mut Vec<String>) {
    for pair in cookie.split(';').map(str::trim) {
        known.push(pair.to_owned());
        known.extend(pair.split_once('=').map(|(_, value)| value.trim().to_owned()));
    }
}

/// Strings anywhere below a telling name.
fn collect(value: &Value, telling: bool, known: &mut Vec<String>) {
    match value {
        Value::String(text) if telling => known.push(text.trim().to_owned()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, telling, known)),
        Value::Object(members) => {
            for (key, value) in members {
                collect(value, telling || is_telling(key), known);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// How a secret reads inside a JSON string, when that is different.
fn escaped(text: &str) -> Option<String> {
    let json = Value::String(text.to_owned()).to_string();
    let body = json.strip_prefix('"')?.strip_suffix('"')?;
    (body != text).then(|| body.to_owned())
}

/// How a secret reads inside a form or a query, when that is different.
fn in_a_form(text: &str) -> Option<String> {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*');
    if text.bytes().all(stays) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            byte if stays(byte) => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => {
                let _infallible = write!(out, "%{byte:02X}");
            }
        }
    }
    Some(out)
}

/// Replaces what looks like a key; `None` when nothing does.
fn hide_lookalikes(text: &str) -> Option<String> {
    let mut out: Option<String> = None;
    let mut rest = text;
    while let Some((at, prefix)) = next_prefix(rest) {
        let (before, found) = rest.split_at_checked(at)?;
        let tail = found.get(prefix.len()..)?;
        let listed = |c: char| prefix == COPILOT && matches!(c, ';' | ':');
        let length = tail.find(|c: char| !is_key_char(c) && !listed(c)).unwrap_or(tail.len());
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(before);
        let starts_word = !before.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts_word && length >= TAIL {
            out.push_str(prefix);
            out.push_str(HIDDEN);
            rest = tail.get(length..)?;
        } else {
            out.push_str(prefix);
            rest = tail;
        }
    }
    let mut out = out?;
    out.push_str(rest);
    Some(out)
}

fn next_prefix(text: &str) -> Option<(usize, &'static str)> {
    PREFIXES.iter().filter_map(|prefix| Some((text.find(prefix)?, *prefix))).min_by_key(|(at, _)| *at)
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '=' | '*')
}

#[cfg(test)]
mod tests {
    use crate::{CredentialId, CredentialKind, Document, Origin, ProviderId, Secret, Settings};

    use super::*;

    fn mask(json: &str, settings: Settings) -> Mask {
        let Ok(Value::Object(map)) = serde_json::from_str(json) else { panic!("not an object: {json}") };
        Mask::of(&Credential::new(
            CredentialId::new("c"),
            ProviderId::from_static("p"),
            CredentialKind::Account,
            Origin::Runtime,
            Document::new(map),
            settings,
        ))
    }

    #[test]
    fn a_credential_s_own_secrets_never_show() {
        let mut settings = Settings::new("alice@example.com");
        settings.proxy = Some(Secret::from("http://u:CANARY-proxy@p"));
        settings.headers = vec![("x-key".to_owned(), Secret::from("CANARY-header"))];
        let mask = mask(
            r#"{"api_key":"CANARY-key","token":{"access_token":"CANARY-access","nested":["CANARY-nested"]},
                "id_token":"CANARY \"quoted\"","type":"harmless-type"}"#,
            settings,
        );
        let said = r#"key CANARY-key, CANARY-access, CANARY-nested, CANARY-header, http://u:CANARY-proxy@p,
            alice@example.com, CANARY "quoted", CANARY \"quoted\", harmless-type"#;
        let shown = mask.apply(said);
        assert!(!shown.contains("CANARY") && !shown.contains("alice"), "{shown}");
        assert!(shown.contains("harmless-type"), "{shown}");
    }

    #[test]
    fn what_looks_like_a_key_is_hidden_whosever_it_is() {
        let mask = mask("{}", Settings::new(""));
        for (said, shown) in [
            ("Incorrect API key: sk-proj-abcdefgh12345.", "Incorrect API key: sk-[redacted]"),
            ("sk-ant-api03-AbCd_1234-xyz, and AIzaSyA1234567890", "sk-[redacted], and AIza[redacted]"),
            ("token eyJhbGciOi.eyJzdWIi.c2ln!", "token eyJ[redacted]!"),
            ("no tid=0a1b2c3d;exp=1795000000;sku=x:9f8e7d here", "no tid=[redacted] here"),
            ("a task-force of ask-me-anything", "a task-force of ask-me-anything"),
            ("sk-short", "sk-short"),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(mask.apply(said), shown, "{said}");
        }
    }

    #[test]
    fn a_cookie_is_hidden_in_its_parts_and_a_header_without_its_scheme() {
        let mut settings = Settings::new("");
        settings.headers = vec![
            ("Authorization".to_owned(), Secret::from("Bearer CANARY-bearer")),
            ("Cookie".to_owned(), Secret::from("a=CANARY-one; b=CANARY-two")),
        ];
        let mask = mask(r#"{"cookie":"BXAuth=CANARY-auth;"}"#, settings);
        for said in [
            "bad cookie BXAuth=CANARY-auth",
            "CANARY-auth",
            "BXAuth=CANARY-auth;",
            "Bearer CANARY-bearer, CANARY-bearer",
            "CANARY-two or a=CANARY-one",
        ] {
            assert!(!mask.apply(said).contains("CANARY"), "{said}: {}", mask.apply(said));
        }
        assert_eq!(mask.apply("a Bearer token is missing"), "a Bearer token is missing");
    }

    #[test]
    fn what_says_nothing_of_the_account_stays_readable() {
        let mask = mask(
            r#"{"token_type":"Bearer","tokenType":"Bearer","client_secret_expires_at":"2026-11-28T00:00:00Z",
                "access_token":"CANARY-token"}"#,
            Settings::new(""),
        );
        let said = "Bearer CANARY-token ended at 2026-11-28T00:00:00Z";
        assert_eq!(mask.apply(said), "Bearer [redacted] ended at 2026-11-28T00:00:00Z");
    }

    #[test]
    fn texts_are_hidden_as_they_were_sent_and_as_forms_and_json_spell_them() {
        let mask = Mask::of_texts(["1/x/CANARY+=", "CANARY \"q\"", "short", ""]);
        let said =
            r#"refresh_token=1%2Fx%2FCANARY%2B%3D or 1/x/CANARY+=; CANARY \"q\"; CANARY+%22q%22; short"#;
        let shown = mask.apply(said);
        assert_eq!(shown, "refresh_token=[redacted] or [redacted]; [redacted]; [redacted]; short");
        assert_eq!(format!("{mask:?}"), "Mask { count: 5 }");
    }
}
