//! One call, from its admission on.

use std::sync::Arc;

use cliproxy_core::{ClientFormat, Operation, Principal, RequestId};
use cliproxy_translator::Codec;

use crate::{Endpoint, Options};

/// What is known of a call before its body is read.
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) endpoint: Endpoint,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) principal: Principal,
    pub(crate) options: Arc<Options>,
}

impl Call {
    pub(crate) fn format(&self) -> ClientFormat {
        match self.endpoint {
            Endpoint::Messages | Endpoint::CountTokens => ClientFormat::CLAUDE,
            Endpoint::Completions => ClientFormat::OPENAI_COMPLETIONS,
            _ => ClientFormat::OPENAI,
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        match self.endpoint {
            Endpoint::CountTokens => Operation::CountTokens,
            _ => Operation::Generate,
        }
    }
}
