//! Which wire format an attempt uses, and how bytes get there.

use std::sync::Arc;

use cliproxy_core::{ErrorKind, ExecutorError, Operation, ProviderFormat, Target};
use cliproxy_translator::{Codec, registry};

use crate::exchange::BridgeExchange;

/// A wire format and the way to it.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) format: ProviderFormat,
    pub(crate) way: Way,
}

/// How bytes get from one format to the other.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// They are the same.
    Same(Arc<dyn Codec>),
    /// Through the canonical form.
    Hub(Arc<dyn Codec>),
    /// Through whatever third parties registered: an exact pair, hooks, middleware. The codec is the wire format's,
    /// where there is one.
    Registered(Option<Arc<dyn Codec>>),
}

impl Route {
    /// The wire format's codec.
    pub(crate) fn codec(&self) -> Option<&Arc<dyn Codec>> {
        match &self.way {
            Way::Same(codec) | Way::Hub(codec) => Some(codec),
            Way::Registered(codec) => codec.as_ref(),
        }
    }
}

impl BridgeExchange {
    /// The client's own format where the executor speaks it, else the first that can be reached.
    ///
    /// An unknown pair of formats is an error, not a guess. Source: design.md §12.
    pub(crate) fn route(&self, target: &Target) -> Result<Route, ExecutorError> {
        let operation = self.request.operation;
        let formats = target.executor.wire_formats_for(&target.credential, &target.model, operation);
        if formats.is_empty() {
            return Err(ExecutorError::unsupported(target.executor.provider(), operation.as_str()));
        }
        let (native, foreign): (Vec<_>, Vec<_>) =
            formats.iter().partition(|format| self.request.format.speaks(format));
        for format in native.into_iter().chain(foreign) {
            if let Some(way) = self.way(format) {
                return Ok(Route { format: format.clone(), way });
            }
        }
        let names: Vec<&str> = formats.iter().map(ProviderFormat::as_str).collect();
        let message = format!(
            "there is no way from the format {} to {} of provider {} ({})",
            self.request.format,
            names.join(", "),
            target.executor.provider(),
            operation.as_str(),
        );
        Err(ExecutorError::new(ErrorKind::Unsupported, message))
    }

    /// The way to one format, if there is one.
    fn way(&self, format: &ProviderFormat) -> Option<Way> {
        let (registry, client) = (&self.shared.registry, &self.request.format);
        let request = registry.request_route(client, format)?;
        let replies = [false, true].map(|stream| registry.response_route(client, format, stream));
        let codec = registry.codec(format.as_str());
        let ours = |wanted| request == wanted && replies == [Some(wanted); 2] && !registry.is_intercepted();
        // A compacted conversation is opaque: it cannot be said in another format.
        let compact = self.request.operation == Operation::Compact;
        match codec {
            Some(codec) if ours(registry::Route::PassThrough) => Some(Way::Same(Arc::clone(codec))),
            _ if compact && request == registry::Route::Hub => None,
            Some(codec) if ours(registry::Route::Hub) => Some(Way::Hub(Arc::clone(codec))),
            codec => Some(Way::Registered(codec.cloned())),
        }
    }
}
