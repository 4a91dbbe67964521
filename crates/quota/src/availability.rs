//! What may be done with a credential right now.

use cliproxy_core::Timestamp;

/// Why something cools down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CooldownCause {
    /// The token or key was refused.
    Unauthorized,
    /// The account has to pay, or may not do this.
    PaymentRequired,
    /// The provider does not know the model.
    NotFound,
    /// The account may not use the model.
    ModelNotSupported,
    /// The refresh token was refused.
    InvalidGrant,
    /// The credential lacks something it needs.
    Misconfigured,
    /// A rate limit or quota of one model.
    Quota,
    /// A rate limit or quota of the whole account.
    CredentialQuota,
    /// A challenge page stood in for the API.
    Challenge,
    /// The provider failed.
    Transient,
    /// A rule of the configuration asked for it.
    Rule,
}

impl CooldownCause {
    /// The reason tag used in listings and logs. Source: runtime.md D.6, D.7.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::PaymentRequired => "payment_required",
            Self::NotFound => "not_found",
            Self::ModelNotSupported => "model_not_supported",
            Self::InvalidGrant => "invalid_grant",
            Self::Misconfigured => "misconfigured",
            Self::Quota => "quota",
            Self::CredentialQuota => "credential_quota",
            Self::Challenge => "challenge",
            Self::Transient => "transient",
            Self::Rule => "rule",
        }
    }

    /// The cause of a reason tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        const ALL: [CooldownCause; 11] = [
            CooldownCause::Unauthorized,
            CooldownCause::PaymentRequired,
            CooldownCause::NotFound,
            CooldownCause::ModelNotSupported,
            CooldownCause::InvalidGrant,
            CooldownCause::Misconfigured,
            CooldownCause::Quota,
            CooldownCause::CredentialQuota,
            CooldownCause::Challenge,
            CooldownCause::Transient,
            CooldownCause::Rule,
        ];
        ALL.into_iter().find(|cause| cause.as_str() == tag)
    }

    /// Whether new tokens, or another word in the configuration, end it.
    #[must_use]
    pub fn is_of_tokens(self) -> bool {
        matches!(self, Self::Unauthorized | Self::InvalidGrant | Self::Misconfigured)
    }

    /// Whether the credential or its right to the model is at fault. Such models vanish from listings, while
    /// those that only cool stay (Source: runtime.md E.3).
    #[must_use]
    pub fn is_hard(self) -> bool {
        match self {
            Self::Unauthorized
            | Self::PaymentRequired
            | Self::NotFound
            | Self::ModelNotSupported
            | Self::InvalidGrant
            | Self::Misconfigured => true,
            Self::Quota | Self::CredentialQuota | Self::Challenge | Self::Transient | Self::Rule => false,
        }
    }
}

/// Whether one credential may be used for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Availability {
    /// Use it.
    Ready,
    /// One request may probe whether the limit is gone.
    HalfOpen {
        /// Why it had cooled.
        cause: CooldownCause,
    },
    /// The provider refused it; pick it again from `until`.
    CoolingDown {
        /// When it ends.
        until: Timestamp,
        /// Why.
        cause: CooldownCause,
    },
    /// The one probe is under way: its end decides.
    Probing {
        /// Why it had cooled.
        cause: CooldownCause,
    },
    /// The refresh token was rejected, and the access token is over too: only a person can help.
    NeedsLogin,
    /// By the operator, until the operator says otherwise.
    Disabled,
}

impl Availability {
    /// Whether a request may use it now.
    #[must_use]
    pub fn is_usable(self) -> bool {
        match self {
            Self::Ready | Self::HalfOpen { .. } => true,
            Self::CoolingDown { .. } | Self::Probing { .. } | Self::NeedsLogin | Self::Disabled => false,
        }
    }

    /// Whether the model vanishes from listings because of it.
    #[must_use]
    pub fn is_hard_blocked(self) -> bool {
        match self {
            Self::NeedsLogin | Self::Disabled => true,
            Self::CoolingDown { cause, .. } => cause.is_hard(),
            Self::Ready | Self::HalfOpen { .. } | Self::Probing { .. } => false,
        }
    }

    /// The stricter of two states that both apply; of two windows the later end.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if let (Self::CoolingDown { until: a, .. }, Self::CoolingDown { until: b, .. }) = (self, other) {
            return if b > a { other } else { self };
        }
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::HalfOpen { .. } => 1,
            Self::Probing { .. } => 2,
            Self::CoolingDown { .. } => 3,
            Self::NeedsLogin => 4,
            Self::Disabled => 5,
        }
    }
}
