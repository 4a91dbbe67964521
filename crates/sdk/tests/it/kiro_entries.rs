//! Logins of Kiro that the configuration holds: `kiro`.

use std::path::{Path, PathBuf};

use cliproxy_sdk::command::{CredentialCommand, run_credentials};
use cliproxy_testkit::{FakeUpstream, Received, Reply, json, kiro, status};
use serde_json::{Value, json};

use crate::place::{Place, ask, text};

pub const MODEL: &str = "kiro-claude-sonnet-4-5";

pub fn endpoints(upstream: &FakeUpstream) -> String {
    let url = upstream.url();
    format!(
        "request-retry: 0\nendpoints: {{kiro: {{amazonq: '{url}/q/{{region}}', codewhisperer: '{url}/older', social: '{url}', oidc: '{url}/oidc/{{region}}'}}}}\n"
    )
}

/// Serves these tokens, and gives `A2`, `A3` … for refresh tokens, each of which works once.
pub fn serving(upstream: &FakeUpstream, good: &[&'static str]) {
    let good = good.to_vec();
    let spent = parking_lot::Mutex::new(Vec::<String>::new());
    upstream.answer_with(move |request: &Received| -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match request.path.as_str() {
            path if path.ends_with("/ListAvailableModels") => {
                json(&json!({"models": [{"modelId": "claude-sonnet-4.5"}]}))
            }
            path if path.ends_with("/token") || path == "/refreshToken" => {
                let shown = body["refreshToken"].as_str().unwrap_or_default().to_owned();
                let mut spent = spent.lock();
                if spent.contains(&shown) {
                    return status(401).json(&json!({"message": "spent"}));
                }
                spent.push(shown);
                let number = spent.len() + 1;
                json(&json!({"accessToken": format!("A{number}"), "refreshToken": format!("R{number}"), "expiresIn": 36_000}))
            }
            _ if good.contains(&request.key.as_str()) => kiro::text("fine"),
            _ => kiro::error(401, "UnauthorizedException", "m"),
        }
    });
}

fn calls(upstream: &FakeUpstream, ending: &str) -> Vec<Received> {
    upstream.requests().into_iter().filter(|request| request.path.ends_with(ending)).collect()
}

pub fn token_file(place: &Place, more: &Value) -> PathBuf {
    let path = place.home.path().join("sso cache/kiro-auth-token.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = json!({"accessToken": "A1", "refreshToken": "R1", "expiresAt": "2099-01-01T00:00:00.000Z",
        "authMethod": "social", "provider": "Google", "profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/P",
        "theirs": {"kept": [1, 2]}});
    for (key, value) in more.as_object().unwrap() {
        file[key] = value.clone();
    }
    std::fs::write(&path, serde_json::to_string_pretty(&file).unwrap()).unwrap();
    path
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The refresh tokens that were shown.
pub fn spent(upstream: &FakeUpstream) -> Vec<Value> {
    calls(upstream, "/refreshToken").iter().map(|request| request.json()["refreshToken"].clone()).collect()
}

pub fn count(service: &cliproxy_sdk::Service) -> usize {
    let credentials = service.conductor().credentials();
    credentials.iter().filter(|credential| credential.credential.provider().as_str() == "kiro").count()
}

