//! Which account, and by which way.

use cliproxy_core::{LoginError, LoginErrorKind, LoginRequest};

/// Whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// AWS Builder ID.
    BuilderId,
    /// An organisation's IAM Identity Center.
    IdentityCenter,
    Google,
    GitHub,
}

/// How the user agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Browser,
    Device,
}

impl Method {
    /// What was asked for; a start URL is an organisation's, and nothing at all is a Builder ID.
    pub(super) fn of(request: &LoginRequest) -> Result<Self, LoginError> {
        let Some(answer) = request.answer("method") else {
            let organisation = request.answer("start-url").is_some();
            return Ok(if organisation { Self::IdentityCenter } else { Self::BuilderId });
        };
        match answer.to_ascii_lowercase().as_str() {
            "builder-id" | "builderid" | "aws" => Ok(Self::BuilderId),
            "idc" | "identity-center" | "enterprise" => Ok(Self::IdentityCenter),
            "google" => Ok(Self::Google),
            "github" => Ok(Self::GitHub),
            _ => {
                let message =
                    format!("Kiro has no login {answer}: --method builder-id, idc, google or github");
                Err(LoginError::new(LoginErrorKind::BadInput, message))
            }
        }
    }

    /// `auth_method` of the file. Source: providers-b.md 1.1.1, 1.1.5.
    pub(super) fn auth_method(self) -> &'static str {
        match self {
            Self::BuilderId => "builder-id",
            Self::IdentityCenter => "idc",
            Self::Google | Self::GitHub => "social",
        }
    }

    /// `provider` of the file, and what the social service calls it. Source: providers-b.md 1.1.1, 1.1.5 "note the
    /// spelling `Github`".
    pub(super) fn provider(self) -> &'static str {
        match self {
            Self::BuilderId | Self::IdentityCenter => "AWS",
            Self::Google => "Google",
            Self::GitHub => "Github",
        }
    }

    /// What file names begin with. Source: providers-b.md 1.3.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::BuilderId => "kiro-aws",
            Self::IdentityCenter => "kiro-idc",
            Self::Google => "kiro-google",
            Self::GitHub => "kiro-github",
        }
    }
}

impl Flow {
    /// What was asked for; else an organisation's login goes through a browser where there is one, and all others by a
    /// code on any device.
    // Source: providers-b.md 1.1.1 "default flow"; issue 5 "device code where the provider has it".
    pub(super) fn of(method: Method, request: &LoginRequest) -> Result<Self, LoginError> {
        match request.answer("flow").map(str::to_ascii_lowercase).as_deref() {
            Some("authcode" | "auth-code" | "browser") => Ok(Self::Browser),
            Some("device" | "device-code") => Ok(Self::Device),
            Some(other) => {
                let message = format!("there is no way {other} to log in: --flow authcode or device");
                Err(LoginError::new(LoginErrorKind::BadInput, message))
            }
            None if method == Method::IdentityCenter && request.browser => Ok(Self::Browser),
            None => Ok(Self::Device),
        }
    }
}
