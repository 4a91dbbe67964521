//! Logins that share a refresh token which works once: a copy of a file, or an entry of the configuration beside an import.
//! Each would spend it by itself, and a provider that takes the second time for theft ends both.
// Source: providers-a.md 9 "One refresh in flight per refresh token"; providers-b.md 1.4 "single-flight per refresh token".

use std::cmp::Ordering;
use std::collections::BTreeMap;

use cliproxy_auth_store::StableIds;
use cliproxy_core::{Credential, CredentialId, CredentialKind};
use parking_lot::Mutex;

/// Which logins were left out, and for which.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    left_out: Mutex<BTreeMap<CredentialId, Twin>>,
}

/// A login that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Twin {
    /// The hash of its refresh token.
    token: String,
    of: CredentialId,
    /// That one, masked.
    known_as: String,
}

impl Twins {
    /// Which of these are left out, and why: all but one of those with one token, and those that were before and have not
    /// changed since. What the other one has by now was renewed, and theirs is spent, for as long as `is_held` says that the
    /// other one is there: disabled, or while it cannot be read, it has its token all the same.
    pub(crate) fn find<'c>(
        &self,
        logins: impl Iterator<Item = &'c Credential>,
        is_held: impl Fn(&CredentialId) -> bool,
    ) -> BTreeMap<CredentialId, String> {
        // In the order of their names, so that nothing depends on how a directory lists them.
        let logins: BTreeMap<&CredentialId, (&Credential, String)> =
            logins.filter_map(|login| Some((login.id(), (login, token(login)?)))).collect();
        let is_used = |id: &CredentialId| logins.get(id).is_some_and(|(login, _)| !login.settings().disabled);
        let mut before = self.left_out.lock();
        before.retain(|id, twin| {
            is_held(&twin.of) && logins.get(id).is_none_or(|(_, token)| *token == twin.token)
        });
        let mut used: BTreeMap<&str, &Credential> = BTreeMap::new();
        for (login, token) in logins.values() {
            if !is_used(login.id()) || before.contains_key(login.id()) {
                continue;
            }
            let best = used.entry(token).or_insert(*login);
            if login.document().compare_age(best.document()) == Some(Ordering::Greater) {
                *best = *login;
            }
        }
        // Disabled ones too: enabled after the other one was renewed, theirs is spent.
        for (login, token) in logins.values() {
            if let Some(best) = used.get(&**token).filter(|best| best.id() != login.id()) {
                let twin = Twin { token: token.clone(), of: best.id().clone(), known_as: best.masked_id() };
                before.entry(login.id().clone()).or_insert(twin);
            }
        }
        let told = before.iter().filter(|(id, _)| is_used(id));
        told.map(|(id, twin)| (id.clone(), why(&twin.known_as))).collect()
    }
}

fn why(other: &str) -> String {
    format!(
        "it has the refresh token of {other}, which works once: only that one is used; delete one of the two, or log in anew \
         for this one"
    )
}

