//! What goes in front of the user's first words: the instructions, and in words what a conversation state has no
//! member for. Source: providers-b.md 1.5.5, 1.5.6; translation.md A.7, A.9 (columns KI), F31, F32.

use super::Target;
use super::reasoning::Asked;
use super::tools::Declared;
use crate::json::Text;
use crate::model::ToolChoice;
use crate::pass::form::in_words;
use crate::pass::turns::OutPart;

const BEGIN: &str = "--- SYSTEM PROMPT ---\n";
const END: &str = "\n--- END SYSTEM PROMPT ---\n\n";

/// How large files are written where the model's name asks for it.
const IN_PIECES: &str = "Write large files in pieces: create the file with its first part of at most 350 lines, then \
    append or insert the following parts with further tool calls, each of at most 300 lines.";

/// What goes in front of the user's words; empty where there is nothing to say.
pub(super) struct Prompt {
    /// Of the first: the instructions, so that every turn has them and the provider's prompt cache its beginning (F31).
    pub(super) first: Text<'static>,
    /// Of the last: what is asked of this turn alone.
    pub(super) last: Text<'static>,
}

pub(super) fn prompt(
    target: &Target<'_>,
    system: &[OutPart<'_>],
    tools: &[Declared<'_>],
    reasoning: Asked,
    alone: bool,
) -> Prompt {
    let mut first: Vec<Text<'_>> = Vec::new();
    first.extend(reasoning.tags().map(Text::plain));
    first.extend(system.iter().filter_map(|part| part.part().as_text()).map(Text::reborrow));
    if target.model.agentic {
        first.push(Text::plain(IN_PIECES));
    }
    let mut last: Vec<Text<'_>> = choice(target, tools)
        .into_iter()
        .chain(in_words(target.request.output.format.as_ref()))
        .map(Text::plain)
        .collect();
    if alone {
        // The first message is the last.
        first.append(&mut last);
    }
    Prompt { first: framed(first), last: framed(last) }
}

fn framed(mut said: Vec<Text<'_>>) -> Text<'static> {
    said.retain(|text| !text.is_blank());
    let mut framed = Text::default();
    for (index, text) in said.iter().enumerate() {
        Text::plain(if index == 0 { BEGIN } else { "\n\n" }).push_onto(&mut framed);
        text.push_onto(&mut framed);
    }
    if !said.is_empty() {
        Text::plain(END).push_onto(&mut framed);
    }
    framed
}

/// A call that is asked for.
fn choice(target: &Target<'_>, tools: &[Declared<'_>]) -> Option<String> {
    if tools.is_empty() {
        return None;
    }
    let must = |tool: &str| Some(format!("You must call the tool {tool} in this turn."));
    if let Some(search) = target.search.as_ref().filter(|search| search.required) {
        return must(&search.tool);
    }
    match &target.request.tool_choice {
        Some(ToolChoice::Any | ToolChoice::Allowed { required: true, .. }) => {
            Some("You must call at least one of the tools in this turn.".to_owned())
        }
        Some(ToolChoice::Tool { name, .. }) if tools.iter().any(|tool| tool.name() == &**name) => {
            must(target.names.wire(name))
        }
        _ => None,
    }
}
