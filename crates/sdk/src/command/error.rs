//! Why a command did not do what it was asked.

use cliproxy_conductor::RenewError;
use cliproxy_core::{LoginError, StoreError};

use crate::StartError;

/// A failure as a command with `--json` tells it: an object with the one member `error`.
#[must_use]
pub fn failure_json(problem: &str) -> String {
    serde_json::json!({ "error": problem }).to_string()
}

/// What a command with `--json` did, in words: an object with the one member `done`.
#[must_use]
pub fn done_json(text: &str) -> String {
    serde_json::json!({ "done": text }).to_string()
}

/// Why a command did not do what it was asked. Texts name the file or account and the next step, never a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no way to log in of this name.
    #[error("there is no login {name}; there are:\n{known}")]
    NoLogin {
        /// What was asked for.
        name: String,
        /// Those that there are, one a line.
        known: String,
    },
    /// The flow ended without a credential.
    #[error("{provider}: {source}")]
    Login {
        /// Whose login it was.
        provider: String,
        /// Why.
        #[source]
        source: LoginError,
    },
    /// It ended half-way; what it had by then is kept.
    #[error("{why}\nWhat it had by then is kept: {kept}")]
    HalfWay {
        /// Why it ended.
        why: String,
        /// What was saved, and where.
        kept: String,
    },
    /// Somebody ended it while it waited.
    #[error("interrupted: nothing was saved")]
    Interrupted,
    /// No credential, or more than one, goes by that name.
    #[error("{message}")]
    Which {
        /// Which there are.
        message: String,
    },
    /// The credential is not kept in the store, or does not offer this.
    #[error("{message}")]
    Refused {
        /// Why, and where it is done.
        message: String,
    },
    /// It was not renewed, or what the provider gave could not be kept.
    #[error("{name} was not renewed: {source}")]
    Renewal {
        /// The credential, masked.
        name: String,
        /// Why.
        #[source]
        source: RenewError,
    },
    /// The test call failed.
    #[error("{name} did not answer: {message}")]
    Test {
        /// The credential, masked.
        name: String,
        /// What happened.
        message: String,
    },
    /// The auth directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
}
