//! The outbound half: one client for the process, a pool per way out.

mod body;
mod connect;
mod dial;
mod environment;
mod error;
mod exchange;
mod inline;
mod multiplexed;
mod pool;
mod proxy;
mod send;
mod tunnel;
mod via;

pub use body::{BodyError, IncomingBody};
pub use environment::ProxyEnvironment;
pub use error::{SendError, TimeoutPhase};
pub use proxy::{ProxyChoice, ProxyUrl, ProxyUrlError};
pub use send::{ClientOptions, HttpClient};
pub use via::Via;
