#![doc = include_str!("../README.md")]

mod admit;
mod call;
mod endpoint;
mod failure;
mod generate;
mod models;
mod options;
mod patience;
mod request_id;
mod respond;
mod routes;
mod session;
mod stream;

pub use endpoint::Endpoint;
pub use options::{Codecs, Options};
pub use routes::ClientRoutes;
