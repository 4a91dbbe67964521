//! Logins of Kiro from the auth directory through the whole stack.

use cliproxy_testkit::{FakeUpstream, Reply, TestClient, json, kiro, status};
use serde_json::{Value, json};

use crate::place::{KEY, Place};

const MODEL: &str = "kiro-claude-sonnet-4-5";

/// A folder with these logins, and a config that finds everything at the fake.
fn place(upstream: &FakeUpstream, logins: &[(&str, Value)]) -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.auth_dir()).unwrap();
    for (name, login) in logins {
        std::fs::write(place.auth_dir().join(name), login.to_string()).unwrap();
    }
    let url = upstream.url();
    place.write(&format!(
        "request-retry: 0\nendpoints: {{kiro: {{amazonq: '{url}/q', codewhisperer: '{url}/older', social: '{url}', oidc: '{url}/oidc'}}}}\n"
    ));
    place
}

fn login(token: &str, priority: i64) -> Value {
    json!({"type": "kiro", "access_token": token, "refresh_token": format!("RT-{token}"), "auth_method": "social", "provider": "Google",
        "profile_arn": "arn:aws:codewhisperer:us-east-1:000000000000:profile/EXAMPLE",
        "expires_at": "2099-01-01T00:00:00Z", "priority": priority, "my_note": "kept"})
}

