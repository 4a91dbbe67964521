//! The conversation: user and model by turns, the last word the user's. Source: translation.md A.15, D.33 (E675 to
//! E680); providers-b.md 1.5.3, 1.5.5.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::super::search::in_words;
use super::media::{Image, Shown, shown_part};
use super::prompt::Prompt;
use super::tools::{self, Declared};
use super::{Target, loss};
use crate::json::{Text, Writer};
use crate::loss::Loss;
use crate::model::{PartKind, Role, ServerPart, ToolCall, ToolResult};
use crate::pass::ids::{IdMap, claude_uses, generated_id};
use crate::pass::searches::Pairs;
use crate::pass::turns::{Arranged, NO_OUTPUT, OutPart};

/// What stands in for words where there are none: no content may be empty. Source: providers-b.md 1.5.5.
const CONTINUE: &str = "Continue";
pub(in super::super) const RESULTS: &str = "Tool results provided.";
pub(in super::super) const SILENT: &str = ".";
/// What a tool said that said nothing.
const NOTHING: &str = "(no output)";

/// The conversation as it goes out.
pub(super) struct Conversation<'c> {
    history: Vec<Message<'c>>,
    current: Message<'c>,
    ids: IdMap,
}

/// A message of the user, or of the model.
#[derive(Default)]
struct Message<'c> {
    model: bool,
    texts: Vec<Text<'c>>,
    /// Of the user.
    images: Vec<Image<'c>>,
    /// Of the user.
    results: Vec<Answer<'c>>,
    /// Of the model, each under its own or a derived id.
    calls: Vec<(Id<'c>, Call<'c>)>,
}

/// The id of a call, and how many calls before it have the same.
type Id<'c> = (Cow<'c, str>, u32);

/// What the model called.
enum Call<'c> {
    Tool(&'c ToolCall<'c>),
    /// The web search, with what it looked for.
    Search(Option<String>),
}

/// A result, under the id of its call.
struct Answer<'c> {
    id: Id<'c>,
    texts: Vec<Text<'c>>,
    failed: bool,
}

impl<'c> Conversation<'c> {
    pub(super) fn of(arranged: &'c Arranged<'c>, losses: &mut Vec<Loss>) -> Self {
        let mut built = Builder::default();
        for turn in &arranged.turns {
            let model = turn.role == Role::Assistant;
            for out in &turn.parts {
                let part = out.part();
                match &part.kind {
                    PartKind::ToolCall(call) => built.call(named(out), call),
                    PartKind::ToolResult(result) => built.result(named(out), result),
                    PartKind::Server(server) => built.search(server),
                    _ => built.message(model).show(shown_part(part)),
                }
            }
        }
        let Builder { mut history, open, late, .. } = built;
        let current = match history.pop_if(|last| !last.model) {
            Some(user) => user,
            // The model had the last word: the user asks it to go on (E680, B27a).
            None => {
                let mut user = Message::default();
                // Its calls have to be answered, as the next turn is not the client's own (B16).
                let calls = history.iter().flat_map(|message| &message.calls).map(|(id, _)| id);
                for id in calls.filter(|id| open.contains(id)).cloned() {
                    loss(losses, "tool_call", "it has no result: an error result stands in");
                    user.results.push(Answer { id, texts: vec![Text::plain(NO_OUTPUT)], failed: true });
                }
                user.results.extend(late);
                user
            }
        };
        // A conversation begins with the user. Source: providers-b.md 1.5.5 "First message is assistant".
        if history.first().is_some_and(|first| first.model) {
            history.insert(0, Message { texts: vec![Text::plain(SILENT)], ..Message::default() });
        }
        let calls: Vec<_> =
            history.iter().flat_map(|message| &message.calls).map(|(id, _)| id.clone()).collect();
        let ids = claude_uses(calls.iter().map(|(id, nth)| (&**id, *nth)));
        Self { history, current, ids }
    }

