//! Where an edited text goes: into a new buffer, or into a list of what changes, for whoever edits something larger.

use std::borrow::Cow;

use super::Walk;

/// What takes the place of a piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) text: String,
}

impl Piece {
    /// The same piece, in a text that begins so many bytes earlier.
    pub(crate) fn behind(mut self, bytes: usize) -> Self {
        self.from += bytes;
        self.to += bytes;
        self
    }
}

/// What changes in a list: `item` gets the text of each of its items and gives it back, changed or not, or nothing to leave it
/// out. `None` when the text is no list.
pub(crate) fn items<'j>(
    list: &'j str,
    mut item: impl FnMut(&'j str) -> Option<Cow<'j, str>>,
) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    // The first of the items that go while none was kept: they take the comma behind them along, all others the one before.
    let mut leading = None;
    let (mut before, mut kept) = (0, false);
    let mut walk = Walk::new(list);
    let is_list = walk.array(|walk, _| {
        let from = walk.place();
        let old = walk.raw()?;
        let to = walk.read();
        match item(old) {
            None if kept => pieces.push(Piece { from: before, to, text: String::new() }),
            None => _ = leading.get_or_insert(from),
            Some(new) => {
                if let Some(first) = leading.take() {
                    pieces.push(Piece { from: first, to: from, text: String::new() });
                }
                if let Cow::Owned(text) = new {
                    pieces.push(Piece { from, to, text });
                }
                kept = true;
            }
        }
        before = to;
        Ok(())
    });
    if let Some(first) = leading {
        pieces.push(Piece { from: first, to: before, text: String::new() });
    }
    matches!(is_list, Ok(true)).then_some(pieces)
}

/// Takes an edited text from front to back.
pub(super) trait Sink {
    /// Bytes of the old text, as they are.
    fn keep(&mut self, from: usize, to: usize);
    /// Bytes that are new.
    fn add(&mut self, bytes: &[u8]);

    /// A span of the old text but for its pieces, whose places are counted from where it begins.
    fn keep_but(&mut self, (start, end): (usize, usize), pieces: &[Piece]) {
        let mut kept = start;
        for piece in pieces {
            self.keep(kept, start + piece.from);
            self.add(piece.text.as_bytes());
            kept = start + piece.to;
        }
        self.keep(kept, end);
    }
}

/// A new buffer.
pub(super) struct Out<'a> {
    pub(super) body: &'a [u8],
    pub(super) text: Vec<u8>,
}

impl Sink for Out<'_> {
    fn keep(&mut self, from: usize, to: usize) {
        self.text.extend_from_slice(self.body.get(from..to).unwrap_or_default());
    }

    fn add(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }
}

/// A list of what changes.
pub(super) struct Pieces<'a> {
    body: &'a [u8],
    /// How far the old text is kept or replaced.
    told: usize,
    new: Vec<u8>,
    pieces: Vec<Piece>,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(body: &'a [u8]) -> Self {
        Self { body, told: 0, new: Vec::new(), pieces: Vec::new() }
    }

    /// What was new up to here takes the place of what is left out.
    fn settle(&mut self, to: usize) {
        if to > self.told || !self.new.is_empty() {
            let text = String::from_utf8(std::mem::take(&mut self.new)).unwrap_or_default();
            self.pieces.push(Piece { from: self.told, to, text });
        }
        self.told = to;
    }

    pub(super) fn finish(mut self) -> Vec<Piece> {
        self.settle(self.body.len());
        self.pieces
    }
}

