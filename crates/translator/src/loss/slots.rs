//! The places of a canonical request that not every format has.

/// A set of places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots(u64);

macro_rules! slots {
    ($($name:ident $bit:literal $word:literal,)*) => {
        impl Slots {
            $(pub(crate) const $name: Self = Self(1 << $bit);)*
            /// What each place is called, in the words that most clients use.
            const WORDS: &'static [(Self, &'static str)] = &[$((Self::$name, $word),)*];
        }
    };
}

slots! {
    TEMPERATURE 0 "temperature",
    TOP_P 1 "top_p",
    TOP_K 2 "top_k",
    FREQUENCY_PENALTY 3 "frequency_penalty",
    PRESENCE_PENALTY 4 "presence_penalty",
    LOGIT_BIAS 5 "logit_bias",
    SEED 6 "seed",
    STOP 7 "stop",
    LOGPROBS 8 "logprobs",
    TOP_LOGPROBS 9 "top_logprobs",
    FORMAT_NAME 10 "response_format.name",
    FORMAT_DESCRIPTION 11 "response_format.description",
    FORMAT_STRICT 12 "response_format.strict",
    VERBOSITY 13 "verbosity",
    MODALITIES 14 "modalities",
    AUDIO 15 "audio",
    PREDICTION 16 "prediction",
    SUMMARY 17 "reasoning.summary",
    USER 18 "user",
    SAFETY_IDENTIFIER 19 "safety_identifier",
    PROMPT_CACHE_KEY 20 "prompt_cache_key",
    SESSION 21 "session_id",
    METADATA 22 "metadata",
    SERVICE_TIER 23 "service_tier",
    PARALLEL_TOOLS 24 "parallel_tool_calls",
    CACHE 25 "cache_control",
    SPEAKER 26 "message.name",
    CITATIONS 27 "message.citations",
    SIGNATURE 28 "message.signature",
    DETAIL 29 "message.detail",
    FILE_NAME 30 "message.filename",
    LINK_NAME 40 "message.filename",
    STORED_NAME 41 "message.filename",
    IMAGE_NAME 42 "message.filename",
    PARTS_NAME 45 "message.filename",
    CONTEXT 31 "message.context",
    CITED_DOCUMENT 32 "message.document.citations",
    STORED_FILE 33 "message.file_id",
    SOUND 34 "message.audio",
    FILM 35 "message.video",
    STRICT_TOOL 36 "tools.strict",
    GRAMMAR 37 "tools.format",
    OWN_MEMBERS 38 "others",
    NAMESPACE 43 "tools.namespace",
    STREAM_OPTIONS 44 "stream_options",
    BODY_CACHE 39 "cache_control",
}

impl Slots {
    pub(crate) const NONE: Self = Self(0);

    /// What every provider gets, one way or another, or what its encoder decides by value.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With some more, where that holds.
    pub(crate) const fn when(self, holds: bool, other: Self) -> Self {
        if holds { self.with(other) } else { self }
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All of several.
    pub(crate) const fn all(slots: &[Self]) -> Self {
        let mut all = Self::NONE;
        let mut rest = slots;
        while let Some((first, behind)) = rest.split_first() {
            all = all.with(*first);
            rest = behind;
        }
        all
    }

    /// What they are called.
    pub(crate) fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().filter(move |(slot, _)| self.has(*slot)).map(|(_, word)| *word)
    }
}
