//! Looking after the credentials of the auth directory.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_auth_store::FileStore;
use cliproxy_bridge::Bridge;
use cliproxy_conductor::Conductor;
use cliproxy_config::{Config, Environment};
use cliproxy_core::{
    AccountQuota, ClientFormat, ClientRequest, Credential, CredentialKind, CredentialStore, Dispatcher as _,
    ErrorKind, ModelId, Operation, Origin, RefreshLease, RequestId, UpstreamReply,
};
use cliproxy_executors::Egress;
use cliproxy_translator::registry::Registry;
use cliproxy_transport::HttpClient;
use serde_json::{Value, json};

use super::CommandError;
use super::only::Only;
use super::turn::{Turn, turn};
use crate::credentials::{keys, without_tokens};
use crate::entries::{Entries, Plan};
use crate::providers::Providers;
use crate::twins::Twins;
use crate::{Builder, StartError, config_credentials, environment_credentials, options, relay};

/// What is to be done. A credential goes by its file name, with or without `.json`, or by a part of it that no other has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialCommand {
    /// Shows all of them.
    List,
    /// Sends a small request with one.
    Test {
        /// Which.
        name: String,
        /// The model to ask; a small one of its own when there is none.
        model: Option<String>,
        /// How long the provider's list of models may take before what is known without it has to do.
        lists_within: Duration,
    },
    /// Takes one out of use, or puts it back.
    Enable {
        /// Which.
        name: String,
        /// In use, or not.
        enabled: bool,
    },
    /// Deletes one.
    Remove {
        /// Which.
        name: String,
    },
    /// Renews the tokens of one.
    Refresh {
        /// Which.
        name: String,
    },
}

/// Does it, and gives back what to show: for people, or as JSON for scripts. No secret is in it. When `interrupted` is over
/// before it is done, nothing new is begun, and what a provider gives for a token that works once is still saved.
///
/// # Errors
/// When no credential, or more than one, goes by the name; when the store or the provider fails.
pub async fn run_credentials(
    config: &Config,
    environment: &Environment,
    command: &CredentialCommand,
    as_json: bool,
    interrupted: impl Future<Output = ()> + Send,
) -> Result<String, CommandError> {
    let store = Arc::new(Entries::new(Arc::new(FileStore::new(&config.auth_dir)), Plan::of(config)));
    let work = Work { config, environment, store };
    match command {
        CredentialCommand::List => work.list(as_json).await,
        CredentialCommand::Test { name, model, lists_within } => {
            let credential = work.find_any(name).await?;
            work.refuse_twin(&credential).await?;
            let (model, reply) =
                work.test(&credential, model.as_deref(), (*lists_within, interrupted)).await?;
            // Read anew: the test may have renewed it.
            let read = if work.is_kept(&credential) { work.store.load(credential.id()).await? } else { None };
            let credential = read.unwrap_or(credential);
            let (name, usage) = (credential.masked_id(), work.usage(&credential).await?);
            Ok(if as_json {
                let usage = usage
                    .map(|usage| usage.map_or_else(|why| json!({"error": why}), |usage| usage_json(&usage)));
                json!({"credential": name, "ok": true, "model": model, "usage": usage}).to_string()
            } else {
                let usage = usage.map(|usage| usage.map_or_else(|why| why, |usage| usage.to_string()));
                let usage = usage.map(|usage| format!("\nusage: {usage}")).unwrap_or_default();
                format!("{name} answers ({model}):\n{reply}{usage}")
            })
        }
        CredentialCommand::Enable { name, enabled } => {
            let credential = work.find_stored(name).await?;
            let before = work.twins().await?;
            work.enable(&credential, *enabled, interrupted).await?;
            if *enabled {
                let why =
                    work.twins().await?.why(credential.id()).map(|why| format!("it is not used: {why}"));
                return Ok(done(&credential, "enabled", why, as_json));
            }
            Ok(done(&credential, "disabled", before.without(credential.id()), as_json))
        }
        CredentialCommand::Remove { name } => {
            let credential = work.find_stored(name).await?;
            let lease = work.turn(&credential, interrupted).await?;
            let before = work.twins().await?;
            work.store.delete(credential.id()).await?;
            drop(lease);
            Ok(done(&credential, "removed", before.without(credential.id()), as_json))
        }
        CredentialCommand::Refresh { name } => {
            let credential = work.find(name).await?;
            work.refuse_twin(&credential).await?;
            work.refresh(&credential, interrupted).await?;
            Ok(done(&credential, "refreshed", None, as_json))
        }
    }
}

