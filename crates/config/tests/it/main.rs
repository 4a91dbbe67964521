#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    missing_docs,
    clippy::missing_errors_doc,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod credentials;
mod edit;
mod environment;
mod errors;
mod example;
mod fuzz;
mod layers;
mod names;
mod notices;
mod secrets;
mod sections;
mod start;
mod yaml;

use cliproxy_config::{Config, ConfigErrors, Environment, Loaded, Loader};

/// What every text here needs to be a valid config of a listener.
pub const SAFE: &str = "host: 127.0.0.1\n";

pub fn try_load(text: &str) -> Result<Loaded, ConfigErrors> {
    Loader::new(Environment::new([("HOME", "/home/me")])).load_str("config.yaml", text)
}

/// Loads a text on loopback.
pub fn load(text: &str) -> Loaded {
    try_load(&format!("{text}\n{SAFE}")).unwrap_or_else(|errors| panic!("{errors}"))
}

pub fn config(text: &str) -> Config {
    load(text).config
}

/// The only mistake of a text, as one line.
pub fn mistake(text: &str) -> String {
    let errors = try_load(&format!("{SAFE}{text}\n")).expect_err(text);
    assert_eq!(errors.as_slice().len(), 1, "{text}\n{errors}");
    errors.to_string()
}
