//! The executor.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    AccountQuota, Attempt, Credential, CredentialKind, Endpoint, ErrorKind, Evidence, ExecutorError, Failure,
    ModelInfo, Operation, ProviderExecutor, ProviderFormat, ProviderId, Renewal, ReplyModes, UpstreamModel,
    WireReply, WireStream,
};
use cliproxy_translator::format::kiro::search::{Page, SearchFailure, SearchOrder};
use cliproxy_transport::oauth::known::{KIRO_AMAZONQ, KIRO_OIDC, KIRO_SOCIAL};
use cliproxy_transport::oauth::{Pace as _, RealTime};
use http::{HeaderMap, Method as Verb, Request, Response};
use serde_json::Value;

use super::account::{Account, HOME, Method};
use super::profiles::{Places, Profiles, fetched};
use super::renew::{at, renewed};
use super::{error, models, request, search, searching, usage};
use crate::egress::BEFORE_SAVING;
use crate::headers::apply_credential_headers;
use crate::urls::{Base, segment};
use crate::{Egress, Urls};

const PROVIDER: ProviderId = ProviderId::from_static("kiro");
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::KIRO];

/// Where everything is; `{region}` is the account's. Source: providers-b.md 1.4, 1.5.1.
static ENDPOINTS: [Endpoint; 4] = [
    KIRO_AMAZONQ,
    Endpoint::new("codewhisperer", "https://codewhisperer.{region}.amazonaws.com"),
    KIRO_OIDC,
    KIRO_SOCIAL,
];

/// Ends of whole URLs that people paste as a root.
const ENDS: [&str; 1] = ["/generateAssistantResponse"];

/// What the older host wants to be told.
const TARGET: &str = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse";

/// Source: providers-b.md 0.2.
const LEAD: Duration = Duration::from_secs(20 * 60);

/// Serves Kiro's models.
#[derive(Clone, Debug)]
pub struct KiroExecutor {
    provider: ProviderId,
    egress: Egress,
    urls: Urls,
    profiles: Profiles,
    registrations: Option<PathBuf>,
}

/// A host that answers, and what it wants to be told.
struct Line {
    root: String,
    target: Option<&'static str>,
}

impl KiroExecutor {
    /// An executor with the built-in URLs.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        let (urls, profiles) = (Urls::new(&ENDPOINTS), Profiles::default());
        Self { provider: PROVIDER, egress, urls, profiles, registrations: None }
    }

    /// Looks for client registrations, which logins of AWS's own tools name by a hash, in this folder
    /// (`~/.aws/sso/cache`).
    #[must_use]
    pub fn with_registrations(mut self, folder: Option<PathBuf>) -> Self {
        self.registrations = folder;
        self
    }

    /// Replaces a URL (`endpoints.kiro.<name>`).
    #[must_use]
    pub fn with_url(mut self, name: impl Into<String>, url: impl AsRef<str>) -> Self {
        self.urls = self.urls.with_override(name, url);
        self
    }

    /// The hosts for an account, best first. Source: providers-b.md 1.5.1.
    fn lines(&self, account: &Account<'_>) -> Result<Vec<Line>, ExecutorError> {
        if let Some(own) =
            account.credential.settings().base_url.as_deref().filter(|url| !url.trim().is_empty())
        {
            return Ok(vec![Line { root: own.to_owned(), target: None }]);
        }
        let region = account.api_region()?;
        let mut lines = vec![Line { root: at(&self.urls, "amazonq", region), target: None }];
        // The older host exists in one region only.
        if region == HOME {
            lines.push(Line { root: at(&self.urls, "codewhisperer", region), target: Some(TARGET) });
            let wish = account.credential.document().text("preferred_endpoint").map(str::to_ascii_lowercase);
            if matches!(wish.as_deref(), Some("codewhisperer" | "ide")) {
                lines.reverse();
            }
        }
        Ok(lines)
    }

    /// The root for calls about the account: Amazon Q's, unless the credential has its own.
    fn root(&self, account: &Account<'_>) -> Result<String, ExecutorError> {
        match account.credential.settings().base_url.as_deref().filter(|url| !url.trim().is_empty()) {
            Some(own) => Ok(own.to_owned()),
            None => Ok(at(&self.urls, "amazonq", account.api_region()?)),
        }
    }

    /// The root for older calls about the account, which that host knows in one region only.
    fn legacy_root(&self, account: &Account<'_>) -> String {
        let own = account.credential.settings().base_url.as_deref().filter(|url| !url.trim().is_empty());
        own.map_or_else(|| at(&self.urls, "codewhisperer", HOME), str::to_owned)
    }

    /// One reply of the service.
    pub(super) async fn generate(
        &self,
        attempt: &Attempt,
        body: &Bytes,
    ) -> Result<WireStream, ExecutorError> {
        let account = Account::of(&attempt.credential);
        let root = self.root(&account)?;
        // A key that no call can show is said before any call is made.
        request::authorize(&mut HeaderMap::new(), &account)?;
        let legacy = self.legacy_root(&account);
        let profile = self.profiles.of(&account, &self.egress, self, places(&root, &legacy)).await;
        let body = request::body(body, profile.as_deref(), account.task())?;
        let mut failure: Option<ExecutorError> = None;
        for line in self.lines(&account)? {
            let uri = Base::new(&line.root).without(&ENDS).join("/generateAssistantResponse")?;
            let call = request::generate(uri, body.clone(), &account, &attempt.client_headers, line.target)?;
            match self.egress.stream(self, &attempt.credential, attempt.now, call).await {
                Err(error) if moves_on(&error) => failure = Some(error),
                // The first host knew the account and was busy: what the other has against it proves nothing.
                Err(error) => {
                    return Err(failure.filter(|failure| failure.status().is_some()).unwrap_or(error));
                }
                answer => return answer,
            }
        }
        Err(failure.unwrap_or_else(|| ExecutorError::new(ErrorKind::Internal, "there was no host to call")))
    }

    /// What the service's web search finds.
    pub(super) async fn search(&self, attempt: &Attempt, query: &str) -> Result<Vec<Page>, SearchFailure> {
        let account = Account::of(&attempt.credential);
        let root = self.root(&account).map_err(|_| SearchFailure::Unavailable)?;
        search::found(self, &self.egress, &account, Base::new(&root).without(&ENDS), query).await
    }

    async fn list(&self, account: &Account<'_>, query: &str) -> Result<Vec<ModelInfo>, ExecutorError> {
        let root = self.root(account)?;
        let uri =
            Base::new(&root).without(&ENDS).join(&format!("/ListAvailableModels?origin=AI_EDITOR{query}"))?;
        let request = request::about(Verb::GET, uri, Bytes::new(), account)?;
        let reply = self.egress.listed(self, account.credential, request).await?;
        models::fetched(&reply.body).ok_or_else(|| {
            ExecutorError::new(ErrorKind::BadReply, "the provider's list of models names none")
        })
    }
}

