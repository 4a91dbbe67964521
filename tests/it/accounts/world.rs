//! All logins at once: one upstream, a token endpoint each, one auth directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use cliproxy_testkit::{
    FakeServiceAccount, FakeTokenEndpoint, FakeUpstream, Received, Reply, chat, claude, gemini,
    json as reply, kiro, responses, status,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, said};
use crate::matrix::hello;
use crate::server::Server;

/// A provider's login.
pub struct Login {
    pub name: &'static str,
    pub model: &'static str,
    /// Whether it has a refresh token that works once; else its short-lived tokens stay in memory.
    pub rotates: bool,
    /// Members of its file beside `type`, `prefix` and `note`; `$access`, `$refresh` and `$expired` are filled in.
    file: fn() -> Value,
    /// `endpoints.<name>`, in which `$api` and `$token` are filled in.
    endpoints: &'static str,
    answer: fn(&Received) -> Reply,
}

/// A file's tokens where most have them.
fn plain(more: &Value) -> Value {
    let mut file = json!({"access_token": "$access", "refresh_token": "$refresh", "expired": "$expired"});
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

pub const ALL: [Login; 10] = [
    Login {
        name: "claude",
        model: "claude-haiku-4-5-20251001",
        rotates: true,
        file: || plain(&json!({"email": "me@example.com"})),
        endpoints: "{api: '$api', token: '$token'}",
        answer: chat_or_claude,
    },
    Login {
        name: "codex",
        model: "gpt-5.4",
        rotates: true,
        file: || plain(&json!({"email": "me@example.com", "account_id": "acc"})),
        endpoints: "{backend: '$api', token: '$token'}",
        answer: |_| responses::Response::new().text("served").usage(12, 7).stream(),
    },
    Login {
        name: "gemini-cli",
        model: "gemini-2.5-flash",
        rotates: true,
        file: || {
            json!({"type": "gemini", "email": "me@example.com", "project_id": "p-1", "token": {
                "access_token": "$access", "refresh_token": "$refresh", "expiry": "$expired", "scopes": ["s"]}})
        },
        endpoints: "{api: '$api', onboarding: '$api', token: '$token'}",
        answer: in_envelope,
    },
    Login {
        name: "antigravity",
        model: "gemini-3-flash",
        rotates: true,
        file: || plain(&json!({"email": "me@example.com", "project_id": "p-1"})),
        endpoints: "{api: '$api', onboarding: '$api', token: '$token'}",
        answer: in_envelope,
    },
    Login {
        name: "github-copilot",
        model: "gpt-4.1",
        rotates: false,
        file: || json!({"access_token": "github", "username": "me"}),
        endpoints: "{api: '$api', copilot-token: '$api/exchange'}",
        answer: chat_or_claude,
    },
    Login {
        name: "qwen",
        model: "qwen3-coder-plus",
        rotates: true,
        file: || plain(&json!({"email": "me"})),
        endpoints: "{api: '$api', token: '$token'}",
        answer: chat_or_claude,
    },
    Login {
        name: "iflow",
        model: "kimi-k2-0905",
        rotates: true,
        file: || plain(&json!({"email": "me", "api_key": "key-of-$access"})),
        endpoints: "{api: '$api', token: '$token', userinfo: '$api/userinfo'}",
        answer: chat_or_claude,
    },
    Login {
        name: "kimi",
        model: "kimi-k2",
        rotates: true,
        file: || plain(&json!({"device_id": "d"})),
        endpoints: "{api: '$api', token: '$token'}",
        answer: chat_or_claude,
    },
    Login {
        name: "kiro",
        model: "kiro-claude-sonnet-4-5",
        rotates: true,
        file: || {
            json!({"access_token": "$access", "refresh_token": "$refresh", "expires_at": "$expired", "email": "me@example.com",
                "auth_method": "social", "profile_arn": "arn:aws:codewhisperer:us-east-1:1:profile/X"})
        },
        endpoints: "{amazonq: '$api', codewhisperer: '$api', social: '$token'}",
        answer: |_| kiro::Answer::new().text("served").usage(12, 0, 7).stream(),
    },
    Login {
        name: "vertex",
        model: "gemini-2.5-flash",
        rotates: false,
        file: || json!({"project_id": "proj-1", "location": "us-central1", "email": "svc@proj-1.example"}),
        endpoints: "{regional: '$api'}",
        answer: |request| {
            let made = gemini::Generation::new().text("served").usage(12, 7);
            if request.path.contains(":stream") { made.stream() } else { made.whole() }
        },
    },
];

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

impl Login {
    pub fn file_name(&self) -> String {
        format!("{}-me.json", self.name)
    }

    /// Its file, with these tokens.
    fn document(&self, access: &str, expired: &str) -> Value {
        let text = (self.file)().to_string();
        let text =
            text.replace("$access", access).replace("$refresh", "refresh-0").replace("$expired", expired);
        let mut file: Value = serde_json::from_str(&text).unwrap();
        let members = file.as_object_mut().unwrap();
        members.entry("type").or_insert_with(|| json!(self.name));
        members.insert("prefix".to_owned(), json!(self.name));
        members.insert("note".to_owned(), json!({"mine": ["kept", 1]}));
        file
    }

    /// A token in a file.
    pub fn token_in<'f>(&self, file: &'f Value, name: &str) -> &'f str {
        let place = if self.name == "gemini-cli" { &file["token"] } else { file };
        place[name].as_str().unwrap_or_else(|| panic!("{}: no {name}: {file}", self.name))
    }

    /// The name that clients use: models of several providers have one.
    pub fn public_model(&self) -> String {
        format!("{}/{}", self.name, self.model)
    }
}

