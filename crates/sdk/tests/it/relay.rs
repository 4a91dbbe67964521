//! Pages of AI Studio at a running service: each is a credential for as long as it is connected.

use std::time::Duration;

use cliproxy_sdk::Service;
use cliproxy_testkit::{FakeUpstream, RelayPage, TestClient, TestSocket, gemini};
use serde_json::{Value, json};

use crate::support::World;

const MODEL: &str = "gemini-2.5-pro";

async fn page(world: &World) -> TestSocket {
    let before = pages(&world.service).len();
    let socket =
        world.client().websocket("/v1/ws").await.unwrap_or_else(|reply| panic!("{}", reply.status()));
    counted(world, before + 1).await;
    socket
}

/// The ids of the pages' credentials.
fn pages(service: &Service) -> Vec<String> {
    let ids = service.conductor().credentials().into_iter().map(|status| status.credential.id().to_string());
    ids.filter(|id| id.starts_with("aistudio-")).collect()
}

async fn counted(world: &World, count: usize) {
    while pages(&world.service).len() != count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn chat(stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

fn say(request: &Value, kind: &str, payload: impl Into<Value>) -> Value {
    json!({"id": request["id"], "type": kind, "payload": payload.into()})
}

fn generation(text: &str) -> Value {
    json!({"status": 200, "headers": {"content-type": "application/json"},
        "body": gemini::Generation::new().text(text).to_json().to_string()})
}

#[tokio::test]
async fn a_page_is_a_credential_while_it_is_connected() {
    let world = World::start("request-retry: 0\n").await;
    assert_eq!(world.models().await, ["demo"]);
    let first = page(&world).await;
    let models = world.models().await;
    assert!(models.contains(&MODEL.to_owned()), "{models:?}");
    assert!(!models.contains(&"demo".to_owned()), "the fallback makes way");
    let second = page(&world).await;
    let status = world.service.conductor().credentials();
    let own = status.iter().find(|status| status.credential.id().as_str().starts_with("aistudio-")).unwrap();
    // Source: providers-a.md 8.1 "Effect".
    let document = own.credential.document().as_map();
    assert_eq!(document["email"], own.credential.id().as_str());
    assert_eq!(own.credential.provider().as_str(), "aistudio");
    let written = std::fs::read_dir(world.home.path().join("credentials")).map_or(0, |files| {
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json")).count()
    });
    assert_eq!(written, 0);
    first.close().await;
    counted(&world, 1).await;
    assert!(world.models().await.contains(&MODEL.to_owned()));
    second.close().await;
    counted(&world, 0).await;
    assert_eq!(world.models().await, ["demo"]);
    let reply = world.client().post("/v1/chat/completions", &chat(false)).await;
    assert_eq!(reply.status(), 404);
    world.service.stop().await;
}

#[tokio::test]
async fn pages_take_turns_and_one_that_leaves_hands_its_request_on() {
    let world = World::start("request-retry: 0\nrouting: {session-affinity: false}\n").await;
    let mut one = page(&world).await;
    let mut two = page(&world).await;
    // Both are asked within two requests.
    for _ in 0..2 {
        let client = world.client();
        let body = chat(false);
        let asking = client.post("/v1/chat/completions", &body);
        let answering = async {
            tokio::select! {
                request = one.next() => {
                    let request = request.unwrap();
                    one.send(&say(&request, "http_response", generation("one"))).await;
                }
                request = two.next() => {
                    let request = request.unwrap();
                    two.send(&say(&request, "http_response", generation("two"))).await;
                }
            }
        };
        let (reply, ()) = tokio::join!(asking, answering);
        assert_eq!(reply.status(), 200);
    }
    // The next turn is somebody's who goes away: the other one has it.
    let client = world.client();
    let body = chat(true);
    let asking = client.post("/v1/chat/completions", &body);
    let leaving = async {
        let (gone, mut left, request) = tokio::select! {
            request = one.next() => (one, two, request.unwrap()),
            request = two.next() => (two, one, request.unwrap()),
        };
        assert!(request["payload"]["url"].as_str().unwrap().contains(":streamGenerateContent"));
        gone.close().await;
        let request = left.next().await.unwrap();
        left.send(&say(&request, "stream_start", json!({"status": 200}))).await;
        for chunk in gemini::Generation::new().text("from the other one").chunks() {
            // An event cut in two. Source: providers-a.md 8.6, the last but one.
            let event = format!("data: {chunk}\n\n");
            let (head, tail) = event.split_at(20);
            left.send(&say(&request, "stream_chunk", json!({"data": head}))).await;
            left.send(&say(&request, "stream_chunk", json!({"data": tail}))).await;
        }
        left.send(&say(&request, "stream_end", json!({}))).await;
        left
    };
    let (reply, _left) = tokio::join!(asking, leaving);
    let text: String = reply
        .events()
        .await
        .iter()
        .filter(|event| event.data.starts_with('{'))
        .filter_map(|event| event.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, "from the other one");
    assert_eq!(pages(&world.service).len(), 1);
    world.service.stop().await;
}

#[tokio::test]
async fn a_page_that_leaves_within_a_stream_ends_it_with_an_error_in_the_clients_format() {
    let world = World::start("request-retry: 0\n").await;
    let action = format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse");
    let turns = json!([{"role": "user", "content": "hi"}]);
    for (path, body, error) in [
        ("/v1/chat/completions", chat(true), "\"error\""),
        ("/v1/responses", json!({"model": MODEL, "input": "hi", "stream": true}), "response.failed"),
        (
            "/v1/messages",
            json!({"model": MODEL, "max_tokens": 9, "messages": turns, "stream": true}),
            "event: error",
        ),
        (action.as_str(), json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}), "\"error\""),
    ] {
        let mut page = page(&world).await;
        let client = world.client();
        let asking = client.post(path, &body);
        let leaving = async {
            let request = page.next().await.unwrap();
            page.send(&say(&request, "stream_start", json!({"status": 200}))).await;
            let chunks = gemini::Generation::new().text("half of it").text("never seen").chunks();
            page.send(&say(&request, "stream_chunk", json!({"data": format!("data: {}\n\n", chunks[0])})))
                .await;
            page
        };
        let (mut reply, page) = tokio::join!(asking, leaving);
        assert_eq!(reply.status(), 200, "{path}");
        let mut text = String::new();
        while !text.contains("half") {
            text += std::str::from_utf8(&reply.chunk().await.unwrap().expect("more")).unwrap();
        }
        page.close().await;
        text += &reply.text().await;
        assert!(text.contains(error), "{path}: {text}");
        assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{path}: {text}");
        counted(&world, 0).await;
    }
    world.service.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_is_forgotten_and_what_still_comes_for_it_disturbs_nobody() {
    let world = World::start("request-retry: 0\n").await;
    let mut page = page(&world).await;
    let client = world.client();
    let body = chat(true);
    let asking = client.post("/v1/chat/completions", &body);
    let answering = async {
        let request = page.next().await.unwrap();
        page.send(&say(&request, "stream_start", json!({"status": 200}))).await;
        let chunk = gemini::Generation::new().text("half").chunks().remove(0);
        page.send(&say(&request, "stream_chunk", json!({"data": format!("data: {chunk}\n\n")}))).await;
        request
    };
    let (reply, abandoned) = tokio::join!(asking, answering);
    drop(reply);
    for _ in 0..50 {
        page.send(&say(&abandoned, "stream_chunk", json!({"data": "x".repeat(100_000)}))).await;
    }
    let asking = client.post("/v1/chat/completions", &body);
    let answering = async {
        let request = page.next().await.unwrap();
        page.send(&say(&abandoned, "stream_end", json!({}))).await;
        let chunk = gemini::Generation::new().text("its own").to_json();
        page.send(&say(
            &request,
            "http_response",
            json!({"status": 200, "body": format!("data: {chunk}\n\n")}),
        ))
        .await;
        page.send(&say(&request, "error", json!({"error": "late"}))).await;
    };
    let (reply, ()) = tokio::join!(asking, answering);
    let text = reply.text().await;
    assert!(text.contains("its own") && text.contains("[DONE]"), "{text}");
    world.service.stop().await;
}

#[tokio::test]
async fn a_quota_that_a_page_reports_cools_that_page_and_no_other() {
    let world = World::start("request-retry: 0\nrouting: {session-affinity: false}\n").await;
    let upstream = FakeUpstream::start().await;
    upstream.script_all([gemini::generation("fine")]);
    let mut spent = page(&world).await;
    let spent_name = pages(&world.service).remove(0);
    // The other page performs its requests at a host of its own, as the page would at Google's.
    let yaml = format!("request-retry: 0\nendpoints: {{aistudio: {{api: '{}'}}}}\n", upstream.url());
    world.reload(&yaml).await;
    let good = RelayPage::serve(page(&world).await);
    let answering = async {
        while let Some(request) = spent.next().await {
            assert!(
                request["payload"]["url"].as_str().unwrap().starts_with(&upstream.url()),
                "the reload's URL"
            );
            let error =
                json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "retry in 99s"}});
            spent.send(&say(&request, "error", json!({"error": error.to_string(), "status": 429}))).await;
        }
    };
    let asking = async {
        for _ in 0..4 {
            let reply = world.client().post("/v1/chat/completions", &chat(false)).await.json().await;
            assert_eq!(reply["choices"][0]["message"]["content"], "fine", "{reply}");
        }
    };
    tokio::select! {
        () = answering => panic!("the page is still connected"),
        () = asking => {}
    }
    assert_eq!(good.asked(), 4);
    let states = world.service.conductor().credentials();
    let cooling: Vec<&str> = states
        .iter()
        .filter(|status| format!("{status:?}").contains("CoolingDown"))
        .map(|status| status.credential.id().as_str())
        .collect();
    assert_eq!(cooling, [spent_name]);
    world.service.stop().await;
}

