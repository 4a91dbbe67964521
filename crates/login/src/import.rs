//! Logins that the vendors' own tools hold on this machine, to be taken over as they are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cliproxy_core::{Credential, Document, LoginError, LoginErrorKind, NewLogin, ProviderId, Timestamp};
use cliproxy_transport::oauth::{jwt_claims, known};
use serde_json::{Map, Value, json};

use crate::Options;
use crate::kiro_file;
use crate::names::{part, short_hash};

/// No such file is larger.
const MAX_BYTES: u64 = 1024 * 1024;

/// A login that another program on this machine holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundLogin {
    /// What it is imported as: `claude`, `codex`, `gemini-cli`, `qwen`, `kiro`, `github-copilot`.
    pub name: &'static str,
    /// Whose it is.
    pub program: &'static str,
    /// Where it lies.
    pub path: PathBuf,
    /// Whether the two would use up each other's refresh token.
    pub single_use: bool,
    /// Which of several it is, where the file holds some: the name that it has there.
    pub entry: Option<String>,
}

impl FoundLogin {
    /// What becomes of the other program, in one clause.
    #[must_use]
    pub fn consequence(&self) -> &'static str {
        if self.single_use {
            "its refresh token works once: as soon as one of the two renews it, the other is logged out"
        } else {
            "both go on: its token is not used up"
        }
    }

    /// As [`Self::read`], and waits for a file that is being written to be whole, for about three seconds.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_settled(&self) -> Result<NewLogin, LoginError> {
        settled(|| self.read()).await
    }

    /// As [`Self::read_settled`], and asks the provider whose account it is where the file does not say and nothing else
    /// would tell two accounts apart (Kiro). No answer is no failure.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_named(&self, options: &Options) -> Result<NewLogin, LoginError> {
        let login = self.read_settled().await?;
        if self.name != "kiro" || login.document.text("email").is_some() {
            return Ok(login);
        }
        let email = crate::kiro::email_of(options, &login.document).await;
        if email.is_empty() {
            return Ok(login);
        }
        let named = [("email".to_owned(), Value::from(email))].into_iter().collect();
        Ok(kiro_login(login.document.merged(named)))
    }

    /// Reads it. Nothing is changed, and nobody is asked.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no login.
    pub fn read(&self) -> Result<NewLogin, LoginError> {
        let known = SOURCES.iter().find(|source| source.name == self.name);
        let Some(source) = known else {
            return Err(LoginError::new(
                LoginErrorKind::BadInput,
                format!("{} cannot be imported", self.name),
            ));
        };
        let mut object = object(&self.path)?;
        if let Some(entry) = &self.entry {
            object.retain(|name, _| name == entry);
        }
        (source.read)(&object, &self.path).ok_or_else(|| {
            let message = format!("{} holds no login of {}", self.path.display(), self.program);
            LoginError::new(LoginErrorKind::BadInput, message)
        })
    }
}

