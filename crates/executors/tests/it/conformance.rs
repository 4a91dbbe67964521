//! Every executor of ours passes the checks that a stranger's has to pass.

use cliproxy_core::ProviderId;
use cliproxy_executors::{ClaudeExecutor, DemoExecutor, Egress, OpenAiCompatExecutor};
use cliproxy_testkit::conformance;
use cliproxy_testkit::conformance::{Site, Subject};
use cliproxy_transport::{ClientOptions, HttpClient, ProxyChoice};

fn egress(site: &Site) -> Egress {
    let options = ClientOptions::new().with_first_byte_timeout(site.first_byte_timeout());
    Egress::new(HttpClient::new(options), ProxyChoice::Direct)
}

fn claude(site: &Site) -> ClaudeExecutor {
    ClaudeExecutor::new(egress(site)).with_url("api", site.url())
}

// Anthropic's own host, as an endpoint that the configuration replaced.
conformance!(
    claude_at_its_endpoint,
    Subject::new(claude).settings(|own| own.base_url = None).counts_tokens()
);
// Another host, as the base URL of the credential: it gets a bearer key and no token counts.
conformance!(claude_at_a_base_url, Subject::new(|site| ClaudeExecutor::new(egress(site))));
conformance!(
    openai_compatible,
    Subject::new(|site| OpenAiCompatExecutor::new(ProviderId::from_static("router"), egress(site)))
);
conformance!(demo, Subject::new(|_| DemoExecutor::new()), in_process);
