//! A model that answers from inside the process, so that a first run has something to talk to. It goes through the
//! whole pipeline like any other; the conductor drops it as soon as a real credential exists.

mod words;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cliproxy_core::{
    Attempt, Credential, CredentialId, CredentialKind, Document, ErrorKind, ExecutorError, Modality,
    ModelInfo, Operation, Origin, ProviderExecutor, ProviderFormat, ProviderId, Settings, UpstreamModel,
    WireReply, WireStream,
};
use cliproxy_translator::Codec as _;
use cliproxy_translator::format::chat::ChatCodec;
use futures_core::Stream;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::time::{Sleep, sleep};

const PROVIDER: ProviderId = ProviderId::from_static("demo");
static FORMATS: [ProviderFormat; 1] = [ProviderFormat::OPENAI];
/// How long the demo thinks between words: slow enough to see that it streams.
const PACE: Duration = Duration::from_millis(12);

/// The model's name.
pub const DEMO_MODEL: &str = "demo";

/// The credential that the demo needs to be picked: a fallback with nothing in it.
#[must_use]
pub fn demo_credential() -> Credential {
    let mut settings = Settings::new("built-in demo");
    settings.fallback = true;
    Credential::new(
        CredentialId::from_static("demo:builtin"),
        PROVIDER,
        CredentialKind::ApiKey,
        Origin::Runtime,
        Document::default(),
        settings,
    )
}

/// Serves the demo model.
#[derive(Clone, Debug)]
pub struct DemoExecutor {
    provider: ProviderId,
}

impl DemoExecutor {
    /// The demo.
    #[must_use]
    pub fn new() -> Self {
        Self { provider: PROVIDER }
    }
}

impl Default for DemoExecutor {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ProviderExecutor for DemoExecutor {
    fn provider(&self) -> &ProviderId {
        &self.provider
    }

    fn wire_formats(&self, _model: &UpstreamModel, operation: Operation) -> &[ProviderFormat] {
        match operation {
            Operation::Generate => &FORMATS,
            _ => &[],
        }
    }

    async fn models(&self, _credential: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        let mut info = ModelInfo::new(DEMO_MODEL).with_display_name("Built-in demo").with_owner("cliproxy");
        (info.input, info.output) = (vec![Modality::Text], vec![Modality::Text]);
        Ok(vec![info.with_limits(32_000, 1_000)])
    }

    async fn execute(&self, attempt: Attempt) -> Result<WireReply, ExecutorError> {
        let answer = Answer::to(&attempt)?;
        Ok(WireReply::new(HeaderMap::new(), Bytes::from(answer.whole().to_string())))
    }

    async fn execute_stream(&self, attempt: Attempt) -> Result<WireStream, ExecutorError> {
        let answer = Answer::to(&attempt)?;
        let frames = answer.frames().into_iter();
        Ok(WireStream::new(
            HeaderMap::new(),
            Box::pin(Paced { frames, wait: Box::pin(sleep(Duration::ZERO)) }),
        ))
    }
}

/// One answer, in the provider's format.
struct Answer {
    id: String,
    created: i64,
    prompt_words: usize,
    words: Vec<String>,
}

impl Answer {
    fn to(attempt: &Attempt) -> Result<Self, ExecutorError> {
        // By the codec, which takes what the real providers take: halves of emoji, for one.
        let request = ChatCodec::default().decode_request(&attempt.body).map_err(|error| {
            ExecutorError::new(ErrorKind::InvalidRequest, error.to_string()).with_source(error)
        })?;
        if request.turns.is_empty() {
            return Err(ExecutorError::new(
                ErrorKind::InvalidRequest,
                "messages: expected an array of one or more objects",
            ));
        }
        let prompt = words::last_user_text(&request);
        Ok(Self {
            id: format!("chatcmpl-demo-{}", attempt.request_id),
            created: attempt.now.as_secs(),
            prompt_words: prompt.split_whitespace().count(),
            words: words::answer(&prompt),
        })
    }

    fn usage(&self) -> Value {
        let (prompt, completion) = (self.prompt_words, self.words.len());
        json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
    }

    fn whole(&self) -> Value {
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": DEMO_MODEL,
            "choices": [{
                "index": 0, "finish_reason": "stop", "logprobs": null,
                "message": {"role": "assistant", "content": self.words.concat(), "refusal": null},
            }],
            "usage": self.usage(),
        })
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Bytes {
        let chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": DEMO_MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        });
        Bytes::from(format!("data: {chunk}\n\n"))
    }

    fn frames(&self) -> Vec<Bytes> {
        let mut frames = vec![self.chunk(&json!({"role": "assistant", "content": ""}), None)];
        frames.extend(self.words.iter().map(|word| self.chunk(&json!({"content": word}), None)));
        frames.push(self.chunk(&json!({}), Some("stop")));
        let usage = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": DEMO_MODEL,
            "choices": [], "usage": self.usage(),
        });
        frames.push(Bytes::from(format!("data: {usage}\n\ndata: [DONE]\n\n")));
        frames
    }
}

/// Frames with a short wait before each but the first.
struct Paced {
    frames: std::vec::IntoIter<Bytes>,
    wait: Pin<Box<Sleep>>,
}

impl Stream for Paced {
    type Item = Result<Bytes, ExecutorError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.wait.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let frame = self.frames.next();
        self.wait = Box::pin(sleep(PACE));
        Poll::Ready(frame.map(Ok))
    }
}
