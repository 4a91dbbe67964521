//! A failed attempt, as far as cooling is concerned.

use cliproxy_core::{Evidence, ExecutorError};

/// Whether a failure may cool anything down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cooling {
    /// As the policy says.
    #[default]
    Normal,
    /// `disable-cooling` is in force for this credential.
    Off,
    /// A rule asks for a cooldown whatever else is set.
    Forced,
}

/// What a failed attempt proves, and whether that may cool anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The evidence.
    pub evidence: Evidence,
    /// Whether the provider answered with a status at all.
    pub answered: bool,
    /// Whether cooling is on.
    pub cooling: Cooling,
    /// Whether nobody else could serve the model now.
    pub alone: bool,
}

impl Fault {
    /// A failure that the provider answered, under normal cooling.
    #[must_use]
    pub fn new(evidence: Evidence) -> Self {
        Self { evidence, answered: true, cooling: Cooling::Normal, alone: false }
    }

    /// From an executor's error.
    #[must_use]
    pub fn of(error: &ExecutorError) -> Self {
        Self { answered: error.status().is_some(), ..Self::new(error.evidence()) }
    }

    /// Says whether the provider answered at all.
    #[must_use]
    pub fn with_answered(mut self, answered: bool) -> Self {
        self.answered = answered;
        self
    }

    /// Says whether nobody else could serve the model now.
    #[must_use]
    pub fn with_alone(mut self, alone: bool) -> Self {
        self.alone = alone;
        self
    }

    /// Says whether cooling is on.
    #[must_use]
    pub fn with_cooling(mut self, cooling: Cooling) -> Self {
        self.cooling = cooling;
        self
    }
}
