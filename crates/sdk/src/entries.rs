//! Logins that the configuration holds (`kiro`), beside those of a store: renewed as those are, and kept where their
//! tokens came from.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cliproxy_auth_store::{KeySpec, StableIds, probe_file, recover_file, replace_file};
use cliproxy_conductor::{Lineage, is_marked_spent, spent_mark};
use cliproxy_config::{Config, KiroEntry, ProxySetting};
use cliproxy_core::{
    Credential, CredentialId, CredentialKind, CredentialStore, Document, Listing, Origin, ProviderId,
    RefreshLease, Secret, Settings, StoreError, StoreErrorKind, StoreProblem, Timestamp,
};
use cliproxy_login::KiroTokenFile;
use parking_lot::Mutex;
use serde_json::{Map, Value};

/// The member that says whose tokens a stored file keeps.
const ENTRY: &str = "config_entry";
/// The member that says which refresh token of the configuration they descend from.
const BEGAN: &str = "config_began";
/// What every renewal replaces.
const TOKENS: [&str; 4] = ["access_token", "refresh_token", "expires_at", Document::LINEAGE];
/// What a renewal finds where it was missing.
const FOUND: [&str; 4] = ["profile_arn", "client_id", "client_secret", "client_secret_expires_at"];

/// A login of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What the configuration itself says.
    credential: Credential,
    /// The file that says the rest.
    file: Option<KiroTokenFile>,
    /// Where that file is, by whichever way it is named.
    place: Option<PathBuf>,
}

/// The logins of a configuration, and what is wrong with those that are left out.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    entries: Vec<Entry>,
    problems: Vec<StoreProblem>,
}

impl Plan {
    // Source: runtime.md A.3, C.5 "token file read first, then inline values override".
    pub(crate) fn of(config: &Config) -> Self {
        let (mut plan, mut ids) = (Self::default(), StableIds::new());
        let global = config.credentials.kiro_preferred_endpoint.as_deref();
        for (index, entry) in config.credentials.kiro.iter().enumerate() {
            let origin = format!("kiro[{index}]");
            let made = Entry::of(&origin, entry, global, &mut ids);
            if let Some(what) = plan.entries.iter().find_map(|known| made.shares_with(known)) {
                let reason = format!("another entry has the same {what}: leave one of them out");
                plan.problems.push(StoreProblem::new(origin, reason));
            } else {
                plan.entries.push(made);
            }
        }
        plan
    }

    /// The credentials as the configuration itself has them: without what is in token files.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.entries.iter().map(|entry| &entry.credential)
    }
}

