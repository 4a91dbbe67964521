//! Counting tokens: the provider's own count where it has one, else an estimate that says what it is.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{ErrorKind, ExecutorError, Operation, Target, UpstreamReply, WholeReply};
use cliproxy_translator::CodecError;
use cliproxy_translator::pass::estimate;
use http::{HeaderName, HeaderValue};

use crate::exchange::BridgeExchange;
use crate::failure::{self, ReplySource};
use crate::headers::KeptHeaders;
use crate::route::Way;

/// Marks a count that was estimated here.
pub(crate) const ESTIMATE_HEADER: HeaderName = HeaderName::from_static("x-cliproxy-token-estimate");

impl BridgeExchange {
    /// Source: translation.md B86.
    pub(crate) async fn count(&self, target: &Target) -> Result<UpstreamReply, ExecutorError> {
        if self.client.encode_count(0).is_none() {
            let message = format!("the format {} has no token counts", self.request.format);
            return Err(ExecutorError::new(ErrorKind::Unsupported, message));
        }
        if target
            .executor
            .wire_formats_for(&target.credential, &target.model, Operation::CountTokens)
            .is_empty()
        {
            return self.estimated().await;
        }
        match self.counted(target).await {
            // Neither says anything about the credential: the endpoint is simply not there.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::EndpointMissing) => {
                self.estimated().await
            }
            result => result,
        }
    }

    async fn counted(&self, target: &Target) -> Result<UpstreamReply, ExecutorError> {
        let route = self.route(target)?;
        let prepared = self.prepare(target, &route, false, false).await?;
        let attempt = self.attempt_of(target, &route, &prepared, false);
        let reply = target.executor.count_tokens(attempt).await?;
        let wire = route.codec().unwrap_or(&self.client);
        let body = match (wire.decode_count(&reply.body), &prepared.way) {
            (Some(_), Way::Same(_)) => Some(reply.body.clone()),
            (Some(tokens), _) => {
                self.shared.registry.count(&self.request.format, &route.format, tokens).map(Bytes::from)
            }
            (None, _) => None,
        };
        let Some(body) = body else {
            let source = ReplySource {
                executor: Arc::clone(&target.executor),
                headers: KeptHeaders::of(&reply.headers),
                now: target.now,
            };
            return Err(source.not_a_reply(&**wire, &reply.body));
        };
        let reply = WholeReply::new(body).with_headers(self.shown(&reply.headers));
        Ok(UpstreamReply::Whole(Box::new(reply)))
    }

    async fn estimated(&self) -> Result<UpstreamReply, ExecutorError> {
        let (client, body) = (Arc::clone(&self.client), self.request.body.clone());
        let work = move || {
            let request = client.decode_request(&body)?;
            // What only a service keeps is not here to be counted: the rest alone is another prompt.
            client.check_portable(&request, "")?;
            Ok::<_, CodecError>(client.encode_count(estimate::request_tokens(&request)))
        };
        let counted =
            self.shared.pool.run(self.request.body.len(), work).await?.map_err(failure::of_request)?;
        let mut reply = WholeReply::new(Bytes::from(counted.unwrap_or_default())).made_here();
        reply.headers.insert(ESTIMATE_HEADER, HeaderValue::from_static("true"));
        Ok(UpstreamReply::Whole(Box::new(reply)))
    }
}
