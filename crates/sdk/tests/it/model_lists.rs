//! Lists that are fetched: nothing waits for them, and a reload makes those under way void.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cliproxy_sdk::async_trait;
use cliproxy_sdk::core::{
    Attempt, Credential, CredentialId, CredentialKind, Dispatcher as _, Document, ErrorKind, ExecutorError,
    ModelInfo, Operation, Origin, ProviderExecutor, ProviderFormat, ProviderId, Settings, UpstreamModel,
    WireReply,
};
use cliproxy_testkit::{FakeUpstream, Reply, hang, json, status};
use parking_lot::Mutex;
use serde_json::json;

use crate::place::Place;
use crate::support::World;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

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
    upstream.script_all([list(&["gemini-from-the-list"]).slow_head(Duration::from_millis(100))]);
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
    slow.script_all([list(&["late"]).slow_head(Duration::from_millis(150))]);
    quick.script_all([list(&["early"])]);
    let gemini = |upstream: &FakeUpstream| {
        format!("gemini-api-key: [{{api-key: k, base-url: '{}'}}]\n", upstream.url())
    };
    let world = World::start(&gemini(&slow)).await;
    slow.wait_for_requests(1).await;
    world.reload(&gemini(&quick)).await;
    world.wait_for("early", true).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
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
    let stop = tokio::time::timeout(Duration::from_secs(10), world.service.stop());
    assert!(stop.await.is_ok(), "the list of models held up the stop");
}

#[tokio::test]
async fn who_waits_for_the_lists_finds_their_models_and_learns_which_could_not_be_had() {
    let (good, bad, never) =
        (FakeUpstream::start().await, FakeUpstream::start().await, FakeUpstream::start().await);
    good.script_all([list(&["gemini-from-the-list"]).slow_head(Duration::from_millis(100))]);
    bad.script_all([status(500)]);
    let config = |hung: &str| {
        format!(
            "gemini-api-key: [{{api-key: one-CANARY, base-url: '{}'}}]\n\
             codex-api-key: [{{api-key: two-CANARY, base-url: '{}'}}{hung}]\n\
             disable-cooling: true\n",
            good.url(),
            bad.url()
        )
    };
    let world = World::start(&config("")).await;
    let missing = world.service.models_fetched(LONG).await;
    assert!(world.models().await.iter().any(|id| id == "gemini-from-the-list"), "it waits");
    let said: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("the list of models of codex (") && said[0].contains("500"), "{said:?}");
    assert!(!said[0].contains("CANARY"), "{said:?}");

    // A reload asks again, and lists of before it are of no account.
    never.script_all([hang()]);
    good.script_all([list(&["gemini-from-the-list"])]);
    bad.script_all([json(&json!({"data": [{"id": "codex-from-the-list"}]}))]);
    world.reload(&config(&format!(", {{api-key: three, base-url: '{}'}}", never.url()))).await;
    never.wait_for_requests(1).await;
    world.wait_for("codex-from-the-list", true).await;
    let missing = world.service.models_fetched(Duration::from_millis(50)).await;
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!((missing[0].provider.as_str(), &missing[0].failure), ("codex", &None), "{missing:?}");
    assert!(missing[0].to_string().ends_with("has not come yet"), "{missing:?}");
    world.service.stop().await;
}

