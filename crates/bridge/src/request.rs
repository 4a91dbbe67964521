//! What goes to the provider: the client's own bytes with a splice, or the request said again in the wire format.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{
    ClientFormat, ClientRequest, CredentialId, ModelInfo, Operation, ProviderFormat, UpstreamModel,
};
use cliproxy_translator::model::ReasoningControl;
use cliproxy_translator::pass::reasoning::parse_suffix;
use cliproxy_translator::pass::recall::Recall;
use cliproxy_translator::payload::{Outgoing, Rules};
use cliproxy_translator::registry::{self, Registry, RequestCall};
use cliproxy_translator::splice::{Edits, TopLevel, Word};
use cliproxy_translator::{Codec, CodecError, Loss, Patch, Profile, ReplyContext, StateGate};
use http::HeaderMap;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::profile::ProfileHints;
use crate::route::Way;
use crate::state::{Fresh, Scope};

/// While the encoded bodies of a request are smaller than this in all, each is kept; larger ones push out the
/// older, so that a retry costs at most one more copy of the body. Source: design.md §10 "peak heap".
const KEPT_BYTES: usize = 64 * 1024;

/// A request in a wire format, with what its replies need. Owns everything.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) body: Bytes,
    /// How it was made, and so how its replies are read.
    pub(crate) way: Way,
    pub(crate) context: Learned,
    /// What the registry wants back for the reply, where it made the body.
    pub(crate) exchange: Option<Box<registry::Exchange>>,
    pub(crate) losses: Vec<Loss>,
    /// What payload rules did to the body.
    pub(crate) rewritten: Vec<String>,
    /// What was left out because the provider refused it.
    pub(crate) fresh: Option<Arc<Fresh>>,
}

impl Prepared {
    /// Puts another body in place of what was made.
    fn put(&mut self, body: Bytes) {
        if let Some(exchange) = &mut self.exchange {
            exchange.translated = body.clone();
        }
        self.body = body;
    }
}

/// What the making of a request taught for its reply.
#[derive(Debug)]
pub(crate) enum Learned {
    /// The client's bytes passed; this is all that a reply depends on which passes too.
    Passed { include_usage: bool },
    /// All that the codecs found.
    Translated(Box<ReplyContext>),
}

/// What an encoded request depends on besides the client's request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) format: ProviderFormat,
    pub(crate) model: UpstreamModel,
    pub(crate) stream: bool,
    pub(crate) suffix: Option<String>,
    pub(crate) hints: ProfileHints,
    pub(crate) info: Option<Arc<ModelInfo>>,
    /// The credential, where the state of the conversation depends on it.
    pub(crate) credential: Option<CredentialId>,
    /// Without any opaque state of earlier turns.
    pub(crate) fresh: bool,
}

/// What has a say in the opaque state of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    pub(crate) gate: Option<Arc<dyn StateGate>>,
    pub(crate) recall: Option<Scope>,
}

/// The encoded forms of one client request. Source: design.md §12 "Encoded requests are cached per request".
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Vec<(Key, Arc<Prepared>)>>);

impl Cache {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Prepared>> {
        self.0.lock().iter().find(|(known, _)| known == key).map(|(_, prepared)| Arc::clone(prepared))
    }

    pub(crate) fn put(&self, key: Key, prepared: Arc<Prepared>) {
        let mut kept = self.0.lock();
        // Most requests are encoded once.
        kept.reserve_exact(1);
        kept.push((key, prepared));
        while kept.len() > 1
            && kept.iter().map(|(_, prepared)| prepared.body.len()).sum::<usize>() > KEPT_BYTES
        {
            kept.remove(0);
        }
    }

    /// What was lost on the way into the formats that are kept.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        self.0.lock().iter().flat_map(|(_, prepared)| prepared.losses.iter().cloned()).collect()
    }
}

/// What the reply side has to know of a request, before either way adds what it learned.
pub(crate) fn context_of(request: &ClientRequest) -> Box<ReplyContext> {
    Box::new(ReplyContext::new(request.model.as_str().to_owned(), request.id.as_str().to_owned()))
}

/// Client and provider speak the same format: only what must change is spliced.
// Source: translation.md C.10 rule 2.
pub(crate) fn patched(
    codec: &Arc<dyn Codec>,
    request: &ClientRequest,
    key: &Key,
    gate: Option<&Arc<dyn StateGate>>,
) -> Result<Prepared, CodecError> {
    let include_usage = key.stream && asks_for_usage(&**codec, request)?;
    let mut patch = Patch::default();
    patch.model = Some(key.model.as_str().to_owned());
    patch.stream = (key.stream != request.stream).then_some(key.stream);
    patch.include_usage = key.stream;
    patch.reasoning = reasoning(key.suffix.as_deref());
    patch.info.clone_from(&key.info);
    patch.refuses_thoughts = key.hints.strict == Some(true) && key.hints.keeps_reasoning_text != Some(true);
    patch.keeps_reasoning_text = key.hints.keeps_reasoning_text == Some(true);
    patch.compact = request.operation == Operation::Compact;
    patch.gate = gate.cloned();
    patch.outline.clone_from(&request.outline);
    let patched = codec.patch_request(&request.body, &patch)?;
    Ok(Prepared {
        body: patched.body,
        way: Way::Same(Arc::clone(codec)),
        context: Learned::Passed { include_usage },
        exchange: None,
        losses: patched.losses,
        rewritten: Vec::new(),
        fresh: None,
    })
}

