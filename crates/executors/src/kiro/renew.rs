//! Renewal: over AWS's OIDC for what logged in there, else over the vendor's own service. Source: providers-b.md 1.4.

use std::path::Path;
use std::time::Duration;

use cliproxy_core::{Credential, ErrorKind, Evidence, ExecutorError, Secret, Timestamp};
use cliproxy_transport::oauth::{ClientAuth, Registration, TokenEndpoint, TokenError, Tokens};
use serde_json::{Map, Value};

use super::account::{Account, Method};
use crate::{Egress, Urls};

/// How long a token lives that does not say so. Source: providers-b.md 1.1.5 "`expiresIn` ≤ 0 → 3600".
const LIFETIME: Duration = Duration::from_secs(3600);

/// The endpoint that renews an account.
fn endpoint(account: &Account<'_>, urls: &Urls) -> Result<TokenEndpoint, ExecutorError> {
    let own = account.credential.document().text("token_url");
    match account.client().filter(|_| account.logged_in_with_aws()) {
        Some((id, secret)) => {
            // Without a region of its own a login is at home.
            let region = match account.method {
                Method::BuilderId => super::account::HOME,
                _ => account.login_region()?,
            };
            let url = own.map_or_else(|| format!("{}/token", at(urls, "oidc", region)), str::to_owned);
            Ok(TokenEndpoint::new(url, id)
                .with_secret(Secret::from(secret), ClientAuth::Body)
                .with_camel_case_json())
        }
        None => {
            let url = own.map_or_else(|| format!("{}/refreshToken", at(urls, "social", "")), str::to_owned);
            // What it refuses it refuses with 401 and no code.
            Ok(TokenEndpoint::new(url, "-")
                .with_camel_case_json()
                .with_only(&["refresh_token"])
                .with_final_statuses(&[401]))
        }
    }
}

/// A URL of ours, in a region.
pub(super) fn at(urls: &Urls, name: &str, region: &str) -> String {
    urls.get(name).unwrap_or_default().replace("{region}", region)
}

/// New tokens, and the members that they change.
pub(super) async fn renewed(
    credential: &Credential,
    egress: &Egress,
    urls: &Urls,
    registrations: Option<&Path>,
    now: Timestamp,
) -> Result<Map<String, Value>, ExecutorError> {
    let registered = registered(credential, registrations).await?;
    let known = credential.with_document(credential.document().merged(registered.clone()));
    let account = Account::of(&known);
    let endpoint = endpoint(&account, urls)?;
    let named = with_refresh_token(&account);
    let tokens =
        egress.renew(&named, &endpoint, "").await.map_err(|error| explained(error, &account, now))?;
    // From here on the file needs no other.
    let mut changes = registered;
    changes.extend(members(&tokens, credential, now));
    Ok(changes)
}

/// The client registration of a login that names it by its hash alone.
// Source: providers-b.md 1.4 [T] "Use the first behaviour everywhere".
async fn registered(
    credential: &Credential,
    registrations: Option<&Path>,
) -> Result<Map<String, Value>, ExecutorError> {
    let account = Account::of(credential);
    let hash = account.client_hash().filter(|_| account.logged_in_with_aws() && account.client().is_none());
    let Some(hash) = hash else { return Ok(Map::new()) };
    let wrong = |why: &str| {
        let id = account.credential.masked_id();
        let message = format!(
            "credential {id} names its client registration only by client_id_hash, and {why}: import the login \
             again, or add client_id and client_secret"
        );
        ExecutorError::new(ErrorKind::Misconfigured, message)
    };
    let Some(folder) = registrations else { return Err(wrong("there is no home directory to look in")) };
    let (folder, hash) = (folder.to_owned(), hash.to_owned());
    let read = tokio::task::spawn_blocking(move || Registration::read(&folder, &hash)).await;
    let found = read.map_err(|_| wrong("reading it was cut off"))?.map_err(|why| wrong(&why))?;
    let mut members = Map::new();
    members.insert("client_id".to_owned(), Value::from(found.client_id));
    members.insert("client_secret".to_owned(), Value::from(found.client_secret.expose()));
    if let Some(expires) = found.expires {
        members.insert("client_secret_expires_at".to_owned(), Value::from(expires.to_rfc3339()));
    }
    Ok(members)
}

/// The refresh token under its standard name: logins of the vendor's own tools have another.
fn with_refresh_token(account: &Account<'_>) -> Credential {
    let mut members = Map::new();
    if let Some(token) = account.refresh_token() {
        members.insert("refresh_token".to_owned(), Value::from(token));
    }
    account.credential.with_document(account.credential.document().merged(members))
}

/// A refusal because the client registration is over says so: logging in again makes a new one. The client is the login's
/// own: a refusal of it is one of the login.
fn explained(error: ExecutorError, account: &Account<'_>, now: Timestamp) -> ExecutorError {
    let code = TokenError::behind(&error).and_then(TokenError::code);
    if account.logged_in_with_aws() && matches!(code, Some("invalid_client" | "unauthorized_client")) {
        let message = format!(
            "the client registration of credential {} is refused: log in again, or correct client_id and client_secret \
             in its file",
            account.credential.masked_id()
        );
        return ExecutorError::from_evidence(Evidence::new(ErrorKind::InvalidGrant), message)
            .with_source(error);
    }
    let over = account.credential.document().time("client_secret_expires_at").is_some_and(|end| end < now);
    if error.kind() != ErrorKind::InvalidGrant || !over {
        return error;
    }
    let message = format!(
        "the client registration of credential {} is over: log in again",
        account.credential.masked_id()
    );
    ExecutorError::from_evidence(error.evidence(), message).with_source(error)
}

/// What did not come stays as it was: no refresh token is ever erased. Source: providers-b.md 1.4 [T].
fn members(tokens: &Tokens, credential: &Credential, now: Timestamp) -> Map<String, Value> {
    let mut members = tokens.members(now);
    let expiry = Value::from(now.plus(tokens.expires_in.unwrap_or(LIFETIME)).to_rfc3339());
    // The file's own name for it; others that it has must not tell another time.
    members.remove("expired");
    for key in ["expired", "expire", "expiresAt", "expiry", "expires"] {
        if credential.document().get(key).is_some() {
            members.insert(key.to_owned(), expiry.clone());
        }
    }
    members.insert("expires_at".to_owned(), expiry);
    if let Some(arn) = tokens.extra.get("profileArn").and_then(Value::as_str).filter(|arn| !arn.is_empty()) {
        members.insert("profile_arn".to_owned(), Value::from(arn));
    }
    members
}