pub fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_file_serves_is_renewed_and_written_back_in_its_own_spelling() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2"]);
    let place = Place::new();
    let path = token_file(&place, &json!({}));
    #[cfg(unix)]
    set_mode(&path, 0o640);
    place.write(&format!("{}kiro: [{{token-file: '{}'}}]\n", endpoints(&upstream), path.display()));
    let service = place.serve().await;
    for _ in 0..2 {
        assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    }
    service.stop().await;
    let renewals = calls(&upstream, "/refreshToken");
    assert_eq!(renewals.len(), 1);
    assert_eq!(renewals[0].json(), json!({"refreshToken": "R1"}));
    let file = read(&path);
    assert_eq!((&file["accessToken"], &file["refreshToken"]), (&json!("A2"), &json!("R2")));
    assert_eq!(file["theirs"], json!({"kept": [1, 2]}), "what is the IDE's stays");
    assert_ne!(file["expiresAt"], "2099-01-01T00:00:00.000Z");
    assert!(file.get("access_token").is_none(), "in its own spelling: {file}");
    let sent = calls(&upstream, "/generateAssistantResponse")[0].json();
    assert_eq!(sent["profileArn"], "arn:aws:codewhisperer:us-east-1:1:profile/P");
    let stored: Vec<_> =
        std::fs::read_dir(place.auth_dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!stored.iter().any(|name| name.to_str().unwrap().ends_with(".json")), "no copy: {stored:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640, "as it was");
    }
    // What a new process finds is what was written.
    upstream.forget_requests();
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert!(calls(&upstream, "/refreshToken").is_empty());
    service.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_token_file_behind_a_link_is_written_where_it_is() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2"]);
    let place = Place::new();
    let (path, link) = (token_file(&place, &json!({})), place.home.path().join("link.json"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    place.write(&format!("{}kiro: [{{token-file: '{}'}}]\n", endpoints(&upstream), link.display()));
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    service.stop().await;
    assert_eq!(read(&path)["accessToken"], "A2");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[tokio::test]
async fn what_the_ide_renewed_meanwhile_is_taken_and_its_token_is_not_spent_again() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["of-the-ide"]);
    let place = Place::new();
    let path = token_file(&place, &json!({}));
    place.write(&format!("{}kiro: [{{token-file: '{}'}}]\n", endpoints(&upstream), path.display()));
    let service = place.serve().await;
    token_file(&place, &json!({"accessToken": "of-the-ide", "refreshToken": "R9"}));
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert!(calls(&upstream, "/refreshToken").is_empty(), "a token that works once is not spent");
    service.stop().await;
}

#[tokio::test]
async fn tokens_of_the_config_are_renewed_and_kept_in_the_auth_directory() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2"]);
    let place = Place::new();
    let yaml = |token: &str| {
        format!(
            "{}kiro: [{{access-token: {token}, refresh-token: R1, profile-arn: 'arn:aws:codewhisperer:us-east-1:1:profile/P'}}]\n",
            endpoints(&upstream)
        )
    };
    place.write(&yaml("A1"));
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    service.stop().await;
    let names: Vec<String> = std::fs::read_dir(place.auth_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert!(names.len() == 1 && names[0].starts_with("kiro-token-"), "{names:?}");
    let kept = read(&place.auth_dir().join(&names[0]));
    assert_eq!((&kept["access_token"], &kept["refresh_token"]), (&json!("A2"), &json!("R2")));
    assert!(std::fs::read_to_string(place.path()).unwrap().contains("A1"), "the config is its owner's");
    // The next process goes on from there: the refresh token of the config is spent.
    upstream.forget_requests();
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert!(calls(&upstream, "/refreshToken").is_empty());
    let status = service.conductor().credentials();
    assert_eq!(
        status.iter().filter(|credential| credential.credential.provider().as_str() == "kiro").count(),
        1,
        "{status:?}"
    );
    // Another token in the config is another login: what was kept for the first does not stand for it.
    place.write(&yaml("A0"));
    service.reload().await.unwrap();
    assert_eq!(ask(&service, MODEL).await.status(), 503);
    let config = service.config();
    let list = CredentialCommand::List;
    let listed =
        run_credentials(&config, &place.environment, &list, false, std::future::pending()).await.unwrap();
    assert!(listed.contains("gone from the config: delete it"), "{listed}");
    assert_eq!(listed.lines().filter(|line| line.starts_with("kiro:token:")).count(), 1, "{listed}");
    assert!(calls(&upstream, "/refreshToken").iter().all(|request| request.json()["refreshToken"] == "R1"));
    service.stop().await;
}

