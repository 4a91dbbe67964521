//! Gemini CLI with a login of its own, and our server as its `CODE_ASSIST_ENDPOINT`.

use cliproxy_testkit::{FakeUpstream, TestClient, json, status};
use serde_json::json;

use crate::place::{KEY, Place};

const TOKEN: &str = "Bearer ya29.of-the-client";

async fn place(upstream: &FakeUpstream, keys: &str) -> (Place, cliproxy_sdk::Service) {
    let place = Place::new();
    place.write_raw(&format!(
        "host: 127.0.0.1\nport: 0\n{keys}endpoints: {{gemini-cli: {{api: '{}/google'}}}}\n",
        upstream.url()
    ));
    let service = place.serve().await;
    (place, service)
}

fn client(service: &cliproxy_sdk::Service) -> TestClient {
    TestClient::new(format!("http://{}", service.local_addr()))
}

#[tokio::test]
async fn what_a_client_asks_about_its_own_login_goes_to_google_with_its_own_token() {
    for keys in [format!("api-keys: [{KEY}]\n"), String::new()] {
        let upstream = FakeUpstream::start().await;
        let (_place, service) = place(&upstream, &keys).await;
        let cli = client(&service)
            .header("authorization", TOKEN)
            .header("user-agent", "GeminiCLI/0.9 (linux; x64)")
            .header("x-goog-api-client", "gl-node/22")
            .header("cookie", "theirs=1");
        let asked = json!({"metadata": {"pluginType": "GEMINI"}});
        for method in ["loadCodeAssist", "onboardUser", "retrieveUserQuota", "listExperiments"] {
            upstream.script_all([json(&json!({"currentTier": {"id": "free-tier"}, "of": method}))]);
            let reply = cli.post(&format!("/v1internal:{method}?alt=json&key=not-for-them"), &asked).await;
            assert_eq!((reply.status(), reply.header("content-type")), (200, Some("application/json")));
            assert_eq!(reply.json().await["of"], method);
            let seen = upstream.last();
            assert_eq!(
                (seen.method.as_str(), seen.path.as_str()),
                ("POST", format!("/google/v1internal:{method}").as_str())
            );
            assert_eq!((seen.query.as_str(), seen.json()), ("alt=json", asked.clone()));
            assert_eq!(seen.headers["authorization"], TOKEN);
            assert_eq!(seen.headers["user-agent"], "GeminiCLI/0.9 (linux; x64)");
            assert_eq!(seen.headers["x-goog-api-client"], "gl-node/22");
            assert!(!seen.headers.contains_key("cookie"), "{:?}", seen.headers);
        }
        upstream.script_all([json(&json!({"freeTierDataCollectionOptin": false}))]);
        let reply = cli.get("/v1internal:getCodeAssistGlobalUserSetting").await;
        assert_eq!(reply.json().await["freeTierDataCollectionOptin"], false);
        assert_eq!(upstream.last().method, "GET");
        upstream.script_all([json(&json!({"done": true}))]);
        assert_eq!(cli.get("/v1internal/operations/o-1").await.json().await["done"], true);
        assert_eq!(upstream.last().path, "/google/v1internal/operations/o-1");
        // A refusal is Google's, as it came: the client reads its reason.
        let refusal = json!({"error": {"code": 403, "details": [{"reason": "SECURITY_POLICY_VIOLATED"}]}});
        upstream.script_all([status(403).json(&refusal)]);
        let reply = cli.post("/v1internal:loadCodeAssist", &asked).await;
        assert_eq!(reply.status(), 403);
        assert_eq!(reply.json().await, refusal);
        service.stop().await;
    }
}

#[tokio::test]
async fn a_key_of_ours_never_goes_to_google_nor_does_a_page_get_there() {
    let upstream = FakeUpstream::start().await;
    let keys = format!("api-keys: [{KEY}]\nws-keys: [only-for-pages]\n");
    let (_place, service) = place(&upstream, &keys).await;
    let asked = json!({});
    for login in [
        format!("Bearer {KEY}"),
        "Bearer only-for-pages".to_owned(),
        "Basic eDp5".to_owned(),
        "Bearer ".to_owned(),
    ] {
        let cli = client(&service).header("authorization", &login);
        let reply = cli.post("/v1internal:loadCodeAssist", &asked).await;
        assert_eq!(reply.status(), 401, "{login}");
        let error = reply.json().await;
        assert!(error["error"]["message"].as_str().unwrap().contains("handed on to Google"), "{error}");
    }
    // One of ours beside it is enough.
    let both = client(&service).header("authorization", TOKEN).header("x-api-key", KEY);
    assert_eq!(both.post("/v1internal:loadCodeAssist", &asked).await.status(), 401);
    assert_eq!(client(&service).post("/v1internal:loadCodeAssist", &asked).await.status(), 401);
    let page = client(&service).header("authorization", TOKEN).header("origin", "https://evil.example");
    assert_eq!(page.post("/v1internal:loadCodeAssist", &asked).await.status(), 403);
    let rebound = client(&service).header("authorization", TOKEN).header("host", "evil.example:8317");
    assert_eq!(rebound.get("/v1internal:getCodeAssistGlobalUserSetting").await.status(), 403);
    assert!(upstream.requests().is_empty());
    // Nobody there.
    drop(upstream);
    let reply =
        client(&service).header("authorization", TOKEN).post("/v1internal:loadCodeAssist", &asked).await;
    assert_eq!(reply.status(), 502);
    let text = reply.text().await;
    assert!(text.contains("Google did not answer") && !text.contains("ya29"), "{text}");
    service.stop().await;
}
