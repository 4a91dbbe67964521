//! One call, from its admission on.

use std::sync::Arc;

use cliproxy_core::{ClientFormat, ModelId, Operation, Principal, RequestId};
use cliproxy_translator::Codec;
use http::request::Parts;

use crate::endpoint::{GeminiAction, model_name};
use crate::{Endpoint, Options};

/// What is known of a call before its body is read.
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) endpoint: Endpoint,
    pub(crate) format: ClientFormat,
    pub(crate) operation: Operation,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) principal: Principal,
    pub(crate) options: Arc<Options>,
}

/// What the address of a request says of it, in formats that say it there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addressed {
    /// The model.
    pub(crate) model: Option<ModelId>,
    /// Whether a stream is wanted.
    pub(crate) stream: Option<bool>,
    /// A stream is wanted as one JSON array rather than as events.
    pub(crate) array: bool,
}

impl Addressed {
    // Source: http-api.md A.3, A.6: path `model:method`; `alt` or `$alt`, where `sse` is the same as absent.
    pub(crate) fn read(endpoint: Endpoint, parts: &Parts) -> Self {
        let (Endpoint::Gemini(action) | Endpoint::CodeAssist(action)) = endpoint else {
            return Self::default();
        };
        let stream = action == GeminiAction::Stream;
        let name = model_name(parts.uri.path());
        let model = matches!(endpoint, Endpoint::Gemini(_)).then(|| ModelId::new(name.trim()));
        let query = parts.uri.query().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let alt = pairs.find(|(name, _)| matches!(*name, "alt" | "$alt" | "%24alt")).map_or("", |(_, v)| v);
        Self { model, stream: Some(stream), array: stream && !matches!(alt, "" | "sse") }
    }
}
