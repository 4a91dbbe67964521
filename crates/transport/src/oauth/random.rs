//! Random names.

use ring::rand::{SecureRandom as _, SystemRandom};

use super::error::TokenError;

fn bytes<const N: usize>() -> Result<[u8; N], TokenError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| TokenError::Setup("the system gives no random numbers".to_owned()))?;
    Ok(bytes)
}

/// 128 random bits as 32 hex digits.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random_hex() -> Result<String, TokenError> {
    Ok(hex(&bytes::<16>()?))
}

/// A random UUID (version 4).
///
/// # Errors
/// When the system gives no random numbers.
pub fn random_uuid() -> Result<String, TokenError> {
    let mut bits = u128::from_be_bytes(bytes()?);
    bits = (bits & !(0xf << 76)) | (0x4 << 76);
    bits = (bits & !(0x3 << 62)) | (0x2 << 62);
    let mut text = hex(&bits.to_be_bytes());
    for at in [8, 13, 18, 23] {
        text.insert(at, '-');
    }
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version_and_variant_and_is_never_the_same() {
        let (one, two) = (random_uuid().unwrap(), random_uuid().unwrap());
        assert_ne!(one, two);
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{one}");
        assert_eq!(random_hex().unwrap().len(), 32);
    }
}
