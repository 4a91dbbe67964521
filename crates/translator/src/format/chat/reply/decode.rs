//! `chat.completion` into canonical form.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::{CHAT, decode as request, usage, wire};
use crate::codec::CodecError;
use crate::json::Text;
use crate::json::read::Reading;
use crate::model::{Candidate, Finish, Part, PartKind, Response};
use crate::pass::errors::{is_unset, probe_error};
use crate::pass::{args, finish};
use crate::splice::TopLevel;

pub(in super::super) fn decode(body: &[u8]) -> Result<Response<'_>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    let wire: wire::Reply<'_> = match serde_json::from_str(text) {
        Ok(wire) => wire,
        // A failure in another shape says more than where it differs from a reply.
        Err(error) => return Err(error_of(body).unwrap_or_else(|| wire::misread(&error, ""))),
    };
    let Some(choices) = wire.choices.filter(|choices| !choices.0.is_empty()) else {
        return Err(error_of(body).unwrap_or_else(|| CodecError::protocol("the reply has no choices")));
    };
    // Whatever else it says. A word that says so, too, has the error for its own.
    let failed = |choice: &wire::Choice<'_>| {
        wire::filled(choice.finish_reason).is_some_and(|word| finish::is_failure(&word.decoded()))
    };
    if wire.error.is_some_and(|error| !is_unset(error.get()))
        && !choices.0.iter().any(failed)
        && let Some(error) = error_of(body)
    {
        return Err(error);
    }
    let mut used = wire.usage.map(usage::decode);
    let candidates = choices
        .0
        .into_iter()
        .enumerate()
        .map(|(place, choice)| {
            used = used.or_else(|| choice.usage.map(usage::decode));
            candidate(choice, place, wire.error)
                .map_err(|error| wire::at(&format!("choices[{place}]"), &error))
        })
        .collect::<Result<_, _>>()?;
    Ok(Response {
        source: CHAT,
        id: text_of(wire.id),
        model: text_of(wire.model),
        created: wire.created.and_then(|raw| raw.get().parse().ok()),
        candidates,
        usage: used.filter(|usage| !usage.is_empty()),
        service_tier: wire.service_tier.and_then(Text::from_raw),
        extras: wire.extras,
        ..Response::default()
    })
}

fn text_of(raw: Option<&RawValue>) -> Cow<'_, str> {
    wire::plain(raw.and_then(Text::from_raw))
}

fn candidate<'a>(
    choice: wire::Choice<'a>,
    place: usize,
    around: Option<&RawValue>,
) -> Result<Candidate<'a>, CodecError> {
    let mut extras = choice.extras;
    let word = wire::filled(choice.finish_reason).map(Text::into_decoded);
    if let Some(error) = word.as_deref().and_then(|word| finish::failure(word, &extras, around)) {
        return Err(error);
    }
    let is_whole = word.as_deref().map(finish::from_word).is_none_or(finish::is_whole);
    let parts = match (choice.message, choice.text.and_then(Text::from_raw)) {
        (Some(mut message), _) => {
            extras.extend(
                std::mem::take(&mut message.extras)
                    .into_iter()
                    .map(|(key, raw)| (Cow::Owned(format!("message.{key}")), raw)),
            );
            if let Some(raw) = message.reasoning_details {
                extras.push((Cow::Borrowed("message.reasoning_details"), raw));
            }
            let (parts, _) = request::message_parts(message, Reading::Reply)?;
            parts
        }
        // A legacy completion.
        (None, Some(text)) => vec![Part::text(text)],
        // What stopped it says that it was at work, and nothing else. Where a piece of a stream came, there is more.
        (None, None) if !is_whole && !extras.iter().any(|(key, _)| key == "delta") => Vec::new(),
        (None, None) => return Err(wire::wrong("message", "missing")),
    };
    // An empty text says nothing, unless something hangs on it.
    let mut parts: Vec<_> = parts.into_iter().filter(|part| !is_nothing(part)).collect();
    args::settle(&mut parts, is_whole)?;
    let finish = word.map(|word| finish_of(word, &parts));
    Ok(Candidate {
        index: choice.index.unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX)),
        parts,
        finish,
        logprobs: choice.logprobs.map(Cow::Borrowed),
        grounding: None,
        extras,
    })
}

fn is_nothing(part: &Part<'_>) -> bool {
    matches!(&part.kind, PartKind::Text { text, citations: None } if text.is_empty())
}

/// Source: translation.md B51, B52.
fn finish_of<'a>(word: Cow<'a, str>, parts: &[Part<'_>]) -> Finish<'a> {
    let has = |wanted: fn(&PartKind<'_>) -> bool| parts.iter().any(|part| wanted(&part.kind));
    let calls = has(|kind| matches!(kind, PartKind::ToolCall(_)));
    let refused = has(|kind| matches!(kind, PartKind::Refusal(_)));
    let reason = match finish::settle(finish::from_word(&word), calls) {
        FinishReason::Stop if refused => FinishReason::Refusal,
        reason => reason,
    };
    Finish { native: Some(word), ..Finish::new(reason) }
}

/// The failure that a reply with a good status really is. Source: providers-b.md 6.3, "2xx body that is a
/// structured error".
pub(in super::super) fn error_of(body: &[u8]) -> Option<CodecError> {
    let scanned = TopLevel::scan(body).ok()?;
    let error = scanned.raw("error").ok().flatten();
    let named = error.is_some_and(|error| error != "null");
    let answered = scanned.value("choices").is_some_and(|choices| choices != b"null");
    if answered && error.is_none_or(is_unset) {
        return None;
    }
    let said = probe_error(body);
    // MiniMax's envelope.
    let base = || scanned.object("base_resp")?.string("status_msg").ok().flatten();
    let message = Some(said.message).filter(|text| !text.is_empty()).or_else(|| base().map(Cow::into_owned));
    match message {
        Some(message) => {
            Some(CodecError::protocol(format!("the provider answered with an error: {message}")))
        }
        None => named.then(|| CodecError::protocol("the provider answered with an error without words")),
    }
}
