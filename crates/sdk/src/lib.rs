#![doc = include_str!("../README.md")]

mod builder;
mod callbacks;
mod code_assist;
pub mod command;
mod credentials;
mod entries;
mod first_run;
mod gather;
mod heirs;
mod management_key;
mod models;
mod names;
mod options;
mod payload;
mod providers;
mod relay;
mod rests;
mod service;
mod start_error;
mod stored;
mod twins;

pub use builder::Builder;
pub use credentials::{config_credentials, environment_credentials};
pub use first_run::{FirstRun, FirstRunError, first_run};
pub use management_key::load_to_serve;
pub use models::MissingList;
pub use names::known_names;
pub use payload::payload_problems;
pub use providers::known_endpoints;
pub use service::{ReloadError, Service};
pub use start_error::StartError;
pub use stored::{StoredCredential, stored_credentials};

pub use cliproxy_access as access;
pub use cliproxy_auth_store as auth_store;
pub use cliproxy_bridge as bridge;
pub use cliproxy_conductor as conductor;
pub use cliproxy_config as config;
pub use cliproxy_core as core;
pub use cliproxy_executors as executors;
pub use cliproxy_http as http_routes;
pub use cliproxy_login as login;
pub use cliproxy_relay as relay_sessions;
pub use cliproxy_translator as translator;
pub use cliproxy_transport as transport;

// What the signatures of the traits need, so that an executor can be written against this crate alone.
pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use http;
