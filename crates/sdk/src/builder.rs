//! Puts a service together.

use std::path::PathBuf;
use std::sync::Arc;

use cliproxy_access::{Chain, ConfigKeys, Open};
use cliproxy_auth_store::FileStore;
use cliproxy_bridge::Bridge;
use cliproxy_conductor::Conductor;
use cliproxy_config::{Config, Environment, Loader};
use cliproxy_core::{
    AccessProvider, ClientFormat, Credential, CredentialStore, Hook, ProviderExecutor, UsageSink,
};
use cliproxy_executors::Egress;
use cliproxy_http::{ClientRoutes, Codecs};
use cliproxy_translator::Codec;
use cliproxy_translator::registry::Registry;
use cliproxy_transport::{HttpClient, RouteTable, Routes, Server, Shutdown, Workers};
use tokio_util::task::TaskTracker;

use crate::callbacks::Callbacks;
use crate::entries::{Entries, Plan};
use crate::gather::{self, Parts};
use crate::models::Fetching;
use crate::names::{known_names, unknown_endpoints};
use crate::relay::Pages;
use crate::rests::Keeper;
use crate::service::{Service, Source, Waiting};
use crate::{StartError, options, relay};

/// Puts a [`Service`] together. Everything has a default but the configuration.
#[derive(Debug)]
pub struct Builder {
    config: Config,
    environment: Environment,
    source: Option<Source>,
    client: HttpClient,
    egress: Egress,
    parts: Parts,
    store: Option<Arc<dyn CredentialStore>>,
    access: Vec<Arc<dyn AccessProvider>>,
    hooks: Vec<Arc<dyn Hook>>,
    sinks: Vec<Arc<dyn UsageSink>>,
    routes: Vec<Arc<dyn Routes>>,
    registry: Registry,
    workers: Option<Workers>,
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
            parts: Parts::default(),
            store: None,
            access: Vec::new(),
            hooks: Vec::new(),
            sinks: Vec::new(),
            routes: Vec::new(),
            registry: Registry::with_builtin(),
            workers: None,
        })
    }

    /// Where [`Service::reload`] reads the configuration again.
    #[must_use]
    pub fn reload_from(mut self, loader: Loader, path: impl Into<PathBuf>) -> Self {
        self.source = Some(Source::new(loader, path.into()));
        self
    }

    /// The way out for executors of your own: one client for the process, proxies included. Clones follow when a
    /// reload changes the proxy.
    #[must_use]
    pub fn egress(&self) -> Egress {
        self.egress.clone()
    }

    /// Adds a provider, or replaces one of ours.
    #[must_use]
    pub fn executor(mut self, executor: Arc<dyn ProviderExecutor>) -> Self {
        self.parts.executors.push(executor);
        self
    }

    /// Adds a credential beside those of the configuration and the store.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.parts.credentials.push(credential);
        self
    }

    /// Keeps credentials elsewhere than in the auth directory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn CredentialStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Asks this provider who may call, before the configuration's keys. With a door of your own a configuration
    /// without keys admits nobody beside it.
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
        self.parts.selector = Some(selector);
        self
    }

    /// Serves more routes on the same port. They come before ours.
    #[must_use]
    pub fn routes(mut self, routes: Arc<dyn Routes>) -> Self {
        self.routes.push(routes);
        self
    }

    /// Serves connections on these threads, a quarter cheaper than in the runtime that [`Service::start`] is called in.
    #[must_use]
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = Some(workers);
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
    /// When a URL below `endpoints` is nobody's, the address cannot be bound, TLS files cannot be read, the credential store as a whole cannot be read,
    /// or a codec is missing.
    pub async fn build(mut self) -> Result<Service, StartError> {
        let names = known_names(&self.parts.executors);
        self.source = self.source.map(|source| source.knowing(names.clone()));
        let names = self.source.as_ref().and_then(Source::names).unwrap_or(&names);
        let keys = unknown_endpoints(&self.config, names);
        if !keys.is_empty() {
            return Err(StartError::UnknownEndpoints { keys });
        }
        let mut server = Server::bind(options::server(&self.config)).await?;
        if let Some(workers) = &self.workers {
            server = server.on(workers.clone());
        }
        let shutdown = Shutdown::new(self.config.server.shutdown_grace);
        let registry = Arc::new(self.registry);
        let codec = |name: &str| -> Result<Arc<dyn Codec>, StartError> {
            registry.codec(name).cloned().ok_or_else(|| StartError::NoCodec { name: name.to_owned() })
        };
        let mut codecs = Codecs::new(codec("openai")?, codec("openai-completions")?, codec("claude")?);
        codecs.responses = registry.codec(ClientFormat::OPENAI_RESPONSES.as_str()).cloned();
        codecs.gemini = registry.codec(ClientFormat::GEMINI.as_str()).cloned();
        codecs.gemini_cli = registry.codec(ClientFormat::GEMINI_CLI.as_str()).cloned();
        let bridge = Bridge::new(Arc::clone(&registry), options::bridge(&self.config));
        let store = self.store.unwrap_or_else(|| Arc::new(FileStore::new(&self.config.auth_dir)));
        let store = Arc::new(Entries::new(store, Plan::of(&self.config)));

        let mut builder =
            Conductor::builder(Arc::new(bridge.clone())).options(self.parts.conductor(&self.config));
        builder = builder.store(Arc::clone(&store) as Arc<dyn CredentialStore>);
        builder = self.hooks.into_iter().fold(builder, |builder, hook| builder.hook(hook));
        builder = self.sinks.into_iter().fold(builder, |builder, sink| builder.usage_sink(sink));
        let conductor = builder.build();

        let own_door = !self.access.is_empty();
        let keyless = options::keyless(&self.config, own_door);
        let keys = Arc::new(ConfigKeys::new(self.config.access.api_keys.clone(), keyless));
        let mut chain = self.access;
        chain.push(Arc::clone(&keys) as Arc<dyn AccessProvider>);
        let access = Arc::new(Chain::new(chain).or_open(Open::while_keyless(Arc::clone(&keys))));
        let dispatcher: Arc<dyn cliproxy_core::Dispatcher> = Arc::clone(&conductor) as _;
        let routes = options::routes(&self.config, own_door, &self.egress);
        let client_routes = ClientRoutes::new(dispatcher, access, codecs, routes, shutdown.clone());
        let relay = relay::relay(&shutdown);
        let pages = Arc::new(Pages::new(Arc::clone(&conductor)));
        relay.watch(Arc::clone(&pages) as _);
        let client_routes =
            if cfg!(feature = "aistudio") { client_routes.with_relay(relay.clone()) } else { client_routes };

        let mut table = RouteTable::new();
        for routes in self.routes {
            table.push(routes);
        }
        table.push(Arc::new(Callbacks));
        table.push(Arc::new(client_routes.clone()));

        let plan = Plan::of(&self.config);
        let gathered =
            gather::all(&self.config, (&store, &plan, &conductor), &self.parts, &self.egress, &relay).await?;
        let (fetching, tasks) = (Fetching::new(Arc::clone(&conductor)), TaskTracker::new());
        gathered.put_in_force(&conductor, &fetching, &tasks, &shutdown);
        let rests =
            self.config.cooldown.save.then(|| Keeper::new(Arc::clone(&conductor), &self.config.auth_dir));
        Ok(Service::new(Waiting {
            config: self.config,
            environment: self.environment,
            source: self.source,
            client: self.client,
            egress: self.egress,
            store,
            parts: self.parts,
            own_door,
            fetching,
            tasks,
            conductor,
            bridge,
            keys,
            client_routes,
            relay,
            pages,
            rests,
            shutdown,
            server,
            workers: self.workers,
            table,
        }))
    }
}
