//! URLs that were read before.
//!
//! A provider is called at a handful of URLs. To put one together and to read it takes longer than to find it again.

use std::cell::RefCell;

use bytes::Bytes;
use http::Uri;

/// How many each thread keeps. A provider whose URLs name the model has one for each.
const KEPT: usize = 16;

thread_local! {
    static READ: RefCell<Read> = const { RefCell::new(Read { uris: Vec::new(), oldest: 0 }) };
}

struct Read {
    uris: Vec<(Bytes, Uri)>,
    /// The one that the next new one replaces.
    oldest: usize,
}

/// The URL that these parts make one after another; `None` when it is none.
pub(super) fn uri<'p, P: Iterator<Item = &'p str>>(parts: impl Fn() -> P) -> Option<Uri> {
    READ.with_borrow_mut(|read| {
        if let Some((_, uri)) = read.uris.iter().find(|(text, _)| is_made_of(text, parts())) {
            return Some(uri.clone());
        }
        let text = Bytes::from(parts().collect::<String>());
        let uri = Uri::from_maybe_shared(text.clone()).ok()?;
        read.keep(text, uri.clone());
        Some(uri)
    })
}

fn is_made_of<'p>(mut text: &[u8], parts: impl Iterator<Item = &'p str>) -> bool {
    for part in parts {
        match text.strip_prefix(part.as_bytes()) {
            Some(rest) => text = rest,
            None => return false,
        }
    }
    text.is_empty()
}

impl Read {
    fn keep(&mut self, text: Bytes, uri: Uri) {
        if self.uris.len() < KEPT {
            self.uris.push((text, uri));
        } else if let Some(oldest) = self.uris.get_mut(self.oldest) {
            *oldest = (text, uri);
            self.oldest = (self.oldest + 1) % KEPT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&str]) -> Option<String> {
        uri(|| parts.iter().copied()).map(|uri| uri.to_string())
    }

    #[test]
    fn a_url_is_the_same_whether_it_was_read_before_or_not_and_however_it_is_cut() {
        for round in 0..3 {
            for model in 0..KEPT + 3 {
                let path = format!("/v1/{model}");
                assert_eq!(
                    read(&["http://a.test", &path, "?x"]),
                    Some(format!("http://a.test/v1/{model}?x"))
                );
                assert_eq!(
                    read(&["http://a.test/v", &path, ""]),
                    Some(format!("http://a.test/v/v1/{model}"))
                );
            }
            assert_eq!(read(&["http://a", "b/c"]), Some("http://ab/c".to_owned()), "round {round}");
            assert_eq!(read(&["http://a", "b/", "c"]), Some("http://ab/c".to_owned()));
            assert_eq!(read(&["http://a"]), Some("http://a/".to_owned()));
            assert_eq!(read(&["http://a b"]), None);
            assert_eq!(read(&["http://", ""]), None);
        }
        READ.with_borrow(|read| assert_eq!(read.uris.len(), KEPT));
    }
}
