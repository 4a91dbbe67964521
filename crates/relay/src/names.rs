//! Names of sessions and ids of requests.

use ring::rand::{SecureRandom as _, SystemRandom};

/// The system has no randomness.
#[derive(Debug)]
pub(crate) struct NoRandomness;

/// Sixteen characters of `[a-z0-9]`. Source: providers-a.md 8.1 "Identity".
pub(crate) fn session(prefix: &str, random: &SystemRandom) -> Result<String, NoRandomness> {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut name = prefix.to_owned();
    while name.len() < prefix.len() + 16 {
        let bytes: [u8; 32] = bytes(random)?;
        // Bytes above the last multiple of 36 would make some letters more likely than others.
        let letters =
            bytes.iter().filter(|byte| **byte < 252).filter_map(|byte| LETTERS.get(usize::from(byte % 36)));
        name.extend(letters.take(prefix.len() + 16 - name.len()).map(|letter| char::from(*letter)));
    }
    Ok(name)
}

/// A random UUID. Source: providers-a.md 8.2; RFC 9562 §5.4.
pub(crate) fn request(random: &SystemRandom) -> Result<String, NoRandomness> {
    let bytes: [u8; 16] = bytes(random)?;
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xF << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let (a, b, c, d, e) = (
        number >> 96,
        number >> 80 & 0xFFFF,
        number >> 64 & 0xFFFF,
        number >> 48 & 0xFFFF,
        number & 0xFFFF_FFFF_FFFF,
    );
    Ok(format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}"))
}

fn bytes<const N: usize>(random: &SystemRandom) -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    random.fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_named_by_sixteen_letters_and_digits() {
        let random = SystemRandom::new();
        for _ in 0..100 {
            let name = session("aistudio-", &random).unwrap();
            let rest = name.strip_prefix("aistudio-").unwrap();
            assert_eq!(rest.len(), 16);
            assert!(rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
            assert_ne!(name, session("aistudio-", &random).unwrap());
        }
    }

    #[test]
    fn requests_are_named_by_random_uuids() {
        let random = SystemRandom::new();
        for _ in 0..100 {
            let id = request(&random).unwrap();
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(id.as_bytes()[14], b'4', "{id}: the version");
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}: the variant");
            assert_ne!(id, request(&random).unwrap());
        }
    }
}
