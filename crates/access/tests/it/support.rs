use cliproxy_access::{ConfigKeys, Keyless};
use cliproxy_core::{AccessDecision, AccessProvider, Secret};
use http::request::Parts;

pub fn keys(keys: &[&str]) -> ConfigKeys {
    ConfigKeys::new(keys.iter().map(|key| Secret::from(*key)), Keyless::Refuse)
}

pub fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let request =
        headers.iter().fold(http::Request::get(uri), |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

pub async fn ask(provider: &impl AccessProvider, uri: &str, headers: &[(&str, &str)]) -> AccessDecision {
    provider.authenticate(&head(uri, headers)).await.unwrap()
}

pub fn is_granted(decision: &AccessDecision) -> bool {
    matches!(decision, AccessDecision::Granted(_))
}
