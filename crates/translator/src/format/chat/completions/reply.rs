//! Canonical replies as `text_completion`.

use cliproxy_core::FinishReason;

use super::super::{shown_id, shown_model, usage};
use super::{echo, finish_word, logprobs, visible};
use crate::codec::ReplyContext;
use crate::json::{Text, Writer};
use crate::model::{Candidate, Response};

pub(super) fn encode(response: &Response<'_>, context: &ReplyContext) -> Vec<u8> {
    let mut w = Writer::new(Vec::with_capacity(512));
    w.begin_object();
    w.field_string("id", &shown_id("cmpl-", &response.id, context));
    w.field_string("object", "text_completion");
    w.field_signed("created", response.created.unwrap_or(context.created));
    w.field_string("model", shown_model(context, &response.model));
    w.key("choices");
    w.begin_array();
    if response.candidates.is_empty() {
        // Source: translation.md B71.
        write_choice(&mut w, &Candidate::default(), context);
    }
    response.candidates.iter().for_each(|candidate| write_choice(&mut w, candidate, context));
    w.end_array();
    if let Some(counts) = &response.usage {
        w.key("usage");
        usage::write(&mut w, counts);
    }
    w.end_object();
    w.into_bytes()
}

fn write_choice(w: &mut Writer, candidate: &Candidate<'_>, context: &ReplyContext) {
    let echo = echo(context);
    let offset = echo.as_ref().map_or(0, Text::char_count);
    w.begin_object();
    w.field_unsigned("index", u64::from(candidate.index));
    w.key("text");
    w.texts(echo.into_iter().chain(candidate.parts.iter().filter_map(visible)));
    w.key("logprobs");
    logprobs::write(w, candidate.logprobs.as_deref(), offset);
    let reason = candidate.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
    w.field_string("finish_reason", finish_word(reason));
    w.end_object();
}
