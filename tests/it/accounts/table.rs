//! The table of logins: what each provider's file, endpoints and replies are, and how it keeps being let in.

use cliproxy_testkit::{Received, Reply, chat, claude, gemini, kiro, responses};
use serde_json::{Value, json};

/// How a login keeps being let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// By a refresh token that works once; the token endpoint speaks as most do.
    Rotates,
    /// The same, in AWS's camelCase.
    RotatesInCamelCase,
    /// By a key that is asked for as often as one likes; it is written down.
    Asks,
    /// By a short-lived token, which stays in memory.
    InMemory,
}

/// A way to log in with a provider.
pub struct Login {
    pub name: &'static str,
    pub provider: &'static str,
    pub model: &'static str,
    pub renewal: Renewal,
    /// How many seconds before its end a token in the file is renewed; nothing for those in memory.
    // Source: providers-a.md 1.4, 7.3; providers-b.md 0.2, 3.4, 4.5, 5.4; runtime.md D.13.
    pub lead: u64,
    /// Members of its file beside `type`, `prefix` and `note`. Filled in: `$account`, `$access`, `$refresh`, `$expired`,
    /// `$api`, `$token`.
    file: fn() -> Value,
    /// `endpoints.<provider>`, in which `$api` and `$token` are filled in.
    pub endpoints: &'static [(&'static str, &'static str)],
    pub answer: fn(&Received) -> Reply,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// A file's tokens where most have them.
fn plain(more: &Value) -> Value {
    let mut file = json!({"access_token": "$access", "refresh_token": "$refresh", "expired": "$expired"});
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

/// A login of Kiro with AWS, whose client was registered for it.
fn aws(more: &Value) -> Value {
    let mut file = json!({"access_token": "$access", "refresh_token": "$refresh", "expires_at": "$expired",
        "email": "$account@example.com", "provider": "AWS", "client_id": "cid", "client_secret": "CANARY-registered",
        "base_url": "$api"});
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

pub const ALL: [Login; 13] = [
    Login {
        name: "claude",
        provider: "claude",
        model: "claude-haiku-4-5-20251001",
        renewal: Renewal::Rotates,
        lead: 4 * HOUR,
        file: || plain(&json!({"email": "$account@example.com"})),
        endpoints: &[("api", "$api"), ("token", "$token")],
        answer: chat_or_claude,
    },
    Login {
        name: "codex",
        provider: "codex",
        model: "gpt-5.4",
        renewal: Renewal::Rotates,
        lead: 5 * 24 * HOUR,
        file: || plain(&json!({"email": "$account@example.com", "account_id": "acc-$account"})),
        endpoints: &[("backend", "$api"), ("token", "$token")],
        answer: |_| responses::Response::new().text("served").usage(12, 7).stream(),
    },
    Login {
        name: "gemini-cli",
        provider: "gemini-cli",
        model: "gemini-2.5-flash",
        renewal: Renewal::Rotates,
        lead: 5 * MINUTE,
        file: || {
            json!({"type": "gemini", "email": "$account@example.com", "project_id": "p-1", "token": {
                "access_token": "$access", "refresh_token": "$refresh", "expiry": "$expired", "scopes": ["s"]}})
        },
        endpoints: &[("api", "$api"), ("token", "$token")],
        answer: in_envelope,
    },
    Login {
        name: "antigravity",
        provider: "antigravity",
        model: "gemini-3-flash",
        renewal: Renewal::Rotates,
        lead: 5 * MINUTE,
        file: || plain(&json!({"email": "$account@example.com", "project_id": "p-1"})),
        endpoints: &[("api", "$api"), ("onboarding", "$api"), ("token", "$token")],
        answer: in_envelope,
    },
    Login {
        name: "github-copilot",
        provider: "github-copilot",
        model: "gpt-4.1",
        renewal: Renewal::InMemory,
        lead: 0,
        file: || json!({"access_token": "github-$account", "username": "$account"}),
        endpoints: &[("api", "$api"), ("copilot-token", "$api/exchange")],
        answer: chat_or_claude,
    },
    Login {
        name: "qwen",
        provider: "qwen",
        model: "qwen3-coder-plus",
        renewal: Renewal::Rotates,
        lead: 3 * HOUR,
        file: || plain(&json!({"email": "$account"})),
        endpoints: &[("api", "$api"), ("token", "$token")],
        answer: chat_or_claude,
    },
    Login {
        name: "iflow",
        provider: "iflow",
        model: "kimi-k2-0905",
        renewal: Renewal::Rotates,
        lead: 24 * HOUR,
        file: || plain(&json!({"email": "$account", "api_key": "key-of-$access"})),
        endpoints: &[("api", "$api"), ("token", "$token"), ("userinfo", "$api/userinfo")],
        answer: chat_or_claude,
    },
    Login {
        name: "iflow-cookie",
        provider: "iflow",
        model: "kimi-k2-0905",
        renewal: Renewal::Asks,
        lead: 24 * HOUR,
        file: || {
            json!({"email": "$account", "cookie": "BXAuth=CANARY-$account;", "api_key": "key-of-$access",
                "expired": "$expired", "base_url": "$api"})
        },
        endpoints: &[("api-key", "$api/key")],
        answer: chat_or_claude,
    },
    Login {
        name: "kimi",
        provider: "kimi",
        model: "kimi-k2",
        renewal: Renewal::Rotates,
        lead: 5 * MINUTE,
        file: || plain(&json!({"device_id": "d"})),
        endpoints: &[("api", "$api"), ("token", "$token")],
        answer: chat_or_claude,
    },
    Login {
        name: "kiro",
        provider: "kiro",
        model: "kiro-claude-sonnet-4-5",
        renewal: Renewal::RotatesInCamelCase,
        lead: 20 * MINUTE,
        file: || {
            json!({"access_token": "$access", "refresh_token": "$refresh", "expires_at": "$expired",
                "email": "$account@example.com", "auth_method": "social",
                "profile_arn": "arn:aws:codewhisperer:us-east-1:1:profile/X"})
        },
        endpoints: &[("amazonq", "$api"), ("codewhisperer", "$api"), ("social", "$token")],
        answer: as_kiro,
    },
    Login {
        name: "kiro-builder-id",
        provider: "kiro",
        model: "kiro-claude-sonnet-4-5",
        renewal: Renewal::RotatesInCamelCase,
        lead: 20 * MINUTE,
        file: || aws(&json!({"auth_method": "builder-id"})),
        endpoints: &[("oidc", "$token/{region}")],
        answer: as_kiro,
    },
    Login {
        name: "kiro-idc",
        provider: "kiro",
        model: "kiro-claude-sonnet-4-5",
        renewal: Renewal::RotatesInCamelCase,
        lead: 20 * MINUTE,
        file: || {
            aws(
                &json!({"auth_method": "idc", "region": "eu-north-1", "start_url": "https://d-1.awsapps.com/start",
                "profile_arn": "arn:aws:codewhisperer:eu-central-1:1:profile/X", "token_url": "$token"}),
            )
        },
        endpoints: &[],
        answer: as_kiro,
    },
    Login {
        name: "vertex",
        provider: "vertex",
        model: "gemini-2.5-flash",
        renewal: Renewal::InMemory,
        lead: 0,
        file: || json!({"project_id": "proj-1", "location": "us-central1", "email": "$account@proj-1.example"}),
        endpoints: &[("regional", "$api")],
        answer: |request| {
            let made = gemini::Generation::new().text("served").usage(12, 7);
            if request.path.contains(":stream") { made.stream() } else { made.whole() }
        },
    },
];

/// What is filled into a file.
pub struct Filling<'f> {
    pub account: &'f str,
    pub access: &'f str,
    pub expired: &'f str,
    pub api: &'f str,
    pub token: &'f str,
}

impl Login {
    /// Whether it has a refresh token that works once.
    pub fn rotates(&self) -> bool {
        matches!(self.renewal, Renewal::Rotates | Renewal::RotatesInCamelCase)
    }

    /// Whether its file changes with every renewal.
    pub fn writes(&self) -> bool {
        self.renewal != Renewal::InMemory
    }

    pub fn file_name(&self) -> String {
        self.file_of("me")
    }

    pub fn file_of(&self, account: &str) -> String {
        format!("{}-{account}.json", self.name)
    }

    /// Its file.
    pub fn document(&self, filling: &Filling<'_>) -> Value {
        // Two accounts never share a refresh token: of two files that do, one would be left out.
        let own = self.refresh_token(0);
        let refresh = if filling.account == "me" { own } else { format!("others-{own}") };
        let text = [
            ("$account", filling.account),
            ("$access", filling.access),
            ("$refresh", &*refresh),
            ("$expired", filling.expired),
            ("$api", filling.api),
            ("$token", filling.token),
        ]
        .iter()
        .fold((self.file)().to_string(), |text, (name, value)| text.replace(name, value));
        let mut file: Value = serde_json::from_str(&text).unwrap();
        let members = file.as_object_mut().unwrap();
        members.entry("type").or_insert_with(|| json!(self.provider));
        members.insert("prefix".to_owned(), json!(self.name));
        members.insert("note".to_owned(), json!({"mine": ["kept", 1]}));
        file
    }

    /// What its refresh tokens begin with: no two services issue the same.
    pub fn refresh_prefix(&self) -> String {
        format!("{}-", self.name)
    }

    /// Its refresh token after so many renewals.
    pub fn refresh_token(&self, renewals: u32) -> String {
        format!("{}refresh-{renewals}", self.refresh_prefix())
    }

    /// A token in a file.
    pub fn token_in<'f>(&self, file: &'f Value, name: &str) -> &'f str {
        let place = if self.name == "gemini-cli" { &file["token"] } else { file };
        place[name].as_str().unwrap_or_else(|| panic!("{}: no {name}: {file}", self.name))
    }

