//! Qwen: a device code with PKCE. Source: providers-b.md 3.1 to 3.3.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginRequest, LoginUi, NewLogin, ProviderId, Question,
};
use cliproxy_transport::oauth::{Authorization, known};
use serde_json::json;

use crate::Options;
use crate::device::{Extras, consent};
use crate::means::Means;
use crate::names::{part, token_owner};

static ENDPOINTS: [Endpoint; 2] =
    [Endpoint::new("device", "https://chat.qwen.ai/api/v1/oauth2/device/code"), known::QWEN.token];

#[derive(Debug)]
pub(crate) struct Qwen(Means);

impl Qwen {
    pub(crate) fn new(options: &Options) -> Self {
        Self(Means::new(ProviderId::from_static("qwen"), known::QWEN, &ENDPOINTS, options))
    }

    /// The provider does not say whose account it is: a name of the user's choice. Nothing, when they choose none.
    async fn alias(request: &LoginRequest, ui: &Arc<dyn LoginUi>) -> String {
        if let Some(known) = request.answer("email") {
            return known.to_owned();
        }
        let question = Question::new("email", "An e-mail address or a name for this account");
        ui.ask(question).await.unwrap_or_default().trim().to_owned()
    }
}

#[async_trait]
impl Authenticator for Qwen {
    fn name(&self) -> &str {
        "qwen"
    }

    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn summary(&self) -> &str {
        "Qwen, an account of chat.qwen.ai (code on any device)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.0;
        // Before there are tokens that a question without an answer could cost.
        let alias = Self::alias(&request, &ui).await;
        let flow = Authorization::new();
        let extras = Extras {
            scope: "openid profile email model.completion",
            start: &[("code_challenge", flow.challenge()), ("code_challenge_method", "S256")],
            poll: &[("code_verifier", flow.verifier().expose())],
        };
        let tokens = consent(means, &request, &ui, &means.token_endpoint()?, extras).await?;
        let alias = if alias.is_empty() { means.now().as_millis().to_string() } else { alias };
        let mut document = tokens.members(means.now());
        let resource =
            tokens.extra.get("resource_url").and_then(serde_json::Value::as_str).unwrap_or_default();
        document.insert("resource_url".to_owned(), json!(resource));
        document.insert("email".to_owned(), json!(alias));
        document.insert("type".to_owned(), json!("qwen"));
        let file = format!("qwen-{}.json", part(&alias));
        Ok(NewLogin::new(means.provider.clone(), file, Document::new(document), &["email"])
            .with_owner(token_owner))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}
