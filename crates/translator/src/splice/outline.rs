//! The spans of a body that was scanned before. Source: design.md §12 "One scan builds the top-level span index that
//! peek, splice and payload rules share".

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{MemberSpan, Outline};

use super::{Member, TopLevel};
use crate::codec::CodecError;

impl<'a> TopLevel<'a> {
    /// The members of a body whose outline may be known: it is scanned only when it is not.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub fn of(body: &'a Bytes, outline: Option<&Outline>) -> Result<Self, CodecError> {
        outline
            .filter(|outline| outline.is_of(body))
            .and_then(|outline| Self::outlined(body, outline))
            .map_or_else(|| Self::scan(body), Ok)
    }

    fn outlined(body: &'a [u8], outline: &Outline) -> Option<Self> {
        let mut members = Vec::with_capacity(outline.members().len());
        for member in outline.members() {
            let key = std::str::from_utf8(body.get(member.key.0..member.key.1)?).ok()?;
            members.push(Member { key: Cow::Borrowed(key), value: member.value, region: member.region });
        }
        Some(Self { body, members, inside: outline.inside(), close: outline.close() })
    }

    /// What [`of`](Self::of) takes in place of a scan of the same body. `None` for a name with escapes, and when this is
    /// not what `body` was scanned into.
    #[must_use]
    pub fn outline(&self, body: &Bytes) -> Option<Outline> {
        if self.body.as_ptr() != body.as_ptr() || self.body.len() != body.len() {
            return None;
        }
        let mut members = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let Cow::Borrowed(key) = &member.key else { return None };
            let start = key.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
            let span = (start, start + key.len());
            members.push(MemberSpan { key: span, value: member.value, region: member.region });
        }
        Some(Outline::new(body.clone(), members, self.inside, self.close))
    }
}
