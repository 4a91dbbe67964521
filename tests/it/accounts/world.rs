//! All logins at once: one upstream, a token endpoint each, one auth directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use cliproxy_core::Timestamp;
use cliproxy_testkit::{
    FakeServiceAccount, FakeTokenEndpoint, FakeUpstream, Received, Reply, json as reply, status,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::table::{ALL, Filling, Login, Renewal, number_of};
use crate::client::{Client, said};
use crate::matrix::hello;
use crate::server::Server;

/// Whose call it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Mine,
    /// That of a second account ([`World::add_other`]).
    Other,
}

impl Whose {
    fn of(key: &str) -> Self {
        if key.contains("other") { Self::Other } else { Self::Mine }
    }
}

/// A call of a model with a token that was let in.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub whose: Whose,
    pub at: Instant,
    /// Whether it was refused for the account's quota.
    pub refused: bool,
}

/// What the upstream thinks of one provider's tokens.
#[derive(Debug)]
pub struct Terms {
    /// Tokens with a lower number are refused.
    pub floor: AtomicU32,
    /// How many calls were refused for their token.
    pub strangers: AtomicU32,
    /// Tokens and keys that were exchanged for what is in the file.
    pub exchanged: AtomicU32,
    /// For how many seconds keys are good that are asked for.
    lifetime: AtomicU64,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    /// What my account is told while it is out of quota, and what the other is.
    mine: Option<Reply>,
    other: Option<Reply>,
    asked: Vec<Asked>,
    /// What those are told who ask for a key.
    key_trouble: Option<Reply>,
}

impl Terms {
    fn new() -> Self {
        Self {
            floor: AtomicU32::new(0),
            strangers: AtomicU32::new(0),
            exchanged: AtomicU32::new(0),
            lifetime: AtomicU64::new(LONG),
            accounts: Mutex::default(),
        }
    }

    /// An account is out of quota, and this is how the provider says it; or it is not any more.
    pub fn refuse(&self, whose: Whose, reply: Option<Reply>) {
        let mut accounts = self.accounts.lock();
        match whose {
            Whose::Mine => accounts.mine = reply,
            Whose::Other => accounts.other = reply,
        }
    }

    /// The calls so far, of one account.
    pub fn asked(&self, whose: Whose) -> Vec<Asked> {
        self.accounts.lock().asked.iter().filter(|asked| asked.whose == whose).copied().collect()
    }

    /// How often an account was refused for its quota.
    pub fn refused(&self, whose: Whose) -> usize {
        self.asked(whose).iter().filter(|asked| asked.refused).count()
    }

    /// Whoever asks for a key is told this.
    pub fn trouble_keys(&self, reply: Reply) {
        self.accounts.lock().key_trouble = Some(reply);
    }

    /// A key for a cookie. Source: providers-b.md 4.2, 4.5.
    fn key(&self, request: &Received) -> Reply {
        if let Some(trouble) = self.accounts.lock().key_trouble.clone() {
            return trouble;
        }
        if !request.header("cookie").is_some_and(|cookie| cookie.starts_with("BXAuth=")) {
            return reply(&json!({"success": false, "message": "no cookie"}));
        }
        let number = self.exchanged.fetch_add(1, Ordering::SeqCst) + 1;
        // Its times have no seconds.
        let until = from_now(self.lifetime.load(Ordering::SeqCst)).replace('T', " ");
        let until = until.get(..16).unwrap();
        reply(
            &json!({"success": true, "data": {"apiKey": format!("key-of-access-{number}"), "expireTime": until}}),
        )
    }

