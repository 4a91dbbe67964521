//! What a credential says of itself. Source: providers-b.md 1.1.6, 1.3, 1.5.1, 1.5.3.

use cliproxy_core::{Credential, CredentialKind, ErrorKind, ExecutorError, Secret};

use crate::service::log_in_again;

/// Where everything is that has no region of its own.
pub(super) const HOME: &str = "us-east-1";

/// How an account logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// AWS Builder ID.
    BuilderId,
    /// IAM Identity Center.
    Idc,
    /// AWS, as the command line of the vendor writes it down.
    Aws,
    /// Google, GitHub, or a refresh token of such a login.
    Social,
    /// A key, which is never renewed.
    Key,
}

/// A credential, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account<'c> {
    pub(super) credential: &'c Credential,
    pub(super) method: Method,
}

impl<'c> Account<'c> {
    pub(super) fn of(credential: &'c Credential) -> Self {
        Self { credential, method: method_of(credential) }
    }

    /// A text, under its own name or the vendor's.
    fn text(&self, key: &str, camel: &str) -> Option<&'c str> {
        self.credential.document().text(key).or_else(|| self.credential.document().text(camel))
    }

    /// The token that calls show.
    pub(super) fn token(&self) -> Result<Secret, ExecutorError> {
        let found = self.text("access_token", "accessToken").map(Secret::from);
        found.or_else(|| self.credential.api_key()).ok_or_else(|| {
            let id = self.credential.masked_id();
            let message = format!("credential {id} has no access_token: {}", log_in_again(self.credential));
            ExecutorError::new(ErrorKind::Misconfigured, message)
        })
    }

    pub(super) fn refresh_token(&self) -> Option<&'c str> {
        self.text("refresh_token", "refreshToken")
    }

    pub(super) fn logged_in_with_aws(&self) -> bool {
        matches!(self.method, Method::BuilderId | Method::Idc | Method::Aws)
    }

    /// The client that was registered for this login; both or none.
    pub(super) fn client(&self) -> Option<(&'c str, &'c str)> {
        self.text("client_id", "clientId").zip(self.text("client_secret", "clientSecret"))
    }

    pub(super) fn client_hash(&self) -> Option<&'c str> {
        self.text("client_id_hash", "clientIdHash")
    }

    /// The organisation of an Identity Center login.
    pub(super) fn start_url(&self) -> Option<&'c str> {
        self.text("start_url", "startUrl")
    }

    pub(super) fn profile_arn(&self) -> Option<&'c str> {
        self.text("profile_arn", "profileArn")
    }

    /// The kind of task that its user wrote down (`agent-task-type`).
    pub(super) fn task(&self) -> Option<&'c str> {
        self.text("agent_task_type", "agentTaskType")
    }

    /// The region of the login.
    pub(super) fn login_region(&self) -> Result<&'c str, ExecutorError> {
        self.checked("region", self.text("region", "region").unwrap_or(HOME))
    }

    /// The region of the service: never that of the login.
    pub(super) fn api_region(&self) -> Result<&'c str, ExecutorError> {
        let own = self.text("api_region", "apiRegion");
        // `arn:aws:codewhisperer:REGION:…`
        let of_profile = || self.profile_arn()?.split(':').nth(3).filter(|region| !region.is_empty());
        self.checked("api_region", own.or_else(of_profile).unwrap_or(HOME))
    }

    /// A region becomes part of a host: nothing else may.
    fn checked(&self, member: &str, region: &'c str) -> Result<&'c str, ExecutorError> {
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.bytes().all(fine) {
            return Ok(region);
        }
        let id = self.credential.masked_id();
        let message = format!("{member} of credential {id} is no AWS region");
        Err(ExecutorError::new(ErrorKind::Misconfigured, message))
    }
}

fn method_of(credential: &Credential) -> Method {
    let document = credential.document();
    let lower = |key: &str| document.text(key).map(str::to_ascii_lowercase);
    let method = lower("auth_method").or_else(|| lower("authMethod"));
    match method.as_deref() {
        Some("builder-id" | "builderid") => Method::BuilderId,
        Some("idc" | "iam" | "enterprise") => Method::Idc,
        Some(_) => Method::Social,
        None if credential.kind() == CredentialKind::ApiKey => Method::Key,
        None if lower("auth_type").as_deref() == Some("aws_sso_oidc") => Method::Aws,
        None if document.text("start_url").is_some() => Method::Idc,
        None if document.text("client_id").is_some() && document.text("client_secret").is_some() => {
            Method::BuilderId
        }
        None => Method::Social,
    }
}
