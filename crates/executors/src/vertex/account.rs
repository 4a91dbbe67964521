//! Service accounts: what their files say, and the tokens that they sign for. Source: providers-a.md 6.2 to 6.4, 6.7.

use std::time::Duration;

use cliproxy_core::{Credential, CredentialKind, ErrorKind, Evidence, ExecutorError, Secret, Timestamp};
use cliproxy_transport::oauth::{JwtBearer, RsaKey, TokenError, known};
use serde_json::{Map, Value};

use crate::urls::{Base, segment};
use crate::{Egress, Urls};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Source: providers-a.md 6.2, 6.7 "an empty location means us-central1".
const LOCATION: &str = "us-central1";
/// How long a token lives that does not say so.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Whether a credential is a service account, or wants to be one: never taken for a key, whatever else its file has.
// Source: providers-a.md 6.7 "a vertex file that happens to contain `access_token` is wrongly treated as an API key".
pub(super) fn is_one(credential: &Credential) -> bool {
    credential.kind() == CredentialKind::Account || credential.document().get("service_account").is_some()
}

/// A service account, as its file has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account<'a> {
    credential: &'a Credential,
    file: &'a Map<String, Value>,
}

impl<'a> Account<'a> {
    pub(super) fn of(credential: &'a Credential) -> Result<Self, ExecutorError> {
        match credential.document().get("service_account") {
            Some(Value::Object(file)) => Ok(Self { credential, file }),
            Some(_) => Err(unfit(credential, "its service_account is no object")),
            None => Err(unfit(credential, "it has no service_account")),
        }
    }

    /// Everything that a call will need is there. The key is read too, which takes about a millisecond.
    pub(super) async fn check(&self) -> Result<(), ExecutorError> {
        self.project()?;
        self.location()?;
        self.text("client_email")?;
        self.key().await.map(drop)
    }

    fn member(&self, name: &str) -> Option<&'a str> {
        self.file.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    fn text(&self, name: &str) -> Result<&'a str, ExecutorError> {
        self.member(name).ok_or_else(|| unfit(self.credential, &format!("its service_account has no {name}")))
    }

    /// Source: providers-a.md 6.2 "`project` accepted as a fallback; none ⇒ error on use".
    fn project(&self) -> Result<&'a str, ExecutorError> {
        let document = self.credential.document();
        ["project_id", "project"]
            .iter()
            .find_map(|key| document.text(key))
            .map(str::trim)
            .filter(|project| !project.is_empty())
            .or_else(|| self.member("project_id"))
            .ok_or_else(|| unfit(self.credential, "it names no project_id"))
    }

    /// It becomes a part of the host's name: nothing but a name of a location gets there.
    fn location(&self) -> Result<&'a str, ExecutorError> {
        let location = self.credential.document().text("location").map(str::trim).unwrap_or_default();
        if location.is_empty() {
            return Ok(LOCATION);
        }
        if location.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Ok(location);
        }
        let message = format!(
            "credential {} names no location of Google's: set `location` in its file to one like us-central1, or to global",
            self.credential.masked_id()
        );
        Err(ExecutorError::new(ErrorKind::Misconfigured, message))
    }

    /// The root of calls: the file's own, else the location's, and the path below it that leads to the models.
    pub(super) fn root<'u>(&self, urls: &'u Urls) -> Result<Root<'u>, ExecutorError>
    where
        'a: 'u,
    {
        let location = self.location()?;
        let project = segment(self.project()?).replace("%3A", ":");
        let path = format!("/projects/{project}/locations/{location}");
        let host = match Base::of(self.credential) {
            Some(_) => None,
            // Source: providers-a.md 6.4 "Service account, `global`".
            None if location == "global" => Some(urls.get("api").unwrap_or_default().to_owned()),
            None => Some(urls.get("regional").unwrap_or_default().replace("{location}", location)),
        };
        Ok(Root { own: Base::of(self.credential), host, path })
    }

    /// What its tokens hang on: a file with another key, or for another account, makes them void.
    pub(super) fn identity(&self) -> Result<Secret, ExecutorError> {
        let (email, key) = (self.text("client_email")?, self.text("private_key")?);
        Ok(Secret::new(format!("{email}\n{key}")))
    }

    async fn key(&self) -> Result<RsaKey, ExecutorError> {
        let text = Secret::from(self.text("private_key")?);
        let read = tokio::task::spawn_blocking(move || RsaKey::read(text.expose())).await;
        let read = read.map_err(|error| {
            ExecutorError::new(ErrorKind::Internal, "the reading of a key broke off").with_source(error)
        })?;
        read.map_err(|error| {
            unfit(self.credential, &format!("its private_key cannot be used: {error}")).with_source(error)
        })
    }

    /// A new token, and until when it is good.
    pub(super) async fn token(
        &self,
        egress: &Egress,
        urls: &Urls,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp), ExecutorError> {
        let audience = self.member("token_uri").unwrap_or(known::GOOGLE_TOKEN.default);
        let replaced = urls.get(known::GOOGLE_TOKEN.name).filter(|url| *url != known::GOOGLE_TOKEN.default);
        let url = self.credential.document().text("token_url").or(replaced).unwrap_or(audience);
        let mut grant = JwtBearer::new(url, self.text("client_email")?, self.key().await?)
            .with_audience(audience)
            .with_scope(SCOPE);
        if let Some(id) = self.member("private_key_id") {
            grant = grant.with_key_id(id);
        }
        let tokens = egress
            .assert(self.credential, &grant, now)
            .await
            .map_err(|error| explained(self.credential, error))?;
        Ok((tokens.access_token, now.plus(tokens.expires_in.unwrap_or(LIFETIME))))
    }
}

/// Where calls go.
#[derive(Debug)]
pub(super) struct Root<'u> {
    own: Option<Base<'u>>,
    host: Option<String>,
    /// Below the version: project and location.
    pub(super) path: String,
}

impl Root<'_> {
    pub(super) fn base(&self) -> Base<'_> {
        self.own.unwrap_or_else(|| Base::new(self.host.as_deref().unwrap_or_default()))
    }
}

/// The file cannot be used as it is: what is wrong with it, and the next step.
fn unfit(credential: &Credential, what: &str) -> ExecutorError {
    let message = format!(
        "credential {} is no usable service account: {what}; import its key file again (login vertex FILE)",
        credential.masked_id()
    );
    ExecutorError::new(ErrorKind::Misconfigured, message)
}

/// A token that was not given, by the account's name. What was refused is refused again until a person has changed
/// something: the key, the account, or this machine's clock, so the account rests and is tried again.
fn explained(credential: &Credential, error: ExecutorError) -> ExecutorError {
    let id = credential.masked_id();
    let of_client = TokenError::behind(&error).filter(|said| said.spares_the_grant());
    if error.kind() == ErrorKind::InvalidGrant || of_client.is_some() {
        let said = of_client.map_or_else(|| error.message().to_owned(), ToString::to_string);
        let message = format!(
            "the service account of credential {id} gets no token: {said}; when its key was deleted or replaced, import a \
             new key file (login vertex FILE)"
        );
        return ExecutorError::from_evidence(Evidence::new(ErrorKind::Misconfigured), message)
            .with_source(error);
    }
    let message = format!("the service account of credential {id} gets no token: {}", error.message());
    ExecutorError::from_evidence(error.evidence(), message).with_source(error)
}
