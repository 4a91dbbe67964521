//! Conditions on the elements of an array: `type=="function" && name%"web*"`. Source: runtime.md F.1 [H] "array query
//! paths `#(...)`".

use super::document::{Made, Node};
use super::glob::Glob;
use super::path::{Part, Path, PathError};

/// Queries within queries beyond which a path is refused.
const MOST_NESTED: usize = 8;

/// Some of these, of each all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query(Vec<Vec<Term>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    /// Of the element; `None` is the element itself.
    path: Option<Path>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Like(Glob),
    Unlike(Glob),
    Compare(Comparison, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Query {
    pub(super) fn parse(text: &str, depth: usize) -> Result<Self, PathError> {
        if depth >= MOST_NESTED {
            return Err(PathError("queries nest too deeply"));
        }
        let mut any = Vec::new();
        for alternative in split(text, "||") {
            let terms = split(alternative, "&&").into_iter().map(|term| Term::parse(term, depth + 1));
            any.push(terms.collect::<Result<_, _>>()?);
        }
        Ok(Self(any))
    }

    pub(super) fn holds(&self, element: &mut Node<'_>, made: Made) -> bool {
        self.0.iter().any(|terms| terms.iter().all(|term| term.holds(element, made)))
    }
}

impl Term {
    fn parse(text: &str, depth: usize) -> Result<Self, PathError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PathError("a query is empty"));
        }
        let mut nested = 0_usize;
        let mut operator = None;
        for (at, letter) in outside_quotes(text) {
            match letter {
                '(' => nested += 1,
                ')' => nested = nested.saturating_sub(1),
                '=' | '!' | '<' | '>' | '%' if nested == 0 => {
                    operator = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let (path, test) = match operator.and_then(|at| text.split_at_checked(at)) {
            None => (text, Test::Exists),
            Some((path, test)) => (path.trim(), Test::parse(test)?),
        };
        let path = if path.is_empty() { None } else { Some(Path::within(path, depth)?) };
        Ok(Self { path, test })
    }

    fn holds(&self, element: &mut Node<'_>, made: Made) -> bool {
        let parts: &[Part] = self.path.as_ref().map_or(&[], Path::parts);
        element.any(made, parts, &mut |found| self.test.holds(found))
    }
}

impl Test {
    fn parse(text: &str) -> Result<Self, PathError> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Unequal};
        let table: [(&str, Option<Comparison>); 9] = [
            ("!%", None),
            ("==", Some(Equal)),
            ("!=", Some(Unequal)),
            ("<=", Some(LessOrEqual)),
            (">=", Some(GreaterOrEqual)),
            ("=", Some(Equal)),
            ("<", Some(Less)),
            (">", Some(Greater)),
            ("%", None),
        ];
        let found = table.iter().find_map(|(sign, kind)| Some((*sign, *kind, text.strip_prefix(sign)?)));
        let Some((sign, kind, value)) = found else {
            return Err(PathError("a query has an operator that does not exist"));
        };
        let value = value.trim();
        if value.starts_with('~') {
            return Err(PathError("`~` in a query is not supported"));
        }
        let value = unquoted(value);
        Ok(match (kind, sign) {
            (Some(kind), _) => Self::Compare(kind, value),
            (None, "!%") => Self::Unlike(Glob::wild(&value)),
            (None, _) => Self::Like(Glob::wild(&value)),
        })
    }

    /// What is there decides how the value is read: `=="5"` holds for the number 5, too.
    fn holds(&self, found: &[u8]) -> bool {
        match (self, found.first()) {
            (Self::Exists, _) => true,
            (_, Some(b'"')) => match serde_json::from_slice::<String>(found) {
                Ok(text) => match self {
                    Self::Like(glob) => glob.fits(&text),
                    Self::Unlike(glob) => !glob.fits(&text),
                    Self::Compare(kind, value) => kind.holds(text.as_str().partial_cmp(value.as_str())),
                    Self::Exists => true,
                },
                Err(_) => false,
            },
            (Self::Compare(kind, value), Some(b'-' | b'0'..=b'9')) => {
                let number = std::str::from_utf8(found).ok().and_then(|text| text.parse::<f64>().ok());
                kind.holds(number.partial_cmp(&value.parse().ok()).filter(|_| number.is_some()))
            }
            (Self::Compare(kind, value), Some(b't' | b'f' | b'n')) => {
                let words: [&[u8]; 3] = [b"null", b"false", b"true"];
                let rank = |word: &[u8]| words.iter().position(|known| *known == word);
                match rank(value.as_bytes()) {
                    Some(wanted) => kind.holds(rank(found).map(|rank| rank.cmp(&wanted))),
                    None => *kind == Comparison::Unequal,
                }
            }
            _ => false,
        }
    }
}

impl Comparison {
    fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// The letters that are neither quoted nor escaped, with their places.
pub(super) fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, letter)| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match (letter, quote) {
            ('\\', _) => {
                escaped = true;
                false
            }
            (letter, Some(open)) => {
                if *letter == open {
                    quote = None;
                }
                false
            }
            ('"' | '\'', None) => {
                quote = Some(*letter);
                false
            }
            _ => true,
        }
    })
}

/// Split at a doubled sign outside of quotes and parentheses.
fn split<'t>(text: &'t str, sign: &str) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let (mut nested, mut start) = (0_usize, 0);
    for (at, letter) in outside_quotes(text) {
        match letter {
            '(' => nested += 1,
            ')' => nested = nested.saturating_sub(1),
            _ if nested == 0 && at >= start && text.get(at..).is_some_and(|rest| rest.starts_with(sign)) => {
                pieces.push(text.get(start..at).unwrap_or_default());
                start = at + sign.len();
            }
            _ => {}
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

/// Without quotes of either kind; what is quoted loses its backslashes.
fn unquoted(text: &str) -> String {
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote).map(|rest| rest.strip_suffix(*quote).unwrap_or(rest)));
    let Some(inner) = inner else { return text.to_owned() };
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    out
}
