//! The OAuth half of calling out: authorize URLs, token endpoints, device codes.
//!
//! The flows are those of the `oauth2` crate. What providers do otherwise than the standards say is made standard on
//! the way to it, in one place (`reply`): errors under status 200, `slow_down` under 429, numbers as texts, JSON
//! requests. Here nobody decides what happens to a credential: [`TokenError::kind`] says what a failure proves.

mod authorize;
mod device;
mod endpoint;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod jwt_bearer;
pub mod known;
mod random;
mod registration;
mod reply;
mod rsa_key;
mod tokens;
mod wire;

pub use authorize::{Authorization, AuthorizeUrl};
pub use device::{DeviceCode, Pace, RealTime};
pub use endpoint::{ClientAuth, CodeGrant, TokenEndpoint};
pub use error::TokenError;
pub use jwt_bearer::JwtBearer;
pub use random::{random_hex, random_uuid};
pub use registration::Registration;
pub use rsa_key::{RsaKey, RsaKeyError};
pub use tokens::{Tokens, jwt_claims};