/// Tries to read until the file is whole.
// Source: providers-b.md 1.1.7 "10 attempts, 50 ms doubling, cap 500 ms, only for transient errors".
pub(crate) async fn settled<T>(read: impl Fn() -> Result<T, LoginError>) -> Result<T, LoginError> {
    let mut pause = Duration::from_millis(50);
    for _ in 1..10 {
        match read() {
            Err(error) if error.kind() == LoginErrorKind::Unsettled => {}
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
    read()
}

struct Source {
    name: &'static str,
    program: &'static str,
    /// A variable that moves the folder, and the path below it.
    moved: Option<(&'static str, &'static str)>,
    /// Below the home directory.
    path: &'static str,
    single_use: bool,
    read: fn(&Map<String, Value>, &Path) -> Option<NewLogin>,
}

// Source: the vendors' own tools: anthropics/claude-code, openai/codex `codex-rs/core/src/auth.rs`,
// google-gemini/gemini-cli `oauth2.ts`, QwenLM/qwen-code `qwenOAuth2.ts`; providers-b.md 1.3, 3.3; read 2026-11.
const SOURCES: [Source; 6] = [
    Source {
        name: "claude",
        program: "Claude Code",
        moved: Some(("CLAUDE_CONFIG_DIR", ".credentials.json")),
        path: ".claude/.credentials.json",
        single_use: true,
        read: claude,
    },
    Source {
        name: "codex",
        program: "Codex",
        moved: Some(("CODEX_HOME", "auth.json")),
        path: ".codex/auth.json",
        single_use: true,
        read: codex,
    },
    Source {
        name: "gemini-cli",
        program: "Gemini CLI",
        moved: None,
        path: ".gemini/oauth_creds.json",
        single_use: false,
        read: gemini,
    },
    Source {
        name: "qwen",
        program: "Qwen Code",
        moved: None,
        path: ".qwen/oauth_creds.json",
        single_use: true,
        read: qwen,
    },
    Source {
        name: "kiro",
        program: "Kiro",
        moved: None,
        path: ".aws/sso/cache/kiro-auth-token.json",
        single_use: true,
        read: kiro,
    },
    Source {
        name: "github-copilot",
        program: "GitHub Copilot",
        moved: Some(("XDG_CONFIG_HOME", "github-copilot/apps.json")),
        path: ".config/github-copilot/apps.json",
        single_use: false,
        read: copilot,
    },
];

/// What this file is, read as each program's.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_as_each(object: &Map<String, Value>, path: &Path) -> Vec<NewLogin> {
    SOURCES.iter().filter_map(|source| (source.read)(object, path)).collect()
}

/// The logins that are there, several of one file when it holds several accounts. `lookup` reads the environment.
#[must_use]
pub fn found_logins(home: &Path, lookup: impl Fn(&str) -> Option<String>) -> Vec<FoundLogin> {
    let path = |source: &Source| {
        let moved =
            source.moved.and_then(|(variable, below)| Some(Path::new(&lookup(variable)?).join(below)));
        moved.unwrap_or_else(|| home.join(source.path))
    };
    let all = SOURCES.iter().map(|source| FoundLogin {
        name: source.name,
        program: source.program,
        path: path(source),
        single_use: source.single_use,
        entry: None,
    });
    all.filter(|found| found.path.is_file()).flat_map(each_account).collect()
}

/// Copilot's file has an entry for each app and host; apps of one account are as good as each other.
fn each_account(found: FoundLogin) -> Vec<FoundLogin> {
    if found.name != "github-copilot" {
        return vec![found];
    }
    let mut stored: Vec<Credential> = Vec::new();
    let mut each = Vec::new();
    for (name, entry) in object(&found.path).unwrap_or_default() {
        let Some(login) = entry.as_object().and_then(|entry| copilot_account(&name, entry)) else { continue };
        let account = login.into_credential(&stored);
        if stored.iter().all(|known| known.id() != account.id()) {
            stored.push(account);
            each.push(FoundLogin { entry: Some(name), ..found.clone() });
        }
    }
    // What cannot be read is said when it is imported.
    if each.is_empty() { vec![found] } else { each }
}

pub(crate) fn object(path: &Path) -> Result<Map<String, Value>, LoginError> {
    let shown = path.display();
    let wrong = |message: String| LoginError::new(LoginErrorKind::BadInput, message);
    let cannot = |error: std::io::Error| wrong(format!("{shown} cannot be read: {error}")).with_source(error);
    if std::fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
        return Err(wrong(format!("{shown} is too large for a login")));
    }
    match serde_json::from_slice(&std::fs::read(path).map_err(cannot)?) {
        Ok(Value::Object(object)) => Ok(object),
        _ => {
            let message = format!("{shown} is no JSON object: perhaps it is being written, try again");
            Err(LoginError::new(LoginErrorKind::Unsettled, message))
        }
    }
}

