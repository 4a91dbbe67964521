//! Turns as a target wants them: results behind their calls, same roles merged, empties gone, system text in its
//! place. The decoder keeps one turn per source message; all of this is the encoder's, under a policy.
//! Source: translation.md B12–B16, B23, B25–B27b.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{Text, Writer};
use crate::loss::{Loss, loss};
use crate::model::{CacheMark, Part, PartKind, Request, Role, ToolCall, ToolResult, Turn};
use crate::pass::ids::{IdMap, claude_uses};
use crate::pass::pairing::Pairing;

mod merge;
mod policy;

pub use merge::TurnMerger;
pub use policy::{LaterSystem, Results, TurnPolicy};

/// What stands in for the answer of a call that never got one (B16).
pub const NO_OUTPUT: &str = "no output";

/// What the user says when a conversation has only instructions, as no target takes an empty one (B26), and where a
/// model does not go on with its own words (B27a).
pub const NEUTRAL: &str = "Continue.";

/// A part on its way out: the source's own, or one made by a pass.
#[derive(Clone, Debug)]
pub struct OutPart<'r> {
    slot: Slot<'r>,
    message_cache: Option<&'r CacheMark<'r>>,
    call: Option<CallUse<'r>>,
}

/// Which call a part is, or answers. Clients may use an id again: calls are told apart by how often it came before.
#[derive(Clone, Copy, Debug)]
pub struct CallUse<'r> {
    /// The call's own id, which may be empty; its result may name it otherwise.
    pub id: &'r Text<'r>,
    /// How many calls before it have the same id.
    pub nth: u32,
}

#[derive(Clone, Debug)]
enum Slot<'r> {
    Kept(&'r Part<'r>),
    Made(Box<Part<'r>>),
}

impl<'r> OutPart<'r> {
    /// The source's part.
    #[must_use]
    pub fn kept(part: &'r Part<'r>) -> Self {
        Self { slot: Slot::Kept(part), message_cache: None, call: None }
    }

    /// A part in place of the source's.
    #[must_use]
    pub fn made(part: Part<'r>) -> Self {
        Self { slot: Slot::Made(Box::new(part)), message_cache: None, call: None }
    }

    fn of_call(mut self, call: CallUse<'r>) -> Self {
        self.call = Some(call);
        self
    }

    /// The part.
    #[must_use]
    pub fn part(&self) -> &Part<'r> {
        match &self.slot {
            Slot::Kept(part) => part,
            Slot::Made(part) => part,
        }
    }

    /// The call that it is, or answers.
    #[must_use]
    pub fn call(&self) -> Option<CallUse<'r>> {
        self.call
    }

    /// The breakpoint behind it: its own, or its message's when it was the last part there (B90).
    #[must_use]
    pub fn cache(&self) -> Option<&CacheMark<'r>> {
        self.part().cache.as_ref().or(self.message_cache)
    }
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct OutTurn<'r> {
    /// Who speaks. [`Role::Tool`] only where results are messages of their own, one part each.
    pub role: Role,
    /// The speaker's name.
    pub name: Option<&'r Text<'r>>,
    /// What is said; never empty.
    pub parts: Vec<OutPart<'r>>,
    /// Whether it is one source message whose content was a plain string.
    pub plain: bool,
    /// What its source message had besides, for targets of the source's family; of merged messages the first's.
    pub extras: &'r [(Cow<'r, str>, &'r RawValue)],
}

impl<'r> OutTurn<'r> {
    fn new(role: Role, parts: Vec<OutPart<'r>>) -> Self {
        Self { role, name: None, parts, plain: false, extras: &[] }
    }
}

/// The conversation, arranged.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Arranged<'r> {
    /// Instructions for the target's own slot, or for a first system message.
    pub system: Vec<OutPart<'r>>,
    /// The messages.
    pub turns: Vec<OutTurn<'r>>,
    /// What had to go.
    pub losses: Vec<Loss>,
}

