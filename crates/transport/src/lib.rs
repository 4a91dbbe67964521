#![doc = include_str!("../README.md")]

mod client;
mod coding;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
pub mod oauth;
mod server;
mod socket;
mod tls;
mod tracked;
mod workers;

pub use client::{
    BodyError, ClientOptions, HttpClient, IncomingBody, ProxyChoice, ProxyEnvironment, ProxyUrl,
    ProxyUrlError, SendError, TimeoutPhase, Via,
};
pub use coding::{Coding, DecodeError, UnknownCoding, decode_body, parse_content_encoding, sniff_coding};
pub use server::{
    BodyLimits, BoxFuture, InboundBody, OutboundBody, Peer, ReadBodyError, RouteTable, Routed, Routes,
    ServeError, Server, ServerOptions, ServerTls, Shutdown, UpgradeError, UpgradedSocket, Upgrading,
    WebSocketRefusal, WebSocketRequest,
};
pub use tls::{TlsError, TrustRoots};
pub use workers::Workers;
