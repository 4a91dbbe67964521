//! Whether JSON that comes in pieces is JSON, and whole, without keeping the pieces.

use super::Text;

/// As deep as bodies nest.
const MAX_DEPTH: usize = crate::splice::MAX_DEPTH;

/// Follows one JSON value through pieces of text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// The open arrays and objects: true for objects.
    open: Vec<bool>,
    at: At,
    begun: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Value,
    /// Of an array, which may have none.
    FirstItem,
    /// Of an object, which may have none.
    FirstName,
    Name,
    Colon,
    /// A comma or a closing bracket; nothing at the end of it all.
    After,
    Inside(Quoted),
    Escape(Quoted),
    Hex(Quoted, u8),
    Number(Digits),
    /// The rest of `true`, `false`, `null`.
    Word(&'static [u8]),
    /// It is no JSON whatever comes.
    Broken,
}

/// What a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoted {
    Name,
    Value,
}

/// How far a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Progress {
    /// Takes the next piece. `None` for one that says nothing: white space in front of everything.
    pub(crate) fn take<'t>(&mut self, piece: Text<'t>) -> Option<Text<'t>> {
        piece.each_byte(|byte| self.step(byte));
        self.begun.then_some(piece)
    }

    /// Whether it is JSON as it is now. Nothing at all is, too: a call without arguments.
    pub(crate) fn is_json(&self) -> bool {
        !self.begun || self.open.is_empty() && self.is_after()
    }

    /// Whether it could still become JSON.
    pub(crate) fn is_open(&self) -> bool {
        self.at != At::Broken
    }

    fn is_after(&self) -> bool {
        match self.at {
            At::After => true,
            At::Number(digits) => digits.may_end(),
            _ => false,
        }
    }

    fn step(&mut self, byte: u8) {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            match self.at {
                // A string holds no line breaks, and spaces are its own.
                At::Inside(_) if byte == b' ' => {}
                At::Number(digits) if digits.may_end() => self.at = At::After,
                At::Value | At::FirstItem | At::FirstName | At::Name | At::Colon | At::After | At::Broken => {
                }
                _ => self.at = At::Broken,
            }
            return;
        }
        self.begun = true;
        self.at = match (self.at, byte) {
            (At::Inside(Quoted::Name), b'"') => At::Colon,
            (At::Inside(Quoted::Value), b'"') => At::After,
            (At::Inside(kind), b'\\') => At::Escape(kind),
            (inside @ At::Inside(_), 0x20..) => inside,
            (At::Escape(kind), b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => At::Inside(kind),
            (At::Escape(kind), b'u') => At::Hex(kind, 4),
            (At::Hex(kind, 1), byte) if byte.is_ascii_hexdigit() => At::Inside(kind),
            (At::Hex(kind, left), byte) if byte.is_ascii_hexdigit() => At::Hex(kind, left - 1),
            (At::FirstItem, b']') => self.close(false),
            (At::FirstName, b'}') => self.close(true),
            (At::Value | At::FirstItem, byte) => self.value(byte),
            (At::FirstName | At::Name, b'"') => At::Inside(Quoted::Name),
            (At::Colon, b':') => At::Value,
            (At::After, byte) => self.after(byte),
            (At::Number(digits), byte) => match digits.then(byte) {
                Some(digits) => At::Number(digits),
                None if digits.may_end() => self.after(byte),
                None => At::Broken,
            },
            (At::Word([next, rest @ ..]), byte) if *next == byte => match rest {
                [] => At::After,
                rest => At::Word(rest),
            },
            _ => At::Broken,
        };
    }

    fn value(&mut self, byte: u8) -> At {
        match byte {
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'"' => At::Inside(Quoted::Value),
            b'-' => At::Number(Digits::Minus),
            b'0' => At::Number(Digits::Zero),
            b'1'..=b'9' => At::Number(Digits::Whole),
            b't' => At::Word(b"rue"),
            b'f' => At::Word(b"alse"),
            b'n' => At::Word(b"ull"),
            _ => At::Broken,
        }
    }

    fn after(&mut self, byte: u8) -> At {
        match (byte, self.open.last()) {
            (b',', Some(true)) => At::Name,
            (b',', Some(false)) => At::Value,
            (b'}', Some(true)) | (b']', Some(false)) => self.close(byte == b'}'),
            _ => At::Broken,
        }
    }

    fn open(&mut self, object: bool) -> At {
        if self.open.len() == MAX_DEPTH {
            return At::Broken;
        }
        self.open.push(object);
        if object { At::FirstName } else { At::FirstItem }
    }

    fn close(&mut self, object: bool) -> At {
        if self.open.pop() == Some(object) { At::After } else { At::Broken }
    }
}

