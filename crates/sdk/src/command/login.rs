//! Logging in: the flow, then the store.

use std::sync::Arc;

use cliproxy_auth_store::FileStore;
use cliproxy_config::{Config, Environment};
use cliproxy_core::{Credential, CredentialStore, LoginRequest, LoginStep, LoginUi, NewLogin};
use cliproxy_login::{Authenticators, OauthClient, Options};
use cliproxy_transport::HttpClient;

use super::CommandError;
use super::turn::{Turn, turn};
use crate::entries::is_kept_for_an_entry;
use crate::{StartError, options};

/// The ways to log in under a configuration: its proxy, its endpoints, its OAuth clients.
///
/// # Errors
/// When the configuration's proxy cannot be used.
pub fn authenticators(config: &Config, environment: &Environment) -> Result<Authenticators, StartError> {
    Ok(Authenticators::new(&means(config, environment)?))
}

/// What flows are given under a configuration.
pub(super) fn means(config: &Config, environment: &Environment) -> Result<Options, StartError> {
    let http = HttpClient::new(options::client(config, environment));
    let mut means = Options::new(http, options::proxy(config)?);
    for (provider, urls) in &config.endpoints {
        for (name, url) in urls {
            means = means.with_endpoint(provider.as_str(), name.as_str(), url.expose());
        }
    }
    for (provider, client) in &config.oauth_clients {
        let client = OauthClient::new(client.client_id.clone(), client.client_secret.clone());
        means = means.with_client(provider.as_str(), client);
    }
    Ok(means)
}

/// The ways to log in, one a line.
///
/// # Errors
/// When the configuration's proxy cannot be used.
pub fn known_logins(config: &Config, environment: &Environment) -> Result<String, CommandError> {
    Ok(listed(&authenticators(config, environment)?))
}

fn listed(authenticators: &Authenticators) -> String {
    let lines: Vec<String> =
        authenticators.iter().map(|flow| format!("  {:15} {}", flow.name(), flow.summary())).collect();
    lines.join("\n")
}

/// Runs a flow and keeps what it brought in the auth directory, over the file that the account has there already. Gives
/// back what to say about it. When `interrupted` is over while the flow still asks, the flow is dropped; what it brought is
/// kept in any case.
///
/// # Errors
/// When there is no such flow, when it fails, and when the credential cannot be saved.
pub async fn log_in(
    config: &Config,
    environment: &Environment,
    name: &str,
    mut request: LoginRequest,
    ui: Arc<dyn LoginUi>,
    interrupted: impl Future<Output = ()> + Send,
) -> Result<String, CommandError> {
    let flows = authenticators(config, environment)?;
    let flow = flows
        .get(name)
        .ok_or_else(|| CommandError::NoLogin { name: name.to_owned(), known: listed(&flows) })?;
    // What a flag said counts; a login that wants a private window by itself has one either way.
    // Source: runtime.md A.2 `incognito-browser`, B.3.
    request.private_window = request.private_window.or(config.incognito_browser.then_some(true));
    request.existing = Stored::read(&FileStore::new(&config.auth_dir)).await?.accounts;
    tokio::pin!(interrupted);
    let brought = tokio::select! {
        brought = flow.login(request, Arc::clone(&ui)) => brought,
        () = &mut interrupted => return Err(CommandError::Interrupted),
    };
    let login =
        brought.map_err(|source| CommandError::Login { provider: flow.provider().to_string(), source })?;
    let tell = |text: &str| ui.tell(LoginStep::Note(text.to_owned()));
    keep(config, login, (&tell, interrupted)).await
}

