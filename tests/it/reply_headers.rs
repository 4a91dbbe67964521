//! Which headers of a provider's reply reach the client.

use cliproxy_testkit::{Reply, TestReply};

use crate::client::{clients, said};
use crate::matrix::{Behind, hello, world};

/// Always shown.
const ALWAYS: &str = "x-ratelimit-remaining-requests";
/// Shown on demand.
const ON_DEMAND: [&str; 2] = ["anthropic-organization-id", "x-vendors-own"];
/// Never shown: of the connection, cookies, of what browsers obey, and of gateways in between.
const NEVER: [&str; 5] =
    ["set-cookie", "x-litellm-model-id", "strict-transport-security", "proxy-authenticate", "alt-svc"];

fn with_headers(reply: Reply) -> Reply {
    let names = [ALWAYS].into_iter().chain(ON_DEMAND).chain(NEVER);
    names.fold(reply, |reply, name| reply.header(name, &format!("{name}-of-the-provider")))
}

/// The names of the provider's headers in a reply.
fn shown(reply: &TestReply) -> Vec<String> {
    let headers = reply.headers().iter();
    let own =
        headers.filter(|(name, value)| value.as_bytes() == format!("{name}-of-the-provider").as_bytes());
    let mut names: Vec<String> = own.map(|(name, _)| name.to_string()).collect();
    names.sort();
    names
}

fn answers(behind: &Behind) {
    let (provider, answer) = (behind.provider, hello().answer);
    behind
        .upstream
        .answer_with(move |request| with_headers(provider.answer(&answer, provider.asked(request).1)));
}

#[tokio::test]
async fn passthrough_headers_shows_what_is_a_providers_own_whole_and_streamed_and_with_failures() {
    let feature = hello();
    for (yaml, expected) in [
        ("disable-cooling: true\n", vec![ALWAYS]),
        ("disable-cooling: true\npassthrough-headers: false\n", vec![ALWAYS]),
        (
            "disable-cooling: true\npassthrough-headers: true\n",
            vec!["anthropic-organization-id", ALWAYS, "x-vendors-own"],
        ),
    ] {
        let (server, all) = world(yaml).await;
        for client in clients() {
            for behind in &all {
                for stream in [false, true] {
                    let case = format!("{} → {}, {stream}, {yaml}", client.name(), behind.provider.name());
                    let (path, body) = (
                        client.path(&behind.alias, stream),
                        client.body(&behind.alias, &feature.ask, stream),
                    );
                    answers(behind);
                    let reply = server.client().post(&path, &body).await;
                    assert_eq!(shown(&reply), expected, "{case}");
                    assert_eq!(
                        said(client, stream, reply).await,
                        feature.answer.expected(&behind.alias),
                        "{case}"
                    );

                    let provider = behind.provider;
                    behind.upstream.answer_with(move |_| with_headers(provider.error(400, "these words")));
                    let refused = server.client().post(&path, &body).await;
                    assert_eq!(
                        (refused.status(), shown(&refused)),
                        (400, expected.iter().map(|name| (*name).to_owned()).collect()),
                        "{case}"
                    );
                }
            }
        }
    }
}