#[tokio::test]
async fn where_nothing_has_to_be_fetched_nobody_waits() {
    let yaml = "gemini-api-key: [{api-key: one, models: [{name: gemini-2.5-pro}]}]\n";
    let world = World::start(yaml).await;
    // Of a credential that is disabled nobody asks what it offers.
    let folder = world.home.path().join("credentials");
    let file = json!({"type": "antigravity", "access_token": "t", "project_id": "p", "disabled": true});
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("antigravity-a.json"), file.to_string()).unwrap();
    world.reload(yaml).await;
    assert_eq!(world.service.models_fetched(LONG).await, []);
    world.service.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_the_list_in_force_until_the_new_one_has_come() {
    let (upstream, other) = (FakeUpstream::start().await, FakeUpstream::start().await);
    upstream.script_all([list(&["from-the-list"])]);
    let gemini = |upstream: &FakeUpstream, more: &str| {
        format!("gemini-api-key: [{{api-key: k, base-url: '{}'}}{more}]\n", upstream.url())
    };
    let world = World::start(&gemini(&upstream, "")).await;
    world.wait_for("from-the-list", true).await;
    // It does not answer, then it cannot be had, then it is another one.
    upstream.script_all([hang()]);
    world.reload(&gemini(&upstream, "")).await;
    assert_eq!(world.models().await, ["from-the-list"]);
    upstream.script_all([status(500)]);
    // A new key of the same service has the same list.
    let more = format!(", {{api-key: l, base-url: '{}', prefix: team}}", upstream.url());
    world.reload(&gemini(&upstream, &more)).await;
    assert_eq!(world.service.models_fetched(LONG).await.len(), 1);
    assert_eq!(world.models().await, ["from-the-list", "team/from-the-list"]);
    upstream.script_all([list(&["newer"])]);
    world.reload(&gemini(&upstream, "")).await;
    world.wait_for("newer", true).await;
    assert_eq!(world.models().await, ["newer"]);
    // What another service offers is not known from this one.
    other.script_all([hang()]);
    world.reload(&gemini(&other, "")).await;
    assert!(!world.models().await.iter().any(|id| id == "newer"));
    world.service.stop().await;
}

/// Knows one model by heart, and answers what it is told to. It remembers for whom it was asked.
#[derive(Debug)]
struct Lists {
    answers: Mutex<VecDeque<&'static str>>,
    asked: Mutex<Vec<String>>,
}

static LISTS: ProviderId = ProviderId::from_static("lists");

#[async_trait]
impl ProviderExecutor for Lists {
    fn provider(&self) -> &ProviderId {
        &LISTS
    }

    fn wire_formats(&self, _: &UpstreamModel, _: Operation) -> &[ProviderFormat] {
        const { &[ProviderFormat::OPENAI] }
    }

    async fn models(&self, credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        self.asked.lock().push(credential.document().text("access_token").unwrap().to_owned());
        let answer = self.answers.lock().pop_front();
        let answer = answer.ok_or_else(|| ExecutorError::new(ErrorKind::Server, "not now"));
        answer.map(|id| vec![ModelInfo::new(id)])
    }

    fn known_models(&self, _: &Credential) -> Option<Vec<ModelInfo>> {
        Some(vec![ModelInfo::new("known")])
    }

    async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
        Err(ExecutorError::unsupported(&LISTS, "execute"))
    }
}

fn login(token: &str) -> Credential {
    let document = json!({"access_token": token});
    Credential::new(
        CredentialId::from_static("lists.json"),
        LISTS.clone(),
        CredentialKind::Account,
        Origin::Runtime,
        Document::new(document.as_object().unwrap().clone()),
        Settings::new("lists"),
    )
}

#[tokio::test(start_paused = true)]
async fn a_list_that_could_not_be_had_is_asked_for_again_a_few_times() {
    let lists = Arc::new(Lists { answers: Mutex::default(), asked: Mutex::default() });
    let place = Place::new();
    place.write("");
    let builder = place.builder().executor(Arc::clone(&lists) as _).credential(login("first"));
    let service = builder.build().await.unwrap();
    let offered = || {
        let all = service.conductor().models();
        all.iter().map(|model| model.info.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(service.models_fetched(LONG).await.len(), 1);
    assert_eq!((offered(), lists.asked.lock().len()), (vec!["known".to_owned()], 1));
    // By then the login was renewed: what was read long ago does not come back.
    assert!(service.conductor().update(Arc::new(login("renewed"))));
    lists.answers.lock().push_back("listed");
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(
        (offered(), &**lists.asked.lock()),
        (vec!["listed".to_owned()], &["first", "renewed"].map(str::to_owned)[..])
    );
    let token = |id| {
        service.conductor().credential(&id).unwrap().credential.access_token().unwrap().expose().to_owned()
    };
    assert_eq!(token(CredentialId::from_static("lists.json")), "renewed");
    assert_eq!(service.models_fetched(LONG).await, []);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(lists.asked.lock().len(), 2, "it is there");

    // Of a service that stays away the list before goes on, and it is not asked for ever.
    service.reload().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let asked = lists.asked.lock().len();
    assert!((4..=8).contains(&asked), "{asked}");
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!((offered(), lists.asked.lock().len()), (vec!["listed".to_owned()], asked));
    service.stop().await;
}
