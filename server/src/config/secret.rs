//! `POSTIL_SECRET`: 32 random bytes as 64 hexadecimal digits (`openssl rand -hex 32`). Page cursors, stream cursors and
//! embed secrets at rest are sealed with keys derived from it; with another secret, clients load afresh once and embed
//! keys must be stored anew. All nodes share one.

use std::fmt;

use super::Reader;

/// A text that `Debug` does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that must not be printed.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// For the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The server's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerSecret([u8; 32]);

impl ServerSecret {
    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex.trim();
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        // A secret of one repeated byte is a placeholder that somebody forgot.
        (!bytes.iter().all(|byte| *byte == bytes[0])).then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(…)")
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<ServerSecret> {
    let hex = reader.required("POSTIL_SECRET", "32 random bytes in hexadecimal, from `openssl rand -hex 32`")?;
    let secret = ServerSecret::parse(&hex);
    if secret.is_none() {
        reader
            .complain("POSTIL_SECRET is not 64 hexadecimal digits of randomness: make one with `openssl rand -hex 32`");
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_random_looking_secrets_are_taken() {
        let good = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        assert_eq!(ServerSecret::parse(good).unwrap().bytes()[1], 0x11);
        for bad in ["", "abc", &"0".repeat(64), &good[1..], &good.replace('0', "x")] {
            assert!(ServerSecret::parse(bad).is_none(), "{bad}");
        }
    }
}
