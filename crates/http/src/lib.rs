#![doc = include_str!("../README.md")]

mod admit;
mod array;
mod call;
mod code_assist;
mod compact;
mod endpoint;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod generate;
mod models;
mod options;
mod origin;
mod patience;
mod percent;
mod relay;
mod request_id;
mod respond;
mod routes;
mod session;
mod stream;

pub use code_assist::Onward;
pub use endpoint::{Endpoint, GeminiAction};
pub use options::{Codecs, Options};
pub use routes::ClientRoutes;
