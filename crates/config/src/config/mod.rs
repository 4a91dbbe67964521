//! The validated configuration. Whoever holds one needs no second check.

mod access;
mod credentials;
mod endpoints;
mod models;
mod oauth;
mod observe;
mod payload;
mod routing;
mod server;
mod state;
mod upstream;
mod url;

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::environment::Environment;
use crate::keys::KnownNames;
use crate::layers::Layers;
use crate::overrides::Overrides;
use crate::report::Report;
use crate::setting::At;

pub use access::{Access, EXAMPLE_API_KEYS, EnvCredential, EnvCredentials, Management};
pub use credentials::{
    CompatEntry, CompatKey, Credentials, KeyEntry, KiroEntry, RequestScopedAction, RequestScopedRule,
};
pub(crate) use endpoints::endpoint_of_old;
pub use endpoints::{EndpointMap, OauthClient};
pub use models::{ModelAlias, ModelEntry, Thinking};
pub use oauth::OauthAlias;
pub use observe::{ImageGeneration, Images, Log, LogLevel, Usage};
pub use payload::{Condition, FilterRule, Payload, PayloadModel, PayloadRule, RawRule};
pub use routing::{Cooldown, Retry, Routing, Strategy, Streaming};
pub use server::{Host, Limits, Server, TlsFiles};
pub use state::OpaqueState;
pub use upstream::Upstream;
pub use url::{ProxySetting, UrlText};

use std::collections::BTreeMap;

/// The whole configuration, one field a section. `Debug` shows no secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The listener: `host`, `port`, `tls`, `limits`, `shutdown-grace-seconds`.
    pub server: Server,
    /// Who may call: `api-keys`, `allow-unauthenticated`, `ws-auth`, `ws-keys`.
    pub access: Access,
    /// Where credential files live: `auth-dir`, default `~/.cli-proxy-api`, example `/var/lib/cliproxy`. A leading
    /// `~` is expanded.
    pub auth_dir: PathBuf,
    /// Which credential goes next: `routing`, `force-model-prefix`.
    pub routing: Routing,
    /// How often and how long to try again: `request-retry`, `max-retry-interval`, `max-retry-credentials`.
    pub retry: Retry,
    /// How long a refused credential rests: `disable-cooling`, `max-cooldown`, `transient-error-cooldown-seconds`.
    pub cooldown: Cooldown,
    /// What goes on while a reply is pending: `streaming`, `nonstream-keepalive-interval`.
    pub streaming: Streaming,
    /// What is remembered of conversations: `opaque-state`.
    pub opaque_state: OpaqueState,
    /// Where calls to providers go through: `proxy-url`, absent by default (the environment's proxy variables
    /// apply), example `socks5://127.0.0.1:1080`.
    pub proxy_url: Option<ProxySetting>,
    /// Connections to providers: `upstream`.
    pub upstream: Upstream,
    /// API keys and tokens that the file holds itself.
    pub credentials: Credentials,
    /// Names for models of login credentials: `oauth-model-alias`, channel → aliases.
    pub oauth_model_alias: BTreeMap<String, Vec<OauthAlias>>,
    /// Models of login credentials that are not offered: `oauth-excluded-models`, channel → patterns with `*`.
    pub oauth_excluded_models: BTreeMap<String, Vec<String>>,
    /// Failures of login credentials that are about the request: `oauth-request-scoped-errors`, channel → rules.
    pub oauth_request_scoped_errors: BTreeMap<String, Vec<RequestScopedRule>>,
    /// Names for any model: `model-aliases`, in the order of the file.
    pub model_aliases: Vec<ModelAlias>,
    /// Rewrites of outgoing bodies: `payload`.
    pub payload: Payload,
    /// URLs in place of a provider's own: `endpoints`, provider → name → URL.
    pub endpoints: EndpointMap,
    /// OAuth clients in place of the built-in ones: `oauth-clients`, provider → client.
    pub oauth_clients: BTreeMap<String, OauthClient>,
    /// The management API: `remote-management`, `MANAGEMENT_PASSWORD`.
    pub management: Management,
    /// API keys found in the environment: `env-credentials`.
    pub env_credentials: EnvCredentials,
    /// What is logged: `debug`, `log-level`, `trace`, `logging-to-file`, `request-log` and theirs.
    pub log: Log,
    /// What is counted: `usage-statistics-enabled` and its kin.
    pub usage: Usage,
    /// Image tools: `disable-image-generation`, `gpt-image-2-base-model`.
    pub images: Images,
    /// Concurrent token renewals: `auth-auto-refresh-workers`, default 16; 0 or less means the default.
    pub refresh_workers: u32,
    /// Whether a provider's reply headers reach the client: `passthrough-headers`, default off.
    pub passthrough_headers: bool,
    /// Whether login pages open in a private window: `incognito-browser`, default off.
    pub incognito_browser: bool,
    /// The user's home directory, where vendors' own tools keep their logins; `None` where there is none.
    pub home: Option<PathBuf>,
}

