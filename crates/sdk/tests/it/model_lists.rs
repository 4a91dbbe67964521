//! Lists that are fetched: nothing waits for them, and a reload makes those under way void.

use cliproxy_testkit::{FakeUpstream, Reply, hang, json, status};
use serde_json::json;

use crate::support::World;

fn list(ids: &[&str]) -> Reply {
    let models: Vec<_> = ids
        .iter()
        .map(|id| json!({"name": format!("models/{id}"), "supportedGenerationMethods": ["generateContent"]}))
        .collect();
    json(&json!({"models": models}))
}

#[tokio::test]
async fn a_service_starts_with_what_is_known_and_takes_the_fetched_list_when_it_comes() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([list(&["gemini-from-the-list"]).slow_head(std::time::Duration::from_millis(100))]);
    let world = World::start(&format!(
        "endpoints: {{gemini: {{api: '{}'}}}}\ngemini-api-key: [{{api-key: one}}, {{api-key: two}}]\n",
        upstream.url()
    ))
    .await;
    assert!(world.models().await.iter().any(|id| id == "gemini-2.5-pro"), "it does not wait");
    world.wait_for("gemini-from-the-list", true).await;
    assert_eq!(world.models().await, ["gemini-from-the-list"]);
    assert_eq!(upstream.keys_seen(), ["one"], "one key asks for all keys of a service");
    world.service.stop().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_had_leaves_the_known_one() {
    let upstream = FakeUpstream::start().await;
    upstream.script("one", [status(500)]);
    upstream.script("two", [status(200).body("no json")]);
    upstream.script("three", [status(404)]);
    let world = World::start(&format!(
        "codex-api-key: [{{api-key: one, base-url: '{0}'}}, {{api-key: two, base-url: '{0}'}}, {{api-key: three, base-url: '{0}'}}, {{api-key: four, base-url: '{0}'}}]\n",
        upstream.url()
    ))
    .await;
    upstream.wait_for_requests(3).await;
    assert!(world.models().await.iter().any(|id| id == "gpt-5.1-codex"));
    world.service.stop().await;
    assert_eq!(upstream.keys_seen().len(), 3, "three keys are asked, no more");
}

#[tokio::test]
async fn nobody_is_asked_when_the_configuration_lists_the_models() {
    let upstream = FakeUpstream::start().await;
    let world = World::start(&format!(
        "gemini-api-key: [{{api-key: one, base-url: '{0}', models: [{{name: gemini-2.5-pro, alias: pro}}]}}]\n\
         codex-api-key: [{{api-key: one, base-url: '{0}', models: [{{name: gpt-5}}]}}]\n\
         vertex-api-key: [{{api-key: one, base-url: '{0}', models: [{{name: gemini-3-flash, alias: v}}]}}]\n",
        upstream.url()
    ))
    .await;
    assert_eq!(world.models().await, ["gpt-5", "pro", "v"]);
    world.service.stop().await;
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_late_list_does_not_bring_back_what_a_reload_took_away() {
    let (slow, quick) = (FakeUpstream::start().await, FakeUpstream::start().await);
    slow.script_all([list(&["late"]).slow_head(std::time::Duration::from_millis(150))]);
    quick.script_all([list(&["early"])]);
    let gemini = |upstream: &FakeUpstream| {
        format!("gemini-api-key: [{{api-key: k, base-url: '{}'}}]\n", upstream.url())
    };
    let world = World::start(&gemini(&slow)).await;
    slow.wait_for_requests(1).await;
    world.reload(&gemini(&quick)).await;
    world.wait_for("early", true).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(world.models().await, ["early"]);
    world.service.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_list() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([hang()]);
    let world =
        World::start(&format!("gemini-api-key: [{{api-key: k, base-url: '{}'}}]\n", upstream.url())).await;
    upstream.wait_for_requests(1).await;
    let stop = tokio::time::timeout(std::time::Duration::from_secs(10), world.service.stop());
    assert!(stop.await.is_ok(), "the list of models held up the stop");
}
