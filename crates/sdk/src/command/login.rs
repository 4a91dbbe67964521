//! Logging in: the flow, then the store.

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_auth_store::FileStore;
use cliproxy_conductor::Lineage;
use cliproxy_config::{Config, Environment};
use cliproxy_core::{Credential, CredentialStore, LoginRequest, LoginStep, LoginUi, NewLogin, Question};
use cliproxy_login::{Authenticators, OauthClient, Options};
use cliproxy_transport::HttpClient;
use parking_lot::Mutex;
use serde_json::Value;

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
/// kept in any case, and so are tokens that it had when it asked for more.
///
/// # Errors
/// When there is no such flow, when it fails or is dropped, and when the credential cannot be saved.
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
    let remembering = Arc::new(Remembering { ui: Arc::clone(&ui), so_far: Mutex::default() });
    let failed = |source| CommandError::Login { provider: flow.provider().to_string(), source };
    let brought = tokio::select! {
        brought = flow.login(request, Arc::clone(&remembering) as _) => brought.map_err(failed),
        () = &mut interrupted => Err(CommandError::Interrupted),
    };
    let tell = |text: &str| ui.tell(LoginStep::Note(text.to_owned()));
    let so_far = remembering.so_far.lock().take();
    match (brought, so_far) {
        (Ok(login), _) => keep(config, login, Over::All, (&tell, interrupted)).await,
        (Err(CommandError::Interrupted), Some(login)) => {
            let kept = keep(config, login, Over::All, (&tell, std::future::ready(()))).await?;
            Err(CommandError::HalfWay { why: "interrupted: what it asked was not answered".to_owned(), kept })
        }
        (Err(why), Some(login)) => {
            let kept = keep(config, login, Over::All, (&tell, interrupted)).await?;
            Err(CommandError::HalfWay { why: why.to_string(), kept })
        }
        (Err(why), None) => Err(why),
    }
}

/// A person, and what the flow had when it asked them for more.
#[derive(Debug)]
struct Remembering {
    ui: Arc<dyn LoginUi>,
    so_far: Mutex<Option<NewLogin>>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl LoginUi for Remembering {
    fn tell(&self, step: LoginStep) {
        self.ui.tell(step);
    }

    async fn ask(&self, question: Question) -> Option<String> {
        self.ui.ask(question).await
    }

    fn so_far(&self, login: NewLogin) {
        *self.so_far.lock() = Some(login.clone());
        self.ui.so_far(login);
    }
}

/// What a login that comes may be put in the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Whatever its account has: a person has just logged in.
    All,
    /// What is known to be no newer: a copy may be older than what a renewal has made of it, and its refresh token spent.
    Older,
}

/// Keeps a login in the auth directory, over the file that its account has there.
pub(super) async fn keep(
    config: &Config,
    login: NewLogin,
    over: Over,
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
            let older = stored.accounts.iter().find(|older| older.id() == credential.id());
            if let Some(message) = older.and_then(|older| spent(older, &credential)) {
                return Err(CommandError::Refused { message });
            }
            if let Some(message) =
                older.filter(|_| over == Over::Older).and_then(|older| newer(older, &credential))
            {
                return Err(CommandError::Refused { message });
            }
            store.save(&credential).await?;
            drop(lease);
            return Ok(said(&credential, older, config));
        }
        place = credential;
    }
}

/// Why what is stored is not to be replaced whoever wishes it: it was renewed with the refresh token that comes.
fn spent(stored: &Credential, copy: &Credential) -> Option<String> {
    let (ours, theirs) = (Lineage::of(stored.document())?, Lineage::of(copy.document())?);
    let shown = stored.masked_id();
    theirs.is_spent_by(&ours).then(|| {
        format!(
            "the stored login {shown} was renewed with this refresh token, which is spent and could only end the login: \
             nothing was changed. `cliproxy-server credentials test {shown}` says whether it works; log in anew if not"
        )
    })
}

