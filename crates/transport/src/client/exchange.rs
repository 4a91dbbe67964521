//! One request on one connection, in the form that its protocol wants.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use http::{Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::client::conn::TrySendError;

use super::body::{Flow, IncomingBody};
use super::connect::Destination;
use super::error::SendError;
use super::pool::{Lease, Place};
use super::tunnel;

type Wire = Request<Full<Bytes>>;

/// Why an exchange brought no head; `unsent` holds the request when nothing of it was written.
pub(crate) struct Failed {
    pub(crate) error: SendError,
    pub(crate) unsent: Option<Box<Wire>>,
}

/// Sends `request` (its URI absolute, as the caller wrote it) over the lease.
pub(crate) async fn exchange(
    lease: Lease,
    place: &Arc<Place>,
    to: &Destination,
    request: Wire,
) -> Result<Response<IncomingBody>, Failed> {
    let uri = request.uri().clone();
    let outcome = match lease {
        Lease::H1 { mut connection, .. } => match connection.exchange(for_http1(request, place, to)).await {
            Ok(reply) => Ok(reply.map(|incoming| {
                IncomingBody::new(Flow::Inline {
                    incoming,
                    connection: Some(connection),
                    home: Arc::clone(place),
                })
            })),
            Err(error) => Err(error),
        },
        Lease::H2 { slot, .. } => match slot.sender().try_send_request(for_http2(request)).await {
            Ok(reply) => {
                Ok(reply.map(|incoming| IncomingBody::new(Flow::Multiplexed { incoming, _slot: slot })))
            }
            Err(error) => {
                if error.error().is_closed() || error.error().is_canceled() {
                    slot.connection().retire();
                }
                Err(error)
            }
        },
    };
    outcome.map_err(|mut error: TrySendError<Wire>| {
        let unsent = error.take_message().map(|mut request| {
            *request.uri_mut() = uri;
            Box::new(request)
        });
        Failed { error: SendError::from_hyper(to.host(), error.into_error()), unsent }
    })
}

/// Origin form and a Host header; absolute form and the login when an HTTP proxy forwards it.
// Source: RFC 9112 §3.2, RFC 9110 §7.2.
fn for_http1(mut request: Wire, place: &Place, to: &Destination) -> Wire {
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST)
        && let Some(host) = place.host()
    {
        request.headers_mut().insert(HOST, host);
    }
    match to.forwarded_by() {
        Some(proxy) => {
            let login =
                tunnel::basic_authorization(proxy).and_then(|value| HeaderValue::from_str(&value).ok());
            if let Some(mut value) = login {
                value.set_sensitive(true);
                request.headers_mut().insert(PROXY_AUTHORIZATION, value);
            }
        }
        None => {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
    }
    request
}

/// The URI says it all; connection headers do not exist.
// Source: RFC 9113 §8.2.2 and §8.3.1.
fn for_http2(mut request: Wire) -> Wire {
    *request.version_mut() = Version::HTTP_2;
    for name in [HOST, CONNECTION, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")] {
        request.headers_mut().remove(name);
    }
    request
}
