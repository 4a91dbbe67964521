//! Where texts of JSON end and what in them is escaped, sixteen bytes at a look.
//!
//! Most bytes of a body lie in texts, and source code has an escape every few bytes: what finds the next one is most
//! of what a body that passes through costs.

use std::str::Utf8Error;

use wide::u8x16;

/// Blocks that are looked at here before `memchr` is called, which is quicker once it runs.
const NEAR: usize = 8;

/// The first quote or backslash.
#[inline]
pub(crate) fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for (index, block) in blocks.iter().take(NEAR).enumerate() {
        if let Some(at) = first(delimiters(u8x16::new(*block))) {
            return Some(index * 16 + at);
        }
    }
    if blocks.len() > NEAR {
        let far = NEAR * 16;
        return memchr::memchr2(b'"', b'\\', bytes.get(far..)?).map(|at| far + at);
    }
    rest.iter().position(|&byte| matches!(byte, b'"' | b'\\')).map(|at| blocks.len() * 16 + at)
}

/// The first byte that must be escaped in a JSON string (Source: RFC 8259 §7).
pub(crate) fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for (index, block) in blocks.iter().enumerate() {
        let block = u8x16::new(*block);
        let control = block.min(u8x16::splat(0x1f)).simd_eq(block);
        if let Some(at) = first(control | delimiters(block)) {
            return Some(index * 16 + at);
        }
    }
    rest.iter().position(|&byte| byte < 0x20 || matches!(byte, b'"' | b'\\')).map(|at| blocks.len() * 16 + at)
}

#[inline]
fn delimiters(block: u8x16) -> u8x16 {
    block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\'))
}

/// The first byte of a block that is set.
#[inline]
fn first(found: u8x16) -> Option<usize> {
    let bits = found.to_bitmask();
    (bits != 0).then(|| bits.trailing_zeros() as usize)
}

/// The text of a body: as [`std::str::from_utf8`], several times quicker where it is long and not ASCII alone.
///
/// # Errors
/// When it is not UTF-8.
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str, Utf8Error> {
    // Where it fails the standard library says where.
    simdutf8::basic::from_utf8(bytes).or_else(|_| std::str::from_utf8(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_at_every_place() {
        for length in [0, 1, 15, 16, 17, 31, 33, 127, 128, 129, 145, 300] {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'a'; length];
                    *bytes.get_mut(place).unwrap() = byte;
                    let delimiter = matches!(byte, b'"' | b'\\');
                    assert_eq!(
                        quote_or_backslash(&bytes),
                        delimiter.then_some(place),
                        "{length} {place} {byte}"
                    );
                    let escaped = delimiter || byte < 0x20;
                    assert_eq!(first_to_escape(&bytes), escaped.then_some(place), "{length} {place} {byte}");
                }
            }
        }
    }

    #[test]
    fn the_first_of_several_is_found() {
        for first in 0..160 {
            let mut bytes = vec![b'a'; 160];
            bytes.get_mut(first..).unwrap().fill(b'"');
            assert_eq!(quote_or_backslash(&bytes), Some(first));
            assert_eq!(first_to_escape(&bytes), Some(first));
        }
    }

    #[test]
    fn what_is_no_text_is_told_by_its_place() {
        let long = "häuser ✓ ".repeat(40);
        assert_eq!(text(long.as_bytes()), Ok(long.as_str()));
        let mut broken = long.clone().into_bytes();
        *broken.get_mut(300).unwrap() = 0xff;
        assert_eq!(
            text(&broken).unwrap_err().valid_up_to(),
            std::str::from_utf8(&broken).unwrap_err().valid_up_to()
        );
    }
}