/// What the upstream thinks of one provider's tokens.
#[derive(Debug, Default)]
pub struct Terms {
    /// Tokens with a lower number are refused.
    pub floor: AtomicU32,
    /// The account is out of quota.
    pub spent: AtomicBool,
    /// For how many seconds, as it says; a second when nothing is set.
    pub rest: AtomicU32,
    /// Calls of a model that were refused for it.
    pub refused: AtomicU32,
    /// Tokens that were exchanged for what is in the file.
    exchanged: AtomicU32,
}

pub struct World {
    /// The auth directory.
    folder: TempDir,
    pub api: FakeUpstream,
    pub tokens: BTreeMap<&'static str, FakeTokenEndpoint>,
    pub service_accounts: FakeServiceAccount,
    pub terms: Arc<BTreeMap<&'static str, Terms>>,
}

/// Far longer than every provider's lead.
pub const LONG: u64 = 30 * 86_400;

pub const FUTURE: &str = "2099-01-01T00:00:00Z";
pub const PAST: &str = "2020-01-01T00:00:00Z";

impl World {
    /// Every login, with tokens that end at this time; the upstream refuses those of the files.
    pub async fn new(expired: &str) -> Self {
        let api = FakeUpstream::start().await;
        let terms: Arc<BTreeMap<&'static str, Terms>> =
            Arc::new(ALL.iter().map(|login| (login.name, Terms::default())).collect());
        let known = Arc::clone(&terms);
        api.answer_with(move |request| guarded(&known, request));
        let mut tokens = BTreeMap::new();
        for login in ALL.iter().filter(|login| login.rotates) {
            let endpoint = FakeTokenEndpoint::start(["refresh-0"]).await;
            endpoint.set_lifetime(LONG);
            tokens.insert(login.name, endpoint);
        }
        let service_accounts = FakeServiceAccount::start().await;
        let world = Self { folder: TempDir::new().unwrap(), api, tokens, service_accounts, terms };
        for login in &ALL {
            let mut file = login.document("access-0", expired);
            if login.name == "vertex" {
                file["service_account"] = world.service_accounts.key_file();
            }
            std::fs::write(world.path(login), file.to_string()).unwrap();
        }
        world.refuse_below(1);
        world
    }

    pub fn path(&self, login: &Login) -> PathBuf {
        self.folder.path().join(login.file_name())
    }

