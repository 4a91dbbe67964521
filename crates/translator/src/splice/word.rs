//! Words that tell whether a body is worth a scan.

use std::sync::OnceLock;

use memchr::memmem::Finder;

/// A word that many bodies are searched for. How best to look for it is worked out once: for a body of a few hundred
/// bytes that takes longer than the search.
///
/// ```
/// use cliproxy_translator::splice::Word;
/// static BETAS: Word = Word::new("\"betas\"");
/// assert!(BETAS.is_in(br#"{"betas":[]}"#) && !BETAS.is_in(b"{}"));
/// ```
#[derive(Debug)]
pub struct Word {
    text: &'static str,
    finder: OnceLock<Finder<'static>>,
}

impl Word {
    /// A word, for a `static`.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text, finder: OnceLock::new() }
    }

    /// Whether it stands anywhere in a body, be it as a name, as a value or inside a text.
    #[must_use]
    pub fn is_in(&self, body: &[u8]) -> bool {
        self.finder().find(body).is_some()
    }

    /// Where it stands.
    pub fn places<'b>(&'b self, body: &'b [u8]) -> impl Iterator<Item = usize> + use<'b> {
        self.finder().find_iter(body)
    }

    fn finder(&self) -> &Finder<'static> {
        self.finder.get_or_init(|| Finder::new(self.text))
    }
}