pub(crate) fn text<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A moment in whichever of the usual spellings, as our files have it.
pub(crate) fn moment(object: &Map<String, Value>, key: &str) -> Option<String> {
    let time = match object.get(key)? {
        Value::Number(number) => Timestamp::from_number(number.as_f64()?),
        Value::String(text) => Timestamp::parse(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    time.map(Timestamp::to_rfc3339)
}

pub(crate) fn document<const N: usize>(members: [(&str, Option<Value>); N]) -> Document {
    let present = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Document::new(present.collect())
}

pub(crate) fn some(text: Option<&str>) -> Option<Value> {
    text.map(Value::from)
}

fn claude(file: &Map<String, Value>, path: &Path) -> Option<NewLogin> {
    let login = file.get("claudeAiOauth")?.as_object()?;
    let access = text(login, "accessToken")?;
    // Who it is stands in another file, beside the folder or in it.
    let folder = path.parent()?;
    let beside = [folder.with_extension("json"), folder.join(".claude.json")];
    let settings = beside.iter().find_map(|path| object(path).ok()).unwrap_or_default();
    let account = settings.get("oauthAccount").and_then(Value::as_object).cloned().unwrap_or_default();
    let email = text(&account, "emailAddress");
    let document = document([
        ("id_token", Some(json!(""))),
        ("access_token", some(Some(access))),
        ("refresh_token", some(text(login, "refreshToken"))),
        ("expired", moment(login, "expiresAt").map(Value::from)),
        ("email", some(email)),
        ("type", Some(json!("claude"))),
        ("account_uuid", some(text(&account, "accountUuid"))),
        ("organization_uuid", some(text(&account, "organizationUuid"))),
    ]);
    let stem = format!("claude-{}", part(email.unwrap_or("imported")));
    let other = document.text("organization_uuid").filter(|_| email.is_some()).map(str::to_owned);
    let (identity, exact): (&[_], &[_]) =
        if email.is_some() { (&crate::claude::IDENTITY, &["email"]) } else { (by_token(&document), &[]) };
    Some(named("claude", &stem, document, identity, other.as_deref()).with_exact(exact))
}

fn codex(file: &Map<String, Value>, _path: &Path) -> Option<NewLogin> {
    let tokens = file.get("tokens")?.as_object()?;
    let access = text(tokens, "access_token")?;
    let id_token = text(tokens, "id_token");
    let claims = id_token.and_then(jwt_claims).unwrap_or_default();
    let email = text(&claims, "email").map(str::to_owned);
    let auth =
        claims.get("https://api.openai.com/auth").and_then(Value::as_object).cloned().unwrap_or_default();
    let account = text(tokens, "account_id").or_else(|| text(&auth, "chatgpt_account_id")).map(str::to_owned);
    let expired = jwt_claims(access).and_then(|claims| moment(&claims, "exp"));
    let stem = format!("codex-{}", part(email.as_deref().unwrap_or("imported")));
    let other = account.clone().filter(|_| email.is_some());
    let document = document([
        ("id_token", some(id_token)),
        ("access_token", some(Some(access))),
        ("refresh_token", some(text(tokens, "refresh_token"))),
        ("account_id", account.map(Value::from)),
        ("last_refresh", moment(file, "last_refresh").map(Value::from)),
        ("email", email.map(Value::from)),
        ("type", Some(json!("codex"))),
        ("expired", expired.map(Value::from)),
    ]);
    // People of one workspace share its id: who does not say the e-mail is nobody that is known.
    let identity =
        if document.text("email").is_some() { &["email", "account_id"] } else { by_token(&document) };
    Some(named("codex", &stem, document, identity, other.as_deref()).with_exact(&["email"]))
}

fn gemini(file: &Map<String, Value>, _path: &Path) -> Option<NewLogin> {
    let refresh = text(file, "refresh_token")?;
    let claims = text(file, "id_token").and_then(jwt_claims).unwrap_or_default();
    let email = text(&claims, "email");
    let token = document([
        ("access_token", some(text(file, "access_token"))),
        ("token_type", Some(json!("Bearer"))),
        ("refresh_token", some(Some(refresh))),
        ("expiry", moment(file, "expiry_date").map(Value::from)),
    ]);
    let document = document([
        ("token", Some(Value::Object(token.as_map().clone()))),
        ("email", some(email)),
        ("auto", Some(json!(true))),
        ("type", Some(json!("gemini"))),
    ]);
    let stem = format!("gemini-{}", part(email.unwrap_or("imported")));
    let identity: &[_] = if email.is_some() { &["email"] } else { &["token.refresh_token"] };
    Some(named("gemini-cli", &stem, document, identity, Some(refresh)))
}

fn qwen(file: &Map<String, Value>, _path: &Path) -> Option<NewLogin> {
    let document = document([
        ("access_token", some(Some(text(file, "access_token")?))),
        ("refresh_token", some(text(file, "refresh_token"))),
        ("resource_url", some(text(file, "resource_url"))),
        ("email", Some(json!("qwen-code"))),
        ("type", Some(json!("qwen"))),
        ("expired", moment(file, "expiry_date").map(Value::from)),
    ]);
    // Nothing says whose it is: what stands for the e-mail is the same in all of them.
    let identity = by_token(&document);
    Some(named("qwen", "qwen-qwen-code", document, identity, None))
}

fn kiro(file: &Map<String, Value>, path: &Path) -> Option<NewLogin> {
    kiro_file::document(file, path, None).map(kiro_login)
}

/// Profiles are shared: only an e-mail tells accounts apart, or else the token itself, and a name that another login
/// has is not taken from it.
// Source: providers-b.md 1.3.
fn kiro_login(document: Document) -> NewLogin {
    let provider = document.text("provider").unwrap_or("imported").to_ascii_lowercase();
    let email = document.text("email");
    let of_profile = || document.text("profile_arn")?.rsplit('/').next();
    let id = email.or_else(of_profile).or_else(|| document.text("client_id")).unwrap_or("ide");
    let stem = format!("kiro-{}-{}", part(&provider), part(id));
    let identity = if email.is_some() { &["email"] } else { by_token(&document) };
    crate::kiro::by_way_in(named("kiro", &stem, document, identity, None))
}

/// What tells an account apart that does not say who it is.
fn by_token(document: &Document) -> &'static [&'static str] {
    if document.text("refresh_token").is_some() { &["refresh_token"] } else { &["access_token"] }
}

/// A login of a name, and for a further account of that name the hash of what makes it another: its token, if nothing
/// else is said.
fn named(
    provider: &'static str,
    stem: &str,
    document: Document,
    identity: &[&'static str],
    other: Option<&str>,
) -> NewLogin {
    let token = || document.text("refresh_token").or_else(|| document.text("access_token"));
    let hash = short_hash(other.or_else(token).unwrap_or_default());
    NewLogin::new(ProviderId::from_static(provider), format!("{stem}.json"), document, identity)
        .with_other_name(format!("{stem}-{hash}.json"))
}

/// One entry for each app and host.
fn copilot(file: &Map<String, Value>, _path: &Path) -> Option<NewLogin> {
    file.iter().find_map(|(name, entry)| copilot_account(name, entry.as_object()?))
}

/// The entry's name is its host, and behind a colon its app.
fn copilot_account(name: &str, entry: &Map<String, Value>) -> Option<NewLogin> {
    let token = text(entry, "oauth_token")?;
    let host = name.split(':').next()?.to_ascii_lowercase();
    // A token is sent to its own host or to none.
    let domain = Some(known::enterprise_domain(&host)?).filter(|host| *host != "github.com");
    let said = text(entry, "user");
    let user = said.unwrap_or("unknown");
    let document = document([
        ("access_token", some(Some(token))),
        ("token_type", Some(json!("bearer"))),
        ("scope", Some(json!(""))),
        ("username", some(Some(user))),
        ("type", Some(json!("github-copilot"))),
        ("enterprise_domain", some(domain)),
    ]);
    let at = domain.map(|domain| format!("-{}", part(domain))).unwrap_or_default();
    let stem = format!("github-copilot-{}{at}", part(user));
    let identity = if said.is_some() { &["username"] } else { by_token(&document) };
    Some(named("github-copilot", &stem, document, identity, None).with_exact(&["enterprise_domain"]))
}