impl Sink for Pieces<'_> {
    fn keep(&mut self, from: usize, to: usize) {
        if from < self.told {
            // It stands further back already: a copy of it is new.
            self.new.extend_from_slice(self.body.get(from..to).unwrap_or_default());
        } else if from < to {
            self.settle(from);
            self.told = to;
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.new.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Edits, TopLevel};
    use super::*;

    fn spliced(text: &str, pieces: &[Piece]) -> String {
        let mut out = Out { body: text.as_bytes(), text: Vec::new() };
        out.keep_but((0, text.len()), pieces);
        String::from_utf8(out.text).unwrap_or_default()
    }

    fn scan(json: &str) -> TopLevel<'_> {
        TopLevel::scan(json.as_bytes()).expect("an object")
    }

    proptest! {
        /// Repeated members, white space anywhere, members that stand there and that do not.
        #[test]
        fn pieces_make_the_text_that_the_edits_make(
            members in prop::collection::vec(("[abc]", "[1-9][0-9]{0,2}|\"[x ]{0,4}\"|\\{ ?\"n\": ?1 ?\\}", "[ \n]{0,2}"), 0..6),
            edits in prop::collection::vec(("[abcd]", prop::option::of("[1-9][0-9]{0,2}")), 0..4),
        ) {
            let members: Vec<_> =
                members.iter().map(|(key, value, space)| format!("{space}\"{key}\"{space}:{value}{space}")).collect();
            let body = format!("{{{}}} ", members.join(","));
            let edits = edits.iter().fold(Edits::new(), |all, (key, value)| match value {
                Some(value) => all.set(key.as_str(), value.as_str()),
                None => all.remove(key.as_str()),
            });
            let expected = edits.apply_str(&body).expect("an object").into_owned();
            prop_assert_eq!(spliced(&body, &edits.pieces(&scan(&body))), expected);
        }
    }

    #[test]
    fn items_change_and_go_with_their_commas() {
        // `x` goes, a digit is doubled, all else stays.
        for (list, expected) in [
            ("[]", "[]"),
            ("[ ]", "[ ]"),
            ("[x]", "[]"),
            ("[ \"x\" , \"x\" ]", "[  ]"),
            ("[\"x\", 1]", "[11]"),
            ("[true, \"x\" , 1 ,\"x\"]", "[true , 11]"),
            ("[\"x\",true,\"x\",\"x\",\"y\", \"x\" ]", "[true,\"y\" ]"),
            ("[\"x\",\"x\" , 2]", "[22]"),
        ] {
            let list = list.replace("[x]", "[\"x\"]");
            let pieces = items(&list, |item| match item {
                "\"x\"" => None,
                digit if digit.bytes().all(|byte| byte.is_ascii_digit()) => Some(Cow::Owned(digit.repeat(2))),
                other => Some(Cow::Borrowed(other)),
            });
            assert_eq!(spliced(&list, &pieces.expect("a list")), expected, "{list}");
        }
        for broken in ["{}", "1", "[1", "[1,]", "[1 2]"] {
            assert_eq!(items(broken, |item| Some(Cow::Borrowed(item))), None, "{broken}");
        }
    }

    #[test]
    fn what_changes_within_a_member_leaves_the_rest_where_it_lies() {
        let body = r#"{"before": 1, "inner": { "name":"a", "long":"…" }, "after":2}"#;
        let inner = scan(body).object("inner").expect("an object");
        let pieces = Edits::new().set_string("name", "b").remove("long").pieces(&inner);
        let edits = Edits::new().within("inner", pieces).remove("before");
        let expected = r#"{ "inner": { "name":"b" }, "after":2}"#;
        assert_eq!(edits.apply_str(body).expect("an object"), expected);
        let outer = edits.pieces(&scan(body));
        assert_eq!(spliced(body, &outer), expected);
        assert!(outer.iter().all(|piece| !piece.text.contains("after")), "{outer:?}");
    }

    #[test]
    fn what_changes_within_a_repeated_member_stands_once() {
        let body = r#"{"a":{"n":1},"b":0,"a":{"n":2,"m":3}}"#;
        let pieces = Edits::new().set("n", "9").pieces(&scan(body).object("a").expect("an object"));
        let edits = Edits::new().within("a", pieces);
        let expected = r#"{"b":0,"a":{"n":9,"m":3}}"#;
        assert_eq!(edits.apply_str(body).expect("an object"), expected);
        assert_eq!(spliced(body, &edits.pieces(&scan(body))), expected);
    }

    #[test]
    fn nothing_changes_within_a_member_that_is_not_there() {
        let pieces = vec![Piece { from: 1, to: 1, text: "x".to_owned() }];
        assert_eq!(
            Edits::new().within("b", pieces).apply_str(r#"{"a":1}"#).expect("an object"),
            r#"{"a":1}"#
        );
    }
}
