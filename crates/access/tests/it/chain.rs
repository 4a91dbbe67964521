use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use cliproxy_access::{Chain, ConfigKeys, Keyless, Open};
use cliproxy_core::{AccessDecision, AccessError, AccessProvider, Principal, Secret};
use http::request::Parts;

use crate::support::{ask, head};

/// Says what it was told to say, and counts how often it was asked.
#[derive(Debug)]
struct Says(Result<AccessDecision, ()>, AtomicUsize);

#[async_trait]
impl AccessProvider for Says {
    fn name(&self) -> &str {
        "says"
    }

    async fn authenticate(&self, _request: &Parts) -> Result<AccessDecision, AccessError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.clone().map_err(|()| AccessError::new("the directory is away"))
    }
}

fn granted(name: &str) -> AccessDecision {
    AccessDecision::Granted(Principal::new(name))
}

/// Source: runtime.md J.4.
#[tokio::test]
async fn the_first_grant_or_failure_ends_the_search_and_wrong_outranks_missing() {
    use AccessDecision::{Invalid, Missing, NotHandled};
    for (said, expected, asked) in [
        (vec![], Ok(Missing), 0),
        (vec![Ok(NotHandled), Ok(NotHandled)], Ok(Missing), 2),
        (vec![Ok(granted("a")), Ok(granted("b"))], Ok(granted("a")), 1),
        (vec![Ok(NotHandled), Ok(Missing), Ok(Invalid), Ok(granted("b"))], Ok(granted("b")), 4),
        (vec![Ok(Invalid), Ok(Missing), Ok(NotHandled)], Ok(Invalid), 3),
        (vec![Ok(Missing), Ok(Invalid)], Ok(Invalid), 2),
        (vec![Ok(Missing), Ok(NotHandled)], Ok(Missing), 2),
        (vec![Ok(Missing), Err(()), Ok(granted("b"))], Err(()), 2),
        (vec![Ok(granted("a")), Err(())], Ok(granted("a")), 1),
    ] {
        let providers: Vec<Arc<Says>> =
            said.iter().map(|said| Arc::new(Says(said.clone(), AtomicUsize::new(0)))).collect();
        let shared =
            providers.iter().map(|provider| Arc::clone(provider) as Arc<dyn AccessProvider>).collect();
        let answer = Chain::new(shared).authenticate(&head("/", &[])).await;
        assert_eq!(answer.map_err(|_| ()), expected, "{said:?}");
        let times: usize = providers.iter().map(|provider| provider.1.load(Ordering::Relaxed)).sum();
        assert_eq!(times, asked, "{said:?}");
    }
}

#[tokio::test]
async fn without_keys_everybody_is_admitted_only_when_that_is_meant() {
    let anonymous = AccessDecision::Granted(Principal::anonymous());
    let keys = Arc::new(ConfigKeys::new([], Keyless::Refuse));
    let closed = Chain::new(vec![keys.clone()]);
    let chain = Chain::new(vec![keys.clone()]).or_open(Open::while_keyless(keys.clone()));
    assert_eq!(ask(&chain, "/", &[]).await, AccessDecision::Missing);
    keys.replace([], Keyless::Admit);
    assert_eq!(ask(&chain, "/", &[]).await, anonymous);
    assert_eq!(ask(&chain, "/?key=whatever", &[]).await, anonymous);
    assert_eq!(ask(&Open::while_keyless(keys.clone()), "/", &[]).await, anonymous);
    assert_eq!(ask(&closed, "/", &[]).await, AccessDecision::Missing, "no open door was built in");

    // A reload brings a key while the permission stands: the door is shut.
    keys.replace([Secret::from("k")], Keyless::Admit);
    assert_eq!(ask(&chain, "/", &[]).await, AccessDecision::Missing);
    assert_eq!(ask(&chain, "/?key=wrong", &[]).await, AccessDecision::Invalid);
}

#[tokio::test]
async fn the_open_door_does_not_overrule_a_provider_that_was_concerned() {
    for said in [AccessDecision::Missing, AccessDecision::Invalid] {
        let keys = Arc::new(ConfigKeys::new([], Keyless::Admit));
        let strict = Arc::new(Says(Ok(said.clone()), AtomicUsize::new(0)));
        let chain = Chain::new(vec![strict, keys.clone()]).or_open(Open::while_keyless(keys));
        assert_eq!(ask(&chain, "/", &[]).await, said);
    }
}
