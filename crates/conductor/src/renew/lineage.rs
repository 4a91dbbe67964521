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
/// number tells; a list of spent tokens would have to end somewhere. Of the lines that it had before, the last few are
/// kept behind that, as `first.number` each: what was spent in them stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    token: String,
    first: String,
    number: u64,
    /// The lines that were renewed here, and up to which number: of them, whatever token is there now. The newest first.
    renewed: Vec<(String, u64)>,
}

/// How many former lines a note names.
const FORMER: usize = 8;

impl Lineage {
    /// That of a document; `None` where it has no refresh token.
    #[must_use]
    pub fn of(document: &Document) -> Option<Self> {
        let token = hash(document.refresh_token()?);
        let noted = document.text(Document::LINEAGE).and_then(noted);
        let (first, number) = match &noted {
            Some((lines, of)) if *of == token => lines.first().cloned()?,
            _ => (token.clone(), 0),
        };
        let renewed = noted.map_or_else(|| vec![(first.clone(), number)], |(lines, _)| lines);
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

    /// The lines in which this login was renewed, and up to where: who has an earlier token of one has a spent one.
    pub fn renewed(&self) -> impl Iterator<Item = (&str, u64)> {
        self.renewed.iter().map(|(first, number)| (first.as_str(), *number))
    }

    /// Whether the other login was renewed with this token, or with one that came of it.
    #[must_use]
    pub fn is_spent_by(&self, other: &Self) -> bool {
        other.renewed().any(|(first, number)| self.first == first && self.number < number)
    }
}

/// What a renewal brought, with the note of where its refresh token comes from. Not every renewal brings another.
pub(super) fn descended(old: &Credential, fresh: Credential) -> Credential {
    let Some(spent) = Lineage::of(old.document()) else { return fresh };
    let token = fresh.document().refresh_token().map(hash);
    let Some(token) = token.filter(|token| *token != spent.token) else { return fresh };
    let mut note = format!("{}.{}.{token}", spent.first, spent.number.saturating_add(1));
    for (first, number) in spent.renewed().filter(|(first, _)| *first != spent.first).take(FORMER) {
        let _infallible = write!(note, ".{first}.{number}");
    }
    let note = Map::from_iter([(Document::LINEAGE.to_owned(), Value::from(note))]);
    let document = fresh.document().merged(note);
    fresh.with_document(document)
}

/// The member of a stored login that says which refresh token another file's renewal has spent: this one's, by its hash.
pub(super) const SPENT: &str = "refresh_spent";

/// Whether a file says itself that its refresh token is spent: another one's renewal has noted it there.
#[must_use]
pub fn is_marked_spent(document: &Document) -> bool {
    Lineage::of(document).is_some_and(|own| document.text(SPENT) == Some(own.token()))
}

/// A document with the note that its refresh token is spent; `None` where the other one did not spend it, or it is noted.
#[must_use]
pub fn spent_mark(document: &Document, by: &Document) -> Option<Document> {
    let own = Lineage::of(document)?;
    let is_spent = own.is_spent_by(&Lineage::of(by)?) && document.text(SPENT) != Some(own.token());
    is_spent.then(|| document.merged(Map::from_iter([(SPENT.to_owned(), Value::from(own.token()))])))
}

/// The lines of a note, the current one first, and the token that it is said of.
fn noted(note: &str) -> Option<(Vec<(String, u64)>, String)> {
    let mut parts = note.split('.');
    let line = |first: &str, number: &str| Some((first.to_owned(), number.parse().ok()?));
    let mut lines = vec![line(parts.next()?, parts.next()?)?];
    let of = parts.next()?.to_owned();
    while let Some(first) = parts.next() {
        lines.push(line(first, parts.next()?)?);
    }
    Some((lines, of))
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
        let anew = renewed(&anew, "S1");
        assert!(of(&login(&json!({"refresh_token": "S0"}))).is_spent_by(&of(&anew)));
        // Also when the new one was renewed, and again; the last few of them.
        assert!(of(&start).is_spent_by(&of(&anew)) && !of(&second).is_spent_by(&of(&anew)));
        let mut last = renewed(&anew, "S2");
        for round in 0..40 {
            let mut document = last.document().as_map().clone();
            document.insert("refresh_token".to_owned(), json!(format!("T{round}")));
            last = renewed(&login(&Value::Object(document)), &format!("U{round}"));
            assert_eq!(of(&start).is_spent_by(&of(&last)), round < 7, "{round}");
            assert!(of(&login(&json!({"refresh_token": format!("T{round}")}))).is_spent_by(&of(&last)));
        }
        assert!(last.document().text(Document::LINEAGE).unwrap().len() < 300);
    }

    #[test]
    fn a_note_that_cannot_be_read_is_none() {
        for note in [
            json!(""),
            json!("a.b.c"),
            json!("a.1"),
            json!("a.1.b.c"),
            json!("a.1.b.c.x"),
            json!(7),
            json!(null),
        ] {
            let login = login(&json!({"refresh_token": "R0", "refresh_lineage": note}));
            assert_eq!(of(&login).renewed().map(|(_, number)| number).sum::<u64>(), 0, "{note}");
        }
    }
}