#[tokio::test]
async fn a_tab_that_closes_over_many_requests_takes_no_other_page_with_it() {
    let world =
        World::start("request-retry: 0\nrouting: {session-affinity: false, strategy: fill-first}\n").await;
    let upstream = FakeUpstream::start().await;
    upstream.script_all([gemini::generation("fine")]);
    let mut doomed = page(&world).await;
    let doomed_name = pages(&world.service).remove(0);
    let client = world.client();
    let body = chat(false);
    let mut asked = Vec::new();
    for _ in 0..12 {
        asked.push(client.post("/v1/chat/completions", &body));
    }
    let leaving = async {
        for _ in 0..12 {
            doomed.next().await.unwrap();
        }
        doomed.close().await;
    };
    let mut replies = Vec::new();
    let all = async {
        let mut futures: Vec<_> = asked.into_iter().map(Box::pin).collect();
        std::future::poll_fn(|cx| {
            futures.retain_mut(|future| match future.as_mut().poll(cx) {
                std::task::Poll::Ready(reply) => {
                    replies.push(reply.status());
                    false
                }
                std::task::Poll::Pending => true,
            });
            if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    };
    tokio::join!(all, leaving);
    assert!(replies.iter().all(|status| *status >= 500), "{replies:?}");
    counted(&world, 0).await;
    world
        .reload(&format!("request-retry: 0\nendpoints: {{aistudio: {{api: '{}'}}}}\n", upstream.url()))
        .await;
    let _fresh = RelayPage::serve(page(&world).await);
    assert_ne!(pages(&world.service), [doomed_name]);
    let reply = world.client().post("/v1/chat/completions", &chat(false)).await;
    assert_eq!(reply.status(), 200, "the new page is asked at once");
    world.service.stop().await;
}

#[tokio::test]
async fn a_page_that_cannot_send_rests_alone() {
    let upstream = FakeUpstream::start().await;
    upstream.script_all([gemini::generation("fine")]);
    let world =
        World::start(&format!("request-retry: 0\nendpoints: {{aistudio: {{api: '{}'}}}}\n", upstream.url()))
            .await;
    let mut offline = page(&world).await;
    let failing = async {
        while let Some(request) = offline.next().await {
            offline.send(&say(&request, "error", json!({"error": "Failed to fetch"}))).await;
        }
    };
    let asking = async {
        for _ in 0..10 {
            let reply = world.client().post("/v1/chat/completions", &chat(false)).await;
            assert_eq!(reply.status(), 502);
        }
        let _online = RelayPage::serve(page(&world).await);
        let reply = world.client().post("/v1/chat/completions", &chat(false)).await;
        assert_eq!(reply.status(), 200);
    };
    tokio::select! {
        () = failing => panic!("the page is still connected"),
        () = asking => {}
    }
    world.service.stop().await;
}

#[tokio::test]
async fn tokens_are_counted_through_the_page() {
    let world = World::start("").await;
    let mut page = page(&world).await;
    let client = world.client();
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]});
    let asking = client.post("/v1/messages/count_tokens", &body);
    let answering = async {
        let request = page.next().await.unwrap();
        assert!(request["payload"]["url"].as_str().unwrap().ends_with(":countTokens"));
        page.send(&say(&request, "http_response", json!({"status": 200, "body": "{\"totalTokens\":42}"})))
            .await;
    };
    let (reply, ()) = tokio::join!(asking, answering);
    assert_eq!(reply.json().await["input_tokens"], 42);
    world.service.stop().await;
}

