//! Keys of `gemini-api-key` and `vertex-api-key` through the whole stack.

use cliproxy_testkit::{FakeUpstream, gemini};
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn a_bad_or_spent_key_of_google_moves_the_request_on_and_rests() {
    for (section, path) in [
        ("gemini-api-key", "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("vertex-api-key", "/v1/publishers/google/models/gemini-2.5-pro:generateContent"),
    ] {
        for bad in [gemini::invalid_key(), gemini::rate_limited(600)] {
            let upstream = FakeUpstream::start().await;
            upstream.script("bad", [bad]);
            upstream.script("good", [gemini::generation("fine")]);
            let models = "models: [{name: gemini-2.5-pro, alias: pro}]";
            let yaml = format!(
                "request-retry: 0\n{section}:\n\
                 - {{api-key: bad, priority: 1, base-url: '{0}', {models}}}\n\
                 - {{api-key: good, base-url: '{0}', {models}}}\n",
                upstream.url()
            );
            let world = World::start(&yaml).await;
            let body =
                json!({"model": "pro", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
            for _ in 0..2 {
                let reply = world.client().post("/v1/messages", &body).await.json().await;
                assert_eq!(reply["content"][0]["text"], "fine", "{section}: {reply}");
            }
            assert_eq!(upstream.keys_seen(), ["bad", "good", "good"], "{section}");
            assert_eq!(upstream.last().path, path);
            world.service.stop().await;
        }
    }
}
