//! Sealed values: cursors that tell nothing and can't be forged, secrets at rest.
//!
//! ChaCha20-Poly1305 under a key derived for one purpose and company. The nonce is derived from the content (SIV style):
//! the same position always has the same cursor, so one frame's bytes serve all sockets, and no counter is to be kept.

use core::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{backend::audit::AuditKey, ids::CompanyId, limits};

/// What a sealed value is for. Part of the key: a value made for one purpose opens for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Position in a company's event log.
    EventCursor,
    /// Position in a list; the name tells which list.
    PageCursor(&'static str),
    /// An embed key's secret, at rest.
    EmbedSecret,
}

impl Purpose {
    fn label(self) -> String {
        match self {
            Self::EventCursor => "event".to_owned(),
            Self::PageCursor(list) => format!("page/{list}"),
            Self::EmbedSecret => "embed".to_owned(),
        }
    }
}

/// Seals and opens. Holds the server's secret.
#[derive(Clone)]
pub struct Sealer {
    secret: [u8; 32],
}

impl core::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Unwrap safety: HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl Sealer {
    /// From the server's secret.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    fn key(&self, purpose: Purpose, company: CompanyId) -> [u8; 32] {
        mac(&self.secret, &[b"postil/seal/1", purpose.label().as_bytes(), company.uuid().as_bytes()])
    }

    /// The key that signs checkpoints of audit logs: one for all companies, because each checkpoint names its own.
    #[must_use]
    pub fn audit_key(&self) -> AuditKey {
        AuditKey::new(mac(&self.secret, &[b"postil/audit/ed25519/1"]))
    }

    /// What stands for a network address in a company's papers: the same for the same, another in another company, and
    /// nothing to find the address by without the secret (all of IPv4 can be tried against a bare hash).
    #[must_use]
    pub fn pseudonym(&self, company: CompanyId, network: &str) -> String {
        let digest = mac(&self.secret, &[b"postil/address/1", company.uuid().as_bytes(), network.as_bytes()]);
        digest[..8].iter().fold("adr_".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Seals `content` for `purpose` and `company`.
    ///
    /// # Panics
    /// Never: the content is small.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, company: CompanyId, content: &[u8]) -> Vec<u8> {
        let key = self.key(purpose, company);
        let nonce: [u8; 12] = mac(&key, &[b"nonce", content])[..12].try_into().expect("twelve of thirty-two bytes");
        let cipher = ChaCha20Poly1305::new(&key.into());
        let sealed = cipher.encrypt(&nonce.into(), Payload { msg: content, aad: b"" }).expect("the content is small");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Self::seal`] made for the same purpose and company; `None` for anything else.
    #[must_use]
    pub fn open(&self, purpose: Purpose, company: CompanyId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(12)?;
        let nonce: [u8; 12] = nonce.try_into().ok()?;
        let cipher = ChaCha20Poly1305::new(&self.key(purpose, company).into());
        cipher.decrypt(&nonce.into(), Payload { msg: body, aad: b"" }).ok()
    }

    /// A cursor: sealed JSON, as text.
    ///
    /// # Panics
    /// Never: positions are plain data.
    #[must_use]
    pub fn cursor<T: serde::Serialize>(&self, purpose: Purpose, company: CompanyId, position: &T) -> String {
        let json = serde_json::to_vec(position).expect("a position is plain data");
        URL_SAFE_NO_PAD.encode(self.seal(purpose, company, &json))
    }

    /// The position in a cursor; `None` when it was not made here for this purpose and company.
    #[must_use]
    pub fn position<T: serde::de::DeserializeOwned>(
        &self,
        purpose: Purpose,
        company: CompanyId,
        cursor: &str,
    ) -> Option<T> {
        if cursor.len() > limits::CURSOR_BYTES_MAX {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        serde_json::from_slice(&self.open(purpose, company, &sealed)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_opens_for_its_own_company_and_list_only() {
        let sealer = Sealer::new([7; 32]);
        let (a, b) = (CompanyId::from_uuid(Uuid::from_u128(1)), CompanyId::from_uuid(Uuid::from_u128(2)));
        let cursor = sealer.cursor(Purpose::EventCursor, a, &41_i64);
        assert_eq!(cursor, sealer.cursor(Purpose::EventCursor, a, &41_i64), "one position has one cursor");
        assert_eq!(sealer.position::<i64>(Purpose::EventCursor, a, &cursor), Some(41));
        assert_eq!(sealer.position::<i64>(Purpose::EventCursor, b, &cursor), None);
        assert_eq!(sealer.position::<i64>(Purpose::PageCursor("messages"), a, &cursor), None);
        assert_eq!(Sealer::new([8; 32]).position::<i64>(Purpose::EventCursor, a, &cursor), None);
        let mut forged = cursor.into_bytes();
        forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
        assert_eq!(sealer.position::<i64>(Purpose::EventCursor, a, core::str::from_utf8(&forged).unwrap()), None);
    }
}
