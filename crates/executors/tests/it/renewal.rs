//! Logins are renewed: what is sent, what is kept, what a failure proves.

use std::sync::Arc;
use std::time::Duration;

use cliproxy_core::{Credential, ErrorKind, ProviderExecutor, Renewal, Secret, Timestamp};
use cliproxy_executors::{ClaudeExecutor, CodexExecutor, IflowExecutor, KimiExecutor, QwenExecutor};
use cliproxy_testkit::{FakeTokenEndpoint, html, refuse, status};
use serde_json::{Value, json};

use crate::support::{credential, egress, jwt, login};

type Make = fn(String) -> Arc<dyn ProviderExecutor>;

/// Every executor that renews, by its provider, and how long before the expiry it does.
const ALL: [(&str, Make, Duration); 5] = [
    ("claude", |url| Arc::new(ClaudeExecutor::new(egress()).with_url("token", url)), hours(4)),
    ("codex", |url| Arc::new(CodexExecutor::new(egress()).with_url("token", url)), hours(5 * 24)),
    ("qwen", |url| Arc::new(QwenExecutor::new(egress()).with_url("token", url)), hours(3)),
    ("kimi", |url| Arc::new(KimiExecutor::new(egress()).with_url("token", url)), Duration::from_secs(300)),
    ("iflow", |url| Arc::new(iflow().with_url("token", url)), hours(24)),
];

/// Its secret is not built in; who the account is cannot be asked here, and must not cost the new tokens.
fn iflow() -> IflowExecutor {
    let executor = IflowExecutor::new(egress()).with_url("userinfo", "http://127.0.0.1:1/userinfo");
    executor.with_oauth_client(None, Some(Secret::from("the-secret")))
}

const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

fn stored(provider: &str) -> Credential {
    login(
        provider,
        json!({"access_token": "old", "refresh_token": "first", "email": "me@example.com", "account_id": "acc",
            "id_token": "id", "note": {"mine": 1}, "expired": "2020-01-01T00:00:00Z"}),
    )
}

