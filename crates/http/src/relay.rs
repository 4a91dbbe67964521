//! Pages that connect to relay requests. Source: http-api.md `/v1/ws`; providers-a.md 8.1.

use cliproxy_core::{ClientError, Principal};
use cliproxy_relay::{Identity, Relay};
use cliproxy_transport::{OutboundBody, WebSocketRequest};
use http::request::Parts;
use http::{HeaderMap, Response};

use crate::failure;

/// Turns the connection into a session of the relay.
pub(crate) fn open(
    relay: &Relay,
    parts: &mut Parts,
    principal: Principal,
) -> Result<Response<OutboundBody>, (Box<ClientError>, HeaderMap)> {
    let request = WebSocketRequest::take(parts)
        .map_err(|refusal| (Box::new(failure::no_handshake(refusal)), refusal.headers()))?;
    let identity = Identity::new(principal);
    let place = relay
        .reserve_for(&identity)
        .map_err(|refused| (Box::new(failure::relay_refused(refused)), HeaderMap::new()))?;
    let (response, upgrading) = request.accept();
    place.spawn(identity, async move {
        let socket = upgrading.socket().await;
        socket.inspect_err(|error| tracing::debug!(%error, "a page was gone before it was connected")).ok()
    });
    Ok(response)
}
