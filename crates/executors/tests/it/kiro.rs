//! Kiro: hosts, headers, profiles, lists, renewal. Source: providers-b.md 1.3 to 1.8.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialId, CredentialKind, Document, ErrorKind, Origin, ProviderExecutor as _,
    ProviderFormat, ProviderId, Renewal, Secret, Settings, UpstreamModel,
};
use cliproxy_executors::KiroExecutor;
use cliproxy_testkit::{FakeUpstream, Reply, hang, html, json, kiro, refuse, status};
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};

use crate::support::egress;

const BODY: &str = r#"{"conversationState":{"currentMessage":{"userInputMessage":{"content":"hi"}}}}"#;
const ARN: &str = "arn:aws:codewhisperer:us-east-1:000000000000:profile/EXAMPLE";

/// An account as its file says.
pub fn account(file: Value) -> Credential {
    let Value::Object(file) = file else { panic!("a file is an object") };
    Credential::new(
        CredentialId::from_static("kiro-test.json"),
        ProviderId::from_static("kiro"),
        CredentialKind::Account,
        Origin::Store("kiro-test.json".into()),
        Document::new(file),
        Settings::new("test"),
    )
    .into_stored()
}

/// Two fakes in place of the two hosts, and one of the login services.
pub struct Stage {
    pub amazon: FakeUpstream,
    older: FakeUpstream,
    login: FakeUpstream,
    pub executor: KiroExecutor,
}

impl Stage {
    pub async fn set() -> Self {
        let (amazon, older, login) =
            (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
        let executor = KiroExecutor::new(egress())
            .with_url("amazonq", format!("{}/q/{{region}}", amazon.url()))
            .with_url("codewhisperer", older.url())
            .with_url("oidc", format!("{}/oidc/{{region}}", login.url()))
            .with_url("social", login.url());
        Self { amazon, older, login, executor }
    }

    async fn ask(&self, credential: &Credential) -> Result<Vec<u8>, cliproxy_core::ExecutorError> {
        let mut attempt = Attempt::new(
            Arc::new(credential.clone()),
            UpstreamModel::new("claude-sonnet-4.5"),
            ProviderFormat::KIRO,
            Bytes::from_static(BODY.as_bytes()),
        );
        attempt.stream = true;
        let mut reply = self.executor.execute_stream(attempt).await?;
        let mut all = Vec::new();
        while let Some(piece) = reply.body.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }
}

pub fn social() -> Value {
    json!({"type":"kiro","access_token":"AT","refresh_token":"RT","profile_arn":ARN,"auth_method":"social","provider":"Google"})
}

fn with(mut file: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        file[key] = value.clone();
    }
    file
}

