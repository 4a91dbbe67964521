//! What a reply cost and how it ended, in the canonical (inclusive) counting.

/// Token counts of one reply. Cached tokens are inside `input`, reasoning tokens inside `output`
/// (Source: translation.md B56). `None` means the provider did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: Option<u64>,
    /// Of `input`, those read from the provider's prompt cache.
    pub cache_read: Option<u64>,
    /// Of `input`, those written to the provider's prompt cache.
    pub cache_write: Option<u64>,
    /// Of `cache_write`, those kept for five minutes.
    pub cache_write_5m: Option<u64>,
    /// Of `cache_write`, those kept for one hour.
    pub cache_write_1h: Option<u64>,
    /// All output tokens, reasoning included.
    pub output: Option<u64>,
    /// Of `output`, those spent on reasoning.
    pub reasoning: Option<u64>,
    /// Input tokens spent on tool prompts (Gemini), already inside `input`.
    pub tool_prompt: Option<u64>,
    /// Of `input`, audio tokens.
    pub input_audio: Option<u64>,
    /// Of `output`, audio tokens.
    pub output_audio: Option<u64>,
    /// Of `output`, tokens of a prediction that was accepted.
    pub accepted_prediction: Option<u64>,
    /// Of `output`, tokens of a prediction that was rejected.
    pub rejected_prediction: Option<u64>,
    /// Web searches that the provider ran.
    pub web_searches: Option<u64>,
    /// Web pages that the provider fetched.
    pub web_fetches: Option<u64>,
    /// The total that the provider itself reported.
    pub reported_total: Option<u64>,
}

impl Usage {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The provider's own total, else input plus output. Saturates.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.reported_total
            .unwrap_or_else(|| self.input.unwrap_or(0).saturating_add(self.output.unwrap_or(0)))
    }

    /// Takes over every count that `later` knows: usage in streams is cumulative, later fields replace
    /// earlier ones (Source: translation.md B55).
    pub fn merge(&mut self, later: &Self) {
        fn take(mine: &mut Option<u64>, theirs: Option<u64>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        take(&mut self.input, later.input);
        take(&mut self.cache_read, later.cache_read);
        take(&mut self.cache_write, later.cache_write);
        take(&mut self.cache_write_5m, later.cache_write_5m);
        take(&mut self.cache_write_1h, later.cache_write_1h);
        take(&mut self.output, later.output);
        take(&mut self.reasoning, later.reasoning);
        take(&mut self.tool_prompt, later.tool_prompt);
        take(&mut self.input_audio, later.input_audio);
        take(&mut self.output_audio, later.output_audio);
        take(&mut self.accepted_prediction, later.accepted_prediction);
        take(&mut self.rejected_prediction, later.rejected_prediction);
        take(&mut self.web_searches, later.web_searches);
        take(&mut self.web_fetches, later.web_fetches);
        take(&mut self.reported_total, later.reported_total);
    }
}

/// Why a reply ended. Source: translation.md B51.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// A stop sequence matched.
    StopSequence,
    /// The model calls client tools.
    ToolUse,
    /// The output limit was reached.
    Length,
    /// The context window was full.
    ContextWindow,
    /// A safety filter stopped it.
    Safety,
    /// The model refused.
    Refusal,
    /// A long server-side turn paused; the client may continue it.
    Pause,
    /// The model made a call that could not be parsed.
    BadToolCall,
    /// Anything else.
    Other,
}
