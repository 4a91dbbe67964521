//! Log probabilities: a list of tokens in Chat Completions, parallel lists here.

use serde_json::value::RawValue;

use crate::json::{List, Text, Writer, wire_struct};

wire_struct! {
    struct Logprobs<'a> { content: List<Token<'a>> = "content" }
}

wire_struct! {
    struct Token<'a> {
        token: Text<'a> = "token",
        logprob: &'a RawValue = "logprob",
        top: List<Alternative<'a>> = "top_logprobs",
    }
}

wire_struct! {
    struct Alternative<'a> {
        token: Text<'a> = "token",
        logprob: &'a RawValue = "logprob",
    }
}

/// Writes the log probabilities of a text whose first token stands at `offset`, and returns where the next one
/// would; `null` when there are none in a shape that we know.
pub(super) fn write(w: &mut Writer, raw: Option<&RawValue>, offset: usize) -> usize {
    let logprobs: Option<Logprobs<'_>> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let tokens = logprobs.and_then(|logprobs| logprobs.content).unwrap_or_default().0;
    if tokens.is_empty() {
        w.null();
        return offset;
    }
    let list = |w: &mut Writer, key: &str, write: &mut dyn FnMut(&mut Writer, &Token<'_>)| {
        w.key(key);
        w.begin_array();
        tokens.iter().for_each(|token| write(w, token));
        w.end_array();
    };
    w.begin_object();
    list(w, "tokens", &mut |w, token| match &token.token {
        Some(text) => w.text(text),
        None => w.string(""),
    });
    list(w, "token_logprobs", &mut |w, token| w.raw(token.logprob.map_or("null", RawValue::get)));
    list(w, "top_logprobs", &mut write_alternatives);
    let mut at = offset;
    list(w, "text_offset", &mut |w, token| {
        w.unsigned(u64::try_from(at).unwrap_or(u64::MAX));
        at += token.token.as_ref().map_or(0, Text::char_count);
    });
    w.end_object();
    at
}

fn write_alternatives(w: &mut Writer, token: &Token<'_>) {
    let Some(top) = token.top.as_ref().filter(|top| !top.0.is_empty()) else { return w.null() };
    w.begin_object();
    for alternative in &top.0 {
        if let (Some(token), Some(logprob)) = (&alternative.token, alternative.logprob) {
            w.field_raw(&token.decoded(), logprob.get());
        }
    }
    w.end_object();
}