#[tokio::test]
async fn servers_that_share_a_login_spend_its_token_once() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2"]);
    for own in [false, true] {
        let place = Place::new();
        let file = token_file(&place, &json!({}));
        let entry = match own {
            true => format!("access-token: A1, refresh-token: R-{own}"),
            false => format!("token-file: '{}'", file.display()),
        };
        serving(&upstream, &["A2"]);
        upstream.forget_requests();
        place.write(&format!("{}kiro: [{{{entry}}}]\n", endpoints(&upstream)));
        let (one, two) = (place.serve().await, place.serve().await);
        let (first, second) = tokio::join!(ask(&one, MODEL), ask(&two, MODEL));
        assert_eq!((text(first).await, text(second).await), ("fine".to_owned(), "fine".to_owned()));
        assert_eq!(calls(&upstream, "/refreshToken").len(), 1, "own={own}");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test]
async fn every_setting_of_an_entry_reaches_its_calls() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2", "A3"]);
    for (more, global, path) in [
        ("", "", "/q/us-east-1/generateAssistantResponse"),
        ("", "kiro-preferred-endpoint: CodeWhisperer\n", "/older/generateAssistantResponse"),
        ("preferred-endpoint: ' IDE '", "", "/older/generateAssistantResponse"),
        (
            "preferred-endpoint: amazonq",
            "kiro-preferred-endpoint: ide\n",
            "/q/us-east-1/generateAssistantResponse",
        ),
        (
            "profile-arn: 'arn:aws:codewhisperer:eu-central-1:1:profile/E'",
            "",
            "/q/eu-central-1/generateAssistantResponse",
        ),
    ] {
        upstream.forget_requests();
        let place = Place::new();
        let file = token_file(
            &place,
            &json!({"authMethod": "IdC", "clientIdHash": "0af1", "accessToken": "A2", "region": "us-west-2"}),
        );
        let registration = json!({"clientId": "CID", "clientSecret": "CS"});
        std::fs::write(file.with_file_name("0af1.json"), registration.to_string()).unwrap();
        let yaml = format!(
            "{}{global}kiro: [{{token-file: '{}', agent-task-type: vibe, region: eu-west-1, {more}}}]\n",
            endpoints(&upstream),
            file.display()
        );
        place.write(&yaml);
        let service = place.serve().await;
        assert_eq!(text(ask(&service, MODEL).await).await, "fine", "{more}");
        let asked = calls(&upstream, "/generateAssistantResponse").remove(0);
        assert_eq!(asked.path, path, "{more} {global}");
        assert_eq!(asked.json()["conversationState"]["agentTaskType"], "vibe");
        service.stop().await;
    }
    // The region is that of the login, and goes before the file's.
    let place = Place::new();
    let file = token_file(
        &place,
        &json!({"authMethod": "IdC", "clientId": "CID", "clientSecret": "CS", "accessToken": "old"}),
    );
    place.write(&format!(
        "{}kiro: [{{token-file: '{}', region: eu-west-1}}]\n",
        endpoints(&upstream),
        file.display()
    ));
    let service = place.serve().await;
    ask(&service, MODEL).await;
    assert_eq!(calls(&upstream, "/oidc/eu-west-1/token").len(), 1);
    service.stop().await;
    // A proxy that is not there is not gone around.
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    place.write(&format!(
        "{}kiro: [{{access-token: A2, proxy-url: 'http://{dead}'}}]\n",
        endpoints(&upstream)
    ));
    upstream.forget_requests();
    let service = place.serve().await;
    assert_ne!(ask(&service, MODEL).await.status(), 200);
    assert!(calls(&upstream, "/generateAssistantResponse").is_empty());
    service.stop().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_leaves_the_others_alone() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["good"]);
    let place = Place::new();
    let file = token_file(&place, &json!({"accessToken": "good"}));
    let folder = file.parent().unwrap().to_owned();
    std::fs::write(folder.join("empty.json"), "{}").unwrap();
    let (head, at, file_at) = (endpoints(&upstream), folder.display(), file.display());
    place.write(&format!(
        "{head}kiro:\n  - token-file: '{at}/absent.json'\n  - token-file: '{at}/empty.json'\n  - profile-arn: x\n  - token-file: '{file_at}'\n  - token-file: '{file_at}'\n"
    ));
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    let credentials = service.conductor().credentials();
    let kiro =
        credentials.iter().filter(|credential| credential.credential.provider().as_str() == "kiro").count();
    assert_eq!(kiro, 1, "the same file is one login: {credentials:?}");
    // The IDE logs in, and a reload sees it.
    let theirs = std::fs::read_to_string(&file).unwrap().replace("\"R1\"", "\"R9\"");
    std::fs::write(folder.join("absent.json"), theirs).unwrap();
    service.reload().await.unwrap();
    let credentials = service.conductor().credentials();
    assert_eq!(
        credentials.iter().filter(|credential| credential.credential.provider().as_str() == "kiro").count(),
        2
    );
    service.stop().await;
}

