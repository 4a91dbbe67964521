//! A running proxy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use cliproxy_access::{Chain, ConfigKeys, Keyless, Open};
use cliproxy_auth_store::FileStore;
use cliproxy_bridge::Bridge;
use cliproxy_conductor::{Conductor, Registration};
use cliproxy_config::{Config, ConfigErrors, Environment, Loader, Notice};
use cliproxy_core::{
    AccessProvider, ClientFormat, Credential, CredentialStore, Hook, ProviderExecutor, UsageSink,
};
use cliproxy_executors::{Egress, demo_credential};
use cliproxy_http::{ClientRoutes, Codecs};
use cliproxy_translator::Codec;
use cliproxy_translator::registry::Registry;
use cliproxy_transport::{HttpClient, RouteTable, Routes, Server, Shutdown};
use tokio_util::task::TaskTracker;

use crate::models::{self, Fetching, Start};
use crate::providers::Providers;
use crate::{StartError, credentials, options};

/// Puts a [`Service`] together. Everything has a default but the configuration.
#[derive(Debug)]
pub struct Builder {
    config: Config,
    environment: Environment,
    source: Option<(Loader, PathBuf)>,
    client: HttpClient,
    egress: Egress,
    executors: Vec<Arc<dyn ProviderExecutor>>,
    credentials: Vec<Credential>,
    store: Option<Arc<dyn CredentialStore>>,
    access: Vec<Arc<dyn AccessProvider>>,
    hooks: Vec<Arc<dyn Hook>>,
    sinks: Vec<Arc<dyn UsageSink>>,
    selector: Option<Arc<dyn cliproxy_core::Selector>>,
    routes: Vec<Arc<dyn Routes>>,
    registry: Registry,
}

impl Builder {
    /// A service under a configuration. `environment` names the proxies of outgoing calls.
    ///
    /// # Errors
    /// When the configuration's proxy cannot be used.
    pub fn new(config: Config, environment: Environment) -> Result<Self, StartError> {
        let client = HttpClient::new(options::client(&config, &environment));
        let egress = Egress::new(client.clone(), options::proxy(&config)?);
        Ok(Self {
            config,
            environment,
            source: None,
            client,
            egress,
            executors: Vec::new(),
            credentials: Vec::new(),
            store: None,
            access: Vec::new(),
            hooks: Vec::new(),
            sinks: Vec::new(),
            selector: None,
            routes: Vec::new(),
            registry: Registry::with_builtin(),
        })
    }

    /// Where [`Service::reload`] reads the configuration again.
    #[must_use]
    pub fn reload_from(mut self, loader: Loader, path: impl Into<PathBuf>) -> Self {
        self.source = Some((loader, path.into()));
        self
    }

    /// The way out for executors of your own: one client for the process, proxies included.
    #[must_use]
    pub fn egress(&self) -> Egress {
        self.egress.clone()
    }

