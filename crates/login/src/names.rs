//! Names of files.

use sha2::{Digest as _, Sha256};

/// A part of a file name: what could lead elsewhere, or is no letter of a name, becomes `_`.
pub(crate) fn part(text: &str) -> String {
    let mut name: String = text
        .trim()
        .chars()
        .take(120)
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
    }
}