impl Default for Config {
    /// The built-in defaults: what an embedding program gets without file and environment. It listens on loopback.
    fn default() -> Self {
        static BUILT_IN: LazyLock<Config> = LazyLock::new(|| {
            let environment = Environment::default();
            let merged = Layers::new(None, &environment, &Overrides::default()).merge();
            Config::read(&At::root(&merged), (&environment, None), false, &mut Report::default())
        });
        BUILT_IN.clone()
    }
}

impl Config {
    /// Reads the merged tree. When the report has mistakes afterwards, the result is not to be used.
    pub(crate) fn read(
        root: &At<'_>,
        (environment, names): (&Environment, Option<&KnownNames>),
        has_file: bool,
        report: &mut Report,
    ) -> Self {
        let access = Access::read(root, report);
        let server = Server::read(root, has_file, report);
        server.check_exposure(&access, root, report);
        Self {
            auth_dir: auth_dir(root, environment, report),
            routing: Routing::read(root, report),
            retry: Retry::read(root, report),
            cooldown: Cooldown::read(root, report),
            streaming: Streaming::read(root, report),
            opaque_state: OpaqueState::read(root, report),
            proxy_url: ProxySetting::read(&root.get("proxy-url"), report),
            upstream: Upstream::read(&root.get("upstream"), report),
            credentials: Credentials::read(root, environment, report),
            oauth_model_alias: oauth::aliases(root, report),
            oauth_excluded_models: oauth::excluded_models(root, report),
            oauth_request_scoped_errors: oauth::request_scoped_errors(root, report),
            model_aliases: models::global_aliases(&root.get("model-aliases"), report),
            payload: Payload::read(&root.get("payload"), report),
            endpoints: endpoints::endpoints(root, names, report),
            oauth_clients: endpoints::oauth_clients(root, environment, report),
            management: Management::read(root, environment, report),
            env_credentials: EnvCredentials::read(root, environment, &access, report),
            log: Log::read(root, report),
            usage: Usage::read(root, report),
            images: Images::read(root, report),
            refresh_workers: refresh_workers(root, report),
            passthrough_headers: root.get("passthrough-headers").is_on(report),
            incognito_browser: root.get("incognito-browser").is_on(report),
            home: environment.home(),
            server,
            access,
        }
    }
}

fn auth_dir(root: &At<'_>, environment: &Environment, report: &mut Report) -> PathBuf {
    // Source: runtime.md B.4 [H]: an empty value falls back to the default.
    let path = root.get("auth-dir").text(report).unwrap_or_else(|| "~/.cli-proxy-api".to_owned());
    let expanded = environment.expand_home(&path);
    if path.starts_with('~') && expanded.starts_with("~") && !root.get("auth-dir").is_built_in() {
        root.get("auth-dir").wrong(
            report,
            "there is no home directory to put in place of `~`",
            "set HOME, or write the whole path",
        );
    }
    expanded
}

fn refresh_workers(root: &At<'_>, report: &mut Report) -> u32 {
    // Source: runtime.md A.10 [H]: 0 or less means 16.
    root.get("auth-auto-refresh-workers").count(report, 16).filter(|workers| *workers > 0).unwrap_or(16)
}

/// `Default` of a section: what it is in the built-in configuration.
macro_rules! built_in {
    ($($section:ident: $field:ident),* $(,)?) => {$(
        impl Default for $section {
            fn default() -> Self {
                Config::default().$field
            }
        }
    )*};
}

built_in! {
    Server: server,
    Access: access,
    Routing: routing,
    Retry: retry,
    Cooldown: cooldown,
    Streaming: streaming,
    OpaqueState: opaque_state,
    Upstream: upstream,
    Credentials: credentials,
    Payload: payload,
    Management: management,
    EnvCredentials: env_credentials,
    Log: log,
    Usage: usage,
    Images: images,
}
