//! Where questions about a client's own login at Google go.

use std::sync::Arc;

use cliproxy_config::Config;
use cliproxy_executors::Egress;
use cliproxy_http::Onward;

/// To Code Assist, wherever the configuration says that it is.
#[cfg(feature = "gemini-cli")]
pub(crate) fn onward(config: &Config, egress: &Egress) -> Option<Arc<dyn Onward>> {
    let replaced = config.endpoints.get("gemini-cli").into_iter().flatten();
    let own = cliproxy_executors::GeminiCliExecutor::new(egress.clone());
    let executor = replaced.fold(own, |executor, (name, url)| executor.with_url(name, url.expose()));
    Some(Arc::new(Google(executor)))
}

#[cfg(not(feature = "gemini-cli"))]
pub(crate) fn onward(_: &Config, _: &Egress) -> Option<Arc<dyn Onward>> {
    None
}

#[cfg(feature = "gemini-cli")]
#[derive(Debug)]
struct Google(cliproxy_executors::GeminiCliExecutor);

#[cfg(feature = "gemini-cli")]
#[async_trait::async_trait]
impl Onward for Google {
    async fn hand_on(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, Box<cliproxy_core::ClientError>> {
        use cliproxy_core::{ClientError, ClientErrorKind};
        self.0.hand_on(request).await.map_err(|error| {
            tracing::warn!(%error, "Google did not answer about a client's own login");
            Box::new(ClientError::new(ClientErrorKind::BadGateway, format!("Google did not answer: {error}")))
        })
    }
}
