//! Cooldowns that outlive a restart (`save-cooldown-status`): one file in the auth directory.
// Source: runtime.md D.10 "`save-cooldown-status`: … extension `.cds`, version 1, temp file + rename, unexpired records
// restored at start and stale ones cleaned". One file for all, since keys of the configuration have none of their own.

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
use tokio_util::task::TaskTracker;

/// No credential: those end in `.json`.
const FILE: &str = "cooldowns.cds";

/// What a kill at any instant may cost.
const PACE: Duration = Duration::from_secs(1);

/// A pool of thousands of keys stays far below.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

type Rests = BTreeMap<CredentialId, Vec<Rest>>;

/// Keeps the cooldowns of a conductor in a file.
#[derive(Debug)]
pub(crate) struct Keeper {
    conductor: Arc<Conductor>,
    path: PathBuf,
    /// What the file says by now.
    kept: Mutex<String>,
}

impl Keeper {
    /// Takes over what the run before this one has kept. A file that cannot be read takes nothing but itself away.
    pub(crate) async fn resume(conductor: &Arc<Conductor>, folder: &Path) -> Arc<Self> {
        let path = folder.join(FILE);
        let keeper = Self { conductor: Arc::clone(conductor), path: path.clone(), kept: Mutex::default() };
        match tokio::task::spawn_blocking(move || read(&path)).await.unwrap_or(Ok(None)) {
            Ok(Some(text)) => {
                match parse(&text) {
                    Some(rests) => conductor.restore_rests(&rests),
                    None => tracing::warn!(
                        file = FILE,
                        "kept cooldowns cannot be read and are forgotten: the file is written anew"
                    ),
                }
                *keeper.kept.lock() = text;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(file = FILE, %error, "kept cooldowns cannot be read and are forgotten")
            }
        }
        Arc::new(keeper)
    }

    /// Writes what changes, until the service drains.
    pub(crate) fn run(self: &Arc<Self>, tasks: &TaskTracker, shutdown: &Shutdown) {
        let (keeper, shutdown) = (Arc::clone(self), shutdown.clone());
        tasks.spawn(async move {
            while tokio::time::timeout(PACE, shutdown.draining()).await.is_err() {
                keeper.save().await;
            }
        });
    }

    /// Writes the file if it would say something else.
    pub(crate) async fn save(self: &Arc<Self>) {
        let text = shown(&self.conductor.rests());
        // A file that is not there says that nothing rests.
        if *self.kept.lock() == text || self.kept.lock().is_empty() && text == shown(&Rests::new()) {
            return;
        }
        let (path, written) = (self.path.clone(), text.clone());
        let done = tokio::task::spawn_blocking(move || write(&path, written.as_bytes())).await;
        match done {
            Ok(Ok(())) => *self.kept.lock() = text,
            Ok(Err(error)) => {
                // Tried again when something changes, and not every second.
                tracing::warn!(file = FILE, %error, "cooldowns cannot be kept: a restart would forget them");
                *self.kept.lock() = text;
            }
            Err(_) => {}
        }
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    recover_file(path)?;
    match std::fs::metadata(path) {
        Ok(found) if found.len() > MAX_BYTES => Err(io::Error::other("it is too large")),
        Ok(_) => std::fs::read_to_string(path).map(Some),
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

fn shown(rests: &Rests) -> String {
    let all = rests.iter().flat_map(|(id, rests)| {
        rests.iter().map(move |rest| {
            json!({
                "credential": id.as_str(),
                "model": rest.model.as_ref().map(UpstreamModel::as_str),
                "until": rest.until.to_rfc3339(),
                "cause": rest.cause.as_str(),
                "probe_after": rest.probe_after,
                "level": rest.level,
            })
        })
    });
    json!({"version": 1, "cooldowns": all.collect::<Vec<Value>>()}).to_string() + "\n"
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
        assert_eq!(parse(&shown(&rests)).unwrap(), rests);
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
}