    /// Whether there is nothing but one message.
    pub(super) fn is_short(&self) -> bool {
        self.history.is_empty()
    }

    pub(super) fn write_history(&self, w: &mut Writer, target: &Target<'_>, prompt: &Prompt) {
        w.begin_array();
        let mut prefix = Some(&prompt.first);
        for message in &self.history {
            w.begin_object();
            if message.model {
                w.key("assistantResponseMessage");
                message.write_model(w, target, &self.ids);
            } else {
                w.key("userInputMessage");
                message.write_user(w, target, prefix.take(), &self.ids, &[]);
            }
            w.end_object();
        }
        w.end_array();
    }

    pub(super) fn write_current(
        &self,
        w: &mut Writer,
        target: &Target<'_>,
        prompt: &Prompt,
        tools: &[Declared<'_>],
    ) {
        let prefix = if self.is_short() { &prompt.first } else { &prompt.last };
        w.begin_object();
        w.key("userInputMessage");
        self.current.write_user(w, target, Some(prefix), &self.ids, tools);
        w.end_object();
    }
}

/// Puts parts where they belong. Neighbours of one role become one message.
#[derive(Default)]
struct Builder<'c> {
    history: Vec<Message<'c>>,
    /// The calls that no result answered yet.
    open: HashSet<Id<'c>>,
    /// How many calls each id has.
    uses: HashMap<Cow<'c, str>, u32>,
    /// The searches that are told in two parts.
    pairs: Pairs,
    /// Results of searches that wait for those of the calls beside them: all stand in one message.
    late: Vec<Answer<'c>>,
}

impl<'c> Builder<'c> {
    /// The message of a role that comes next.
    fn message(&mut self, model: bool) -> &mut Message<'c> {
        if self.history.last().is_none_or(|last| last.model != model) {
            let results = if model { Vec::new() } else { std::mem::take(&mut self.late) };
            self.history.push(Message { model, results, ..Message::default() });
        }
        let last = self.history.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "there is one: it was pushed above where there was none")]
        &mut self.history[last]
    }

    fn call(&mut self, id: Id<'c>, call: &'c ToolCall<'c>) {
        self.open.insert(id.clone());
        *self.uses.entry(id.0.clone()).or_default() += 1;
        self.message(true).calls.push((id, Call::Tool(call)));
    }

    /// A search that ran before is a call and its result, as the model saw it. One without a result never ran.
    fn search(&mut self, part: &ServerPart<'_>) {
        let Some(search) = self.pairs.take(part) else { return };
        let id: Cow<'c, str> =
            Cow::Owned(search.id.clone().unwrap_or_else(|| generated_id("ws_", &[part.raw.get()])));
        let texts = vec![Text::plain(in_words(&search))];
        // A search that looked for the same has the same derived id.
        let uses = self.uses.entry(id.clone()).or_default();
        let id: Id<'c> = (id, *uses);
        *uses += 1;
        let answer = Answer { id: id.clone(), texts, failed: search.failure.is_some() };
        self.message(true).calls.push((id, Call::Search(search.query)));
        if self.open.is_empty() {
            self.message(false).results.push(answer);
        } else {
            self.late.push(answer);
        }
    }

    fn result(&mut self, id: Id<'c>, result: &'c ToolResult<'c>) {
        self.open.remove(&id);
        let mut texts = Vec::new();
        texts.extend(result.raw.as_ref().map(|raw| Text::plain(raw.get())));
        let user = self.message(false);
        for shown in result.content.iter().flat_map(shown_part) {
            match shown {
                Shown::Text(text) => texts.push(text),
                // A result holds texts only: what the tool showed stands beside it (B21).
                Shown::Image(image) => user.images.push(image),
            }
        }
        user.results.push(Answer { id, texts, failed: result.is_error == Some(true) });
    }
}

