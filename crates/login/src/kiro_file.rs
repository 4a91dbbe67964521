//! The token file of the Kiro IDE, read and written back in its own spelling. Source: providers-b.md 1.1.7, 1.3.

use std::path::{Path, PathBuf};

use cliproxy_core::{Document, LoginError, LoginErrorKind, Timestamp};
use cliproxy_transport::oauth::{Registration, jwt_claims};
use serde_json::{Map, Value, json};

use crate::import::{document as of_members, moment, object, settled, some, text};

/// Ours and the IDE's names for what a renewal changes.
const RENEWED: [(&str, &str); 5] = [
    ("access_token", "accessToken"),
    ("refresh_token", "refreshToken"),
    ("expires_at", "expiresAt"),
    ("profile_arn", "profileArn"),
    (Document::LINEAGE, LINEAGE),
];
/// Ours alone, in the IDE's spelling: it passes over what it does not know.
const LINEAGE: &str = "refreshLineage";

/// A token file of the Kiro IDE (`~/.aws/sso/cache/kiro-auth-token.json`), which both use: whoever renews its tokens
/// writes them back, so that neither is logged out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KiroTokenFile {
    path: PathBuf,
}

impl KiroTokenFile {
    /// The file at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says, under our names. Waits for a file that is being written to be whole.
    ///
    /// # Errors
    /// When it cannot be read, or holds no login.
    pub async fn read(&self) -> Result<Document, LoginError> {
        self.read_or(None).await
    }

    /// As [`Self::read`]; this access token stands in where the file has none.
    ///
    /// # Errors
    /// When it cannot be read, or there is no token.
    pub async fn read_or(&self, access: Option<&str>) -> Result<Document, LoginError> {
        settled(|| {
            let file = object(&self.path)?;
            document(&file, &self.path, access).ok_or_else(|| {
                let message = format!("{} holds no login of Kiro", self.path.display());
                LoginError::new(LoginErrorKind::BadInput, message)
            })
        })
        .await
    }

    /// The file's next text: the tokens of a renewal, and everything else as it is there now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn renewed(&self, renewed: &Document) -> Result<Vec<u8>, LoginError> {
        let mut file = settled(|| object(&self.path)).await?;
        let camel = !is_ours(&file);
        for (ours, theirs) in RENEWED {
            if let Some(value) = renewed.text(ours) {
                file.insert(if camel { theirs } else { ours }.to_owned(), Value::from(value));
            }
        }
        serde_json::to_vec_pretty(&file).map_err(|error| {
            let message = format!("{} cannot be written", self.path.display());
            LoginError::new(LoginErrorKind::BadInput, message).with_source(error)
        })
    }
}

/// Whether it is written in our spelling. A file that holds no login is the IDE's.
fn is_ours(file: &Map<String, Value>) -> bool {
    !file.contains_key("accessToken") && RENEWED.iter().any(|(ours, _)| text(file, ours).is_some())
}

/// A file under our names, with the client registration that lies beside it.
pub(crate) fn document(file: &Map<String, Value>, path: &Path, stand_in: Option<&str>) -> Option<Document> {
    if text(file, "access_token").is_some() {
        return Some(Document::new(file.clone()));
    }
    if let Some(access) = stand_in.filter(|_| is_ours(file)) {
        let access = Map::from_iter([("access_token".to_owned(), Value::from(access))]);
        return Some(Document::new(file.clone()).merged(access));
    }
    let access = text(file, "accessToken").or(stand_in)?;
    let hash = text(file, "clientIdHash");
    let own = text(file, "clientId").zip(text(file, "clientSecret"));
    let beside = match (own, hash) {
        (None, Some(hash)) => Registration::read(path.parent()?, hash).ok(),
        _ => None,
    };
    let beside = beside.as_ref();
    let client_id = text(file, "clientId").or_else(|| Some(beside?.client_id.as_str()));
    let client_secret = text(file, "clientSecret").or_else(|| Some(beside?.client_secret.expose()));
    let over = beside.and_then(|found| found.expires).map(Timestamp::to_rfc3339);
    let claims = jwt_claims(access).unwrap_or_default();
    let email = text(file, "email").or_else(|| text(&claims, "email"));
    Some(of_members([
        ("type", Some(json!("kiro"))),
        ("access_token", some(Some(access))),
        ("refresh_token", some(text(file, "refreshToken"))),
        ("profile_arn", some(text(file, "profileArn"))),
        ("expires_at", moment(file, "expiresAt").map(Value::from)),
        ("auth_method", text(file, "authMethod").map(|method| json!(method.to_ascii_lowercase()))),
        ("provider", Some(json!(text(file, "provider").unwrap_or("imported")))),
        ("client_id", some(client_id)),
        ("client_secret", some(client_secret)),
        ("client_secret_expires_at", over.map(Value::from)),
        ("client_id_hash", some(hash)),
        ("email", some(email)),
        ("start_url", some(text(file, "startUrl"))),
        ("region", some(text(file, "region"))),
        (Document::LINEAGE, some(text(file, LINEAGE))),
    ]))
}