    pub fn stored(&self, login: &Login) -> Value {
        let text = std::fs::read_to_string(self.path(login)).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is torn ({error}): {text}", login.name))
    }

    /// The upstream takes no token with a lower number.
    pub fn refuse_below(&self, floor: u32) {
        for terms in self.terms.values() {
            terms.floor.store(floor, Ordering::SeqCst);
        }
    }

    pub fn yaml(&self) -> String {
        let mut yaml = "oauth-clients: {antigravity: {client-secret: CANARY-secret}, iflow: {client-secret: CANARY-secret}}\n\
                        endpoints:\n"
            .to_owned();
        for login in &ALL {
            let api = format!("{}/{}", self.api.url(), login.name);
            let token = self.tokens.get(login.name).map(FakeTokenEndpoint::url).unwrap_or_default();
            let endpoints = login.endpoints.replace("$api", &api).replace("$token", &token);
            yaml.push_str(&format!("  {}: {endpoints}\n", login.name));
        }
        yaml
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One more process on the directory.
    pub async fn server(&self, more: &str) -> Server {
        Server::sharing(self.folder(), &format!("{}{more}", self.yaml())).await
    }
}

/// Lets nobody in but with a token that is new enough.
fn guarded(all: &BTreeMap<&'static str, Terms>, request: &Received) -> Reply {
    let (name, path) = request.path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let Some((login, terms)) = ALL.iter().find(|login| login.name == name).zip(all.get(name)) else {
        return status(599).json(&json!({"nobody": request.path}));
    };
    // Lists of models, and what else is asked beside.
    match path {
        "exchange" => {
            let number = terms.exchanged.fetch_add(1, Ordering::SeqCst) + 1;
            return reply(&json!({"token": format!("access-{number}"), "expires_at": 4_102_444_800_i64}));
        }
        "userinfo" => {
            let token = request.query.strip_prefix("accessToken=").unwrap_or_default();
            return reply(&json!({"success": true, "data": {"apiKey": format!("key-of-{token}")}}));
        }
        "models" => return reply(&json!({"data": [{"id": "gpt-4.1"}]})),
        "ListAvailableModels" => return reply(&json!({"models": [{"modelId": "claude-sonnet-4.5"}]})),
        _ if path.ends_with(":fetchAvailableModels") => {
            return reply(&json!({"models": {"gemini-3-flash": {}}}));
        }
        _ if path.ends_with(":loadCodeAssist") => return reply(&json!({"cloudaicompanionProject": "p-1"})),
        _ => {}
    }
    let number = request.key.rsplit_once("access-").and_then(|(_, number)| number.parse::<u32>().ok());
    if number.is_none_or(|number| number < terms.floor.load(Ordering::SeqCst)) {
        return status(401)
            .json(&json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "expired"}}));
    }
    if terms.spent.load(Ordering::SeqCst) {
        let said = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "too fast"}});
        terms.refused.fetch_add(1, Ordering::SeqCst);
        let rest = terms.rest.load(Ordering::SeqCst).max(1).to_string();
        return status(429).header("retry-after", &rest).json(&said);
    }
    (login.answer)(request)
}

/// Asks for one word, and waits while the list of models that has it is still on its way.
pub async fn ask(
    server: &Server,
    login: &Login,
    client: &dyn Client,
    stream: bool,
) -> cliproxy_testkit::TestReply {
    let (model, feature) = (login.public_model(), hello());
    loop {
        let body = client.body(&model, &feature.ask, stream);
        let reply = server.client().post(&client.path(&model, stream), &body).await;
        if reply.status() != 404 {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As [`ask`], and it is served.
pub async fn served(server: &Server, login: &Login, client: &dyn Client, stream: bool) {
    let reply = ask(server, login, client, stream).await;
    if reply.status() != 200 {
        panic!(
            "{} {} {stream}: {}: {}\n{}",
            login.name,
            client.name(),
            reply.status(),
            reply.text().await,
            server.log()
        );
    }
    assert_eq!(said(client, stream, reply).await.text, "served", "{} {} {stream}", login.name, client.name());
}
