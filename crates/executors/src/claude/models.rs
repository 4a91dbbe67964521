//! The static list. Source: providers-a.md 2.5 ([F] list, with the additions of [H]).

use cliproxy_core::{Level, Modality, ModelInfo, ReasoningProfile};

const FULL: &[Level] = &[Level::Low, Level::Medium, Level::High, Level::Max];
const EXTENDED: &[Level] = &[Level::Low, Level::Medium, Level::High, Level::Xhigh, Level::Max];

struct Row {
    id: &'static str,
    name: &'static str,
    created: i64,
    context: u64,
    output: u64,
    reasoning: Reasons,
}

#[derive(Clone, Copy)]
enum Reasons {
    No,
    Budget { zero: bool },
    Both { levels: &'static [Level] },
    Levels { levels: &'static [Level] },
}

/// All models, newest last, then the names without a date that Anthropic gives some of them.
pub(super) fn list() -> Vec<ModelInfo> {
    let undated = ALIASES.iter().filter_map(|(alias, id)| {
        let row = ROWS.iter().find(|row| row.id == *id)?;
        Some(Row { id: alias, ..*row }.info())
    });
    ROWS.iter().map(Row::info).chain(undated).collect()
}

/// The provider knows these names itself, so they go out as they are. The reference's list lacks them, and a request as
/// in the vendor's own examples ended there as an unknown model. Source: Anthropic, "Models overview", aliases.
const ALIASES: &[(&str, &str)] = &[
    ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
    ("claude-3-7-sonnet-latest", "claude-3-7-sonnet-20250219"),
    ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("claude-opus-4-0", "claude-opus-4-20250514"),
    ("claude-opus-4-1", "claude-opus-4-1-20250805"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    ("claude-opus-4-5", "claude-opus-4-5-20251101"),
];

impl Row {
    fn info(&self) -> ModelInfo {
        let mut info = ModelInfo::new(self.id)
            .with_display_name(self.name)
            .with_owner("anthropic")
            .with_created(self.created)
            .with_limits(self.context, self.output);
        info.input = vec![Modality::Text, Modality::Image, Modality::Document];
        info.output = vec![Modality::Text];
        let budget = Some((1024, 128_000));
        let profile = match self.reasoning {
            Reasons::No => return info,
            Reasons::Budget { zero } => {
                ReasoningProfile { budget, zero_allowed: zero, ..ReasoningProfile::default() }
            }
            Reasons::Both { levels } => ReasoningProfile {
                budget,
                zero_allowed: true,
                levels: levels.to_vec(),
                ..ReasoningProfile::default()
            },
            Reasons::Levels { levels } => ReasoningProfile {
                zero_allowed: true,
                dynamic_allowed: true,
                levels: levels.to_vec(),
                ..ReasoningProfile::default()
            },
        };
        info.with_reasoning(profile)
    }
}

const fn row(
    id: &'static str,
    name: &'static str,
    created: i64,
    limits: (u64, u64),
    reasoning: Reasons,
) -> Row {
    Row { id, name, created, context: limits.0, output: limits.1, reasoning }
}

const ROWS: &[Row] = &[
    row("claude-3-5-haiku-20241022", "Claude 3.5 Haiku", 1_729_555_200, (128_000, 8_192), Reasons::No),
    row(
        "claude-3-7-sonnet-20250219",
        "Claude 3.7 Sonnet",
        1_739_923_200,
        (200_000, 64_000),
        Reasons::Budget { zero: false },
    ),
    row(
        "claude-sonnet-4-20250514",
        "Claude Sonnet 4",
        1_747_180_800,
        (200_000, 64_000),
        Reasons::Budget { zero: false },
    ),
    row(
        "claude-opus-4-20250514",
        "Claude Opus 4",
        1_747_180_800,
        (200_000, 32_000),
        Reasons::Budget { zero: false },
    ),
    row(
        "claude-opus-4-1-20250805",
        "Claude Opus 4.1",
        1_754_352_000,
        (200_000, 32_000),
        Reasons::Budget { zero: false },
    ),
    row(
        "claude-sonnet-4-5-20250929",
        "Claude Sonnet 4.5",
        1_759_104_000,
        (200_000, 64_000),
        Reasons::Budget { zero: true },
    ),
    row(
        "claude-haiku-4-5-20251001",
        "Claude Haiku 4.5",
        1_759_276_800,
        (200_000, 64_000),
        Reasons::Budget { zero: true },
    ),
    row(
        "claude-opus-4-5-20251101",
        "Claude Opus 4.5",
        1_761_955_200,
        (200_000, 64_000),
        Reasons::Budget { zero: true },
    ),
    row(
        "claude-opus-4-6",
        "Claude Opus 4.6",
        1_770_249_600,
        (1_000_000, 128_000),
        Reasons::Both { levels: FULL },
    ),
    row(
        "claude-sonnet-4-6",
        "Claude Sonnet 4.6",
        1_771_286_400,
        (200_000, 64_000),
        Reasons::Both { levels: FULL },
    ),
    row(
        "claude-opus-4-7",
        "Claude Opus 4.7",
        1_776_000_000,
        (1_000_000, 128_000),
        Reasons::Both { levels: EXTENDED },
    ),
    row(
        "claude-opus-4-8",
        "Claude Opus 4.8",
        1_780_000_000,
        (1_000_000, 128_000),
        Reasons::Both { levels: EXTENDED },
    ),
    row(
        "claude-fable-5",
        "Claude Fable 5",
        1_783_000_000,
        (1_000_000, 128_000),
        Reasons::Both { levels: EXTENDED },
    ),
    row(
        "claude-sonnet-5",
        "Claude Sonnet 5",
        1_784_000_000,
        (1_000_000, 128_000),
        Reasons::Levels { levels: EXTENDED },
    ),
    row(
        "claude-opus-5",
        "Claude Opus 5",
        1_785_000_000,
        (1_000_000, 128_000),
        Reasons::Levels { levels: EXTENDED },
    ),
];
