//! Canonical requests for a provider of this format. Source: translation.md A (columns GE), B, D.19 to D.23.

use super::decode::{OTHER_ROLE, ROLE};
use super::dialect::{Dialect, Maker, is_family};
use crate::codec::{CodecError, Encoded, Profile};
use crate::json::Writer;
use crate::loss::{Loss, Said, Slots, loss, tell};
use crate::model::{PartKind, Request, Role, Turn};
use crate::names::NameMap;
use crate::pass::args::Objects;
use crate::pass::form;
use crate::pass::ids::IdMap;
use crate::pass::names::gemini_names;
use crate::pass::turns::{Arranged, OutPart, OutTurn, TurnPolicy, arrange};

mod beside;
mod bind;
mod config;
mod envelope;
mod keep;
mod message;
mod part;
mod tools;

pub(super) use config::Thinking;

/// What every piece of the encoder knows.
struct Target<'r> {
    request: &'r Request<'r>,
    profile: &'r Profile,
    dialect: Dialect,
    /// The request came in a dialect of this format: what only it can say means the same.
    family: bool,
    /// Who made the model.
    maker: Maker,
    /// The form of the output is asked for in words.
    worded: bool,
    names: NameMap,
    /// How ids of calls go out, where they go out at all.
    ids: IdMap,
    objects: Objects,
}

impl<'r> Target<'r> {
    fn new(request: &'r Request<'r>, profile: &'r Profile, dialect: Dialect) -> Self {
        let family = is_family(request.source);
        let maker = dialect.maker(&profile.model);
        Self {
            request,
            profile,
            dialect,
            family,
            maker,
            worded: !family && maker == Maker::Google && refuses_form(&profile.model, request, dialect),
            names: gemini_names(request),
            ids: IdMap::default(),
            objects: Objects::default(),
        }
    }

    /// Claude's models keep their order, their signatures and their limits behind this API too.
    fn is_claude(&self) -> bool {
        self.maker == Maker::Anthropic
    }

    fn policy(&self) -> TurnPolicy {
        let mut policy = TurnPolicy::gemini();
        // Source: translation.md B35.
        policy.calls_last = self.is_claude();
        policy.thoughts_first = self.is_claude();
        policy
    }
}

pub(super) fn request(
    request: &Request<'_>,
    profile: &Profile,
    dialect: Dialect,
) -> Result<Encoded, CodecError> {
    let moved = if dialect.is_antigravity() { beside::attached(request) } else { None };
    let request = moved.as_ref().unwrap_or(request);
    let mut target = Target::new(request, profile, dialect);
    let mut losses = Vec::new();
    let mut kept = keep::Keep { target: &target, losses: &mut losses };
    let mut arranged = arrange(request, &target.policy(), &mut |role, part| kept.part(role, part));
    losses.append(&mut arranged.losses);
    if dialect.is_antigravity() {
        target.ids = arranged.claude_ids();
    }
    if target.worded {
        let why = "models before Gemini 3 take no form of the output beside tools: it is asked for in words";
        form::ask(&mut arranged, request.output.format.as_ref(), why, &mut losses);
    }
    let conversation = Conversation::of(&arranged, target.family, &mut losses)?;
    if !target.family {
        let why = "Gemini has no word for it";
        tell(request, &arranged, Said { slots: SAYS, members: &MEMBERS, why }, &mut losses);
    } else if !dialect.names_sessions() && request.identity.session.is_some() {
        loss(&mut losses, "session_id", "Gemini names no sessions");
    }
    let role_is_lost = |turn: &Turn<'_>| turn.extras.iter().any(|(key, _)| key == ROLE);
    if target.family && request.turns.iter().any(role_is_lost) {
        loss(&mut losses, "message.role", OTHER_ROLE);
    }
    let mut w = Writer::new(profile.room());
    w.begin_object();
    if dialect.wraps() {
        w.field_string("model", &profile.model);
        envelope::write_head(&mut w, &target);
        // The project is the credential's: the executor puts it in.
        w.key("request");
        w.begin_object();
    }
    w.key("contents");
    message::write_all(&mut w, &target, &conversation.turns);
    if !conversation.system.is_empty() {
        w.key("systemInstruction");
        w.begin_object();
        if dialect.wraps() {
            w.field_string("role", "user");
        }
        w.key("parts");
        w.begin_array();
        for part in conversation.system {
            part::write_instruction(&mut w, part.part());
        }
        w.end_array();
        w.end_object();
    }
    let invented = tools::write(&mut w, &target, &mut losses);
    config::write(&mut w, &target, &conversation.turns, &mut losses)?;
    write_rest(&mut w, &target, &mut losses);
    if dialect.names_sessions() {
        envelope::write_session(&mut w, &target);
    }
    if dialect.wraps() {
        w.end_object();
    }
    w.end_object();
    target.objects.tell(&mut losses);
    Ok(Encoded { body: w.into_bytes(), names: target.names, losses, invented, ..Encoded::default() })
}

