//! Browsers that come back to the main port. Source: http-api.md A.10.

use cliproxy_testkit::TestClient;

use crate::place::Place;

#[tokio::test]
async fn a_browser_that_comes_back_to_the_server_is_told_where_its_login_waits() {
    let place = Place::new();
    place.write("");
    let service = place.serve().await;
    let browser = TestClient::new(format!("http://{}", service.local_addr()));
    for provider in ["anthropic", "codex", "google", "iflow", "antigravity", "kiro"] {
        let reply = browser.get(&format!("/{provider}/callback?code=CANARY&state=s")).await;
        // Not 200, as the reference has it always: nobody took the code.
        assert_eq!((reply.status(), reply.header("content-type")), (501, Some("text/html; charset=utf-8")));
        assert_eq!(
            (reply.header("cache-control"), reply.header("referrer-policy")),
            (Some("no-store"), Some("no-referrer"))
        );
        let page = reply.text().await;
        assert!(page.contains("cliproxy-server login") && page.contains("Copy the whole address"), "{page}");
        assert!(!page.contains("CANARY"), "{page}");
    }
    // Nothing else is theirs.
    for path in ["/qwen/callback", "/anthropic/callback/x"] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(browser.post("/codex/callback", &serde_json::json!({})).await.status(), 404);
    service.stop().await;
}
