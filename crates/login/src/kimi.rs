//! Kimi: a Kimi Code subscription of Moonshot, by a device code. Source: providers-b.md 5.1 to 5.3.

use std::sync::Arc;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginRequest, LoginUi, NewLogin, ProviderId,
};
use cliproxy_transport::oauth::{known, random_uuid};
use http::HeaderName;
use serde_json::json;

use crate::Options;
use crate::device::{Extras, consent};
use crate::means::{Means, token_failed};
use crate::names::{part, token_owner};

static ENDPOINTS: [Endpoint; 2] =
    [Endpoint::new("device", "https://auth.kimi.com/api/oauth/device_authorization"), known::KIMI.token];

#[derive(Debug)]
pub(crate) struct Kimi(Means);

impl Kimi {
    pub(crate) fn new(options: &Options) -> Self {
        Self(Means::new(ProviderId::from_static("kimi"), known::KIMI, &ENDPOINTS, options))
    }
}

#[async_trait]
impl Authenticator for Kimi {
    fn name(&self) -> &str {
        "kimi"
    }

    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn summary(&self) -> &str {
        "Kimi, a Kimi Code subscription of Moonshot (code on any device)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.0;
        let device = random_uuid().map_err(token_failed)?;
        let mut endpoint = means.token_endpoint()?;
        for (name, value) in known::kimi_headers(&device) {
            endpoint = endpoint.with_header(HeaderName::from_static(name), &value);
        }
        let tokens = consent(means, &request, &ui, &endpoint, Extras::default()).await?;
        let now = means.now();
        let mut document = tokens.members(now);
        document.insert("token_type".to_owned(), json!(tokens.token_type));
        if !tokens.scope.is_empty() {
            document.insert("scope".to_owned(), json!(tokens.scope));
        }
        document.insert("device_id".to_owned(), json!(device));
        document.insert("type".to_owned(), json!("kimi"));
        // The reply names nobody. A name of the user's choice tells accounts apart, and the token where it can be read.
        let name = request.answer("email").map(str::trim).filter(|name| !name.is_empty());
        if let Some(name) = name {
            document.insert("email".to_owned(), json!(name));
        }
        let file = name.map_or_else(|| now.as_millis().to_string(), part);
        let file = format!("kimi-{file}.json");
        let login = NewLogin::new(means.provider.clone(), file, Document::new(document), &["email"]);
        Ok(login.with_owner(token_owner))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}