impl Entry {
    fn of(origin: &str, entry: &KiroEntry, global: Option<&str>, ids: &mut StableIds) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (arn, path) = (text(&entry.profile_arn), entry.token_file.clone().unwrap_or_default());
        let access = entry.access_token.as_ref();
        let mut spec = match access {
            Some(token) if path.as_os_str().is_empty() => KeySpec::kiro(origin, token, &arn),
            _ => KeySpec::kiro_file(origin, &path.display().to_string(), &arn),
        };
        let refresh = entry.refresh_token.as_ref().map_or("", Secret::expose);
        let endpoint = entry.preferred_endpoint.as_deref().or(global).unwrap_or_default();
        for (key, value) in [
            ("access_token", access.map_or("", Secret::expose)),
            ("refresh_token", refresh),
            ("region", &text(&entry.region)),
            ("start_url", entry.start_url.as_ref().map_or("", |url| url.expose())),
            ("agent_task_type", &text(&entry.agent_task_type)),
            ("preferred_endpoint", endpoint),
        ] {
            spec = spec.with_member(key, value.trim());
        }
        spec.settings.proxy = entry.proxy_url.as_ref().map(|proxy| Secret::from(ProxySetting::expose(proxy)));
        let path = Some(path).filter(|path| !path.as_os_str().is_empty());
        let place = path.as_deref().map(place);
        Self { credential: spec.into_credential(ids), file: path.map(KiroTokenFile::new), place }
    }

    /// What two entries have in common that would make them spend each other's refresh tokens.
    fn shares_with(&self, other: &Self) -> Option<&'static str> {
        if self.place.is_some() && self.place == other.place {
            return Some("token-file");
        }
        let same = self.refresh_token().is_some() && self.refresh_token() == other.refresh_token();
        same.then_some("refresh-token")
    }

    /// The refresh token of the configuration itself.
    fn refresh_token(&self) -> Option<&str> {
        self.credential.document().text("refresh_token")
    }

    /// Names that token without telling it.
    fn began(&self) -> String {
        StableIds::new().id("refresh-token", self.refresh_token()).as_str().to_owned()
    }

    /// The name under which a store keeps renewed tokens of the configuration's own, and locks.
    fn kept_as(&self) -> CredentialId {
        CredentialId::new(format!("{}.json", self.credential.id().as_str().replace(':', "-")))
    }

    /// The login as it is now.
    async fn read(&self, store: &dyn CredentialStore) -> Result<Credential, StoreError> {
        let unreadable = |message: String| StoreError::new(StoreErrorKind::Unreadable, message);
        let own = self.credential.document();
        let mut document = match &self.file {
            Some(file) => {
                recovered(file.path()).await;
                let found = file.read_or(own.text("access_token")).await;
                let found = found.map_err(|error| unreadable(error.to_string()).with_source(error))?;
                login_of(own, &found, Timestamp::from_system_time(SystemTime::now()))
            }
            None => own.clone(),
        };
        if self.file.is_none()
            && let Some(kept) = store.load(&self.kept_as()).await?
            && self.goes_on_with(kept.document())
        {
            let mut members = members_of(kept.document(), &TOKENS);
            let mut found = members_of(kept.document(), &FOUND);
            found.retain(|key, _| document.text(key).is_none());
            members.extend(found);
            document = document.merged(members);
        }
        if document.text("access_token").is_none() {
            return Err(unreadable("it has no access token: log in again with the IDE".to_owned()));
        }
        Ok(self.credential.with_document(document).into_stored())
    }

    /// Whether a stored file has the tokens that this entry's became, and not those of what it said before an edit.
    fn goes_on_with(&self, kept: &Document) -> bool {
        kept.text(ENTRY) == Some(self.credential.id().as_str())
            && kept.text(BEGAN).is_none_or(|began| began == self.began())
    }

    /// Keeps what a renewal brought.
    async fn write(&self, credential: &Credential, store: &dyn CredentialStore) -> Result<(), StoreError> {
        // The IDE may have renewed, or logged in, since it was loaded.
        let now = match self.read(store).await {
            Ok(now) => Some(now),
            // Ours alone, and the store writes over one that has nothing in it.
            Err(error) if self.file.is_none() && error.kind() == StoreErrorKind::Unreadable => None,
            Err(error) => return Err(error),
        };
        if now.is_some_and(|now| !credential.has_had_token(now.document().refresh_token())) {
            let what = format!("{} has another login meanwhile", credential.masked_id());
            return Err(StoreError::new(StoreErrorKind::Conflict, what));
        }
        let Some(file) = &self.file else { return store.save(&self.kept(credential)).await };
        let failed = |what: String| StoreError::new(StoreErrorKind::Storage, what);
        let text = file.renewed(credential.document()).await.map_err(|error| failed(error.to_string()))?;
        let path: PathBuf = file.path().to_owned();
        let shown = path.display().to_string();
        // A link stays one: what it leads to is written.
        let write = move || replace_file(&std::fs::canonicalize(&path)?, &text);
        let written = tokio::task::spawn_blocking(write).await;
        written
            .map_err(std::io::Error::other)
            .and_then(|done| done)
            .map_err(|error| failed(format!("cannot write {shown}: {error}")).with_source(error))
    }

    /// Whether what a renewal brings could be kept now.
    async fn probe(&self, credential: &Credential, store: &dyn CredentialStore) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return store.probe(&self.kept(credential)).await };
        let path = file.path().to_owned();
        let shown = path.display().to_string();
        let probe = move || probe_file(&std::fs::canonicalize(&path)?);
        let probed = tokio::task::spawn_blocking(probe).await;
        probed.map_err(std::io::Error::other).and_then(|done| done).map_err(|error| {
            StoreError::new(StoreErrorKind::Storage, format!("cannot write {shown}")).with_source(error)
        })
    }

    /// A file of a store with the tokens of this entry: by itself it serves nobody.
    fn kept(&self, credential: &Credential) -> Credential {
        let mut members = Map::new();
        members.insert("type".to_owned(), Value::from("kiro"));
        members.insert(ENTRY.to_owned(), Value::from(self.credential.id().as_str()));
        members.insert(BEGAN.to_owned(), Value::from(self.began()));
        members.extend(members_of(credential.document(), &TOKENS));
        members.extend(members_of(credential.document(), &FOUND));
        let document = Document::new(members);
        let (id, provider) = (self.kept_as(), ProviderId::from_static("kiro"));
        let origin = Origin::Store(id.as_str().to_owned());
        Credential::new(id, provider, CredentialKind::Account, origin, document, Settings::new("kiro-token"))
    }
}