/// Why what is stored is not to be replaced by a copy of a login: it is newer, or may be.
fn newer(stored: &Credential, copy: &Credential) -> Option<String> {
    let (ours, theirs) = (stored.document(), copy.document());
    let same = match (ours.refresh_token(), theirs.refresh_token()) {
        (None, None) => stored.access_token() == copy.access_token(),
        (one, two) => one == two,
    };
    let age = ours.compare_age(theirs);
    if same || age == Some(Ordering::Less) {
        return None;
    }
    let (name, shown) = (stored.id(), stored.masked_id());
    let since = ours.last_refresh().map(|at| format!(", renewed {}", at.to_rfc3339())).unwrap_or_default();
    let why = match age {
        Some(_) => format!("the stored login {name} is newer{since}"),
        None => {
            format!("the stored login {name}{since} has other tokens, and nothing says which are the newer")
        }
    };
    Some(format!(
        "{why}: nothing was changed. `cliproxy-server credentials test {shown}` says whether it works; `import --force` puts \
         the other program's tokens in its place"
    ))
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
        let credential = login.clone().into_credential_beside(&self.accounts, in_use);
        let older = self.accounts.iter().find(|older| older.id() == credential.id());
        let Some(older) = older.filter(|_| credential.document().expiry().is_none()) else {
            return credential;
        };
        // Saving leaves what only the file has, and when the old token ends says nothing of the new one.
        let kept = older.document().without_expiry();
        let stale = older.document().as_map().keys().filter(|key| kept.get(key).is_none());
        let stale = stale.map(|key| (key.clone(), Value::Null)).collect();
        credential.with_document(credential.document().merged(stale))
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
    use cliproxy_testkit::{FakeOAuth, json as reply};
    use serde_json::json;
    use tokio::sync::Notify;

    use super::*;

    fn config(folder: &tempfile::TempDir, more: &str) -> Config {
        let text = format!("host: 127.0.0.1\nauth-dir: '{}'\n{more}", folder.path().display());
        let loader = Loader::new(Environment::new(Vec::<(String, String)>::new()));
        loader.load_str("test", &text).unwrap().config
    }

    /// A person without a browser here, who agrees at once and answers what they are asked then with this.
    #[derive(Debug)]
    struct Person {
        oauth: Arc<FakeOAuth>,
        callback: Mutex<Option<String>>,
        /// `None`: they say nothing at all.
        answer: Option<Option<&'static str>>,
        asked: Notify,
    }

    #[async_trait]
    impl LoginUi for Person {
        fn tell(&self, step: LoginStep) {
            if let LoginStep::Open { url, .. } = step {
                *self.callback.lock() = Some(self.oauth.consent(&url));
            }
        }

        async fn ask(&self, question: Question) -> Option<String> {
            if question.key == "callback-url" {
                return self.callback.lock().take();
            }
            self.asked.notify_one();
            match self.answer {
                Some(answer) => answer.map(str::to_owned),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn whatever_becomes_of_a_question_the_tokens_before_it_are_kept() {
        let oauth = Arc::new(FakeOAuth::start().await);
        oauth.page("/userinfo", [reply(&json!({"email": "me@example.com"}))]);
        let tier = json!({"allowedTiers": [{"id": "standard-tier", "isDefault": true}]});
        oauth.page("/api/v1internal:loadCodeAssist", [reply(&tier)]);
        oauth.page("/api/v1internal:onboardUser", [reply(&json!({"done": true}))]);
        oauth.page("/projects", [reply(&json!({"projects": [{"projectId": "one"}, {"projectId": "two"}]}))]);
        let mut urls = "endpoints:\n  gemini-cli:\n".to_owned();
        for name in ["authorize", "token", "userinfo", "projects", "api", "services"] {
            urls.push_str(&format!("    {name}: '{}'\n", oauth.url(&format!("/{name}"))));
        }
        for (answer, words) in
            [(None, "interrupted"), (Some(Some("nine")), "no such project"), (Some(None), "-project_id")]
        {
            let folder = tempfile::tempdir().unwrap();
            let config = config(&folder, &urls);
            let environment = Environment::new(Vec::<(String, String)>::new());
            let mut request = LoginRequest::new().without_browser();
            request.callback_port = Some(0);
            let person = |answer| {
                let (oauth, callback, asked) = (Arc::clone(&oauth), Mutex::default(), Notify::new());
                Arc::new(Person { oauth, callback, answer, asked })
            };
            let somebody = person(answer);
            let ending = {
                let somebody = Arc::clone(&somebody);
                async move {
                    if answer.is_some() {
                        std::future::pending::<()>().await;
                    }
                    somebody.asked.notified().await;
                }
            };
            let run = log_in(&config, &environment, "gemini-cli", request.clone(), somebody, ending);
            let error = run.await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(error.contains("kept: Saved gemini-me@example.com.json"), "{error}");
            let stored = async || {
                let listed = FileStore::new(&config.auth_dir).list().await.unwrap().credentials;
                let [only] = listed.as_slice() else { panic!("{listed:?}") };
                (only.id().as_str().to_owned(), only.document().as_map().clone())
            };
            let (name, document) = stored().await;
            assert_eq!(name, "gemini-me@example.com.json");
            let first = document["token"]["refresh_token"].clone();
            assert!(first.as_str().unwrap().starts_with("refresh-"), "{document:?}");
            assert_eq!(document.get("project_id"), None);
            // The next login finds the account there, and completes it.
            let run = log_in(
                &config,
                &environment,
                "gemini-cli",
                request,
                person(Some(Some("two"))),
                std::future::pending(),
            );
            assert!(run.await.unwrap().starts_with("Renewed gemini-me@example.com.json"));
            let (name, document) = stored().await;
            assert_eq!(
                (name.as_str(), &document["project_id"]),
                ("gemini-me@example.com.json", &json!("two"))
            );
            assert_ne!(document["token"]["refresh_token"], first);
        }
    }

    fn login(token: &str) -> NewLogin {
        let document = json!({"type": "claude", "email": "me", "refresh_token": token});
        let serde_json::Value::Object(document) = document else { panic!("an object") };
        NewLogin::new(ProviderId::from_static("claude"), "x.json", Document::new(document), &["email"])
    }

    #[tokio::test]
    async fn a_login_is_kept_although_somebody_has_the_turn_at_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder, "");
        let (store, said) = (FileStore::new(&config.auth_dir), Mutex::new(Vec::new()));
        let tell = |text: &str| said.lock().push(text.to_owned());
        keep(&config, login("one"), Over::All, (&tell, std::future::pending())).await.unwrap();
        assert!(said.lock().is_empty());
        let id = "x.json".into();
        let lease = store.lease(&id).await.unwrap();
        let stored =
            async || store.load(&id).await.unwrap().unwrap().refresh_token().unwrap().expose().to_owned();
        // At once, when a person does not want to wait.
        keep(&config, login("two"), Over::All, (&tell, std::future::ready(()))).await.unwrap();
        assert_eq!(stored().await, "two");
        // And after a while.
        tokio::time::pause();
        keep(&config, login("three"), Over::All, (&tell, std::future::pending())).await.unwrap();
        assert_eq!((stored().await, said.lock().len()), ("three".to_owned(), 1));
        drop(lease);
    }

    #[tokio::test]
    async fn a_login_that_does_not_say_when_it_ends_does_not_end_when_the_old_one_did() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder, "");
        let old = r#"{"type":"claude","email":"me","access_token":"A0","expired":"2020-01-01T00:00:00Z","note":"mine"}"#;
        std::fs::write(folder.path().join("x.json"), old).unwrap();
        let new = json!({"type": "claude", "email": "me", "access_token": "A1"});
        let document = Document::new(new.as_object().cloned().unwrap());
        let login = NewLogin::new(ProviderId::from_static("claude"), "y.json", document, &["email"]);
        keep(&config, login, Over::All, (&|_| {}, std::future::pending())).await.unwrap();
        let [stored] = &FileStore::new(&config.auth_dir).list().await.unwrap().credentials[..] else {
            panic!()
        };
        let told = ["access_token", "note"].map(|key| stored.document().text(key));
        assert_eq!((told, stored.document().expiry()), ([Some("A1"), Some("mine")], None));
    }
}
