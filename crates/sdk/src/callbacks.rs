//! Browsers that providers send back to the main port: logins wait elsewhere, and the page says where.
//!
//! The reference hands what they bring to a login of its management API. That is not built yet, and a program that waits on a
//! terminal has a listener of its own: nobody would take the code here, so it is not said to be taken.
// Source: http-api.md A.10 "Browser callbacks on the main port".

use cliproxy_login::callback_elsewhere;
use cliproxy_transport::{InboundBody, Peer, Routed, Routes};
use http::{Method, Request};

const PATHS: [&str; 6] = [
    "/anthropic/callback",
    "/codex/callback",
    "/google/callback",
    "/iflow/callback",
    "/antigravity/callback",
    "/kiro/callback",
];

#[derive(Debug)]
pub(crate) struct Callbacks;

impl Routes for Callbacks {
    fn handle(&self, request: Request<InboundBody>, _peer: Peer) -> Routed {
        let ours = request.method() == Method::GET && PATHS.contains(&request.uri().path());
        if ours { Routed::reply(async { callback_elsewhere() }) } else { Routed::Unmatched(request) }
    }
}