/// Whether a model answers 400 to tools and a form of the output together: "Function calling with a response mime type:
/// 'application/json' is unsupported". Source: Gemini API, "Structured outputs with tools", for Gemini 3 and later.
fn refuses_form(model: &str, request: &Request<'_>, dialect: Dialect) -> bool {
    (model.starts_with("gemini-1") || model.starts_with("gemini-2"))
        && request.tools.iter().any(|tool| tools::is_declared(tool, dialect))
}

/// What Gemini has words for, and what its encoder tells itself.
const SAYS: Slots = Slots::all(&[
    Slots::TEMPERATURE,
    Slots::TOP_P,
    Slots::TOP_K,
    Slots::FREQUENCY_PENALTY,
    Slots::PRESENCE_PENALTY,
    Slots::SEED,
    Slots::STOP,
    Slots::LOGPROBS,
    Slots::TOP_LOGPROBS,
    Slots::MODALITIES,
    Slots::FORMAT_STRICT,
    Slots::SUMMARY,
    Slots::PARALLEL_TOOLS,
    Slots::GRAMMAR,
    Slots::SOUND,
    Slots::FILM,
    Slots::SIGNATURE,
]);

/// What of the client's format alone means something here.
const MEMBERS: [&str; 1] = ["image_config"];

/// What only this format has.
fn write_rest(w: &mut Writer, target: &Target<'_>, losses: &mut Vec<Loss>) {
    let request = target.request;
    if !target.family {
        return;
    }
    if let Some(tier) = &request.service_tier {
        w.field_text("serviceTier", tier);
    }
    for (key, raw) in request.extras.iter().filter(|(key, _)| !key.contains('.') && key != "toolConfig") {
        // Source: translation.md A.15.
        if target.dialect.is_antigravity() && matches!(&**key, "safetySettings" | "safety_settings") {
            loss(losses, "safetySettings", "Antigravity takes none");
            continue;
        }
        w.field_raw(key, raw.get());
    }
}

/// The conversation as Gemini takes it: not empty, begun and ended by the user.
struct Conversation<'c, 'r> {
    system: &'c [OutPart<'r>],
    turns: Vec<Content<'c, 'r>>,
}

/// One content: of a turn, or made of parts.
struct Content<'c, 'r> {
    role: Role,
    parts: &'c [OutPart<'r>],
    turn: Option<&'c OutTurn<'r>>,
}

impl<'c, 'r> Conversation<'c, 'r> {
    fn of(arranged: &'c Arranged<'r>, family: bool, losses: &mut Vec<Loss>) -> Result<Self, CodecError> {
        let mut system = arranged.system.as_slice();
        let mut turns: Vec<_> = arranged
            .turns
            .iter()
            .map(|turn| Content { role: turn.role, parts: &turn.parts, turn: Some(turn) })
            .collect();
        // A conversation that ends with the model's own words is refused (B27a).
        if !family && turns.len() > 1 && turns.last().is_some_and(is_prefill) {
            turns.pop();
            loss(losses, "message.prefill", "Gemini does not go on with its own words");
        }
        if turns.is_empty() {
            // Instructions alone are what the user says (B26).
            if system.is_empty() {
                return Err(CodecError::inexpressible("the conversation is empty").with_param("messages"));
            }
            turns.push(Content { role: Role::User, parts: std::mem::take(&mut system), turn: None });
        }
        Ok(Self { system, turns })
    }
}

fn is_prefill(content: &Content<'_, '_>) -> bool {
    content.role == Role::Assistant
        && content.parts.iter().all(|part| {
            let part = part.part();
            part.signature.is_none() && matches!(part.kind, PartKind::Text { .. } | PartKind::Refusal(_))
        })
}