#[tokio::test]
async fn a_refresh_token_of_the_config_is_spent_once_and_the_files_is_used_after_that() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2", "A3"]);
    let place = Place::new();
    let path = token_file(&place, &json!({"refreshToken": ""}));
    place.write(&format!(
        "{}kiro: [{{token-file: '{}', refresh-token: R1}}]\n",
        endpoints(&upstream),
        path.display()
    ));
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    service.reload().await.unwrap();
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(spent(&upstream), ["R1"], "the config's fills the gap");
    service.stop().await;
    let mut file = read(&path);
    assert_eq!(file["refreshToken"], "R2");
    file["accessToken"] = json!("refused");
    std::fs::write(&path, file.to_string()).unwrap();
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(spent(&upstream), ["R1", "R2"]);
    service.stop().await;
}

#[tokio::test]
async fn tokens_of_an_entry_beside_its_file_never_go_before_newer_ones_of_the_file() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2", "of-the-ide", "own"]);
    let place = Place::new();
    let path = token_file(&place, &json!({}));
    let entry = |more: &str| {
        let yaml = format!("token-file: '{}', access-token: {more}", path.display());
        place.write(&format!("{}kiro: [{{{yaml}}}]\n", endpoints(&upstream)));
    };
    // The file's login is over, as the IDE left it: it is renewed with its own token, and there.
    entry("old, refresh-token: R-old");
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(spent(&upstream), ["R1"], "the file's");
    assert_eq!((&read(&path)["accessToken"], &read(&path)["refreshToken"]), (&json!("A2"), &json!("R2")));
    // The IDE renews it again, and both take that.
    token_file(&place, &json!({"accessToken": "of-the-ide", "refreshToken": "R9"}));
    service.reload().await.unwrap();
    upstream.forget_requests();
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(calls(&upstream, "/generateAssistantResponse")[0].key, "of-the-ide");
    assert!(spent(&upstream).is_empty());
    service.stop().await;
    let kept = std::fs::read_dir(place.auth_dir()).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json"));
    assert_eq!(kept.count(), 0, "there is one place for its tokens");
    // Where the file has none, or one that ended and cannot be renewed, the entry's serves.
    for without in [
        json!({"accessToken": "", "refreshToken": ""}),
        json!({"accessToken": "dead", "refreshToken": "", "expiresAt": "2020-01-01T00:00:00.000Z"}),
    ] {
        token_file(&place, &without);
        entry("own");
        upstream.forget_requests();
        let service = place.serve().await;
        assert_eq!(text(ask(&service, MODEL).await).await, "fine", "{without}");
        assert_eq!(calls(&upstream, "/generateAssistantResponse").len(), 1, "{without}");
        service.stop().await;
    }
    // A login of the entry's own is written into a file that has none, in the spelling of the IDE.
    std::fs::write(&path, "{}").unwrap();
    entry("refused, refresh-token: R5");
    upstream.forget_requests();
    serving(&upstream, &["A2"]);
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    service.stop().await;
    assert_eq!(spent(&upstream), ["R5"]);
    let file = read(&path);
    assert_eq!((&file["accessToken"], &file["refreshToken"]), (&json!("A2"), &json!("R2")), "{file}");
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(spent(&upstream), ["R5"], "not again");
    service.stop().await;
}

