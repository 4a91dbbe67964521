//! Never lose a credential. Source: design.md §5, runtime.md D.8, D.13, L.2 27; providers-a.md 1.4.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_conductor::{Availability, CooldownCause, Options, RenewError};
use cliproxy_core::*;
use parking_lot::Mutex;
use std::collections::BTreeMap;

use crate::fakes::{FakeExecutor, World, account, request, settle, sleep, world, world_with};

/// A store in memory with one lease a credential, that may be full or slow.
#[derive(Debug, Default)]
pub struct MemoryStore {
    held: Mutex<BTreeMap<CredentialId, Credential>>,
    leases: Arc<tokio::sync::Mutex<()>>,
    pub full: AtomicBool,
    /// What can be read only.
    pub fixed: Mutex<Option<CredentialId>>,
    /// The others have a turn of their own each.
    pub apart: AtomicBool,
    /// Somebody else has the turn at this one, and keeps it.
    pub busy: Mutex<Option<CredentialId>>,
    /// It says beforehand that it is full.
    pub unwritable: AtomicBool,
    broken: AtomicBool,
    /// It never answers.
    pub hangs: AtomicBool,
    /// Its configuration was reloaded, and nothing in it is the store's any more.
    emptied: AtomicBool,
    pub saves: AtomicUsize,
    /// After so many looks at it everything in it is gone.
    pub vanishes_after: AtomicUsize,
    pub saving_takes: Mutex<Duration>,
    pub loading_takes: Mutex<Duration>,
}

#[derive(Debug)]
struct Lease(#[expect(dead_code, reason = "held for its drop")] tokio::sync::OwnedMutexGuard<()>);
impl RefreshLease for Lease {}

impl MemoryStore {
    fn with(credential: &Credential) -> Arc<Self> {
        let store = Self::default();
        store.put(credential.clone());
        Arc::new(store)
    }

    pub fn put(&self, credential: Credential) {
        self.held.lock().insert(credential.id().clone(), credential);
    }

    pub fn get(&self, id: &CredentialId) -> Option<Credential> {
        self.held.lock().get(id).cloned()
    }

    async fn answers(&self) {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    pub fn text(&self, id: &str, key: &str) -> Option<String> {
        let held = self.held.lock();
        held.get(&CredentialId::new(id))?.document().text(key).map(str::to_owned)
    }
}

#[async_trait]
impl CredentialStore for MemoryStore {
    async fn list(&self) -> Result<Listing, StoreError> {
        Ok(Listing::new(self.held.lock().values().cloned().collect(), Vec::new()))
    }

    async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, StoreError> {
        self.answers().await;
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Storage, "unreachable"));
        }
        let found = self.held.lock().get(id).cloned();
        let takes = *self.loading_takes.lock();
        tokio::time::sleep(takes).await;
        let last =
            self.vanishes_after.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if last == Ok(1) {
            self.held.lock().clear();
        }
        Ok(found)
    }

    async fn save(&self, credential: &Credential) -> Result<(), StoreError> {
        self.answers().await;
        let takes = *self.saving_takes.lock();
        tokio::time::sleep(takes).await;
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Storage, "no space left on device"));
        }
        if self.fixed.lock().as_ref() == Some(credential.id()) {
            return Err(StoreError::new(StoreErrorKind::Storage, "read-only file system"));
        }
        self.saves.fetch_add(1, Ordering::SeqCst);
        self.put(credential.clone());
        Ok(())
    }

    async fn probe(&self, credential: &Credential) -> Result<(), StoreError> {
        if self.unwritable.load(Ordering::SeqCst) {
            let error = StoreError::new(StoreErrorKind::Storage, format!("cannot save {}", credential.id()));
            return Err(error.with_source("read-only file system"));
        }
        Ok(())
    }

    async fn delete(&self, id: &CredentialId) -> Result<bool, StoreError> {
        Ok(self.held.lock().remove(id).is_some())
    }

    fn keeps(&self, credential: &Credential) -> bool {
        matches!(credential.origin(), Origin::Store(_)) && !self.emptied.load(Ordering::SeqCst)
    }

    async fn lease(&self, id: &CredentialId) -> Result<Box<dyn RefreshLease>, StoreError> {
        if self.busy.lock().as_ref() == Some(id) {
            std::future::pending::<()>().await;
        }
        let apart = self.apart.load(Ordering::SeqCst) && id.as_str() != "x.json";
        let leases = if apart { Arc::default() } else { Arc::clone(&self.leases) };
        Ok(Box::new(Lease(leases.lock_owned().await)))
    }
}

