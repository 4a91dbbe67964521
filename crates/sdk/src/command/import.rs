//! Taking over the logins of the vendors' own tools.

use std::convert::Infallible;
use std::fmt::Write as _;

use cliproxy_config::{Config, Environment};
use cliproxy_login::{FoundLogin, found_logins};
use tokio_util::sync::CancellationToken;

use super::CommandError;
use super::login::{keep, means};

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
/// # Errors
/// When there is none of that name, when its file holds no login, when it cannot be saved, and when it was interrupted.
pub async fn import_login(
    config: &Config,
    environment: &Environment,
    name: &str,
    tell: &(dyn Fn(&str) + Send + Sync),
    interrupted: impl Future<Output = ()> + Send,
) -> Result<String, CommandError> {
    let over = CancellationToken::new();
    // Each file may be waited for: all of them are told.
    let telling = async {
        interrupted.await;
        over.cancel();
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        done = take_over(config, environment, name, tell, &over) => done,
        never = telling => match never {},
    }
}

async fn take_over(
    config: &Config,
    environment: &Environment,
    name: &str,
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
    let mut text = String::new();
    for login in wanted {
        // Whose it is may be asked of a service.
        let Some(read) = over.run_until_cancelled(login.read_named(&means)).await else {
            if text.is_empty() {
                return Err(CommandError::Interrupted);
            }
            return Err(CommandError::HalfWay { why: "interrupted".to_owned(), kept: text });
        };
        let read = read.map_err(|source| CommandError::Login { provider: login.name.to_owned(), source })?;
        text.push_str(&keep(config, read, (tell, over.cancelled())).await?);
        text.push('\n');
    }
    Ok(text + &consequence)
}

fn found(environment: &Environment) -> Vec<FoundLogin> {
    let Some(home) = environment.home() else { return Vec::new() };
    found_logins(&home, |name| environment.lookup(name).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use cliproxy_auth_store::FileStore;
    use cliproxy_config::Loader;
    use cliproxy_core::CredentialStore as _;
    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;

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
        import_login(&config, &environment, "codex", &tell, std::future::pending()).await.unwrap();
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
        let importing = import_login(&config, &environment, "codex", &tell, heard);
        let said =
            tokio::time::timeout(std::time::Duration::from_secs(30), importing).await.expect("it obeys");
        assert!(said.unwrap().starts_with("Renewed"));
        assert!(told.lock()[0].contains("Ctrl-C saves at once"), "{told:?}");
        assert_eq!(stored().await.len(), 1);
        drop(lease);
    }
}
