//! Who comes in.

use cliproxy_access::{Listener, origin_allowed, strip_credentials};
use cliproxy_core::{AccessDecision, AccessProvider, ClientError, Principal};
use cliproxy_transport::Peer;
use http::request::Parts;

use crate::routes::Inner;
use crate::{Endpoint, Options, failure, origin};

/// Checks origin and key, then takes the key out of the request: nothing behind has a use for it.
pub(crate) async fn check(
    inner: &Inner,
    endpoint: Endpoint,
    parts: &mut Parts,
    peer: Peer,
    options: &Options,
) -> Result<Principal, Box<ClientError>> {
    let guarded = endpoint.is_guarded() && (endpoint != Endpoint::Relay || options.relay_keyed);
    let relay_access = options.relay_access.as_deref().filter(|_| endpoint == Endpoint::Relay && guarded);
    let keyed = options.keyed || relay_access.is_some();
    if !keyed || endpoint.is_local() || (endpoint == Endpoint::Relay && !guarded) {
        let listener =
            options.own_hosts.iter().fold(Listener::new(), |listener, name| listener.with_name(name));
        let known = endpoint == Endpoint::Relay && origin::is_known(&parts.headers, &options.relay_origins);
        if !known && !origin_allowed(&parts.headers, &parts.uri, &listener) {
            return Err(Box::new(match endpoint {
                Endpoint::Relay => failure::foreign_page(),
                _ => failure::foreign_origin(),
            }));
        }
    }
    // Source: http-api.md A.7, E 12 (IPv6 too): the socket's own address, whatever a header says.
    if endpoint.is_local() && !peer.address.ip().to_canonical().is_loopback() {
        return Err(Box::new(failure::local_only()));
    }
    if options.safe_mode && (endpoint.is_guarded() || endpoint.is_local()) {
        return Err(Box::new(failure::example_key()));
    }
    if !guarded {
        strip_credentials(parts);
        return Ok(Principal::anonymous());
    }
    let mut decision = ask(inner.access.as_ref(), parts).await?;
    if let Some(access) = relay_access {
        decision = may_relay(decision, ask(access, parts).await?)?;
    }
    strip_credentials(parts);
    match decision {
        AccessDecision::Granted(principal) => Ok(principal),
        AccessDecision::Invalid => Err(Box::new(failure::wrong_key())),
        _ => Err(Box::new(failure::no_key())),
    }
}

async fn ask(access: &dyn AccessProvider, parts: &Parts) -> Result<AccessDecision, Box<ClientError>> {
    access.authenticate(parts).await.map_err(|error| {
        tracing::error!(%error, provider = access.name(), "access check failed");
        Box::new(failure::access_broken())
    })
}

/// Whom the relay's own list decides about. A key that is good for asking only is no wrong key, and is told so.
fn may_relay(as_client: AccessDecision, as_page: AccessDecision) -> Result<AccessDecision, Box<ClientError>> {
    match (as_page, as_client) {
        (granted @ AccessDecision::Granted(_), _) => Ok(granted),
        // Without client keys everybody may ask: whoever comes without the page's key showed none, or a wrong one.
        (
            refused @ (AccessDecision::Missing | AccessDecision::Invalid),
            AccessDecision::Granted(principal),
        ) if principal == Principal::anonymous() => Ok(refused),
        (_, AccessDecision::Granted(_)) => Err(Box::new(failure::may_not_relay())),
        (_, refused) => Ok(refused),
    }
}
