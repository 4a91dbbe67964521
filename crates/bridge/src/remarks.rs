//! What was done to a request, in words for the trace: bounded, without content.

use std::borrow::Cow;

use cliproxy_core::{ProviderFormat, RequestId};
use cliproxy_translator::Loss;

use crate::request::Prepared;

/// Losses that are told one by one.
const MOST_TOLD: usize = 64;
/// Letters that are told of what was lost: some names come from the client.
const LONGEST_NAME: usize = 64;

/// A line for what was lost, and one for what rules changed.
pub(crate) fn of(prepared: &Prepared, format: &ProviderFormat) -> Vec<String> {
    let mut lines = Vec::new();
    if !prepared.losses.is_empty() {
        lines.push(format!("not carried over into {format}: {}", losses(&prepared.losses)));
    }
    if !prepared.rewritten.is_empty() {
        lines.push(format!("payload rules for {format}: {}", prepared.rewritten.join(", ")));
    }
    lines
}

/// Who tells what of a reply was lost.
#[derive(Clone, Debug)]
pub(crate) struct Remarker {
    pub(crate) request: RequestId,
    pub(crate) format: ProviderFormat,
    /// Somebody reads it.
    pub(crate) explain: bool,
    /// The state of the reply is remembered for its client: it is not lost.
    pub(crate) remembers: bool,
}

impl Remarker {
    /// A line for what was lost, if anything was and somebody reads it.
    pub(crate) fn of_reply(&self, lost: &[Loss]) -> Option<String> {
        if lost.is_empty() {
            return None;
        }
        let is_state =
            |loss: &&Loss| matches!(&*loss.what, "message.signature" | "message.redacted_thinking");
        let lost: Vec<Loss> =
            lost.iter().filter(|loss| !(self.remembers && is_state(loss))).cloned().collect();
        for loss in &lost {
            tracing::debug!(
                request_id = %self.request, format = %self.format, what = %loss.what, why = %loss.why,
                "not carried over to the client"
            );
        }
        (self.explain && !lost.is_empty())
            .then(|| format!("not carried over from {}: {}", self.format, losses(&lost)))
    }
}

/// Each kind once, with how often it was lost, those of one reason together.
fn losses(losses: &[Loss]) -> String {
    let mut reasons: Vec<(&str, Vec<(&str, usize)>)> = Vec::new();
    let (mut told, mut more) = (0_usize, 0_usize);
    for loss in losses {
        let kinds = match reasons.iter_mut().find(|(why, _)| *why == loss.why) {
            Some((_, kinds)) => kinds,
            None if told == MOST_TOLD => {
                more += 1;
                continue;
            }
            None => {
                reasons.push((&loss.why, Vec::new()));
                let Some((_, kinds)) = reasons.last_mut() else { continue };
                kinds
            }
        };
        match kinds.iter_mut().find(|(what, _)| *what == loss.what) {
            Some((_, count)) => *count += 1,
            None if told == MOST_TOLD => more += 1,
            None => {
                told += 1;
                kinds.push((&loss.what, 1));
            }
        }
    }
    let mut all: Vec<String> = reasons
        .into_iter()
        .map(|(why, kinds)| {
            let kinds = kinds.into_iter().map(|(what, count)| {
                let times = if count > 1 { format!(" x{count}") } else { String::new() };
                format!("{}{times}", name(what))
            });
            format!("{} ({why})", kinds.collect::<Vec<_>>().join(", "))
        })
        .collect();
    if more > 0 {
        all.push(format!("{more} more"));
    }
    all.join("; ")
}

/// A name as far as it looks like one.
fn name(what: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.[]".contains(letter);
    if what.len() <= LONGEST_NAME && what.chars().all(is_plain) {
        return Cow::Borrowed(what);
    }
    let plain = |letter| if is_plain(letter) { letter } else { '?' };
    Cow::Owned(what.chars().take(LONGEST_NAME).map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(what: impl Into<Cow<'static, str>>) -> Loss {
        Loss { what: what.into(), why: "no word for it".into() }
    }

    #[test]
    fn each_kind_is_told_once_and_only_so_many() {
        assert_eq!(
            losses(&[loss("top_k"), loss("message.thinking"), loss("top_k")]),
            "top_k x2, message.thinking (no word for it)"
        );
        let other = Loss { what: "seed".into(), why: "refused".into() };
        assert_eq!(losses(&[loss("a"), other, loss("b")]), "a, b (no word for it); seed (refused)");
        let many: Vec<Loss> = (0..92).map(|n| loss(format!("k{n}"))).collect();
        let told = losses(&many);
        assert!(told.ends_with("k63 (no word for it); 28 more"), "{told}");
    }

    #[test]
    fn a_name_that_a_client_made_up_is_cut_to_a_name() {
        assert_eq!(name("tools.web_search"), "tools.web_search");
        assert_eq!(name("so; x=\"y\"\né"), "so??x??y???");
        assert_eq!(name(&"x".repeat(5_000)).len(), LONGEST_NAME);
    }
}
