//! What a reply cost, from whatever says so. Source: providers-b.md 1.5.8 "Usage order"; translation.md B55, B56.

use cliproxy_core::Usage;
use serde_json::value::RawValue;

use super::wire::{Counts, Payload};
use crate::codec::ReplyContext;
use crate::json::read::count;

/// The context of a model that nobody knows more of. Source: providers-b.md 1.5.8, "percentage".
const CONTEXT: u64 = 200_000;

/// Characters of text that are about one token. Source: providers-b.md 1.5.8 "chars / 4".
const CHARACTERS: u64 = 4;

/// Gathers counts over a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    context: u64,
    prompt_estimate: Option<u64>,
    known: Usage,
    percentage: Option<f64>,
    characters: u64,
    /// Of the replies before this one, where one reply to the client is several of the service.
    before: Usage,
    searches: Option<u64>,
}

impl Meter {
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            context: context.context_length.unwrap_or(CONTEXT),
            prompt_estimate: context.prompt_estimate,
            known: Usage::default(),
            percentage: None,
            characters: 0,
            before: Usage::default(),
            searches: None,
        }
    }

    /// Output that went by, to estimate by where nobody counts.
    pub(super) fn wrote(&mut self, characters: usize) {
        self.characters = self.characters.saturating_add(u64::try_from(characters).unwrap_or(u64::MAX));
    }

    /// Takes what an event says. Whether it said anything.
    pub(super) fn read(&mut self, payload: &Payload<'_>) -> bool {
        let before = (self.known, self.percentage);
        let number = |raw: Option<&RawValue>| raw.and_then(count);
        self.known.merge(&Usage {
            input: number(payload.input_tokens),
            output: number(payload.output_tokens),
            reported_total: number(payload.total_tokens),
            ..Usage::default()
        });
        self.percentage = float(payload.percentage).or(self.percentage);
        if let Some(counts) =
            payload.counts.and_then(|raw| serde_json::from_str::<Counts<'_>>(raw.get()).ok())
        {
            let (read, written) = (number(counts.read), number(counts.written));
            // Inclusive: what was cached is part of the input (B56).
            let input = number(counts.uncached).map(|uncached| {
                uncached.saturating_add(read.unwrap_or(0)).saturating_add(written.unwrap_or(0))
            });
            self.known.merge(&Usage {
                input,
                cache_read: read,
                cache_write: written,
                output: number(counts.output),
                reported_total: number(counts.total),
                ..Usage::default()
            });
            self.percentage = float(counts.percentage).or(self.percentage);
        }
        before != (self.known, self.percentage)
    }

    /// The reply of the service ended and another one follows: the client pays for both.
    pub(super) fn next_reply(&mut self) {
        self.before = self.whole();
        self.before.web_searches = None;
        (self.known, self.percentage, self.characters) = (Usage::default(), None, 0);
    }

    /// A search was told; whether it found what it could.
    pub(super) fn searched(&mut self, well: bool) {
        self.searches = Some(self.searches.unwrap_or(0) + u64::from(well));
    }

    /// What is known so far: counts first, then the part of the context that is full.
    pub(super) fn known(&self) -> Usage {
        self.summed(self.of_this_reply())
    }

    fn of_this_reply(&self) -> Usage {
        let mut usage = self.known;
        if usage.input.is_none() {
            usage.input = self.percentage.map(|percentage| part_of(self.context, percentage));
        }
        usage
    }

    /// What the whole reply cost: what nobody counted is estimated.
    pub(super) fn whole(&self) -> Usage {
        let mut usage = self.of_this_reply();
        usage.input = usage.input.or(self.prompt_estimate);
        if usage.output.is_none() && self.characters > 0 {
            usage.output = Some((self.characters / CHARACTERS).max(1));
        }
        self.summed(usage)
    }

    fn summed(&self, usage: Usage) -> Usage {
        let mut sum = checked(usage);
        sum.reported_total = match (self.before.is_empty(), self.before.reported_total) {
            (true, _) => sum.reported_total,
            (false, before) => sum.reported_total.zip(before).map(|(now, before)| now.saturating_add(before)),
        };
        for (now, before) in [
            (&mut sum.input, self.before.input),
            (&mut sum.output, self.before.output),
            (&mut sum.cache_read, self.before.cache_read),
            (&mut sum.cache_write, self.before.cache_write),
        ] {
            if let Some(before) = before {
                *now = Some(now.unwrap_or(0).saturating_add(before));
            }
        }
        sum.web_searches = self.searches;
        sum
    }
}

/// A total that the parts do not make is none.
fn checked(mut usage: Usage) -> Usage {
    let parts = usage.input.zip(usage.output).map(|(input, output)| input.saturating_add(output));
    if usage.reported_total.is_some() && parts.is_some() && usage.reported_total != parts {
        usage.reported_total = None;
    }
    usage
}

fn float(raw: Option<&RawValue>) -> Option<f64> {
    raw?.get().parse().ok().filter(|percentage: &f64| percentage.is_finite() && *percentage >= 0.0)
}

fn part_of(context: u64, percentage: f64) -> u64 {
    // A context has few digits: no whole number is lost on the way.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "neither is negative, and floats that do not fit become the nearest number"
    )]
    let tokens = (context as f64 * percentage / 100.0).round() as u64;
    tokens
}
