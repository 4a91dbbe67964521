//! The private key of a service account, whatever was done to it on its way here.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cliproxy_core::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

/// An RSA private key. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct RsaKey {
    pair: Arc<RsaKeyPair>,
    pem: Secret,
}

/// Why a text is no RSA private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RsaKeyError {
    /// Neither `-----BEGIN` nor anything that could be one.
    #[error("it has no `-----BEGIN PRIVATE KEY-----` block")]
    NoPem,
    /// A PEM block of something else.
    #[error("its PEM block is of the kind {0:?}, not a private key")]
    NotPrivate(String),
    /// A key under a passphrase.
    #[error("it is protected by a passphrase: store it without one")]
    Encrypted,
    /// A key of another algorithm.
    #[error("it is a key of another algorithm, and an RSA key is needed")]
    NotRsa,
    /// The text inside the block is damaged.
    #[error("it is damaged ({0})")]
    Damaged(&'static str),
}

impl RsaKey {
    /// Reads a key in PEM: PKCS#8 or PKCS#1, on one line or many, with escaped line ends, carriage returns, or the escapes
    /// that a terminal leaves in what is copied from it.
    ///
    /// It computes for about a millisecond: call it where that blocks nobody.
    ///
    /// # Errors
    /// What it is instead.
    // Source: providers-a.md 6.1 "Private key normalisation".
    pub fn read(text: &str) -> Result<Self, RsaKeyError> {
        let text = without_escapes(&text.replace("\\n", "\n").replace("\r\n", "\n").replace('\r', "\n"));
        let (_, rest) = text.split_once("-----BEGIN ").ok_or(RsaKeyError::NoPem)?;
        let (label, rest) = rest.split_once("-----").ok_or(RsaKeyError::NoPem)?;
        let body = rest.split_once("-----END").map_or(rest, |(body, _)| body);
        match label.trim() {
            "ENCRYPTED PRIVATE KEY" => return Err(RsaKeyError::Encrypted),
            // An older way to say so is a header inside the block.
            _ if body.contains("ENCRYPTED") => return Err(RsaKeyError::Encrypted),
            "EC PRIVATE KEY" | "DSA PRIVATE KEY" | "OPENSSH PRIVATE KEY" => return Err(RsaKeyError::NotRsa),
            label if label.ends_with("PRIVATE KEY") => {}
            label => return Err(RsaKeyError::NotPrivate(label.chars().take(40).collect())),
        }
        let base64: String =
            body.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).collect();
        let der =
            STANDARD.decode(&base64).map_err(|_| RsaKeyError::Damaged("its base64 does not end well"))?;
        let (pair, label) = pair(&der)?;
        Ok(Self { pair: Arc::new(pair), pem: Secret::new(pem(&der, label)) })
    }

    /// The key as PEM, put in order.
    #[must_use]
    pub fn pem(&self) -> &Secret {
        &self.pem
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256 (`RS256`). It computes for about a millisecond.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

/// The key in these bytes, and what kind of block they belong in.
fn pair(der: &[u8]) -> Result<(RsaKeyPair, &'static str), RsaKeyError> {
    let rejected = match RsaKeyPair::from_pkcs8(der) {
        Ok(pair) => return Ok((pair, "PRIVATE KEY")),
        Err(rejected) => rejected,
    };
    match RsaKeyPair::from_der(der) {
        Ok(pair) => Ok((pair, "RSA PRIVATE KEY")),
        // What PKCS#8 could be read, and said of another algorithm, is no PKCS#1.
        Err(_) if rejected.to_string() == "WrongAlgorithm" => Err(RsaKeyError::NotRsa),
        Err(other) => {
            let reason = [rejected.to_string(), other.to_string()];
            Err(RsaKeyError::Damaged(match () {
                () if reason.iter().any(|reason| reason == "TooSmall") => "it is shorter than 2048 bits",
                () if reason.iter().any(|reason| reason == "TooLarge") => "it is longer than 4096 bits",
                () => "what is inside the PEM block is no key",
            }))
        }
    }
}

fn pem(der: &[u8], label: &str) -> String {
    let encoded = STANDARD.encode(der);
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / 64);
    for (at, c) in encoded.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

/// Without the escapes that a terminal leaves in what is copied from it.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if c == '\n' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, der: &[u8]) -> String {
        pem(der, label)
    }

    #[test]
    fn what_is_no_rsa_key_is_told_by_what_it_is() {
        let elliptic = ring::signature::EcdsaKeyPair::generate_pkcs8(
            &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &SystemRandom::new(),
        )
        .unwrap();
        for (text, expected) in [
            (String::new(), RsaKeyError::NoPem),
            ("AAAA".to_owned(), RsaKeyError::NoPem),
            ("-----BEGIN PRIVATE KEY".to_owned(), RsaKeyError::NoPem),
            (block("CERTIFICATE", b"x"), RsaKeyError::NotPrivate("CERTIFICATE".to_owned())),
            (block("PUBLIC KEY", b"x"), RsaKeyError::NotPrivate("PUBLIC KEY".to_owned())),
            (block("ENCRYPTED PRIVATE KEY", b"x"), RsaKeyError::Encrypted),
            (block("EC PRIVATE KEY", b"x"), RsaKeyError::NotRsa),
            (block("PRIVATE KEY", elliptic.as_ref()), RsaKeyError::NotRsa),
            (block("PRIVATE KEY", b"x"), RsaKeyError::Damaged("what is inside the PEM block is no key")),
            (
                "-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----".to_owned(),
                RsaKeyError::Damaged("its base64 does not end well"),
            ),
        ] {
            assert_eq!(RsaKey::read(&text).unwrap_err(), expected, "{text}");
        }
    }
}
