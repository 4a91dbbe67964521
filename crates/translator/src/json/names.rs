//! Members of a chunk that are looked for by their names alone, all of them in one pass.

use wide::u8x16;

/// Some names of members, eight at most.
///
/// Quotes inside texts are escaped: what stands between two bare quotes is a whole string, a name or a value.
#[derive(Debug)]
pub(crate) struct Names<const N: usize> {
    names: [&'static str; N],
    /// Which of the names begin with a byte, one bit each.
    beginnings: [u8; 256],
}

impl<const N: usize> Names<N> {
    #[expect(clippy::indexing_slicing, reason = "for constants: what is out of bounds does not compile")]
    pub(crate) const fn new(names: [&'static str; N]) -> Self {
        let mut beginnings = [0; 256];
        let mut which = 0;
        while which < N {
            beginnings[names[which].as_bytes()[0] as usize] |= 1 << which;
            which += 1;
        }
        Self { names, beginnings }
    }

    /// Hands over each place where one of the names stands in quotes: which one, and everything behind it.
    pub(crate) fn each<'d>(&self, data: &'d [u8], mut found: impl FnMut(usize, &'d [u8])) {
        let (blocks, rest) = data.as_chunks::<16>();
        for (index, block) in blocks.iter().enumerate() {
            let mut quotes = u8x16::new(*block).simd_eq(u8x16::splat(b'"')).to_bitmask();
            while quotes != 0 {
                let at = index * 16 + quotes.trailing_zeros() as usize;
                quotes &= quotes - 1;
                self.look(data, at + 1, &mut found);
            }
        }
        let tail = blocks.len() * 16;
        for (at, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == b'"') {
            self.look(data, tail + at + 1, &mut found);
        }
    }

    /// Whether a name begins at a place, behind a quote.
    #[inline]
    fn look<'d>(&self, data: &'d [u8], at: usize, found: &mut impl FnMut(usize, &'d [u8])) {
        let Some((first, _)) = data.get(at..).and_then(|rest| rest.split_first()) else { return };
        let mut may_be = self.beginnings.get(usize::from(*first)).copied().unwrap_or(0);
        while may_be != 0 {
            let which = may_be.trailing_zeros() as usize;
            may_be &= may_be - 1;
            let behind = self.names.get(which).and_then(|name| {
                let rest = data.get(at..)?.strip_prefix(name.as_bytes())?;
                rest.strip_prefix(b"\"")
            });
            if let Some(behind) = behind {
                found(which, behind);
            }
        }
    }
}

/// The value that follows a name, and whatever follows it.
pub(crate) fn value_behind(behind: &[u8]) -> &[u8] {
    let rest = behind.trim_ascii_start();
    rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<4> = Names::new(["usage", "error", "end", "u"]);

    #[test]
    fn names_are_found_wherever_they_stand_and_not_inside_texts() {
        for shift in 0..40 {
            let space = " ".repeat(shift);
            let json =
                format!(r#"{{{space}"usage": 1,"x":"a \"error\" \"u\"","end":{{"u":2}},"user":0,"erro":"#);
            let mut seen = Vec::new();
            NAMES.each(json.as_bytes(), |which, behind| {
                seen.push((which, value_behind(behind).first().copied()))
            });
            assert_eq!(seen, [(0, Some(b'1')), (2, Some(b'{')), (3, Some(b'2'))], "{shift}");
        }
        for cut in ["\"", "\"usage", "", "usage\""] {
            NAMES.each(cut.as_bytes(), |which, _| panic!("{cut}: {which}"));
        }
        let mut last = None;
        NAMES.each(b"\"end\"", |which, behind| last = Some((which, behind.len())));
        assert_eq!(last, Some((2, 0)));
    }
}
