//! Canonical requests for a provider of this format. Source: translation.md A (columns CL), B, D.2.

use std::borrow::Cow;

use cliproxy_core::ModelInfo;

use super::{CLAUDE, hygiene};
use crate::codec::{CodecError, Encoded, Profile};
use crate::json::{Raw, Writer};
use crate::loss::{Loss, Said, Slots, loss, members, tell};
use crate::model::{PartKind, ReasoningMode, Request, Role, Summary, Tool};
use crate::names::NameMap;
use crate::pass::args::Objects;
use crate::pass::cache::{CachePlan, Place};
use crate::pass::identity::derive_user_id;
use crate::pass::limits;
use crate::pass::reasoning::DOES_NOT_THINK;
use crate::pass::schema::Cost;
use crate::pass::turns::{Arranged, OutPart, OutTurn, TurnPolicy, arrange};
use crate::splice::TopLevel;

mod form;
mod keep;
mod names;
mod parts;
mod prefill;
pub(super) mod thinking;
mod tools;

use form::{Form, takes_output_format};
use prefill::{end_with_user, prefill};

/// What a request without a limit gets when the model's own is not known (B91).
const DEFAULT_MAX_TOKENS: u64 = 32_000;

/// The breakpoint that is set where the client set none.
const EPHEMERAL: &str = r#"{"type":"ephemeral"}"#;

/// Why thinking goes. Source: providers-a.md 2.4.
pub(super) const NO_ROOM: &str = "a forced call leaves no room for thoughts";
pub(super) const BARE_LOOP: &str = "no thoughts are left of the turn that goes on";
/// Why sampling parameters go.
pub(super) const SURPLUS: &str = "Claude refuses it beside the other parameters";

/// What Claude has words for, and what this encoder tells itself.
const SAYS: Slots = Slots::all(&[
    Slots::TEMPERATURE,
    Slots::TOP_P,
    Slots::TOP_K,
    Slots::STOP,
    Slots::USER,
    Slots::METADATA,
    Slots::SERVICE_TIER,
    Slots::PARALLEL_TOOLS,
    Slots::CACHE,
    Slots::FILE_NAME,
    Slots::PARTS_NAME,
    Slots::LINK_NAME,
    Slots::STORED_NAME,
    Slots::CONTEXT,
    Slots::CITED_DOCUMENT,
    Slots::GRAMMAR,
    // Told as a medium that is named in words.
    Slots::STORED_FILE,
    Slots::SOUND,
    Slots::FILM,
]);

