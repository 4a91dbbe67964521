//! A running proxy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cliproxy_access::ConfigKeys;
use cliproxy_bridge::Bridge;
use cliproxy_conductor::Conductor;
use cliproxy_config::{Config, ConfigErrors, Environment, KnownNames, Loader, Notice};
use cliproxy_core::StoreError;
use cliproxy_executors::Egress;
use cliproxy_http::ClientRoutes;
use cliproxy_relay::Relay;
use cliproxy_transport::{HttpClient, ProxyUrlError, RouteTable, Server, Shutdown, Workers};
use tokio::sync::Mutex as Turn;
use tokio_util::task::TaskTracker;

use crate::entries::{Entries, Plan};
use crate::gather::{self, Parts};
use crate::management_key::load_to_serve;
use crate::models::{Fetching, MissingList};
use crate::options;
use crate::relay::{self, Pages};
use crate::rests::Keeper;

/// Where the configuration is read again.
#[derive(Debug)]
pub(crate) struct Source(Arc<(Loader, PathBuf)>);

impl Source {
    pub(crate) fn new(loader: Loader, path: PathBuf) -> Self {
        Self(Arc::new((loader, path)))
    }

    /// With names that the loader is to know beside its own.
    pub(crate) fn knowing(&self, names: KnownNames) -> Self {
        let (loader, path) = &*self.0;
        Self::new(loader.clone().known_names(names), path.clone())
    }

    pub(crate) fn names(&self) -> Option<&KnownNames> {
        self.0.0.names()
    }
}

/// All that a service is made of.
pub(crate) struct Waiting {
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) source: Option<Source>,
    pub(crate) client: HttpClient,
    pub(crate) egress: Egress,
    pub(crate) store: Arc<Entries>,
    pub(crate) parts: Parts,
    pub(crate) own_door: bool,
    pub(crate) fetching: Fetching,
    pub(crate) tasks: TaskTracker,
    pub(crate) conductor: Arc<Conductor>,
    pub(crate) bridge: Bridge,
    pub(crate) keys: Arc<ConfigKeys>,
    pub(crate) client_routes: ClientRoutes,
    pub(crate) relay: Relay,
    pub(crate) pages: Arc<Pages>,
    pub(crate) rests: Option<Arc<Keeper>>,
    pub(crate) shutdown: Shutdown,
    pub(crate) server: Server,
    pub(crate) workers: Option<Workers>,
    pub(crate) table: RouteTable,
}

/// A proxy with its listener.
///
/// [`Self::stop`] ends it in order. Dropping it without that closes the listener and ends its streams at once.
#[derive(Debug)]
pub struct Service {
    config: ArcSwap<Config>,
    environment: Environment,
    source: Option<Source>,
    client: HttpClient,
    egress: Egress,
    store: Arc<Entries>,
    parts: Parts,
    own_door: bool,
    fetching: Fetching,
    conductor: Arc<Conductor>,
    bridge: Bridge,
    keys: Arc<ConfigKeys>,
    client_routes: ClientRoutes,
    relay: Relay,
    pages: Arc<Pages>,
    /// With `save-cooldown-status`.
    rests: Option<Arc<Keeper>>,
    shutdown: Shutdown,
    address: SocketAddr,
    /// Kept until all is stopped: renewals that a request began run there.
    _workers: Option<Workers>,
    tasks: TaskTracker,
    waiting: parking_lot::Mutex<Option<(Server, RouteTable)>>,
    /// One reload after the other, so that the last one asked for is the one in force.
    reloading: Turn<()>,
}

impl Service {
    pub(crate) fn new(made: Waiting) -> Self {
        Self {
            config: ArcSwap::from_pointee(made.config),
            environment: made.environment,
            source: made.source,
            client: made.client,
            egress: made.egress,
            store: made.store,
            parts: made.parts,
            own_door: made.own_door,
            fetching: made.fetching,
            conductor: made.conductor,
            bridge: made.bridge,
            keys: made.keys,
            client_routes: made.client_routes,
            relay: made.relay,
            pages: made.pages,
            rests: made.rests,
            shutdown: made.shutdown,
            address: made.server.local_addr(),
            _workers: made.workers,
            tasks: made.tasks,
            waiting: parking_lot::Mutex::new(Some((made.server, made.table))),
            reloading: Turn::new(()),
        }
    }

    /// Begins to serve. With `save-cooldown-status` it takes over, and from now on keeps, what rests: a service that is
    /// never started does neither, since a server may be running on the same auth directory. A second call does nothing, nor does one after [`Self::stop`].
    pub fn start(&self) {
        if let Some((server, table)) = self.waiting.lock().take() {
            self.conductor.start();
            let (rests, tasks, shutdown) = (self.rests.clone(), self.tasks.clone(), self.shutdown.clone());
            self.tasks.spawn(async move {
                if let Some(rests) = rests {
                    // Before the first client is heard; who connects meanwhile waits in the listener's queue.
                    rests.resume().await;
                    tasks.spawn(rests.follow(shutdown.clone()));
                }
                server.run(table, shutdown).await;
            });
        }
    }

