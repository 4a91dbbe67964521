//! Where decoders write: a vector with a brim.

use std::io;

/// Collects what a decoder gives, and refuses what would run over.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) out: Vec<u8>,
    pub(super) room: usize,
    pub(super) overflowed: bool,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room {
            self.overflowed = true;
            return Err(io::Error::other("the limit is reached"));
        }
        self.room -= bytes.len();
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