impl Arranged<'_> {
    /// Lets the user say something at the end.
    pub(crate) fn push_user(&mut self, text: &'static str) {
        self.turns.push(OutTurn::new(Role::User, vec![OutPart::made(Part::text(text))]));
    }

    /// Ids that Claude takes, of every call.
    pub(crate) fn claude_ids(&self) -> IdMap {
        let calls = self.turns.iter().flat_map(|turn| &turn.parts).filter_map(OutPart::call);
        let uses: Vec<_> = calls.map(|call| (call.id.decoded(), call.nth)).collect();
        claude_uses(uses.iter().map(|(id, nth)| (&**id, *nth)))
    }
}

/// Arranges a conversation. `keep` sees every part once (of instructions and of turns, not inside results) and says
/// what becomes of it: the part, another in its place, or nothing when the target cannot say it.
pub fn arrange<'r>(
    request: &'r Request<'r>,
    policy: &TurnPolicy,
    keep: &mut dyn FnMut(Role, &'r Part<'r>) -> Option<OutPart<'r>>,
) -> Arranged<'r> {
    let mut arranged = Arranged::default();
    let mut stripped = false;
    let mut kept = |role, part: &'r Part<'r>| -> Option<OutPart<'r>> {
        if is_empty(part, policy) {
            return None;
        }
        if policy.strip_attribution && role == Role::System && part_is_attribution(part) {
            stripped = true;
            return None;
        }
        keep(role, part)
    };
    arranged.system.extend(request.instructions.iter().filter_map(|part| kept(Role::System, part)));
    let (sources, answers) = pair_results(&request.turns, &mut kept, &mut arranged.losses);
    if stripped {
        loss(&mut arranged.losses, "system.billing", "it is Anthropic's, and changes with every request");
    }
    let mut assembly = Assembly {
        policy,
        from_claude: request.source == "claude",
        answers,
        arranged,
        waiting: Vec::new(),
        merger: TurnMerger::new(policy),
    };
    for source in sources {
        assembly.take(source);
    }
    assembly.finish()
}

/// A source turn without its results.
struct Source<'r> {
    turn: &'r Turn<'r>,
    parts: Vec<OutPart<'r>>,
    /// The calls among `parts`, as indexes of answers.
    calls: Vec<usize>,
    /// Whether it held a result of a call before it.
    answered: bool,
}

/// The answer of one call.
struct Answer<'r> {
    call: &'r ToolCall<'r>,
    used: CallUse<'r>,
    result: Option<OutPart<'r>>,
}

/// Takes the results out of the turns and puts each to its call: the call with its id that came last before it; of
/// calls that were made together under one id, the first without an answer. An empty id is that of the first call
/// without an answer (B17), of the calls that were made last before one of an earlier time (E282). Of several results
/// for one call the last counts (B15, E020); a result without a call is dropped (B16). Both are told.
fn pair_results<'r>(
    turns: &'r [Turn<'r>],
    keep: &mut dyn FnMut(Role, &'r Part<'r>) -> Option<OutPart<'r>>,
    losses: &mut Vec<Loss>,
) -> (Vec<Source<'r>>, Vec<Answer<'r>>) {
    let mut answers: Vec<Answer<'r>> = Vec::new();
    let mut pairing = Pairing::default();
    let mut sources = Vec::with_capacity(turns.len());
    for turn in turns {
        pairing.begin(turn.role);
        let mut source =
            Source { turn, parts: Vec::with_capacity(turn.parts.len()), calls: Vec::new(), answered: false };
        let mut last: Option<Option<usize>> = None;
        for part in &turn.parts {
            let Some(mut out) = keep(turn.role, part) else { continue };
            match &part.kind {
                PartKind::ToolCall(call) => {
                    let used = CallUse { id: &call.id, nth: pairing.call(call.id.decoded()) };
                    out = out.of_call(used);
                    source.calls.push(answers.len());
                    answers.push(Answer { call, used, result: None });
                }
                PartKind::ToolResult(result) => {
                    let index = match result.call_id.is_empty() {
                        true => pairing.next(),
                        false => pairing.of_id(&result.call_id.decoded()),
                    };
                    let Some((index, answer)) =
                        index.and_then(|index| answers.get_mut(index).map(|answer| (index, answer)))
                    else {
                        loss(losses, "tool_result", "no call in the conversation has its id");
                        continue;
                    };
                    pairing.answer(index);
                    if answer.result.replace(out.of_call(answer.used)).is_some() {
                        loss(losses, "tool_result", "a later one answers the same call");
                    }
                    source.answered = true;
                    last = Some(Some(index));
                    continue;
                }
                _ => {}
            }
            source.parts.push(out);
            last = Some(None);
        }
        // A mark on the message is one on its last part (B90).
        if let Some(mark) = turn.cache.as_ref() {
            let part = match last {
                Some(Some(index)) => answers.get_mut(index).and_then(|answer| answer.result.as_mut()),
                _ => source.parts.last_mut(),
            };
            if let Some(part) = part {
                part.message_cache = Some(mark);
            }
        }
        sources.push(source);
    }
    (sources, answers)
}

