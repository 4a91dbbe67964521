//! A local estimate of a prompt's tokens, for providers without a counting endpoint, and for replies without a count.
//!
//! It is a rule of thumb over the decoded request, deterministic and without a vocabulary: common words are one
//! token, identifiers split where their case changes, digits go by threes, punctuation by small runs, CJK
//! characters one each. Short English and JSON samples with published counts come out within one or two tokens; no
//! promise is made beyond "the right size": expect a quarter either way on unusual text, and more where media are
//! involved, which cost a fixed amount. Replies that carry it say so in a header.
//! Source: translation.md B86 (estimate, and mark it).

use crate::json::Text;
use crate::model::{
    Args, Media, MediaClass, MediaSource, OutputFormat, Part, PartKind, Request, Tool, ToolResult,
};

/// What a message costs besides its text: role and separators.
const PER_TURN: u64 = 4;
/// What a declared tool costs besides its texts.
const PER_TOOL: u64 = 8;
/// What a call or a result costs besides its texts.
const PER_CALL: u64 = 6;
/// What is put before every reply.
const PRIMING: u64 = 3;
/// An image of the usual size after the provider scaled it; a small or `low` one costs less.
const IMAGE: u64 = 1_500;
const LOW_IMAGE: u64 = 85;
/// The least a document costs: about a page. Larger ones are counted by their size.
const DOCUMENT: u64 = 1_500;
/// Bytes of a document that are about one token.
const DOCUMENT_BYTES: u64 = 40;
const AUDIO: u64 = 1_500;
const VIDEO: u64 = 5_000;

/// About how many input tokens a request is.
#[must_use]
pub fn request_tokens(request: &Request<'_>) -> u64 {
    let instructions = parts(&request.instructions);
    let turns: u64 = request
        .turns
        .iter()
        .map(|turn| PER_TURN + turn.name.as_ref().map_or(0, text) + parts(&turn.parts))
        .sum();
    let tools: u64 = request.tools.iter().map(tool).sum();
    let output = match &request.output.format {
        Some(OutputFormat::JsonSchema { schema: Some(schema), .. }) => text_tokens(schema.get()),
        _ => 0,
    };
    PRIMING + instructions + turns + tools + output
}

fn tool(tool: &Tool<'_>) -> u64 {
    PER_TOOL
        + match tool {
            Tool::Function(tool) => {
                text_tokens(&tool.name)
                    + tool.description.as_ref().map_or(0, text)
                    + tool.schema.as_ref().map_or(0, |schema| text_tokens(schema.get()))
            }
            Tool::Custom(tool) => {
                text_tokens(&tool.name)
                    + tool.description.as_ref().map_or(0, text)
                    + tool.format.as_ref().map_or(0, |format| text_tokens(format.get()))
            }
            Tool::Builtin(tool) => text_tokens(tool.raw.get()),
        }
}

fn parts(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(part).sum()
}

fn part(part: &Part<'_>) -> u64 {
    match &part.kind {
        PartKind::Text { text: value, .. } | PartKind::Refusal(value) => text(value),
        PartKind::Media(value) => media(value),
        PartKind::Reasoning(value) => value.summary.iter().chain(&value.raw).map(text).sum(),
        PartKind::ToolCall(call) => {
            let args = match &call.args {
                Args::Json(raw) => text_tokens(raw.get()),
                Args::Encoded(value) | Args::Freeform(value) => text(value),
            };
            PER_CALL + text_tokens(&call.name) + args
        }
        PartKind::ToolResult(value) => tool_result(value),
        PartKind::Server(value) => text_tokens(value.raw.get()),
        PartKind::Opaque(value) => text_tokens(value.raw.get()),
    }
}

fn tool_result(result: &ToolResult<'_>) -> u64 {
    PER_CALL + parts(&result.content) + result.raw.as_ref().map_or(0, |raw| text_tokens(raw.get()))
}

fn media(media: &Media<'_>) -> u64 {
    match (&media.source, media.class) {
        (MediaSource::Text(value), _) => text(value),
        (MediaSource::Parts(content), _) => parts(content),
        (_, MediaClass::Image) => {
            let low = media.detail.as_ref().is_some_and(|detail| *detail == "low");
            if low { LOW_IMAGE } else { IMAGE }
        }
        (MediaSource::Base64 { data, .. }, MediaClass::Document) => {
            let bytes = u64::try_from(data.size_hint()).unwrap_or(u64::MAX) / 4 * 3;
            DOCUMENT.max(bytes / DOCUMENT_BYTES)
        }
        (_, MediaClass::Audio) => AUDIO,
        (_, MediaClass::Video) => VIDEO,
        _ => DOCUMENT,
    }
}

