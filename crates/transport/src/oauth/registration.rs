//! Client registrations that AWS's own tools keep in files beside their tokens. A login names its own by a hash.
//!
//! Imports and renewals both follow the hash, and know nothing of each other: so it is here, below both.

use std::path::Path;

use cliproxy_core::{Secret, Timestamp};
use serde_json::Value;

/// No such file is larger.
const MAX_BYTES: u64 = 256 * 1024;

/// A client that was registered with AWS for one login.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registration {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// When AWS forgets it, if the file says so.
    pub expires: Option<Timestamp>,
}

impl Registration {
    /// Reads the registration of a hash from the folder of AWS's tools (`~/.aws/sso/cache`).
    ///
    /// # Errors
    /// When the hash is no name of a file in that folder, or the file holds no registration; in words.
    // Source: providers-b.md 1.1.7 "Refuse a hash containing".
    pub fn read(folder: &Path, hash: &str) -> Result<Self, String> {
        if hash.is_empty() || hash.contains(['/', '\\', '\0']) || hash.contains("..") {
            return Err("its client_id_hash is no name of a file".to_owned());
        }
        let path = folder.join(format!("{hash}.json"));
        let shown = path.display();
        let cannot = |error: std::io::Error| format!("{shown} cannot be read ({error})");
        if std::fs::metadata(&path).map_err(cannot)?.len() > MAX_BYTES {
            return Err(format!("{shown} is too large for a client registration"));
        }
        let file: Value = serde_json::from_slice(&std::fs::read(&path).map_err(cannot)?).unwrap_or_default();
        let text = |key: &str| file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(id), Some(secret)) = (text("clientId"), text("clientSecret")) else {
            return Err(format!("{shown} holds no client registration"));
        };
        let expires = match file.get("expiresAt") {
            Some(Value::String(text)) => Timestamp::parse(text),
            Some(Value::Number(number)) => number.as_f64().and_then(Timestamp::from_number),
            _ => None,
        };
        Ok(Self { client_id: id.to_owned(), client_secret: Secret::from(secret), expires })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_found_by_its_hash_and_nothing_else_is_opened() {
        let folder = std::env::temp_dir().join(format!("cliproxy-registration-{}", std::process::id()));
        let inner = folder.join("cache");
        std::fs::create_dir_all(&inner).unwrap();
        let text = r#"{"clientId":"id","clientSecret":"CANARY","expiresAt":"2026-11-23T10:00:00.000Z"}"#;
        for path in [inner.join("0af1.json"), folder.join("outside.json")] {
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(inner.join("half.json"), r#"{"clientId":"#).unwrap();
        let found = Registration::read(&inner, "0af1").unwrap();
        assert_eq!((found.client_id.as_str(), found.client_secret.expose()), ("id", "CANARY"));
        assert_eq!(found.expires, Some(Timestamp::from_secs(1_795_428_000)));
        assert!(!format!("{found:?}").contains("CANARY"));
        for (hash, words) in [
            ("../outside", "no name of a file"),
            ("a/b", "no name of a file"),
            ("a\\b", "no name of a file"),
            ("..", "no name of a file"),
            ("", "no name of a file"),
            ("half", "holds no client registration"),
            ("absent", "cannot be read"),
        ] {
            let error = Registration::read(&inner, hash).unwrap_err();
            assert!(error.contains(words), "{hash}: {error}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
