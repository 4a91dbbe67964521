//! Members of a chunk that are looked for by their names alone, all of them in one pass.

use wide::u8x16;

/// Some names of members.
///
/// Quotes inside texts are escaped: what stands between two bare quotes is a whole string, a name or a value.
#[derive(Debug)]
pub(crate) struct Names<const N: usize> {
    names: [&'static str; N],
    /// What they begin with.
    beginnings: [u8; N],
}

impl<const N: usize> Names<N> {
    #[expect(clippy::indexing_slicing, reason = "for constants: what is out of bounds does not compile")]
    pub(crate) const fn new(names: [&'static str; N]) -> Self {
        let mut beginnings = [0; N];
        let mut which = 0;
        while which < N {
            beginnings[which] = names[which].as_bytes()[0];
            which += 1;
        }
        Self { names, beginnings }
    }

    /// Hands over each place where one of the names stands in quotes: which one, and everything behind it.
    pub(crate) fn each<'d>(&self, data: &'d [u8], mut found: impl FnMut(usize, &'d [u8])) {
        let (blocks, _) = data.as_chunks::<16>();
        let (shifted, _) = data.get(1..).unwrap_or_default().as_chunks::<16>();
        // A chunk has dozens of quotes. What is behind them is looked at sixteen at a time, too: few names begin so.
        for (index, (block, behind)) in blocks.iter().zip(shifted).enumerate() {
            let behind = u8x16::new(*behind);
            let begins = self
                .beginnings
                .iter()
                .fold(u8x16::ZERO, |any, &byte| any | behind.simd_eq(u8x16::splat(byte)));
            let mut places = (u8x16::new(*block).simd_eq(u8x16::splat(b'"')) & begins).to_bitmask();
            while places != 0 {
                self.look(data, index * 16 + places.trailing_zeros() as usize + 1, &mut found);
                places &= places - 1;
            }
        }
        let tail = shifted.len() * 16;
        let rest = data.get(tail..).unwrap_or_default();
        for (at, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == b'"') {
            self.look(data, tail + at + 1, &mut found);
        }
    }

    /// Whether a name begins at a place, behind a quote.
    fn look<'d>(&self, data: &'d [u8], at: usize, found: &mut impl FnMut(usize, &'d [u8])) {
        let rest = data.get(at..).unwrap_or_default();
        let Some(first) = rest.first() else { return };
        for (which, (name, begins)) in self.names.iter().zip(&self.beginnings).enumerate() {
            if begins == first
                && let Some(behind) =
                    rest.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"\""))
            {
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