pub(super) fn request(request: &Request<'_>, profile: &Profile) -> Result<Encoded, CodecError> {
    let native = request.source == CLAUDE;
    let mut losses = Vec::new();
    one_candidate(request)?;
    let names = names::wire_names(request);
    let mut policy = TurnPolicy::claude(profile);
    if native {
        // A Claude client put its calls where Claude had them.
        policy.calls_last = false;
    }
    let mut dropped = Vec::new();
    let mut keep = |role, part| keep::part(role, part, native, profile, &mut dropped);
    let mut arranged = arrange(request, &policy, &mut keep);
    losses.append(&mut dropped);
    losses.append(&mut arranged.losses);
    let declared = tools::declared(request, &names, &mut losses);
    let choice = tools::choice(request, &declared, &names, &mut losses);

    let info = profile.info.as_deref();
    // What other services say of such models is no limit that anybody enforces.
    let asked = match profile.strict && !native {
        true => limits::within(request.max_output, info, &mut losses),
        false => request.max_output,
    };
    let max_tokens = asked.or_else(|| info.and_then(|info| info.max_output)).unwrap_or(DEFAULT_MAX_TOKENS);
    let mut thought = thought(request, choice.as_ref(), info, max_tokens, native, &mut losses)?;
    // Backends that take thoughts without a signature need none either.
    let lenient = native && profile.keeps_reasoning_text;
    if !lenient && matches!(thought.mode, Some(thinking::Mode::Enabled(_))) && is_bare_loop(&arranged) {
        thought.mode = None;
        loss(&mut losses, "thinking", BARE_LOOP);
    }
    let mut cost = Cost::default();
    let form =
        if native { Form::own(request) } else { Form::foreign(request, profile, &mut cost, &mut losses) };
    if !native {
        end_with_user(&mut arranged, prefill(profile, &thought, &form), &mut losses);
        let said = Said {
            slots: says(request, profile, &thought, form.enforced.is_some()),
            members: &["speed"],
            why: "Claude has no word for it",
        };
        tell(request, &arranged, said, &mut losses);
    }
    let body = Body {
        request,
        profile,
        native,
        names: &names,
        arranged: &arranged,
        tools: &declared,
        thought,
        form,
        objects: Objects::default(),
    };
    let mut w = Writer::new(profile.room());
    w.begin_object();
    w.field_string("model", &profile.model);
    w.field_unsigned("max_tokens", max_tokens);
    if profile.stream {
        w.field_boolean("stream", true);
    }
    body.write_sampling(&mut w, &mut losses);
    body.write_thinking(&mut w);
    body.write_identity(&mut w, &mut losses);
    let mut marks = body.marks();
    // In the order in which Claude reads them, which is that of the plan for breakpoints.
    if !declared.is_empty() || native && !request.tools.is_empty() {
        w.key("tools");
        let enforces = takes_output_format(&profile.model);
        let strict =
            if native { Vec::new() } else { tools::strict(&declared, enforces, &mut cost, &mut losses) };
        let style = tools::Style { native, strict: &strict, names: &names };
        tools::write(&mut w, &declared, style, &mut marks);
    }
    if let Some(choice) = &choice {
        w.key("tool_choice");
        tools::write_choice(&mut w, choice, request);
    }
    body.write_system(&mut w, &mut marks);
    body.write_messages(&mut w, &mut marks);
    body.write_rest(&mut w, &mut losses);
    w.end_object();
    body.objects.tell(&mut losses);
    if marks.plan.dropped() > 0 {
        loss(&mut losses, "cache_control", hygiene::FOUR_MARKS);
    }
    let body = w.into_bytes();
    let body = if native { hygiene::without_foreign_finds(body, &mut losses) } else { body };
    Ok(Encoded { body, names, losses, ..Encoded::default() })
}

/// Source: translation.md F49. Dropping candidates silently would answer another question.
fn one_candidate(request: &Request<'_>) -> Result<(), CodecError> {
    if request.sampling.candidates.is_some_and(|count| count > 1) {
        return Err(
            CodecError::inexpressible("Claude answers with one candidate: ask for one").with_param("n")
        );
    }
    Ok(())
}

/// What this model has words for, given how much it is to think and whether it is held to the output's form.
fn says(request: &Request<'_>, profile: &Profile, thought: &thinking::Said, enforced: bool) -> Slots {
    let shown =
        thought.mode.is_some_and(|mode| thinking::display(&request.reasoning.summary, false, mode).is_some());
    // Only adaptive models hide thoughts by default.
    let always = matches!(thought.mode, Some(thinking::Mode::Enabled(_)));
    let shows = shown || always && request.reasoning.summary != Summary::Disabled;
    // Nobody else names the conversation: the user's id is made of it (B87).
    let nameless = request.identity.user.is_none();
    SAYS.when(shows, Slots::SUMMARY)
        .when(enforced, Slots::FORMAT_STRICT)
        .when(takes_output_format(&profile.model), Slots::STRICT_TOOL)
        .when(nameless, Slots::PROMPT_CACHE_KEY)
        .when(nameless && request.identity.prompt_cache_key.is_none(), Slots::SESSION)
}

/// Thinking as it goes out: a forced call leaves no room for any (providers-a.md 2.4).
fn thought(
    request: &Request<'_>,
    choice: Option<&tools::Choice<'_>>,
    info: Option<&ModelInfo>,
    max_tokens: u64,
    native: bool,
    losses: &mut Vec<Loss>,
) -> Result<thinking::Said, CodecError> {
    let origin = if native { thinking::Origin::Native } else { thinking::Origin::Foreign };
    let settled = thinking::settle(&request.reasoning, origin, info, Some(max_tokens))?;
    let thinking::Settled::Said(mut said) = settled else {
        let off =
            matches!(request.reasoning.mode, Some(ReasoningMode::Off)) || request.reasoning.budget == Some(0);
        if settled == thinking::Settled::Removed && !off {
            loss(losses, "thinking", DOES_NOT_THINK);
        }
        return Ok(thinking::Said::default());
    };
    if choice.is_some_and(tools::Choice::forces) {
        if said.effort.is_some() || said.mode.is_some_and(thinking::Mode::is_active) {
            loss(losses, "thinking", NO_ROOM);
        }
        said.mode = said.mode.filter(|mode| !mode.is_active());
        said.effort = None;
    }
    Ok(said)
}

