//! Cooldowns that outlive a restart (`save-cooldown-status`): one file in the auth directory.
// Source: runtime.md D.10 "`save-cooldown-status`: … extension `.cds`, version 1, temp file + rename, unexpired records
// restored at start and stale ones cleaned". One file for all, since keys of the configuration have none of their own.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cliproxy_auth_store::{recover_file, replace_file};
use cliproxy_conductor::{Conductor, CooldownCause, Rest};
use cliproxy_core::{CredentialId, Timestamp, UpstreamModel};
use cliproxy_transport::Shutdown;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// No credential: those end in `.json`.
const FILE: &str = "cooldowns.cds";

/// What a kill at any instant may cost.
const PACE: Duration = Duration::from_secs(1);

/// How long after a write that failed it is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// A pool of thousands of keys stays far below. No more is written than is read.
const MAX_BYTES: usize = 16 * 1024 * 1024;

type Rests = BTreeMap<CredentialId, Vec<Rest>>;

/// Keeps the cooldowns of a conductor in a file. Nothing is read or written before [`Self::resume`].
#[derive(Debug)]
pub(crate) struct Keeper {
    conductor: Arc<Conductor>,
    path: PathBuf,
    /// Locked while the file is read or written, on threads for that.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    resumed: bool,
    /// What the file says by now.
    kept: String,
    /// Whether the last write failed: that is said once.
    failing: bool,
}

impl Keeper {
    pub(crate) fn new(conductor: Arc<Conductor>, folder: &Path) -> Arc<Self> {
        Arc::new(Self { conductor, path: folder.join(FILE), state: Mutex::default() })
    }

    /// Takes over what the run before this one has kept. A file that cannot be read takes nothing but itself away.
    pub(crate) async fn resume(self: &Arc<Self>) {
        let keeper = Arc::clone(self);
        if tokio::task::spawn_blocking(move || keeper.resume_now()).await.is_err() {
            tracing::error!(file = FILE, "kept cooldowns are not taken over");
        }
    }

    /// Writes what changes, until the service drains. While nothing changes, nothing wakes up.
    pub(crate) async fn follow(self: Arc<Self>, shutdown: Shutdown) {
        loop {
            // Also at first: what is over goes out of the file.
            let saved = self.save().await;
            let next = async {
                if saved {
                    self.conductor.rests_changed().await;
                    tokio::time::sleep(PACE).await;
                } else {
                    tokio::time::sleep(RETRY).await;
                }
            };
            tokio::select! {
                () = next => {}
                () = shutdown.draining() => return,
            }
        }
    }

    /// Writes the file if it would say something else. False when it could not be written.
    pub(crate) async fn save(self: &Arc<Self>) -> bool {
        let keeper = Arc::clone(self);
        tokio::task::spawn_blocking(move || keeper.save_now()).await.unwrap_or(false)
    }

    fn resume_now(&self) {
        let mut state = self.state.lock();
        state.resumed = true;
        match read(&self.path) {
            Ok(Some(text)) => {
                match parse(&text) {
                    Some(rests) => self.conductor.restore_rests(&rests),
                    None => tracing::warn!(
                        file = FILE,
                        "kept cooldowns cannot be read and are forgotten: the file is written anew"
                    ),
                }
                state.kept = text;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(file = FILE, %error, "kept cooldowns cannot be read and are forgotten");
            }
        }
    }