fn text(text: &Text<'_>) -> u64 {
    text_tokens(&text.decoded())
}

/// What runs of one kind of character the scanner tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Newline,
    Lower,
    Upper,
    Digit,
    Punctuation,
    /// CJK, kana, hangul: about one token each.
    Wide,
    /// Emoji and the like: about two tokens each.
    Symbol,
    /// Letters of other scripts.
    Other,
}

const fn class_of(c: char) -> Class {
    match c {
        ' ' | '\t' => Class::Space,
        '\n' | '\r' => Class::Newline,
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        '0'..='9' => Class::Digit,
        '\0'..='\u{7f}' => Class::Punctuation,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{20000}'..='\u{3ffff}' => Class::Wide,
        '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1ffff}' => Class::Symbol,
        _ => Class::Other,
    }
}

/// The classes of ASCII: nearly all of a prompt is looked up here.
#[expect(clippy::indexing_slicing, reason = "a constant: what is out of bounds does not compile")]
static ASCII: [Class; 128] = {
    let mut classes = [Class::Punctuation; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = class_of(byte as char);
        byte += 1;
    }
    classes
};

/// About how many tokens a text is.
fn text_tokens(text: &str) -> u64 {
    let mut total = 0;
    // Nothing yet is a run of no length.
    let (mut current, mut length) = (Class::Other, 0);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let class = usize::try_from(u32::from(c)).ok().and_then(|at| ASCII.get(at)).copied();
        let class = class.unwrap_or_else(|| class_of(c));
        if class == current {
            length += 1;
        } else if (current, length, class) == (Class::Upper, 1, Class::Lower) {
            // `Word` is one piece: a single capital leads the lower-case run behind it.
            (current, length) = (Class::Lower, 2);
        } else {
            total += run_tokens(current, length);
            (current, length) = (class, 1);
        }
        if current == Class::Lower {
            // Most of a text are words.
            let ahead = chars.as_str().bytes().take_while(u8::is_ascii_lowercase).count();
            length += ahead as u64;
            chars = chars.as_str().get(ahead..).unwrap_or_default().chars();
        }
    }
    total + run_tokens(current, length)
}

fn run_tokens(class: Class, length: u64) -> u64 {
    match class {
        // One blank belongs to the word behind it; indentation is counted by runs.
        Class::Space => length.saturating_sub(1).div_ceil(16),
        Class::Newline | Class::Digit | Class::Upper => length.div_ceil(3),
        Class::Lower => length.div_ceil(10),
        Class::Punctuation => length.div_ceil(4),
        Class::Wide => length,
        Class::Symbol => length * 2,
        Class::Other => length.div_ceil(3),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as it is said, one character after the other.
    fn plainly(text: &str) -> u64 {
        let mut runs: Vec<(Class, u64)> = Vec::new();
        for class in text.chars().map(class_of) {
            match runs.last_mut() {
                Some((current, length)) if *current == class => *length += 1,
                Some(run) if *run == (Class::Upper, 1) && class == Class::Lower => *run = (Class::Lower, 2),
                _ => runs.push((class, 1)),
            }
        }
        runs.into_iter().map(|(class, length)| run_tokens(class, length)).sum()
    }

    proptest! {
        #[test]
        fn what_is_quick_counts_as_the_rule_does(text in "([A-Za-z]{0,12}|[ \\t]{1,3}|[\\n\\r]{1,3}|[0-9]{1,5}|\\PC{0,4}|[语あ한✓😀é]{1,3}){0,20}") {
            prop_assert_eq!(text_tokens(&text), plainly(&text));
        }
    }

    #[test]
    fn short_texts_come_near_their_published_counts() {
        // Counts of the cl100k vocabulary.
        for (text, published) in [
            ("", 0),
            ("Hello, world!", 4),
            ("The quick brown fox jumps over the lazy dog.", 10),
            (r#"{"type":"object","properties":{"path":{"type":"string"}}}"#, 14),
            ("1234567890", 4),
        ] {
            let estimate = text_tokens(text);
            assert!(estimate.abs_diff(published) <= 2, "{text}: {estimate}, published {published}");
        }
    }

    #[test]
    fn more_text_never_counts_less() {
        let text = "fn main() {\n    println!(\"héllo 世界 🎉 {}\", 123456);\n}\n";
        let mut last = 0;
        for (at, _) in text.char_indices() {
            let estimate = text_tokens(text.split_at(at).0);
            assert!(estimate + 1 >= last, "{at}");
            last = last.max(estimate);
        }
        assert!(text_tokens(&text.repeat(10)) >= 9 * text_tokens(text));
    }
}