/// A provider whose refresh tokens work once: `refresh-1` gives `access-2` and `refresh-2`, and so on.
#[derive(Debug, Default)]
pub struct Provider {
    pub used: Mutex<Vec<String>>,
    pub valid_for: Mutex<u64>,
}

impl Provider {
    pub fn wire(self: &Arc<Self>, world: &World) {
        self.wire_to(&world.executor);
    }

    fn wire_to(self: &Arc<Self>, executor: &FakeExecutor) {
        let provider = Arc::clone(self);
        *executor.takes.lock() = Duration::from_millis(100);
        executor.refreshes_with(move |credential| provider.refresh(credential));
    }

    fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let token = credential.refresh_token().unwrap().expose().to_owned();
        let mut used = self.used.lock();
        if used.contains(&token) {
            return Err(ExecutorError::new(ErrorKind::InvalidGrant, "refresh token already used"));
        }
        let number: u32 = token.strip_prefix("refresh-").unwrap().parse().unwrap();
        used.push(token);
        let next = number + 1;
        let mut changes = serde_json::Map::new();
        changes.insert("access_token".to_owned(), format!("access-{next}").into());
        changes.insert("refresh_token".to_owned(), format!("refresh-{next}").into());
        let valid_for = *self.valid_for.lock();
        if valid_for > 0 {
            // The time of the last call is not known here; the expiry moves on from the old one.
            let expiry = credential.document().expiry().unwrap_or(crate::fakes::WALL);
            changes
                .insert("expired".to_owned(), (expiry.as_secs() + i64::try_from(valid_for).unwrap()).into());
        }
        Ok(credential.with_document(credential.document().merged(changes)))
    }
}

pub const FIRST: &str = r#"{"access_token":"access-1","refresh_token":"refresh-1","note":"mine"}"#;

pub fn stored_world(document: &str) -> (World, Arc<MemoryStore>, Arc<Provider>) {
    let credential = account("x.json", document);
    let store = MemoryStore::with(&credential);
    let world = world_with(Options::default(), |builder| {
        builder.store(Arc::clone(&store) as Arc<dyn CredentialStore>)
    });
    let provider = Arc::new(Provider::default());
    provider.wire(&world);
    world.add(credential);
    (world, store, provider)
}

