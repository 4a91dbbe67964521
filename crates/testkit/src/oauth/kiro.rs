//! The two services that Kiro's accounts log in to: AWS's OIDC, which registers a client for every login, and the vendor's
//! own for Google and GitHub.
// Source: providers-b.md 1.1.2 to 1.1.5, 1.4.

use serde_json::{Value, json};

use super::{Exchange, Ledger, merge, proves};
use crate::received::{Received, form_value};
use crate::reply::{Reply, status};

/// A client that was registered for one login.
#[derive(Clone, Debug)]
pub(super) struct Client {
    secret: String,
    redirects: Vec<String>,
    grants: Vec<String>,
}

/// The service for Google and GitHub knows no clients; every other authorize URL names one.
#[track_caller]
pub(super) fn without_client(authorize: &str) -> String {
    assert!(authorize.contains("/social/login?idp="), "no client_id in {authorize}");
    String::new()
}

fn text(body: &Value, key: &str) -> String {
    body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn refused(error: &str) -> Reply {
    status(400).json(&json!({"error": error, "error_description": "the fake refuses"}))
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl Ledger {
    /// A registered client goes back only where it was registered to, for scopes that it names.
    #[track_caller]
    pub(super) fn check_registration(&self, client: &str, query: &str) {
        let Some(known) = self.clients.get(client) else { return };
        let redirect = form_value(query, "redirect_uri").unwrap_or_default();
        assert!(known.redirects.contains(&redirect), "{redirect} is not registered: {known:?}");
        assert!(known.grants.iter().any(|grant| grant == "authorization_code"), "{known:?}");
        let scopes = form_value(query, "scopes").expect("scopes, and not scope");
        assert!(scopes.split(',').all(|scope| scope.starts_with("codewhisperer:")), "{scopes}");
        assert!(!query.contains("scopes=codewhisperer:"), "the scopes are escaped: {query}");
    }

    pub(super) fn kiro(&mut self, request: &Received) -> Option<Reply> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        Some(match request.path.as_str() {
            "/oidc/client/register" => self.register(&body),
            "/oidc/device_authorization" => self.aws_device(&body),
            "/oidc/token" => self.aws_token(request, &body),
            "/social/oauth/token" => {
                let refusal = self.social_code(request, &body);
                self.told("authorization_code", refusal)
            }
            "/social/refreshToken" => {
                let refusal = self.spend(&text(&body, "refreshToken"));
                self.told("refresh_token", refusal)
            }
            "/social/oauth/device/authorization" => self.social_device(&body),
            "/social/oauth/device/poll" => self.social_poll(&body),
            _ => return None,
        })
    }

    fn register(&mut self, body: &Value) -> Reply {
        self.issued += 1;
        let (id, secret) = (format!("client-{}", self.issued), format!("csecret-{}", self.issued));
        let texts = |key: &str| -> Vec<String> {
            body[key].as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        let client =
            Client { secret: secret.clone(), redirects: texts("redirectUris"), grants: texts("grantTypes") };
        self.clients.insert(id.clone(), client);
        status(200).json(&json!({"clientId": id, "clientSecret": secret, "clientIdIssuedAt": 1_795_428_000,
            "clientSecretExpiresAt": 1_803_204_000}))
    }

    /// The client that a request shows, with its secret.
    fn shown(&self, body: &Value, grant: &str) -> Result<(), &'static str> {
        let known = self.clients.get(&text(body, "clientId")).ok_or("invalid_client")?;
        if known.secret != text(body, "clientSecret") {
            return Err("invalid_client");
        }
        if known.grants.iter().any(|known| known == grant) { Ok(()) } else { Err("unauthorized_client") }
    }

    fn aws_device(&mut self, body: &Value) -> Reply {
        if let Err(error) = self.shown(body, DEVICE) {
            return refused(error);
        }
        if text(body, "startUrl").is_empty() {
            return refused("invalid_request");
        }
        self.issued += 1;
        let code = format!("device-{}", self.issued);
        self.devices.insert(code.clone(), None);
        let mut reply = json!({"deviceCode": code, "userCode": "ABCD-1234",
            "verificationUri": "https://provider.example/device",
            "verificationUriComplete": "https://provider.example/device?user_code=ABCD-1234",
            "expiresIn": 600, "interval": 1});
        merge(&mut reply, &self.device_extra);
        status(200).json(&reply)
    }

    fn aws_token(&mut self, request: &Received, body: &Value) -> Reply {
        let grant = text(body, "grantType");
        let shown = self.shown(body, &grant);
        if grant == DEVICE && shown.is_ok() && !self.device_script.is_empty() {
            return self.device_script.remove(0);
        }
        let refusal = shown.and_then(|()| match grant.as_str() {
            "authorization_code" => self.aws_code(request, body),
            "refresh_token" => self.spend(&text(body, "refreshToken")),
            _ => self.devices.remove(&text(body, "deviceCode")).map(|_| ()).ok_or("invalid_grant"),
        });
        self.told(&grant, refusal)
    }

    fn aws_code(&mut self, request: &Received, body: &Value) -> Result<(), &'static str> {
        self.spend_code(body, "redirectUri", &text(body, "clientId"))
            .and_then(|challenge| proves(request, challenge.as_deref()))
    }

    fn social_code(&mut self, request: &Received, body: &Value) -> Result<(), &'static str> {
        self.spend_code(body, "redirect_uri", "").and_then(|challenge| proves(request, challenge.as_deref()))
    }

    /// The challenge of a code that was not used yet.
    fn spend_code(
        &mut self,
        body: &Value,
        redirect: &str,
        client: &str,
    ) -> Result<Option<String>, &'static str> {
        let code = self.codes.get_mut(&text(body, "code")).ok_or("invalid_grant")?;
        if std::mem::replace(&mut code.spent, true) {
            return Err("invalid_grant");
        }
        if code.client != client || code.redirect != text(body, redirect) {
            return Err("invalid_request");
        }
        Ok(code.challenge.clone())
    }

    fn spend(&mut self, token: &str) -> Result<(), &'static str> {
        match self.refresh.get_mut(token) {
            Some(spent) if !*spent => {
                *spent = true;
                Ok(())
            }
            _ => Err("invalid_grant"),
        }
    }

    fn social_device(&mut self, body: &Value) -> Reply {
        if text(body, "clientId") != "kiro-cli"
            || !["Google", "Github"].contains(&&*text(body, "loginProvider"))
        {
            return refused("invalid_client");
        }
        self.issued += 1;
        let code = format!("device-{}", self.issued);
        self.devices.insert(code.clone(), None);
        let mut reply = json!({"deviceCode": code, "userCode": "ABCD-1234",
            "verificationUri": "https://provider.example/device",
            "verificationUriComplete": "https://provider.example/device?user_code=ABCD-1234",
            "expiresInMilliseconds": 300_000, "intervalInMilliseconds": 5_000});
        merge(&mut reply, &self.device_extra);
        status(200).json(&reply)
    }

    fn social_poll(&mut self, body: &Value) -> Reply {
        if !self.device_script.is_empty() {
            return self.device_script.remove(0);
        }
        let known = self.devices.remove(&text(body, "deviceCode")).map(|_| ()).ok_or("invalid_grant");
        self.told(DEVICE, known)
    }

    fn told(&mut self, grant: &str, refusal: Result<(), &'static str>) -> Reply {
        self.exchanges.push(Exchange { grant: grant.to_owned(), refusal: refusal.err() });
        if let Err(error) = refusal {
            return refused(error);
        }
        self.issued += 1;
        let refresh = format!("refresh-{}", self.issued);
        self.refresh.insert(refresh.clone(), false);
        let mut body = json!({"accessToken": format!("access-{}", self.issued), "refreshToken": refresh,
            "tokenType": "Bearer", "expiresIn": self.lifetime});
        merge(&mut body, &self.extra);
        status(200).json(&body)
    }
}