/// Whether the service's other host may answer: it is busy, or was not reached. Never where the account is at fault.
// Source: providers-b.md 1.5.1 "Move to the next endpoint on", 1.8 test 25.
fn moves_on(error: &ExecutorError) -> bool {
    let busy = error.status().is_some_and(|status| status.as_u16() == 429);
    busy && error.kind() != ErrorKind::PaymentRequired || error.kind() == ErrorKind::Connect
}

/// Where profiles are asked for.
fn places<'p>(root: &'p str, legacy: &'p str) -> Places<'p> {
    Places { now: Base::new(root).without(&ENDS), legacy: Base::new(legacy).without(&ENDS) }
}

#[async_trait]
impl ProviderExecutor for KiroExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate => &FORMATS,
            _ => &[],
        }
    }

    fn reply_modes(&self, _model: &UpstreamModel) -> ReplyModes {
        // Source: providers-b.md 1.5.8 "the upstream always streams".
        ReplyModes::StreamOnly
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let account = Account::of(credential);
        let listed = self.list(&account, "").await;
        match (listed, account.profile_arn()) {
            // Source: providers-b.md 1.6 [H] "on failure again with `profileArn`".
            (Err(error), Some(arn)) if error.status().is_some() => {
                self.list(&account, &format!("&profileArn={}", segment(arn))).await
            }
            (listed, _) => listed,
        }
    }

    fn known_models(&self, _credential: &Credential) -> Option<Vec<ModelInfo>> {
        Some(models::known())
    }

    /// Whole replies are not given: see [`Self::reply_modes`].
    async fn execute(&self, _attempt: Attempt) -> Result<WireReply, ExecutorError> {
        Err(ExecutorError::unsupported(&self.provider, "whole replies, it only streams"))
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let wrong = |error| {
            ExecutorError::new(ErrorKind::InvalidRequest, "the request is no JSON object").with_source(error)
        };
        let (body, order) = SearchOrder::take(&attempt.body).map_err(wrong)?;
        match order {
            Some(order) => searching::stream(self.clone(), attempt, body, order).await,
            None => self.generate(&attempt, &body).await,
        }
    }

    fn renewal(&self, credential: &Credential) -> Renewal {
        let account = Account::of(credential);
        let renewable = credential.kind() == CredentialKind::Account && account.refresh_token().is_some();
        if renewable { Renewal::Lead(LEAD) } else { Renewal::Never }
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        if credential.kind() == CredentialKind::ApiKey {
            return Err(ExecutorError::unsupported(&self.provider, "refresh of a key"));
        }
        let changes =
            renewed(credential, &self.egress, &self.urls, self.registrations.as_deref(), RealTime.now())
                .await?;
        let mut fresh = credential.with_document(credential.document().merged(changes));
        let account = Account::of(&fresh);
        // The renewal is what writes down: a profile that is missing is asked for now.
        if account.method == Method::Idc
            && account.profile_arn().is_none()
            && let Ok(root) = self.root(&account)
            && let legacy = self.legacy_root(&account)
            && let profile = fetched(&account, &self.egress, self, places(&root, &legacy))
            && let Ok(Some(arn)) = tokio::time::timeout(BEFORE_SAVING, profile).await
        {
            let named = [("profile_arn".to_owned(), Value::from(arn))].into_iter().collect();
            fresh = fresh.with_document(fresh.document().merged(named));
        }
        Ok(fresh)
    }

    async fn quota(&self, credential: &Credential) -> Result<AccountQuota, ExecutorError> {
        let account = Account::of(credential);
        let root = self.root(&account)?;
        let legacy = self.legacy_root(&account);
        let profile = self.profiles.of(&account, &self.egress, self, places(&root, &legacy)).await;
        let profile = profile.map(|arn| format!("&profileArn={}", segment(&arn))).unwrap_or_default();
        let uri = Base::new(&root).without(&ENDS).join(&format!("{}{profile}", usage::PATH))?;
        let request = request::about(Verb::GET, uri, Bytes::new(), &account)?;
        let reply = self.egress.listed(self, credential, request).await?;
        usage::read(&reply.body)
            .ok_or_else(|| ExecutorError::new(ErrorKind::BadReply, "the provider's answer tells no usage"))
    }

    fn classify(&self, failure: &Failure<'_>) -> Evidence {
        error::classify(failure)
    }

    async fn http_request(
        &self,
        credential: &Credential,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExecutorError> {
        request::authorize(request.headers_mut(), &Account::of(credential))?;
        apply_credential_headers(request.headers_mut(), credential, &HeaderMap::new());
        self.egress.raw(credential, request).await
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
