//! The table. When a feature is built, its row's word changes.
//!
//! Source: runtime.md A.2 to A.11; design §7, §8 for the keys that are ours.

use super::Key;
use super::KeyState::{self, Active, Ignored, Legacy, NotBuilt};
use super::Shape::{self, Free, List, Map, Named, Value};

const fn key(name: &'static str, state: KeyState, shape: Shape) -> Key {
    Key { name, state, shape }
}

/// A key that holds a value and works.
const fn value(name: &'static str) -> Key {
    key(name, Active, Value)
}

/// A key that holds a value whose feature does not exist yet.
const fn later(name: &'static str) -> Key {
    key(name, NotBuilt, Value)
}

pub(super) const ROOT: &[Key] = &[
    // the listener
    value("host"),
    value("port"),
    key("tls", Active, Map(&[value("enable"), value("cert"), value("key")])),
    value("shutdown-grace-seconds"),
    key("limits", Active, Map(LIMITS)),
    // who may call
    value("api-keys"),
    value("allow-unauthenticated"),
    value("ws-auth"),
    value("ws-origins"),
    value("ws-keys"),
    key("remote-management", NotBuilt, Map(MANAGEMENT)),
    // credentials and where they go
    value("auth-dir"),
    value("proxy-url"),
    key("upstream", Active, Map(UPSTREAM)),
    value("env-credentials"),
    key("claude-api-key", Active, List(CLAUDE)),
    key("codex-api-key", Active, List(CODEX)),
    key("gemini-api-key", Active, List(ENTRY)),
    key("vertex-api-key", Active, List(ENTRY)),
    key("interactions-api-key", NotBuilt, List(ENTRY)),
    key("xai-api-key", NotBuilt, List(CODEX)),
    key("openai-compatibility", Active, List(COMPAT)),
    key("kiro", Active, List(KIRO)),
    value("kiro-preferred-endpoint"),
    value("auth-auto-refresh-workers"),
    value("incognito-browser"),
    // models
    value("force-model-prefix"),
    key("model-aliases", Active, Free),
    key("oauth-model-alias", Active, Named(&List(OAUTH_ALIAS))),
    key("oauth-excluded-models", Active, Named(&Value)),
    key("oauth-request-scoped-errors", Active, Named(&List(SCOPED))),
    key("endpoints", Active, Named(&Named(&Value))),
    key("oauth-clients", Active, Named(&Map(&[value("client-id"), value("client-secret")]))),
    // which credential, how often, how long
    key("routing", Active, Map(ROUTING)),
    value("request-retry"),
    value("max-retry-interval"),
    value("max-retry-credentials"),
    value("disable-cooling"),
    value("max-cooldown"),
    value("transient-error-cooldown-seconds"),
    value("save-cooldown-status"),
    key("quota-exceeded", Active, Map(QUOTA_EXCEEDED)),
    // what the client sees
    key("streaming", Active, Map(&[value("keepalive-seconds"), value("bootstrap-retries")])),
    value("nonstream-keepalive-interval"),
    key("opaque-state", Active, Map(&[value("enabled"), value("max-bytes"), value("max-age")])),
    value("passthrough-headers"),
    key("payload", Active, Map(PAYLOAD)),
    value("disable-image-generation"),
    later("gpt-image-2-base-model"),
    later("video-result-auth-cache-ttl"),
    // what the operator sees
    value("debug"),
    value("log-level"),
    value("trace"),
    later("logging-to-file"),
    later("logs-max-total-size-mb"),
    later("error-logs-max-files"),
    later("request-log"),
    later("request-log-success-body"),
    later("detailed-api-error-body-log-limit"),
    later("detailed-api-error-body-log-format"),
    later("usage-statistics-enabled"),
    later("redis-usage-queue-retention-seconds"),
    key("usage-export", NotBuilt, Free),
    key("pprof", NotBuilt, Map(&[value("enable"), value("addr")])),
    // whole features
    key("ampcode", NotBuilt, Map(AMPCODE)),
    key("plugins", NotBuilt, Map(PLUGINS)),
    key("codex", NotBuilt, Map(CODEX_EXTRAS)),
    key("xai", NotBuilt, Map(&[value("inject-x-search")])),
    key("credential-concurrency", NotBuilt, Free),
    key("credential-in-flight", NotBuilt, Free),
    later("antigravity-signature-cache-enabled"),
    later("antigravity-signature-bypass-strict"),
    later("antigravity-primary-handoff"),
    key("api-key-ip-blacklist", NotBuilt, Map(BLACKLIST)),
    key("api-key-model-whitelists", NotBuilt, Free),
    key("commandcode-api-key", NotBuilt, Free),
    key("freebuff-api-key", NotBuilt, Free),
    key("mistral-api-key", NotBuilt, Free),
    later("cline-free-models-only"),
    // old spellings
    key("generative-language-api-key", Legacy, Value),
    key("oauth-model-mappings", Legacy, Named(&List(OAUTH_ALIAS))),
    key("oauth-endpoint-overrides", Legacy, Named(&Map(OLD_ENDPOINTS))),
    key("auth", Legacy, Map(&[key("providers", Legacy, List(OLD_ACCESS))])),
    later("amp-upstream-url"),
    later("amp-upstream-api-key"),
    later("amp-restrict-management-to-localhost"),
    key("amp-model-mappings", NotBuilt, List(AMP_MAPPING)),
    // accepted and without effect, for good
    key("commercial-mode", Ignored, Value),
    key("disable-claude-cloak-mode", Ignored, Value),
    key("claude-code", Ignored, Free),
    key("claude-header-defaults", Ignored, Free),
    key("codex-header-defaults", Ignored, Free),
    key("gemini-header-defaults", Ignored, Free),
    key("kiro-header-defaults", Ignored, Free),
    key("antigravity-header-defaults", Ignored, Free),
    key("fingerprint-profile", Ignored, Free),
    key("kiro-fingerprint", Ignored, Free),
    key("antigravity", Ignored, Free),
];

