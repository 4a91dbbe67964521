#![doc = include_str!("../README.md")]

mod config;
mod dotenv;
mod edit;
mod environment;
mod first_run;
mod keys;
mod layers;
mod loader;
mod locate;
mod management_secret;
mod overrides;
mod place;
mod report;
mod setting;
mod yaml;

pub use cliproxy_core::Secret;
pub use config::{
    Access, CompatEntry, CompatKey, Condition, Config, Cooldown, Credentials, EXAMPLE_API_KEYS, EndpointMap,
    EnvCredential, EnvCredentials, FilterRule, Host, ImageGeneration, Images, KeyEntry, KiroEntry, Limits,
    Log, LogLevel, Management, ModelAlias, ModelEntry, OauthAlias, OauthClient, OpaqueState, Payload,
    PayloadModel, PayloadRule, ProxySetting, RawRule, RequestScopedAction, RequestScopedRule, Retry, Routing,
    Server, Strategy, Streaming, Thinking, TlsFiles, Upstream, UrlText, Usage,
};
pub use edit::{ConfigText, Edit, EditError};
pub use environment::Environment;
pub use first_run::first_run_yaml;
pub use keys::{KeyRow, KeyState, KnownNames, known_keys};
pub use loader::{Loaded, Loader};
pub use locate::{Located, Reason, locate};
pub use management_secret::{HashError, hash_management_key, is_management_hash, verify_management_key};
pub use overrides::Overrides;
pub use place::Place;
pub use report::{ConfigError, ConfigErrors, Mistake, Notice};
pub use yaml::{Document, Step};