/// The id of a call, or of the one that is answered; one that has none gets one by its place (B4).
fn named<'c>(out: &'c OutPart<'c>) -> Id<'c> {
    let Some(call) = out.call() else { return (Cow::default(), 0) };
    match call.id.is_empty() {
        true => (Cow::Owned(generated_id("tooluse_", &["call", &(call.nth + 1).to_string()])), 0),
        false => (call.id.decoded(), call.nth),
    }
}

impl<'c> Message<'c> {
    fn show(&mut self, all: Vec<Shown<'c>>) {
        for shown in all {
            match shown {
                Shown::Text(text) => self.texts.push(text),
                Shown::Image(image) => self.images.push(image),
            }
        }
    }

    fn write_user(
        &self,
        w: &mut Writer,
        target: &Target<'_>,
        prefix: Option<&Text<'_>>,
        ids: &IdMap,
        tools: &[Declared<'_>],
    ) {
        let silent = if self.results.is_empty() { CONTINUE } else { RESULTS };
        w.begin_object();
        w.key("content");
        w.texts(prefix.map(Text::reborrow).into_iter().chain(joined(&self.texts, silent)));
        w.field_string("modelId", target.model.id);
        w.field_string("origin", "AI_EDITOR");
        if !self.images.is_empty() {
            w.key("images");
            w.begin_array();
            self.images.iter().for_each(|image| image.write(w));
            w.end_array();
        }
        if !self.results.is_empty() || !tools.is_empty() {
            w.key("userInputMessageContext");
            w.begin_object();
            if !self.results.is_empty() {
                w.key("toolResults");
                w.begin_array();
                self.results.iter().for_each(|answer| answer.write(w, ids));
                w.end_array();
            }
            if !tools.is_empty() {
                w.key("tools");
                tools::write(w, tools);
            }
            w.end_object();
        }
        w.end_object();
    }

    fn write_model(&self, w: &mut Writer, target: &Target<'_>, ids: &IdMap) {
        w.begin_object();
        w.key("content");
        w.texts(joined(&self.texts, SILENT));
        if !self.calls.is_empty() {
            w.key("toolUses");
            w.begin_array();
            for ((id, nth), call) in &self.calls {
                w.begin_object();
                w.field_string("toolUseId", &ids.of_use(id, *nth));
                match call {
                    Call::Tool(call) => {
                        w.field_string("name", target.names.wire(&call.name));
                        w.field_raw("input", &target.objects.of(&call.args));
                    }
                    Call::Search(query) => {
                        w.field_string("name", target.search.as_ref().map_or("", |search| &search.tool));
                        w.key("input");
                        w.begin_object();
                        if let Some(query) = query {
                            w.field_string("query", query);
                        }
                        w.end_object();
                    }
                }
                w.end_object();
            }
            w.end_array();
        }
        w.end_object();
    }
}

impl Answer<'_> {
    fn write(&self, w: &mut Writer, ids: &IdMap) {
        w.begin_object();
        w.field_string("toolUseId", &ids.of_use(&self.id.0, self.id.1));
        // Never rewritten, whatever the text says (F32).
        w.field_string("status", if self.failed { "error" } else { "success" });
        w.key("content");
        w.begin_array();
        let told: Vec<_> = self.texts.iter().filter(|text| !text.is_blank()).collect();
        for text in &told {
            w.begin_object();
            w.field_text("text", text);
            w.end_object();
        }
        if told.is_empty() {
            w.begin_object();
            w.field_string("text", NOTHING);
            w.end_object();
        }
        w.end_array();
        w.end_object();
    }
}

/// Texts of several parts, each on its own line; what stands in where there are none.
fn joined<'t>(texts: &'t [Text<'_>], silent: &'static str) -> Vec<Text<'t>> {
    let mut all = Vec::with_capacity(texts.len() * 2);
    for text in texts.iter().filter(|text| !text.is_empty()) {
        if !all.is_empty() {
            all.push(Text::plain("\n"));
        }
        all.push(text.reborrow());
    }
    if all.iter().all(Text::is_blank) {
        return vec![Text::plain(silent)];
    }
    all
}