/// Whether the conversation goes on with results of calls in a turn that does not begin with Claude's thoughts, and whose
/// latest step does not either: with a budget for thinking, Claude refuses it. Source: Messages API reference, "Extended
/// thinking"; B30.
fn is_bare_loop(arranged: &Arranged<'_>) -> bool {
    let answers = |turn: &OutTurn<'_>| {
        turn.parts.iter().any(|part| matches!(part.part().kind, PartKind::ToolResult(_)))
    };
    let thinks = |turn: &&OutTurn<'_>| {
        turn.parts.first().is_some_and(|part| matches!(part.part().kind, PartKind::Reasoning(_)))
    };
    let running = arranged.turns.iter().rev().take_while(|turn| turn.role != Role::User || answers(turn));
    let steps: Vec<_> = running.filter(|turn| turn.role == Role::Assistant).collect();
    let [latest, ..] = steps.as_slice() else { return false };
    arranged.turns.last().is_some_and(answers) && !thinks(latest) && !steps.last().is_some_and(thinks)
}

/// The breakpoints as they are written.
struct Marks<'m> {
    plan: CachePlan<'m>,
    /// The client set none, so they are set where they pay.
    auto: bool,
}

impl Marks<'_> {
    /// The mark of the next thing that is written: `own` says whether it has one, `auto` whether one would pay.
    fn next(&mut self, place: Place, own: bool, auto: bool) -> Option<Cow<'static, str>> {
        if own {
            return self.plan.next(place).map(|raw| Cow::Owned(raw.get().to_owned()));
        }
        (self.auto && auto).then_some(Cow::Borrowed(EPHEMERAL))
    }
}

/// Everything that is known when the body is written.
struct Body<'b> {
    request: &'b Request<'b>,
    profile: &'b Profile,
    native: bool,
    names: &'b NameMap,
    arranged: &'b Arranged<'b>,
    tools: &'b [&'b Tool<'b>],
    thought: thinking::Said,
    form: Form<'b>,
    objects: Objects,
}