#[tokio::test]
async fn a_call_says_what_the_service_needs_and_who_we_are() {
    let stage = Stage::set().await;
    stage.amazon.script_all([kiro::text("hello")]);
    let frames = stage.ask(&account(social())).await.unwrap();
    assert_eq!(frames, kiro::text("hello").bytes());
    let asked = stage.amazon.last();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/q/us-east-1/generateAssistantResponse")
    );
    for (name, value) in [
        ("authorization", "Bearer AT"),
        ("content-type", "application/json"),
        ("accept", "*/*"),
        ("x-amzn-codewhisperer-optout", "true"),
        ("amz-sdk-request", "attempt=1; max=3"),
        ("x-amzn-kiro-agent-mode", "vibe"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    assert!(asked.header("user-agent").unwrap().starts_with("cliproxy/"));
    assert_eq!((asked.header("x-amz-target"), asked.header("x-amz-user-agent")), (None, None));
    let invocation = asked.header("amz-sdk-invocation-id").unwrap().to_owned();
    stage.ask(&account(social())).await.unwrap();
    assert_ne!(
        stage.amazon.last().header("amz-sdk-invocation-id"),
        Some(invocation.as_str()),
        "each has its own"
    );
}

#[tokio::test]
async fn the_other_host_answers_where_the_first_is_busy_or_gone_and_never_for_the_account() {
    // Source: providers-b.md 1.5.1, 1.8 test 25.
    let monthly = kiro::refused(429, "ThrottlingException", "m", "MONTHLY_REQUEST_COUNT");
    for (first, moves) in [
        (kiro::error(429, "ThrottlingException", "Too many requests"), true),
        (kiro::refused(429, "ThrottlingException", "m", "INSUFFICIENT_MODEL_CAPACITY"), true),
        (refuse(), true),
        (monthly, false),
        (kiro::error(400, "ValidationException", "Improperly formed request."), false),
        (kiro::error(401, "UnauthorizedException", "m"), false),
        (kiro::error(402, "ServiceQuotaExceededException", "m"), false),
        (kiro::error(403, "AccessDeniedException", "m"), false),
        (status(500), false),
    ] {
        let stage = Stage::set().await;
        stage.amazon.script_all([first.clone()]);
        stage.older.script_all([kiro::text("from the other")]);
        let answer = stage.ask(&account(social())).await;
        assert_eq!((answer.is_ok(), stage.older.requests().len()), (moves, usize::from(moves)), "{first:?}");
        if moves {
            let target = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse";
            assert_eq!(stage.older.last().header("x-amz-target"), Some(target));
        }
    }
    let stage = Stage::set().await;
    for host in [&stage.amazon, &stage.older] {
        host.script_all([
            kiro::error(429, "ThrottlingException", "Too many requests").header("retry-after", "9")
        ]);
    }
    let error = stage.ask(&account(social())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.evidence().retry_after.map(|wait| wait.as_secs()), Some(9));
    // Where the first was busy its word counts, where it was gone the other's does.
    for (first, kind) in [
        (kiro::error(429, "ThrottlingException", "m"), ErrorKind::RateLimited),
        (refuse(), ErrorKind::Forbidden),
    ] {
        let stage = Stage::set().await;
        stage.amazon.script_all([first]);
        stage.older.script_all([kiro::error(403, "AccessDeniedException", "not here")]);
        assert_eq!(stage.ask(&account(social())).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn a_preference_names_the_first_host_and_other_regions_have_one() {
    // Source: providers-b.md 1.5.1, 1.8 tests 10, 21.
    for (wish, older) in [
        (json!("codewhisperer"), true),
        (json!(" IDE "), true),
        (json!("amazonq"), false),
        (json!("Q"), false),
        (json!("elsewhere"), false),
        (Value::Null, false),
    ] {
        let stage = Stage::set().await;
        stage.amazon.script_all([kiro::text("a")]);
        stage.older.script_all([kiro::text("a")]);
        stage.ask(&account(with(social(), json!({"preferred_endpoint": wish})))).await.unwrap();
        assert_eq!(stage.older.requests().len(), usize::from(older), "{wish}");
    }
    let eu = ARN.replace("us-east-1", "eu-central-1");
    for (file, region) in [
        (json!({"profile_arn": eu, "region": "eu-west-1"}), "eu-central-1"),
        (json!({"profile_arn": eu, "api_region": "ap-south-1"}), "ap-south-1"),
        (json!({"region": "eu-west-1"}), "us-east-1"),
    ] {
        let stage = Stage::set().await;
        let busy = kiro::error(429, "ThrottlingException", "m");
        stage.amazon.script_all([busy.clone()]);
        stage.older.script_all([busy]);
        stage.ask(&account(with(social(), file))).await.unwrap_err();
        assert_eq!(stage.amazon.last().path, format!("/q/{region}/generateAssistantResponse"));
        assert_eq!(stage.older.requests().len(), usize::from(region == "us-east-1"), "{region}");
    }
    let evil = account(with(social(), json!({"api_region": "x.evil.example/"})));
    assert_eq!(Stage::set().await.ask(&evil).await.unwrap_err().kind(), ErrorKind::Misconfigured);
}

#[tokio::test]
async fn a_profile_goes_along_where_the_kind_of_account_has_one() {
    // Source: providers-b.md 1.5.3, 1.8 test 9.
    for (file, goes) in [
        (json!({}), true),
        (json!({"auth_method":"Google"}), true),
        (json!({"client_id":"","client_secret":""}), true),
        (json!({"auth_method":"builder-id"}), false),
        (json!({"auth_method":"BUILDER-ID","client_id":"c","client_secret":"s"}), false),
        (json!({"auth_method":"idc","client_id":"c","client_secret":"s"}), true),
        (json!({"auth_method":null,"auth_type":"aws_sso_oidc"}), false),
    ] {
        let stage = Stage::set().await;
        stage.amazon.script_all([kiro::text("a")]);
        stage.ask(&account(with(social(), file.clone()))).await.unwrap();
        let sent = stage.amazon.last().json();
        assert_eq!(sent.get("profileArn").and_then(Value::as_str), goes.then_some(ARN), "{file}");
        assert_eq!(sent["conversationState"]["currentMessage"]["userInputMessage"]["content"], "hi");
    }
}

#[tokio::test]
async fn an_identity_center_login_without_a_profile_asks_for_it_once() {
    let file = json!({"type":"kiro","access_token":"AT","refresh_token":"RT","auth_method":"idc"});
    let stage = Stage::set().await;
    stage
        .amazon
        .script_path("/q/us-east-1/ListAvailableProfiles", [json(&json!({"profiles":[{"arn":ARN}]}))]);
    stage.amazon.script_all([kiro::text("a")]);
    let login = account(file.clone());
    for _ in 0..2 {
        stage.ask(&login).await.unwrap();
        assert_eq!(stage.amazon.last().json()["profileArn"], ARN);
    }
    let paths: Vec<String> = stage.amazon.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.iter().filter(|path| path.ends_with("ListAvailableProfiles")).count(), 1, "{paths:?}");

    // One that cannot be had is left out: the service says what it thinks of that.
    let stage = Stage::set().await;
    stage.amazon.script_path("/q/us-east-1/ListAvailableProfiles", [status(403)]);
    stage.amazon.script_all([kiro::text("a")]);
    for _ in 0..2 {
        stage.ask(&account(file.clone())).await.unwrap();
        assert_eq!(stage.amazon.last().json().get("profileArn"), None);
    }
    assert_eq!(stage.amazon.requests().len(), 3, "nobody asks at every call");
}

#[tokio::test]
async fn another_login_in_the_same_file_asks_for_its_own_profile() {
    let other = ARN.replace("EXAMPLE", "OTHER");
    let stage = Stage::set().await;
    let profiles = [ARN, &other].map(|arn| json(&json!({"profiles":[{"arn":arn}]})));
    stage.amazon.script_path("/q/us-east-1/ListAvailableProfiles", profiles);
    stage.amazon.script_all([kiro::text("a")]);
    let login = |client: &str, company: &str| {
        account(json!({"type":"kiro","access_token":"AT","refresh_token":"RT","auth_method":"idc",
            "client_id":client,"client_secret":"s","start_url":company}))
    };
    for (client, company, arn) in
        [("c1", "https://one", ARN), ("c1", "https://one", ARN), ("c2", "https://two", &other)]
    {
        stage.ask(&login(client, company)).await.unwrap();
        assert_eq!(stage.amazon.last().json()["profileArn"], arn, "{company}");
    }
}

#[tokio::test]
async fn requests_at_the_same_time_ask_for_a_profile_once() {
    let stage = Stage::set().await;
    let slow = json(&json!({"profiles":[{"arn":ARN}]})).slow_head(std::time::Duration::from_millis(50));
    stage.amazon.script_path("/q/us-east-1/ListAvailableProfiles", [slow]);
    stage.amazon.script_all([kiro::text("a")]);
    let login = account(json!({"type":"kiro","access_token":"AT","refresh_token":"RT","auth_method":"idc"}));
    let answers = tokio::join!(stage.ask(&login), stage.ask(&login), stage.ask(&login), stage.ask(&login));
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok() && answers.3.is_ok());
    let asked = stage.amazon.requests();
    assert_eq!(asked.iter().filter(|asked| asked.path.ends_with("ListAvailableProfiles")).count(), 1);
    assert_eq!(
        asked
            .iter()
            .filter(|asked| !asked.path.ends_with("Profiles") && asked.json()["profileArn"] == ARN)
            .count(),
        4
    );
}

#[tokio::test]
async fn an_identity_center_login_is_renewed_although_nobody_tells_its_profile() {
    let stage = Stage::set().await;
    stage.amazon.script_all([hang()]);
    stage.login.script_all([json(&json!({"accessToken":"A2","refreshToken":"R2","expiresIn":3600}))]);
    let login = account(json!({"type":"kiro","access_token":"AT","refresh_token":"RT","auth_method":"idc",
        "client_id":"c","client_secret":"s"}));
    let fresh = crate::support::with_time_passing_after(&stage.amazon, stage.executor.refresh(&login)).await;
    assert_eq!(fresh.unwrap().document().text("refresh_token"), Some("R2"));
    assert_eq!(stage.amazon.requests().len(), 1, "and the older calls are not made any more");
}

#[tokio::test]
async fn an_older_call_is_asked_for_a_profile_that_the_newer_one_does_not_name() {
    // Source: providers-b.md 1.1.6 "Profile ARN, AWS", both rows.
    let file = json!({"type":"kiro","access_token":"AT","refresh_token":"RT","auth_method":"idc"});
    for (answers, calls) in [
        (vec![json(&json!({"profileArn": ARN}))], 1),
        (vec![json(&json!({"profiles": [{"arn": ARN}]}))], 1),
        (vec![status(403), json(&json!({"customizations": [{"arn": ARN}]}))], 2),
        (vec![json(&json!({})), json(&json!({"customizations": [{"arn": ARN}]}))], 2),
    ] {
        let stage = Stage::set().await;
        stage.amazon.script_path("/q/us-east-1/ListAvailableProfiles", [json(&json!({"profiles": []}))]);
        stage.amazon.script_all([kiro::text("a")]);
        stage.older.script_all(answers);
        stage.ask(&account(file.clone())).await.unwrap();
        assert_eq!(stage.amazon.last().json()["profileArn"], ARN);
        let asked = stage.older.requests();
        assert_eq!(asked.len(), calls);
        assert_eq!(asked[0].header("x-amz-target"), Some("AmazonCodeWhispererService.ListProfiles"));
        assert_eq!(asked[0].header("content-type"), Some("application/x-amz-json-1.0"));
        assert_eq!((asked[0].path.as_str(), asked[0].json()), ("/", json!({"origin": "AI_EDITOR"})));
        let last = asked.last().unwrap().header("x-amz-target").unwrap().to_owned();
        assert_eq!(last.ends_with("ListAvailableCustomizations"), calls == 2, "{last}");
    }
}

#[tokio::test]
async fn the_vendors_own_file_serves_as_it_is() {
    let file = json!({"type":"kiro","accessToken":"CAMEL","refreshToken":"RT","profileArn":ARN,"authMethod":"social"});
    let stage = Stage::set().await;
    stage.amazon.script_all([kiro::text("a")]);
    stage.ask(&account(file.clone())).await.unwrap();
    assert_eq!(stage.amazon.last().header("authorization"), Some("Bearer CAMEL"));
    assert_eq!(stage.amazon.last().json()["profileArn"], ARN);
    stage.login.script_all([json(&json!({"accessToken":"A2","refreshToken":"R2","expiresIn":60}))]);
    let fresh = stage.executor.refresh(&account(file)).await.unwrap();
    assert_eq!(fresh.access_token().unwrap().expose(), "A2");
    stage.ask(&fresh).await.unwrap();
    assert_eq!(
        stage.amazon.last().header("authorization"),
        Some("Bearer A2"),
        "the new token is the one that counts"
    );
}

#[tokio::test]
async fn models_are_listed_with_the_profile_where_they_must() {
    // Source: providers-b.md 1.6, 1.8 test 22.
    let listed = json(&json!({"models":[{"modelId":"claude-sonnet-4.5"},{"modelId":"auto"}]}));
    let stage = Stage::set().await;
    stage.amazon.script_all([listed.clone()]);
    let all = stage.executor.models(&account(social())).await.unwrap();
    let ids: Vec<_> = all.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["kiro-claude-sonnet-4-5-agentic", "kiro-claude-sonnet-4-5", "kiro-auto"]);
    let asked = stage.amazon.last();
    assert_eq!(
        (asked.path.as_str(), asked.query.as_str()),
        ("/q/us-east-1/ListAvailableModels", "origin=AI_EDITOR")
    );

    let stage = Stage::set().await;
    stage.amazon.script_all([kiro::error(403, "AccessDeniedException", "m"), listed]);
    assert_eq!(stage.executor.models(&account(social())).await.unwrap().len(), 3);
    assert!(stage.amazon.last().query.contains("profileArn=arn%3Aaws%3Acodewhisperer%3A"));

    let stage = Stage::set().await;
    stage.amazon.script_all([html(200)]);
    assert!(stage.executor.models(&account(social())).await.is_err());
    assert!(
        stage.executor.known_models(&account(social())).unwrap().len() > 20,
        "those known by heart serve then"
    );
}

/// What a renewal changed.
fn members(credential: &Credential) -> Map<String, Value> {
    credential.document().as_map().clone()
}

#[tokio::test]
async fn each_kind_of_login_renews_where_it_logged_in() {
    // Source: providers-b.md 1.4, 1.8 tests 10, 13.
    let aws = |more: Value| with(with(social(), json!({"client_id":"CID","client_secret":"CS"})), more);
    let oidc = json!({"grantType":"refresh_token","clientId":"CID","clientSecret":"CS","refreshToken":"RT"});
    let simple = json!({"refreshToken":"RT"});
    for (file, path, said) in [
        (aws(json!({"auth_method":"idc","region":"eu-west-1"})), "/oidc/eu-west-1/token", &oidc),
        (aws(json!({"auth_method":"IdC"})), "/oidc/us-east-1/token", &oidc),
        (aws(json!({"auth_method":"builder-id","region":"eu-west-1"})), "/oidc/us-east-1/token", &oidc),
        (aws(json!({"auth_method":null,"auth_type":"aws_sso_oidc"})), "/oidc/us-east-1/token", &oidc),
        (aws(json!({"auth_method":"social"})), "/refreshToken", &simple),
        (social(), "/refreshToken", &simple),
        (
            with(social(), json!({"auth_method":"github","client_id":"","client_secret":""})),
            "/refreshToken",
            &simple,
        ),
    ] {
        let stage = Stage::set().await;
        let reply = json!({"accessToken":"A2","refreshToken":"R2","expiresIn":3600,"tokenType":"Bearer"});
        stage.login.script_all([json(&reply)]);
        let fresh = stage.executor.refresh(&account(file.clone())).await.unwrap();
        let asked = stage.login.last();
        assert_eq!((asked.path.as_str(), &asked.json()), (path, said), "{file}");
        assert_eq!(asked.header("content-type"), Some("application/json"));
        let after = members(&fresh);
        assert_eq!(
            (after["access_token"].as_str(), after["refresh_token"].as_str()),
            (Some("A2"), Some("R2"))
        );
        assert!(fresh.document().expiry().is_some() && after.contains_key("last_refresh"));
        assert_eq!(after.get("expired"), None, "the file's own name for the expiry");
        for (key, value) in file.as_object().unwrap() {
            let changed = ["access_token", "refresh_token"].contains(&key.as_str());
            assert!(changed || after[key] == *value, "{key} stays");
        }
    }
    let own = with(social(), json!({"token_url":"http://127.0.0.1:1/mine"}));
    assert_eq!(
        Stage::set().await.executor.refresh(&account(own)).await.unwrap_err().kind(),
        ErrorKind::Connect
    );
}

#[tokio::test]
async fn a_renewal_that_brings_less_erases_nothing_and_one_that_brings_a_profile_keeps_it() {
    // Source: providers-b.md 1.4 [T], 1.8 test 11.
    let stage = Stage::set().await;
    stage.login.script_all([json(&json!({"accessToken":"A2","expiresIn":0}))]);
    let file = with(social(), json!({"expires_at":"2020-01-01T00:00:00Z","expired":"2020-01-01T00:00:00Z"}));
    let fresh = stage.executor.refresh(&account(file)).await.unwrap();
    let after = members(&fresh);
    assert_eq!((after["refresh_token"].as_str(), after["profile_arn"].as_str()), (Some("RT"), Some(ARN)));
    assert_eq!(after["expired"], after["expires_at"], "no two times in one file");
    assert!(fresh.document().expiry().unwrap().as_secs() > 1_700_000_000);

    let other = ARN.replace("EXAMPLE", "OTHER");
    stage.login.script_all([json(&json!({"accessToken":"A3","profileArn":other}))]);
    let fresh = stage.executor.refresh(&fresh).await.unwrap();
    assert_eq!(members(&fresh)["profile_arn"], other.as_str());
}

#[tokio::test]
async fn an_identity_center_login_writes_down_the_profile_it_lacked() {
    let file = json!({"type":"kiro","access_token":"AT","refresh_token":"RT","auth_method":"idc",
        "client_id":"CID","client_secret":"CS"});
    let stage = Stage::set().await;
    stage.login.script_all([json(&json!({"accessToken":"A2","expiresIn":60}))]);
    stage.amazon.script_all([json(&json!({"profiles":[{"profileName":"p"},{"arn":ARN}]}))]);
    let fresh = stage.executor.refresh(&account(file)).await.unwrap();
    assert_eq!(members(&fresh)["profile_arn"], ARN);
    assert_eq!(stage.amazon.last().header("authorization"), Some("Bearer A2"), "with the new token");
}

#[tokio::test]
async fn a_rotated_token_works_once_and_refusals_are_told_from_troubles() {
    let file = with(social(), json!({"auth_method":"idc","client_id":"CID","client_secret":"CS"}));
    let stage = Stage::set().await;
    // The scripted service: each refresh token once.
    let spent = parking_lot::Mutex::new(Vec::<String>::new());
    stage.login.answer_with(move |request| {
        let token = request.json()["refreshToken"].as_str().unwrap().to_owned();
        let mut spent = spent.lock();
        if spent.contains(&token) {
            return status(400).json(
                &json!({"error":"invalid_grant","error_description":"Invalid refresh token provided"}),
            );
        }
        spent.push(token);
        let next = format!("R{}", spent.len() + 1);
        json(&json!({"accessToken": format!("A{}", spent.len() + 1), "refreshToken": next, "expiresIn": 60}))
    });
    let first = account(file);
    let second = stage.executor.refresh(&first).await.unwrap();
    let third = stage.executor.refresh(&second).await.unwrap();
    assert_eq!(third.refresh_token().unwrap().expose(), "R3");
    let error = stage.executor.refresh(&first).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{error}");

    for (reply, kind) in [
        (status(500), ErrorKind::Server),
        (html(200), ErrorKind::BadReply),
        (status(429).json(&json!({"message":"m"})), ErrorKind::RateLimited),
        (status(400).json(&json!({"__type":"InvalidGrantException","message":"m"})), ErrorKind::InvalidGrant),
        (status(401).json(&json!({"error":"invalid_client"})), ErrorKind::InvalidGrant),
        (refuse(), ErrorKind::Connect),
    ] {
        stage.login.interrupt([reply]);
        let error = stage.executor.refresh(&third).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert!(stage.executor.refresh(&third).await.is_ok(), "troubles spend no token");

    let refused = |file: Value, reply: Reply| async move {
        let stage = Stage::set().await;
        stage.login.script_all([reply]);
        stage.executor.refresh(&account(file)).await.unwrap_err()
    };
    let error = refused(social(), status(401).json(&json!({"message":"Bad credentials"}))).await;
    assert_eq!(error.kind(), ErrorKind::InvalidGrant, "the vendor's own service refuses without a code");
}

#[tokio::test]
async fn a_registration_that_is_named_by_its_hash_is_read_renewed_with_and_written_down() {
    // Source: providers-b.md 1.4, 1.8 test 13.
    let folder = tempfile::TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    std::fs::create_dir(&cache).unwrap();
    let registration =
        json!({"clientId":"CID","clientSecret":"CS","expiresAt":"2099-01-01T00:00:00.000Z"}).to_string();
    std::fs::write(cache.join("0af1.json"), &registration).unwrap();
    std::fs::write(folder.path().join("outside.json"), &registration).unwrap();
    let mut stage = Stage::set().await;
    stage.executor = stage.executor.with_registrations(Some(cache));
    stage.login.script_all([json(&json!({"accessToken":"A2","refreshToken":"R2","expiresIn":3600}))]);
    let file = with(
        social(),
        json!({"auth_method":"IdC","client_id_hash":"0af1","region":"eu-west-1","client_id":"","client_secret":""}),
    );
    let fresh = stage.executor.refresh(&account(file)).await.unwrap();
    let asked = stage.login.last();
    assert_eq!(asked.path, "/oidc/eu-west-1/token");
    assert_eq!(
        asked.json(),
        json!({"clientId":"CID","clientSecret":"CS","refreshToken":"RT","grantType":"refresh_token"})
    );
    for (key, value) in [
        ("client_id", "CID"),
        ("client_secret", "CS"),
        ("client_secret_expires_at", "2099-01-01T00:00:00Z"),
        ("access_token", "A2"),
    ] {
        assert_eq!(fresh.document().text(key), Some(value), "{key}");
    }
    for hash in ["../outside", "absent"] {
        let file = with(social(), json!({"auth_method":"idc","client_id_hash":hash}));
        let error = stage.executor.refresh(&account(file)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
        assert!(error.to_string().contains("import the login again"), "{error}");
    }
    // A social login has no registration, whatever is written there.
    let file = with(social(), json!({"client_id_hash":"absent"}));
    stage.executor.refresh(&account(file)).await.unwrap();
    assert_eq!(stage.login.last().path, "/refreshToken");
}

#[tokio::test]
async fn the_kind_of_task_that_a_user_wrote_down_is_said() {
    let stage = Stage::set().await;
    stage.amazon.script_all([kiro::text("hello")]);
    stage.ask(&account(with(social(), json!({"agent_task_type":"vibe"})))).await.unwrap();
    assert_eq!(stage.amazon.last().json()["conversationState"]["agentTaskType"], "vibe");
    stage.ask(&account(social())).await.unwrap();
    assert_eq!(stage.amazon.last().json()["conversationState"].get("agentTaskType"), None);
}

#[tokio::test]
async fn an_account_says_what_it_has_used() {
    // Source: providers-b.md 1.7 "Usage API".
    let stage = Stage::set().await;
    let usage = json!({"subscriptionInfo": {"subscriptionTitle": "KIRO PRO"}, "nextDateReset": 1_795_428_000_i64,
        "usageBreakdownList": [{"resourceType": "CREDIT", "currentUsageWithPrecision": 12.5, "usageLimitWithPrecision": 1000}]});
    stage.amazon.script_all([json(&usage), status(403).json(&json!({"message": "not for you"})), html(200)]);
    let quota = stage.executor.quota(&account(social())).await.unwrap();
    assert_eq!(quota.to_string(), "KIRO PRO, CREDIT 12.5 of 1000 used, resets 2026-11-23T10:00:00Z");
    let asked = stage.amazon.last();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/q/us-east-1/getUsageLimits"));
    for part in ["origin=AI_EDITOR", "resourceType=AGENTIC_REQUEST", "profileArn=arn"] {
        assert!(asked.query.contains(part), "{part} in {}", asked.query);
    }
    assert_eq!(asked.header("authorization"), Some("Bearer AT"));
    for kind in [ErrorKind::Forbidden, ErrorKind::BadReply] {
        assert_eq!(stage.executor.quota(&account(social())).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_said() {
    let over = with(
        social(),
        json!({"auth_method":"idc","client_id":"CID","client_secret":"CS","client_secret_expires_at":1_600_000_000}),
    );
    let stage = Stage::set().await;
    stage.login.script_all([status(401).json(&json!({"error":"invalid_client"}))]);
    let error = stage.executor.refresh(&account(over)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant);
    assert!(error.to_string().contains("client registration"), "{error}");

    let hash = with(social(), json!({"auth_method":"idc","client_id_hash":"abc"}));
    let error = stage.executor.refresh(&account(hash)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("client_id_hash"), "{error}");
    assert!(stage.login.requests().len() == 1, "it is not tried elsewhere");

    let tokenless = account(json!({"type":"kiro","refresh_token":"RT"}));
    let error = stage.ask(&tokenless).await.unwrap_err();
    assert!(error.to_string().contains("access_token"), "{error}");
    assert!(error.to_string().contains("cliproxy-server login kiro"), "{error}");
    assert!(stage.amazon.requests().is_empty());
}

#[tokio::test]
async fn accounts_are_renewed_ahead_of_time_and_keys_never() {
    // Source: providers-b.md 0.2.
    let executor = KiroExecutor::new(egress());
    let lead = |credential: &Credential| executor.renewal(credential);
    assert_eq!(lead(&account(social())), Renewal::Lead(std::time::Duration::from_secs(20 * 60)));
    assert_eq!(
        lead(&account(json!({"access_token":"AT"}))),
        Renewal::Never,
        "there is nothing to renew with"
    );
    let key = crate::support::credential("kiro", "key", |_| {});
    assert_eq!(lead(&key), Renewal::Never);
    assert_eq!(executor.refresh(&key).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let error = executor.refresh(&account(json!({"access_token":"AT"}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn nothing_secret_of_an_account_is_printed() {
    let canary = Secret::from("CANARY");
    let file = with(
        social(),
        json!({"access_token":canary.expose(),"refresh_token":"CANARY","client_id":"c","client_secret":"CANARY","auth_method":"idc"}),
    );
    let stage = Stage::set().await;
    stage.login.script_all([status(400).json(&json!({"error":"invalid_grant","error_description":"no"}))]);
    stage.amazon.script_all([status(500)]);
    let login = account(file);
    let renewal = stage.executor.refresh(&login).await.unwrap_err();
    let call = stage.ask(&login).await.unwrap_err();
    let shown = format!("{:?} {login:?} {renewal:?} {renewal} {call:?} {call}", stage.executor);
    assert!(!shown.contains("CANARY"), "{shown}");
}