/// Keeps a login in the auth directory, over the file that its account has there.
pub(super) async fn keep(
    config: &Config,
    login: NewLogin,
    (tell, interrupted): (&(dyn Fn(&str) + Send + Sync), impl Future<Output = ()> + Send),
) -> Result<String, CommandError> {
    tokio::pin!(interrupted);
    let store = FileStore::new(&config.auth_dir);
    // Listed anew: a person took minutes, and another login may have come meanwhile.
    let mut place = Stored::read(&store).await?.place(&login);
    let mut waits = true;
    loop {
        // Waits for a renewal that is under way, here or in a server. Not for ever: what is new is kept in any case, and
        // whoever renews what was there before leaves it be.
        let lease = if waits {
            let said = || {
                tell(
                    "The account is being renewed by another process: waiting for that (Ctrl-C saves at once).",
                )
            };
            turn(&store, place.id(), said, &mut interrupted).await?
        } else {
            Turn::Late
        };
        waits = matches!(lease, Turn::Ours(_));
        // Another login may have been given the name while this one waited.
        let stored = Stored::read(&store).await?;
        let credential = stored.place(&login);
        if credential.id() == place.id() {
            store.save(&credential).await?;
            drop(lease);
            let older = stored.accounts.iter().find(|older| older.id() == credential.id());
            return Ok(said(&credential, older, config));
        }
        place = credential;
    }
}

/// What is stored.
struct Stored {
    /// Without what belongs to an entry of the configuration.
    accounts: Vec<Credential>,
    /// Files that are none of these.
    others: Vec<String>,
}

impl Stored {
    async fn read(store: &FileStore) -> Result<Self, CommandError> {
        let listing = store.list().await?;
        let (entries, accounts): (Vec<_>, Vec<_>) =
            listing.credentials.into_iter().partition(is_kept_for_an_entry);
        let kept = entries.into_iter().map(|credential| credential.id().as_str().to_owned());
        let others = listing.problems.into_iter().map(|problem| problem.name).chain(kept).collect();
        Ok(Self { accounts, others })
    }

    /// The credential to save: under a name that is its account's, or nobody's.
    fn place(&self, login: &NewLogin) -> Credential {
        let in_use = |name: &str| self.others.iter().any(|other| other.eq_ignore_ascii_case(name));
        login.clone().into_credential_beside(&self.accounts, in_use)
    }
}

fn said(credential: &Credential, older: Option<&Credential>, config: &Config) -> String {
    let name = credential.id();
    let what = if older.is_some() { "Renewed" } else { "Saved" };
    let mut text = format!(
        "{what} {name} in {}.\nA running server takes it over when it is sent SIGHUP.",
        config.auth_dir.display()
    );
    if older.is_some_and(|older| older.settings().disabled) {
        text.push_str(&format!("\nIt is disabled: cliproxy-server credentials enable {name}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use cliproxy_config::Loader;
    use cliproxy_core::{Document, ProviderId};
    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;

    fn login(token: &str) -> NewLogin {
        let document = json!({"type": "claude", "email": "me", "refresh_token": token});
        let serde_json::Value::Object(document) = document else { panic!("an object") };
        NewLogin::new(ProviderId::from_static("claude"), "x.json", Document::new(document), &["email"])
    }

    #[tokio::test]
    async fn a_login_is_kept_although_somebody_has_the_turn_at_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("host: 127.0.0.1\nauth-dir: '{}'\n", folder.path().display());
        let config = Loader::new(Environment::new(Vec::<(String, String)>::new()))
            .load_str("test", &text)
            .unwrap()
            .config;
        let (store, said) = (FileStore::new(&config.auth_dir), Mutex::new(Vec::new()));
        let tell = |text: &str| said.lock().push(text.to_owned());
        keep(&config, login("one"), (&tell, std::future::pending())).await.unwrap();
        assert!(said.lock().is_empty());
        let id = "x.json".into();
        let lease = store.lease(&id).await.unwrap();
        let stored =
            async || store.load(&id).await.unwrap().unwrap().refresh_token().unwrap().expose().to_owned();
        // At once, when a person does not want to wait.
        keep(&config, login("two"), (&tell, std::future::ready(()))).await.unwrap();
        assert_eq!(stored().await, "two");
        // And after a while.
        tokio::time::pause();
        keep(&config, login("three"), (&tell, std::future::pending())).await.unwrap();
        assert_eq!((stored().await, said.lock().len()), ("three".to_owned(), 1));
        drop(lease);
    }
}
