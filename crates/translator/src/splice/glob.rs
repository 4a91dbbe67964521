//! Patterns with wildcards, made once and matched against whole texts.

/// A pattern. Case counts.
///
/// ```
/// use cliproxy_translator::splice::Glob;
/// assert!(Glob::stars("gpt-*").fits("gpt-5"));
/// assert!(!Glob::stars("gpt-?").fits("gpt-5"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// Any text, also none.
    Star,
    /// One letter.
    One,
    Letter(char),
}

impl Glob {
    /// `*` is any text; every other letter is itself.
    #[must_use]
    pub fn stars(pattern: &str) -> Self {
        Self(pattern.chars().map(|c| if c == '*' { Piece::Star } else { Piece::Letter(c) }).collect())
    }

    /// As paths write it: `?` is one letter too, a backslash makes the next letter itself.
    pub(super) fn wild(pattern: &str) -> Self {
        let mut pieces = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '*' => Piece::Star,
                '?' => Piece::One,
                '\\' => Piece::Letter(letters.next().unwrap_or('\\')),
                letter => Piece::Letter(letter),
            });
        }
        Self(pieces)
    }

    /// Whether it matches the whole text.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text);
        // Behind the last star, and what it has not swallowed yet.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let mut letters = rest.chars();
            match (self.0.get(at), letters.next()) {
                (None, None) => return true,
                (Some(Piece::Star), _) => {
                    at += 1;
                    retry = Some((at, rest));
                }
                (Some(piece), Some(letter)) if piece.takes(letter) => {
                    at += 1;
                    rest = letters.as_str();
                }
                _ => {
                    let Some((behind, from)) = retry else { return false };
                    let mut letters = from.chars();
                    if letters.next().is_none() {
                        return false;
                    }
                    (at, rest) = (behind, letters.as_str());
                    retry = Some((behind, rest));
                }
            }
        }
    }
}

impl Piece {
    fn takes(self, letter: char) -> bool {
        match self {
            Self::Star => false,
            Self::One => true,
            Self::Letter(own) => own == letter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_the_whole_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("*", "größe", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "GPT-5", false),
            ("*-5", "gpt-5", true),
            ("*-5", "gpt-5.1", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("gpt-?", "gpt-?", true),
        ] {
            assert_eq!(Glob::stars(pattern).fits(text), expected, "{pattern} {text}");
        }
        for (pattern, text, expected) in
            [("to?l*", "tools", true), ("to?l", "tol", false), (r"a\*", "a*", true), (r"a\*", "ab", false)]
        {
            assert_eq!(Glob::wild(pattern).fits(text), expected, "{pattern} {text}");
        }
    }
}
