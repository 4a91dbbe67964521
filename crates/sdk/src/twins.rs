//! Logins that share a refresh token which works once: a copy of a file, or an entry of the configuration beside an import.
//! Each would spend it by itself, and a provider that takes the second time for theft ends both.
//!
//! What is left out follows from what is there now: the files, and what a running conductor has of them. Nothing is
//! remembered, so that a server, a command, a second process and the next start say the same.
// Source: providers-a.md 9 "One refresh in flight per refresh token"; providers-b.md 1.4 "single-flight per refresh token".

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use cliproxy_conductor::{Held, Lineage, is_marked_spent};
use cliproxy_core::{Credential, CredentialId, CredentialKind, Document, Origin};

use crate::entries::Rivals;
use crate::heirs::is_ousted;

/// Which logins are left out, and for which.
#[derive(Debug, Default)]
pub(crate) struct Twins(BTreeMap<CredentialId, Twin>);

/// A login that is left out.
#[derive(Clone, Debug)]
struct Twin {
    cause: Cause,
    /// Itself, masked.
    name: String,
    /// `None`: one that is not known here.
    of: Option<CredentialId>,
    why: String,
    /// It is out of use as it is.
    disabled: bool,
}

/// Why one is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The other was renewed with its token, or with one that came of it.
    Spent,
    /// It, or a copy of it, says itself that another was renewed with its token, which is not here.
    Marked,
    /// The other has the same token, and is used.
    Same,
    /// The other has the same token, and is being renewed with it.
    InFlight,
}

/// One that may be used, or may have spent another's token.
struct Login<'c> {
    credential: &'c Credential,
    /// Its own, or what a renewal has put in its place and a file may not have yet.
    document: &'c Document,
    lineage: Lineage,
    /// Whether its token is what serves now.
    serves: bool,
}

impl Login<'_> {
    fn is_disabled(&self) -> bool {
        self.credential.settings().disabled
    }

    /// Whether it is rather used than another with the same token, which comes before it by name: who has it already, then
    /// the newer login, then the file that was written first, for the other one is a copy of it.
    fn goes_before(&self, other: &Self, written: &BTreeMap<CredentialId, SystemTime>) -> bool {
        let age = || self.document.compare_age(other.document);
        let at = |login: &Self| written.get(login.credential.id());
        let first = || Some(at(other)?.cmp(at(self)?)).filter(|order| order.is_ne());
        let serves = Some(self.serves.cmp(&other.serves)).filter(|order| order.is_ne());
        serves.or_else(age).or_else(first) == Some(Ordering::Greater)
    }
}

