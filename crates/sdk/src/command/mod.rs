//! What the program's commands about logins and credentials do, for programs that want the same: each gives back the
//! text to show.

mod credentials;
mod error;
mod import;
mod login;
mod only;
mod turn;

pub use credentials::{CredentialCommand, run_credentials};
pub use error::{CommandError, done_json, failure_json};
pub use import::{import_login, importable};
pub use login::{authenticators, known_logins, log_in};