struct Assembly<'r, 'p> {
    policy: &'p TurnPolicy,
    from_claude: bool,
    answers: Vec<Answer<'r>>,
    arranged: Arranged<'r>,
    /// Calls that went out and whose results have not.
    waiting: Vec<usize>,
    merger: TurnMerger<'r>,
}

impl<'r> Assembly<'r, '_> {
    fn take(&mut self, source: Source<'r>) {
        if source.answered {
            self.answer(false);
        }
        if source.parts.is_empty() {
            return;
        }
        let Source { turn, parts, calls, .. } = source;
        match turn.role {
            Role::System | Role::Developer => self.system(turn, parts),
            Role::Assistant => {
                self.waiting.extend(calls);
                self.merger.push(out_turn(turn, Role::Assistant, parts));
            }
            // What stands beside a result in a tool message is the user's.
            Role::User | Role::Tool => {
                self.answer(false);
                self.merger.push(out_turn(turn, Role::User, parts));
            }
        }
    }

    /// Source: translation.md B25.
    fn system(&mut self, turn: &'r Turn<'r>, parts: Vec<OutPart<'r>>) {
        let leading = self.merger.only_system();
        if leading && self.policy.hoist_leading_system {
            self.arranged.system.extend(parts);
            return;
        }
        match self.policy.later_system {
            _ if leading => self.merger.push(out_turn(turn, turn.role, parts)),
            LaterSystem::Keep => {
                self.answer(false);
                self.merger.push(out_turn(turn, turn.role, parts));
            }
            LaterSystem::Hoist if !self.from_claude => self.arranged.system.extend(parts),
            LaterSystem::Hoist | LaterSystem::Remind if self.from_claude => {
                self.answer(false);
                if let Some(reminder) = reminder(&parts) {
                    self.merger.push(OutTurn::new(Role::User, vec![reminder]));
                }
            }
            LaterSystem::Hoist | LaterSystem::Remind => {
                self.answer(false);
                self.merger.push(out_turn(turn, turn.role, parts));
            }
        }
    }

    /// Sends the results of the calls that went out, in the order of the calls (B12).
    fn answer(&mut self, at_end: bool) {
        let waiting = std::mem::take(&mut self.waiting);
        let any = waiting
            .iter()
            .any(|index| self.answers.get(*index).is_some_and(|answer| answer.result.is_some()));
        // Calls that wait at the end of the conversation are the client's next move, not a gap.
        let fill = self.policy.answer_missing && (any || !at_end);
        let mut results = Vec::with_capacity(waiting.len());
        for index in waiting {
            let Some(answer) = self.answers.get_mut(index) else { continue };
            match answer.result.take() {
                Some(result) => results.push(result),
                None if fill => {
                    results.push(OutPart::made(no_output(answer.call)).of_call(answer.used));
                    self.arranged.losses.push(Loss {
                        what: Cow::Borrowed("tool_call"),
                        why: Cow::Borrowed("it has no result: an error result stands in"),
                    });
                }
                None => {}
            }
        }
        if results.is_empty() {
            return;
        }
        match self.policy.results {
            Results::InUserTurn => self.merger.push(OutTurn::new(Role::User, results)),
            Results::OneTurn => self.merger.push(OutTurn::new(Role::Tool, results)),
            Results::OwnTurns => {
                for result in results {
                    self.merger.push(OutTurn::new(Role::Tool, vec![result]));
                }
            }
        }
    }

    fn finish(mut self) -> Arranged<'r> {
        self.answer(true);
        let mut arranged = self.arranged;
        arranged.turns = self.merger.finish();
        if arranged.turns.is_empty() && self.policy.needs_user {
            arranged.push_user(NEUTRAL);
        }
        arranged
    }
}