const LIMITS: &[Key] = &[
    value("max-body-bytes"),
    value("max-decompressed-bytes"),
    value("max-header-bytes"),
    value("max-concurrent-requests"),
    value("max-connections"),
    value("header-read-timeout"),
    value("idle-timeout"),
    value("tls-handshake-timeout"),
];

const UPSTREAM: &[Key] = &[
    value("connect-timeout"),
    value("first-byte-timeout"),
    value("idle-connections"),
    value("idle-timeout"),
    value("tcp-keepalive"),
    value("http2"),
    value("http2-ping-interval"),
    value("http2-ping-timeout"),
    value("http2-streams-per-connection"),
];

const MANAGEMENT: &[Key] = &[
    value("secret-key"),
    value("allow-remote"),
    value("disable-control-panel"),
    value("disable-auto-update-panel"),
    value("panel-github-repository"),
];

const ROUTING: &[Key] = &[
    value("strategy"),
    value("session-affinity"),
    value("session-affinity-ttl"),
    later("mode"),
    key("fallback-models", NotBuilt, Free),
    key("fallback-chain", NotBuilt, Free),
    later("fallback-max-depth"),
    key("token-threshold-rules", NotBuilt, Free),
];

/// Source: runtime.md A.2, L.5 64: the first two do nothing in the reference either, and are in everybody's file.
const QUOTA_EXCEEDED: &[Key] = &[
    key("switch-project", Ignored, Value),
    key("switch-preview-model", Ignored, Value),
    later("antigravity-credits"),
];

const PAYLOAD: &[Key] = &[
    key("default", Active, List(PAYLOAD_RULE)),
    key("default-raw", Active, List(PAYLOAD_RULE)),
    key("override", Active, List(PAYLOAD_RULE)),
    key("override-raw", Active, List(PAYLOAD_RULE)),
    key("filter", Active, List(PAYLOAD_RULE)),
];

const PAYLOAD_RULE: &[Key] = &[key("models", Active, List(PAYLOAD_MODEL)), key("params", Active, Free)];

const PAYLOAD_MODEL: &[Key] = &[
    value("name"),
    value("protocol"),
    value("from-protocol"),
    key("headers", Active, Free),
    key("match", Active, Free),
    key("not-match", Active, Free),
    value("exist"),
    value("not-exist"),
];

