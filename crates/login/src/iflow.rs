//! iFlow: through the browser, or by the cookie of one. Source: providers-b.md 4.1 to 4.4.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginUi, NewLogin,
    ProviderId, Question, Secret,
};
use cliproxy_transport::oauth::{AuthorizeUrl, ClientAuth, CodeGrant, Tokens, known};
use serde_json::{Map, Value, json};
use url::Url;

use crate::Options;
use crate::browser::{Redirect, consent};
use crate::means::{Call, Means, failed, parse, shown, token_failed};
use crate::names::part;

static ENDPOINTS: [Endpoint; 4] = [
    Endpoint::new("authorize", "https://iflow.cn/oauth"),
    known::IFLOW.token,
    known::IFLOW_USER,
    known::IFLOW_KEY,
];
const REDIRECT: Redirect = Redirect::chosen_port(11451, "/oauth2callback");

/// Which way the user shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Browser,
    Cookie,
}

#[derive(Debug)]
pub(crate) struct Iflow {
    means: Means,
    way: Way,
}

impl Iflow {
    pub(crate) fn new(options: &Options, way: Way) -> Self {
        let means = Means::new(ProviderId::from_static("iflow"), known::IFLOW, &ENDPOINTS, options);
        Self { means, way }
    }

    async fn through_browser(
        &self,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
    ) -> Result<NewLogin, LoginError> {
        let means = &self.means;
        let secret = means.required_secret()?;
        let authorize = means.url("authorize")?;
        let consent = consent(means, request, ui, REDIRECT, |flow, redirect| {
            let url = AuthorizeUrl::new(&authorize).map_err(token_failed)?;
            // `redirect`, not `redirect_uri`; in this order.
            let url = url
                .with("loginMethod", "phone")
                .with("type", "phone")
                .with("redirect", redirect)
                .with("state", flow.state().expose())
                .with("client_id", means.client_id());
            Ok(url.into_string())
        })
        .await?;
        let endpoint = means.token_endpoint()?.with_secret(secret, ClientAuth::BasicAndBody);
        let grant = CodeGrant::new(consent.code, consent.redirect_uri);
        let tokens = endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)?;
        let (key, label) = self.user(&tokens).await?;
        let mut document = tokens.members(means.now());
        document.entry("refresh_token").or_insert_with(|| json!(""));
        document.entry("expired").or_insert_with(|| json!(""));
        for (name, value) in [
            ("api_key", key.expose()),
            ("email", label.as_str()),
            ("token_type", tokens.token_type.as_str()),
            ("scope", tokens.scope.as_str()),
            ("cookie", ""),
            ("type", "iflow"),
        ] {
            document.insert(name.to_owned(), json!(value));
        }
        Ok(self.named(&label, document))
    }

    /// The key for model calls, and who it is.
    async fn user(&self, tokens: &Tokens) -> Result<(Secret, String), LoginError> {
        let (means, what) = (&self.means, "the iFlow account");
        let mut url = Url::parse(&means.url("userinfo")?).map_err(|error| {
            LoginError::new(LoginErrorKind::Setup, "the endpoint iflow.userinfo is no URL").with_source(error)
        })?;
        url.query_pairs_mut().append_pair("accessToken", tokens.access_token.expose());
        let data = successful(means, Call::get(what, url)).await?;
        let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let label = [text("email"), text("phone")].into_iter().find(|text| !text.is_empty());
        match (text("apiKey"), label) {
            ("", _) => Err(LoginError::new(
                LoginErrorKind::NotEntitled,
                format!("{what} has no API key for model calls"),
            )),
            (_, None) => Err(LoginError::new(
                LoginErrorKind::BadReply,
                format!("{what} has neither e-mail address nor phone"),
            )),
            (key, Some(label)) => Ok((Secret::from(key), label.to_owned())),
        }
    }

    async fn by_cookie(&self, request: &LoginRequest, ui: &Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.means;
        let given = match request.answer("cookie") {
            Some(cookie) => Some(cookie.to_owned()),
            None => {
                let text = "The Cookie header of platform.iflow.cn, from the developer tools of your browser";
                ui.ask(Question::new("cookie", text).secret()).await
            }
        };
        let Some(given) = given else {
            return Err(LoginError::new(
                LoginErrorKind::NoInput,
                "a cookie is needed, and nobody is there to ask",
            ));
        };
        let cookie = own_cookie(&given).ok_or_else(|| {
            let message = "the cookie has no BXAuth: copy the whole Cookie header while you are logged in";
            LoginError::new(LoginErrorKind::BadInput, message)
        })?;
        if let Some(twin) = request.existing.iter().find(|credential| {
            credential.provider() == &means.provider
                && credential.document().secret("cookie").is_some_and(|known| known == cookie)
        }) {
            let message = format!("this cookie is stored already, in {}", twin.masked_id());
            return Err(LoginError::new(LoginErrorKind::BadInput, message));
        }
        let (what, url) = ("the API key of iFlow", means.url("api-key")?);
        let ask = Call::get(what, url.clone()).header("cookie", cookie.expose());
        let name = successful(means, ask)
            .await?
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim()
            .to_owned();
        if name.is_empty() {
            return Err(LoginError::new(
                LoginErrorKind::Refused,
                format!("{what}: the cookie names no account"),
            ));
        }
        // Always made: the first answer may have the key masked.
        let renew = Call::post(what, url, json!({"name": name})).header("cookie", cookie.expose());
        let data = successful(means, renew).await?;
        let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        if text("apiKey").is_empty() {
            return Err(LoginError::new(
                LoginErrorKind::BadReply,
                format!("{what}: the answer has none in it"),
            ));
        }
        let mut document = Map::new();
        for (key, value) in [
            ("access_token", ""),
            ("refresh_token", ""),
            ("last_refresh", means.now().to_rfc3339().as_str()),
            ("expired", text("expireTime")),
            ("api_key", text("apiKey")),
            ("email", name.as_str()),
            ("token_type", ""),
            ("scope", ""),
            ("cookie", cookie.expose()),
            ("type", "iflow"),
        ] {
            document.insert(key.to_owned(), json!(value));
        }
        Ok(self.named(&name, document))
    }

    /// Source: providers-b.md 4.4 "`iflow-{email}-{unix s}.json`"; masked names have stars in them.
    fn named(&self, label: &str, document: Map<String, Value>) -> NewLogin {
        let file = format!("iflow-{}-{}.json", part(&label.replace('*', "x")), self.means.now().as_secs());
        NewLogin::new(self.means.provider.clone(), file, Document::new(document), &["email"])
    }
}