fn out_turn<'r>(turn: &'r Turn<'r>, role: Role, parts: Vec<OutPart<'r>>) -> OutTurn<'r> {
    OutTurn { role, name: turn.name.as_ref(), parts, plain: turn.plain, extras: &turn.extras }
}

fn no_output<'r>(call: &'r ToolCall<'r>) -> Part<'r> {
    Part::new(PartKind::ToolResult(ToolResult {
        call_id: call.id.reborrow(),
        name: Some(Cow::Borrowed(&*call.name)),
        content: vec![Part::text(NO_OUTPUT)],
        is_error: Some(true),
        raw: None,
    }))
}

/// A system text inside the conversation, said by the user (B25).
fn reminder<'r>(parts: &[OutPart<'r>]) -> Option<OutPart<'r>> {
    let texts: Vec<_> = parts.iter().filter_map(|part| part.part().as_text()).collect();
    if texts.is_empty() {
        return None;
    }
    let mut text = Text::plain("<system-reminder>\n").into_owned();
    for (index, piece) in texts.into_iter().enumerate() {
        if index > 0 {
            Text::plain("\n").push_onto(&mut text);
        }
        piece.push_onto(&mut text);
    }
    Text::plain("\n</system-reminder>").push_onto(&mut text);
    let cache = parts.last().and_then(OutPart::cache).cloned();
    Some(OutPart::made(Part::text(text).with_cache(cache)))
}

/// Whether there is nothing in it (B27).
fn is_empty(part: &Part<'_>, policy: &TurnPolicy) -> bool {
    part.signature.is_none()
        && match &part.kind {
            PartKind::Text { text, .. } if policy.drop_blank => text.is_blank(),
            PartKind::Text { text, .. } | PartKind::Refusal(text) => text.is_empty(),
            _ => false,
        }
}

fn part_is_attribution(part: &Part<'_>) -> bool {
    // Most system texts are long and begin otherwise: do not unescape them to find out.
    part.as_text().is_some_and(|text| match text.as_plain() {
        Some(text) => is_attribution(text),
        None => {
            let mut body = Vec::new();
            text.write_body(&mut body);
            let head = body.get(..body.len().min(256)).unwrap_or_default();
            memchr::memmem::find(head, ATTRIBUTION.as_bytes()).is_some() && is_attribution(&text.decoded())
        }
    })
}

const ATTRIBUTION: &str = "x-anthropic-billing-header";

/// Whether a system text is the billing attribution of Claude Code: it changes with every request, and would ruin
/// the prompt cache of any other target (B27b, E575).
#[must_use]
pub fn is_attribution(text: &str) -> bool {
    text.trim_start().strip_prefix(ATTRIBUTION).is_some_and(|rest| rest.starts_with(':'))
}

/// Joins the text parts of a message without separator, for formats whose content is one string (B75).
pub fn write_joined_text<'t>(writer: &mut Writer, texts: impl IntoIterator<Item = &'t Text<'t>>) {
    writer.texts(texts.into_iter().map(Text::reborrow));
}
