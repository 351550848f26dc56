//! Bearer secrets: 256 random bits, shown once, stored as SHA-256. A stolen database opens no session.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::clock::IdSource;

/// What the database stores of a secret.
pub type TokenHash = [u8; 32];

/// A secret as its holder sends it. Prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// A fresh secret.
    #[must_use]
    pub fn generate(ids: &dyn IdSource) -> Self {
        let mut bytes = [0; 32];
        ids.fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A secret that someone sent; `None` when it has not the outline of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let outline = text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        outline.then(|| Self(text.to_owned()))
    }

    /// For its holder.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// For the database. Looked up by equality of the hash, so no comparison leaks time about the secret.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// SHA-256 of `bytes`: request hashes and the like.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::source::Machine;

    #[test]
    fn a_token_is_random_and_hides_itself() {
        let token = Token::generate(&Machine);
        assert_ne!(token, Token::generate(&Machine));
        assert_eq!(Token::parse(token.reveal()), Some(token.clone()));
        assert!(!format!("{token:?}").contains(token.reveal()));
        assert_eq!(Token::parse("short"), None);
    }
}
