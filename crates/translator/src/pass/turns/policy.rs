//! What a target wants of turns.

use crate::codec::Profile;

/// Where results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Results {
    /// First in the next user message (Claude).
    InUserTurn,
    /// Each a message of its own (Chat Completions).
    OwnTurns,
    /// All of one round in one message of their own (Gemini).
    OneTurn,
}

/// What becomes of system text inside the conversation. Source: translation.md B25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LaterSystem {
    /// It stays where it is.
    Keep,
    /// It joins the instructions; from Claude, where its position matters, it becomes a reminder by the user.
    Hoist,
    /// From Claude it becomes a reminder by the user; otherwise it stays.
    Remind,
}

/// What a target wants of turns.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TurnPolicy {
    /// Whether consecutive user turns become one (assistant turns always do, B23).
    pub merge_users: bool,
    /// Whether calls go behind everything else in an assistant turn (B23, E564).
    pub calls_last: bool,
    /// Whether thoughts go before everything else in an assistant turn (B35).
    pub thoughts_first: bool,
    /// Where results go (B12).
    pub results: Results,
    /// Whether calls without a result get one that says so (B16).
    pub answer_missing: bool,
    /// Whether system turns before the conversation join the instructions.
    pub hoist_leading_system: bool,
    /// What becomes of system turns inside it.
    pub later_system: LaterSystem,
    /// Whether texts of nothing but white space are dropped; empty ones always are (B27).
    pub drop_blank: bool,
    /// Whether Claude Code's attribution text is dropped (B27b).
    pub strip_attribution: bool,
    /// Whether a conversation without turns gets a neutral one (B26).
    pub needs_user: bool,
}

impl TurnPolicy {
    /// What Claude wants.
    #[must_use]
    pub fn claude(profile: &Profile) -> Self {
        Self {
            merge_users: true,
            calls_last: true,
            thoughts_first: false,
            results: Results::InUserTurn,
            answer_missing: true,
            hoist_leading_system: true,
            later_system: if profile.inline_system { LaterSystem::Keep } else { LaterSystem::Hoist },
            drop_blank: true,
            strip_attribution: false,
            needs_user: true,
        }
    }

    /// What Gemini wants: the results of a round in one content right behind its calls, as many as these.
    #[must_use]
    pub fn gemini() -> Self {
        Self {
            merge_users: false,
            calls_last: false,
            thoughts_first: false,
            results: Results::OneTurn,
            answer_missing: true,
            hoist_leading_system: true,
            later_system: LaterSystem::Hoist,
            drop_blank: false,
            strip_attribution: true,
            needs_user: false,
        }
    }

    /// What Kiro wants: user and model by turns, results with the user's words.
    #[must_use]
    pub fn kiro() -> Self {
        Self {
            merge_users: true,
            calls_last: false,
            results: Results::InUserTurn,
            answer_missing: true,
            hoist_leading_system: true,
            later_system: LaterSystem::Hoist,
            drop_blank: true,
            strip_attribution: true,
            needs_user: true,
            thoughts_first: false,
        }
    }

    /// What Chat Completions wants. A call without a result is refused there too, so it gets one.
    #[must_use]
    pub fn chat() -> Self {
        Self {
            merge_users: false,
            calls_last: false,
            thoughts_first: false,
            results: Results::OwnTurns,
            answer_missing: true,
            hoist_leading_system: false,
            later_system: LaterSystem::Remind,
            drop_blank: false,
            strip_attribution: true,
            needs_user: false,
        }
    }
}
