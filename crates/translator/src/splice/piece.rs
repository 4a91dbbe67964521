//! Where an edited text goes: into a new buffer, or into a list of what changes, for whoever edits something larger.

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
    fn what_changes_within_a_repeated_member_is_told_of_each() {
        let body = r#"{"a":{"n":1},"b":0,"a":{"n":2,"m":3}}"#;
        let pieces = Edits::new().set("n", "9").pieces(&scan(body).object("a").expect("an object"));
        let edits = Edits::new().within("a", pieces);
        let expected = r#"{"a":{"n":9,"m":3},"b":0,"a":{"n":9,"m":3}}"#;
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