fn text(credential: &Credential, key: &str) -> String {
    credential.document().text(key).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_renewal_brings_new_tokens_and_keeps_everything_that_the_reply_left_out() {
    for (provider, make, lead) in ALL {
        let fake = FakeTokenEndpoint::start(["first"]).await;
        let executor = make(fake.url());
        let old = stored(provider);
        assert_eq!(executor.renewal(&old), Renewal::Lead(lead), "{provider}");
        let new = executor.refresh(&old).await.unwrap();
        for (key, value) in [
            ("access_token", "access-1"),
            ("refresh_token", "refresh-1"),
            ("email", "me@example.com"),
            ("account_id", "acc"),
            ("id_token", "id"),
            ("type", provider),
        ] {
            assert_eq!(text(&new, key), value, "{provider} {key}");
        }
        assert_eq!(new.document().get("note"), Some(&json!({"mine": 1})));
        let now = Timestamp::from_system_time(std::time::SystemTime::now());
        let left = new.document().expiry().unwrap().since(now);
        assert!(
            left > Duration::from_secs(3500) && left <= Duration::from_secs(3600),
            "{provider}: {left:?}"
        );
        assert!(new.document().last_refresh().unwrap() <= now.plus(Duration::from_secs(1)));
        // The next one uses what the last one brought.
        let newer = executor.refresh(&new).await.unwrap();
        assert_eq!(text(&newer, "refresh_token"), "refresh-2");
        assert_eq!(fake.reuses(), 0);
    }
}

#[tokio::test]
async fn only_a_parsed_refusal_ends_a_login() {
    for (provider, make, _) in ALL {
        let fake = FakeTokenEndpoint::start(["first"]).await;
        let executor = make(fake.url());
        for (reply, kind) in [
            (html(200), ErrorKind::BadReply),
            (html(403), ErrorKind::BadReply),
            (status(503).json(&json!({"error": "invalid_grant"})), ErrorKind::Server),
            (status(429), ErrorKind::RateLimited),
            (refuse(), ErrorKind::Connect),
            // Words of a device code's poll, and other ways to say "later". Source: providers-b.md 3.1 `[V]` (`slow_down`
            // under 429); AWS's common errors; providers-a.md 1.4.
            (status(429).json(&json!({"error": "slow_down"})), ErrorKind::RateLimited),
            (status(400).json(&json!({"error": "slow_down"})), ErrorKind::Server),
            (status(400).json(&json!({"__type": "a.b#SlowDownException"})), ErrorKind::Server),
            (status(400).json(&json!({"error": "authorization_pending"})), ErrorKind::Server),
            (
                status(400).json(&json!({"__type": "a.b#ThrottlingException", "message": "Rate exceeded"})),
                ErrorKind::Server,
            ),
            (status(400).json(&json!({"__type": "TooManyRequestsException"})), ErrorKind::Server),
            (status(400).json(&json!({"error": {"code": "RequestLimitExceeded"}})), ErrorKind::Server),
            // A failure that only has a number. Source: providers-b.md 4.1 `[H]`, 4.5 "Failures are not classified".
            (
                status(200).json(&json!({"success": false, "code": 500, "message": "system busy"})),
                ErrorKind::Server,
            ),
            (status(200).json(&json!({"success": false, "message": "system busy"})), ErrorKind::Server),
            // Source: providers-b.md 4.1 `[H]` "empty `access_token` too".
            (status(200).json(&json!({"access_token": " ", "expires_in": 60})), ErrorKind::BadReply),
        ] {
            fake.fail_with([reply]);
            let error = executor.refresh(&stored(provider)).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{provider}: {error}");
        }
        fake.fail_with([status(400).header("retry-after", "77").json(&json!({"error": "slow_down"}))]);
        let error = executor.refresh(&stored(provider)).await.unwrap_err();
        assert_eq!(error.evidence().retry_after, Some(Duration::from_secs(77)), "{provider}: {error}");
        // In the same clothes, and still a refusal.
        for reply in
            [json!({"success": false, "code": "invalid_grant"}), json!({"error": "InvalidGrantException"})]
        {
            fake.fail_with([status(400).json(&reply)]);
            let error = executor.refresh(&stored(provider)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{provider} {reply}: {error}");
        }
        executor.refresh(&stored(provider)).await.unwrap();
        let error = executor.refresh(&stored(provider)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{provider}: {error}");
        assert_eq!(fake.reuses(), 1);
    }
}

/// What the file says of the old token's end is nothing about the new one: it would be renewed again at once.
#[tokio::test]
async fn a_reply_without_a_lifetime_leaves_nothing_of_the_old_tokens() {
    for (provider, make, _) in ALL {
        for lifetime in [Value::Null, json!(0), json!(-1), json!("soon")] {
            let fake = FakeTokenEndpoint::start(["first"]).await;
            fake.set_extra(json!({"expires_in": lifetime}));
            let new = make(fake.url()).refresh(&stored(provider)).await.unwrap();
            assert_eq!(new.document().expiry(), None, "{provider} {lifetime}");
            assert!(new.document().last_refresh().is_some());
            assert_eq!(new.document().get("note"), Some(&json!({"mine": 1})), "{provider}");
        }
    }
    // Codex's token says it itself. Source: providers-a.md 3.4.
    let fake = FakeTokenEndpoint::start(["first"]).await;
    let end = 4_000_000_000_i64;
    fake.set_extra(json!({"expires_in": null, "access_token": jwt(&json!({"exp": end}))}));
    let executor = CodexExecutor::new(egress()).with_url("token", fake.url());
    let new = executor.refresh(&stored("codex")).await.unwrap();
    assert_eq!(new.document().expiry(), Some(Timestamp::from_secs(end)));
}

#[tokio::test]
async fn a_login_without_a_refresh_token_is_left_alone() {
    for (provider, make, _) in ALL {
        let fake = FakeTokenEndpoint::start(["first"]).await;
        let executor = make(fake.url());
        let setup = login(provider, json!({"access_token": "only", "refresh_token": " "}));
        assert_eq!(executor.renewal(&setup), Renewal::Never, "{provider}");
        assert_eq!(executor.refresh(&setup).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(fake.upstream().requests().is_empty());
    }
}

#[tokio::test]
async fn the_file_says_where_it_is_renewed_and_through_which_proxy() {
    for (provider, make, _) in ALL {
        let fake = FakeTokenEndpoint::start(["first"]).await;
        let executor = make("http://127.0.0.1:1/token".to_owned());
        let mut document = stored(provider).document().as_map().clone();
        document.insert("token_url".to_owned(), json!(fake.url()));
        let own = login(provider, Value::Object(document));
        executor.refresh(&own).await.unwrap();
        // Source: providers-a.md 2.7 "Refresh must go through the credential's own `proxy_url`".
        let mut settings = own.settings().clone();
        settings.proxy = Some(Secret::from("http://127.0.0.1:1"));
        let error = executor.refresh(&own.with_settings(settings)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{provider}: {error}");
        assert_eq!(fake.redemptions().len(), 1, "nothing went around the proxy");
    }
}

#[tokio::test]
async fn each_token_endpoint_is_asked_in_its_own_words() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    ClaudeExecutor::new(egress()).with_url("token", fake.url()).refresh(&stored("claude")).await.unwrap();
    assert_eq!(
        fake.upstream().last().json(),
        json!({"grant_type": "refresh_token", "refresh_token": "first",
            "client_id": "9d1c250a-e61b-44d9-88ed-5944d1962f5e"})
    );
    let fake = FakeTokenEndpoint::start(["first"]).await;
    CodexExecutor::new(egress()).with_url("token", fake.url()).refresh(&stored("codex")).await.unwrap();
    let asked = fake.upstream().last();
    let form = ["grant_type", "refresh_token", "client_id", "scope"].map(|name| asked.form(name).unwrap());
    assert_eq!(form, ["refresh_token", "first", "app_EMoamEEZ73f0CkXaXp7hrann", "openid profile email"]);
}

#[tokio::test]
async fn what_a_reply_says_of_the_account_is_taken_over() {
    let fake = FakeTokenEndpoint::start(["first"]).await;
    fake.set_extra(json!({"account": {"email_address": "new@example.com"}}));
    let executor = ClaudeExecutor::new(egress()).with_url("token", fake.url());
    assert_eq!(text(&executor.refresh(&stored("claude")).await.unwrap(), "email"), "new@example.com");

    let fake = FakeTokenEndpoint::start(["first"]).await;
    let auth = json!({"chatgpt_account_id": "acc-2"});
    let token = jwt(&json!({"email": "new@example.com", "https://api.openai.com/auth": auth}));
    fake.set_extra(json!({"id_token": token}));
    let executor = CodexExecutor::new(egress()).with_url("token", fake.url());
    let new = executor.refresh(&stored("codex")).await.unwrap();
    assert_eq!(
        ["id_token", "email", "account_id"].map(|key| text(&new, key)),
        [&token, "new@example.com", "acc-2"]
    );
}

#[tokio::test]
async fn keys_are_never_renewed() {
    let executor = ClaudeExecutor::new(egress());
    assert_eq!(executor.renewal(&credential("claude", "sk-ant-x", |_| {})), Renewal::Never);
}
