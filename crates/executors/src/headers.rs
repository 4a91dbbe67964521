//! Headers that the user configured for a credential.

use cliproxy_core::{Credential, ErrorKind, ExecutorError, Secret};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};

/// These belong to the connection. A configured one would only break the message.
const FRAMING: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE];

/// Sets the credential's extra headers, last, so that they override everything else. A value `$Name` takes the
/// client's header of that name and is left out when the client sent none.
// Source: runtime.md F.2; the `$` form is [H].
pub fn apply_credential_headers(headers: &mut HeaderMap, credential: &Credential, client: &HeaderMap) {
    for (name, value) in &credential.settings().headers {
        let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
        if FRAMING.contains(&name) {
            continue;
        }
        let value = match value.expose().strip_prefix('$') {
            Some(wanted) => client.get(wanted).cloned(),
            None => sensitive(value.expose()),
        };
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// A value that is not printed by whoever formats the headers.
pub(crate) fn sensitive(text: impl Into<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text.into()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header value that shows a credential's key. A key that no header can hold is told, not left out: the provider's
/// own answer to a call without a key would blame something else.
pub(crate) fn key_value(
    credential: &Credential,
    text: impl Into<String>,
) -> Result<HeaderValue, ExecutorError> {
    sensitive(text).ok_or_else(|| {
        let id = credential.masked_id();
        let message = format!("the key of credential {id} has characters that no header can carry");
        ExecutorError::new(ErrorKind::Misconfigured, message)
    })
}

/// As [`key_value`], behind the word `Bearer`.
pub(crate) fn bearer(credential: &Credential, key: &Secret) -> Result<HeaderValue, ExecutorError> {
    let key = key.expose();
    let mut text = String::with_capacity("Bearer ".len() + key.len());
    text.push_str("Bearer ");
    text.push_str(key);
    key_value(credential, text)
}

/// Who we are, where no client speaks for itself.
pub(crate) const OWN_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("cliproxy/", env!("CARGO_PKG_VERSION")));