/// A token file's login with what its entry says. Renewed tokens are written into the file, by us or by the IDE, and the
/// refresh token that the configuration once had is spent by then: so the file's go first, and the entry's stand in where
/// it has none, or has one that ended and that nothing renews.
fn login_of(own: &Document, found: &Document, now: Timestamp) -> Document {
    let (mut found, has_own) = (found.clone(), own.text("access_token").is_some());
    let ended =
        found.text("refresh_token").is_none() && found.time("expires_at").is_some_and(|end| end <= now);
    let stands_in = has_own && found.text("access_token") == own.text("access_token");
    if has_own && (ended || stands_in) {
        // When the file's token ends says nothing of this one.
        let mut members = found.as_map().clone();
        members.retain(|key, _| key != "access_token" && key != "expires_at");
        found = Document::new(members);
    }
    let mut over = own.as_map().clone();
    over.retain(|key, _| !TOKENS.contains(&key.as_str()) || found.text(key).is_none());
    found.merged(over)
}

/// Finishes what a crash left of a token file that had to be written over. What is in the way of that is said, and the file
/// read as it is.
async fn recovered(path: &Path) {
    let path = path.to_owned();
    let work = move || match std::fs::canonicalize(&path).and_then(|path| recover_file(&path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(file = %path.display(), %error, "cannot finish a write that a crash had cut off");
        }
        _ => {}
    };
    // It cannot panic; cut off by the end of the runtime, there is nobody to read the file either.
    drop(tokio::task::spawn_blocking(work).await);
}

