//! Zstandard, block by block.
//!
//! The decoder underneath keeps a window's worth of output to itself until the frame ends, so a zstd stream of small
//! pieces arrives late, at the end of its frame. Upstreams send zstd only when asked, and we do not ask.

use std::io;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::sink::Sink;

/// The window that every decoder must support; more is refused, for it is memory.
// Source: RFC 8878 §3.1.1.1.2, recommended 8 MiB.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;

/// A decoder for concatenated zstd frames.
pub(super) struct Zstd {
    pub(super) sink: Sink,
    decoder: FrameDecoder,
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames.
    Header,
    Blocks {
        checksum: bool,
    },
    Skipping {
        left: usize,
    },
}

impl Default for Zstd {
    fn default() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { sink: Sink::default(), decoder, held: Vec::new(), state: State::Header }
    }
}

impl Zstd {
    pub(super) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(piece);
        let mut used = 0;
        loop {
            let rest = self.held.get(used..).unwrap_or_default();
            let step = match self.state {
                State::Header => header(rest)?,
                State::Blocks { checksum } => block_length(rest, checksum).map(Step::Block),
                State::Skipping { left } => {
                    (left == 0 || !rest.is_empty()).then_some(Step::Skip(left.min(rest.len())))
                }
            };
            let Some(step) = step else { break };
            used += self.take(used, &step)?;
        }
        self.held.drain(..used);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.state == State::Header && self.held.is_empty() { Ok(()) } else { Err(malformed()) }
    }

    fn take(&mut self, at: usize, step: &Step) -> io::Result<usize> {
        let rest = self.held.get(at..).unwrap_or_default();
        match *step {
            Step::Frame { length, checksum } => {
                self.decoder.reset(rest.get(..length).unwrap_or_default()).map_err(io::Error::other)?;
                self.state = State::Blocks { checksum };
                Ok(length)
            }
            Step::Skippable { header, left } => {
                self.state = State::Skipping { left };
                Ok(header)
            }
            Step::Skip(length) => {
                if let State::Skipping { left } = self.state {
                    let left = left - length;
                    self.state = if left == 0 { State::Header } else { State::Skipping { left } };
                }
                Ok(length)
            }
            Step::Block(length) => {
                let block = rest.get(..length).unwrap_or_default();
                let strategy = BlockDecodingStrategy::UptoBlocks(1);
                let last = self.decoder.decode_blocks(block, strategy).map_err(io::Error::other)?;
                self.decoder.collect_to_writer(&mut self.sink)?;
                if last {
                    self.state = State::Header;
                }
                Ok(length)
            }
        }
    }
}

enum Step {
    Frame { length: usize, checksum: bool },
    Skippable { header: usize, left: usize },
    Skip(usize),
    Block(usize),
}

/// What stands at the start of a frame, once enough of it is here.
// Source: RFC 8878 §3.1.1.1 and §3.1.2.
fn header(rest: &[u8]) -> io::Result<Option<Step>> {
    let [a, b, c, d, after @ ..] = rest else { return Ok(None) };
    let magic = u32::from_le_bytes([*a, *b, *c, *d]);
    if magic & 0xffff_fff0 == 0x184d_2a50 {
        let [w, x, y, z, ..] = after else { return Ok(None) };
        let left = usize::try_from(u32::from_le_bytes([*w, *x, *y, *z])).map_err(io::Error::other)?;
        return Ok(Some(Step::Skippable { header: 8, left }));
    }
    if magic != 0xfd2f_b528 {
        return Err(malformed());
    }
    let Some(descriptor) = after.first() else { return Ok(None) };
    let single = descriptor & 0x20 != 0;
    let window = usize::from(!single);
    let dictionary = match descriptor & 3 {
        0 => 0,
        1 => 1,
        2 => 2,
        _ => 4,
    };
    let content = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let length = 5 + window + dictionary + content;
    Ok((rest.len() >= length).then_some(Step::Frame { length, checksum: descriptor & 4 != 0 }))
}

/// The length of the block at the start, with its header (and the frame's checksum behind the last), once it is here.
// Source: RFC 8878 §3.1.1.2.
fn block_length(rest: &[u8], checksum: bool) -> Option<usize> {
    let [a, b, c, ..] = rest else { return None };
    let head = u32::from_le_bytes([*a, *b, *c, 0]);
    let last = head & 1 == 1;
    let content = match (head >> 1) & 3 {
        1 => 1, // a run of one byte
        _ => usize::try_from(head >> 3).ok()?,
    };
    let length = 3 + content + if last && checksum { 4 } else { 0 };
    (rest.len() >= length).then_some(length)
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