/// The same wish in each client's words, and where the answer's text is.
fn requests(stream: bool) -> [(String, Value); 4] {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let action = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    [
        ("/v1/chat/completions".to_owned(), json!({"model": MODEL, "messages": turns, "stream": stream})),
        ("/v1/responses".to_owned(), json!({"model": MODEL, "input": "hi", "stream": stream})),
        (
            "/v1/messages".to_owned(),
            json!({"model": MODEL, "max_tokens": 9, "messages": turns, "stream": stream}),
        ),
        (
            format!("/v1beta/models/{MODEL}:{action}"),
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
    ]
}

fn client(service: &cliproxy_sdk::Service) -> TestClient {
    TestClient::new(format!("http://{}", service.local_addr())).bearer(KEY)
}

/// What the service answers beside the model.
fn listed(upstream: &FakeUpstream) {
    let models = json!({"models": [{"modelId": "claude-sonnet-4.5"}, {"modelId": "auto"}]});
    upstream.script_path("/q/ListAvailableModels", [json(&models)]);
}

#[tokio::test]
async fn every_client_is_served_whole_and_streamed() {
    let upstream = FakeUpstream::start().await;
    listed(&upstream);
    let made = kiro::Answer::new()
        .thought("hm", "")
        .text("fine words")
        .tool_use("tooluse_1", "read", &json!({"path": "ä"}))
        .usage(10, 2, 3);
    upstream.script_path("/q/generateAssistantResponse", [made.stream().split_every(11)]);
    let place = place(&upstream, &[("kiro-google-a.json", login("AT", 0))]);
    let service = place.serve().await;
    for stream in [false, true] {
        for (path, body) in requests(stream) {
            let reply = client(&service).post(&path, &body).await;
            let code = reply.status();
            let text = reply.text().await;
            assert_eq!(code, 200, "{path} {stream}: {text}");
            for part in ["words", "tooluse_1", "path", MODEL] {
                assert!(text.contains(part), "{path} {stream}: {part} in {text}");
            }
            let asked = upstream.last();
            assert_eq!((asked.path.as_str(), asked.key.as_str()), ("/q/generateAssistantResponse", "AT"));
            let sent = asked.json();
            let current = &sent["conversationState"]["currentMessage"]["userInputMessage"];
            assert_eq!(
                (&current["content"], &current["modelId"]),
                (&json!("hi"), &json!("claude-sonnet-4.5"))
            );
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_written_back() {
    let upstream = FakeUpstream::start().await;
    listed(&upstream);
    let answer = |request: &cliproxy_testkit::Received| -> Reply {
        match (request.path.as_str(), request.key.as_str()) {
            ("/refreshToken", _) => {
                json(&json!({"accessToken": "A2", "refreshToken": "R2", "expiresIn": 3600}))
            }
            ("/q/generateAssistantResponse", "A2") => kiro::text("fine"),
            ("/q/generateAssistantResponse", _) => kiro::error(401, "UnauthorizedException", "m"),
            _ => status(404),
        }
    };
    upstream.answer_with(answer);
    let place = place(&upstream, &[("kiro-google-a.json", login("A1", 0))]);
    let service = place.serve().await;
    let (path, body) = requests(false)[2].clone();
    for _ in 0..2 {
        let reply = client(&service).post(&path, &body).await.json().await;
        assert_eq!(reply["content"][0]["text"], "fine", "{reply}");
    }
    let renewals: Vec<_> =
        upstream.requests().into_iter().filter(|request| request.path == "/refreshToken").collect();
    assert_eq!(renewals.len(), 1);
    assert_eq!(renewals[0].json(), json!({"refreshToken": "RT-A1"}));
    let file = std::fs::read_to_string(place.auth_dir().join("kiro-google-a.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!((&file["access_token"], &file["refresh_token"]), (&json!("A2"), &json!("R2")));
    assert_eq!(file["my_note"], "kept");
    assert_ne!(file["expires_at"], "2099-01-01T00:00:00Z");
    service.stop().await;
}

#[tokio::test]
async fn a_spent_month_moves_the_request_to_the_next_login() {
    let upstream = FakeUpstream::start().await;
    listed(&upstream);
    upstream
        .script("spent", [kiro::refused(402, "ServiceQuotaExceededException", "m", "MONTHLY_REQUEST_COUNT")]);
    upstream.script("good", [kiro::text("fine")]);
    let place = place(&upstream, &[("kiro-a.json", login("spent", 9)), ("kiro-b.json", login("good", 1))]);
    let service = place.serve().await;
    let (path, body) = requests(false)[2].clone();
    for _ in 0..2 {
        let reply = client(&service).post(&path, &body).await.json().await;
        assert_eq!(reply["content"][0]["text"], "fine", "{reply}");
    }
    let calls: Vec<_> = upstream
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("generateAssistantResponse"))
        .map(|request| request.key)
        .collect();
    assert_eq!(calls, ["spent", "good", "good"], "the older host is not asked, and the login rests");
    service.stop().await;
}

#[tokio::test]
async fn a_locked_account_rests_and_a_refused_token_is_renewed_whatever_the_status() {
    let upstream = FakeUpstream::start().await;
    listed(&upstream);
    let locked = "Your account is TEMPORARILY_SUSPENDED. We detected unusual user activity.";
    upstream.script("locked", [kiro::error(403, "AccessDeniedException", locked)]);
    let stale = "The bearer token included in the request is invalid.";
    upstream.script("stale", [kiro::error(403, "AccessDeniedException", stale)]);
    upstream.script("A2", [kiro::text("fine")]);
    let fresh = json!({"accessToken": "A2", "refreshToken": "R2", "expiresIn": 36_000});
    upstream.script_path("/refreshToken", [json(&fresh)]);
    let place = place(&upstream, &[("kiro-a.json", login("locked", 9)), ("kiro-b.json", login("stale", 1))]);
    let service = place.serve().await;
    let (path, body) = requests(false)[2].clone();
    for _ in 0..2 {
        let reply = client(&service).post(&path, &body).await.json().await;
        assert_eq!(reply["content"][0]["text"], "fine", "{reply}");
    }
    let calls: Vec<_> = upstream
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("generateAssistantResponse"))
        .map(|request| request.key)
        .collect();
    assert_eq!(calls, ["locked", "stale", "A2", "A2"], "the locked one is neither renewed nor asked again");
    service.stop().await;
}