    /// Lets nobody in but with a token that is new enough, and whose account has something left.
    fn guard(&self, login: &Login, request: &Received) -> Reply {
        let floor = self.floor.load(Ordering::SeqCst);
        if number_of(&request.key).is_none_or(|number| number < floor) {
            self.strangers.fetch_add(1, Ordering::SeqCst);
            return status(401)
                .json(&json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "expired"}}));
        }
        let whose = Whose::of(&request.key);
        let mut accounts = self.accounts.lock();
        let refusal = match whose {
            Whose::Mine => accounts.mine.clone(),
            Whose::Other => accounts.other.clone(),
        };
        accounts.asked.push(Asked { whose, at: Instant::now(), refused: refusal.is_some() });
        refusal.unwrap_or_else(|| (login.answer)(request))
    }
}

pub struct World {
    /// The auth directory.
    folder: TempDir,
    pub api: FakeUpstream,
    pub tokens: BTreeMap<&'static str, FakeTokenEndpoint>,
    pub service_accounts: FakeServiceAccount,
    /// That of the other account.
    other_service_account: FakeServiceAccount,
    pub terms: Arc<BTreeMap<&'static str, Terms>>,
}

/// Far longer than every provider's lead.
pub const LONG: u64 = 30 * 86_400;

pub const FUTURE: &str = "2099-01-01T00:00:00Z";
pub const PAST: &str = "2020-01-01T00:00:00Z";

/// This many seconds from now, as files tell it.
pub fn from_now(seconds: u64) -> String {
    now().plus(Duration::from_secs(seconds)).to_rfc3339()
}

pub fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

impl World {
    /// Every login, with tokens that end at this time; the upstream refuses those of the files.
    pub async fn new(expired: &str) -> Self {
        Self::ending(|_| expired.to_owned()).await
    }

    /// As [`Self::new`], each with its own end.
    pub async fn ending(expired: impl Fn(&Login) -> String) -> Self {
        let api = FakeUpstream::start().await;
        let terms: Arc<BTreeMap<&'static str, Terms>> =
            Arc::new(ALL.iter().map(|login| (login.name, Terms::new())).collect());
        let known = Arc::clone(&terms);
        api.answer_with(move |request| answered(&known, request));
        let mut tokens = BTreeMap::new();
        for login in ALL.iter().filter(|login| login.rotates()) {
            let endpoint = FakeTokenEndpoint::start([&*login.refresh_token(0)]).await;
            endpoint.set_prefix(login.refresh_prefix());
            if login.renewal == Renewal::RotatesInCamelCase {
                endpoint.set_camel_case();
            }
            tokens.insert(login.name, endpoint);
        }
        let (service_accounts, other_service_account) =
            (FakeServiceAccount::start().await, FakeServiceAccount::start().await);
        other_service_account.set_token("other-access-1");
        let folder = TempDir::new().unwrap();
        let world = Self { folder, api, tokens, service_accounts, other_service_account, terms };
        world.set_lifetime(LONG);
        for login in &ALL {
            let mut file = world.document(login, "me", "access-0", &expired(login));
            if login.name == "vertex" {
                file["service_account"] = world.service_accounts.key_file();
            }
            std::fs::write(world.path(login), file.to_string()).unwrap();
        }
        world.refuse_below(1);
        world
    }

    /// A second account, whose tokens end at this time, with more members in its file.
    pub fn add_other(&self, login: &Login, expired: &str, more: &Value) {
        let mut file = self.document(login, "other", "other-access-0", expired);
        if login.name == "vertex" {
            file["service_account"] = self.other_service_account.key_file();
        }
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        std::fs::write(self.folder.path().join(login.file_of("other")), file.to_string()).unwrap();
    }

    fn document(&self, login: &Login, account: &str, access: &str, expired: &str) -> Value {
        let (api, token) = self.places(login);
        login.document(&Filling { account, access, expired, api: &api, token: &token })
    }

    /// Where a login's API and its token endpoint are.
    fn places(&self, login: &Login) -> (String, String) {
        let token = self.tokens.get(login.name).map(FakeTokenEndpoint::url).unwrap_or_default();
        (format!("{}/{}", self.api.url(), login.name), token)
    }

    pub fn path(&self, login: &Login) -> PathBuf {
        self.folder.path().join(login.file_name())
    }

