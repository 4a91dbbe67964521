//! Gemini CLI: a Google account with Gemini Code Assist, through the browser. Source: providers-a.md 5.1, 5.2.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, Document, Endpoint, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi,
    NewLogin, ProviderId, Question, Secret,
};
use cliproxy_transport::oauth::{AuthorizeUrl, CodeGrant, Tokens, known};
use serde_json::{Map, Value, json};

use crate::Options;
use crate::browser::{Redirect, consent};
use crate::google::{self, Loaded, onboard, tier};
use crate::means::{Call, Means, token_failed};
use crate::names::part;

static ENDPOINTS: [Endpoint; 6] = [
    Endpoint::new("authorize", "https://accounts.google.com/o/oauth2/auth"),
    known::GEMINI_CLI.token,
    Endpoint::new("userinfo", "https://www.googleapis.com/oauth2/v1/userinfo?alt=json"),
    Endpoint::new("projects", "https://cloudresourcemanager.googleapis.com/v1/projects"),
    Endpoint::new("api", "https://cloudcode-pa.googleapis.com"),
    Endpoint::new("services", "https://serviceusage.googleapis.com/v1/projects"),
];
const REDIRECT: Redirect = Redirect::chosen_port(8085, "/oauth2callback");
const SCOPES: [&str; 3] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
];
/// The reference waits without end; setting up takes seconds.
const ONBOARD: (u32, Duration) = (24, Duration::from_secs(5));

#[derive(Debug)]
pub(crate) struct GeminiCli(Means);

impl GeminiCli {
    pub(crate) fn new(options: &Options) -> Self {
        Self(Means::new(ProviderId::from_static("gemini-cli"), known::GEMINI_CLI, &ENDPOINTS, options))
    }

    async fn tokens(&self, request: &LoginRequest, ui: &Arc<dyn LoginUi>) -> Result<Tokens, LoginError> {
        let means = &self.0;
        means.required_secret()?;
        let authorize = means.url("authorize")?;
        let consent = consent(means, request, ui, REDIRECT, |flow, redirect| {
            let url = AuthorizeUrl::new(&authorize).map_err(token_failed)?;
            let url = url
                .with("client_id", means.client_id())
                .with("redirect_uri", redirect)
                .with("response_type", "code")
                .with("scope", &SCOPES.join(" "))
                .with_pkce(flow)
                .with("access_type", "offline")
                .with("prompt", "consent");
            Ok(url.into_string())
        })
        .await?;
        let grant =
            CodeGrant::new(consent.code, consent.redirect_uri).with_verifier(consent.flow.verifier().clone());
        let endpoint = means.token_endpoint()?;
        endpoint.exchange(means.http(), &means.via(), &grant).await.map_err(token_failed)
    }

    /// The projects to bill, set up for Code Assist, and whether the provider chose.
    async fn projects(
        &self,
        request: &LoginRequest,
        ui: &Arc<dyn LoginUi>,
        token: &Secret,
    ) -> Result<(Vec<String>, bool), LoginError> {
        match request.answer("project") {
            Some(all) if all.eq_ignore_ascii_case("all") => {
                let listed = self.listed(token).await?;
                let mut ready = Vec::new();
                for project in &listed {
                    match self.set_up(ui, token, Some(project)).await {
                        Ok(Some(project)) => ready.push(project),
                        Ok(None) => {}
                        Err(error) => {
                            ui.tell(LoginStep::Note(format!("project {project} is left out: {error}")))
                        }
                    }
                }
                ready.dedup();
                if ready.is_empty() {
                    let message = "none of the account's projects can use Code Assist";
                    return Err(LoginError::new(LoginErrorKind::NotEntitled, message));
                }
                Ok((ready, false))
            }
            Some(named) => {
                let mut ready = Vec::new();
                for project in named.split(',').map(str::trim).filter(|project| !project.is_empty()) {
                    ready.extend(self.set_up(ui, token, Some(project)).await?);
                }
                Ok((ready, false))
            }
            None => {
                if let Some(given) = self.set_up(ui, token, None).await? {
                    return Ok((vec![given], true));
                }
                let chosen = self.chosen(ui, token).await?;
                let ready = self.set_up(ui, token, Some(&chosen)).await?;
                Ok((ready.into_iter().collect(), false))
            }
        }
    }

