//! Gemini CLI and Antigravity.

use cliproxy_core::LoginErrorKind;
use cliproxy_testkit::{html, json, status};
use serde_json::{Value, json as j};

use crate::support::{Person, Scene, document, request};

const LOAD: &str = "/api/v1internal:loadCodeAssist";
const ONBOARD: &str = "/api/v1internal:onboardUser";

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.oauth.page("/userinfo", [json(&j!({"email": "me@example.com"}))]);
    scene
}

fn sent(scene: &Scene, path: &str) -> Vec<Value> {
    let requests = scene.oauth.upstream().requests();
    requests.iter().filter(|request| request.path == path).map(|request| request.json()).collect()
}

fn tier(id: &str) -> Value {
    j!({"allowedTiers": [{"id": "other"}, {"id": id, "isDefault": true}]})
}

#[tokio::test]
async fn an_account_that_is_set_up_already_brings_its_project() {
    let scene = scene().await;
    let loaded = j!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": {"id": "given-1"}});
    scene.oauth.page(LOAD, [json(&loaded)]);
    let login = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap();
    assert_eq!(login.file_name, "me@example.com-given-1.json");
    let document = document(&login);
    assert_eq!(
        (&document["type"], &document["project_id"], &document["auto"], &document["checked"]),
        (&j!("gemini"), &j!("given-1"), &j!(true), &j!(true))
    );
    assert_eq!(document["token"]["access_token"], "access-2");
    assert_eq!(document["token"]["expiry"], "2026-11-23T11:00:15Z");
    assert_eq!(document["token"].get("client_secret"), None, "it need not lie there");
    assert!(sent(&scene, ONBOARD).is_empty());
}

#[tokio::test]
async fn a_free_account_is_set_up_without_a_project_and_given_one() {
    let scene = scene().await;
    scene.oauth.page(LOAD, [json(&tier("free-tier"))]);
    let done = j!({"done": true, "response": {"cloudaicompanionProject": {"id": "gen-lang-client-7"}}});
    scene.oauth.page(ONBOARD, [json(&j!({"done": false})), json(&done)]);
    let login = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap();
    assert_eq!(document(&login)["project_id"], "gen-lang-client-7");
    let bodies = sent(&scene, ONBOARD);
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["tierId"], "free-tier");
    assert_eq!(bodies[0].get("cloudaicompanionProject"), None);
}

#[tokio::test]
async fn a_named_project_is_used_and_its_api_switched_on() {
    let scene = scene().await;
    scene.oauth.page(LOAD, [json(&tier("standard-tier"))]);
    scene
        .oauth
        .page(ONBOARD, [json(&j!({"done": true, "response": {"cloudaicompanionProject": "backend"}}))]);
    let service = "/services/mine/services/cloudaicompanion.googleapis.com";
    scene.oauth.page(service, [json(&j!({"state": "DISABLED"}))]);
    scene.oauth.page(&format!("{service}:enable"), [json(&j!({}))]);
    let named = request().with_answer("project", "mine");
    let login = scene.login("gemini-cli", named, &scene.willing()).await.unwrap();
    assert_eq!(login.file_name, "me@example.com-mine.json");
    assert_eq!(sent(&scene, ONBOARD)[0]["cloudaicompanionProject"], "mine");
    assert_eq!(sent(&scene, &format!("{service}:enable")).len(), 1);
}

#[tokio::test]
async fn whoever_has_several_projects_chooses_one_of_them() {
    let projects = j!({"projects": [{"projectId": "one"}, {"projectId": "two"}, {"projectId": "gone", "lifecycleState": "DELETE_REQUESTED"}]});
    for (answer, chosen) in [("2", "two"), ("two", "two"), ("", "one")] {
        let scene = scene().await;
        scene.oauth.page(LOAD, [json(&tier("standard-tier"))]);
        scene.oauth.page("/projects", [json(&projects)]);
        scene.oauth.page(ONBOARD, [json(&j!({"done": true}))]);
        let person = scene.willing();
        person.answers(answer.to_owned());
        let login = scene.login("gemini-cli", request(), &person).await.unwrap();
        assert_eq!(document(&login)["project_id"], chosen, "{answer}");
    }
}