    pub fn stored(&self, login: &Login) -> Value {
        self.stored_of(login, "me")
    }

    pub fn stored_of(&self, login: &Login, account: &str) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join(login.file_of(account))).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is torn ({error}): {text}", login.name))
    }

    /// The upstream takes no token with a lower number.
    pub fn refuse_below(&self, floor: u32) {
        for terms in self.terms.values() {
            terms.floor.store(floor, Ordering::SeqCst);
        }
    }

    /// How long what a renewal brings is good.
    pub fn set_lifetime(&self, seconds: u64) {
        for tokens in self.tokens.values() {
            tokens.set_lifetime(seconds);
        }
        for terms in self.terms.values() {
            terms.lifetime.store(seconds, Ordering::SeqCst);
        }
    }

    /// How often a login whose file changes was renewed.
    pub fn renewals(&self, login: &Login) -> usize {
        match self.tokens.get(login.name) {
            Some(tokens) => tokens.redemptions().len(),
            None => usize::try_from(self.terms[login.name].exchanged.load(Ordering::SeqCst)).unwrap(),
        }
    }

    pub fn yaml(&self) -> String {
        let mut providers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for login in &ALL {
            let (api, token) = self.places(login);
            let rows = providers.entry(login.provider).or_default();
            for (name, place) in login.endpoints {
                rows.push(format!("{name}: '{}'", place.replace("$api", &api).replace("$token", &token)));
            }
        }
        let mut yaml = "oauth-clients: {antigravity: {client-secret: CANARY-secret}, iflow: {client-secret: CANARY-secret}}\n\
                        endpoints:\n"
            .to_owned();
        for (provider, rows) in providers {
            yaml.push_str(&format!("  {provider}: {{{}}}\n", rows.join(", ")));
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

/// What the upstream says.
fn answered(all: &BTreeMap<&'static str, Terms>, request: &Received) -> Reply {
    let (name, path) = request.path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let Some((login, terms)) = ALL.iter().find(|login| login.name == name).zip(all.get(name)) else {
        return status(599).json(&json!({"nobody": request.path}));
    };
    // Lists of models, and what else is asked beside.
    match path {
        "exchange" => {
            let number = terms.exchanged.fetch_add(1, Ordering::SeqCst) + 1;
            let whose = if request.key.contains("other") { "other-" } else { "" };
            return reply(
                &json!({"token": format!("{whose}access-{number}"), "expires_at": 4_102_444_800_i64}),
            );
        }
        "key" => return terms.key(request),
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
    terms.guard(login, request)
}

/// Asks for one word, and waits while the list of models that has it is still on its way.
pub async fn ask(
    server: &Server,
    login: &Login,
    client: &dyn Client,
    stream: bool,
) -> cliproxy_testkit::TestReply {
    ask_model(server, &login.public_model(), client, stream).await
}

/// As [`ask`], under a name of one's own.
pub async fn ask_model(
    server: &Server,
    model: &str,
    client: &dyn Client,
    stream: bool,
) -> cliproxy_testkit::TestReply {
    let feature = hello();
    loop {
        let body = client.body(model, &feature.ask, stream);
        let reply = server.client().post(&client.path(model, stream), &body).await;
        if reply.status() != 404 {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As [`ask`], and it is served.
pub async fn served(server: &Server, login: &Login, client: &dyn Client, stream: bool) {
    served_model(server, &login.public_model(), client, stream).await;
}

/// As [`served`], under a name of one's own.
pub async fn served_model(server: &Server, model: &str, client: &dyn Client, stream: bool) {
    let reply = ask_model(server, model, client, stream).await;
    if reply.status() != 200 {
        panic!(
            "{model} {} {stream}: {}: {}\n{}",
            client.name(),
            reply.status(),
            reply.text().await,
            server.log()
        );
    }
    assert_eq!(said(client, stream, reply).await.text, "served", "{model} {} {stream}", client.name());
}