impl Digits {
    fn then(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::E,
            (Self::E, b'+' | b'-') => Self::Sign,
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Self::Exponent,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Exponent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn of(pieces: &[&str]) -> Progress {
        let mut progress = Progress::default();
        pieces.iter().for_each(|piece| drop(progress.take(Text::plain(*piece))));
        progress
    }

    #[test]
    fn what_is_cut_may_still_become_json_and_what_is_wrong_may_not() {
        for (text, json, open) in [
            ("", true, true),
            (" \n", true, true),
            ("{}", true, true),
            (r#"{"a":"}"}"#, true, true),
            (r#"{"a":[1,{"b":-2.50e+7},true,null,"\u00e9\""]} "#, true, true),
            ("0", true, true),
            ("{", false, true),
            (r#"{"a":""#, false, true),
            (r#"{"a":"x\"}"#, false, true),
            (r#"{"a":1."#, false, true),
            (r#"{"a":tr"#, false, true),
            ("{'a':1}", false, false),
            (r#"{"a":1,}"#, false, false),
            (r#"{"a":1}}"#, false, false),
            (r#"{"a":1}{"a":1}"#, false, false),
            (r#"{"a" 1}"#, false, false),
            ("[1}", false, false),
            ("[01]", false, false),
            ("\"a\nb\"", false, false),
            (",", false, false),
            ("read the file", false, false),
        ] {
            let progress = of(&[text]);
            assert_eq!((progress.is_json(), progress.is_open()), (json, open), "{text}");
        }
        let deep = "[".repeat(MAX_DEPTH);
        assert!(of(&[&deep]).is_open() && !of(&[&deep, "["]).is_open());
    }

    #[test]
    fn the_escapes_of_the_string_it_travels_in_are_not_its_own() {
        let raw: &serde_json::value::RawValue =
            serde_json::from_str(r#""{\"a\":\"x\\\"\\u00e9\u007d\"\u007d""#).unwrap();
        let mut progress = Progress::default();
        assert!(progress.take(Text::from_raw(raw).unwrap()).is_some());
        assert!(progress.is_json());
        assert!(Progress::default().take(Text::plain(" \n")).is_none(), "nothing is said yet");
    }

    /// JSON of every kind, white space, escapes and halves of surrogate pairs included.
    fn json_text() -> impl Strategy<Value = String> {
        let space = || "[ \n\t\r]{0,2}";
        let string =
            || r#""([a-zé世\u{1f600} ]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\u[dD][89a-fA-F][0-9a-f]{2}){0,4}""#;
        let leaf = prop_oneof![
            3 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            3 => string(),
            2 => "true|false|null",
            1 => "\\[[ \n]?\\]|\\{[ \n]?\\}",
        ];
        let nested = leaf.prop_recursive(12, 40, 4, move |inner| {
            let around = |value: BoxedStrategy<String>| {
                (space(), value, space()).prop_map(|(before, value, after)| format!("{before}{value}{after}"))
            };
            let member = (space(), string(), space(), around(inner.clone().boxed()))
                .prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
            prop_oneof![
                prop::collection::vec(around(inner.boxed()), 1..4)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(member, 1..4).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        });
        (space(), nested, space()).prop_map(|(before, value, after)| format!("{before}{value}{after}"))
    }

    /// Cut at any characters.
    fn pieces<'t>(text: &'t str, cuts: &[prop::sample::Index]) -> Vec<&'t str> {
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.get(&ends)).collect();
        cuts.sort_unstable();
        let mut from = 0;
        let mut pieces = Vec::new();
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.push(text.get(from..cut).unwrap());
            from = cut;
        }
        pieces
    }

    fn is_json(text: &str) -> bool {
        text.trim().is_empty() || serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    proptest! {
        #[test]
        fn what_is_json_is_taken_however_it_is_cut_and_what_is_not_is_refused(
            text in json_text(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            spoiled in any::<prop::sample::Index>(),
            spoil in prop_oneof![Just(None), "[\\[\\]{}:,\"\\\\0-9.eE+a-z \n\u{1}]".prop_map(Some)],
            replaces in any::<bool>(),
        ) {
            let mut progress = Progress::default();
            let mut escaped = Progress::default();
            let mut so_far = String::new();
            for piece in pieces(&text, &cuts) {
                so_far.push_str(piece);
                let _ = progress.take(Text::plain(piece));
                // As it travels: in a string, with escapes of its own.
                let raw = serde_json::value::to_raw_value(piece).unwrap();
                let _ = escaped.take(Text::from_raw(&raw).unwrap());
                for progress in [&progress, &escaped] {
                    prop_assert!(progress.is_open(), "{so_far:?} of {text:?}");
                    prop_assert_eq!(progress.is_json(), is_json(&so_far), "{:?} of {:?}", so_far, text);
                }
            }
            prop_assert!(progress.is_json() && escaped.is_json(), "{text:?}");

            // One character more, less, or another.
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = *spoiled.get(&ends);
            let (before, behind) = text.split_at(at);
            let behind = match (&spoil, replaces) {
                (Some(_), false) => behind,
                _ => behind.char_indices().nth(1).map_or("", |(next, _)| behind.get(next..).unwrap()),
            };
            let other = format!("{before}{}{behind}", spoil.unwrap_or_default());
            let mut progress = of(&pieces(&other, &cuts));
            prop_assert_eq!(progress.is_json(), is_json(&other), "{:?}", other);
            prop_assert!(progress.is_open() || !is_json(&other), "{other:?}");
            // What is wrong stays wrong.
            if !progress.is_open() {
                let _ = progress.take(Text::plain(text.as_str()));
                prop_assert!(!progress.is_json() && !progress.is_open(), "{other:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_says_what_a_parser_says_however_the_text_is_cut(
            text in "[ \\[\\]{}:,\"\\\\a-eé0-9.+\n-]{0,12}|(true|false|null|-?[0-9]+(\\.[0-9]+)?|\"a\"|[\\[\\]{}:,]){1,8}",
            cut in 0_usize..12,
        ) {
            let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let (first, second) = text.split_at(cut);
            let found = of(&[first, second]).is_json();
            let expected = text.trim().is_empty() || serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(found, expected, "{:?}", text);
        }
    }
}
