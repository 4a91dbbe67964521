//! From which refresh token a login's current one comes. A copy of a file has a token that its original has spent since,
//! and nothing else tells which of the two would end both by a renewal.
// Source: design.md §5 "A refresh token can be single-use"; RFC 9700 §4.14.2, a second use revokes the whole line.

use std::fmt::Write as _;

use cliproxy_core::{Credential, Document};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The place of a login's refresh token in the line of those that renewals brought, by hashes.
///
/// The member [`Document::LINEAGE`] has it as `first.number.current`: the hash of the first token of the line, how many
/// renewals came after it, and the hash of the token that this is said of. A file whose token was replaced by something
/// else than a renewal of ours (a login, another program) begins a line of its own. However long ago a copy was made, its
/// number tells; a list of spent tokens would have to end somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    token: String,
    first: String,
    number: u64,
    /// The line that was renewed here, and up to which number: of it, whatever token is there now.
    renewed: (String, u64),
}

impl Lineage {
    /// That of a document; `None` where it has no refresh token.
    #[must_use]
    pub fn of(document: &Document) -> Option<Self> {
        let token = hash(document.refresh_token()?);
        let noted = document.text(Document::LINEAGE).and_then(noted);
        let (first, number) = match &noted {
            Some((first, number, of)) if *of == token => (first.clone(), *number),
            _ => (token.clone(), 0),
        };
        let renewed = noted.map_or_else(|| (first.clone(), number), |(first, number, _)| (first, number));
        Some(Self { token, first, number, renewed })
    }

    /// The current token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The first token of its line, and how many renewals came after that.
    #[must_use]
    pub fn place(&self) -> (&str, u64) {
        (&self.first, self.number)
    }

    /// The line in which this login was renewed, and up to where: who has an earlier token of it has a spent one.
    #[must_use]
    pub fn renewed(&self) -> (&str, u64) {
        (&self.renewed.0, self.renewed.1)
    }

    /// Whether the other login was renewed with this token, or with one that came of it.
    #[must_use]
    pub fn is_spent_by(&self, other: &Self) -> bool {
        self.first == other.renewed.0 && self.number < other.renewed.1
    }
}

/// What a renewal brought, with the note of where its refresh token comes from. Not every renewal brings another.
pub(super) fn descended(old: &Credential, fresh: Credential) -> Credential {
    let Some(spent) = Lineage::of(old.document()) else { return fresh };
    let token = fresh.document().refresh_token().map(hash);
    let Some(token) = token.filter(|token| *token != spent.token) else { return fresh };
    let note = format!("{}.{}.{token}", spent.first, spent.number.saturating_add(1));
    let note = Map::from_iter([(Document::LINEAGE.to_owned(), Value::from(note))]);
    let document = fresh.document().merged(note);
    fresh.with_document(document)
}

fn noted(note: &str) -> Option<(String, u64, String)> {
    let mut parts = note.split('.');
    let (first, number, of) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    parts.next().is_none().then(|| (first.to_owned(), number, of.to_owned()))
}

/// Sixteen hex digits: enough to tell tokens apart, and of no use to who wants one.
fn hash(token: &str) -> String {
    let mut hash = Sha256::new_with_prefix("refresh-token\0");
    hash.update(token);
    let digest = hash.finalize();
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use cliproxy_core::{CredentialId, CredentialKind, Origin, ProviderId, Settings};
    use serde_json::json;

    use super::*;

    fn login(document: &Value) -> Credential {
        Credential::new(
            CredentialId::new("x"),
            ProviderId::from_static("claude"),
            CredentialKind::Account,
            Origin::Store("x".to_owned()),
            Document::new(document.as_object().cloned().unwrap()),
            Settings::new("x"),
        )
    }

    /// As a renewal leaves it that brought this token.
    fn renewed(old: &Credential, token: &str) -> Credential {
        let mut document = old.document().as_map().clone();
        document.insert("refresh_token".to_owned(), json!(token));
        descended(old, old.with_document(Document::new(document)))
    }

    fn of(login: &Credential) -> Lineage {
        Lineage::of(login.document()).unwrap()
    }

    #[test]
    fn every_earlier_token_of_a_line_is_spent_however_many_renewals_ago_and_no_token_is_told() {
        let mut all = vec![login(&json!({"refresh_token": "CANARY-0"}))];
        for number in 1..200 {
            all.push(renewed(all.last().unwrap(), &format!("CANARY-{number}")));
        }
        let last = of(all.last().unwrap());
        for (number, earlier) in all.iter().enumerate().take(199) {
            let earlier = of(earlier);
            assert!(earlier.is_spent_by(&last) && !last.is_spent_by(&earlier), "{number}");
        }
        assert!(!last.is_spent_by(&last));
        let note = all.last().unwrap().document().text(Document::LINEAGE).unwrap();
        assert!(note.len() < 40 && !note.contains("CANARY"), "{note}");
    }

    #[test]
    fn a_renewal_that_brings_no_other_refresh_token_changes_nothing() {
        let first = renewed(&login(&json!({"refresh_token": "R0"})), "R1");
        assert_eq!(renewed(&first, "R1"), first);
        let without = login(&json!({"access_token": "A"}));
        assert_eq!(descended(&first, without.clone()), without);
        assert_eq!(descended(&without, first.clone()), first);
    }

    #[test]
    fn a_token_that_no_renewal_of_ours_brought_begins_a_line_and_what_was_spent_before_stays_so() {
        let start = login(&json!({"refresh_token": "R0"}));
        let second = renewed(&renewed(&start, "R1"), "R2");
        let mut document = second.document().as_map().clone();
        document.insert("refresh_token".to_owned(), json!("S0"));
        let anew = login(&Value::Object(document));
        assert_eq!(of(&anew).place().1, 0, "the note is about another token");
        assert!(of(&start).is_spent_by(&of(&anew)));
        assert!(
            !of(&second).is_spent_by(&of(&anew)),
            "a copy from before the login has a token that nobody spent"
        );
        assert!(of(&anew).is_spent_by(&of(&renewed(&anew, "S1"))));
    }

    #[test]
    fn a_note_that_cannot_be_read_is_none() {
        for note in [json!(""), json!("a.b.c"), json!("a.1"), json!("a.1.b.c"), json!(7), json!(null)] {
            let login = login(&json!({"refresh_token": "R0", "refresh_lineage": note}));
            assert_eq!(of(&login).renewed().1, 0, "{note}");
        }
    }
}
