//! What the command line says, as the topmost layer.

use std::path::PathBuf;

/// What the command line overrides. Everything unset leaves the lower layers alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrides {
    /// `--config`: the file to load. Used by [`locate`](crate::locate), not by the loader.
    pub config: Option<PathBuf>,
    /// `--host`: in place of `host`.
    pub host: Option<String>,
    /// `--port`: in place of `port`.
    pub port: Option<u16>,
    /// `--auth-dir`: in place of `auth-dir`.
    pub auth_dir: Option<String>,
    /// `--debug`: in place of `debug`.
    pub debug: Option<bool>,
    /// `--log-level`: in place of `log-level`.
    pub log_level: Option<String>,
    /// `--proxy-url`: in place of `proxy-url`.
    pub proxy_url: Option<String>,
    /// `--allow-unauthenticated`: in place of `allow-unauthenticated`.
    pub allow_unauthenticated: Option<bool>,
}

impl Overrides {
    /// Nothing is overridden.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Flag, key and value of everything that is set.
    pub(crate) fn entries(&self) -> Vec<(&'static str, &'static str, String)> {
        [
            ("flag --host", "host", self.host.clone()),
            ("flag --port", "port", self.port.map(|port| port.to_string())),
            ("flag --auth-dir", "auth-dir", self.auth_dir.clone()),
            ("flag --debug", "debug", self.debug.map(|flag| flag.to_string())),
            ("flag --log-level", "log-level", self.log_level.clone()),
            ("flag --proxy-url", "proxy-url", self.proxy_url.clone()),
            (
                "flag --allow-unauthenticated",
                "allow-unauthenticated",
                self.allow_unauthenticated.map(|flag| flag.to_string()),
            ),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| Some((flag, key, value?)))
        .collect()
    }
}