/// What every key list shares, then what single families have. Literal, because a table is for reading.
macro_rules! entry {
    ($($extra:expr),* $(,)?) => {
        &[
            value("api-key"),
            value("priority"),
            value("weight"),
            value("prefix"),
            value("base-url"),
            value("proxy-url"),
            key("headers", Active, Free),
            key("models", Active, List(MODEL)),
            value("excluded-models"),
            value("disable-cooling"),
            value("request-retry"),
            key("request-scoped-errors", Active, List(SCOPED)),
            value("comment"),
            key("billing-class", Ignored, Value),
            key("test-model", Ignored, Value),
            key("cloak", Ignored, Free),
            key("fingerprint-profile", Ignored, Free),
            key("experimental-cch-signing", Ignored, Value),
            key("auth-index", Ignored, Value),
            $($extra),*
        ]
    };
}

const ENTRY: &[Key] = entry![];
const CLAUDE: &[Key] = entry![value("rebuild-mid-system-message")];
const CODEX: &[Key] = entry![later("websockets"), later("alpha-search")];

const COMPAT: &[Key] = &[
    value("name"),
    value("base-url"),
    value("disabled"),
    value("priority"),
    value("prefix"),
    key("headers", Active, Free),
    key("api-key-entries", Active, List(COMPAT_KEY)),
    key("models", Active, List(MODEL)),
    value("excluded-models"),
    value("disable-cooling"),
    value("request-retry"),
    key("request-scoped-errors", Active, List(SCOPED)),
    value("support-prompt-cache-key"),
    key("api-keys", Legacy, Value),
    key("billing-class", Ignored, Value),
    key("comment", Ignored, Value),
    key("test-model", Ignored, Value),
    key("auth-index", Ignored, Value),
];

const COMPAT_KEY: &[Key] = &[
    value("api-key"),
    value("proxy-url"),
    value("weight"),
    value("comment"),
    key("auth-index", Ignored, Value),
];

const KIRO: &[Key] = &[
    value("token-file"),
    value("access-token"),
    value("refresh-token"),
    value("profile-arn"),
    value("region"),
    value("start-url"),
    value("proxy-url"),
    value("agent-task-type"),
    value("preferred-endpoint"),
    value("comment"),
];

const MODEL: &[Key] = &[
    value("name"),
    value("alias"),
    value("display-name"),
    value("max-context-length"),
    value("force-mapping"),
    value("is-compat"),
    later("image"),
    value("input-modalities"),
    value("output-modalities"),
    key("thinking", Active, Map(THINKING)),
];

const THINKING: &[Key] =
    &[value("min"), value("max"), value("zero-allowed"), value("dynamic-allowed"), value("levels")];

const SCOPED: &[Key] = &[value("status"), value("match"), value("match-regexr"), value("action")];

const OAUTH_ALIAS: &[Key] =
    &[value("name"), value("alias"), value("fork"), value("display-name"), value("force-mapping")];

const AMPCODE: &[Key] = &[
    value("upstream-url"),
    value("upstream-api-key"),
    key("upstream-api-keys", Active, List(&[value("upstream-api-key"), value("api-keys")])),
    value("restrict-management-to-localhost"),
    key("model-mappings", Active, List(AMP_MAPPING)),
    value("force-model-mappings"),
];

const AMP_MAPPING: &[Key] = &[value("from"), value("to"), value("regex")];

const PLUGINS: &[Key] = &[
    value("enabled"),
    value("dir"),
    key("store-sources", Active, Free),
    key("store-auth", Active, Free),
    key("auth-revision", Active, Free),
    key("configs", Active, Free),
];

const CODEX_EXTRAS: &[Key] = &[
    value("stream-bootstrap-buffering"),
    value("optimize-multi-agent-v2"),
    key("live-media-relay", Active, Map(RELAY)),
];

const RELAY: &[Key] = &[
    value("enabled"),
    value("max-sessions"),
    value("disable-private-remote-ips"),
    value("allow-private-remote-ips"),
    value("public-ip"),
    value("udp-port-min"),
    value("udp-port-max"),
    key("ice-servers", Active, Free),
];

const BLACKLIST: &[Key] = &[value("failure-threshold"), value("failure-window"), value("block-duration")];

const OLD_ENDPOINTS: &[Key] = &[
    value("api-base-url"),
    value("authorize-url"),
    value("token-url"),
    value("refresh-url"),
    value("userinfo-url"),
    value("device-authorize-url"),
];

const OLD_ACCESS: &[Key] = &[value("name"), value("type"), value("api-keys"), key("config", Ignored, Free)];
