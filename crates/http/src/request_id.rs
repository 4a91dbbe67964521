//! Names for requests.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use cliproxy_core::{RequestId, Timestamp};
use http::{HeaderMap, HeaderName};

/// The headers under which a client may name its request, and under which we answer.
pub(crate) const NAMES: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("request-id")];

/// Makes ids that are unique in this process and unlikely to repeat in another.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    keys: RandomState,
    next: AtomicU64,
}

impl Ids {
    /// The client's own id when it gave one that can stand in a log line, else a new one.
    pub(crate) fn name(&self, headers: &HeaderMap) -> RequestId {
        let given = NAMES.iter().find_map(|name| headers.get(name)).and_then(|value| value.to_str().ok());
        match given.filter(|text| is_plain(text)) {
            Some(text) => RequestId::new(text),
            None => {
                let digits = hexadecimal(self.keys.hash_one(self.next.fetch_add(1, Ordering::Relaxed)));
                RequestId::new(std::str::from_utf8(&digits).unwrap_or_default())
            }
        }
    }
}

/// Sixteen digits.
fn hexadecimal(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (at, digit) in digits.iter_mut().rev().enumerate() {
        let value = u8::try_from(number >> (4 * at) & 15).unwrap_or(0);
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
    }
    digits
}

fn is_plain(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// `X-CPA-TRACE-ID`: time, credential, request. Source: http-api.md A.12 [H].
pub(crate) fn trace_id(now: Timestamp, credential: Option<&str>, id: &RequestId) -> String {
    let credential = credential.unwrap_or("none");
    let mut text = String::with_capacity(16 + credential.len() + id.as_str().len());
    now.push_compact(&mut text);
    text.push('-');
    if credential.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@') {
        text.push_str(credential);
    } else {
        text.extend(credential.chars().map(|c| if c.is_ascii_graphic() && c != '@' { c } else { '_' }));
    }
    text.push('-');
    text.push_str(id.as_str());
    text
}