    fn save_now(&self) -> bool {
        let mut state = self.state.lock();
        if !state.resumed {
            return true;
        }
        let rests = self.conductor.rests();
        let text = shown(&rests, MAX_BYTES);
        // A file that is not there says that nothing rests.
        if state.kept == text || state.kept.is_empty() && rests.is_empty() {
            return true;
        }
        match write(&self.path, text.as_bytes()) {
            Ok(()) => {
                if state.failing {
                    tracing::info!(file = FILE, "cooldowns are kept again");
                }
                *state = State { resumed: true, kept: text, failing: false };
                true
            }
            Err(error) => {
                if !state.failing {
                    tracing::warn!(file = FILE, %error, "cooldowns cannot be kept: a restart would forget them");
                }
                state.failing = true;
                false
            }
        }
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    recover_file(path)?;
    match std::fs::metadata(path) {
        Ok(found) if usize::try_from(found.len()).is_ok_and(|length| length <= MAX_BYTES) => {
            std::fs::read_to_string(path).map(Some)
        }
        Ok(_) => Err(io::Error::other("it is too large")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    replace_file(path, text)
}

/// At most so many bytes: when not everything has room, what rests longest goes first.
fn shown(rests: &Rests, most: usize) -> String {
    const HEAD: &str = "{\"version\":1,\"cooldowns\":[";
    const END: &str = "]}\n";
    let all = rests.iter().flat_map(|(id, rests)| {
        rests.iter().map(move |rest| {
            let entry = json!({
                "credential": id.as_str(),
                "model": rest.model.as_ref().map(UpstreamModel::as_str),
                "until": rest.until.to_rfc3339(),
                "cause": rest.cause.as_str(),
                "probe_after": rest.probe_after,
                "level": rest.level,
            });
            (rest.until, entry.to_string())
        })
    });
    let mut all: Vec<(Timestamp, String)> = all.collect();
    let room = most.saturating_sub(HEAD.len() + END.len());
    if all.iter().map(|(_, entry)| entry.len() + 1).sum::<usize>() > room + 1 {
        all.sort_by_key(|(until, _)| Reverse(*until));
    }
    let mut text = HEAD.to_owned();
    let mut comma = "";
    for (_, entry) in &all {
        if text.len() + comma.len() + entry.len() + END.len() > most {
            break;
        }
        text.push_str(comma);
        text.push_str(entry);
        comma = ",";
    }
    text.push_str(END);
    text
}

/// None when it is another file. An entry that cannot be understood is left out: the provider will say it again.
fn parse(text: &str) -> Option<Rests> {
    let file: Value = serde_json::from_str(text).ok()?;
    if file.get("version").and_then(Value::as_u64) != Some(1) {
        return None;
    }
    let mut rests = Rests::new();
    for entry in file.get("cooldowns")?.as_array()? {
        let word = |name: &str| entry.get(name).and_then(Value::as_str);
        let (Some(id), Some(until), Some(cause)) = (
            word("credential"),
            word("until").and_then(Timestamp::parse),
            word("cause").and_then(CooldownCause::parse),
        ) else {
            continue;
        };
        let level = entry.get("level").and_then(Value::as_u64).and_then(|level| u32::try_from(level).ok());
        let rest = Rest::new(word("model").map(UpstreamModel::new), until, cause)
            .with_probe_after(entry.get("probe_after") == Some(&Value::Bool(true)))
            .with_level(level.unwrap_or_default());
        rests.entry(CredentialId::new(id)).or_default().push(rest);
    }
    Some(rests)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    use cliproxy_bridge::Bridge;
    use cliproxy_core::{Credential, CredentialKind, Document, Origin, ProviderId, Secret, Settings};
    use cliproxy_executors::DemoExecutor;
    use cliproxy_translator::registry::Registry;
    use tokio_util::task::TaskTracker;

    use super::*;

    #[test]
    fn what_is_shown_is_read_back_whole() {
        let until = Timestamp::from_secs(1_800_000_000);
        let rests: Rests = [
            (
                CredentialId::new("a.json"),
                vec![Rest::new(None, until, CooldownCause::CredentialQuota).with_probe_after(true)],
            ),
            (
                CredentialId::new("claude:apikey:0123"),
                vec![Rest::new(Some("opus".into()), until, CooldownCause::Quota).with_level(3)],
            ),
        ]
        .into_iter()
        .collect();
        assert_eq!(parse(&shown(&rests, MAX_BYTES)).unwrap(), rests);
    }

    #[test]
    fn another_file_is_none_and_an_unknown_entry_is_left_out() {
        for text in
            ["", "{", "[]", "{}", r#"{"version":2,"cooldowns":[]}"#, r#"{"version":1,"cooldowns":{}}"#]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        let text = r#"{"version":1,"cooldowns":[5,{"credential":"a"},{"credential":"a","until":"soon","cause":"quota"},
            {"credential":"a","until":"2030-01-01T00:00:00Z","cause":"moon"},{"credential":"b","until":"2030-01-01T00:00:00Z","cause":"quota","level":-1}]}"#;
        let rests = parse(text).unwrap();
        assert_eq!(rests.len(), 1);
        assert_eq!(rests[&CredentialId::new("b")][0].level, 0);
    }

    #[test]
    fn no_more_is_written_than_is_read_and_what_rests_longest_stays() {
        let until = |seconds: i64| Timestamp::from_secs(1_800_000_000 + seconds);
        let rests: Rests = (0..100_u8)
            .map(|at| {
                let rest = Rest::new(None, until(i64::from(at % 50)), CooldownCause::Quota);
                (CredentialId::new(format!("key-{at}")), vec![rest])
            })
            .collect();
        let whole = shown(&rests, MAX_BYTES);
        assert_eq!(shown(&rests, whole.len()), whole);
        let cut = shown(&rests, whole.len() / 2);
        assert!(cut.len() <= whole.len() / 2);
        let kept = parse(&cut).unwrap();
        assert!((40..=50).contains(&kept.len()), "{}", kept.len());
        assert!(kept.values().flatten().all(|rest| rest.until >= until(24)), "{kept:?}");
        assert_eq!(parse(&shown(&rests, 0)).unwrap(), Rests::new());
    }

    /// A keeper with one credential to keep things of, and its folder.
    fn keeper() -> (Arc<Keeper>, tempfile::TempDir) {
        let bridge = Bridge::new(Arc::new(Registry::with_builtin()), cliproxy_bridge::Options::default());
        let conductor = Conductor::builder(Arc::new(bridge)).build();
        let credential = Credential::new(
            CredentialId::new("a"),
            ProviderId::from_static("demo"),
            CredentialKind::ApiKey,
            Origin::Runtime,
            Document::with_api_key(&Secret::from("k")),
            Settings::new("demo"),
        );
        conductor.register(Arc::new(DemoExecutor::default()), Arc::new(credential), Vec::new());
        let home = tempfile::TempDir::new().unwrap();
        (Keeper::new(conductor, &home.path().join("credentials")), home)
    }

    fn rest(keeper: &Keeper, model: &str) {
        // Years, for the paused clock runs ahead while a busy machine lets the thread that writes wait.
        let until = keeper.conductor.now().plus(Duration::from_secs(10 * 365 * 86_400));
        let rest = Rest::new(Some(model.into()), until, CooldownCause::Quota);
        keeper.conductor.restore_rests(&[(CredentialId::new("a"), vec![rest])].into_iter().collect());
    }

    fn kept(keeper: &Keeper) -> usize {
        let text = std::fs::read_to_string(&keeper.path).unwrap_or_default();
        parse(&text).map_or(0, |rests| rests.values().map(Vec::len).sum())
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls until so much is kept: how often the thread that writes wakes us is its own business.
    async fn follow_until(
        following: &mut (impl Future<Output = ()> + Unpin),
        cx: &mut Context<'_>,
        keeper: &Keeper,
        much: usize,
    ) {
        while kept(keeper) != much {
            assert!(Pin::new(&mut *following).poll(cx).is_pending());
            tokio::time::advance(PACE).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_nothing_changes_nothing_wakes_up_and_a_change_is_written_within_a_second() {
        let (keeper, _home) = keeper();
        keeper.resume().await;
        rest(&keeper, "m");
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let cx = &mut Context::from_waker(&waker);
        let shutdown = Shutdown::new(Duration::from_secs(1));
        let mut following = Box::pin(Arc::clone(&keeper).follow(shutdown.clone()));

        follow_until(&mut following, cx, &keeper, 1).await;
        let before = wakes.0.load(Ordering::SeqCst);
        for _ in 0..3600 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(following.as_mut().poll(cx).is_pending());
        }
        // What was under way may have ended: the write, the pause behind a change, and the look after it.
        let more = wakes.0.load(Ordering::SeqCst) - before;
        assert!(more <= 4, "{more} wake-ups in an hour without a change");

        rest(&keeper, "n");
        follow_until(&mut following, cx, &keeper, 2).await;
        shutdown.start();
        while following.as_mut().poll(cx).is_pending() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_failed_is_tried_again_by_itself_and_at_the_end() {
        let (keeper, home) = keeper();
        keeper.resume().await;
        rest(&keeper, "m");
        // No folder can be made where a file lies.
        let folder = home.path().join("credentials");
        std::fs::write(&folder, "").unwrap();
        assert!(!keeper.save().await);
        assert!(!keeper.save().await);
        std::fs::remove_file(&folder).unwrap();
        assert!(keeper.save().await);
        assert_eq!(kept(&keeper), 1);

        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        rest(&keeper, "n");
        let following =
            TaskTracker::new().spawn(Arc::clone(&keeper).follow(Shutdown::new(Duration::from_secs(1))));
        while !keeper.state.lock().failing {
            tokio::task::yield_now().await;
        }
        std::fs::remove_file(&folder).unwrap();
        tokio::time::sleep(RETRY + PACE).await;
        while kept(&keeper) != 2 {
            tokio::task::yield_now().await;
        }
        following.abort();
    }

    #[tokio::test]
    async fn who_has_not_taken_over_what_was_kept_does_not_write_over_it() {
        let (keeper, _home) = keeper();
        rest(&keeper, "m");
        assert!(keeper.save().await);
        assert!(!keeper.path.exists());
    }
}