pub fn expiring_in(secs: i64) -> String {
    let expired = crate::fakes::WALL.as_secs() + secs;
    format!(r#"{{"access_token":"access-1","refresh_token":"refresh-1","expired":{expired}}}"#)
}

pub fn token(world: &World) -> String {
    let status = world.conductor.credential(&CredentialId::new("x.json")).unwrap();
    status.credential.access_token().unwrap().expose().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_401_renews_once_and_tries_the_same_credential_again() {
    let (world, store, _) = stored_world(FIRST);
    *world.script.token.lock() = Some("access-2".to_owned());
    assert!(world.ask("m").await.result.is_ok());
    let tokens: Vec<_> = world.script.seen().into_iter().map(|seen| seen.token.unwrap()).collect();
    assert_eq!(tokens, ["access-1", "access-2"]);
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    assert_eq!(store.text("x.json", "note").as_deref(), Some("mine"));
    assert_eq!(world.state("x.json", "m"), Availability::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_refused_after_its_renewal_cools_and_the_next_goes() {
    let (world, _, _) = stored_world(FIRST);
    world.keys(&["z"]);
    world.script.always("x.json", crate::fakes::Play::Reply(401, None, "{}"));
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!(world.script.tried(), ["x.json", "x.json", "z"]);
    assert!(matches!(
        world.state("x.json", "m"),
        Availability::CoolingDown { cause: CooldownCause::Unauthorized, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn api_keys_rotate_at_once() {
    let world = world(Options::default());
    world.keys(&["a", "b"]);
    world.script.next("a", [crate::fakes::Play::Reply(401, None, "{}")]);
    assert!(world.ask("m").await.result.is_ok());
    assert_eq!((world.script.tried(), world.executor.refreshes()), (vec!["a".to_owned(), "b".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn fifty_requests_with_a_401_cause_one_renewal() {
    let (world, store, _) = stored_world(FIRST);
    *world.script.token.lock() = Some("access-2".to_owned());
    let world = Arc::new(world);
    let tasks = tokio_util::task::TaskTracker::new();
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let world = Arc::clone(&world);
            tasks.spawn(async move { world.ask("m").await.result.is_ok() })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap());
    }
    assert_eq!((world.executor.refreshes(), store.saves.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_for_a_failing_renewal_do_not_fail_it_again() {
    let (world, _, _) = stored_world(FIRST);
    *world.script.token.lock() = Some("never".to_owned());
    world.executor.refreshes_with(|_| Err(ExecutorError::new(ErrorKind::Server, "token endpoint down")));
    let world = Arc::new(world);
    let tasks = tokio_util::task::TaskTracker::new();
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let world = Arc::clone(&world);
            tasks.spawn(async move { world.ask("m").await })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap().result.is_err());
    }
    assert_eq!(world.executor.refreshes(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_processes_with_one_store_renew_once() {
    let (first, store, provider) = stored_world(FIRST);
    let second = world_with(Options::default(), |builder| {
        builder.store(Arc::clone(&store) as Arc<dyn CredentialStore>)
    });
    provider.wire(&second);
    second.add(account("x.json", FIRST));
    for world in [&first, &second] {
        *world.script.token.lock() = Some("access-2".to_owned());
    }
    let (one, two) = tokio::join!(first.ask("m"), second.ask("m"));
    assert!(one.result.is_ok() && two.result.is_ok());
    assert_eq!(first.executor.refreshes() + second.executor.refreshes(), 1);
    assert_eq!((token(&first), token(&second)), ("access-2".to_owned(), "access-2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_somebody_else_used_up_is_read_again_before_giving_up() {
    let (world, store, provider) = stored_world(FIRST);
    // Another program without our lease has rotated, and saves while our renewal is on its way.
    provider.used.lock().push("refresh-1".to_owned());
    let theirs = account("x.json", r#"{"access_token":"access-9","refresh_token":"refresh-9"}"#);
    *world.script.token.lock() = Some("access-9".to_owned());
    let (answer, ()) = tokio::join!(world.ask("m"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.put(theirs);
    });
    assert!(answer.result.is_ok(), "{}", answer.explanation);
    assert_eq!(world.executor.refreshes(), 1);
    assert_eq!(token(&world), "access-9");
    assert_eq!(world.state("x.json", "m"), Availability::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_dead_refresh_token_needs_a_login_until_the_file_changes() {
    let (world, store, provider) = stored_world(&expiring_in(60));
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(300));
    provider.used.lock().push("refresh-1".to_owned());
    world.conductor.start();
    world.add(account("x.json", &expiring_in(60)));
    sleep(3600).await;
    assert_eq!(world.executor.refreshes(), 1);
    assert_eq!(world.state("x.json", "m"), Availability::NeedsLogin);
    assert_eq!(world.ask("m").await.result.unwrap_err().kind, ClientErrorKind::Unavailable);
    let message = "refresh token already used".to_owned();
    let dead = Err(RenewError::NeedsLogin { message });
    assert_eq!(world.conductor.renew(&CredentialId::new("x.json")).await, dead);
    assert_eq!(world.executor.refreshes(), 1);

    let fresh =
        account("x.json", r#"{"access_token":"access-5","refresh_token":"refresh-5","expired":9999999999}"#);
    store.put(fresh.clone());
    world.conductor.update(Arc::new(fresh));
    assert_eq!(world.state("x.json", "m"), Availability::Ready);
    assert!(world.ask("m").await.result.is_ok());
    assert!(world.conductor.renew(&CredentialId::new("x.json")).await.is_ok());
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_is_not_used_before_it_is_durable() {
    let (world, store, _) = stored_world(FIRST);
    *store.saving_takes.lock() = Duration::from_secs(10);
    let id = CredentialId::new("x.json");
    let (renewed, ()) = tokio::join!(world.conductor.renew(&id), async {
        sleep(5).await;
        // The provider has answered and the store has not: a crash here finds the old file whole.
        assert_eq!(world.executor.refreshes(), 1);
        assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-1"));
        assert_eq!(token(&world), "access-1");
    });
    assert_eq!(renewed.unwrap().access_token().unwrap().expose(), "access-2");
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_loses_no_token() {
    let (world, store, _) = stored_world(FIRST);
    store.full.store(true, Ordering::SeqCst);
    *world.script.token.lock() = Some("access-2".to_owned());
    assert!(world.ask("m").await.result.is_ok());
    let id = CredentialId::new("x.json");
    assert!(world.conductor.credential(&id).unwrap().unsaved);
    // The watcher reads the old file again: it must not take the new token away.
    world.conductor.update(Arc::new(account("x.json", FIRST)));
    assert_eq!(token(&world), "access-2");
    sleep(600).await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-1"));

    // A person edits the file meanwhile, then there is room again: both survive.
    let edited =
        account("x.json", r#"{"access_token":"access-1","refresh_token":"refresh-1","note":"edited"}"#);
    store.put(edited.clone());
    world.conductor.update(Arc::new(edited));
    assert_eq!(token(&world), "access-2");
    store.full.store(false, Ordering::SeqCst);
    sleep(60).await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    assert_eq!(store.text("x.json", "note").as_deref(), Some("edited"));
    assert!(!world.conductor.credential(&id).unwrap().unsaved);
    assert!(world.ask("m").await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn shutdown_tries_once_more_to_save_what_is_unsaved() {
    let (world, store, _) = stored_world(FIRST);
    store.full.store(true, Ordering::SeqCst);
    assert!(world.conductor.renew(&CredentialId::new("x.json")).await.is_ok());
    sleep(100).await;
    store.full.store(false, Ordering::SeqCst);
    world.conductor.shutdown().await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_runs_to_its_end_when_nobody_waits_any_more() {
    let (world, store, _) = stored_world(FIRST);
    *world.script.token.lock() = Some("access-2".to_owned());
    let gone = tokio::time::timeout(Duration::from_millis(50), world.ask("m")).await;
    assert!(gone.is_err());
    assert_eq!(store.saves.load(Ordering::SeqCst), 0);
    world.conductor.shutdown().await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
}

/// As the server's workers are: a thread with a runtime of its own, which ends while a renewal is under way.
#[tokio::test]
async fn a_renewal_runs_to_its_end_though_the_runtime_of_the_request_ends() {
    let (world, store, _) = stored_world(FIRST);
    world.conductor.start();
    *world.script.token.lock() = Some("access-2".to_owned());
    let (sender, ended) = tokio::sync::oneshot::channel();
    let asking = Arc::clone(&world.conductor);
    let request = request("m");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let gone = tokio::time::timeout(Duration::from_millis(50), asking.dispatch(request)).await;
            assert!(gone.is_err());
        });
        drop(runtime);
        sender.send(()).unwrap();
    });
    ended.await.unwrap();
    assert_eq!(store.saves.load(Ordering::SeqCst), 0);
    world.conductor.shutdown().await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_file_survives_a_renewal() {
    let (world, store, _) = stored_world(FIRST);
    store.put(account(
        "x.json",
        r#"{"access_token":"access-1","refresh_token":"refresh-1","note":"new","extra":{"a":[1]}}"#,
    ));
    assert!(world.conductor.renew(&CredentialId::new("x.json")).await.is_ok());
    assert_eq!(store.text("x.json", "note").as_deref(), Some("new"));
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    assert_eq!(world.executor.refreshes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_gone_is_not_brought_back() {
    let (world, store, _) = stored_world(FIRST);
    store.delete(&CredentialId::new("x.json")).await.unwrap();
    assert_eq!(world.conductor.renew(&CredentialId::new("x.json")).await, Err(RenewError::Gone));
    assert_eq!((world.executor.refreshes(), store.saves.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_no_reason_to_spend_the_token() {
    let (world, store, _) = stored_world(FIRST);
    store.broken.store(true, Ordering::SeqCst);
    let error = world.conductor.renew(&CredentialId::new("x.json")).await.unwrap_err();
    assert!(matches!(error, RenewError::Store { .. }));
    assert_eq!(world.executor.refreshes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_reader_of_the_old_file_does_not_undo_a_renewal() {
    let (world, _, _) = stored_world(FIRST);
    assert!(world.conductor.renew(&CredentialId::new("x.json")).await.is_ok());
    let mut settings = Settings::new("x");
    settings.priority = 7;
    world.conductor.update(Arc::new(account("x.json", FIRST).with_settings(settings)));
    let status = world.conductor.credential(&CredentialId::new("x.json")).unwrap();
    assert_eq!(status.credential.access_token().unwrap().expose(), "access-2");
    assert_eq!(status.credential.settings().priority, 7);
}

#[tokio::test(start_paused = true)]
async fn a_reload_of_the_configuration_does_not_bring_used_up_tokens_back() {
    let world = world(Options::default());
    Arc::new(Provider::default()).wire(&world);
    let stored = account("x.json", FIRST);
    let configured = || {
        Credential::new(
            stored.id().clone(),
            stored.provider().clone(),
            CredentialKind::Account,
            Origin::Config("kiro[0]".to_owned()),
            stored.document().clone(),
            Settings::new("x"),
        )
    };
    world.add(configured());
    for number in [2, 3] {
        assert!(world.conductor.renew(stored.id()).await.is_ok());
        world.add(configured());
        assert_eq!(token(&world), format!("access-{number}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_holds_up_no_request_for_long() {
    let (world, store, _) = stored_world(FIRST);
    world.keys(&["z"]);
    *world.script.token.lock() = Some("access-2".to_owned());
    *world.executor.takes.lock() = Duration::from_secs(300);
    world.script.always("z", crate::fakes::Play::Whole);
    *world.script.spared.lock() = Some("z".to_owned());
    let began = tokio::time::Instant::now();
    let answer = world.ask("m").await;
    assert_eq!(answer.credential.as_deref(), Some("z"), "{}", answer.explanation);
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    // It goes on, and what it brings is used.
    sleep(300).await;
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
    assert!(world.is_ready("x.json", "m"));
}

#[tokio::test(start_paused = true)]
async fn accounts_are_renewed_before_they_expire() {
    let (world, store, provider) = stored_world(&expiring_in(3600));
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(600));
    *provider.valid_for.lock() = 3600;
    world.conductor.start();
    world.add(account("x.json", &expiring_in(3600)));
    let status = world.conductor.credential(&CredentialId::new("x.json")).unwrap();
    assert_eq!(status.renewal_due, Some(crate::fakes::WALL.plus(Duration::from_secs(3000))));
    sleep(2999).await;
    assert_eq!(world.executor.refreshes(), 0);
    sleep(2).await;
    assert_eq!(world.executor.refreshes(), 1);
    sleep(3600).await;
    assert_eq!(world.executor.refreshes(), 2);
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-3"));
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_interval_in_the_file_beats_the_providers_lead_in_every_spelling() {
    let (wall, hour) = (crate::fakes::WALL.as_secs(), Duration::from_secs(3600));
    let last = wall - 600;
    for (members, due_in) in [
        // Ten minutes ago renewed, every half hour: in twenty minutes.
        (r#""refresh_interval_seconds":1800"#, Some(1200)),
        (r#""refreshIntervalSeconds":1800.0"#, Some(1200)),
        (r#""refresh_interval":"30m""#, Some(1200)),
        (r#""refresh-interval":"1800""#, Some(1200)),
        (r#""refreshInterval":"0h30m""#, Some(1200)),
        // No wish: the lead of an hour before the expiry in two.
        (r#""refresh_interval":0"#, Some(3600)),
        (r#""refresh_interval":"soon""#, Some(3600)),
        (r#""refresh_interval":-5"#, Some(3600)),
    ] {
        let world = world(Options::default());
        *world.executor.lead.lock() = Renewal::Lead(hour);
        let expired = wall + 7200;
        world.add(account(
            "x.json",
            &format!(r#"{{"access_token":"a","refresh_token":"r","expired":{expired},"last_refresh":{last},{members}}}"#),
        ));
        let status = world.conductor.credential(&CredentialId::new("x.json")).unwrap();
        let due = due_in.map(|secs| crate::fakes::WALL.plus(Duration::from_secs(secs)));
        assert_eq!(status.renewal_due, due, "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn renewal_goes_on_while_a_credential_cools_and_not_while_it_is_disabled() {
    for (disabled, renewals) in [(false, 1), (true, 0)] {
        let (world, _, _) = stored_world(&expiring_in(60));
        *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(30));
        world.script.next("x.json", [crate::fakes::Play::AccountLimit(1800)]);
        assert!(world.ask("m").await.result.is_err());
        let mut settings = Settings::new("x");
        settings.disabled = disabled;
        world.add(account("x.json", &expiring_in(60)).with_settings(settings));
        world.conductor.start();
        sleep(31).await;
        assert_eq!(world.executor.refreshes(), renewals, "disabled: {disabled}");
        assert!(!world.is_ready("x.json", "m"));
        world.conductor.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_renewal_pauses_from_one_to_five_minutes() {
    // Source: runtime.md D.13: [F] a minute, [H] five.
    let (world, _, _) = stored_world(&expiring_in(0));
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
    world.executor.refreshes_with(|_| Err(ExecutorError::new(ErrorKind::Connect, "no route")));
    *world.executor.takes.lock() = Duration::ZERO;
    world.conductor.start();
    world.add(account("x.json", &expiring_in(0)));
    settle().await;
    let mut expected = 1;
    assert_eq!(world.executor.refreshes(), expected);
    for pause in [60, 120, 240, 300, 300] {
        sleep(pause - 1).await;
        assert_eq!(world.executor.refreshes(), expected, "{pause}");
        sleep(1).await;
        settle().await;
        expected += 1;
        assert_eq!(world.executor.refreshes(), expected, "{pause}");
    }
    let status = world.conductor.credential(&CredentialId::new("x.json")).unwrap();
    assert_eq!(
        status.renewal_error,
        Some(RenewError::Failed {
            kind: ErrorKind::Connect,
            message: "no route".to_owned(),
            retry_after: None
        })
    );
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn renewals_at_the_same_time_are_bounded() {
    let mut options = Options::default();
    options.renewal = options.renewal.with_workers(3);
    let world = world(options);
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
    *world.executor.takes.lock() = Duration::from_secs(10);
    world.executor.refreshes_with(|credential| {
        let mut changes = serde_json::Map::new();
        changes.insert("expired".to_owned(), 9_999_999_999_i64.into());
        Ok(credential.with_document(credential.document().merged(changes)))
    });
    for n in 0..10 {
        world.add(account(&format!("{n}.json"), &expiring_in(0)));
    }
    world.conductor.start();
    sleep(5).await;
    assert_eq!(world.executor.refreshes(), 3);
    sleep(10).await;
    assert_eq!(world.executor.refreshes(), 6);
    sleep(25).await;
    assert_eq!(world.executor.refreshes(), 10);
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_never_ends_gives_its_worker_back() {
    let mut options = Options::default();
    options.renewal = options.renewal.with_workers(1);
    let world = world(options);
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
    *world.executor.takes.lock() = Duration::from_secs(1_000_000);
    for id in ["x.json", "y.json"] {
        world.add(account(id, &expiring_in(0)));
    }
    world.conductor.start();
    sleep(590).await;
    assert_eq!(world.executor.refreshes(), 1);
    sleep(20).await;
    assert_eq!(world.executor.refreshes(), 2);
    let statuses = world.conductor.credentials();
    let failed = statuses.iter().filter_map(|status| status.renewal_error.clone()).collect::<Vec<_>>();
    assert!(matches!(failed[..], [RenewError::Failed { kind: ErrorKind::Timeout, .. }]), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_keeps_for_ever_is_waited_for_and_asked_for_again() {
    let (world, store, _) = stored_world(FIRST);
    let held = store.lease(&CredentialId::new("x.json")).await.unwrap();
    let id = CredentialId::new("x.json");
    let error = world.conductor.renew(&id).await.unwrap_err();
    assert!(matches!(error, RenewError::Store { .. }), "{error:?}");
    assert_eq!(world.executor.refreshes(), 0, "nothing is spent without the lease");
    drop(held);
    sleep(300).await;
    assert!(world.conductor.renew(&id).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_leased_is_saved_whatever_the_store_keeps_by_then() {
    let (world, store, provider) = stored_world(FIRST);
    let emptied = Arc::clone(&store);
    world.executor.refreshes_with(move |credential| {
        emptied.emptied.store(true, Ordering::SeqCst);
        provider.refresh(credential)
    });
    world.conductor.renew(&CredentialId::new("x.json")).await.unwrap();
    assert_eq!(store.text("x.json", "refresh_token").as_deref(), Some("refresh-2"));
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_panics_while_renewing_is_asked_again_later() {
    let (world, _, provider) = stored_world(&expiring_in(0));
    *world.executor.lead.lock() = Renewal::Lead(Duration::from_secs(60));
    *provider.valid_for.lock() = 3600;
    world.executor.refreshes_with(|_| panic!("an executor's bug"));
    world.conductor.start();
    world.add(account("x.json", &expiring_in(0)));
    sleep(1).await;
    let id = CredentialId::new("x.json");
    assert_eq!(world.conductor.credential(&id).unwrap().renewal_error, Some(RenewError::Broken));
    provider.wire(&world);
    sleep(61).await;
    assert_eq!(token(&world), "access-2");
    assert_eq!(world.conductor.credential(&id).unwrap().renewal_error, None);
    world.conductor.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_renew_is_asked_once() {
    let world = world(Options::default());
    world.add(account("x.json", r#"{"access_token":"a"}"#));
    let id = CredentialId::new("x.json");
    for _ in 0..3 {
        assert_eq!(world.conductor.renew(&id).await, Err(RenewError::NotRenewable));
    }
    assert_eq!(world.executor.refreshes(), 1);
    assert_eq!(world.conductor.renew(&CredentialId::new("nobody")).await, Err(RenewError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn the_tokens_appear_nowhere() {
    let document = r#"{"access_token":"CANARY-access-1","refresh_token":"CANARY-refresh-1","expired":1}"#;
    let world = world(Options::default());
    world.executor.refreshes_with(|_| Err(ExecutorError::new(ErrorKind::InvalidGrant, "rejected")));
    world.add(account("x.json", document));
    let error = world.conductor.renew(&CredentialId::new("x.json")).await.unwrap_err();
    let answer = world.ask("m").await;
    let all =
        format!("{error} {error:?} {answer:?} {:?} {:?}", world.conductor.credentials(), world.conductor);
    assert!(!all.contains("CANARY"), "{all}");
}
