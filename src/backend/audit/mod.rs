//! The audit log as evidence: entries chained by hashes, ends of the chain signed, both checked without a database.
//!
//! The chain itself is made in PostgreSQL (`migrations/*_audit.sql`), so that no writer can skip it; here are the forms that
//! it is exported in, the key that signs checkpoints, and [`Verifier`], which believes nothing of it. What is proven and what
//! not: `docs/audit.md`.
//!
//! An export has one canonical JSON object a line, an entry or a checkpoint:
//! `{"entry":{…},"hash":"…"}` and `{"checkpoint":{…},"signature":"…"}`.

pub mod canonical;
mod verify;

use core::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde_json::json;

pub use self::verify::{Fault, Report, Verifier, Wrong};
use crate::{clock::Timestamp, ids::CompanyId};

/// A SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first entry.
pub const GENESIS: Hash = [0; 32];

/// What every signed text says it is: a signature of something else is no checkpoint.
const CHECKPOINT: &str = "postil-audit-checkpoint-1";

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of exactly `N` pairs of lower-case hexadecimal digits.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// The end of a company's chain at some moment: what a checkpoint signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log.
    pub company: CompanyId,
    /// Position of the last entry that it covers.
    pub seq: i64,
    /// That entry's hash.
    pub hash: Hash,
    /// When.
    pub at: Timestamp,
    /// The signer's public key.
    pub key: [u8; 32],
}

impl Checkpoint {
    /// What is signed: canonical JSON.
    fn text(&self) -> String {
        format!(
            r#"{{"at":{},"company":"{}","hash":"{}","key":"{}","seq":{},"v":"{CHECKPOINT}"}}"#,
            self.at.micros(),
            self.company,
            hex(&self.hash),
            hex(&self.key),
            self.seq
        )
    }

    /// Whether `signature` is its key's.
    #[must_use]
    pub fn is_signed(&self, signature: &[u8; 64]) -> bool {
        // Strict: no small-order keys, no second spelling of a signature.
        VerifyingKey::from_bytes(&self.key)
            .is_ok_and(|key| key.verify_strict(self.text().as_bytes(), &Signature::from_bytes(signature)).is_ok())
    }
}

/// Signs checkpoints. Derived from the server's secret: [`crate::backend::crypto::Sealer::audit_key`].
pub struct AuditKey(SigningKey);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

impl AuditKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// What others check its signatures with.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// A checkpoint of this end, and its signature.
    #[must_use]
    pub fn sign(&self, company: CompanyId, seq: i64, hash: Hash, at: Timestamp) -> (Checkpoint, [u8; 64]) {
        let checkpoint = Checkpoint { company, seq, hash, at, key: self.public() };
        let signature = self.0.sign(checkpoint.text().as_bytes()).to_bytes();
        (checkpoint, signature)
    }
}

/// An entry's line of an export; `entry` is its canonical text, as the database hashed it.
#[must_use]
pub fn entry_line(entry: &str, hash: &[u8]) -> String {
    format!(r#"{{"entry":{entry},"hash":"{}"}}"#, hex(hash))
}

/// A checkpoint's line of an export.
#[must_use]
pub fn checkpoint_line(checkpoint: &Checkpoint, signature: &[u8]) -> String {
    format!(r#"{{"checkpoint":{},"signature":"{}"}}"#, checkpoint.text(), hex(signature))
}

/// The canonical text of an entry: the same bytes as `app.audit_text` in the database.
///
/// # Errors
/// When the detail has no canonical form.
#[expect(clippy::too_many_arguments, reason = "the columns of the table, in its order")]
pub fn entry_text(
    company: CompanyId,
    seq: i64,
    action: &str,
    actor: Option<crate::ids::UserId>,
    target: &str,
    detail: &serde_json::Value,
    correlation: Option<crate::ids::CorrelationId>,
    at: Timestamp,
    prev_hash: &Hash,
) -> Result<String, canonical::NotCanonical> {
    canonical::text(&json!({
        "action": action, "actor": actor, "at": at.micros(), "company": company, "correlation": correlation,
        "prev_hash": hex(prev_hash), "seq": seq, "target": target, "v": 1, "detail": detail,
    }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn digits_are_read_back_and_only_one_spelling_is() {
        assert_eq!(unhex::<3>(&hex(&[0, 171, 255])), Some([0, 171, 255]));
        for bad in ["", "00", "0G", "00ABFF", "00abf", "00abfff0"] {
            assert_eq!(unhex::<3>(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_signature_is_for_one_key_and_one_checkpoint() {
        let (key, other) = (AuditKey::new([1; 32]), AuditKey::new([2; 32]));
        let company = CompanyId::from_uuid(Uuid::from_u128(7));
        let (checkpoint, signature) = key.sign(company, 5, [9; 32], Timestamp::from_millis(1_000));
        assert!(checkpoint.is_signed(&signature));
        for forged in [
            Checkpoint { seq: 6, ..checkpoint },
            Checkpoint { hash: [8; 32], ..checkpoint },
            Checkpoint { at: Timestamp::from_millis(1_001), ..checkpoint },
            Checkpoint { company: CompanyId::from_uuid(Uuid::from_u128(8)), ..checkpoint },
            Checkpoint { key: other.public(), ..checkpoint },
        ] {
            assert!(!forged.is_signed(&signature), "{forged:?}");
        }
        assert_eq!(format!("{key:?}"), "AuditKey(…)");
    }

    #[test]
    fn what_is_signed_is_canonical() {
        let (checkpoint, signature) =
            AuditKey::new([1; 32]).sign(CompanyId::from_uuid(Uuid::nil()), 5, [9; 32], Timestamp::from_millis(1));
        let line = checkpoint_line(&checkpoint, &signature);
        assert_eq!(canonical::text(&serde_json::from_str(&line).unwrap()).unwrap(), line);
    }
}
