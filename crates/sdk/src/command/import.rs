//! Taking over the logins of the vendors' own tools.

use std::convert::Infallible;
use std::fmt::Write as _;

use cliproxy_config::{Config, Environment};
use cliproxy_login::{FoundLogin, found_logins};
use tokio_util::sync::CancellationToken;

use super::CommandError;
use super::login::{Over, keep, means};

/// The logins that other programs hold on this machine, one a line, with what importing one means for the other.
#[must_use]
pub fn importable(environment: &Environment) -> String {
    let found = found(environment);
    if found.is_empty() {
        return "No login of another program was found on this machine: cliproxy-server login".to_owned();
    }
    let mut text = "cliproxy-server import NAME, with one of:\n".to_owned();
    for login in &found {
        let _infallible = write!(
            text,
            "\n  {:15} {}, in {}\n                  {}",
            login.name,
            login.program,
            place(login),
            login.consequence()
        );
    }
    text
}

fn place(login: &FoundLogin) -> String {
    let path = login.path.display();
    login.entry.as_ref().map_or_else(|| path.to_string(), |entry| format!("{path} ({entry})"))
}

/// Takes one over, or each account that the program has. Gives back what to say about it; `tell` says what is waited for.
/// When `interrupted` is over nothing is waited for any more: what was read is saved at once, and nothing more is read.
///
/// A stored login that is newer than the copy, or may be, keeps its place unless it is `forced` out: its refresh token has
/// been renewed since, and the copy's is spent.
///
/// # Errors
/// When there is none of that name, when its file holds no login, when it cannot be saved, when the stored login keeps its
/// place, and when it was interrupted.
pub async fn import_login(
    config: &Config,
    environment: &Environment,
    (name, forced): (&str, bool),
    tell: &(dyn Fn(&str) + Send + Sync),
    interrupted: impl Future<Output = ()> + Send,
) -> Result<String, CommandError> {
    let over = CancellationToken::new();
    let replaces = if forced { Over::All } else { Over::Older };
    // Each file may be waited for: all of them are told.
    let telling = async {
        interrupted.await;
        over.cancel();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        done = take_over(config, environment, (name, replaces), tell, &over) => done,
        never = telling => match never {},
    }
}

async fn take_over(
    config: &Config,
    environment: &Environment,
    (name, replaces): (&str, Over),
    tell: &(dyn Fn(&str) + Send + Sync),
    over: &CancellationToken,
) -> Result<String, CommandError> {
    let found = found(environment);
    let wanted: Vec<&FoundLogin> =
        found.iter().filter(|login| login.name.eq_ignore_ascii_case(name.trim())).collect();
    let Some(consequence) =
        wanted.first().map(|login| format!("{}: {}.", login.program, login.consequence()))
    else {
        let message = format!("there is no login of {name} to import\n{}", importable(environment));
        return Err(CommandError::Which { message });
    };
    let means = means(config, environment)?;
    let (mut text, mut refused) = (String::new(), Vec::new());
    for login in wanted {
        // Whose it is may be asked of a service.
        let Some(read) = over.run_until_cancelled(login.read_named(&means)).await else {
            if text.is_empty() {
                return Err(CommandError::Interrupted);
            }
            return Err(CommandError::HalfWay { why: "interrupted".to_owned(), kept: text });
        };
        let read = read.map_err(|source| CommandError::Login { provider: login.name.to_owned(), source })?;
        match keep(config, read, replaces, (tell, over.cancelled())).await {
            Ok(kept) => {
                text.push_str(&kept);
                text.push('\n');
            }
            // The program's other accounts go on.
            Err(CommandError::Refused { message }) => refused.push(message),
            Err(error) => return Err(error),
        }
    }
    let why = refused.join("\n");
    match (refused.is_empty(), text.is_empty()) {
        (true, _) => Ok(text + &consequence),
        (false, true) => Err(CommandError::Refused { message: why }),
        (false, false) => Err(CommandError::HalfWay { why, kept: text }),
    }
}