/// One name for a file, however many lead to it.
fn place(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

fn members_of(document: &Document, names: &[&str]) -> Map<String, Value> {
    let present = names.iter().filter_map(|name| Some(((*name).to_owned(), document.get(name)?.clone())));
    present.collect()
}

/// Whether a stored credential keeps the tokens of an entry of the configuration.
pub(crate) fn is_kept_for_an_entry(credential: &Credential) -> bool {
    credential.document().text(ENTRY).is_some()
}

/// A store with the logins of the configuration in it.
#[derive(Debug)]
pub(crate) struct Entries {
    inner: Arc<dyn CredentialStore>,
    plan: ArcSwap<Plan>,
    /// Those that are being renewed, as they were when that began: a reload meanwhile must not lose their new tokens.
    leased: Leased,
    rivals: Mutex<Rivals>,
}

/// For a login those that were left out for it when it was last looked: another process may see them otherwise.
pub(crate) type Rivals = BTreeMap<CredentialId, Vec<CredentialId>>;

type Leased = Arc<Mutex<HashMap<CredentialId, Entry>>>;

/// The lease of an entry, which stays known for as long.
#[derive(Debug)]
struct EntryLease {
    id: CredentialId,
    leased: Leased,
    #[expect(dead_code, reason = "held for its drop")]
    inner: Leases,
}

impl RefreshLease for EntryLease {}

/// The turn at a login, and at those that have its refresh token too.
#[derive(Debug)]
struct Leases {
    #[expect(dead_code, reason = "held for its drop")]
    all: Vec<Box<dyn RefreshLease>>,
}

impl RefreshLease for Leases {}

impl Drop for EntryLease {
    // Before the inner lease goes, and somebody else's begins.
    fn drop(&mut self) {
        self.leased.lock().remove(&self.id);
    }
}

impl Entries {
    pub(crate) fn new(inner: Arc<dyn CredentialStore>, plan: Plan) -> Self {
        Self { inner, plan: ArcSwap::from_pointee(plan), leased: Leased::default(), rivals: Mutex::default() }
    }

    /// Puts another configuration's logins in the place of these.
    pub(crate) fn put(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
    }

    /// Whether this is a login of the configuration.
    pub(crate) fn has_entry(&self, id: &CredentialId) -> bool {
        self.entry(id).is_some()
    }

    /// Notes which logins have a refresh token in common: they are renewed in turn, and what one has spent no other spends.
    pub(crate) fn note(&self, rivals: Rivals) {
        *self.rivals.lock() = rivals;
    }

    fn rivals(&self, id: &CredentialId) -> Vec<CredentialId> {
        self.rivals.lock().get(id).cloned().unwrap_or_default()
    }

    /// Refuses where another login was renewed with this one's refresh token meanwhile, as another process may have done
    /// that has not seen this one, or takes it for the copy.
    async fn refuse_spent(&self, credential: &Credential) -> Result<(), StoreError> {
        let Some(own) = Lineage::of(credential.document()) else { return Ok(()) };
        for rival in self.rivals_now(credential).await? {
            if Lineage::of(rival.document()).is_some_and(|rival| own.is_spent_by(&rival)) {
                let (this, other) = (credential.masked_id(), rival.masked_id());
                let what = format!(
                    "{other} was renewed meanwhile with the refresh token of {this}: delete {this}, not {other}"
                );
                return Err(StoreError::new(StoreErrorKind::Conflict, what));
            }
        }
        // One that we did not see has said so.
        if is_marked_spent(credential.document()) {
            let this = credential.masked_id();
            let what = format!(
                "another file was renewed with the refresh token of {this}: send SIGHUP, or log in anew"
            );
            return Err(StoreError::new(StoreErrorKind::Conflict, what));
        }
        Ok(())
    }

    /// The rivals of a login as they are. One that is gone or being written says nothing.
    async fn rivals_now(&self, credential: &Credential) -> Result<Vec<Credential>, StoreError> {
        let mut rivals = Vec::new();
        for id in self.rivals(credential.id()) {
            rivals.extend(self.load(&id).await.ok().flatten());
        }
        // A file can say itself that its token is spent, and an entry of the configuration cannot: we look for who spent it.
        if self.has_entry(credential.id()) {
            let listed = self.inner.list().await?.credentials;
            rivals.extend(
                listed
                    .into_iter()
                    .filter(|one| one.provider() == credential.provider() && !is_kept_for_an_entry(one)),
            );
        }
        Ok(rivals)
    }

    /// Notes in the files of those that were left out for a login that its renewal has spent their token: another process
    /// may serve one of them, and know nothing of this one. Under the lease, which is theirs too.
    async fn mark_spent(&self, saved: &Credential) {
        for id in self.rivals(saved.id()) {
            let Ok(Some(rival)) = self.inner.load(&id).await else { continue };
            let Some(marked) = spent_mark(rival.document(), saved.document()) else { continue };
            let marked = rival.with_document(marked);
            if let Err(error) = self.inner.save(&marked).await {
                let credential = rival.masked_id();
                tracing::warn!(credential, %error, "cannot note that its refresh token is spent");
            }
        }
    }

    /// The turn at a login and its rivals, in the order of their names, so that no two wait for each other.
    async fn turn(&self, id: &CredentialId) -> Result<Leases, StoreError> {
        let kept_as = |id: CredentialId| self.entry(&id).map_or(id, |entry| entry.kept_as());
        let own = kept_as(id.clone());
        let mut names: Vec<CredentialId> = self.rivals(id).into_iter().map(kept_as).collect();
        names.push(own.clone());
        names.sort();
        // A file may be kept for an entry and stand in the store by itself: nobody waits for himself.
        names.dedup();
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            match self.inner.lease(&name).await {
                Ok(lease) => all.push(lease),
                Err(error) if name == own => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a login with the same refresh token cannot be locked");
                }
            }
        }
        Ok(Leases { all })
    }

    fn entry(&self, id: &CredentialId) -> Option<Entry> {
        self.plan.load().entries.iter().find(|entry| entry.credential.id() == id).cloned()
    }

    fn leased(&self, id: &CredentialId) -> Option<Entry> {
        self.leased.lock().get(id).cloned()
    }

    /// What the store holds under a configuration that need not be in force.
    pub(crate) async fn listing(&self, plan: &Plan) -> Result<Listing, StoreError> {
        let mut listing = self.inner.list().await?;
        let known: Vec<CredentialId> = plan.entries.iter().map(Entry::kept_as).collect();
        for kept in listing.credentials.iter().filter(|credential| is_kept_for_an_entry(credential)) {
            if !known.contains(kept.id()) {
                let reason =
                    "it keeps the tokens of an entry of `kiro` that is gone from the config: delete it";
                listing.problems.push(StoreProblem::new(kept.id().as_str(), reason));
            }
        }
        listing.credentials.retain(|credential| !is_kept_for_an_entry(credential));
        for entry in &plan.entries {
            match entry.read(self.inner.as_ref()).await {
                Ok(credential) => listing.credentials.push(credential),
                Err(error) => {
                    let name = entry.credential.id().as_str();
                    listing.problems.push(StoreProblem::new(name, error.to_string()));
                }
            }
        }
        listing.problems.extend(plan.problems.iter().cloned());
        Ok(listing)
    }
}