/// `data` of the answer to a call, when it says that it is one. Business errors come with status 200.
async fn successful(means: &Means, call: Call) -> Result<Value, LoginError> {
    let what = call.what();
    let reply = means.send(call).await?;
    if !reply.status().is_success() {
        return Err(failed(what, &reply));
    }
    let said = parse(what, &reply)?;
    let data = said.get("data").filter(|data| data.is_object());
    match (said.get("success").and_then(Value::as_bool), data) {
        (Some(false), _) => {
            let words = said.get("message").and_then(Value::as_str).unwrap_or("no reason given");
            let words = shown(&reply, words);
            Err(LoginError::new(LoginErrorKind::Refused, format!("{what}: {words}")))
        }
        (_, Some(data)) => Ok(data.clone()),
        (_, None) => {
            Err(LoginError::new(LoginErrorKind::BadReply, format!("{what}: the answer has no data in it")))
        }
    }
}

/// Only what the account needs of a Cookie header. Source: providers-b.md 4.2 point 5.
fn own_cookie(header: &str) -> Option<Secret> {
    let header = header.trim();
    let header = header.strip_prefix("Cookie:").or_else(|| header.strip_prefix("cookie:")).unwrap_or(header);
    let own = header.split(';').map(str::trim).find(|pair| pair.starts_with("BXAuth="))?;
    let clean: String = own.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    (clean.len() > "BXAuth=".len()).then(|| Secret::from(format!("{clean};")))
}

#[async_trait]
impl Authenticator for Iflow {
    fn name(&self) -> &str {
        match self.way {
            Way::Browser => "iflow",
            Way::Cookie => "iflow-cookie",
        }
    }

    fn provider(&self) -> &ProviderId {
        &self.means.provider
    }

    fn summary(&self) -> &str {
        match self.way {
            Way::Browser => "iFlow, an account of iflow.cn (browser)",
            Way::Cookie => "iFlow, an account of iflow.cn (cookie of a browser)",
        }
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        match self.way {
            Way::Browser => self.through_browser(&request, &ui).await,
            Way::Cookie => self.by_cookie(&request, &ui).await,
        }
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.means.endpoints()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_cookie_is_kept() {
        let kept = |text: &str| own_cookie(text).map(|cookie| cookie.expose().to_owned());
        assert_eq!(kept("a=1; BXAuth=x y;\n z=2"), Some("BXAuth=xy;".to_owned()));
        assert_eq!(kept("Cookie: BXAuth=x"), Some("BXAuth=x;".to_owned()));
        assert_eq!(kept("a=1; b=2"), None);
        assert_eq!(kept("BXAuth="), None);
    }
}