#[tokio::test]
async fn switching_ws_auth_on_closes_the_pages_that_showed_no_key() {
    // Source: http-api.md `/v1/ws`.
    let world = World::start("ws-auth: false\n").await;
    let stranger = TestClient::new(format!("http://{}", world.service.local_addr()));
    let anonymous = stranger.websocket("/v1/ws").await.unwrap();
    counted(&world, 1).await;
    let known = page(&world).await;
    // With `ws-auth` off nobody's key is looked at.
    let (_, goodbye_known, goodbye) =
        tokio::join!(world.reload("ws-auth: true\n"), known.ending(), anonymous.ending());
    for goodbye in [goodbye, goodbye_known] {
        assert!(goodbye.unwrap().1.contains("ws-auth"));
    }
    counted(&world, 0).await;
    assert_eq!(stranger.websocket("/v1/ws").await.unwrap_err().status(), 401);
    // Switching it off leaves those that are there.
    let mut stays = page(&world).await;
    world.reload("ws-auth: false\n").await;
    stays.send(&json!({"id": "p", "type": "ping"})).await;
    assert_eq!(stays.next().await.unwrap()["type"], "pong");
    world.service.stop().await;
}

#[tokio::test]
async fn the_keys_of_pages_are_taken_over_by_a_reload_and_others_have_to_go() {
    let world = World::start("").await;
    let old = page(&world).await;
    let (_, goodbye) = tokio::join!(world.reload("ws-keys: [only-for-pages]\n"), old.ending());
    assert!(goodbye.unwrap().1.contains("ws-keys"));
    counted(&world, 0).await;
    let refused = world.client().websocket("/v1/ws").await.unwrap_err();
    assert_eq!(refused.status(), 403);
    // A client that holds no such key is served all the same, and the page's key is no client's.
    assert_eq!(world.models().await, ["demo"]);
    let keeper = TestClient::new(format!("http://{}", world.service.local_addr())).bearer("only-for-pages");
    assert_eq!(keeper.get("/v1/models").await.status(), 401);
    let mut new = keeper.websocket("/v1/ws").await.unwrap();
    counted(&world, 1).await;
    let (client, body) = (world.client(), chat(false));
    let answering = async {
        let request = new.next().await.unwrap();
        new.send(&say(&request, "http_response", generation("fine"))).await;
    };
    let (reply, ()) = tokio::join!(client.post("/v1/chat/completions", &body), answering);
    assert_eq!(reply.status(), 200);
    // A reload that says the same leaves it; one that takes its key away does not.
    world.reload("ws-keys: [only-for-pages]\n").await;
    world.reload("ws-keys: [only-for-pages, another]\n").await;
    assert_eq!(pages(&world.service).len(), 1);
    let (_, goodbye) = tokio::join!(world.reload("ws-keys: [another]\n"), new.ending());
    assert!(goodbye.unwrap().1.contains("ws-keys"));
    counted(&world, 0).await;
    // Without the list every client key will do again, and the page's own never was one.
    world.reload("").await;
    let _page = page(&world).await;
    assert_eq!(keeper.websocket("/v1/ws").await.unwrap_err().status(), 401);
    // Nobody at all.
    world.reload("ws-keys: []\n").await;
    counted(&world, 0).await;
    assert_eq!(world.client().websocket("/v1/ws").await.unwrap_err().status(), 403);
    world.service.stop().await;
}

