//! Tells from the first bytes whether a stream is one at all: some services answer a request for a stream with
//! plain JSON or a web page, under status 200.

/// The most of such a body that is kept to be read.
const KEPT: usize = 64 * 1024;

/// What the first bytes said.
#[derive(Debug, Default)]
pub(crate) enum Head {
    /// Nothing but white space so far.
    #[default]
    Unknown,
    /// Fields of server-sent events.
    Frames,
    /// Something else, kept so far.
    Foreign(Vec<u8>),
}

impl Head {
    /// Whether a chunk belongs to something that is no stream of events. No event begins with a bracket.
    pub(crate) fn is_foreign(&mut self, chunk: &[u8]) -> bool {
        if matches!(self, Self::Unknown) {
            match chunk.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{' | b'[' | b'<') => *self = Self::Foreign(Vec::new()),
                Some(_) => *self = Self::Frames,
                None => {}
            }
        }
        matches!(self, Self::Foreign(_))
    }

    /// Keeps a chunk; `false` when enough has been kept.
    pub(crate) fn keep(&mut self, chunk: &[u8]) -> bool {
        let Self::Foreign(kept) = self else { return true };
        let room = KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        kept.len() < KEPT
    }

    /// What was kept of a body that is no stream.
    pub(crate) fn kept(&self) -> Option<&[u8]> {
        match self {
            Self::Foreign(kept) => Some(kept),
            Self::Unknown | Self::Frames => None,
        }
    }
}
