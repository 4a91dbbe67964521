//! The Google projects that a login is spent through. Source: providers-a.md 5.1, 5.2, 7.1, 7.7; runtime.md C.7.

use std::time::Duration;

use bytes::Bytes;
use cliproxy_core::{Credential, CredentialId, ErrorKind, ExecutorError, ProviderExecutor, Timestamp};
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::account;
use crate::Egress;
use crate::egress;
use crate::headers::apply_credential_headers;
use crate::urls::Base;

/// A project rests this long where Google does not say how long. Source: runtime.md D.6, the ladder's middle.
const REST: Duration = Duration::from_secs(60);

/// A project that refuses rests this long: somebody has to change something. Source: providers-a.md 1.5 row 403.
const REFUSED: Duration = Duration::from_secs(30 * 60);

/// The projects of a credential, each once, in their order: one, or several behind commas.
pub(crate) fn of(credential: &Credential) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for project in credential.document().text("project_id").unwrap_or_default().split(',').map(str::trim) {
        if !project.is_empty() && !all.iter().any(|known| known == project) {
            all.push(project.to_owned());
        }
    }
    all
}

/// A login without a project cannot be spent; a renewal asks Google for one. None is ever made up.
pub(crate) fn none(credential: &Credential) -> ExecutorError {
    let message = format!(
        "credential {} has no project_id: Google names none for this account; log in again, or put one into its file",
        credential.masked_id()
    );
    account::missing(credential, message)
}

/// What an account is asked about: who asks, where, and whether one that has no project is set up.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub(crate) executor: &'q dyn ProviderExecutor,
    pub(crate) egress: &'q Egress,
    pub(crate) base: Base<'q>,
    pub(crate) metadata: Value,
    pub(crate) onboards: bool,
}

/// The credential with the project that Google names, where it has none. Whether it could be asked is no fault of a
/// renewal: the next call says what is missing.
pub(crate) async fn discovered(question: &Question<'_>, credential: Credential) -> Credential {
    if credential.document().text("project_id").is_some() {
        return credential;
    }
    let Ok(Some(project)) = question.project(&credential).await else { return credential };
    let mut members = Map::new();
    members.insert("project_id".to_owned(), Value::String(project));
    credential.with_document(credential.document().merged(members))
}

impl Question<'_> {
    // Source: providers-a.md 7.1 "Project discovery".
    async fn project(&self, credential: &Credential) -> Result<Option<String>, ExecutorError> {
        let loaded = self.ask(credential, "loadCodeAssist", &json!({"metadata": self.metadata})).await?;
        let found = project_of(&loaded);
        if found.is_some() || !self.onboards {
            return Ok(found);
        }
        // Whoever has to do something first is told so when they log in, and is not set up behind their back.
        if loaded.get("ineligibleTiers").and_then(Value::as_array).is_some_and(|tiers| !tiers.is_empty())
            && loaded.get("allowedTiers").and_then(Value::as_array).is_none_or(Vec::is_empty)
        {
            return Ok(None);
        }
        let body = json!({"tierId": tier(&loaded), "metadata": self.metadata});
        for attempt in 0..ONBOARD {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let said = match self.ask(credential, "onboardUser", &body).await {
                Ok(said) => said,
                // It may be about to be done.
                Err(error) if error.kind().is_endpoint_fault() && attempt + 1 < ONBOARD => continue,
                Err(error) => return Err(error),
            };
            if said.get("done").and_then(Value::as_bool) == Some(true) {
                return Ok(said.get("response").and_then(project_of));
            }
        }
        Ok(None)
    }

    async fn ask(&self, credential: &Credential, method: &str, body: &Value) -> Result<Value, ExecutorError> {
        let uri = self.base.join(&format!("/v1internal:{method}"))?;
        let mut request = egress::request(Method::POST, uri, Bytes::from(body.to_string()));
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, crate::headers::OWN_AGENT);
        account::authorize(headers, credential)?;
        apply_credential_headers(request.headers_mut(), credential, &http::HeaderMap::new());
        let reply = self.egress.listed(self.executor, credential, request).await?;
        // Not taken for an account without a project: that one would be set up.
        serde_json::from_slice(&reply.body).map_err(|error| {
            let message = format!("Google's answer to {method} is no JSON");
            ExecutorError::new(ErrorKind::BadReply, message).with_source(error)
        })
    }
}

/// How often and with what pauses Google is asked whether an account is set up. Source: providers-a.md 7.1 "onboard".
const ONBOARD: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// The tier to set up: the default one of those that are allowed.
fn tier(loaded: &Value) -> &str {
    let allowed = loaded.get("allowedTiers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let default = allowed.iter().find(|tier| tier.get("isDefault").and_then(Value::as_bool) == Some(true));
    let id = default.and_then(|tier| tier.get("id")?.as_str()).filter(|id| !id.trim().is_empty());
    id.unwrap_or("legacy-tier")
}

fn project_of(said: &Value) -> Option<String> {
    ["cloudaicompanionProject", "projectId", "project"].iter().find_map(|key| named(said.get(*key)?))
}

/// A text, or an object with an `id`.
fn named(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.get("id").and_then(Value::as_str))?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Which projects are at their limit or refused: the others go first. Kept in memory, and small: expired entries go with the next one.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    until: Mutex<Vec<(CredentialId, String, Timestamp)>>,
}

impl Resting {
    /// The projects, those that rest behind the others.
    pub(crate) fn order(&self, credential: &Credential, now: Timestamp) -> Vec<String> {
        let mut projects = of(credential);
        if projects.len() > 1 {
            let until = self.until.lock();
            let rests = |project: &String| {
                until.iter().any(|(id, known, end)| id == credential.id() && known == project && *end > now)
            };
            projects.sort_by_key(rests);
        }
        projects
    }

    /// Whether an error is the project's, so that another may serve: it is at its limit, or may not be used. A project that
    /// is somebody else's, or has the service or its billing switched off, says nothing of the account's others. The
    /// project rests then.
    // Source: providers-a.md 5.7 "two selectable credentials", `SERVICE_DISABLED`.
    pub(crate) fn is_the_projects(
        &self,
        credential: &Credential,
        project: &str,
        error: &ExecutorError,
        now: Timestamp,
    ) -> bool {
        let wait = match (error.kind(), error.status()) {
            (ErrorKind::RateLimited, _) => error.evidence().retry_after.unwrap_or(REST),
            (ErrorKind::Forbidden, Some(StatusCode::FORBIDDEN)) => REFUSED,
            _ => return false,
        };
        self.rest(credential, project, wait, now);
        true
    }

    fn rest(&self, credential: &Credential, project: &str, wait: Duration, now: Timestamp) {
        let mut until = self.until.lock();
        until.retain(|(id, known, end)| *end > now && !(id == credential.id() && known == project));
        until.push((credential.id().clone(), project.to_owned(), now.plus(wait)));
    }
}