fn found(environment: &Environment) -> Vec<FoundLogin> {
    let Some(home) = environment.home() else { return Vec::new() };
    found_logins(&home, |name| environment.lookup(name).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use cliproxy_auth_store::FileStore;
    use cliproxy_conductor::Lineage;
    use cliproxy_config::Loader;
    use cliproxy_core::CredentialStore as _;
    use cliproxy_core::Document;
    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;

    fn with_token(token: &str) -> Lineage {
        Lineage::of(&Document::new([("refresh_token".to_owned(), json!(token))].into_iter().collect()))
            .unwrap()
    }

    #[tokio::test]
    async fn an_import_behind_a_renewal_says_so_and_obeys_an_interrupt() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".codex/auth.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let login = json!({"tokens": {"access_token": "a", "refresh_token": "r", "account_id": "acc"}});
        std::fs::write(&file, login.to_string()).unwrap();
        let environment = Environment::new([("HOME", home.path().to_str().unwrap())]);
        let text = format!("host: 127.0.0.1\nauth-dir: '{}'\n", home.path().join("credentials").display());
        let config = Loader::new(environment.clone()).load_str("test", &text).unwrap().config;
        let (store, told) = (FileStore::new(&config.auth_dir), Mutex::new(Vec::new()));
        let tell = |text: &str| told.lock().push(text.to_owned());
        import_login(&config, &environment, ("codex", false), &tell, std::future::pending()).await.unwrap();
        let stored = async || store.list().await.unwrap().credentials;
        let [only] = stored().await.try_into().unwrap();
        let lease = store.lease(only.id()).await.unwrap();
        assert!(told.lock().is_empty());
        // What is waited for is said after two seconds; a person who hears it ends the wait.
        let heard = async {
            while told.lock().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let importing = import_login(&config, &environment, ("codex", false), &tell, heard);
        let said =
            tokio::time::timeout(std::time::Duration::from_secs(30), importing).await.expect("it obeys");
        assert!(said.unwrap().starts_with("Renewed"));
        assert!(told.lock()[0].contains("Ctrl-C saves at once"), "{told:?}");
        assert_eq!(stored().await.len(), 1);
        drop(lease);
    }

    /// Source: providers-a.md 9 "a re-login of the same account must update the existing file"; its refresh tokens work once.
    #[tokio::test]
    async fn an_import_never_replaces_a_login_that_was_renewed_since_unless_it_is_forced() {
        const EARLY: &str = "2026-11-23T10:00:00Z";
        const LATE: &str = "2026-11-23T11:00:00Z";
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::new([("HOME", home.path().to_str().unwrap())]);
        let text = format!("host: 127.0.0.1\nauth-dir: '{}'\n", home.path().join("credentials").display());
        let config = Loader::new(environment.clone()).load_str("test", &text).unwrap().config;
        let store = FileStore::new(&config.auth_dir);
        let (claude, codex) = (home.path().join(".claude"), home.path().join(".codex"));
        std::fs::create_dir_all(&claude).unwrap();
        std::fs::create_dir_all(&codex).unwrap();
        let account = json!({"oauthAccount": {"emailAddress": "me@example.com"}}).to_string();
        std::fs::write(claude.join(".claude.json"), account).unwrap();
        // `{"email":"me@example.com"}`, as a token has it.
        let payload = "eyJlbWFpbCI6Im1lQGV4YW1wbGUuY29tIn0";
        // What the vendor's tool has: its tokens, and when they came or end.
        let theirs = |refresh: &str, at: Option<&str>| {
            let of_claude =
                json!({"accessToken": format!("a-{refresh}"), "refreshToken": refresh, "expiresAt": at});
            std::fs::write(claude.join(".credentials.json"), json!({"claudeAiOauth": of_claude}).to_string())
                .unwrap();
            let of_codex = json!({"access_token": format!("a-{refresh}"), "refresh_token": refresh, "account_id": "acc",
                "id_token": format!("e30.{payload}.s")});
            std::fs::write(
                codex.join("auth.json"),
                json!({"tokens": of_codex, "last_refresh": at}).to_string(),
            )
            .unwrap();
        };
        let import = async |name: &str, forced: bool| {
            import_login(&config, &environment, (name, forced), &|_| {}, std::future::pending())
                .await
                .map_err(|error| error.to_string())
        };
        for (name, file, time) in [
            ("claude", "claude-me@example.com.json", "expired"),
            ("codex", "codex-me@example.com.json", "last_refresh"),
        ] {
            let stored = async || {
                let all = store.list().await.unwrap().credentials;
                let [one] = all.iter().filter(|one| one.provider().as_str() == name).collect::<Vec<_>>()[..]
                else {
                    panic!("{name}: {all:?}")
                };
                one.document().clone()
            };
            // As a renewal leaves it.
            let renew = async |refresh: &str, at: Option<&str>| {
                let all = store.list().await.unwrap().credentials;
                let one = all.iter().find(|one| one.provider().as_str() == name).unwrap();
                let members = [("refresh_token", Some(refresh)), (time, at), ("note", Some("mine"))];
                let members = members.into_iter().map(|(key, text)| (key.to_owned(), json!(text))).collect();
                store.save(&one.with_document(one.document().merged(members))).await.unwrap();
            };
            theirs("R0", Some(EARLY));
            assert!(import(name, false).await.unwrap().starts_with("Saved"));
            assert!(
                import(name, false).await.unwrap().starts_with("Renewed"),
                "the same tokens again do no harm"
            );
            renew("R1", Some(LATE)).await;
            let said = import(name, false).await.unwrap_err();
            assert!(said.contains(file) && said.contains("is newer") && said.contains("--force"), "{said}");
            assert_eq!(stored().await.refresh_token(), Some("R1"), "{name}");
            // Neither says when: it may be the newer.
            theirs("R0", None);
            let said = import(name, false).await.unwrap_err();
            assert!(said.contains(file) && said.contains("nothing says which"), "{said}");
            assert_eq!(stored().await.refresh_token(), Some("R1"), "{name}");
            // Logged in anew in the vendor's tool.
            theirs("R2", Some("2026-11-23T12:00:00Z"));
            assert!(import(name, false).await.unwrap().starts_with("Renewed"));
            assert_eq!(stored().await.refresh_token(), Some("R2"), "{name}");
            theirs("R0", Some(EARLY));
            assert!(import(name, true).await.unwrap().starts_with("Renewed"), "a person has said so");
            assert_eq!(
                (stored().await.refresh_token(), stored().await.text("note")),
                (Some("R0"), Some("mine"))
            );
            // Renewed with the very token that the other program still has: nobody's word makes that one live.
            let (was, is) = (Lineage::of(&stored().await).unwrap(), with_token("R1"));
            renew("R1", Some(EARLY)).await;
            let note = format!("{}.1.{}", was.token(), is.token());
            let all = store.list().await.unwrap().credentials;
            let one = all.iter().find(|one| one.provider().as_str() == name).unwrap();
            let noted = [(Document::LINEAGE.to_owned(), json!(note))].into_iter().collect();
            store.save(&one.with_document(one.document().merged(noted))).await.unwrap();
            theirs("R0", Some("2026-11-23T13:00:00Z"));
            for forced in [false, true] {
                let said = import(name, forced).await.unwrap_err();
                assert!(said.contains("is spent"), "{said}");
                assert_eq!(stored().await.refresh_token(), Some("R1"), "{name}");
            }
        }
    }
}
