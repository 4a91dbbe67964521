//! What must not be seen.

use cliproxy_core::Secret;

use super::stage::{Stage, closed_port, shown};
use super::subject::Subject;
use crate::reply::{cut, status};

/// Keys, headers and proxy passwords are in nothing that is printed: the executor, attempts, replies, errors and
/// their causes.
pub async fn nothing_secret_is_printed(subject: Subject) {
    let stage = Stage::set(subject).await;
    let mut printed = format!("{:?} {:#?}", stage.executor, stage.executor);
    let dead = format!("http://user:CANARY-password@{}", closed_port());
    for mode in stage.modes() {
        for (reply, proxy) in [
            (stage.reply(mode), None),
            (status(401).body("{}"), None),
            (status(500).body("{}"), None),
            (stage.reply(mode).truncate(1).then(cut()), None),
            (stage.reply(mode), Some(dead.as_str())),
            (stage.reply(mode), Some("ftp://user:CANARY-password@proxy.invalid")),
        ] {
            stage.upstream.script_all([reply]);
            let credential = stage.credential_with("CANARY-key-0123456789", |settings| {
                settings.proxy = proxy.map(Secret::from);
                settings.headers = vec![("X-Secret".to_owned(), Secret::from("CANARY-header"))];
            });
            let attempt = stage.attempt(credential, mode);
            printed.push_str(&format!(" {attempt:?} {attempt:#?}"));
            match stage.send(attempt).await {
                Ok(got) => printed.push_str(&format!(" {got:?}")),
                Err(error) => printed.push_str(&shown(&error)),
            }
        }
    }
    assert!(!printed.contains("CANARY"), "{printed}");
}