/// What was done, and what that means for others with the same refresh token.
fn done(credential: &Credential, word: &str, note: Option<String>, as_json: bool) -> String {
    let name = credential.masked_id();
    if as_json {
        let said = [("credential", Some(name)), ("done", Some(word.to_owned())), ("note", note)];
        let said = said.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text?))));
        return Value::Object(said.collect()).to_string();
    }
    let note = note.map(|note| format!("\nnote: {note}")).unwrap_or_default();
    format!("{name}: {word}. A running server sees it when it is sent SIGHUP.{note}")
}

struct Work<'w> {
    config: &'w Config,
    environment: &'w Environment,
    store: Arc<Entries>,
}

impl Work<'_> {
    async fn list(&self, as_json: bool) -> Result<String, CommandError> {
        let listing = self.store.list().await?;
        let mut providers = self.providers()?;
        let stored = listing.credentials.iter();
        let configured = self.keys();
        let twins = providers.twins(&listing);
        let rows = stored.map(|credential| {
            let row = Row::of(credential, &mut providers);
            twins.why(credential.id()).map_or_else(|| row.clone(), |why| row.with_state(why))
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.extend(configured.iter().map(|credential| Row::of(credential, &mut providers)));
        rows.extend(listing.problems.into_iter().map(|problem| Row::broken(problem.name, problem.reason)));
        if as_json {
            return Ok(Value::from(rows.iter().map(Row::json).collect::<Vec<_>>()).to_string());
        }
        if rows.is_empty() {
            return Ok("There are no credentials yet: cliproxy-server login".to_owned());
        }
        Ok(rows.iter().fold(String::new(), |mut text, row| {
            let _infallible = writeln!(text, "{}", row.line());
            text
        }))
    }

    /// As [`Self::find`], of those that may be changed here.
    async fn find_stored(&self, name: &str) -> Result<Credential, CommandError> {
        let found = self.find(name).await?;
        if self.store.has_entry(found.id()) {
            let message = format!("{} is an entry of the config file: change it there", found.masked_id());
            return Err(CommandError::Which { message });
        }
        Ok(found)
    }

    /// The credential of a name, among those that are stored and the logins of the config.
    async fn find(&self, name: &str) -> Result<Credential, CommandError> {
        let listing = self.store.list().await?;
        self.named(name, &listing.credentials)
    }

    /// As [`Self::find`], with the keys of the config and of the environment: these can be tried, not changed.
    async fn find_any(&self, name: &str) -> Result<Credential, CommandError> {
        let mut all = self.store.list().await?.credentials;
        all.extend(self.keys());
        self.named(name, &all)
    }

    /// Whether the store has it; keys of the config and of the environment are nowhere else.
    fn is_kept(&self, credential: &Credential) -> bool {
        matches!(credential.origin(), Origin::Store(_)) || self.store.has_entry(credential.id())
    }

    /// The keys that stand in the config, and those of the environment.
    fn keys(&self) -> Vec<Credential> {
        let mut all = keys(self.config, &[]);
        all.extend(environment_credentials(&self.config.env_credentials.found));
        all
    }

    fn named(&self, name: &str, among: &[Credential]) -> Result<Credential, CommandError> {
        let wanted = name.trim();
        let id = |credential: &Credential| credential.id().as_str().to_owned();
        let exact = among.iter().find(|credential| {
            let id = id(credential);
            id == wanted || id.strip_suffix(".json") == Some(wanted) || credential.masked_id() == wanted
        });
        if let Some(credential) = exact {
            return Ok(credential.clone());
        }
        let like: Vec<&Credential> =
            among.iter().filter(|credential| id(credential).contains(wanted)).collect();
        match like.as_slice() {
            [one] if !wanted.is_empty() => Ok((*one).clone()),
            [] => Err(CommandError::Which { message: self.unknown(wanted) }),
            several => {
                let names: Vec<String> = several.iter().map(|credential| credential.masked_id()).collect();
                let message = format!("several credentials go by {wanted}: {}", names.join(", "));
                Err(CommandError::Which { message })
            }
        }
    }

    fn unknown(&self, wanted: &str) -> String {
        let configured = config_credentials(self.config);
        if let Some(entry) = configured.iter().find(|entry| entry.id().as_str().contains(wanted)) {
            let id = entry.masked_id();
            return format!("{id} is an entry of the config file: change it there");
        }
        format!("no credential in {} goes by {wanted}", self.config.auth_dir.display())
    }

    /// Which logins share a refresh token with another, and are left out for it.
    async fn twins(&self) -> Result<Twins, CommandError> {
        let listing = self.store.list().await?;
        let twins = self.providers()?.twins(&listing);
        self.store.note(twins.rivals());
        Ok(twins)
    }

    /// Refuses what may renew a login that is left out for another: it would spend the token of that one.
    async fn refuse_twin(&self, credential: &Credential) -> Result<(), CommandError> {
        self.twins().await?.why(credential.id()).map_or(Ok(()), |why| {
            let message = format!("{}: {why}", credential.masked_id());
            Err(CommandError::Refused { message })
        })
    }

    /// The turn to change a credential.
    async fn turn(
        &self,
        credential: &Credential,
        interrupted: impl Future<Output = ()> + Send,
    ) -> Result<Box<dyn RefreshLease>, CommandError> {
        let name = credential.masked_id();
        let tell = || tracing::warn!(credential = name, "it is being renewed: waiting for the end of that");
        let message = match turn(self.store.as_ref(), credential.id(), tell, interrupted).await? {
            Turn::Ours(lease) => return Ok(lease),
            Turn::Interrupted => "interrupted: nothing was changed".to_owned(),
            Turn::Late => format!(
                "{name} was not changed: another process renews it, or cannot save what a renewal brought; its log says \
                 which"
            ),
        };
        Err(CommandError::Refused { message })
    }

    async fn enable(
        &self,
        credential: &Credential,
        enabled: bool,
        interrupted: impl Future<Output = ()> + Send,
    ) -> Result<(), CommandError> {
        let _lease = self.turn(credential, interrupted).await?;
        let mut settings = credential.settings().clone();
        settings.disabled = !enabled;
        self.store.save(&credential.with_settings(settings)).await?;
        Ok(())
    }

    async fn refresh(
        &self,
        credential: &Credential,
        interrupted: impl Future<Output = ()> + Send,
    ) -> Result<(), CommandError> {
        let name = credential.masked_id();
        if credential.kind() == CredentialKind::ApiKey {
            return Err(CommandError::Refused {
                message: format!("{name} is an API key: there is nothing to renew"),
            });
        }
        if credential.settings().disabled {
            let message =
                format!("{name} is disabled: cliproxy-server credentials enable {}", credential.id());
            return Err(CommandError::Refused { message });
        }
        let mut providers = self.providers()?;
        let executor = providers.executor(credential).map_err(|message| CommandError::Refused { message })?;
        // As a server renews: one at a time across processes, and saved until it is saved.
        let bridge = Bridge::new(Arc::new(Registry::with_builtin()), options::bridge(self.config));
        let store = Arc::clone(&self.store) as Arc<dyn CredentialStore>;
        let conductor = Conductor::builder(Arc::new(bridge)).store(store).build();
        conductor.register(executor, Arc::new(credential.clone()), Vec::new());
        let renewal = async {
            conductor.renew(credential.id()).await?;
            conductor.until_saved(credential.id()).await
        };
        let outcome = unless(interrupted, renewal, conductor.shutdown()).await;
        // Tokens that lost their place to a login meanwhile are put into another file by a task.
        conductor.shutdown().await;
        outcome.map_err(|source| CommandError::Renewal { name, source })
    }

    /// One request with this credential alone, through everything that a server's request goes through.
    async fn test(
        &self,
        credential: &Credential,
        model: Option<&str>,
        (lists_within, interrupted): (Duration, impl Future<Output = ()> + Send),
    ) -> Result<(String, String), CommandError> {
        let name = credential.masked_id();
        let failed = |message: String| CommandError::Test { name: name.clone(), message };
        if credential.settings().disabled {
            return Err(failed("it is disabled".to_owned()));
        }
        let mut config = self.config.clone();
        config.server.port = 0;
        config.server.tls = None;
        config.credentials = cliproxy_config::Credentials::default();
        config.env_credentials.found.clear();
        let only = Only::new(Arc::clone(&self.store) as Arc<dyn CredentialStore>, credential.id());
        let mut builder = Builder::new(config, self.environment.clone())?.store(Arc::new(only));
        if !self.is_kept(credential) {
            builder = builder.credential(credential.clone());
        }
        let service = builder.build().await?;
        let asked = async {
            let missing = service.models_fetched(lists_within).await;
            let without: String = missing.iter().map(|list| format!("; {list}")).collect();
            let status = service.conductor().credential(credential.id());
            let offered = status.into_iter().flat_map(|status| status.models);
            let offered: Vec<String> = offered.map(|model| model.id.to_string()).collect();
            let Some(model) = model.map(str::to_owned).or_else(|| small(&offered)) else {
                let known = self.providers()?.executor(credential).err();
                return Err(failed(known.unwrap_or_else(|| format!("it offers no model{without}"))));
            };
            match service.conductor().dispatch(request(&model)).await.result {
                Ok(UpstreamReply::Whole(reply)) => {
                    Ok((model, String::from_utf8_lossy(&reply.body).into_owned()))
                }
                Ok(_) => Err(failed("it answered with a stream".to_owned())),
                Err(error) => Err(failed(format!("{} ({}){without}", error.message, error.status))),
            }
        };
        // A renewal that it took is waited for below.
        let outcome = tokio::select! {
            outcome = asked => outcome,
            () = interrupted => Err(failed("the test was interrupted".to_owned())),
        };
        service.stop().await;
        outcome
    }

    /// What the account has used, or why that cannot be told; `None` where the provider does not tell.
    async fn usage(
        &self,
        credential: &Credential,
    ) -> Result<Option<Result<AccountQuota, String>>, CommandError> {
        let Ok(executor) = self.providers()?.executor(credential) else { return Ok(None) };
        match executor.quota(credential).await {
            Ok(quota) => Ok(Some(Ok(quota))),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
            Err(error) => Ok(Some(Err(format!("it could not be read: {error}")))),
        }
    }

    fn providers(&self) -> Result<Providers, CommandError> {
        let http = HttpClient::new(options::client(self.config, self.environment));
        let proxy = options::proxy(self.config).map_err(StartError::from)?;
        Ok(Providers::new(self.config, Egress::new(http, proxy), &relay::without_pages(), &[]))
    }
}

/// The outcome of some work, which is wound up when it is interrupted.
async fn unless<T>(
    interrupted: impl Future<Output = ()>,
    work: impl Future<Output = T>,
    wind_up: impl Future<Output = ()>,
) -> T {
    tokio::pin!(work);
    tokio::select! {
        outcome = &mut work => return outcome,
        () = interrupted => {}
    }
    let ((), outcome) = tokio::join!(wind_up, work);
    outcome
}

fn usage_json(usage: &AccountQuota) -> Value {
    let limits = usage.limits.iter();
    let limits: Vec<Value> =
        limits.map(|limit| json!({"name": limit.name, "used": limit.used, "limit": limit.limit})).collect();
    json!({
        "plan": usage.plan, "limits": limits, "exhausted": usage.is_exhausted(),
        "resets": usage.resets.map(cliproxy_core::Timestamp::to_rfc3339),
    })
}

/// A model that costs little, among those that are offered.
fn small(offered: &[String]) -> Option<String> {
    let cheap = ["haiku", "mini", "flash-lite", "flash", "small", "coder", "lite"];
    let found = cheap.iter().find_map(|word| offered.iter().find(|model| model.contains(word)));
    found.or_else(|| offered.first()).cloned()
}

fn request(model: &str) -> ClientRequest {
    let body = json!({"model": model, "messages": [{"role": "user", "content": "Say hello."}]}).to_string();
    let id = RequestId::from_static("test");
    ClientRequest::new(id, ClientFormat::OPENAI, Operation::Generate, ModelId::new(model), body.into())
}

/// One credential, for people and scripts.
#[derive(Clone)]
struct Row {
    name: String,
    provider: String,
    kind: &'static str,
    state: String,
    expires: Option<String>,
    renewed: Option<String>,
    token: Option<String>,
}

impl Row {
    fn of(credential: &Credential, providers: &mut Providers) -> Self {
        let document = credential.document();
        let login = credential.kind() == CredentialKind::Account;
        let state = match providers.executor(credential) {
            Err(problem) => problem,
            Ok(_) if credential.settings().disabled => "disabled".to_owned(),
            Ok(_) => without_tokens(credential).unwrap_or_else(|| "ready".to_owned()),
        };
        let token = if login { credential.access_token() } else { credential.api_key() };
        Self {
            name: credential.masked_id(),
            provider: credential.provider().to_string(),
            kind: if login { "login" } else { "key" },
            state,
            expires: document.expiry().filter(|_| login).map(cliproxy_core::Timestamp::to_rfc3339),
            renewed: document.last_refresh().map(cliproxy_core::Timestamp::to_rfc3339),
            token: token.map(|token| token.masked()),
        }
    }

    fn with_state(&self, state: &str) -> Self {
        Self { state: state.to_owned(), ..self.clone() }
    }

    fn broken(name: String, reason: String) -> Self {
        let (provider, state) = (String::new(), reason);
        Self { name, provider, kind: "unreadable", state, expires: None, renewed: None, token: None }
    }

    fn line(&self) -> String {
        let mut line = format!("{}  {} {}", self.name, self.provider, self.kind);
        if let Some(token) = &self.token {
            let _infallible = write!(line, " {token}");
        }
        if let Some(expires) = &self.expires {
            let _infallible = write!(line, ", expires {expires}");
        }
        let _infallible = write!(line, ": {}", self.state);
        line
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "provider": self.provider, "kind": self.kind, "state": self.state,
            "expires": self.expires, "last_refresh": self.renewed, "token": self.token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_asks_a_model_that_costs_little() {
        let offered = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(small(&offered(&["opus", "claude-haiku-4", "x-mini"])).as_deref(), Some("claude-haiku-4"));
        assert_eq!(small(&offered(&["opus", "sonnet"])).as_deref(), Some("opus"));
        assert_eq!(small(&[]), None);
    }
}
