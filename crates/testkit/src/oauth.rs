//! A provider's OAuth server, as strict as the standards allow.

mod kiro;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::FakeUpstream;
use crate::received::{Received, form_value};
use crate::reply::{Reply, status};

/// An authorization server on loopback: codes and refresh tokens work once, PKCE, redirect URIs and clients are checked,
/// device codes follow a script. It answers `/device`, `/token`, below `/oidc` as AWS does and below `/social` as Kiro's own
/// service does, and other paths as [`page`](Self::page) says.
///
/// The user's browser is [`consent`](Self::consent) and [`deny`](Self::deny): they take the authorize URL and give the
/// address that the browser ends up at.
#[derive(Debug)]
pub struct FakeOAuth {
    upstream: FakeUpstream,
    ledger: Arc<Mutex<Ledger>>,
}

/// What was exchanged for what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// The grant type.
    pub grant: String,
    /// Why it was refused; nothing when it was not.
    pub refusal: Option<&'static str>,
}

#[derive(Debug)]
struct Code {
    client: String,
    redirect: String,
    challenge: Option<String>,
    spent: bool,
}

#[derive(Debug, Default)]
struct Ledger {
    codes: HashMap<String, Code>,
    /// Refresh tokens, and whether they are spent.
    refresh: HashMap<String, bool>,
    devices: HashMap<String, Option<String>>,
    clients: HashMap<String, kiro::Client>,
    device_script: Vec<Reply>,
    secret: Option<String>,
    extra: Value,
    device_extra: Value,
    pages: HashMap<String, Vec<Reply>>,
    exchanges: Vec<Exchange>,
    issued: u32,
    lifetime: u64,
}

impl FakeOAuth {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let upstream = FakeUpstream::start().await;
        let ledger = Arc::new(Mutex::new(Ledger { lifetime: 3600, ..Ledger::default() }));
        let book = Arc::clone(&ledger);
        upstream.answer_with(move |request| book.lock().answer(request));
        Self { upstream, ledger }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.upstream.url())
    }

    /// The server below: what was asked.
    #[must_use]
    pub fn upstream(&self) -> &FakeUpstream {
        &self.upstream
    }

    /// Wants this client secret with every exchange.
    pub fn require_secret(&self, secret: &str) {
        self.ledger.lock().secret = Some(secret.to_owned());
    }

    /// Members to add to every token reply.
    pub fn set_extra(&self, members: Value) {
        self.ledger.lock().extra = members;
    }

    /// How long access tokens live, in seconds. 3600 at first.
    pub fn set_lifetime(&self, seconds: u64) {
        self.ledger.lock().lifetime = seconds;
    }

    /// Members that replace those of the device reply.
    pub fn set_device(&self, members: Value) {
        self.ledger.lock().device_extra = members;
    }

    /// What questions about a device code are answered before it is granted.
    pub fn before_consent(&self, replies: impl IntoIterator<Item = Reply>) {
        self.ledger.lock().device_script = replies.into_iter().collect();
    }

    /// What another path answers: each request takes the next, the last one stays.
    pub fn page(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.ledger.lock().pages.insert(path.to_owned(), replies.into_iter().collect());
    }

    /// The user agrees: the address that their browser is sent to.
    ///
    /// # Panics
    /// When the authorize URL lacks what such a server wants.
    #[must_use]
    #[track_caller]
    pub fn consent(&self, authorize: &str) -> String {
        let (redirect, state, query) = Self::read(authorize);
        let mut ledger = self.ledger.lock();
        ledger.issued += 1;
        let number = ledger.issued;
        let code = format!("code/{number}+=");
        let client = match form_value(query, "client_id") {
            Some(client) => client,
            None => kiro::without_client(authorize),
        };
        ledger.check_registration(&client, query);
        let challenge = form_value(query, "code_challenge");
        if challenge.is_some() {
            assert_eq!(form_value(query, "code_challenge_method").as_deref(), Some("S256"), "{authorize}");
        }
        let entry = Code { client, redirect: redirect.clone(), challenge, spent: false };
        ledger.codes.insert(code, entry);
        format!("{redirect}?code=code%2F{number}%2B%3D&state={state}")
    }

    /// The user refuses: the address that their browser is sent to.
    #[must_use]
    #[track_caller]
    pub fn deny(&self, authorize: &str) -> String {
        let (redirect, state, _) = Self::read(authorize);
        format!("{redirect}?error=access_denied&error_description=The+user+said+no&state={state}")
    }

    #[track_caller]
    fn read(authorize: &str) -> (String, String, &str) {
        let (_, query) = authorize.split_once('?').expect("a query");
        let redirect = form_value(query, "redirect_uri").or_else(|| form_value(query, "redirect"));
        (redirect.expect("redirect_uri"), form_value(query, "state").expect("state"), query)
    }

    /// Everything that was exchanged, or refused, in order.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.ledger.lock().exchanges.clone()
    }
}

