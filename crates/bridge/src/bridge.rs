//! The bridge itself: opens one exchange per request.

use std::sync::Arc;

use cliproxy_core::{ClientError, ClientErrorKind, ClientRequest, Exchange, Upstream};
use cliproxy_translator::registry::Registry;

use crate::blocking::Pool;
use crate::exchange::BridgeExchange;
use crate::options::Options;

/// What all exchanges share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Arc<Registry>,
    pub(crate) options: Options,
    pub(crate) pool: Pool,
}

/// Turns executors, which speak wire formats, into an [`Upstream`], which speaks the client's.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bridge {
    shared: Arc<Shared>,
}

impl Bridge {
    /// A bridge over these formats.
    #[must_use]
    pub fn new(registry: Arc<Registry>, options: Options) -> Self {
        let pool = Pool::new(options.blocking_permits, options.blocking_threshold);
        Self { shared: Arc::new(Shared { registry, options, pool }) }
    }

    /// As [`Upstream::open`], with the exchange's own type.
    ///
    /// # Errors
    /// When nobody taught us the client's format.
    pub fn exchange(&self, request: Arc<ClientRequest>) -> Result<BridgeExchange, Box<ClientError>> {
        let Some(client) = self.shared.registry.codec(request.format.as_str()).cloned() else {
            let message = format!("the format {} is not known here", request.format);
            return Err(Box::new(ClientError::new(ClientErrorKind::Unsupported, message)));
        };
        Ok(BridgeExchange::new(Arc::clone(&self.shared), client, request))
    }
}

impl Upstream for Bridge {
    fn open(&self, request: Arc<ClientRequest>) -> Result<Box<dyn Exchange>, Box<ClientError>> {
        Ok(Box::new(self.exchange(request)?))
    }
}
