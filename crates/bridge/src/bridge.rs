//! The bridge itself: opens one exchange per request.

use std::sync::Arc;

use arc_swap::ArcSwap;
use cliproxy_core::{ClientError, ClientErrorKind, ClientRequest, Exchange, Upstream};
use cliproxy_translator::registry::Registry;

use crate::blocking::Pool;
use crate::exchange::BridgeExchange;
use crate::options::Options;
use crate::state::Store;

/// What all exchanges share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Arc<Registry>,
    pub(crate) options: Options,
    pub(crate) pool: Pool,
    pub(crate) states: Arc<Store>,
}

/// Turns executors, which speak wire formats, into an [`Upstream`], which speaks the client's.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bridge {
    shared: Arc<ArcSwap<Shared>>,
}

impl Bridge {
    /// A bridge over these formats.
    #[must_use]
    pub fn new(registry: Arc<Registry>, options: Options) -> Self {
        let pool = Pool::new(options.blocking_permits, options.blocking_threshold);
        let states = Arc::new(Store::new(options.state()));
        Self { shared: Arc::new(ArcSwap::from_pointee(Shared { registry, options, pool, states })) }
    }

    /// Exchanges opened from now on go by these options; one that is under way keeps those it began with. Clones of
    /// this bridge follow.
    pub fn reconfigure(&self, options: Options) {
        let known = self.shared.load_full();
        let bounds = |options: &Options| (options.blocking_permits, options.blocking_threshold);
        // Permits that are taken stay counted.
        let pool = if bounds(&known.options) == bounds(&options) {
            known.pool.clone()
        } else {
            Pool::new(options.blocking_permits, options.blocking_threshold)
        };
        let (registry, states) = (Arc::clone(&known.registry), Arc::clone(&known.states));
        states.rebound(options.state());
        self.shared.store(Arc::new(Shared { registry, options, pool, states }));
    }

    /// As [`Upstream::open`], with the exchange's own type.
    ///
    /// # Errors
    /// When nobody taught us the client's format.
    pub fn exchange(&self, request: Arc<ClientRequest>) -> Result<BridgeExchange, Box<ClientError>> {
        // One request sees one set of options.
        let shared = self.shared.load_full();
        let Some(client) = shared.registry.codec(request.format.as_str()).cloned() else {
            let message = format!("the format {} is not known here", request.format);
            return Err(Box::new(ClientError::new(ClientErrorKind::Unsupported, message)));
        };
        Ok(BridgeExchange::new(shared, client, request))
    }
}

impl Upstream for Bridge {
    fn open(&self, request: Arc<ClientRequest>) -> Result<Box<dyn Exchange>, Box<ClientError>> {
        Ok(Box::new(self.exchange(request)?))
    }
}
