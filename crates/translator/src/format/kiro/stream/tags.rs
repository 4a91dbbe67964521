//! Thoughts that a model wraps in tags inside its text. A tag may be cut at any character: what may be its beginning is
//! held back. Source: providers-b.md 1.5.12.

const OPEN: &str = "<thinking>";
const CLOSE: &str = "</thinking>";

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Piece {
    #[default]
    Text,
    Thought,
}

/// Parts text from thoughts.
#[derive(Debug, Default)]
pub(in super::super) struct Tags {
    inside: Piece,
    /// Thoughts come as events of their own: tags in the text are left over, and go.
    native: bool,
    held: String,
}

impl Tags {
    /// Thoughts come as events of their own from now on.
    pub(in super::super) fn native(&mut self, sink: &mut dyn FnMut(Piece, &str)) {
        if !self.native {
            self.flush(sink);
            self.native = true;
            self.inside = Piece::Text;
        }
    }

    /// What text is that certainly holds no piece of a tag. `None` when it has to be looked at.
    pub(in super::super) fn whole(&self, escaped: &str) -> Option<Piece> {
        // JSON may spell the bracket as an escape. Others stay: what is decoded has no place for half of a surrogate pair,
        // whose other half may come next.
        let plain = memchr::memchr2(b'<', b'\\', escaped.as_bytes()).is_none()
            || memchr::memchr(b'<', escaped.as_bytes()).is_none() && !has_escaped_bracket(escaped);
        (plain && self.held.is_empty()).then_some(self.inside)
    }

    /// Takes text.
    pub(in super::super) fn feed(&mut self, text: &str, sink: &mut dyn FnMut(Piece, &str)) {
        let mut held = std::mem::take(&mut self.held);
        held.push_str(text);
        let mut rest = held.as_str();
        while let Some((at, tag)) = self.next_tag(rest) {
            self.say(rest.get(..at).unwrap_or_default(), sink);
            rest = rest.get(at + tag.len()..).unwrap_or_default();
            if !self.native {
                self.inside = if tag == OPEN { Piece::Thought } else { Piece::Text };
            }
        }
        let kept = self.beginning(rest);
        let (said, kept) = rest.split_at_checked(rest.len() - kept).unwrap_or((rest, ""));
        self.say(said, sink);
        self.held = kept.to_owned();
    }

    /// Nothing follows: what was held back is no tag.
    pub(in super::super) fn flush(&mut self, sink: &mut dyn FnMut(Piece, &str)) {
        let held = std::mem::take(&mut self.held);
        self.say(&held, sink);
    }

    fn say(&self, text: &str, sink: &mut dyn FnMut(Piece, &str)) {
        if !text.is_empty() {
            sink(self.inside, text);
        }
    }

    /// The tags that count at the moment.
    fn wanted(&self) -> &'static [&'static str] {
        match (self.native, self.inside) {
            (true, _) => &[OPEN, CLOSE],
            (false, Piece::Text) => &[OPEN],
            (false, Piece::Thought) => &[CLOSE],
        }
    }

    fn next_tag(&self, text: &str) -> Option<(usize, &'static str)> {
        let found = self.wanted().iter().filter_map(|tag| text.find(tag).map(|at| (at, *tag)));
        found.min_by_key(|(at, _)| *at)
    }

    /// How much of the end of a text may be the beginning of a tag.
    fn beginning(&self, text: &str) -> usize {
        let begins = |tag: &str, length: usize| tag.get(..length).is_some_and(|head| text.ends_with(head));
        let longest = |tag: &str| (1..tag.len()).rev().find(|length| begins(tag, *length));
        self.wanted().iter().filter_map(|tag| longest(tag)).max().unwrap_or(0)
    }
}

fn has_escaped_bracket(escaped: &str) -> bool {
    const BRACKET: &str = "\\u003";
    let next = |(at, _): (usize, &str)| escaped.as_bytes().get(at + BRACKET.len());
    escaped.match_indices(BRACKET).any(|found| matches!(next(found), Some(b'c' | b'C')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(tags: &mut Tags, chunks: &[&str]) -> Vec<(Piece, String)> {
        let mut all: Vec<(Piece, String)> = Vec::new();
        let mut sink = |piece: Piece, text: &str| match all.last_mut() {
            Some((last, said)) if *last == piece => said.push_str(text),
            _ => all.push((piece, text.to_owned())),
        };
        chunks.iter().for_each(|chunk| tags.feed(chunk, &mut sink));
        tags.flush(&mut sink);
        all
    }

    #[test]
    fn thoughts_are_parted_from_text_however_the_tags_are_cut() {
        let text = "a<thinking>b<i>\n</thinking>\n\nc <th <thinking>d";
        let expected = [
            (Piece::Text, "a".to_owned()),
            (Piece::Thought, "b<i>\n".to_owned()),
            (Piece::Text, "\n\nc <th ".to_owned()),
            (Piece::Thought, "d".to_owned()),
        ];
        for size in 1..=text.len() {
            let chunks: Vec<&str> =
                text.as_bytes().chunks(size).map(|chunk| std::str::from_utf8(chunk).unwrap()).collect();
            assert_eq!(parted(&mut Tags::default(), &chunks), expected, "{size}");
        }
    }

    #[test]
    fn a_beginning_that_never_ends_is_text() {
        assert_eq!(parted(&mut Tags::default(), &["x<th"]), [(Piece::Text, "x<th".to_owned())]);
        let cut = parted(&mut Tags::default(), &["<thinking>x</thinkin"]);
        assert_eq!(cut, [(Piece::Thought, "x</thinkin".to_owned())]);
    }

    #[test]
    fn where_thoughts_come_by_themselves_left_over_tags_go_and_white_space_stays() {
        let mut tags = Tags::default();
        tags.native(&mut |_, _| panic!("nothing was held"));
        let said = parted(&mut tags, &["<thin", "king> a ", "</thinking>", " b"]);
        assert_eq!(said, [(Piece::Text, " a  b".to_owned())]);
    }

    #[test]
    fn text_without_brackets_needs_no_second_look() {
        let mut tags = Tags::default();
        assert_eq!(tags.whole(r"plain\n"), Some(Piece::Text));
        assert_eq!(tags.whole("a < b"), None);
        for bracket in [r"\u003cthinking>", r"a\u0031\u003Cthinking>", r"\u003c"] {
            assert_eq!(tags.whole(bracket), None, "{bracket}");
        }
        for other in [r"\ud83d", r"\u003e", r"a\u003", r"\u00e9\n"] {
            assert_eq!(tags.whole(other), Some(Piece::Text), "{other}");
        }
        tags.feed("<thinking>x<", &mut |_, _| {});
        assert_eq!(tags.whole("y"), None, "it may go on with what is held");
    }
}
