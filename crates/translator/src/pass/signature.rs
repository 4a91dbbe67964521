//! Who issued a signature, by its form: it is replayed to its issuer only. Source: translation.md B29, B30.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::codec::StateGate;
use crate::json::Text;
use crate::model::{Issuer, Part, PartKind, Request};

/// The largest value that is looked at. Source: translation.md B29.
pub const MAX_SIGNATURE: usize = 32 * 1024 * 1024;

/// Kimi's are of one of two lengths: non-stream, stream. Source: translation.md B29.
const KIMI_LENGTHS: [usize; 2] = [12_946, 4_340];

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The value without a cache's `provider#` prefix.
#[must_use]
pub fn bare(value: &str) -> &str {
    match value.split_once('#') {
        Some((prefix, rest))
            if !prefix.is_empty()
                && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) =>
        {
            rest
        }
        _ => value,
    }
}

/// Stands in for the signature of a call that Gemini never signed. Source: translation.md B31.
pub(crate) const SENTINEL: &str = "skip_thought_signature_validator";

/// Why a gate keeps state back.
pub(crate) const REFUSED_STATE: &str = "the provider refused the state of earlier turns";

/// Takes out of a conversation the state that a gate keeps back, and says whether there was any. Thoughts that can be
/// read stay, unsigned: who wants them back without a signature gets them.
pub fn withhold(request: &mut Request<'_>, gate: &dyn StateGate) -> bool {
    let mut any = false;
    for turn in &mut request.turns {
        turn.parts.retain_mut(|part| pass_part(part, gate, &mut any));
    }
    any
}

fn pass_part(part: &mut Part<'_>, gate: &dyn StateGate, any: &mut bool) -> bool {
    let refused = |value: &Text<'_>| !gate.passes(&value.decoded());
    let unsigned = part.signature.as_ref().is_some_and(|signature| refused(&signature.value));
    if unsigned {
        part.signature = None;
        *any = true;
    }
    let PartKind::Reasoning(reasoning) = &part.kind else { return true };
    if reasoning.redacted.as_ref().is_some_and(refused) {
        *any = true;
        return false;
    }
    !unsigned || reasoning.summary.iter().chain(&reasoning.raw).any(|text| !text.is_empty())
}

/// Classifies a signature. The first byte is looked at before any base64 is decoded. xAI's look like noise and
/// never tell themselves (E647): they are [`Issuer::Unknown`].
#[must_use]
pub fn classify(value: &str) -> Issuer {
    let value = bare(value.trim());
    if value.is_empty() || value.len() > MAX_SIGNATURE || !value.is_ascii() {
        return Issuer::Unknown;
    }
    let issuer = match value.as_bytes().first() {
        Some(b'g') if is_fernet(value) => Issuer::Gpt,
        Some(b'E') => protobuf_issuer(value),
        Some(b'R') => match inner_layer(value) {
            Some(inner) if inner.starts_with('E') => match protobuf_issuer(&inner) {
                Issuer::Claude => Issuer::Claude,
                _ => Issuer::Unknown,
            },
            _ => Issuer::Unknown,
        },
        Some(b'C') if is_claude_envelope(value) => Issuer::Claude,
        _ => Issuer::Unknown,
    };
    if issuer == Issuer::Unknown && KIMI_LENGTHS.contains(&value.len()) && looks_random(value) {
        return Issuer::Kimi;
    }
    issuer
}

/// What is inside a signature in two layers.
pub(crate) fn inner_layer(value: &str) -> Option<String> {
    if !value.starts_with('R') {
        return None;
    }
    String::from_utf8(decode(value)?).ok()
}

/// GPT's are Fernet tokens: version 0x80, at least 73 bytes, ciphertext in blocks of 16 (B29).
fn is_fernet(value: &str) -> bool {
    let body = value.trim_end_matches('=');
    if !value.starts_with("gAAAA")
        || !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        || body.len() % 4 == 1
    {
        return false;
    }
    let bytes = body.len() * 3 / 4;
    // Version, time stamp, initial vector and authentication code are 57 bytes.
    bytes >= 73 && (bytes - 57).is_multiple_of(16)
}