    /// Adds a provider, or replaces one of ours.
    #[must_use]
    pub fn executor(mut self, executor: Arc<dyn ProviderExecutor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// Adds a credential beside those of the configuration and the store.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }

    /// Keeps credentials elsewhere than in the auth directory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn CredentialStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Asks this provider who may call, before the configuration's keys.
    #[must_use]
    pub fn access(mut self, provider: Arc<dyn AccessProvider>) -> Self {
        self.access.push(provider);
        self
    }

    /// Adds an observer.
    #[must_use]
    pub fn hook(mut self, hook: Arc<dyn Hook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Adds a recorder of usage.
    #[must_use]
    pub fn usage_sink(mut self, sink: Arc<dyn UsageSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Chooses credentials another way than `routing.strategy` says.
    #[must_use]
    pub fn selector(mut self, selector: Arc<dyn cliproxy_core::Selector>) -> Self {
        self.selector = Some(selector);
        self
    }

    /// Serves more routes on the same port. They come before ours.
    #[must_use]
    pub fn routes(mut self, routes: Arc<dyn Routes>) -> Self {
        self.routes.push(routes);
        self
    }

    /// Changes the translation: codecs, pairs, middleware.
    #[must_use]
    pub fn translation(mut self, change: impl FnOnce(&mut Registry)) -> Self {
        change(&mut self.registry);
        self
    }

    /// Binds the listener and loads every credential. Nothing is served before [`Service::start`].
    ///
    /// # Errors
    /// When the address cannot be bound, TLS files cannot be read, or a codec is missing.
    pub async fn build(self) -> Result<Service, StartError> {
        let server = Server::bind(options::server(&self.config)).await?;
        let address = server.local_addr();
        let shutdown = Shutdown::new(self.config.server.shutdown_grace);
        let registry = Arc::new(self.registry);
        let codec = |name: &str| -> Result<Arc<dyn Codec>, StartError> {
            registry.codec(name).cloned().ok_or_else(|| StartError::NoCodec { name: name.to_owned() })
        };
        let mut codecs = Codecs::new(codec("openai")?, codec("openai-completions")?, codec("claude")?);
        codecs.responses = registry.codec(ClientFormat::OPENAI_RESPONSES.as_str()).cloned();
        codecs.gemini = registry.codec(ClientFormat::GEMINI.as_str()).cloned();
        codecs.gemini_cli = registry.codec(ClientFormat::GEMINI_CLI.as_str()).cloned();
        let bridge = Bridge::new(Arc::clone(&registry), cliproxy_bridge::Options::default());
        let store = self.store.unwrap_or_else(|| Arc::new(FileStore::new(&self.config.auth_dir)));
        let parts = Parts { selector: self.selector, extra: self.credentials, executors: self.executors };

        let mut builder = Conductor::builder(Arc::new(bridge)).options(parts.conductor(&self.config));
        builder = builder.store(Arc::clone(&store));
        builder = self.hooks.into_iter().fold(builder, |builder, hook| builder.hook(hook));
        builder = self.sinks.into_iter().fold(builder, |builder, sink| builder.usage_sink(sink));
        let conductor = builder.build();

        let keys = Arc::new(ConfigKeys::new(self.config.access.api_keys.clone(), keyless(&self.config))?);
        let mut chain = self.access;
        chain.push(Arc::clone(&keys) as Arc<dyn AccessProvider>);
        let access = Arc::new(Chain::new(chain).or_open(Open::while_keyless(Arc::clone(&keys))));
        let dispatcher: Arc<dyn cliproxy_core::Dispatcher> = Arc::clone(&conductor) as _;
        let client_routes =
            ClientRoutes::new(dispatcher, access, codecs, options::routes(&self.config), shutdown.clone());

        let mut table = RouteTable::new();
        for routes in self.routes {
            table.push(routes);
        }
        table.push(Arc::new(client_routes.clone()));

        let service = Service {
            config: ArcSwap::from_pointee(self.config),
            environment: self.environment,
            source: self.source,
            client: self.client,
            egress: ArcSwap::from_pointee(self.egress),
            store,
            parts,
            fetching: Fetching::new(Arc::clone(&conductor)),
            conductor,
            keys,
            client_routes,
            shutdown,
            address,
            tasks: TaskTracker::new(),
            waiting: parking_lot::Mutex::new(Some((server, table))),
        };
        service.load_credentials().await;
        Ok(service)
    }
}

/// What reloads need again.
#[derive(Debug)]
struct Parts {
    selector: Option<Arc<dyn cliproxy_core::Selector>>,
    extra: Vec<Credential>,
    executors: Vec<Arc<dyn ProviderExecutor>>,
}

impl Parts {
    fn conductor(&self, config: &Config) -> cliproxy_conductor::Options {
        let mut options = options::conductor(config);
        if let Some(selector) = &self.selector {
            options.strategy = cliproxy_conductor::Strategy::Custom(Arc::clone(selector));
        }
        options
    }
}

fn keyless(config: &Config) -> Keyless {
    // The configuration was refused if keyless and reachable from elsewhere, unless the user allowed it.
    if config.access.api_keys.is_empty() { Keyless::Admit } else { Keyless::Refuse }
}

/// A proxy with its listener.
#[derive(Debug)]
pub struct Service {
    config: ArcSwap<Config>,
    environment: Environment,
    source: Option<(Loader, PathBuf)>,
    client: HttpClient,
    egress: ArcSwap<Egress>,
    store: Arc<dyn CredentialStore>,
    parts: Parts,
    fetching: Fetching,
    conductor: Arc<Conductor>,
    keys: Arc<ConfigKeys>,
    client_routes: ClientRoutes,
    shutdown: Shutdown,
    address: SocketAddr,
    tasks: TaskTracker,
    waiting: parking_lot::Mutex<Option<(Server, RouteTable)>>,
}

impl Service {
    /// Begins to serve. A second call does nothing.
    pub fn start(&self) {
        if let Some((server, table)) = self.waiting.lock().take() {
            self.conductor.start();
            self.tasks.spawn(server.run(table, self.shutdown.clone()));
        }
    }

    /// The address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The conductor, to look at credentials and to dispatch without HTTP.
    #[must_use]
    pub fn conductor(&self) -> &Arc<Conductor> {
        &self.conductor
    }

    /// The environment it was built under.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The way out for calls of your own. A reload that changes `proxy-url` makes another one.
    #[must_use]
    pub fn egress(&self) -> Egress {
        Egress::clone(&self.egress.load())
    }

    /// The handle that ends it; streams watch it too.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Reads the configuration and the store again. What does not validate leaves the old one in force. Cooldowns,
    /// bindings and running requests stay. Host, port, TLS, `auth-dir`, `limits` of connections and `upstream` need a
    /// restart.
    ///
    /// # Errors
    /// When the new configuration does not load, or the service was built without a source.
    pub async fn reload(&self) -> Result<Vec<Notice>, ReloadError> {
        let (loader, path) = self.source.as_ref().ok_or(ReloadError::NoSource)?;
        let loaded = loader.load_file(path).map_err(ReloadError::Config)?;
        let config = Arc::new(loaded.config);
        let proxy = options::proxy(&config)?;
        let old = self.config.swap(Arc::clone(&config));
        for key in cold_keys(&old, &config) {
            tracing::warn!(key, "it changed, and takes effect after a restart");
        }
        // Source: runtime.md A.2 `proxy-url` "Hot: yes"; open connections drain (K).
        self.egress.store(Arc::new(Egress::new(self.client.clone(), proxy)));
        self.conductor.reconfigure(self.parts.conductor(&config));
        self.keys.replace(config.access.api_keys.clone(), keyless(&config));
        self.client_routes.reconfigure(options::routes(&config));
        self.load_credentials().await;
        Ok(loaded.notices)
    }

    /// Stops: no more connections, streams drain under the grace period, then everything is waited for.
    pub async fn stop(&self) {
        self.shutdown.start();
        self.tasks.close();
        self.tasks.wait().await;
        self.conductor.shutdown().await;
        self.client.close().await;
    }

    /// Makes the conductor's credentials those of configuration, store, environment and embedder.
    async fn load_credentials(&self) {
        let config = self.config.load_full();
        let mut all = credentials::config_credentials(&config);
        match self.store.list().await {
            Ok(listing) => {
                for problem in &listing.problems {
                    tracing::warn!(
                        credential = problem.name,
                        reason = problem.reason,
                        "skipped a credential"
                    );
                }
                all.extend(listing.credentials);
            }
            Err(error) => tracing::error!(%error, "the credential store cannot be read"),
        }
        all.extend(self.parts.extra.iter().cloned());
        let from_environment = credentials::environment_credentials(&config.env_credentials.found);
        for found in &from_environment {
            tracing::info!(
                credential = found.settings().label,
                "an API key of the environment serves as a fallback"
            );
        }
        all.extend(from_environment);
        all.push(demo_credential());

        let mut providers = Providers::new(&config, self.egress(), &self.parts.executors);
        let mut registrations = Vec::with_capacity(all.len());
        let mut open = Vec::new();
        for credential in all {
            match registration(&mut providers, credential).await {
                Ok((registration, settled)) => {
                    if !settled {
                        open.push(registration.clone());
                    }
                    registrations.push(registration);
                }
                Err((credential, reason)) => {
                    tracing::warn!(
                        credential = credential.masked_id(),
                        reason,
                        "this credential cannot serve"
                    );
                }
            }
        }
        self.fetching.load(registrations, open, &self.tasks, &self.shutdown.draining_token());
    }
}

/// A credential with its executor and the models it begins with, and whether those are all there is to know.
async fn registration(
    providers: &mut Providers,
    credential: Credential,
) -> Result<(Registration, bool), (Credential, String)> {
    let executor = match providers.executor(&credential) {
        Ok(executor) => executor,
        Err(reason) => return Err((credential, reason)),
    };
    let (models, settled) = match models::start(&*executor, &credential).await {
        Ok(Start::Settled(models)) => (models, true),
        Ok(Start::Known(models)) => (models, false),
        Err(error) => return Err((credential, error.to_string())),
    };
    Ok((Registration::new(executor, Arc::new(credential), models), settled))
}

/// Why a reload did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The service was built without a file to read.
    #[error("there is no configuration file to reload")]
    NoSource,
    /// The file does not load; the old configuration stays in force.
    #[error("the new configuration does not load, the old one stays in force:\n{0}")]
    Config(ConfigErrors),
    /// The new proxy cannot be used; the old configuration stays in force.
    #[error("the new proxy-url cannot be used, the old configuration stays in force: {0}")]
    Proxy(#[from] cliproxy_transport::ProxyUrlError),
}

/// The keys that differ and are read at the start only. Source: runtime.md A.8.
fn cold_keys(old: &Config, new: &Config) -> Vec<&'static str> {
    let (was, is) = (&old.server, &new.server);
    let at_start = |limits: &cliproxy_config::Limits| {
        let sockets = (limits.max_connections, limits.max_concurrent_requests, limits.max_header_bytes);
        (sockets, limits.header_read_timeout, limits.idle_timeout, limits.tls_handshake_timeout)
    };
    [
        ("host", was.host != is.host),
        ("port", was.port != is.port),
        ("tls", was.tls != is.tls),
        ("limits", at_start(&was.limits) != at_start(&is.limits)),
        ("shutdown-grace-seconds", was.shutdown_grace != is.shutdown_grace),
        ("auth-dir", old.auth_dir != new.auth_dir),
        ("upstream", old.upstream != new.upstream),
        ("auth-auto-refresh-workers", old.refresh_workers != new.refresh_workers),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect()
}