#[tokio::test]
async fn a_question_for_a_project_that_has_no_answer_does_not_cost_the_tokens() {
    let scene = scene().await;
    scene.oauth.page(LOAD, [json(&tier("standard-tier"))]);
    scene.oauth.page("/projects", [json(&j!({"projects": [{"projectId": "one"}, {"projectId": "two"}]}))]);
    for (answers, kind) in [(&["nine"][..], LoginErrorKind::BadInput), (&[], LoginErrorKind::NoInput)] {
        let person = scene.willing();
        for answer in answers {
            person.answers((*answer).to_owned());
        }
        let error = scene.login("gemini-cli", request(), &person).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        let so_far = person.so_far.lock().pop().unwrap();
        assert_eq!(
            (so_far.file_name.as_str(), &*so_far.identity),
            ("gemini-me@example.com.json", &["email", "project_id"][..])
        );
        let so_far = document(&so_far);
        assert!(so_far["token"]["refresh_token"].as_str().unwrap().starts_with("refresh-"), "{so_far}");
        assert_eq!((&so_far["type"], so_far.get("project_id")), (&j!("gemini"), None));
    }
}

#[tokio::test]
async fn what_fails_while_an_account_is_set_up_does_not_cost_the_tokens() {
    for project in [None, Some("mine"), Some("ALL")] {
        let scene = scene().await;
        for page in [LOAD, "/projects"] {
            scene.oauth.page(page, [status(403).json(&j!({"error": {"message": "not yours"}}))]);
        }
        let mut request = request();
        if let Some(project) = project {
            request = request.with_answer("project", project);
        }
        let person = scene.willing();
        scene.login("gemini-cli", request, &person).await.unwrap_err();
        let so_far = person.so_far.lock().pop().expect("what it had");
        assert_eq!(so_far.file_name, "gemini-me@example.com.json", "{project:?}");
        let so_far = document(&so_far);
        assert!(so_far["token"]["refresh_token"].as_str().unwrap().starts_with("refresh-"), "{so_far}");
        assert_eq!((&so_far["type"], so_far.get("project_id")), (&j!("gemini"), None));
    }
}

#[tokio::test]
async fn all_projects_make_one_file_and_those_that_fail_are_named() {
    let scene = scene().await;
    scene.oauth.page(
        "/projects",
        [json(&j!({"projects": [{"projectId": "one"}, {"projectId": "two"}, {"projectId": "three"}]}))],
    );
    let loaded = j!({"currentTier": {"id": "standard-tier"}});
    scene
        .oauth
        .page(LOAD, [json(&loaded), status(403).json(&j!({"error": {"message": "no"}})), json(&loaded)]);
    let person = scene.willing();
    let login = scene.login("gemini-cli", request().with_answer("project", "ALL"), &person).await.unwrap();
    assert_eq!(login.file_name, "gemini-me@example.com-all.json");
    assert_eq!(document(&login)["project_id"], "one,three");
    assert!(person.notes().contains("project two is left out"), "{}", person.notes());
}

#[tokio::test]
async fn what_google_wants_first_is_said() {
    let scene = scene().await;
    let validate = j!({"ineligibleTiers": [{"reasonCode": "VALIDATION_REQUIRED", "validationUrl": "https://v.example/x"}]});
    scene.oauth.page(LOAD, [json(&validate)]);
    let error = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::NotEntitled);
    assert!(error.to_string().contains("https://v.example/x"), "{error}");

    scene.oauth.page(LOAD, [json(&tier("standard-tier"))]);
    scene.oauth.page("/projects", [json(&j!({"projects": []}))]);
    let error = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Setup);
    assert!(error.to_string().contains("-project_id"), "{error}");
}

fn guarded() -> cliproxy_testkit::Reply {
    let details =
        j!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SECURITY_POLICY_VIOLATED"}]);
    status(403).json(
        &j!({"error": {"message": "Request is prohibited by organization's policy", "details": details}}),
    )
}

#[tokio::test]
async fn an_account_behind_a_perimeter_has_the_standard_tier_and_names_its_project() {
    // Source: providers-a.md 5.1 [V] "VPC-SC user, assume standard tier".
    let scene = scene().await;
    scene.oauth.page(LOAD, [guarded()]);
    let login = scene.login("gemini-cli", request().with_answer("project", "mine"), &scene.willing()).await;
    assert_eq!(document(&login.unwrap())["project_id"], "mine");
    assert!(sent(&scene, ONBOARD).is_empty());
    // Without one it is asked which of its projects it is.
    scene.oauth.page("/projects", [json(&j!({"projects": [{"projectId": "one"}]}))]);
    let login = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap();
    assert_eq!(document(&login)["project_id"], "one");
    // Any other refusal is one.
    scene.oauth.page(LOAD, [status(403).json(&j!({"error": {"message": "no seat"}}))]);
    let error = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap_err();
    assert!(error.kind() == LoginErrorKind::NotEntitled && error.to_string().contains("no seat"), "{error}");

    let scene = self::scene().await.with_secret("antigravity", "s");
    scene.oauth.page("/onboarding/v1internal:loadCodeAssist", [guarded()]);
    let person = scene.willing();
    let login = scene.login("antigravity", request(), &person).await.unwrap();
    assert_eq!(document(&login).get("project_id"), None);
    assert!(person.notes().contains("VPC Service Controls"), "{}", person.notes());
    assert!(person.notes().contains("project_id into the file"), "{}", person.notes());
}