    /// The number of the token that a file has for calls: 0 before the first renewal.
    pub fn generation(&self, file: &Value) -> u32 {
        let name = if self.renewal == Renewal::Asks { "api_key" } else { "access_token" };
        let token = self.token_in(file, name);
        number_of(token).unwrap_or_else(|| panic!("{}: no number: {token}", self.name))
    }

    /// The name that clients use: models of several providers have one.
    pub fn public_model(&self) -> String {
        format!("{}/{}", self.name, self.model)
    }
}

/// The number of a token.
pub fn number_of(token: &str) -> Option<u32> {
    token.rsplit_once("access-")?.1.parse().ok()
}

fn streams(request: &Received) -> bool {
    request.body.windows(13).any(|part| part == b"\"stream\":true")
}

fn chat_or_claude(request: &Received) -> Reply {
    let message = claude::Message::new().text("served").usage(12, 7);
    let completion = chat::Completion::new().text("served").usage(12, 7);
    match (request.path.ends_with("/messages"), streams(request)) {
        (true, true) => message.stream(),
        (true, false) => message.whole(),
        (false, true) => completion.stream(),
        (false, false) => completion.whole(),
    }
}

fn in_envelope(request: &Received) -> Reply {
    let made = gemini::Generation::new().text("served").usage(12, 7);
    if request.path.contains(":stream") { made.stream_in_envelope() } else { made.whole_in_envelope() }
}

fn as_kiro(_: &Received) -> Reply {
    kiro::Answer::new().text("served").usage(12, 0, 7).stream()
}
