use cliproxy_core::LoginErrorKind;
use cliproxy_testkit::{html, json, status};
use serde_json::json as j;

use crate::support::{Person, Scene, document, request};

fn seat() -> serde_json::Value {
    j!({"token": "tid=1", "expires_at": 1_795_430_000, "endpoints": {"api": "https://api.individual.githubcopilot.com"}})
}

#[tokio::test]
async fn a_github_account_with_a_seat_is_stored_under_its_name() {
    let scene = Scene::new().await;
    scene.oauth.set_extra(
        j!({"access_token": "ghu_x", "refresh_token": null, "expires_in": null, "scope": "user:email"}),
    );
    scene
        .oauth
        .before_consent([json(&j!({"error": "authorization_pending"})), json(&j!({"error": "slow_down"}))]);
    scene.oauth.page("/user", [json(&j!({"login": "octocat", "email": null, "name": "Octo"}))]);
    scene.oauth.page("/copilot-token", [json(&seat())]);
    let login = scene.login("github-copilot", request(), &Person::answering([])).await.unwrap();
    assert_eq!(login.file_name, "github-copilot-octocat.json");
    assert_eq!(
        document(&login),
        j!({"access_token": "ghu_x", "token_type": "bearer", "scope": "user:email", "username": "octocat",
            "type": "github-copilot", "name": "Octo"})
    );
    assert_eq!(*scene.jumps.0.lock(), [5, 5, 10]);
    let asked = scene.oauth.upstream().last();
    assert_eq!(
        (asked.path.as_str(), asked.header("authorization")),
        ("/copilot-token", Some("Bearer ghu_x"))
    );
    assert!(asked.header("editor-version").is_some());
}

#[tokio::test]
async fn an_organisations_account_of_one_name_is_another_account() {
    let scene = Scene::new().await;
    scene.oauth.page("/user", [json(&j!({"login": "octocat"}))]);
    scene.oauth.page("/copilot-token", [json(&seat())]);
    let log_in = |domain: Option<&'static str>| {
        let request = match domain {
            Some(domain) => request().with_answer("enterprise-domain", domain),
            None => request(),
        };
        let scene = &scene;
        async move { scene.login("github-copilot", request, &Person::answering([])).await }
    };
    let first = log_in(None).await.unwrap().into_credential(&[]);
    let at = log_in(Some("https://corp.ghe.com")).await.unwrap();
    assert_eq!(document(&at)["enterprise_domain"], "corp.ghe.com");
    let existing = [first, at.into_credential(&[])];
    assert_eq!(existing[1].id().as_str(), "github-copilot-octocat-corp.ghe.com.json");
    for (domain, index) in [(None, 0), (Some("corp.ghe.com"), 1), (Some("github.com"), 0)] {
        let again = log_in(domain).await.unwrap().into_credential(&existing);
        assert_eq!(again.id(), existing[index].id(), "{domain:?}");
    }
    let error = log_in(Some("no domain")).await.unwrap_err();
    assert!(error.kind() == LoginErrorKind::BadInput && error.to_string().contains("ghe.com"), "{error}");
}

#[tokio::test]
async fn an_account_without_a_seat_is_not_stored() {
    for reply in [status(403).json(&j!({"message": "no access"})), status(404)] {
        let scene = Scene::new().await;
        scene.oauth.page("/user", [json(&j!({"login": "octocat"}))]);
        scene.oauth.page("/copilot-token", [reply]);
        let error = scene.login("github-copilot", request(), &Person::answering([])).await.unwrap_err();
        assert_eq!(error.kind(), LoginErrorKind::NotEntitled);
        assert!(error.to_string().contains("no Copilot subscription"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_had_does_not_end_the_login() {
    let scene = Scene::new().await;
    scene.oauth.page("/user", [html(502)]);
    scene.oauth.page("/copilot-token", [json(&seat())]);
    let person = Person::answering([]);
    let login = scene.login("github-copilot", request(), &person).await.unwrap();
    assert_eq!(login.file_name, "github-copilot-unknown.json");
    assert!(person.notes().contains("without its name"), "{}", person.notes());
}
