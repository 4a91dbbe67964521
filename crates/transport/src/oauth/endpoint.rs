//! A token endpoint, and what is asked of it.

use std::fmt::{self, Display};

use cliproxy_core::Secret;
use http::{HeaderMap, HeaderName, HeaderValue};
use oauth2::basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ErrorResponseType,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardErrorResponse,
    StandardRevocableToken, TokenUrl,
};

use super::error::TokenError;
use super::reply::Asked;
use super::tokens::{Reply, Tokens};
use super::wire::{Dialect, Wire, no_tokens};
use crate::{HttpClient, Via};

/// How a client shows its secret, when it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuth {
    /// As members of the body.
    #[default]
    Body,
    /// As `Authorization: Basic`, and as members of the body too: some endpoints look at either.
    BasicAndBody,
}

/// A token endpoint under one OAuth client. Cheap to make; it holds no connection.
#[derive(Clone, Debug)]
pub struct TokenEndpoint {
    pub(super) url: String,
    pub(super) client_id: String,
    pub(super) secret: Option<Secret>,
    pub(super) auth: ClientAuth,
    pub(super) dialect: Dialect,
}

/// An authorization code and what proves that it is ours. `Debug` shows none of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct CodeGrant {
    /// The code that the callback brought.
    pub code: Secret,
    /// The very redirect URI of the authorize URL.
    pub redirect_uri: String,
    /// The PKCE verifier, where the flow has one.
    pub verifier: Option<Secret>,
    /// Members that this provider wants beside the standard ones.
    pub extra: Vec<(String, String)>,
}

impl fmt::Debug for CodeGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra: Vec<&str> = self.extra.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("CodeGrant")
            .field("redirect_uri", &self.redirect_uri)
            .field("extra", &extra)
            .finish_non_exhaustive()
    }
}

impl CodeGrant {
    /// A code of a flow without PKCE.
    #[must_use]
    pub fn new(code: Secret, redirect_uri: impl Into<String>) -> Self {
        Self { code, redirect_uri: redirect_uri.into(), verifier: None, extra: Vec::new() }
    }

    /// With the verifier of its flow.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Secret) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// With one member more.
    #[must_use]
    pub fn with_extra(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }
}

pub(super) type Client<Device = EndpointNotSet> = oauth2::Client<
    BasicErrorResponse,
    Reply,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    Device,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl TokenEndpoint {
    /// A public client's endpoint that takes forms.
    #[must_use]
    pub fn new(url: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            client_id: client_id.into(),
            secret: None,
            auth: ClientAuth::Body,
            dialect: Dialect::default(),
        }
    }

    /// With the client's secret, shown in this way.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret, auth: ClientAuth) -> Self {
        self.secret = Some(secret);
        self.auth = auth;
        self
    }

    /// Sends JSON in place of forms.
    #[must_use]
    pub fn with_json(mut self) -> Self {
        self.dialect.json = true;
        self
    }

    /// Sends JSON whose members are spelt in camelCase, as AWS has it.
    // Source: providers-b.md 1.1.2 "camelCase both ways".
    #[must_use]
    pub fn with_camel_case_json(mut self) -> Self {
        self.dialect.json = true;
        self.dialect.camel = true;
        self
    }

    /// Sends JSON with these members only, named as the standard names them: for endpoints that know no others.
    #[must_use]
    pub fn with_only(mut self, members: &'static [&'static str]) -> Self {
        self.dialect.json = true;
        self.dialect.only = Some(members);
        self
    }

    /// Sends this header with every request. A value that no header can carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.dialect.headers.insert(name, value);
        }
        self
    }

    /// Sends these headers with every request.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.dialect.headers.extend(headers);
        self
    }

    /// The provider means these statuses for good even without an error code, as long as JSON comes with them.
    #[must_use]
    pub fn with_final_statuses(mut self, statuses: &[u16]) -> Self {
        self.dialect.final_statuses = statuses.to_vec();
        self
    }

    /// Exchanges a refresh token. `scope` may be empty.
    ///
    /// # Errors
    /// See [`TokenError`]; [`TokenError::is_permanent`] says whether the token is dead.
    pub async fn refresh(
        &self,
        http: &HttpClient,
        via: &Via,
        refresh_token: &Secret,
        scope: &str,
    ) -> Result<Tokens, TokenError> {
        let client = self.client()?;
        let token = RefreshToken::new(refresh_token.expose().to_owned());
        let mut request = client.exchange_refresh_token(&token);
        if !scope.is_empty() {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        if let Some(secret) = self.secret_beside_basic() {
            request = request
                .add_extra_param("client_id", &*self.client_id)
                .add_extra_param("client_secret", secret);
        }
        request
            .request_async(&self.wire(http, via).asking(Asked::Refresh))
            .await
            .map(|reply| Tokens::of(&reply))
            .map_err(token_error)
    }

    /// Exchanges an authorization code.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn exchange(
        &self,
        http: &HttpClient,
        via: &Via,
        grant: &CodeGrant,
    ) -> Result<Tokens, TokenError> {
        let redirect =
            RedirectUrl::new(grant.redirect_uri.clone()).map_err(|error| bad_url("redirect URI", &error))?;
        let client = self.client()?.set_redirect_uri(redirect);
        let mut request = client.exchange_code(AuthorizationCode::new(grant.code.expose().to_owned()));
        if let Some(verifier) = &grant.verifier {
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()));
        }
        for (name, value) in &grant.extra {
            request = request.add_extra_param(name.as_str(), value.as_str());
        }
        if let Some(secret) = self.secret_beside_basic() {
            request = request
                .add_extra_param("client_id", &*self.client_id)
                .add_extra_param("client_secret", secret);
        }
        request
            .request_async(&self.wire(http, via))
            .await
            .map(|reply| Tokens::of(&reply))
            .map_err(token_error)
    }

    pub(super) fn client(&self) -> Result<Client, TokenError> {
        let url = TokenUrl::new(self.url.clone()).map_err(|error| bad_url("token URL", &error))?;
        let auth = match self.auth {
            ClientAuth::Body => AuthType::RequestBody,
            ClientAuth::BasicAndBody => AuthType::BasicAuth,
        };
        let client =
            oauth2::Client::new(ClientId::new(self.client_id.clone())).set_token_uri(url).set_auth_type(auth);
        Ok(match &self.secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        })
    }

    pub(super) fn wire<'w>(&'w self, http: &'w HttpClient, via: &'w Via) -> Wire<'w> {
        Wire::new(http, via, &self.dialect)
    }

    fn secret_beside_basic(&self) -> Option<&str> {
        let both = self.auth == ClientAuth::BasicAndBody;
        self.secret.as_ref().filter(|_| both).map(Secret::expose)
    }
}

pub(super) fn bad_url(what: &str, error: &dyn std::error::Error) -> TokenError {
    TokenError::Setup(format!("the {what} is no URL ({error})"))
}

pub(super) fn token_error<T: ErrorResponseType + Display + 'static>(
    error: RequestTokenError<TokenError, StandardErrorResponse<T>>,
) -> TokenError {
    match error {
        RequestTokenError::ServerResponse(said) => TokenError::Refused {
            code: said.error().to_string(),
            description: said.error_description().cloned().unwrap_or_default(),
        },
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(_, body) => no_tokens(&body),
        RequestTokenError::Other(what) => TokenError::Setup(what),
    }
}
