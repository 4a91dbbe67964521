//! The `anthropic-beta` header: the caller's betas as they are, those of the body, and what a token or a member of
//! the body cannot do without. Nothing is invented. Source: providers-a.md 2.4 "Beta list assembly" 4 to 6.

use bytes::Bytes;
use cliproxy_core::ExecutorError;
use cliproxy_translator::splice::{Edits, TopLevel, Word};
use memchr::memmem;

/// Required by the API for OAuth tokens.
const OAUTH: &str = "oauth-2025-04-20";
/// Required by the token-count endpoint.
const COUNT: &str = "token-counting-2024-11-01";

/// What decides about betas beside the body.
pub(super) struct Call<'a> {
    /// The caller's own header values.
    pub(super) caller: Vec<&'a str>,
    /// The credential is an OAuth token.
    pub(super) oauth: bool,
    /// The call counts tokens.
    pub(super) count: bool,
    /// The body was written by us, not by the caller.
    pub(super) translated: bool,
}

/// The header value (empty when there is nothing to say) and the body without its `betas`.
pub(super) fn assemble(body: &Bytes, call: &Call<'_>) -> Result<(String, Bytes), ExecutorError> {
    let mut list = List::default();
    for value in &call.caller {
        list.add_all(value.split(','));
    }
    // Source: rule 5 "redact-thinking must not be sent when the body sets thinking.display".
    let body = take_from_body(body, call, &mut list)?;
    if call.oauth {
        list.add(OAUTH);
    }
    if call.count {
        list.add(COUNT);
    }
    Ok((list.0.join(","), body))
}

#[derive(Default)]
struct List(Vec<String>);

impl List {
    fn add(&mut self, beta: &str) {
        let beta = beta.trim();
        if !beta.is_empty() && !self.0.iter().any(|known| known == beta) {
            self.0.push(beta.to_owned());
        }
    }

    fn add_all<'b>(&mut self, betas: impl Iterator<Item = &'b str>) {
        betas.for_each(|beta| self.add(beta));
    }
}

static MEMBERS: [Word; 5] = [
    Word::new("\"betas\""),
    Word::new("\"speed\""),
    Word::new("\"output_config\""),
    Word::new("\"diagnostics\""),
    Word::new("\"thinking\""),
];

/// Looks for the few members that matter; a body that mentions none of them is not scanned.
fn take_from_body(body: &Bytes, call: &Call<'_>, list: &mut List) -> Result<Bytes, ExecutorError> {
    let mentions = |word: &str| contains(body, word);
    if call.translated && mentions("\"1h\"") && mentions("\"ttl\"") {
        list.add("extended-cache-ttl-2025-04-11");
    }
    if call.translated && mentions("\"system\"") && has_inline_system(body) {
        list.add("mid-conversation-system-2026-04-07");
    }
    if !MEMBERS.iter().any(|word| word.is_in(body)) {
        return Ok(body.clone());
    }
    let Ok(top) = TopLevel::scan(body) else { return Ok(body.clone()) };
    if top.value("speed").is_some_and(|value| value == b"\"fast\"") {
        // Without it the API rejects the member.
        list.add("fast-mode-2026-02-01");
    }
    if top.value("diagnostics").is_some_and(|value| value.starts_with(b"{")) {
        list.add("cache-diagnosis-2026-04-07");
    }
    if call.translated && top.value("output_config").is_some_and(|value| contains(value, "\"effort\"")) {
        list.add("effort-2025-11-24");
    }
    if top.value("thinking").is_some_and(|value| contains(value, "\"display\"")) {
        list.0.retain(|beta| beta != "redact-thinking-2026-02-12");
    }
    let Some(betas) = top.value("betas") else { return Ok(body.clone()) };
    match serde_json::from_slice::<serde_json::Value>(betas) {
        Ok(serde_json::Value::String(text)) => list.add_all(text.split(',')),
        Ok(serde_json::Value::Array(items)) => {
            list.add_all(items.iter().filter_map(serde_json::Value::as_str))
        }
        _ => {}
    }
    Edits::new().remove("betas").apply(body).map_err(|error| {
        ExecutorError::new(cliproxy_core::ErrorKind::InvalidRequest, "the request body is not a JSON object")
            .with_source(error)
    })
}

/// Whether a message inside the conversation has the role `system`.
// Source: providers-a.md 2.4 rule 5 "system role inside messages".
fn has_inline_system(body: &Bytes) -> bool {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        role: std::borrow::Cow<'a, str>,
    }
    let messages = TopLevel::scan(body).ok().and_then(|top| top.value("messages"));
    let messages = messages.and_then(|raw| serde_json::from_slice::<Vec<Message<'_>>>(raw).ok());
    messages.is_some_and(|messages| messages.iter().any(|message| message.role == "system"))
}

fn contains(body: &[u8], word: &str) -> bool {
    memmem::find(body, word.as_bytes()).is_some()
}
