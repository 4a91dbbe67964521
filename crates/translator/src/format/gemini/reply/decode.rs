//! Whole replies into canonical form. Source: translation.md A.12, B51 to B58, B75.

use std::borrow::Cow;

use cliproxy_core::FinishReason;
use serde_json::value::RawValue;

use super::super::decode::part::part;
use super::super::grounding::Told;
use super::super::invented::strip;
use super::super::{GEMINI, carrier, error, grounding, usage, wire};
use crate::codec::CodecError;
use crate::invented::Invented;
use crate::json::read::{Reading, at, misread, plain, read};
use crate::json::{List, Text};
use crate::model::{Bind, Candidate, Finish, Part, PartKind, Response};
use crate::pass::finish::{from_word, settle};

pub(in super::super) fn decode<'a>(
    body: &'a [u8],
    invented: &[Invented],
) -> Result<Response<'a>, CodecError> {
    let text = crate::json::text(body).map_err(|_| CodecError::malformed("the reply is not UTF-8"))?;
    // A failure in another shape says more than where it differs from a reply.
    let wire: wire::Reply<'_> = serde_json::from_str(text)
        .map_err(|error| error::stood_in(body).unwrap_or_else(|| misread(&error, "")))?;
    let wire = match wire.response {
        Some(inner) if wire.candidates.is_none() => read(inner, "response")?,
        _ => wire,
    };
    let used = wire.usage.as_ref().map(usage::decode).filter(|usage| !usage.is_empty());
    let blocked = blocked(&wire)?;
    let candidates = wire.candidates.unwrap_or_default().0;
    if candidates.is_empty() && blocked.is_none() {
        return Err(
            error::stood_in(body).unwrap_or_else(|| CodecError::protocol("the reply has no candidates"))
        );
    }
    let mut extras = wire.extras;
    if let Some(raw) = wire.prompt_feedback {
        extras.push((Cow::Borrowed("promptFeedback"), raw));
    }
    let mut all = Vec::with_capacity(candidates.len().max(1));
    for (place, wire) in candidates.into_iter().enumerate() {
        let candidate = candidate(wire, place, invented);
        all.push(candidate.map_err(|error| at(&format!("candidates[{place}]"), &error))?);
    }
    if all.is_empty() {
        all.push(Candidate { finish: blocked, ..Candidate::default() });
    }
    Ok(Response {
        source: GEMINI,
        id: plain(wire.response_id),
        model: plain(wire.model_version),
        created: wire.create_time.and_then(|time| unix_seconds(&time.decoded())),
        candidates: all,
        usage: used,
        extras,
        ..Response::default()
    })
}

/// A prompt that was blocked ends the reply before it began (F15).
pub(in super::super) fn blocked<'a>(wire: &wire::Reply<'a>) -> Result<Option<Finish<'a>>, CodecError> {
    let Some(raw) = wire.prompt_feedback else { return Ok(None) };
    let feedback: wire::Feedback<'a> = read(raw, "promptFeedback")?;
    let reason = feedback.block_reason.filter(|reason| *reason != "BLOCKED_REASON_UNSPECIFIED");
    Ok(reason.map(|reason| Finish {
        native: Some(reason.into_decoded()),
        details: Some(Cow::Borrowed(raw)),
        ..Finish::new(FinishReason::Safety)
    }))
}

fn candidate<'a>(
    wire: wire::Candidate<'a>,
    place: usize,
    invented: &[Invented],
) -> Result<Candidate<'a>, CodecError> {
    let mut extras = wire.extras;
    let mut parts: Vec<Part<'_>> = Vec::new();
    if let Some(content) = wire.content {
        let own = content.extras.into_iter().map(|(key, raw)| (Cow::Owned(format!("content.{key}")), raw));
        extras.extend(own);
        let items: List<_> =
            content.parts.map(|raw| read(raw, "content.parts")).transpose()?.unwrap_or_default();
        for (index, raw) in items.0.into_iter().enumerate() {
            let part = part(raw, Reading::Reply, &mut |text| {
                carrier::of_provider(text).map(|signature| (signature, Bind::Own))
            });
            let mut part = part.map_err(|error| at(&format!("content.parts[{index}]"), &error))?;
            if let PartKind::ToolCall(call) = &mut part.kind {
                strip(call, invented);
            }
            parts.push(part);
        }
    }
    // An empty text is how Google ends a reply; it says nothing.
    if parts.len() > 1 {
        parts.retain(|part| part.signature.is_some() || part.as_text().is_none_or(|text| !text.is_empty()));
    }
    if let Some(raw) = wire.grounding {
        cite(raw, &mut parts);
    }
    let calls = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    extras.extend(wire.finish_message.map(|raw| (Cow::Borrowed("finishMessage"), raw)));
    Ok(Candidate {
        index: wire.index.unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX)),
        parts,
        finish: wire.finish_reason.map(|reason| finish(reason, calls)),
        logprobs: wire.logprobs.map(Cow::Borrowed),
        grounding: wire.grounding.map(Cow::Borrowed),
        extras,
    })
}

/// Puts the sources to the last text, as streams tell them.
fn cite(raw: &RawValue, parts: &mut [Part<'_>]) {
    let ascii = parts.iter().filter_map(Part::as_text).all(Text::is_ascii);
    let cited = grounding::citations(raw, ascii, &mut Told::default());
    let text = parts.iter_mut().rev().find_map(|part| match &mut part.kind {
        PartKind::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let Some(citations) = text
        && !cited.is_empty()
    {
        let items: Vec<_> = cited.iter().map(|raw| raw.get()).collect();
        *citations = RawValue::from_string(format!("[{}]", items.join(","))).ok().map(Cow::Owned);
    }
}

/// The reason, with the provider's word. Gemini's calls are whole when they come: one that the limit followed is to be
/// answered all the same (B52, E528).
pub(in super::super) fn finish(word: Text<'_>, calls: bool) -> Finish<'_> {
    let native = word.into_decoded();
    let reason = match settle(from_word(&native), calls) {
        FinishReason::Length if calls => FinishReason::ToolUse,
        reason => reason,
    };
    Finish { native: Some(native), ..Finish::new(reason) }
}

/// The seconds of an RFC 3339 time in UTC, as Google writes it (`2026-11-27T15:04:05.123456Z`).
pub(in super::super) fn unix_seconds(time: &str) -> Option<i64> {
    let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|text| text.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut clock = clock.splitn(3, ':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let second: i64 = clock.next()?.split('.').next()?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since the epoch of the proleptic Gregorian calendar, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::unix_seconds;

    #[test]
    fn googles_times_are_read_and_others_are_not() {
        for (time, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00.5Z", Some(951_825_600)),
            ("2026-11-27T15:04:05.123456Z", Some(1_795_791_845)),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-27 15:04:05", None),
            ("", None),
        ] {
            assert_eq!(unix_seconds(time), seconds, "{time}");
        }
    }
}
