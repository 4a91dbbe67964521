//! Vertex AI: the key file of a service account. Source: providers-a.md 6.1, 6.2.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cliproxy_core::{
    Authenticator, Document, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi, NewLogin,
    ProviderId, Question,
};
use serde_json::{Map, Value, json};

use crate::Options;
use crate::names::part;

const MAX_BYTES: u64 = 256 * 1024;
/// Source: providers-a.md 6.1 "location fixed to `us-central1`".
const LOCATION: &str = "us-central1";

#[derive(Debug)]
pub(crate) struct Vertex {
    provider: ProviderId,
}

impl Vertex {
    pub(crate) fn new(_options: &Options) -> Self {
        Self { provider: ProviderId::from_static("vertex") }
    }
}

fn wrong(message: impl Into<String>) -> LoginError {
    LoginError::new(LoginErrorKind::BadInput, message)
}

fn read(path: &Path) -> Result<Map<String, Value>, LoginError> {
    let shown = path.display();
    let cannot = |error: std::io::Error| wrong(format!("{shown} cannot be read: {error}")).with_source(error);
    if std::fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
        return Err(wrong(format!("{shown} is too large for the key of a service account")));
    }
    let text = std::fs::read(path).map_err(cannot)?;
    match serde_json::from_slice(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(wrong(format!("{shown} is no JSON object"))),
        Err(error) => Err(wrong(format!("{shown} is no JSON (line {})", error.line())).with_source(error)),
    }
}

#[async_trait]
impl Authenticator for Vertex {
    fn name(&self) -> &str {
        "vertex"
    }

    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn summary(&self) -> &str {
        "Vertex AI, the key file of a service account (import)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let path = match request.answer("file") {
            Some(path) => path.to_owned(),
            None => {
                let question = Question::new("file", "The service account's key file (JSON)");
                let nobody =
                    || LoginError::new(LoginErrorKind::NoInput, "name the key file: -vertex-import FILE");
                ui.ask(question).await.ok_or_else(nobody)?.trim().to_owned()
            }
        };
        let mut account = read(Path::new(&path))?;
        let text = |account: &Map<String, Value>, key: &str| {
            account.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
        };
        let project = text(&account, "project_id");
        let email = text(&account, "client_email");
        let key = text(&account, "private_key");
        if key.is_empty() {
            return Err(wrong(format!("{path} has no private_key: it is no key of a service account")));
        }
        if project.is_empty() {
            return Err(wrong(format!("{path} has no project_id: it is no key of a service account")));
        }
        if email.is_empty() {
            ui.tell(LoginStep::Note("the key file names no client_email: calls will be refused".to_owned()));
        }
        let key = pem(&key).ok_or_else(|| {
            wrong(format!("the private_key in {path} is no RSA key: download the key file again"))
        })?;
        account.insert("private_key".to_owned(), json!(key));
        let location = request.answer("location").unwrap_or(LOCATION).to_owned();
        let mut document = Map::new();
        for (key, value) in [
            ("service_account", Value::Object(account)),
            ("project_id", json!(project)),
            ("email", json!(email)),
            ("location", json!(location)),
            ("type", json!("vertex")),
        ] {
            document.insert(key.to_owned(), value);
        }
        let mut name = format!("vertex-{}", part(&project));
        if let Some(prefix) = request.answer("prefix") {
            document.insert("prefix".to_owned(), json!(prefix));
            name = format!("vertex-{}-{}", part(prefix), part(&project));
        }
        let other = format!("{name}-{}.json", part(&location));
        let document = Document::new(document);
        // One project in two locations is two credentials; the reference lets the second overwrite the first.
        let login = NewLogin::new(
            self.provider.clone(),
            format!("{name}.json"),
            document,
            &["project_id", "location", "email"],
        );
        Ok(login.with_other_name(other))
    }
}

/// A private key as PEM, whatever was done to it on its way. `None` when it is no RSA key.
// Source: providers-a.md 6.1 "Private key normalisation". The kind of block stays: the reference reads both.
fn pem(text: &str) -> Option<String> {
    let text = without_escapes(&text.replace("\\n", "\n").replace("\r\n", "\n").replace('\r', "\n"));
    let begin = text.find("-----BEGIN ")?;
    let rest = text.get(begin + "-----BEGIN ".len()..)?;
    let (_, rest) = rest.split_once("-----")?;
    let body = rest.split_once("-----END").map_or(rest, |(body, _)| body);
    let base64: String =
        body.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).collect();
    let der = STANDARD.decode(&base64).ok()?;
    let pkcs8 = ring::signature::RsaKeyPair::from_pkcs8(&der).is_ok();
    if !pkcs8 && ring::signature::RsaKeyPair::from_der(&der).is_err() {
        return None;
    }
    let label = if pkcs8 { "PRIVATE KEY" } else { "RSA PRIVATE KEY" };
    let encoded = STANDARD.encode(&der);
    let mut lines = String::new();
    for (at, c) in encoded.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    Some(format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"))
}

/// Without the escapes that a terminal leaves in what is copied from it.
fn without_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if c == '\n' || !c.is_control() {
            out.push(c);
        }
    }
    out
}
