//! Doors.

use std::sync::Arc;

use cliproxy_sdk::async_trait;
use cliproxy_sdk::core::{AccessDecision, AccessError, AccessProvider, Principal};
use cliproxy_sdk::http::request::Parts;

use crate::place::{Place, ask, client, serving};

/// Admits whoever names a team; says nothing of others.
#[derive(Debug)]
struct Teams;

#[async_trait]
impl AccessProvider for Teams {
    fn name(&self) -> &str {
        "teams"
    }

    async fn authenticate(&self, request: &Parts) -> Result<AccessDecision, AccessError> {
        Ok(match request.headers.get("x-team").map(|team| team.as_bytes()) {
            Some(b"broken") => return Err(AccessError::new("the directory is down")),
            Some(b"nobody") => AccessDecision::Invalid,
            Some(_) => AccessDecision::Granted(Principal::new("team")),
            None => AccessDecision::NotHandled,
        })
    }
}

#[tokio::test]
async fn a_door_of_ones_own_stands_before_the_configurations_keys() {
    let place = Place::new();
    place.write("");
    let service = serving(place.builder().access(Arc::new(Teams))).await;
    assert_eq!(ask(&service, "demo").await.status(), 200, "the configured key still opens");
    for (team, expected) in [("blue", 200), ("nobody", 401), ("broken", 500)] {
        let client = client(&service).bearer("no key at all").header("x-team", team);
        assert_eq!(client.get("/v1/models").await.status(), expected, "{team}");
    }
    service.stop().await;
}

#[tokio::test]
async fn without_keys_a_door_of_ones_own_is_the_only_one() {
    let place = Place::new();
    place.write_raw("host: 127.0.0.1\nport: 0\n");
    let open = place.serve().await;
    let anonymous = cliproxy_testkit::TestClient::new(format!("http://{}", open.local_addr()));
    assert_eq!(anonymous.get("/v1/models").await.status(), 200, "loopback without keys is open");
    open.stop().await;

    let service = serving(place.builder().access(Arc::new(Teams))).await;
    let anonymous = cliproxy_testkit::TestClient::new(format!("http://{}", service.local_addr()));
    assert_eq!(anonymous.get("/v1/models").await.status(), 401);
    assert_eq!(anonymous.clone().header("x-team", "blue").get("/v1/models").await.status(), 200);
    service.reload().await.unwrap();
    assert_eq!(anonymous.get("/v1/models").await.status(), 401, "nor after a reload");
    service.stop().await;
}
