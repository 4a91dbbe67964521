#![doc = include_str!("../README.md")]

mod credentials;
mod first_run;

pub use credentials::{config_credentials, environment_credentials};
pub use first_run::{FirstRun, FirstRunError, first_run};