#[tokio::test]
async fn a_service_in_trouble_while_an_account_is_set_up_is_asked_a_few_times_more() {
    let down = || status(503).json(&j!({"error": {"message": "try later"}}));
    let scene = scene().await;
    scene.oauth.page(LOAD, [down(), down(), json(&tier("free-tier"))]);
    let done = j!({"done": true, "response": {"cloudaicompanionProject": "made"}});
    scene.oauth.page(ONBOARD, [status(500), json(&done)]);
    let login = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap();
    assert_eq!(document(&login)["project_id"], "made");
    assert_eq!((sent(&scene, LOAD).len(), sent(&scene, ONBOARD).len()), (3, 2));
    // Not for ever.
    scene.oauth.page(LOAD, [down()]);
    let error = scene.login("gemini-cli", request(), &scene.willing()).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::Unavailable);
    assert!(error.to_string().contains("try later"), "{error}");
    assert_eq!(sent(&scene, LOAD).len(), 6);

    let scene = self::scene().await.with_secret("antigravity", "s");
    scene.oauth.page("/onboarding/v1internal:loadCodeAssist", [json(&tier("free-tier"))]);
    scene.oauth.page("/onboarding/v1internal:onboardUser", [down()]);
    let person = scene.willing();
    scene.login("antigravity", request(), &person).await.unwrap();
    assert!(person.notes().contains("try later"), "{}", person.notes());
    assert_eq!(sent(&scene, "/onboarding/v1internal:onboardUser").len(), 5);
}

#[tokio::test]
async fn antigravity_wants_a_secret_and_finds_its_project() {
    let bare = scene().await;
    let error = bare.login("antigravity", request(), &bare.willing()).await.unwrap_err();
    assert!(error.to_string().contains("oauth-clients.antigravity.client-secret"), "{error}");

    let scene = scene().await.with_secret("antigravity", "s");
    scene.oauth.page("/onboarding/v1internal:loadCodeAssist", [json(&tier("free-tier"))]);
    let done = j!({"done": true, "response": {"cloudaicompanionProject": "p-1"}});
    scene.oauth.page("/onboarding/v1internal:onboardUser", [json(&j!({})), json(&done)]);
    let person = scene.willing();
    let login = scene.login("antigravity", request(), &person).await.unwrap();
    assert_eq!(person.notes(), "");
    assert_eq!(login.file_name, "antigravity-me@example.com.json");
    let document = document(&login);
    assert_eq!((&document["project_id"], &document["expires_in"]), (&j!("p-1"), &j!(3600)));
    assert!(document["timestamp"].as_i64().unwrap() > 1_795_428_000_000);
    assert_eq!(sent(&scene, "/onboarding/v1internal:onboardUser")[0]["metadata"]["ideType"], "ANTIGRAVITY");
}

#[tokio::test]
async fn antigravity_is_stored_even_when_its_project_cannot_be_found() {
    let scene = scene().await.with_secret("antigravity", "s");
    scene.oauth.page("/onboarding/v1internal:loadCodeAssist", [html(502)]);
    let person = scene.willing();
    let login = scene.login("antigravity", request(), &person).await.unwrap();
    assert_eq!(document(&login).get("project_id"), None);
    assert!(person.notes().contains("looked up again"), "{}", person.notes());
}

#[tokio::test]
async fn nobody_to_ask_is_said_with_the_flag_that_answers() {
    let scene = scene().await;
    scene.oauth.page(LOAD, [json(&tier("standard-tier"))]);
    scene.oauth.page("/projects", [json(&j!({"projects": [{"projectId": "one"}, {"projectId": "two"}]}))]);
    let oauth = std::sync::Arc::clone(&scene.oauth);
    let person = Person::with_browser(move |url| vec![oauth.consent(url)]);
    let error = scene.login("gemini-cli", request(), &person).await.unwrap_err();
    assert_eq!(error.kind(), LoginErrorKind::NoInput);
    assert!(error.to_string().contains("-project_id (one, two)"), "{error}");
}