    async fn listed(&self, token: &Secret) -> Result<Vec<String>, LoginError> {
        let list =
            self.0.json(Call::get("the list of projects", self.0.url("projects")?).bearer(token)).await?;
        let projects = list.get("projects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let active = projects.iter().filter(|project| {
            project.get("lifecycleState").and_then(Value::as_str).is_none_or(|state| state == "ACTIVE")
        });
        Ok(active.filter_map(|project| Some(project.get("projectId")?.as_str()?.to_owned())).collect())
    }

    async fn chosen(&self, ui: &Arc<dyn LoginUi>, token: &Secret) -> Result<String, LoginError> {
        let listed = self.listed(token).await?;
        let Some(first) = listed.first().cloned() else {
            let message = "this account needs a Google Cloud project, and has none: make one, or name one with \
                           -project_id";
            return Err(LoginError::new(LoginErrorKind::Setup, message));
        };
        if listed.len() == 1 {
            return Ok(first);
        }
        let question = Question::new("project", "Which project? (number or id; Enter: the first)");
        let Some(answer) = ui.ask(question.with_choices(listed.clone())).await else {
            let message = format!(
                "this account has several projects: name one with -project_id ({})",
                listed.join(", ")
            );
            return Err(LoginError::new(LoginErrorKind::NoInput, message));
        };
        let answer = answer.trim();
        if answer.is_empty() {
            return Ok(first);
        }
        let by_number = answer.parse::<usize>().ok().and_then(|number| listed.get(number.checked_sub(1)?));
        let by_id = listed.iter().find(|project| project.as_str() == answer);
        by_number.or(by_id).cloned().ok_or_else(|| {
            LoginError::new(
                LoginErrorKind::BadInput,
                "no such project is in the list: log in again and choose one",
            )
        })
    }

    /// Sets Code Assist up, for a project or for the account alone. `None`: a project has to be named.
    // Source: providers-a.md 5.1 steps 3 to 9, with what [V] does: an account that has a tier is not set up again, and
    // the free tier is set up without a project.
    async fn set_up(
        &self,
        ui: &Arc<dyn LoginUi>,
        token: &Secret,
        project: Option<&str>,
    ) -> Result<Option<String>, LoginError> {
        let means = &self.0;
        let mut metadata =
            json!({"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"});
        if let (Some(project), Some(metadata)) = (project, metadata.as_object_mut()) {
            metadata.insert("duetProject".to_owned(), json!(project));
        }
        let mut body = json!({"metadata": metadata});
        if let (Some(project), Some(body)) = (project, body.as_object_mut()) {
            body.insert("cloudaicompanionProject".to_owned(), json!(project));
        }
        let loaded = match google::load(means, token, &body).await? {
            Loaded::Account(loaded) => loaded,
            Loaded::Guarded => json!({"currentTier": {"id": "standard-tier"}}),
        };
        self.eligible(&loaded)?;
        let own = google::project(&loaded);
        if loaded.get("currentTier").is_some_and(Value::is_object) {
            let ready = project.map(str::to_owned).or(own);
            if let Some(project) = project {
                self.enable(ui, token, project).await;
            }
            return Ok(ready);
        }
        let tier = tier(&loaded);
        let free = tier.to_ascii_lowercase().starts_with("free");
        if !free && project.is_none() && own.is_none() {
            return Ok(None);
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("tierId".to_owned(), json!(tier));
            match project.map(str::to_owned).or(own.clone()).filter(|_| !free) {
                Some(project) => body.insert("cloudaicompanionProject".to_owned(), json!(project)),
                None => body.remove("cloudaicompanionProject"),
            };
        }
        ui.tell(LoginStep::Note("Setting up Code Assist; this takes a moment.".to_owned()));
        let made = onboard(means, token, &body, ONBOARD).await?;
        // Source: step 8: a free account works with the project that it is given.
        let ready = if free {
            made.or(project.map(str::to_owned))
        } else {
            project.map(str::to_owned).or(made).or(own)
        };
        if let (Some(project), Some(ready)) = (project, &ready)
            && project == ready
        {
            self.enable(ui, token, project).await;
        }
        Ok(ready)
    }

    /// Source: [V] "an ineligible tier with reason VALIDATION_REQUIRED carries a validationUrl".
    fn eligible(&self, loaded: &Value) -> Result<(), LoginError> {
        let tiers =
            loaded.get("ineligibleTiers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let validate = tiers
            .iter()
            .find(|tier| tier.get("reasonCode").and_then(Value::as_str) == Some("VALIDATION_REQUIRED"));
        let Some(url) = validate.and_then(|tier| tier.get("validationUrl")?.as_str()) else { return Ok(()) };
        let message =
            format!("Google wants this account to be validated first: open {url}, then log in again");
        Err(LoginError::new(LoginErrorKind::NotEntitled, message))
    }

    /// Switches the API on for the user's own project. What fails is told: it may be on already.
    async fn enable(&self, ui: &Arc<dyn LoginUi>, token: &Secret, project: &str) {
        if let Err(error) = self.try_enable(token, project).await {
            let note = format!(
                "{error}; if calls are refused, enable cloudaicompanion.googleapis.com for project {project}"
            );
            ui.tell(LoginStep::Note(note));
        }
    }

    async fn try_enable(&self, token: &Secret, project: &str) -> Result<(), LoginError> {
        let what = "the Gemini API of the project";
        let url =
            format!("{}/{}/services/cloudaicompanion.googleapis.com", self.0.url("services")?, part(project));
        let state = self.0.json(Call::get(what, url.clone()).bearer(token)).await?;
        if state.get("state").and_then(Value::as_str) == Some("ENABLED") {
            return Ok(());
        }
        self.0.json(Call::post(what, format!("{url}:enable"), json!({})).bearer(token)).await.map(drop)
    }
}

