#![doc = include_str!("../README.md")]

mod access;
mod boxed;
mod client_error;
mod credential;
mod dispatch;
mod document;
mod duration;
mod error;
mod executor;
mod format;
mod hook;
mod ids;
mod login;
mod mask;
mod model;
mod name;
mod outline;
mod quota;
mod request;
mod secret;
mod select;
mod store;
mod stream;
mod time;
mod tokens;
mod upstream;
mod usage;

pub use access::{AccessDecision, AccessError, AccessProvider, Principal};
pub use boxed::boxed;
pub use client_error::{ClientError, ClientErrorKind, UpstreamBody};
pub use credential::{
    Credential, CredentialKind, Limits, ModelEntry, Origin, RequestScopedAction, RequestScopedRule, Settings,
};
pub use dispatch::{Dispatched, Dispatcher, Explanation, ListedModel};
pub use document::Document;
pub use duration::parse_duration;
pub use error::{ErrorKind, Evidence, ExecutorError, Failure, FailureStage, Scope, Verdict, retry_after};
pub use executor::{
    Attempt, Endpoint, ProviderExecutor, Renewal, ReplyModes, UpstreamBytes, WireReply, WireStream,
};
pub use format::{ClientFormat, Operation, ProviderFormat};
pub use hook::{Hook, Outcome, OutcomeKind, UsageRecord, UsageSink};
pub use ids::{CredentialId, ModelId, ProviderId, RequestId, UpstreamModel};
pub use login::{
    Authenticator, LoginError, LoginErrorKind, LoginRequest, LoginStep, LoginUi, NewLogin, Question,
};
pub use mask::Mask;
pub use model::{Level, Modality, ModelInfo, ReasoningProfile};
pub use outline::{MemberSpan, Outline, Span};
pub use quota::{AccountQuota, QuotaLimit};
pub use request::{ClientRequest, SessionKey};
pub use secret::Secret;
pub use select::{PickContext, ReadyView, Selector};
pub use store::{CredentialStore, Listing, RefreshLease, StoreError, StoreErrorKind, StoreProblem};
pub use stream::{ClientStream, Frame, StreamEnd};
pub use time::Timestamp;
pub use tokens::lists_token;
pub use upstream::{Exchange, StreamReply, Target, Upstream, UpstreamReply, WholeReply};
pub use usage::{FinishReason, Usage};