impl Body<'_> {
    fn marks(&self) -> Marks<'_> {
        let tools = self.tools.iter().filter_map(|tool| match tool {
            Tool::Function(tool) => tool.cache.as_ref(),
            Tool::Builtin(tool) if tool.format == CLAUDE => tool.cache.as_ref(),
            _ => None,
        });
        let system = self.arranged.system.iter().filter_map(OutPart::cache);
        let messages =
            self.arranged.turns.iter().flat_map(|turn| &turn.parts).flat_map(|part| parts::marks_of(part));
        let all: Vec<_> = tools
            .map(|mark| (Place::Tool, mark))
            .chain(system.map(|mark| (Place::System, mark)))
            .chain(messages.map(|mark| (Place::Message, mark)))
            .collect();
        // Source: providers-a.md 2.4, "Automatic cache control".
        let auto = !self.native && all.is_empty() && self.request.cache.is_none();
        Marks { plan: CachePlan::new(all), auto }
    }

    /// Temperature and its kin, as far as the model takes them (F7, E007) and thinking leaves room.
    fn write_sampling(&self, w: &mut Writer, losses: &mut Vec<Loss>) {
        let sampling = &self.request.sampling;
        let given = |raw: &'_ Option<Raw<'_>>| raw.as_ref().map(|raw| raw.get().to_owned());
        let mut members = [
            ("temperature", given(&sampling.temperature)),
            ("top_p", given(&sampling.top_p)),
            ("top_k", given(&sampling.top_k)),
        ];
        if let [(_, Some(temperature)), ..] = &mut members
            && !self.native
            && temperature.parse::<f64>().is_ok_and(|value| value > 1.0)
        {
            // Others go up to 2, Claude to 1.
            loss(losses, "temperature", "Claude takes 1 at most");
            "1".clone_into(temperature);
        }
        let active = self.thought.mode.is_some_and(thinking::Mode::is_active);
        let [temperature, top_p, top_k] = members.each_ref().map(|(_, value)| value.as_deref());
        let surplus = hygiene::surplus(active, temperature, top_p, top_k);
        let goes = [surplus.temperature, surplus.top_p, surplus.top_k];
        for ((key, value), goes) in members.into_iter().zip(goes) {
            match value {
                Some(_) if !self.profile.sampling => {
                    loss(losses, key, "the model takes no sampling parameters")
                }
                Some(_) if goes => loss(losses, key, SURPLUS),
                Some(value) => w.field_raw(key, &value),
                None => {}
            }
        }
        let stops: Vec<_> = sampling.stop.iter().filter(|stop| self.native || !stop.is_blank()).collect();
        if stops.len() < sampling.stop.len() {
            loss(losses, "stop", "Claude refuses stop sequences of white space");
        }
        if !stops.is_empty() {
            w.key("stop_sequences");
            w.begin_array();
            stops.into_iter().for_each(|stop| w.text(stop));
            w.end_array();
        }
    }

    fn write_thinking(&self, w: &mut Writer) {
        if let Some(mode) = self.thought.mode {
            let mut json = mode
                .to_json(thinking::display(&self.request.reasoning.summary, self.native, mode).as_deref());
            if self.native {
                json = with_nested(json, self.request, "thinking.");
            }
            w.field_raw("thinking", &json);
        }
        let format = self.form.enforced.as_deref();
        let more = self.native && nested(self.request, "output_config.").next().is_some();
        if self.thought.effort.is_none() && format.is_none() && !more {
            return;
        }
        w.key("output_config");
        w.begin_object();
        if let Some(level) = self.thought.effort {
            w.field_string("effort", thinking::effort(level));
        }
        if let Some(schema) = format {
            // Source: translation.md A.9, F2.
            w.key("format");
            w.begin_object();
            w.field_string("type", "json_schema");
            w.field_raw("schema", schema);
            w.end_object();
        }
        if self.native {
            write_nested(w, self.request, "output_config.");
        }
        w.end_object();
    }

    /// `metadata.user_id`: from a Claude client its own, otherwise the client's or a derived one (B87).
    fn write_identity(&self, w: &mut Writer, losses: &mut Vec<Loss>) {
        let identity = &self.request.identity;
        if self.native {
            if let Some(metadata) = &identity.metadata {
                w.field_raw("metadata", metadata.get());
                return;
            }
            if let Some(user) = &identity.user {
                w.key("metadata");
                w.begin_object();
                w.field_text("user_id", user);
                w.end_object();
            }
            return;
        }
        if let Some(metadata) = &identity.metadata {
            members(
                losses,
                "metadata",
                metadata.get(),
                &["user_id"],
                "Claude is told the user and nothing else",
            );
        }
        let own = identity
            .metadata
            .as_ref()
            .and_then(|metadata| TopLevel::scan(metadata.get().as_bytes()).ok())
            .and_then(|metadata| metadata.string("user_id").ok().flatten().map(Cow::into_owned))
            .filter(|user| !user.trim().is_empty());
        if identity.user_beside.is_some() {
            loss(losses, "user", "the metadata names another user, and Claude is told one");
        }
        if let Some(user) = own.or_else(|| derive_user_id(self.request)) {
            w.key("metadata");
            w.begin_object();
            w.field_string("user_id", &user);
            w.end_object();
        }
    }

    fn write_system(&self, w: &mut Writer, marks: &mut Marks<'_>) {
        let system = &self.arranged.system;
        let asked = self.form.words.as_deref();
        if system.is_empty() && asked.is_none() {
            return;
        }
        w.key("system");
        if let [only] = system.as_slice()
            && self.request.instructions_plain
            && self.native
            && let (Some(text), None) = (only.part().as_text(), only.cache())
        {
            return w.text(text);
        }
        w.begin_array();
        for (index, part) in system.iter().enumerate() {
            let auto = index + 1 == system.len() && asked.is_none();
            let mark = marks.next(Place::System, part.cache().is_some(), auto);
            parts::write_text_block(w, part.part(), self.native, mark);
        }
        if let Some(words) = asked {
            w.begin_object();
            w.field_string("type", "text");
            w.field_string("text", words);
            tools::write_mark(w, marks.next(Place::System, false, true));
            w.end_object();
        }
        w.end_array();
    }

    fn write_messages(&self, w: &mut Writer, marks: &mut Marks<'_>) {
        let turns = &self.arranged.turns;
        let users: Vec<usize> = turns
            .iter()
            .enumerate()
            .filter(|(_, turn)| turn.role == Role::User)
            .map(|(index, _)| index)
            .collect();
        // The last block of the second-to-last user turn.
        let auto_turn = users.len().checked_sub(2).and_then(|at| users.get(at)).copied();
        let ids = self.arranged.claude_ids();
        let out = parts::PartWriter::new(self.native, self.profile, self.names, &ids, &self.objects);
        w.key("messages");
        w.begin_array();
        for (index, turn) in turns.iter().enumerate() {
            let auto = marks.auto && auto_turn == Some(index);
            w.begin_object();
            w.field_string("role", role(turn.role));
            w.key("content");
            match turn.parts.as_slice() {
                [only] if turn.plain && !auto && parts::is_plain(only) => {
                    if let Some(text) = only.part().as_text() {
                        w.text(text);
                    }
                }
                parts => {
                    w.begin_array();
                    for (at, part) in parts.iter().enumerate() {
                        out.write(w, part, marks, auto && at + 1 == parts.len());
                    }
                    w.end_array();
                }
            }
            if self.native {
                for (key, raw) in turn.extras {
                    w.field_raw(key, raw.get());
                }
            }
            w.end_object();
        }
        w.end_array();
    }

    /// What only Claude has, and the tier.
    fn write_rest(&self, w: &mut Writer, losses: &mut Vec<Loss>) {
        let tier = self.request.service_tier.as_ref();
        if !self.native {
            // Source: translation.md B88, E071. Other tiers mean something else elsewhere.
            if self.request.source == "openai-response" && tier.is_some_and(|tier| *tier == "priority") {
                w.field_string("speed", "fast");
            } else if tier.is_some_and(|tier| !matches!(&*tier.decoded(), "auto" | "default")) {
                loss(losses, "service_tier", "the tier has no counterpart");
            }
            return;
        }
        if let Some(tier) = tier {
            w.field_text("service_tier", tier);
        }
        if let Some(mark) = &self.request.cache {
            w.field_raw("cache_control", mark.raw.get());
        }
        for (key, raw) in
            self.request.extras.iter().filter(|(key, _)| !NESTED.iter().any(|prefix| key.starts_with(prefix)))
        {
            let cleared = match self.thought.mode {
                Some(mode) if mode.is_active() => None,
                _ if key == "context_management" => hygiene::without_clearing(raw.get()),
                _ => None,
            };
            match cleared {
                None => w.field_raw(key, raw.get()),
                Some(left) => {
                    loss(losses, "context_management", hygiene::NOTHING_TO_CLEAR);
                    if let Some(left) = left {
                        w.field_raw(key, &left);
                    }
                }
            }
        }
    }
}

/// Extras that belong inside a member.
const NESTED: [&str; 3] = ["thinking.", "output_config.", "tool_choice."];

fn nested<'x>(request: &'x Request<'_>, prefix: &'static str) -> impl Iterator<Item = (&'x str, &'x str)> {
    request.extras.iter().filter_map(move |(key, raw)| key.strip_prefix(prefix).map(|key| (key, raw.get())))
}

/// Writes the extras that belong inside the member that is being written.
fn write_nested(w: &mut Writer, request: &Request<'_>, prefix: &'static str) {
    for (key, json) in nested(request, prefix) {
        w.field_raw(key, json);
    }
}

fn with_nested(object: String, request: &Request<'_>, prefix: &'static str) -> String {
    let edits =
        nested(request, prefix).fold(crate::splice::Edits::new(), |edits, (key, json)| edits.set(key, json));
    if edits.is_empty() {
        return object;
    }
    edits.apply_str(&object).map(Cow::into_owned).unwrap_or_default()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    }
}
