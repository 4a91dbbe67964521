//! What is ready for the client: the provider's own bytes where they can be shared, ours where they were written.

use bytes::Bytes;

/// The room that an output begins with: most events fit in.
const USUAL: usize = 1024;

/// Whole frames in order. Bytes that came in one piece leave as that piece, uncopied; what was written leaves with its
/// buffer, so that a silent stream holds none.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// A shared slice, in front of everything written.
    shared: Option<Bytes>,
    written: Vec<u8>,
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
            self.writer().extend_from_slice(&bytes);
        }
    }

    /// Where encoders write.
    pub(crate) fn writer(&mut self) -> &mut Vec<u8> {
        if self.written.capacity() == 0 {
            self.written.reserve(USUAL);
        }
        &mut self.written
    }

    /// Everything that is ready, in one piece.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        let shared = self.shared.take();
        let written = std::mem::take(&mut self.written);
        if written.is_empty() {
            return shared.filter(|bytes| !bytes.is_empty());
        }
        let Some(shared) = shared else { return Some(Bytes::from(written)) };
        let mut joined = Vec::with_capacity(shared.len() + written.len());
        joined.extend_from_slice(&shared);
        joined.extend_from_slice(&written);
        Some(Bytes::from(joined))
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

        out.writer().resize(5000, b'y');
        let buffer = out.writer().as_ptr();
        assert_eq!(out.take().unwrap().as_ptr(), buffer, "written bytes are not copied");
        assert_eq!(out.written.capacity(), 0, "and nothing is kept");
        out.writer();
        assert_eq!((out.take(), out.written.capacity()), (None, 0), "nor when nothing was written");
    }
}
