//! Identifiers. Each is its own type, so that arguments cannot be swapped.

use crate::name::name_type;

name_type! {
    /// Names one credential: the path of its file relative to the auth directory, or `kind:hash` for a config key.
    CredentialId
}
name_type! {
    /// Names a provider, in lower case: `claude`, `gemini-cli`, or the name of an OpenAI-compatible service.
    ProviderId
}
name_type! {
    /// A model as clients name it: it may carry a prefix (`team/`) and a thinking suffix (`(high)`).
    ModelId
}
name_type! {
    /// A model as the provider names it, without prefix and suffix.
    UpstreamModel
}
name_type! {
    /// Names one client request in logs, traces and reply headers.
    RequestId
}

impl ProviderId {
    /// Lower-cases and trims, as provider names are compared without regard to case.
    #[must_use]
    pub fn normalized(value: &str) -> Self {
        Self::new(value.trim().to_ascii_lowercase())
    }
}