#[tokio::test]
async fn edits_of_an_entry_count_after_its_tokens_were_renewed() {
    let upstream = FakeUpstream::start().await;
    serving(&upstream, &["A2", "A3"]);
    let place = Place::new();
    let write = |more: &str| {
        place.write(&format!("{}kiro: [{{access-token: A1, {more}}}]\n", endpoints(&upstream)));
    };
    write("refresh-token: R1, preferred-endpoint: amazonq, agent-task-type: vibe");
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    upstream.forget_requests();
    write("refresh-token: R1, preferred-endpoint: codewhisperer, agent-task-type: spec");
    service.reload().await.unwrap();
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    let asked = calls(&upstream, "/generateAssistantResponse").remove(0);
    assert_eq!(asked.path, "/older/generateAssistantResponse");
    assert_eq!(asked.json()["conversationState"]["agentTaskType"], "spec");
    assert!(spent(&upstream).is_empty(), "the tokens are those that were kept");
    // Another refresh token is another login, and the tokens that the first became are not its.
    write("refresh-token: R9");
    service.reload().await.unwrap();
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(spent(&upstream), ["R9"]);
    service.stop().await;
    let service = place.serve().await;
    assert_eq!(text(ask(&service, MODEL).await).await, "fine");
    assert_eq!(spent(&upstream), ["R9"], "what that became was kept");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reload_during_a_renewal_loses_no_token() {
    for own in [false, true] {
        let upstream = FakeUpstream::start().await;
        let (reached, mut waiting) = tokio::sync::mpsc::channel(8);
        let (go_on, gate) = std::sync::mpsc::channel::<()>();
        let gate = parking_lot::Mutex::new(gate);
        upstream.answer_with(move |request: &Received| -> Reply {
            if request.path == "/refreshToken" {
                reached.try_send(()).unwrap();
                let _released = tokio::task::block_in_place(|| gate.lock().recv());
                return json(&json!({"accessToken": "A2", "refreshToken": "R2", "expiresIn": 36_000}));
            }
            if request.key == "A2" {
                kiro::text("fine")
            } else {
                kiro::error(401, "UnauthorizedException", "m")
            }
        });
        let place = Place::new();
        let path = token_file(&place, &json!({}));
        let entry = match own {
            true => "access-token: A1, refresh-token: R1".to_owned(),
            false => format!("token-file: '{}'", path.display()),
        };
        let with_entry = format!("{}kiro: [{{{entry}}}]\n", endpoints(&upstream));
        place.write(&with_entry);
        let service = place.serve().await;
        let reload = async {
            waiting.recv().await.unwrap();
            place.write(&endpoints(&upstream));
            service.reload().await.unwrap();
            go_on.send(()).unwrap();
        };
        tokio::join!(ask(&service, MODEL), reload);
        service.stop().await;
        if !own {
            assert_eq!(read(&path)["refreshToken"], "R2");
        }
        place.write(&with_entry);
        let service = place.serve().await;
        assert_eq!(text(ask(&service, MODEL).await).await, "fine");
        assert_eq!(spent(&upstream), ["R1"], "own={own}");
        service.stop().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn two_ways_to_one_login_are_one_entry() {
    let upstream = FakeUpstream::start().await;
    let place = Place::new();
    let (path, link) = (token_file(&place, &json!({})), place.home.path().join("link.json"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    place.write(&format!(
        "{}kiro:\n  - token-file: '{}'\n  - token-file: '{}'\n  - {{access-token: B1, refresh-token: R5}}\n  - {{access-token: B2, refresh-token: R5}}\n",
        endpoints(&upstream),
        path.display(),
        link.display()
    ));
    let service = place.serve().await;
    assert_eq!(count(&service), 2);
    let (config, list) = (service.config(), CredentialCommand::List);
    let listed =
        run_credentials(&config, &place.environment, &list, false, std::future::pending()).await.unwrap();
    for (entry, what) in [("kiro[1]", "token-file"), ("kiro[3]", "refresh-token")] {
        let said = listed.lines().find(|line| line.contains(entry)).unwrap();
        assert!(said.contains(&format!("another entry has the same {what}")), "{listed}");
    }
    service.stop().await;
}