#[async_trait]
impl CredentialStore for Entries {
    async fn list(&self) -> Result<Listing, StoreError> {
        let plan = self.plan.load_full();
        self.listing(&plan).await
    }

    async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, StoreError> {
        match self.entry(id).or_else(|| self.leased(id)) {
            Some(entry) => entry.read(self.inner.as_ref()).await.map(Some),
            None => self.inner.load(id).await,
        }
    }

    async fn save(&self, credential: &Credential) -> Result<(), StoreError> {
        let id = credential.id();
        let saved = match self.leased(id).or_else(|| self.entry(id)) {
            Some(entry) => entry.write(credential, self.inner.as_ref()).await,
            // The store would say that all is well and write nothing.
            None if !self.inner.keeps(credential) => {
                let what = format!("{} is no entry of the config any more", credential.masked_id());
                Err(StoreError::new(StoreErrorKind::InvalidId, what))
            }
            None => self.inner.save(credential).await,
        };
        if saved.is_ok() {
            self.mark_spent(credential).await;
        }
        saved
    }

    async fn probe(&self, credential: &Credential) -> Result<(), StoreError> {
        self.refuse_spent(credential).await?;
        let id = credential.id();
        match self.leased(id).or_else(|| self.entry(id)) {
            Some(entry) => entry.probe(credential, self.inner.as_ref()).await,
            None => self.inner.probe(credential).await,
        }
    }

    async fn delete(&self, id: &CredentialId) -> Result<bool, StoreError> {
        if self.has_entry(id) {
            let what = format!("{id} is an entry of the config file: delete it there");
            return Err(StoreError::new(StoreErrorKind::InvalidId, what));
        }
        self.inner.delete(id).await
    }

    async fn lease(&self, id: &CredentialId) -> Result<Box<dyn RefreshLease>, StoreError> {
        let entry = self.entry(id);
        let inner = self.turn(id).await?;
        match entry {
            Some(entry) => {
                self.leased.lock().insert(id.clone(), entry);
                Ok(Box::new(EntryLease { id: id.clone(), leased: Arc::clone(&self.leased), inner }))
            }
            None => Ok(Box::new(inner)),
        }
    }