/// The refresh token of a login, as a hash.
fn token(login: &Credential) -> Option<String> {
    if login.kind() == CredentialKind::ApiKey {
        return None;
    }
    let document = login.document();
    // The same word of another service is another token.
    let [url, method] =
        ["token_url", "auth_method"].map(|key| document.text(key).unwrap_or_default().to_ascii_lowercase());
    let parts = [document.refresh_token()?, &*url, &*method];
    let id = StableIds::new().id(login.provider().as_str(), parts);
    Some(id.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use cliproxy_core::{Document, Origin, ProviderId, Settings};
    use serde_json::{Value, json};

    use super::*;

    const NONE: [&str; 0] = [];

    fn login(name: &str, document: &Value) -> Credential {
        Credential::new(
            CredentialId::new(name),
            ProviderId::from_static("claude"),
            CredentialKind::Account,
            Origin::Store(name.to_owned()),
            Document::new(document.as_object().cloned().unwrap()),
            Settings::new("x"),
        )
    }

    fn left_out(twins: &Twins, logins: &[Credential]) -> Vec<String> {
        left_out_beside(twins, logins, &[])
    }

    /// With some that are there and cannot be read.
    fn left_out_beside(twins: &Twins, logins: &[Credential], unreadable: &[&str]) -> Vec<String> {
        let is_held = |id: &CredentialId| {
            logins.iter().any(|login| login.id() == id) || unreadable.contains(&id.as_str())
        };
        let found = twins.find(logins.iter(), is_held);
        found.keys().map(|id| id.as_str().to_owned()).collect()
    }

    fn disabled(login: &Credential) -> Credential {
        let mut settings = login.settings().clone();
        settings.disabled = true;
        login.with_settings(settings)
    }

    #[test]
    fn of_those_with_one_token_the_newest_is_used_else_the_first_by_name() {
        let (early, late) = ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z");
        let a = login("a", &json!({"refresh_token": "CANARY", "last_refresh": early}));
        let b = login("b", &json!({"refresh_token": "CANARY", "last_refresh": late}));
        let c = login("c", &json!({"refreshToken": "CANARY"}));
        let d = login("d", &json!({"refresh_token": "another"}));
        let e = login("e", &json!({"access_token": "CANARY"}));
        for all in [[&a, &b, &c, &d, &e], [&e, &d, &c, &b, &a]] {
            let all: Vec<Credential> = all.into_iter().cloned().collect();
            assert_eq!(left_out(&Twins::default(), &all), ["a", "c"]);
            let told = format!("{:?}", Twins::default().find(all.iter(), |_| true));
            assert!(told.contains("refresh token of b") && !told.contains("CANARY"), "{told}");
        }
        assert_eq!(left_out(&Twins::default(), &[c.clone(), a.clone()]), ["c"]);
        assert_eq!(left_out(&Twins::default(), &[disabled(&a), c]), NONE);
    }

    #[test]
    fn one_that_was_left_out_stays_so_after_the_other_was_renewed_until_it_changes() {
        let twins = Twins::default();
        let a = login("a", &json!({"refresh_token": "R0"}));
        let b = login("b", &json!({"refresh_token": "R0"}));
        assert_eq!(left_out(&twins, &[a.clone(), b.clone()]), ["b"]);
        let renewed = login("a", &json!({"refresh_token": "R1"}));
        assert_eq!(left_out(&twins, &[renewed.clone(), b.clone()]), ["b"], "its token is spent");
        let anew = login("b", &json!({"refresh_token": "S0"}));
        assert_eq!(left_out(&twins, &[renewed.clone(), anew]), NONE);
        assert_eq!(left_out(&twins, &[a, b.clone()]), ["b"]);
        assert_eq!(left_out(&twins, &[b]), NONE, "the other one is gone");
    }

    /// `b` was left out for `a`, which was renewed.
    fn renewed() -> (Twins, Credential, Credential) {
        let (twins, token) = (Twins::default(), json!({"refresh_token": "R0"}));
        let (a, b) = (login("a", &token), login("b", &token));
        assert_eq!(left_out(&twins, &[a, b.clone()]), ["b"]);
        let a = login("a", &json!({"refresh_token": "R1"}));
        assert_eq!(left_out(&twins, &[a.clone(), b.clone()]), ["b"]);
        (twins, a, b)
    }

    #[test]
    fn one_stays_left_out_while_the_other_one_is_disabled() {
        let (twins, a, b) = renewed();
        assert_eq!(left_out(&twins, &[disabled(&a), b.clone()]), ["b"], "its token is spent");
        assert_eq!(left_out(&twins, &[a, b]), ["b"]);
    }

    #[test]
    fn one_stays_left_out_while_the_other_one_cannot_be_read() {
        let (twins, a, b) = renewed();
        let beside = |unreadable: &[&str]| left_out_beside(&twins, std::slice::from_ref(&b), unreadable);
        assert_eq!(beside(&["a"]), ["b"], "the other one goes on from memory");
        assert_eq!(left_out(&twins, &[a, b.clone()]), ["b"]);
        assert_eq!(beside(&["c"]), NONE, "the other one is gone");
    }

    #[test]
    fn one_that_was_away_for_a_while_comes_back_left_out() {
        let (twins, a, b) = renewed();
        assert_eq!(left_out(&twins, &[a.clone(), disabled(&b)]), NONE, "it is out of use as it is");
        assert_eq!(left_out(&twins, &[a.clone(), b.clone()]), ["b"]);
        assert_eq!(left_out_beside(&twins, std::slice::from_ref(&a), &["b"]), NONE);
        assert_eq!(left_out(&twins, &[a, b]), ["b"]);
    }

    #[test]
    fn one_that_was_disabled_while_the_other_was_renewed_is_left_out_when_it_is_enabled() {
        let (twins, token) = (Twins::default(), json!({"refresh_token": "R0"}));
        let (a, b) = (login("a", &token), login("b", &token));
        assert_eq!(left_out(&twins, &[disabled(&a), b]), NONE);
        let b = login("b", &json!({"refresh_token": "R1"}));
        assert_eq!(left_out(&twins, &[a, b.clone()]), ["a"]);
        let anew = login("a", &json!({"refresh_token": "S0"}));
        assert_eq!(left_out(&twins, &[anew, b]), NONE);
    }
}