    /// The address it listens on: with port 0 in the configuration, the one that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits until every list of models that has to be fetched has come or failed, `within` this time at most, and
    /// gives back those that are not there. Serving does not need it: what a provider's executor knows by heart is
    /// offered meanwhile. For who sends a request right after the build and wants every model to be known.
    ///
    /// # Cancel safety
    /// May be dropped; the lists come all the same.
    pub async fn models_fetched(&self, within: Duration) -> Vec<MissingList> {
        self.fetching.settled(within).await
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

    /// The way out for calls of your own. Clones follow when a reload changes the proxy.
    #[must_use]
    pub fn egress(&self) -> Egress {
        self.egress.clone()
    }

    /// The handle that ends it; streams watch it too.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Reads the configuration and the store again. What does not validate leaves the old one in force, whole.
    /// Cooldowns, bindings and running requests stay. Host, port, TLS, `auth-dir`, `limits` of connections and
    /// `upstream` need a restart; the log names those that changed. As of [`load_to_serve`](crate::load_to_serve), a
    /// management key in plain text is hashed in the file.
    ///
    /// # Errors
    /// When the new configuration does not load, the store cannot be read, the service was built without a source or
    /// is stopping.
    ///
    /// # Cancel safety
    /// Dropped before its end, nothing has changed. Reloads wait for each other.
    pub async fn reload(&self) -> Result<Vec<Notice>, ReloadError> {
        let source = self.source.as_ref().ok_or(ReloadError::NoSource)?;
        let _turn = self.reloading.lock().await;
        if self.shutdown.is_draining() {
            return Err(ReloadError::Stopping);
        }
        let source = Arc::clone(&source.0);
        let read = self.tasks.spawn_blocking(move || load_to_serve(&source.0, &source.1));
        let loaded = read.await.map_err(|_| ReloadError::Stopping)?.map_err(ReloadError::Config)?;
        let config = Arc::new(loaded.config);
        let proxy = options::proxy(&config)?;
        let egress = Egress::new(self.client.clone(), proxy.clone());
        let plan = Plan::of(&config);
        let found = (&*self.store, &plan, &*self.conductor);
        let gathered = gather::all(&config, found, &self.parts, &egress, &self.relay).await?;

        // From here on nothing waits: a reload happens whole or not at all.
        let old = self.config.swap(Arc::clone(&config));
        self.store.put(plan);
        for key in options::cold_keys(&old, &config) {
            tracing::warn!(key, "it changed, and takes effect after a restart");
        }
        // Source: runtime.md A.2 `proxy-url` "Hot: yes"; open connections drain (K).
        self.egress.replace_proxy(proxy);
        self.conductor.reconfigure(self.parts.conductor(&config));
        self.bridge.reconfigure(options::bridge(&config));
        let revoked = relay::admitted(&old, &self.keys);
        self.keys.replace(config.access.api_keys.clone(), options::keyless(&config, self.own_door));
        let valid = relay::admitted(&config, &self.keys);
        self.client_routes.reconfigure(options::routes(&config, self.own_door, &self.egress));
        gathered.put_in_force(&self.conductor, &self.fetching, &self.tasks, &self.shutdown);
        for provider in options::renewed_otherwise(&old, &config) {
            self.conductor.reconsider(&provider);
        }
        self.pages.renew(&self.relay);
        self.pages.close_unwelcome(&self.relay, &config, self.own_door, (revoked, &valid));
        Ok(loaded.notices)
    }

    /// Stops: no more connections, streams drain under the grace period, then everything is waited for. The port is
    /// free afterwards.
    ///
    /// # Cancel safety
    /// May be dropped; the end goes on by itself as long as the runtime does.
    pub async fn stop(&self) {
        self.shutdown.start();
        drop(self.waiting.lock().take());
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(rests) = &self.rests {
            rests.save().await;
        }
        // Last: the replies that were drained came through these sessions.
        self.relay.shutdown().await;
        self.conductor.shutdown().await;
        self.client.close().await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shutdown.hurry();
    }
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
    /// The proxy of the new configuration cannot be used; the old configuration stays in force.
    #[error("the new proxy-url cannot be used, the old configuration stays in force: {0}")]
    Proxy(#[from] ProxyUrlError),
    /// The credential store cannot be read; the old configuration and its credentials stay in force.
    #[error("the credential store cannot be read, the old configuration stays in force")]
    Store(#[from] StoreError),
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
}