static INCLUDE_USAGE: Word = Word::new("include_usage");

/// Whether the body itself asks for usage in the stream: then asking again changes nothing. The word is looked for
/// first, as most bodies do not have it and a scan is dearer.
fn asks_for_usage(codec: &dyn Codec, request: &ClientRequest) -> Result<bool, CodecError> {
    let body = &request.body;
    if !INCLUDE_USAGE.is_in(body) {
        return Ok(false);
    }
    let mut patch = Patch::default();
    patch.include_usage = true;
    patch.outline.clone_from(&request.outline);
    let patched = codec.patch_request(body, &patch)?.body;
    Ok(patched.as_ptr() == body.as_ptr() && patched.len() == body.len())
}

/// The request is said again in the provider's format, or goes through what third parties registered. The
/// canonical form lives in this call alone.
pub(crate) fn translated(
    registry: &Registry,
    request: &ClientRequest,
    key: &Key,
    profile: &Profile,
    states: &States,
    way: Way,
) -> Result<Prepared, CodecError> {
    // A suffix beats the body. Source: translation.md B43.
    let suffix = reasoning(key.suffix.as_deref());
    let call = RequestCall::new(&request.format, &key.format, &request.body, profile)
        .with_suffix(suffix.as_ref())
        .with_usage(key.stream)
        .said_again(rebuilds(request, key))
        .with_gate(states.gate.as_ref())
        .with_recall(states.recall.as_ref().map(|scope| -> &dyn Recall { scope }));
    let done = registry.translate_request(&call, *context_of(request))?;
    let context = Learned::Translated(Box::new(done.exchange.context.clone()));
    let exchange = matches!(way, Way::Registered(_)).then(|| Box::new(done.exchange));
    Ok(Prepared {
        body: done.body,
        way,
        context,
        exchange,
        losses: done.losses,
        rewritten: Vec::new(),
        fresh: None,
    })
}

static CHAT_THOUGHTS: Word = Word::new("\"reasoning_content\"");
static CLAUDE_THOUGHTS: Word = Word::new("\"thinking\"");

/// Whether the conversation may have thoughts that some providers of its own format take back and others refuse.
pub(crate) fn may_have_thoughts(request: &ClientRequest, format: &ProviderFormat) -> bool {
    *format == ProviderFormat::OPENAI && CHAT_THOUGHTS.is_in(&request.body)
        || *format == ProviderFormat::CLAUDE && CLAUDE_THOUGHTS.is_in(&request.body)
}

static SYSTEM: Word = Word::new("system");

/// Whether the conversation may have system messages inside it that this provider is not to get there, though it speaks
/// the client's format. A word in a tool's arguments may look like one; saying such a request again changes nothing.
// Source: runtime.md A.10 `rebuild-mid-system-message` of Claude's entries.
pub(crate) fn rebuilds(request: &ClientRequest, key: &Key) -> bool {
    key.hints.inline_system == Some(false)
        && key.format == ProviderFormat::CLAUDE
        && request.format == ClientFormat::CLAUDE
        && SYSTEM.is_in(&request.body)
        && TopLevel::scan(&request.body)
            .ok()
            .and_then(|top| top.value("messages"))
            .is_some_and(|messages| SYSTEM.is_in(messages))
}

/// Names the prompt cache of a conversation that has a name, unless the request does. What the client called it is
/// nobody else's business: it is hashed, with who asks. The same name comes out for every turn.
// Source: runtime.md A.10 `support-prompt-cache-key`; Chat Completions API reference, `prompt_cache_key`.
pub(crate) fn name_cache(
    request: &ClientRequest,
    key: &Key,
    prepared: &mut Prepared,
) -> Result<(), CodecError> {
    let Some((session, _)) = &request.session else { return Ok(()) };
    if key.format != ProviderFormat::OPENAI || request.operation != Operation::Generate {
        return Ok(());
    }
    let top = TopLevel::scan(&prepared.body)?;
    if top.has("prompt_cache_key") {
        return Ok(());
    }
    let mut hash = Sha256::new();
    for part in [request.principal.as_str(), session.as_str()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let body = Edits::new().set_string("prompt_cache_key", &name).apply_scanned(&prepared.body, &top);
    prepared.put(body);
    Ok(())
}

/// Payload rules, with what they ask of a request beside its body.
#[derive(Clone, Debug)]
pub(crate) struct Rewriting {
    pub(crate) rules: Arc<Rules>,
    pub(crate) headers: Arc<HeaderMap>,
}

impl Rewriting {
    /// Applies the rules to a body that is about to go out. Source: runtime.md F.1 "after translation to the upstream
    /// format and after thinking is applied".
    pub(crate) fn apply(&self, request: &ClientRequest, key: &Key, prepared: &mut Prepared) {
        let outgoing = Outgoing {
            model: key.model.as_str(),
            requested: request.model.as_str(),
            client: &request.format,
            format: &key.format,
            headers: &self.headers,
        };
        let applied = self.rules.apply(&outgoing, &prepared.body);
        prepared.put(applied.body);
        prepared.rewritten = applied.told;
    }
}

fn reasoning(suffix: Option<&str>) -> Option<ReasoningControl> {
    suffix.and_then(parse_suffix)
}