impl Ledger {
    fn answer(&mut self, request: &Received) -> Reply {
        if let Some(script) = self.pages.get_mut(&request.path) {
            return if script.len() > 1 { script.remove(0) } else { script[0].clone() };
        }
        if let Some(reply) = self.kiro(request) {
            return reply;
        }
        match request.path.as_str() {
            "/device" => self.device(request),
            "/token" => self.token(request),
            other => status(404).json(&json!({"error": "not_found", "path": other})),
        }
    }

    fn device(&mut self, request: &Received) -> Reply {
        self.issued += 1;
        let code = format!("device-{}", self.issued);
        self.devices.insert(code.clone(), request.form("code_challenge"));
        let mut body = json!({
            "device_code": code,
            "user_code": "ABCD-1234",
            "verification_uri": "https://provider.example/device",
            "verification_uri_complete": "https://provider.example/device?user_code=ABCD-1234",
            "expires_in": 900,
            "interval": 5,
        });
        merge(&mut body, &self.device_extra);
        status(200).json(&body)
    }

    fn token(&mut self, request: &Received) -> Reply {
        let grant = member(request, "grant_type").unwrap_or_default();
        let refusal = match grant.as_str() {
            "authorization_code" => self.redeem(request),
            "refresh_token" => self.renew(request),
            "urn:ietf:params:oauth:grant-type:device_code" => {
                if !self.device_script.is_empty() {
                    return self.device_script.remove(0);
                }
                self.poll(request)
            }
            _ => Err("unsupported_grant_type"),
        };
        let refusal = refusal.and_then(|()| self.check_secret(request));
        self.exchanges.push(Exchange { grant, refusal: refusal.err() });
        match refusal {
            Err(error) => status(400).json(&json!({"error": error, "error_description": "the fake refuses"})),
            Ok(()) => self.grant(),
        }
    }

    fn check_secret(&self, request: &Received) -> Result<(), &'static str> {
        let sent = member(request, "client_secret");
        if self.secret.is_some() && sent != self.secret { Err("invalid_client") } else { Ok(()) }
    }

    fn redeem(&mut self, request: &Received) -> Result<(), &'static str> {
        let code = member(request, "code").unwrap_or_default();
        let code = self.codes.get_mut(&code).ok_or("invalid_grant")?;
        if std::mem::replace(&mut code.spent, true) {
            return Err("invalid_grant");
        }
        if member(request, "client_id").as_deref() != Some(&code.client)
            || member(request, "redirect_uri").as_deref() != Some(&code.redirect)
        {
            return Err("invalid_request");
        }
        proves(request, code.challenge.as_deref())
    }

    fn poll(&mut self, request: &Received) -> Result<(), &'static str> {
        let code = member(request, "device_code").unwrap_or_default();
        let challenge = self.devices.remove(&code).ok_or("invalid_grant")?;
        proves(request, challenge.as_deref())
    }

    fn renew(&mut self, request: &Received) -> Result<(), &'static str> {
        let token = member(request, "refresh_token").unwrap_or_default();
        match self.refresh.get_mut(&token) {
            Some(spent) if !*spent => {
                *spent = true;
                Ok(())
            }
            _ => Err("invalid_grant"),
        }
    }

    fn grant(&mut self) -> Reply {
        self.issued += 1;
        let refresh = format!("refresh-{}", self.issued);
        self.refresh.insert(refresh.clone(), false);
        let mut body = json!({
            "access_token": format!("access-{}", self.issued),
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        });
        merge(&mut body, &self.extra);
        status(200).json(&body)
    }
}

/// A verifier goes with its challenge, and none with none. Source: RFC 7636 §4.6.
fn proves(request: &Received, challenge: Option<&str>) -> Result<(), &'static str> {
    let verifier = member(request, "code_verifier").or_else(|| member(request, "codeVerifier"));
    let digest = verifier.map(|verifier| {
        use base64::Engine as _;
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
    });
    if digest.as_deref() == challenge { Ok(()) } else { Err("invalid_grant") }
}

/// A member of a form or of a JSON body.
fn member(request: &Received, name: &str) -> Option<String> {
    let json: Option<Value> = serde_json::from_slice(&request.body).ok();
    match json {
        Some(body) => body.get(name)?.as_str().map(str::to_owned),
        None => request.form(name),
    }
}

fn merge(body: &mut Value, members: &Value) {
    if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
        body.extend(members.clone());
    }
}
