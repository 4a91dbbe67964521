//! One coding, undone piece by piece.

use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::sink::Sink;
use super::zstd::Zstd;
use super::{Coding, DecodeError};

const BROTLI_BUFFER: usize = 8 * 1024;

/// What went wrong in a layer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Overflow,
    Malformed,
}

impl Fault {
    pub(super) fn into_error(self, coding: Coding, limit: usize) -> DecodeError {
        match self {
            Self::Overflow => DecodeError::TooLarge { limit },
            Self::Malformed => DecodeError::Malformed { coding },
        }
    }
}

/// A decoder for one coding.
pub(super) enum Layer {
    Gzip(Box<MultiGzDecoder<Sink>>),
    /// Not yet known which deflate it is: two bytes tell.
    Deflate(Vec<u8>),
    Zlib(Box<ZlibDecoder<Sink>>),
    Raw(Box<DeflateDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Zstd(Box<Zstd>),
}

impl Layer {
    pub(super) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(Sink::default()))),
            Coding::Deflate => Self::Deflate(Vec::new()),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(Sink::default(), BROTLI_BUFFER))),
            Coding::Zstd => Self::Zstd(Box::default()),
        }
    }

    pub(super) fn coding(&self) -> Coding {
        match self {
            Self::Gzip(_) => Coding::Gzip,
            Self::Deflate(_) | Self::Zlib(_) | Self::Raw(_) => Coding::Deflate,
            Self::Brotli(_) => Coding::Brotli,
            Self::Zstd(_) => Coding::Zstd,
        }
    }

    /// Decodes a piece; appends at most `room` bytes to `out`.
    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>, room: usize) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        if let Self::Deflate(held) = self {
            held.extend_from_slice(piece);
            let [first, second, ..] = held.as_slice() else { return Ok(()) };
            let zlib = is_zlib(*first, *second);
            let held = std::mem::take(held);
            *self = if zlib {
                Self::Zlib(Box::new(ZlibDecoder::new(Sink::default())))
            } else {
                Self::Raw(Box::new(DeflateDecoder::new(Sink::default())))
            };
            return self.push(&held, out, room);
        }
        self.with_sink(out, room, |layer| match layer {
            Self::Gzip(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Self::Zlib(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Self::Raw(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Self::Brotli(decoder) => decoder.write_all(piece),
            Self::Zstd(decoder) => decoder.push(piece),
            Self::Deflate(_) => Ok(()),
        })
    }

    /// The input is over.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>, room: usize) -> Result<(), Fault> {
        if let Self::Deflate(held) = self {
            // A single byte is a whole raw stream only if it says so itself; empty input is an empty body.
            return if held.is_empty() { Ok(()) } else { Err(Fault::Malformed) };
        }
        self.with_sink(out, room, |layer| match layer {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Raw(decoder) => decoder.try_finish(),
            Self::Brotli(decoder) => decoder.close(),
            Self::Zstd(decoder) => decoder.finish(),
            Self::Deflate(_) => Ok(()),
        })
    }

    /// Lends the decoder the output for one step. A decoder's panic on hostile bytes is a malformed body, no more.
    fn with_sink(
        &mut self,
        out: &mut Vec<u8>,
        room: usize,
        step: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> Result<(), Fault> {
        if let Some(sink) = self.sink() {
            *sink = Sink { out: std::mem::take(out), room, overflowed: false };
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| step(self)));
        let overflowed = self.sink().is_some_and(|sink| {
            *out = std::mem::take(&mut sink.out);
            sink.overflowed
        });
        match outcome {
            _ if overflowed => Err(Fault::Overflow),
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Fault::Malformed),
        }
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        match self {
            Self::Gzip(decoder) => Some(decoder.get_mut()),
            Self::Zlib(decoder) => Some(decoder.get_mut()),
            Self::Raw(decoder) => Some(decoder.get_mut()),
            Self::Brotli(decoder) => Some(decoder.get_mut()),
            Self::Zstd(decoder) => Some(&mut decoder.sink),
            Self::Deflate(_) => None,
        }
    }
}

// Source: RFC 1950 §2.2: compression method 8, and the two bytes are a multiple of 31.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.coding().fmt(f)
    }
}
