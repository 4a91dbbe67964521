//! The inbound half: listening, serving, draining; request bodies in, reply bodies out.

mod activity;
mod alarm;
mod attentive;
mod connection;
mod inbound;
mod listen;
mod noticing;
mod options;
mod outbound;
mod routes;
mod serve;
mod shutdown;
mod websocket;

pub use inbound::{BodyLimits, InboundBody, ReadBodyError};
pub use listen::{ServeError, Server};
pub use options::{ServerOptions, ServerTls};
pub use outbound::OutboundBody;
pub use routes::{BoxFuture, Peer, RouteTable, Routed, Routes};
pub use shutdown::Shutdown;
pub use websocket::{UpgradeError, UpgradedSocket, Upgrading, WebSocketRefusal, WebSocketRequest};
