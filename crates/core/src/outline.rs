//! Where the members of a JSON body stand: found by whoever reads the body first, and shared by those behind.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// A place in a body: the byte it begins at, and the byte behind it.
pub type Span = (usize, usize);

/// Where one member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberSpan {
    /// Its name, without the quotes. A name with escapes has no place here.
    pub key: Span,
    /// Its value.
    pub value: Span,
    /// From behind the comma (or brace) before it to the comma (or brace) after it.
    pub region: Span,
}

/// The top-level members of one body. It holds that body, so that it can be taken for no other.
#[derive(Clone)]
pub struct Outline(Arc<Inner>);

struct Inner {
    body: Bytes,
    members: Vec<MemberSpan>,
    inside: usize,
    close: usize,
}

impl Outline {
    /// The outline of an object: its members in order, the byte behind `{`, and the byte of `}`.
    #[must_use]
    pub fn new(body: Bytes, members: Vec<MemberSpan>, inside: usize, close: usize) -> Self {
        Self(Arc::new(Inner { body, members, inside, close }))
    }

    /// Whether it is this body's: the same bytes in the same place.
    #[must_use]
    pub fn is_of(&self, body: &Bytes) -> bool {
        self.0.body.as_ptr() == body.as_ptr() && self.0.body.len() == body.len()
    }

    /// The members, in order, repeated ones included.
    #[must_use]
    pub fn members(&self) -> &[MemberSpan] {
        &self.0.members
    }

    /// The byte behind `{`.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.0.inside
    }

    /// The byte of `}`.
    #[must_use]
    pub fn close(&self) -> usize {
        self.0.close
    }
}

/// `Debug` shows sizes, never content.
impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline")
            .field("body_len", &self.0.body.len())
            .field("members", &self.0.members.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_one_body_in_one_place() {
        let body = Bytes::from(br#"{"a":"secret"}"#.to_vec());
        let outline = Outline::new(body.clone(), Vec::new(), 1, 13);
        assert!(outline.is_of(&body) && outline.is_of(&body.clone()));
        assert!(!outline.is_of(&Bytes::copy_from_slice(&body)), "the same text elsewhere");
        assert!(!outline.is_of(&body.slice(..13)), "a part of it");
        assert!(!format!("{outline:?}").contains("secret"));
    }
}