#[async_trait]
impl Authenticator for GeminiCli {
    fn name(&self) -> &str {
        "gemini-cli"
    }

    fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    fn summary(&self) -> &str {
        "Gemini CLI, a Google account with Code Assist (browser)"
    }

    async fn login(&self, request: LoginRequest, ui: Arc<dyn LoginUi>) -> Result<NewLogin, LoginError> {
        let means = &self.0;
        let tokens = self.tokens(&request, &ui).await?;
        let token = json!(token_object(means, &tokens));
        // Whatever comes of the rest, the tokens are here; the project may be written into the file, or come with the next
        // login.
        let so_far = |email: &str| {
            let members = [("token", token.clone()), ("email", json!(email)), ("type", json!("gemini"))];
            let members: Map<_, _> =
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            ui.so_far(self.named(format!("gemini-{}.json", part(email)), email, members.clone()));
            members
        };
        so_far("");
        let email = match google::email(means, &tokens.access_token).await {
            Ok(email) => email,
            Err(error) => {
                ui.tell(LoginStep::Note(error.to_string()));
                String::new()
            }
        };
        let mut document = so_far(&email);
        let (projects, auto) = self.projects(&request, &ui, &tokens.access_token).await?;
        let project = projects.join(",");
        for (key, value) in [("project_id", json!(project)), ("auto", json!(auto)), ("checked", json!(true))]
        {
            document.insert(key.to_owned(), value);
        }
        let file = if projects.len() > 1 {
            format!("gemini-{}-all.json", part(&email))
        } else {
            format!("{}-{}.json", part(&email), part(&project))
        };
        Ok(self.named(file, &email, document))
    }

    fn endpoints(&self) -> &[Endpoint] {
        self.0.endpoints()
    }
}

impl GeminiCli {
    fn named(&self, file: String, email: &str, document: Map<String, Value>) -> NewLogin {
        // People share projects: without an e-mail it is nobody that is known.
        let identity: &[_] =
            if email.is_empty() { &["token.refresh_token"] } else { &["email", "project_id"] };
        let document = Document::new(document);
        NewLogin::new(self.0.provider.clone(), file, document, identity).with_exact(&["email"])
    }
}

/// The reference's `token` member, without the client's secret: it is built in or configured, and need not lie there.
fn token_object(means: &Means, tokens: &Tokens) -> Map<String, Value> {
    let mut token = Map::new();
    let mut put = |key: &str, value: Value| {
        token.insert(key.to_owned(), value);
    };
    put("access_token", json!(tokens.access_token.expose()));
    put("token_type", json!("Bearer"));
    if let Some(refresh) = &tokens.refresh_token {
        put("refresh_token", json!(refresh.expose()));
    }
    if let Some(lifetime) = tokens.expires_in {
        put("expiry", json!(means.now().plus(lifetime).to_rfc3339()));
        put("expires_in", json!(lifetime.as_secs()));
    }
    put("token_uri", json!(known::GEMINI_CLI.token.default));
    put("client_id", json!(means.client_id()));
    put("scopes", json!(SCOPES));
    put("universe_domain", json!("googleapis.com"));
    token
}
