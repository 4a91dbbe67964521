//! Names of files.

use cliproxy_core::Document;
use cliproxy_transport::oauth::jwt_claims;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Bytes in a part of a name: disks take 255 for all of it, and a name may have two parts.
const MAX_BYTES: usize = 110;

/// A part of a file name: what could lead elsewhere, or is no letter of a name, becomes `_`.
pub(crate) fn part(text: &str) -> String {
    let mut room = MAX_BYTES;
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf8());
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut name: String = text
        .trim()
        .chars()
        .take_while(fits)
        .map(|c| if c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+' | '=') { c } else { '_' })
        .collect();
    while name.starts_with('.') {
        name.remove(0);
    }
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// Tells names apart that would be the same otherwise, and shows nothing of what it is made of.
pub(crate) fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Whose an access token is, where it is a JSON Web Token that says so.
pub(crate) fn token_owner(document: &Document) -> Option<String> {
    let claims = jwt_claims(document.text("access_token")?)?;
    let said = ["sub", "user_id", "id"].iter().find_map(|key| match claims.get(*key)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    said.filter(|owner| !owner.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_name_leads_out_of_the_directory() {
        for (text, name) in [
            (" Me+x@Example.com ", "Me+x@Example.com"),
            ("../../etc", "_.._etc"),
            ("a/b\\c:d e", "a_b_c_d_e"),
            ("", "unknown"),
            ("..", "unknown"),
            ("Ünï@x", "Ünï@x"),
        ] {
            assert_eq!(part(text), name, "{text}");
        }
        assert_eq!(part(&"ü".repeat(300)), "ü".repeat(55));
    }
}
