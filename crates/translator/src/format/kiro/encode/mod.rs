//! Canonical requests as a conversation state. Source: providers-b.md 1.5.3, 1.5.5; translation.md A (columns KI), A.15.

use sha2::{Digest, Sha256};

use super::models::Model;
use super::search::write_order;
use crate::codec::{CodecError, Encoded, Profile};
use crate::json::{Raw, Writer};
use crate::loss::{Loss, Said, Slots, loss, tell};
use crate::model::{Request, Role};
use crate::names::NameMap;
use crate::pass::args::Objects;
use crate::pass::estimate::request_tokens;
use crate::pass::ids::hex;
use crate::pass::names::openai_names;
use crate::pass::turns::{TurnPolicy, arrange};

mod history;
mod keep;
mod media;
mod prompt;
mod reasoning;
mod tools;

use history::Conversation;
pub(super) use history::{RESULTS, SILENT};
use tools::WebSearch;

/// What every piece of the encoder knows.
struct Target<'r> {
    request: &'r Request<'r>,
    profile: &'r Profile,
    model: Model<'r>,
    names: NameMap,
    search: Option<WebSearch>,
    objects: Objects,
}

pub(super) fn request(request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
    let mut losses = Vec::new();
    one_candidate(request)?;
    let names = openai_names(request);
    let search = WebSearch::of(request, &names, &mut losses);
    let target = Target {
        request,
        profile,
        model: Model::of(&profile.model),
        names,
        search,
        objects: Objects::default(),
    };
    let mut refused = Ok(());
    let searches = target.search.is_some();
    let mut keep = |role, part| keep::part(role, part, searches, &mut losses, &mut refused);
    let mut arranged = arrange(request, &TurnPolicy::kiro(), &mut keep);
    refused?;
    losses.append(&mut arranged.losses);
    let said = Said { slots: says(request), members: &[], why: "Kiro has no word for it" };
    tell(request, &arranged, said, &mut losses);
    let tools = tools::declared(&target, &mut losses);
    let reasoning = reasoning::settle(&target, &mut losses)?;
    let conversation = Conversation::of(&arranged, &mut losses);
    let prompt = prompt::prompt(&target, &arranged.system, &tools, reasoning, conversation.is_short());

    let mut w = Writer::new(profile.room());
    w.begin_object();
    if let Some(search) = &target.search {
        // Not the service's: whoever sends the request takes it out.
        write_order(&mut w, &search.tool, &search.wanted);
    }
    w.key("conversationState");
    w.begin_object();
    w.field_string("agentTaskType", "vibe");
    w.field_string("chatTriggerType", "MANUAL");
    w.field_string("conversationId", &conversation_id(request));
    w.key("currentMessage");
    conversation.write_current(&mut w, &target, &prompt, &tools);
    w.key("history");
    conversation.write_history(&mut w, &target, &prompt);
    w.end_object();
    write_inference(&mut w, &target, reasoning, &mut losses);
    reasoning.write_fields(&mut w);
    // `profileArn` is the credential's: the executor puts it in.
    w.end_object();
    target.objects.tell(&mut losses);
    // Source: providers-b.md 1.5.8 "else local tokenizer estimate".
    let prompt_estimate = Some(request_tokens(request));
    Ok(Encoded { body: w.into_bytes(), names: target.names, losses, prompt_estimate, ..Encoded::default() })
}

/// Source: translation.md F49. Dropping candidates silently would answer another question.
fn one_candidate(request: &Request<'_>) -> Result<(), CodecError> {
    if request.sampling.candidates.is_some_and(|count| count > 1) {
        return Err(CodecError::inexpressible("Kiro answers with one candidate: ask for one").with_param("n"));
    }
    Ok(())
}

/// What a conversation state has members for, and what this encoder tells itself. Source: translation.md A.8, A.11.
const SAYS: Slots = Slots::all(&[
    Slots::TEMPERATURE,
    Slots::TOP_P,
    Slots::GRAMMAR,
    Slots::STORED_FILE,
    Slots::SOUND,
    Slots::FILM,
]);

/// What names the conversation goes into its id.
fn says(request: &Request<'_>) -> Slots {
    let session = request.identity.session.is_some();
    SAYS.with(Slots::SESSION).when(!session, Slots::PROMPT_CACHE_KEY)
}

/// Names the conversation: always the same for one that names itself, else one for each state of it. No clock and no
/// counter, so that a retry says the same (Source: translation.md B4a).
fn conversation_id(request: &Request<'_>) -> String {
    let identity = &request.identity;
    let given =
        [&identity.session, &identity.prompt_cache_key].into_iter().flatten().find(|id| !id.is_blank());
    let mut hash = Sha256::new();
    match given {
        Some(id) => {
            hash.update(b"named\0");
            hash.update(id.decoded().as_bytes());
        }
        None => {
            hash.update(request.model.as_bytes());
            hash.update(request.turns.len().to_le_bytes());
            let users = || request.turns.iter().filter(|turn| turn.role == Role::User);
            for turn in users().next().into_iter().chain(users().next_back()) {
                for text in turn.parts.iter().filter_map(|part| part.as_text()) {
                    hash.update(b"\0");
                    hash.update(text.decoded().as_bytes());
                }
            }
        }
    }
    // The form of a random UUID (RFC 9562 §5.4): services check it.
    let mut digits: Vec<u8> = hex(&hash.finalize()).into_bytes();
    digits.truncate(32);
    for (at, digit) in [(12, b'4'), (16, b'8')] {
        if let Some(place) = digits.get_mut(at) {
            *place = digit;
        }
    }
    for at in [20, 16, 12, 8] {
        digits.insert(at, b'-');
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// `inferenceConfig`. The vendor's own model of the call lacks it: it is taken, and may be ignored.
/// Source: providers-b.md 1.5.3 [V], 1.5.6 "temperature/topP dropped", 1.8 test 20.
fn write_inference(w: &mut Writer, target: &Target<'_>, reasoning: reasoning::Asked, losses: &mut Vec<Loss>) {
    let sampling = &target.request.sampling;
    let mut numbers: [(&str, Option<&Raw<'_>>); 2] =
        [("temperature", sampling.temperature.as_ref()), ("topP", sampling.top_p.as_ref())];
    if reasoning.is_adaptive() {
        for (what, (_, raw)) in ["temperature", "top_p"].into_iter().zip(&mut numbers) {
            if raw.take().is_some() {
                loss(losses, what, "the model takes no sampling parameters while it reasons");
            }
        }
    }
    if target.request.max_output.is_none() && numbers.iter().all(|(_, raw)| raw.is_none()) {
        return;
    }
    w.key("inferenceConfig");
    w.begin_object();
    if let Some(most) = target.request.max_output {
        w.field_unsigned("maxTokens", most);
    }
    for (key, raw) in numbers {
        if let Some(raw) = raw {
            w.field_raw(key, raw.get());
        }
    }
    w.end_object();
}