fn decode(value: &str) -> Option<Vec<u8>> {
    STANDARD.decode(value).or_else(|_| URL_SAFE.decode(value)).ok()
}

/// Claude and Gemini both wrap field 2 → field 1; Claude's inner payload is a message that begins with a version
/// (field 1, varint), in signatures of early 2025 with field 3 (Messages API reference, "Extended thinking", examples of
/// Claude 3.7); Gemini's is opaque (B29, E644).
fn protobuf_issuer(value: &str) -> Issuer {
    let Some(bytes) = decode(value) else { return Issuer::Unknown };
    let Some((2, Wire::Bytes(outer), _)) = field(&bytes) else { return Issuer::Unknown };
    let Some((1, Wire::Bytes(inner), _)) = field(outer) else { return Issuer::Unknown };
    if matches!(field(inner), Some((1 | 3, Wire::Varint, rest)) if !rest.is_empty() && is_message(rest)) {
        Issuer::Claude
    } else if !inner.is_empty() {
        Issuer::Gemini
    } else {
        Issuer::Unknown
    }
}

/// Claude's newer envelope: field 1 is a varint, and some nested block names the model. Other fields may change
/// (E638, E639).
fn is_claude_envelope(value: &str) -> bool {
    let Some(bytes) = decode(value) else { return false };
    let Some((1, Wire::Varint, rest)) = field(&bytes) else { return false };
    is_message(rest) && memchr::memmem::find(rest, b"claude").is_some()
}

/// Whether a value is no signature of Gemini 3, though of no other issuer's form either: the name of a session in
/// base64, or the envelope of earlier models (E633, E635).
#[must_use]
pub fn is_outdated_gemini(value: &str) -> bool {
    let Some(bytes) = decode(bare(value.trim())) else { return false };
    is_uuid(&bytes) || matches!(field(&bytes), Some((1, Wire::Bytes(_), _)))
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The largest state of xAI's that is looked at. Source: translation.md B29.
const MAX_GROK: usize = 8 * 1024 * 1024;

/// Whether a value may be xAI's: base64 of at least 32 bytes that look like noise. It never tells itself (E647, E648).
#[must_use]
pub fn may_be_grok(value: &str) -> bool {
    if value.len() > MAX_GROK {
        return false;
    }
    let Some(bytes) = decode(value) else { return false };
    if bytes.len() < 32 {
        return false;
    }
    let mut counts = [0_u32; 256];
    for byte in &bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let entropy: f64 = counts.iter().filter(|count| **count > 0).fold(0.0, |sum, count| {
        let share = f64::from(*count) / total;
        sum - share * share.log2()
    });
    // Of few bytes not all values can be there.
    entropy / total.min(256.0).log2() >= 0.85
}

enum Wire<'b> {
    Varint,
    Fixed,
    Bytes(&'b [u8]),
}

/// Reads one protobuf field: number, value, what follows.
fn field(bytes: &[u8]) -> Option<(u64, Wire<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let (value, rest) = match tag & 7 {
        0 => (Wire::Varint, varint(rest)?.1),
        1 => (Wire::Fixed, rest.get(8..)?),
        5 => (Wire::Fixed, rest.get(4..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Wire::Bytes(value), rest)
        }
        _ => return None,
    };
    (tag >> 3 > 0).then_some((tag >> 3, value, rest))
}

fn is_message(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some((_, _, rest)) = field(bytes) else { return false };
        bytes = rest;
    }
    true
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return bytes.get(index + 1..).map(|rest| (value, rest));
        }
    }
    None
}

/// Whether base64 text uses its alphabet about evenly.
fn looks_random(value: &str) -> bool {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')) {
            return false;
        }
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let used = counts.iter().filter(|count| **count > 0).count();
    used >= 60 && most as usize * 16 < value.len()
}
