//! Vertex AI: the key file of a service account. Source: providers-a.md 6.1, 6.2.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi, NewLogin,
    ProviderId, Question,
};
use cliproxy_transport::oauth::RsaKey;
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
        // Checked and put in order, at import as at every load. Source: providers-a.md 6.1.
        let key = RsaKey::read(&key).map_err(|error| {
            wrong(format!("the private_key in {path} cannot be used: {error}; download the key file again"))
                .with_source(error)
        })?;
        account.insert("private_key".to_owned(), json!(key.pem().expose()));
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
        // So are two accounts of one project; one without an address is nobody that is known.
        let identity: &[_] = if email.is_empty() { &[] } else { &["project_id", "location", "email"] };
        let login = NewLogin::new(self.provider.clone(), format!("{name}.json"), document, identity);
        Ok(login.with_exact(&["email"]).with_other_name(other))
    }
}