#[tokio::test]
async fn a_page_goes_with_the_key_that_it_came_with() {
    let world = World::start("").await;
    let page = page(&world).await;
    let path = world.home.path().join("config.yaml");
    let folder = world.home.path().join("credentials");
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [another-key-of-the-tests]\nauth-dir: '{}'\n",
        folder.display()
    );
    std::fs::write(path, text).unwrap();
    let (reloaded, goodbye) = tokio::join!(world.service.reload(), page.ending());
    reloaded.unwrap();
    assert!(goodbye.unwrap().1.contains("no longer valid"));
    world.service.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_pages_and_their_running_replies() {
    let world = World::start("request-retry: 0\n").await;
    let mut page = page(&world).await;
    let name = pages(&world.service);
    let client = world.client();
    let body = chat(false);
    let asking = client.post("/v1/chat/completions", &body);
    let answering = async {
        let request = page.next().await.unwrap();
        world.reload("request-retry: 1\n").await;
        page.send(&say(&request, "http_response", generation("kept"))).await;
    };
    let (reply, ()) = tokio::join!(asking, answering);
    assert_eq!(reply.json().await["choices"][0]["message"]["content"], "kept");
    assert_eq!(pages(&world.service), name);
    world.service.stop().await;
}

#[tokio::test]
async fn aliases_and_exclusions_of_the_channel_hold_for_pages() {
    let world = World::start(
        "oauth-model-alias: {aistudio: [{name: gemini-2.5-pro, alias: smart}]}\noauth-excluded-models: {aistudio: ['gemini-2.5-flash*']}\n",
    )
    .await;
    let mut page = page(&world).await;
    let models = world.models().await;
    assert!(models.contains(&"smart".to_owned()), "{models:?}");
    assert!(!models.iter().any(|model| model.starts_with("gemini-2.5-flash")), "{models:?}");
    let client = world.client();
    let body = json!({"model": "smart", "messages": [{"role": "user", "content": "hi"}]});
    let asking = client.post("/v1/chat/completions", &body);
    let answering = async {
        let request = page.next().await.unwrap();
        assert!(request["payload"]["url"].as_str().unwrap().contains("/gemini-2.5-pro:"), "{request}");
        page.send(&say(&request, "http_response", generation("fine"))).await;
    };
    let (reply, ()) = tokio::join!(asking, answering);
    assert_eq!(reply.json().await["model"], "smart");
    world.service.stop().await;
}

