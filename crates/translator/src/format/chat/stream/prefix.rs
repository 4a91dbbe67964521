//! What every chunk of one stream begins with, rendered once.

use super::super::{is_tier, shown_id, shown_model};
use crate::codec::ReplyContext;
use crate::json::Writer;
use crate::model::Start;

/// `data: {"id":…,"object":…,"created":…,"model":…` without what follows: stable over the stream (B64).
#[derive(Debug, Default)]
pub(in super::super) struct Prefix(Vec<u8>);

impl Prefix {
    pub(in super::super) fn new(start: &Start<'_>, context: &ReplyContext, id: &str, object: &str) -> Self {
        let mut w = Writer::new(b"data: ".to_vec());
        w.begin_object();
        w.field_string("id", &shown_id(id, &start.id, context));
        w.field_string("object", object);
        w.field_signed("created", start.created.unwrap_or(context.created));
        w.field_string("model", shown_model(context, &start.model));
        if let Some(tier) = start.service_tier.as_ref().filter(|tier| is_tier(tier)) {
            w.field_text("service_tier", tier);
        }
        Self(w.into_bytes())
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `,"choices":[{"index":N`: what follows goes into the choice, up to [`Self::close`].
    pub(in super::super) fn open(&self, candidate: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
        out.extend_from_slice(b",\"choices\":[{\"index\":");
        out.extend_from_slice(itoa::Buffer::new().format(candidate).as_bytes());
    }

    /// Ends what [`Self::open`] began.
    pub(in super::super) fn close(out: &mut Vec<u8>) {
        out.extend_from_slice(b"}]}\n\n");
    }

    /// A chunk without choices, with this member at its end.
    pub(in super::super) fn bare(&self, member: &str, value: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
        out.extend_from_slice(b",\"choices\":[],\"");
        out.extend_from_slice(member.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value);
        out.extend_from_slice(b"}\n\n");
    }
}
