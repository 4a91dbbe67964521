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
}

impl Twins {
    /// Which of these are left out, and why: all but one of those with one token, and those that were before and have not
    /// changed since: what the other one has by now was renewed, and theirs is spent.
    pub(crate) fn find<'c>(
        &self,
        logins: impl Iterator<Item = &'c Credential>,
    ) -> BTreeMap<CredentialId, String> {
        let mut logins: Vec<(&Credential, String)> =
            logins.filter_map(|login| Some((login, token(login)?))).collect();
        // In the order of their names, so that nothing depends on how a directory lists them.
        logins.sort_by_key(|(login, _)| login.id().clone());
        let mut used: BTreeMap<&str, &Credential> = BTreeMap::new();
        let mut before = self.left_out.lock();
        before.retain(|id, twin| {
            logins.iter().any(|(login, token)| login.id() == id && *token == twin.token)
                && logins.iter().any(|(login, _)| *login.id() == twin.of)
        });
        for (login, token) in logins.iter().filter(|(login, _)| !before.contains_key(login.id())) {
            let best = used.entry(token).or_insert(*login);
            if login.document().compare_age(best.document()) == Some(Ordering::Greater) {
                *best = *login;
            }
        }
        for (login, token) in &logins {
            if let Some(best) = used.get(&**token).filter(|best| best.id() != login.id()) {
                let twin = Twin { token: token.clone(), of: best.id().clone() };
                before.entry(login.id().clone()).or_insert(twin);
            }
        }
        let of = |id: &CredentialId| {
            let kept = logins.iter().find(|(login, _)| login.id() == id);
            kept.map_or_else(|| id.as_str().to_owned(), |(login, _)| login.masked_id())
        };
        before.iter().map(|(id, twin)| (id.clone(), why(&of(&twin.of)))).collect()
    }
}

fn why(other: &str) -> String {
    format!(
        "it has the refresh token of {other}, which works once: only that one is used; delete one of the two, or log in anew \
         for this one"
    )
}

/// The refresh token of a login that is in use, as a hash.
fn token(login: &Credential) -> Option<String> {
    if login.kind() == CredentialKind::ApiKey || login.settings().disabled {
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
        let found = twins.find(logins.iter());
        found.keys().map(|id| id.as_str().to_owned()).collect()
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
            let told = format!("{:?}", Twins::default().find(all.iter()));
            assert!(told.contains("refresh token of b") && !told.contains("CANARY"), "{told}");
        }
        assert_eq!(left_out(&Twins::default(), &[c.clone(), a.clone()]), ["c"]);
        let mut settings = a.settings().clone();
        settings.disabled = true;
        let off = a.with_settings(settings);
        assert_eq!(left_out(&Twins::default(), &[off, c.clone()]), Vec::<String>::new());
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
        assert_eq!(left_out(&twins, &[renewed.clone(), anew]), Vec::<String>::new());
        assert_eq!(left_out(&twins, &[a, b.clone()]), ["b"]);
        assert_eq!(left_out(&twins, &[b]), Vec::<String>::new(), "the other one is gone");
    }
}