#[tokio::test]
async fn a_stop_drains_what_runs_through_a_page_and_then_says_goodbye() {
    let world = World::start("shutdown-grace-seconds: 60\n").await;
    let mut page = page(&world).await;
    let client = world.client();
    let body = chat(false);
    let asking = client.post("/v1/chat/completions", &body);
    let stopping = async {
        let request = page.next().await.unwrap();
        let answering = async {
            while !world.service.shutdown().is_draining() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            page.send(&say(&request, "http_response", generation("drained"))).await;
            page.ending().await
        };
        let (goodbye, ()) = tokio::join!(answering, world.service.stop());
        goodbye
    };
    let (reply, goodbye) = tokio::join!(asking, stopping);
    assert_eq!(reply.json().await["choices"][0]["message"]["content"], "drained");
    assert_eq!(goodbye.unwrap(), (1001, "the server is shutting down".to_owned()));
}

#[tokio::test]
async fn a_stored_credential_of_the_provider_is_no_page() {
    let world = World::start("").await;
    std::fs::create_dir_all(world.home.path().join("credentials")).unwrap();
    let file = json!({"type": "aistudio", "email": "aistudio-0123456789abcdef"});
    std::fs::write(world.home.path().join("credentials/aistudio-x.json"), file.to_string()).unwrap();
    world.reload("").await;
    assert_eq!(world.models().await, ["demo"]);
    let _page = page(&world).await;
    assert_eq!(pages(&world.service).len(), 1);
    world.service.stop().await;
}