    fn keeps(&self, credential: &Credential) -> bool {
        let id = credential.id();
        self.has_entry(id) || self.leased.lock().contains_key(id) || self.inner.keeps(credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_a_rival_and_kept_for_an_entry_is_locked_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(cliproxy_auth_store::FileStore::new(folder.path()));
        let spec = KeySpec::kiro("kiro[0]", &Secret::from("A1"), "");
        let credential = spec.into_credential(&mut StableIds::new());
        let id = credential.id().clone();
        let entry = Entry { credential, file: None, place: None };
        let kept = entry.kept_as();
        let entries = Entries::new(store, Plan { entries: vec![entry], problems: Vec::new() });
        entries.note(Rivals::from_iter([(id.clone(), vec![kept])]));
        let leased = tokio::time::timeout(std::time::Duration::from_secs(600), entries.lease(&id)).await;
        assert!(leased.expect("it does not wait for itself").is_ok());
    }

    #[tokio::test]
    async fn a_login_of_the_ide_between_load_and_save_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiro-auth-token.json");
        let write = |token: &str| {
            let text = format!(r#"{{"accessToken":"A-{token}","refreshToken":"{token}"}}"#);
            std::fs::write(&path, &text).unwrap();
            text
        };
        write("R0");
        let store = Arc::new(cliproxy_auth_store::FileStore::new(folder.path().join("credentials")));
        let spec = KeySpec::kiro_file("kiro[0]", &path.display().to_string(), "");
        let credential = spec.into_credential(&mut StableIds::new());
        let id = credential.id().clone();
        let (file, place) = (Some(KiroTokenFile::new(path.clone())), Some(place(&path)));
        let entry = Entry { credential, file, place };
        let entries = Entries::new(store, Plan { entries: vec![entry], problems: Vec::new() });
        let loaded = entries.load(&id).await.unwrap().unwrap();
        let tokens = [("access_token", "A1"), ("refresh_token", "R1")];
        let tokens = tokens.map(|(key, value)| (key.to_owned(), Value::from(value)));
        let renewed = loaded.with_document(loaded.document().merged(Map::from_iter(tokens)));
        let theirs = write("R9");
        let error = entries.save(&renewed).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict, "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
        write("R0");
        entries.save(&renewed).await.unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("R1"));
    }

    /// Of an import nothing is known here until the next reload, and the entry's own files keep no note that it spent a token.
    #[tokio::test]
    async fn the_token_of_an_entry_that_an_unseen_import_has_spent_is_not_spent_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(cliproxy_auth_store::FileStore::new(folder.path()));
        let document = |token: &str, note: &str| {
            format!(
                r#"{{"type":"kiro","access_token":"A","refresh_token":"{token}","refresh_lineage":"{note}"}}"#
            )
        };
        let spec = KeySpec::kiro("kiro[0]", &Secret::from("A1"), "").with_member("refresh_token", "R0");
        let credential = spec.into_credential(&mut StableIds::new());
        let own = Lineage::of(credential.document()).unwrap().token().to_owned();
        let entry = Entry { credential, file: None, place: None };
        let entries = Entries::new(store, Plan { entries: vec![entry.clone()], problems: Vec::new() });
        let own_now = entries.load(entry.credential.id()).await.unwrap().unwrap();
        std::fs::write(folder.path().join("other.json"), document("S0", "")).unwrap();
        entries.probe(&own_now).await.unwrap();
        let other = Map::from_iter([("refresh_token".to_owned(), Value::from("R1"))]);
        let other = Lineage::of(&Document::new(other)).unwrap().token().to_owned();
        let imported = document("R1", &format!("{own}.1.{other}"));
        std::fs::write(folder.path().join("import.json"), imported).unwrap();
        let error = entries.probe(&own_now).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Conflict, "{error}");
    }

    #[tokio::test]
    async fn a_login_that_is_in_no_plan_is_not_said_to_be_saved() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(cliproxy_auth_store::FileStore::new(folder.path()));
        let entries = Entries::new(store, Plan::default());
        let spec = KeySpec::kiro("kiro[0]", &Secret::from("A1"), "");
        let error = entries.save(&spec.into_credential(&mut StableIds::new())).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::InvalidId);
    }
}
