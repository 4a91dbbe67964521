//! Pages that relay, where they differ from credentials that are stored.

use std::time::Duration;

use cliproxy_testkit::gemini;

use crate::client::{clients, said};
use crate::matrix::{hello, world};

#[tokio::test]
async fn a_page_that_is_out_of_quota_rests_unasked_and_comes_back_by_itself() {
    let (server, all) = world("request-retry: 0\nmax-retry-interval: 0\n").await;
    let feature = hello();
    for behind in all.iter().filter(|behind| behind.page.is_some()) {
        let (provider, answer) = (behind.provider, feature.answer.clone());
        let (path, body) = {
            let client = clients()[0];
            (client.path(&behind.alias, false), client.body(&behind.alias, &feature.ask, false))
        };
        let spent = "Quota exceeded. Please retry in 2s.";
        behind.upstream.answer_with(move |_| gemini::error(429, "RESOURCE_EXHAUSTED", spent));
        let refused = server.client().post(&path, &body).await;
        assert_eq!(refused.status(), 429, "{}", refused.text().await);
        assert!(refused.header("retry-after").is_some(), "the client learns when to come back");
        assert_eq!(behind.upstream.requests().len(), 1);

        behind.upstream.answer_with(move |request| provider.answer(&answer, provider.asked(request).1));
        loop {
            let reply = server.client().post(&path, &body).await;
            if reply.status() == 200 {
                let told = said(clients()[0], false, reply).await;
                assert_eq!(told, feature.answer.expected(&behind.alias));
                break;
            }
            assert_eq!(reply.status(), 429, "{}", reply.text().await);
            assert_eq!(behind.upstream.requests().len(), 1, "it is not asked while it rests");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(behind.upstream.requests().len(), 2);
    }
}