impl Twins {
    /// Which of these are left out: all but one of those with one token, and those whose token another has spent. `held` is
    /// what a running conductor has of them.
    pub(crate) fn find<'c>(
        logins: impl Iterator<Item = &'c Credential>,
        written: &BTreeMap<CredentialId, SystemTime>,
        held: &'c [Held],
    ) -> Self {
        // In the order of their names, so that nothing depends on how a directory lists them.
        let mut known: BTreeMap<&CredentialId, Login<'c>> =
            logins.filter_map(|login| Some((login.id(), Login::of(login)?))).collect();
        // By provider and token.
        let mut in_flight: BTreeMap<(&str, String), Login<'c>> = BTreeMap::new();
        // Those whose tokens are in memory alone, while their file has another login.
        let mut ousted: Vec<Login<'c>> = Vec::new();
        for held in held {
            let Some(own) = Login::of(&held.credential) else { continue };
            let file = known.get_mut(held.credential.id()).filter(|file| provider(file) == provider(&own));
            let Some(file) = file else {
                // What has its name is another provider's, or nothing that a renewal could spend.
                if held.is_unsaved {
                    ousted.extend(Login::of(&held.credential));
                }
                if held.is_renewing {
                    in_flight.insert((provider(&own), own.lineage.token().to_owned()), own);
                }
                continue;
            };
            file.serves = !held.credential.settings().disabled;
            if file.lineage.is_spent_by(&own.lineage) || file.forgot(&own.lineage) {
                (file.document, file.lineage) = (own.document, own.lineage.clone());
            } else {
                // Its file was put in the place of another's.
                file.serves &= file.lineage.token() == own.lineage.token();
                if held.is_unsaved && is_ousted(held, file.credential) {
                    ousted.extend(Login::of(&held.credential));
                }
            }
            if held.is_renewing {
                in_flight.insert((provider(&own), own.lineage.token().to_owned()), own);
            }
        }
        let mut renewed: BTreeMap<(&str, &str), (u64, &Login<'_>)> = BTreeMap::new();
        for login in known.values().chain(&ousted) {
            for (line, number) in login.lineage.renewed() {
                let most = renewed.entry((provider(login), line)).or_insert((number, login));
                if most.0 < number {
                    *most = (number, login);
                }
            }
        }
        let marked: BTreeSet<(&str, &str)> = known
            .values()
            .filter(|login| is_marked_spent(login.document))
            .map(|login| (provider(login), login.lineage.token()))
            .collect();
        let mut twins = Self::default();
        let mut used: BTreeMap<(&str, &str), Vec<&Login<'_>>> = BTreeMap::new();
        for login in known.values() {
            let line = (provider(login), login.lineage.place().0);
            let by = renewed.get(&line).map(|(_, by)| *by).filter(|by| !login.is(by));
            match by.filter(|by| login.lineage.is_spent_by(&by.lineage)) {
                Some(by) => twins.leave_out(login, Some(by), Cause::Spent),
                None if marked.contains(&(provider(login), login.lineage.token())) => {
                    twins.leave_out(login, None, Cause::Marked);
                }
                None if login.is_disabled() => {}
                None => used.entry((provider(login), login.lineage.token())).or_default().push(login),
            }
        }
        for ((provider, token), same) in used {
            let renewing = in_flight.get(&(provider, token.to_owned()));
            let best = same
                .iter()
                .copied()
                .reduce(|best, login| if login.goes_before(best, written) { login } else { best });
            let renewing = renewing.map(|by| (by, Cause::InFlight));
            let Some((by, cause)) = renewing.or(best.map(|best| (best, Cause::Same))) else { continue };
            for login in same.into_iter().filter(|login| !login.is(by)) {
                twins.leave_out(login, Some(by), cause);
            }
        }
        twins
    }

    fn leave_out(&mut self, login: &Login<'_>, by: Option<&Login<'_>>, cause: Cause) {
        let name = login.credential.masked_id();
        let of = by.map(|by| by.credential.id().clone());
        let other = by.map_or_else(|| "another file".to_owned(), |by| by.credential.masked_id());
        let why = why(login.credential, &other, cause);
        let twin = Twin { cause, name, of, why, disabled: login.is_disabled() };
        self.0.insert(login.credential.id().clone(), twin);
    }

    /// Why a login is not used, where it would be but for another.
    pub(crate) fn why(&self, id: &CredentialId) -> Option<&str> {
        self.0.get(id).filter(|twin| !twin.disabled).map(|twin| &*twin.why)
    }

    /// For a login those that are left out for it.
    pub(crate) fn rivals(&self) -> Rivals {
        let mut rivals = Rivals::new();
        for (id, twin) in &self.0 {
            if let Some(of) = &twin.of {
                rivals.entry(of.clone()).or_default().push(id.clone());
            }
        }
        rivals
    }

    /// What becomes of those that are left out for a login that is taken out of use; `None` without any.
    pub(crate) fn without(&self, id: &CredentialId) -> Option<String> {
        let names = |spent: bool| {
            let of = self
                .0
                .values()
                .filter(|twin| twin.of.as_ref() == Some(id) && (twin.cause == Cause::Spent) == spent);
            let names: Vec<&str> = of.map(|twin| &*twin.name).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let same = names(false).map(|names| {
            format!("the same refresh token is in {names}: that login is used in its place from now on")
        });
        let spent = names(true).map(|names| {
            format!("{names} cannot take its place: the refresh token there is spent; delete that too, or log in anew")
        });
        let told: Vec<String> = same.into_iter().chain(spent).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

impl<'c> Login<'c> {
    /// Of those that have a refresh token.
    fn of(credential: &'c Credential) -> Option<Self> {
        if credential.kind() == CredentialKind::ApiKey {
            return None;
        }
        let document = credential.document();
        Some(Self { credential, document, lineage: Lineage::of(document)?, serves: false })
    }

    /// Whether its file has this token and no note of where it comes from: another program did not keep that.
    fn forgot(&self, known: &Lineage) -> bool {
        self.lineage.token() == known.token() && self.document.get(Document::LINEAGE).is_none()
    }

    fn is(&self, other: &Self) -> bool {
        self.credential.id() == other.credential.id()
    }
}

// How the login was made (`auth_method`) says nothing of the token: the same is told in several words, or not at all.
fn provider<'c>(login: &Login<'c>) -> &'c str {
    login.credential.provider().as_str()
}

/// Told of the one that may go, so that nobody deletes the other.
fn why(login: &Credential, other: &str, cause: Cause) -> String {
    let this = login.masked_id();
    let next = match login.origin() {
        Origin::Config(place) => format!("take {place} out of the config, not {other}"),
        _ => format!("delete this one ({this}), not {other}, or log in anew for it"),
    };
    match cause {
        Cause::Spent => format!(
            "its refresh token is spent: {other} was renewed with it and has the one that works now; {next}"
        ),
        Cause::Marked => format!(
            "its refresh token is spent: {other} was renewed with it, which is not here or cannot be read; bring that one \
             back and delete this one ({this}), or log in anew for it"
        ),
        Cause::Same => {
            format!("it has the refresh token of {other}, which works once: only {other} is used; {next}")
        }
        Cause::InFlight => format!(
            "it has the refresh token of {other}, which works once and is being renewed there; {next}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use cliproxy_core::{ProviderId, Settings};
    use cliproxy_executors::DemoExecutor;
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

    fn with_token(name: &str, token: &str) -> Credential {
        login(name, &json!({"refresh_token": token}))
    }

    /// As renewals leave it that began with `first`.
    fn renewed(name: &str, first: &str, times: u64, token: &str) -> Credential {
        let of = |token: &str| {
            let document = json!({"refresh_token": token}).as_object().cloned().unwrap();
            Lineage::of(&Document::new(document)).unwrap().token().to_owned()
        };
        let note = format!("{}.{times}.{}", of(first), of(token));
        login(name, &json!({"refresh_token": token, "refresh_lineage": note}))
    }

    fn disabled(login: &Credential) -> Credential {
        let mut settings = login.settings().clone();
        settings.disabled = true;
        login.with_settings(settings)
    }

    fn held(login: &Credential) -> Held {
        Held::new(Arc::new(DemoExecutor::new()), Arc::new(login.clone()))
    }

    fn twins_beside(logins: &[&Credential], held: &[Held]) -> Twins {
        Twins::find(logins.iter().copied(), &BTreeMap::new(), held)
    }

    fn beside(logins: &[&Credential], held: &[Held]) -> Vec<String> {
        let twins = twins_beside(logins, held);
        let ids = logins.iter().map(|login| login.id());
        let out: Vec<String> =
            ids.filter(|id| twins.why(id).is_some()).map(|id| id.as_str().to_owned()).collect();
        let reversed: Vec<&Credential> = logins.iter().rev().copied().collect();
        let other_way = twins_beside(&reversed, held);
        assert!(out.iter().all(|id| other_way.why(&CredentialId::new(id)).is_some()), "by the order");
        out
    }

    fn left_out(logins: &[&Credential]) -> Vec<String> {
        beside(logins, &[])
    }

    #[test]
    fn of_those_with_one_token_the_newest_is_used_else_the_first_that_was_written_else_by_name() {
        let (early, late) = ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z");
        let a = login("a", &json!({"refresh_token": "CANARY", "last_refresh": early}));
        let b = login("b", &json!({"refresh_token": "CANARY", "last_refresh": late}));
        let c = login("c", &json!({"refreshToken": "CANARY"}));
        let d = with_token("d", "another");
        let e = login("e", &json!({"access_token": "CANARY"}));
        assert_eq!(left_out(&[&a, &b, &c, &d, &e]), ["a", "c"]);
        assert_eq!(left_out(&[&a, &c]), ["c"]);
        let at =
            |name: &str, second: u64| (CredentialId::new(name), UNIX_EPOCH + Duration::from_secs(second));
        for (first, second, out) in [(2, 1, "a"), (1, 2, "c"), (1, 1, "c")] {
            let written = BTreeMap::from_iter([at("a", first), at("c", second)]);
            let twins = Twins::find([&a, &c].into_iter(), &written, &[]);
            assert_eq!(twins.0.keys().map(CredentialId::as_str).collect::<Vec<_>>(), [out], "{written:?}");
            // When they were renewed goes before when they were written.
            let twins = Twins::find([&a, &b].into_iter(), &written, &[]);
            assert!(twins.why(a.id()).is_some());
        }
    }

    #[test]
    fn how_a_login_was_made_and_where_it_is_renewed_does_not_count_and_the_provider_does() {
        let a = login("a", &json!({"refresh_token": "R0", "auth_method": "social"}));
        let b = login("b", &json!({"refresh_token": "R0", "authMethod": "google", "token_url": "http://x"}));
        assert_eq!(left_out(&[&a, &b]), ["b"]);
        let document = a.document().clone();
        let (id, provider) = (CredentialId::new("c"), ProviderId::from_static("codex"));
        let (kind, origin) = (CredentialKind::Account, Origin::Store("c".to_owned()));
        let other = Credential::new(id, provider, kind, origin, document, Settings::new("x"));
        assert_eq!(left_out(&[&a, &other]), NONE);
    }

    #[test]
    fn a_login_whose_token_another_was_renewed_with_is_left_out_however_long_ago_until_it_changes() {
        let b = with_token("b", "R0");
        for times in [1, 9, 500] {
            let a = renewed("a", "R0", times, "R9");
            assert_eq!(left_out(&[&a, &b]), ["b"]);
            assert_eq!(left_out(&[&disabled(&a), &b]), ["b"], "its token is spent all the same");
            assert_eq!(left_out(&[&a, &disabled(&b)]), NONE, "it is out of use as it is");
            assert_eq!(left_out(&[&a, &with_token("b", "S0")]), NONE);
        }
        // A copy from in between.
        let (a, b) = (renewed("a", "R0", 9, "R9"), renewed("b", "R0", 5, "R5"));
        assert_eq!(left_out(&[&a, &b]), ["b"]);
        assert_eq!(left_out(&[&a, &renewed("b", "R0", 9, "R9")]), ["b"], "the same token");
        assert_eq!(left_out(&[&a, &renewed("b", "Q0", 5, "R5")]), NONE, "another line");
    }

    #[test]
    fn a_login_that_says_itself_that_its_token_is_spent_is_left_out_also_when_nothing_else_says_so() {
        let marked = |token: &str, of: &str| {
            let of = Lineage::of(with_token("x", of).document()).unwrap().token().to_owned();
            login("b", &json!({"refresh_token": token, "refresh_spent": of}))
        };
        let b = marked("R0", "R0");
        assert_eq!(left_out(&[&b]), ["b"]);
        assert_eq!(left_out(&[&disabled(&b)]), NONE, "it is out of use as it is");
        assert_eq!(left_out(&[&marked("R1", "R0")]), NONE, "it has another one since");
        assert_eq!(left_out(&[&b, &with_token("c", "R0")]), ["b", "c"], "a copy of that");
        let twins = twins_beside(&[&b], &[]);
        let why = twins.why(b.id()).unwrap();
        assert!(why.contains("another file") && why.contains("log in anew"), "{why}");
        assert!(twins.rivals().is_empty());
        let renewed = renewed("a", "R0", 1, "R1");
        assert!(
            twins_beside(&[&renewed, &b], &[]).why(b.id()).unwrap().contains("delete this one (b), not a")
        );
        // In memory it has the next one.
        let ahead = held(&super::tests::renewed("b", "R0", 1, "R1"));
        assert_eq!(beside(&[&b], &[ahead]), NONE);
    }

    #[test]
    fn what_is_unsaved_has_spent_its_token_also_while_its_turn_is_taken_and_its_file_is_another_s() {
        let copy = with_token("b", "R0");
        let provider = ProviderId::from_static("codex");
        let (id, kind) = (CredentialId::new("a"), CredentialKind::Account);
        let (origin, document) = (Origin::Store("a".to_owned()), with_token("a", "S0").document().clone());
        let another = Credential::new(id, provider, kind, origin, document, Settings::new("x"));
        let bare = login("a", &json!({"access_token": "A"}));
        for file in [&another, &bare] {
            for is_renewing in [false, true] {
                let mut held = held(&renewed("a", "R0", 1, "R1"));
                (held.is_unsaved, held.is_renewing) = (true, is_renewing);
                assert_eq!(beside(&[file, &copy], &[held]), ["b"], "{is_renewing}");
            }
        }
    }

    #[test]
    fn two_that_were_left_out_for_one_stay_so_when_one_of_them_is_deleted() {
        let (a, b) = (with_token("a", "R0"), with_token("b", "R0"));
        let c = renewed("c", "R0", 1, "R1");
        assert_eq!(left_out(&[&a, &b, &c]), ["a", "b"]);
        assert_eq!(left_out(&[&b, &c]), ["b"]);
        assert_eq!(left_out(&[&b]), NONE, "there is nothing left that it could end");
    }

    #[test]
    fn a_disabled_one_that_was_not_renewed_turns_nobody_else_off_and_waits_when_it_is_back() {
        let (a, b) = (with_token("a", "R0"), with_token("b", "R0"));
        assert_eq!(left_out(&[&a, &b]), ["b"]);
        assert_eq!(beside(&[&disabled(&a), &b], &[held(&a)]), NONE);
        assert_eq!(beside(&[&a, &b], &[held(&disabled(&a)), held(&b)]), ["a"], "the other one serves by now");
        let b = renewed("b", "R0", 1, "R1");
        assert_eq!(left_out(&[&a, &b]), ["a"], "that one has spent its token");
    }

    #[test]
    fn the_one_that_serves_goes_before_a_copy_whatever_the_copy_is_called_and_says() {
        let a = login("a", &json!({"refresh_token": "R0", "last_refresh": "2026-11-23T11:00:00Z"}));
        let b = login("b", &json!({"refresh_token": "R0", "last_refresh": "2026-11-23T10:00:00Z"}));
        assert_eq!(left_out(&[&a, &b]), ["b"]);
        assert_eq!(beside(&[&a, &b], &[held(&b)]), ["a"]);
        assert_eq!(beside(&[&a, &b], &[held(&disabled(&b))]), ["b"], "that one serves nobody");
    }

    #[test]
    fn what_a_renewal_brought_counts_before_a_file_has_it() {
        let (a, b) = (with_token("a", "R0"), with_token("b", "R0"));
        let unsaved = held(&renewed("a", "R0", 1, "R1"));
        assert_eq!(beside(&[&disabled(&a), &b], std::slice::from_ref(&unsaved)), ["b"]);
        assert_eq!(beside(&[&a, &with_token("b", "R1")], std::slice::from_ref(&unsaved)), ["b"]);
        // A login since then is newer than that.
        assert_eq!(beside(&[&with_token("a", "S0"), &with_token("b", "R1")], &[unsaved]), NONE);
    }

    #[test]
    fn what_a_login_brought_whose_file_has_another_by_now_counts_while_no_file_has_it() {
        let (a, b) = (with_token("a", "S0"), with_token("b", "R0"));
        let mut unsaved = held(&renewed("a", "R0", 1, "R1"));
        assert_eq!(beside(&[&a, &b], std::slice::from_ref(&unsaved)), NONE, "a file had it");
        unsaved.is_unsaved = true;
        assert_eq!(beside(&[&a, &b], std::slice::from_ref(&unsaved)), ["b"]);
        assert_eq!(beside(&[&a, &renewed("b", "R0", 1, "R1")], &[unsaved]), NONE);
    }

    #[test]
    fn a_token_that_is_being_spent_is_not_spent_by_another_though_its_owner_was_changed_meanwhile() {
        let (a, b) = (with_token("a", "R0"), with_token("b", "R0"));
        let mut renewing = held(&a);
        renewing.is_renewing = true;
        for now in [disabled(&a), with_token("a", "S0")] {
            assert_eq!(beside(&[&now, &b], std::slice::from_ref(&renewing)), ["b"]);
            assert_eq!(beside(&[&now, &b], &[held(&a)]), NONE);
        }
    }

    #[test]
    fn only_the_file_that_has_the_token_that_serves_is_the_one_that_serves() {
        // The file of c, which serves by S0, was written over with a copy of a.
        let s = with_token("c", "S0");
        let copy = login("c", &json!({"refresh_token": "R0", "last_refresh": "2026-11-23T10:00:00Z"}));
        let dated = login("a", &json!({"refresh_token": "R0", "last_refresh": "2026-11-22T10:00:00Z"}));
        assert_eq!(beside(&[&dated, &copy], &[held(&dated), held(&s)]), ["c"]);
        // And the one that is being renewed goes first in any case.
        let mut renewing = held(&dated);
        renewing.is_renewing = true;
        assert_eq!(beside(&[&dated, &copy], &[renewing, held(&copy)]), ["c"]);
    }

    #[test]
    fn a_note_that_a_file_lost_is_known_as_long_as_its_login_serves() {
        let (known, copy) = (renewed("a", "R0", 5, "R5"), renewed("b", "R0", 3, "R3"));
        let rewritten = with_token("a", "R5");
        assert_eq!(beside(&[&rewritten, &copy], &[held(&known)]), ["b"]);
        assert_eq!(left_out(&[&rewritten, &copy]), NONE, "nothing tells");
        assert_eq!(beside(&[&with_token("a", "S0"), &copy], &[held(&known)]), NONE, "another token");
    }

    #[test]
    fn it_is_told_which_file_may_go_and_no_secret() {
        let entry = |login: &Credential| {
            let (id, document) = (login.id().clone(), login.document().clone());
            let (provider, kind) = (login.provider().clone(), login.kind());
            let origin = Origin::Config("kiro[0]".to_owned());
            Credential::new(id, provider, kind, origin, document, Settings::new("x"))
        };
        let (a, b) = (with_token("a.json", "CANARY-0"), with_token("b.json", "CANARY-0"));
        let spent = renewed("a.json", "CANARY-0", 1, "CANARY-1");
        let mut renewing = held(&a);
        renewing.is_renewing = true;
        for (logins, held, said, next) in [
            ([&a, &b], vec![], "the refresh token of a.json", "delete this one (b.json), not a.json"),
            ([&spent, &b], vec![], "a.json was renewed with it", "delete this one (b.json), not a.json"),
            ([&spent, &entry(&b)], vec![], "was renewed", "take kiro[0] out of the config, not a.json"),
            ([&disabled(&a), &b], vec![renewing], "is being renewed", "delete this one (b.json), not a.json"),
        ] {
            let twins = twins_beside(&logins, &held);
            let why = twins.why(b.id()).unwrap();
            assert!(why.contains(said) && why.contains(next), "{why}");
            assert!(!format!("{twins:?}").contains("CANARY"));
        }
        assert_eq!(twins_beside(&[&a, &b], &[]).without(b.id()), None);
        let same = twins_beside(&[&a, &b], &[]).without(a.id()).unwrap();
        assert!(same.contains("b.json") && same.contains("used in its place"), "{same}");
        let lost = twins_beside(&[&spent, &disabled(&b)], &[]).without(a.id()).unwrap();
        assert!(lost.contains("b.json cannot take its place"), "{lost}");
    }
}
