//! What is ready for the client: the provider's own bytes where they can be shared, ours where they were written.

use bytes::{Bytes, BytesMut};

/// From this size on a written buffer is given away rather than copied into the shared block.
const GIVE_AWAY: usize = 16 * 1024;
/// The block from which small outputs are cut: a few events for one allocation. A silent stream keeps one.
const BLOCK: usize = 1024;

/// Whole frames in order. Bytes that came in one piece leave as that piece, uncopied.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// A shared slice, in front of everything written.
    shared: Option<Bytes>,
    written: Vec<u8>,
    block: BytesMut,
}

impl Outbox {
    /// Bytes that are ready.
    pub(crate) fn len(&self) -> usize {
        self.shared.as_ref().map_or(0, Bytes::len) + self.written.len()
    }

    /// Passes on bytes as they came.
    pub(crate) fn pass(&mut self, bytes: Bytes) {
        if self.shared.is_none() && self.written.is_empty() {
            self.shared = Some(bytes);
        } else {
            self.written.extend_from_slice(&bytes);
        }
    }

    /// Where encoders write.
    pub(crate) fn writer(&mut self) -> &mut Vec<u8> {
        &mut self.written
    }

    /// Everything that is ready, in one piece.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        let shared = self.shared.take();
        if self.written.is_empty() {
            return shared.filter(|bytes| !bytes.is_empty());
        }
        if shared.is_none() && self.written.len() >= GIVE_AWAY {
            return Some(Bytes::from(std::mem::take(&mut self.written)));
        }
        let length = self.written.len() + shared.as_ref().map_or(0, Bytes::len);
        if self.block.capacity() - self.block.len() < length {
            self.block = BytesMut::with_capacity(length.max(BLOCK));
        }
        self.block.extend_from_slice(&shared.unwrap_or_default());
        self.block.extend_from_slice(&self.written);
        self.written.clear();
        Some(self.block.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_shared_and_several_are_joined_in_order() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
        let mut out = Outbox::default();
        assert_eq!(out.take(), None);

        out.pass(chunk.clone());
        let same = out.take().unwrap();
        assert_eq!(same.as_ptr(), chunk.as_ptr());

        out.pass(chunk.slice(..9));
        out.writer().extend_from_slice(b"data: x\n\n");
        out.pass(chunk.slice(9..));
        assert_eq!(out.len(), 27);
        assert_eq!(out.take().unwrap(), "data: a\n\ndata: x\n\ndata: b\n\n");
        assert_eq!((out.len(), out.take()), (0, None));

        out.writer().resize(GIVE_AWAY, b'y');
        assert_eq!(out.take().unwrap().len(), GIVE_AWAY);
    }
}
