//! The public OAuth clients that vendors ship in their own tools, and where those log in.
//!
//! Login flows and renewals must name the same client, and know nothing of each other: so the table is here, below
//! both. Every entry is replaceable: URLs under `endpoints.<provider>`, clients under `oauth-clients.<provider>`.

use cliproxy_core::Endpoint;

/// An OAuth client and its endpoints.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KnownClient {
    /// The client id.
    pub id: &'static str,
    /// The client secret, only where the vendor itself publishes it (Source: design.md §7).
    pub secret: Option<&'static str>,
    /// Where tokens are given and renewed.
    pub token: Endpoint,
}

const fn public(id: &'static str, token: &'static str) -> KnownClient {
    KnownClient { id, secret: None, token: Endpoint::new("token", token) }
}

/// Claude. Source: providers-a.md 2.1.
pub const CLAUDE: KnownClient =
    public("9d1c250a-e61b-44d9-88ed-5944d1962f5e", "https://platform.claude.com/v1/oauth/token");

/// Codex. Source: providers-a.md 3.1.
pub const CODEX: KnownClient = public("app_EMoamEEZ73f0CkXaXp7hrann", "https://auth.openai.com/oauth/token");

/// Qwen. Source: providers-b.md 3.1, 3.2.
pub const QWEN: KnownClient =
    public("f0304373b74a44d2b584a3fb70ca9e56", "https://chat.qwen.ai/api/v1/oauth2/token");

/// Kimi. Source: providers-b.md 5.1, 5.2.
pub const KIMI: KnownClient =
    public("17e5f671-d194-4dfb-9706-5516cb48c098", "https://auth.kimi.com/api/oauth/token");

/// iFlow; its secret is not published. Source: providers-b.md 4.1, 4.3.
pub const IFLOW: KnownClient = public("10009311001", "https://iflow.cn/oauth/token");

/// GitHub Copilot. Source: providers-b.md 2.1, 2.2.
pub const GITHUB_COPILOT: KnownClient =
    public("Iv1.b507a08c87ecfe98", "https://github.com/login/oauth/access_token");

/// Gemini CLI, an installed application: Google publishes id and secret in its own repository and says there that this
/// is no secret. Source: providers-a.md 5.1; google-gemini/gemini-cli `packages/core/src/code_assist/oauth2.ts`.
pub const GEMINI_CLI: KnownClient = KnownClient {
    secret: Some("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"),
    ..public(
        "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
        "https://oauth2.googleapis.com/token",
    )
};

/// Where service accounts of Google get their tokens, when their key file does not say. Source: providers-a.md 6.3.
pub const GOOGLE_TOKEN: Endpoint = Endpoint::new("token", "https://oauth2.googleapis.com/token");

/// Antigravity; its secret is not published. Source: providers-a.md 7.1.
pub const ANTIGRAVITY: KnownClient = public(
    "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
    "https://oauth2.googleapis.com/token",
);

/// The headers with which Kimi wants every call of a device described. Ours say who we are.
// Source: providers-b.md 5.1 "Both carry", 5.5 "[H] names itself honestly and works".
#[must_use]
pub fn kimi_headers(device_id: &str) -> [(&'static str, String); 5] {
    let system = match std::env::consts::OS {
        "macos" => "macOS",
        "windows" => "Windows",
        "linux" => "Linux",
        other => other,
    };
    [
        ("x-msh-platform", "cliproxy".to_owned()),
        ("x-msh-version", env!("CARGO_PKG_VERSION").to_owned()),
        ("x-msh-device-name", "cliproxy".to_owned()),
        ("x-msh-device-model", format!("{system} {}", std::env::consts::ARCH)),
        ("x-msh-device-id", device_id.to_owned()),
    ]
}

/// Where a GitHub token is exchanged for one of Copilot. Source: providers-b.md 2.5.1.
pub const COPILOT_TOKEN: Endpoint =
    Endpoint::new("copilot-token", "https://api.github.com/copilot_internal/v2/token");

/// The domain of an organisation whose GitHub is its own (data residency), however it was written: `example.ghe.com`.
/// `None` when it is no name of a host. Source: providers-b.md 2.1 \[H\].
#[must_use]
pub fn enterprise_domain(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    let fine = |label: &str| {
        let of_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(of_host)
    };
    (text.contains('.') && text.split('.').all(fine)).then_some(text)
}

/// What Copilot's API requires to be told of an editor; it decides on the set of models. Settable per credential
/// (`headers`). Source: providers-b.md 2.5.3, the rows marked as required.
pub const COPILOT_HEADERS: [(&str, &str); 3] = [
    ("editor-version", "vscode/1.107.0"),
    ("editor-plugin-version", "copilot-chat/0.35.0"),
    ("copilot-integration-id", "vscode-chat"),
];

/// Who an iFlow account is, and its key for model calls. Source: providers-b.md 4.1 "User info".
pub const IFLOW_USER: Endpoint = Endpoint::new("userinfo", "https://iflow.cn/api/oauth/getUserInfo");

/// The key of an iFlow account that shows itself by a cookie. Source: providers-b.md 4.2.
pub const IFLOW_KEY: Endpoint = Endpoint::new("api-key", "https://platform.iflow.cn/api/openapi/apikey");

/// AWS's OIDC, for logins of Kiro over Builder ID and IAM Identity Center: each login registers a client of its own.
/// `{region}` is the login's. Source: providers-b.md 1.1.2.
pub const KIRO_OIDC: Endpoint = Endpoint::new("oidc", "https://oidc.{region}.amazonaws.com");

/// Kiro's own service, for logins over Google and GitHub. Source: providers-b.md 1.1.5.
pub const KIRO_SOCIAL: Endpoint = Endpoint::new("social", "https://prod.us-east-1.auth.desktop.kiro.dev");

/// Amazon Q, where Kiro's accounts are served and asked about. `{region}` is the account's. Source: providers-b.md 1.5.1.
pub const KIRO_AMAZONQ: Endpoint = Endpoint::new("amazonq", "https://q.{region}.amazonaws.com");

/// The public client under which Kiro's own service hands out device codes. Source: providers-b.md 1.2.
pub const KIRO_DEVICE_CLIENT: &str = "kiro-cli";
