//! Checks an export, line by line, and stops at the first thing that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Checkpoint, GENESIS, Hash, canonical, hex, unhex};
use crate::{backend::crypto::token::sha256, clock::Timestamp, ids::CompanyId};

/// What is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No JSON of one of the two kinds.
    #[error("it is neither an entry nor a checkpoint ({0})")]
    Malformed(String),
    /// Another spelling of the same: something wrote it anew.
    #[error("it is not in canonical form")]
    Spelling,
    /// Of two companies.
    #[error("it is of another company than what stands before it")]
    Company,
    /// Entries are missing.
    #[error("entry {found} stands where entry {expected} is expected: {} missing", missing(*expected, *found))]
    Gap {
        /// The position that should come.
        expected: i64,
        /// The position that came.
        found: i64,
    },
    /// Out of order, or twice.
    #[error("entry {found} stands where entry {expected} is expected: out of order, or there twice")]
    Order {
        /// The position that should come.
        expected: i64,
        /// The position that came.
        found: i64,
    },
    /// The content was changed.
    #[error("entry {seq} does not have the hash that it says: its content was changed")]
    Content {
        /// Which.
        seq: i64,
    },
    /// The entry before it was changed, hash and all.
    #[error("entry {seq} is not linked to the entry before it: one of the two was replaced")]
    Link {
        /// Which.
        seq: i64,
    },
    /// No signature of the checkpoint's key.
    #[error("the checkpoint of entry {seq} is not signed by the key that it names: it is forged or was changed")]
    Signature {
        /// Which.
        seq: i64,
    },
    /// A signature of somebody else.
    #[error("the checkpoint of entry {seq} is signed by the key {key}, which is not trusted")]
    Key {
        /// Which.
        seq: i64,
        /// Whose.
        key: String,
    },
    /// The entry is not the one that was signed.
    #[error("entry {seq} is not the one that was signed on {at}: the log was rewritten")]
    Rewritten {
        /// Which.
        seq: i64,
        /// When it was signed.
        at: Timestamp,
    },
    /// Entries at the end are missing.
    #[error("the entries end at {last}, but on {at} there was an entry {seq}: the tail is missing")]
    Tail {
        /// The last that is there.
        last: i64,
        /// The last that was signed.
        seq: i64,
        /// When.
        at: Timestamp,
    },
    /// Nothing to check.
    #[error("there is no entry in it")]
    Empty,
}

fn missing(expected: i64, found: i64) -> String {
    if found == expected + 1 { format!("{expected} is") } else { format!("{expected} to {} are", found - 1) }
}

/// The first broken link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
pub struct Fault {
    /// Counted from 1; behind the last for what is missing there.
    pub line: usize,
    /// What.
    #[source]
    pub wrong: Wrong,
}

/// What a good export shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose log.
    pub company: CompanyId,
    /// Position of the first entry. Beyond 1, nothing is said about what was before.
    pub first: i64,
    /// Position of the last.
    pub last: i64,
    /// Its hash.
    pub hash: Hash,
    /// Whether a checkpoint holds the entry right before the first.
    pub is_anchored: bool,
    /// Checkpoints that hold entries of this export.
    pub checkpoints: usize,
    /// The newest of these: position, when.
    pub covered: Option<(i64, Timestamp)>,
    /// The keys that signed.
    pub keys: BTreeSet<[u8; 32]>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Entry { entry: Entry, hash: String },
    Checkpoint { checkpoint: Signed, signature: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    company: CompanyId,
    seq: i64,
    prev_hash: String,
    v: u8,
    // The rest is what it is: the hash is over all of it.
    #[serde(rename = "action")]
    _action: String,
    #[serde(rename = "actor")]
    _actor: Option<crate::ids::UserId>,
    #[serde(rename = "at")]
    _at: i64,
    #[serde(rename = "correlation")]
    _correlation: Option<crate::ids::CorrelationId>,
    #[serde(rename = "detail")]
    _detail: serde_json::Map<String, Value>,
    #[serde(rename = "target")]
    _target: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    at: i64,
    company: CompanyId,
    hash: String,
    key: String,
    seq: i64,
    v: String,
}

/// Takes an export's lines in order.
#[derive(Debug)]
pub struct Verifier {
    trusted: BTreeSet<[u8; 32]>,
    line: usize,
    company: Option<CompanyId>,
    /// Hashes from the entry before the first on.
    before: Hash,
    first: i64,
    hashes: Vec<Hash>,
    /// Checkpoints by position, with the line that they came in.
    checkpoints: BTreeMap<i64, Vec<(usize, Checkpoint)>>,
}

impl Verifier {
    /// Believes only checkpoints by `trusted` keys; any key, when there is none: then they show that the export is whole, and
    /// not who vouches for it.
    #[must_use]
    pub fn new(trusted: BTreeSet<[u8; 32]>) -> Self {
        Self {
            trusted,
            line: 0,
            company: None,
            before: GENESIS,
            first: 0,
            hashes: Vec::new(),
            checkpoints: BTreeMap::new(),
        }
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// What is wrong with it, or between it and those before.
    pub fn line(&mut self, line: &str) -> Result<(), Fault> {
        self.line += 1;
        self.take(line).map_err(|wrong| Fault { line: self.line, wrong })
    }

    fn take(&mut self, line: &str) -> Result<(), Wrong> {
        let malformed = |error: &dyn core::fmt::Display| Wrong::Malformed(error.to_string());
        let value: Value = serde_json::from_str(line).map_err(|error| malformed(&error))?;
        // Byte for byte: what a reader of JSON would overlook (spaces, other escapes, a key twice) is a change all the same.
        if canonical::text(&value).map_err(|error| malformed(&error))? != line {
            return Err(Wrong::Spelling);
        }
        let content = value.get("entry").map(canonical::text);
        match (Line::deserialize(value), content) {
            (Ok(Line::Entry { entry, hash }), Some(Ok(text))) if entry.v == 1 => {
                self.same_company(entry.company)?;
                self.entry(&entry, &hash, &text)
            }
            (Ok(Line::Checkpoint { checkpoint, signature }), None) => {
                self.same_company(checkpoint.company)?;
                self.checkpoint(&checkpoint, &signature)
            }
            _ => Err(malformed(&"fields are missing or unknown")),
        }
    }

    fn same_company(&mut self, company: CompanyId) -> Result<(), Wrong> {
        if *self.company.get_or_insert(company) == company { Ok(()) } else { Err(Wrong::Company) }
    }

    fn last(&self) -> i64 {
        // An export is far smaller than 2^63 lines.
        self.first + i64::try_from(self.hashes.len()).unwrap_or(i64::MAX) - 1
    }

    fn entry(&mut self, entry: &Entry, hash: &str, text: &str) -> Result<(), Wrong> {
        let seq = entry.seq;
        let prev: Hash =
            unhex(&entry.prev_hash).ok_or_else(|| Wrong::Malformed("prev_hash is no SHA-256".to_owned()))?;
        if self.hashes.is_empty() {
            if seq < 1 {
                return Err(Wrong::Order { expected: 1, found: seq });
            }
            if seq == 1 && prev != GENESIS {
                return Err(Wrong::Link { seq });
            }
            (self.first, self.before) = (seq, prev);
        }
        let expected = self.last() + 1;
        if seq > expected {
            return Err(Wrong::Gap { expected, found: seq });
        } else if seq < expected {
            return Err(Wrong::Order { expected, found: seq });
        }
        let computed = sha256(text.as_bytes());
        if unhex(hash) != Some(computed) {
            return Err(Wrong::Content { seq });
        }
        if prev != *self.hashes.last().unwrap_or(&self.before) {
            return Err(Wrong::Link { seq });
        }
        self.hashes.push(computed);
        // Those that came before their entry.
        let mut known = self.checkpoints.get(&seq).into_iter().flatten();
        known.try_for_each(|(_, checkpoint)| self.compare(checkpoint))
    }

    fn checkpoint(&mut self, signed: &Signed, signature: &str) -> Result<(), Wrong> {
        let malformed = || Wrong::Malformed("no checkpoint".to_owned());
        let checkpoint = Checkpoint {
            company: signed.company,
            seq: signed.seq,
            hash: unhex(&signed.hash).ok_or_else(malformed)?,
            at: Timestamp::from_micros(signed.at),
            key: unhex(&signed.key).ok_or_else(malformed)?,
        };
        let signature: [u8; 64] = unhex(signature).ok_or_else(malformed)?;
        if signed.v != super::CHECKPOINT || !checkpoint.is_signed(&signature) {
            return Err(Wrong::Signature { seq: checkpoint.seq });
        }
        if !self.trusted.is_empty() && !self.trusted.contains(&checkpoint.key) {
            return Err(Wrong::Key { seq: checkpoint.seq, key: hex(&checkpoint.key) });
        }
        self.compare(&checkpoint)?;
        self.checkpoints.entry(checkpoint.seq).or_default().push((self.line, checkpoint));
        Ok(())
    }

    /// The hash at a position, as far as the export tells.
    fn hash_at(&self, seq: i64) -> Option<Hash> {
        if self.hashes.is_empty() || seq < self.first - 1 {
            return None;
        }
        match usize::try_from(seq - self.first) {
            Ok(place) => self.hashes.get(place).copied(),
            Err(_) => Some(self.before),
        }
    }

    fn compare(&self, checkpoint: &Checkpoint) -> Result<(), Wrong> {
        match self.hash_at(checkpoint.seq) {
            Some(hash) if hash != checkpoint.hash => Err(Wrong::Rewritten { seq: checkpoint.seq, at: checkpoint.at }),
            _ => Ok(()),
        }
    }

    /// After the last line.
    ///
    /// # Errors
    /// What is missing at the end, or everything.
    pub fn finish(self) -> Result<Report, Fault> {
        let fault = |wrong| Fault { line: self.line + 1, wrong };
        let (Some(company), Some(hash)) = (self.company, self.hashes.last().copied()) else {
            return Err(fault(Wrong::Empty));
        };
        let last = self.last();
        let all = || self.checkpoints.values().flatten();
        if let Some((_, late)) = all().find(|(_, checkpoint)| checkpoint.seq > last) {
            return Err(fault(Wrong::Tail { last, seq: late.seq, at: late.at }));
        }
        // One that stood before the first entry could not be compared when it came.
        for (line, checkpoint) in all() {
            self.compare(checkpoint).map_err(|wrong| Fault { line: *line, wrong })?;
        }
        let covering = || all().filter(|(_, checkpoint)| checkpoint.seq >= self.first);
        Ok(Report {
            company,
            first: self.first,
            last,
            hash,
            is_anchored: self.first == 1 || self.checkpoints.contains_key(&(self.first - 1)),
            checkpoints: covering().count(),
            covered: covering().next_back().map(|(_, checkpoint)| (checkpoint.seq, checkpoint.at)),
            keys: all().map(|(_, checkpoint)| checkpoint.key).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::{
        super::{AuditKey, checkpoint_line, entry_line, entry_text},
        *,
    };
    use crate::ids::{CorrelationId, UserId};

    fn company() -> CompanyId {
        CompanyId::from_uuid(Uuid::from_u128(7))
    }

    fn key() -> AuditKey {
        AuditKey::new([1; 32])
    }

    fn checkpoint(seq: i64, hash: Hash, key: &AuditKey) -> String {
        let (checkpoint, signature) = key.sign(company(), seq, hash, Timestamp::from_millis(5_000));
        checkpoint_line(&checkpoint, &signature)
    }

    /// Entries `first..=last` behind `prev`, with their hashes.
    fn chain(first: i64, last: i64, mut prev: Hash, word: &str) -> Vec<(String, Hash)> {
        (first..=last)
            .map(|seq| {
                let text = entry_text(
                    company(),
                    seq,
                    "message.delete",
                    Some(UserId::from_uuid(Uuid::from_u128(9))),
                    "msg_x",
                    &json!({ "word": word, "n": seq, "deep": { "list": [null, true, "ü\n\"" ] } }),
                    Some(CorrelationId::from_uuid(Uuid::from_u128(3))),
                    Timestamp::from_millis(1_000 + seq),
                    &prev,
                )
                .unwrap();
                prev = sha256(text.as_bytes());
                (entry_line(&text, &prev), prev)
            })
            .collect()
    }

    /// Six entries, signed after the third and the sixth.
    fn good() -> Vec<String> {
        let entries = chain(1, 6, GENESIS, "w");
        let mut lines: Vec<String> = entries.iter().map(|(line, _)| line.clone()).collect();
        lines.push(checkpoint(6, entries[5].1, &key()));
        lines.insert(3, checkpoint(3, entries[2].1, &key()));
        lines
    }

    fn verify(lines: &[String]) -> Result<Report, Fault> {
        let mut verifier = Verifier::new(BTreeSet::from([key().public()]));
        lines.iter().try_for_each(|line| verifier.line(line))?;
        verifier.finish()
    }

    fn wrong(lines: &[String]) -> Wrong {
        verify(lines).expect_err("it was taken").wrong
    }

    #[test]
    fn a_whole_export_is_whole() {
        let report = verify(&good()).unwrap();
        assert_eq!((report.first, report.last, report.checkpoints), (1, 6, 2));
        assert_eq!(report.covered, Some((6, Timestamp::from_millis(5_000))));
        assert!(report.is_anchored && report.keys == BTreeSet::from([key().public()]));
        assert_eq!(verify(&[]).unwrap_err().wrong, Wrong::Empty);
    }

    #[test]
    fn any_flipped_byte_is_found_in_its_line() {
        let lines = good();
        let (mut flips, mut unseen) = (0, Vec::new());
        for (n, line) in lines.iter().enumerate() {
            for place in 0..line.len() {
                for bit in [1_u8, 4, 32] {
                    let mut bytes = line.clone().into_bytes();
                    bytes[place] ^= bit;
                    let Ok(flipped) = String::from_utf8(bytes) else { continue };
                    let mut changed = lines.clone();
                    changed[n] = flipped;
                    flips += 1;
                    match verify(&changed) {
                        Err(fault) if fault.line == n + 1 => {}
                        other => unseen.push((n, place, bit, other)),
                    }
                }
            }
        }
        assert!(flips > 5_000, "{flips}");
        assert!(unseen.is_empty(), "{unseen:?}");
    }

    #[test]
    fn each_field_of_an_entry_counts() {
        let lines = good();
        for (field, value) in [
            ("action", json!("message.edit")),
            ("actor", json!(null)),
            ("at", json!(1_000_001)),
            ("correlation", json!(null)),
            ("detail", json!({})),
            ("target", json!("msg_y")),
        ] {
            let mut line: Value = serde_json::from_str(&lines[1]).unwrap();
            line["entry"][field] = value;
            let mut changed = lines.clone();
            changed[1] = canonical::text(&line).unwrap();
            assert_eq!(wrong(&changed), Wrong::Content { seq: 2 }, "{field}");
        }
    }

    #[test]
    fn what_is_missing_or_moved_is_named() {
        let lines = good();
        let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat();
        assert_eq!(wrong(&without(1)), Wrong::Gap { expected: 2, found: 3 });
        assert_eq!(wrong(&without(1)).to_string(), "entry 3 stands where entry 2 is expected: 2 is missing");
        let mut swapped = lines.clone();
        swapped.swap(4, 5);
        assert_eq!(wrong(&swapped), Wrong::Gap { expected: 4, found: 5 });
        let mut twice = lines.clone();
        twice.insert(1, lines[0].clone());
        assert_eq!(wrong(&twice), Wrong::Order { expected: 2, found: 1 });
        // The tail, its checkpoint still there.
        let cut = [&lines[..5], &lines[7..]].concat();
        assert_eq!(wrong(&cut), Wrong::Tail { last: 4, seq: 6, at: Timestamp::from_millis(5_000) });
        // The head: nothing is said about what was before the first entry, and the report tells so.
        let tail = verify(&without(0)).unwrap();
        assert_eq!((tail.first, tail.is_anchored), (2, false));
        // Behind a checkpoint it is known after all.
        let tail = verify(&lines[3..]).unwrap();
        assert_eq!((tail.first, tail.is_anchored, tail.checkpoints), (4, true, 1));
        // Without the checkpoint that tells, a missing tail can't be seen: that is what other copies of it are for.
        assert_eq!(verify(&lines[..5]).unwrap().last, 4);
    }

    #[test]
    fn a_log_that_was_rewritten_is_told_by_its_links_or_its_checkpoints() {
        let lines = good();
        let first = chain(1, 3, GENESIS, "w");
        let forged = chain(2, 6, first[0].1, "forged");
        let mut replaced = lines.clone();
        replaced[1] = forged[0].0.clone();
        assert_eq!(wrong(&replaced), Wrong::Link { seq: 3 });
        let rewritten: Vec<String> = [&lines[..1]]
            .concat()
            .into_iter()
            .chain(forged[..2].iter().map(|(line, _)| line.clone()))
            .chain([lines[3].clone()])
            .collect();
        assert_eq!(wrong(&rewritten), Wrong::Rewritten { seq: 3, at: Timestamp::from_millis(5_000) });
        // The checkpoint may come from elsewhere, before or behind the entries.
        let mut before = rewritten.clone();
        before.rotate_right(1);
        assert_eq!(wrong(&before), Wrong::Rewritten { seq: 3, at: Timestamp::from_millis(5_000) });
    }

    #[test]
    fn a_forged_checkpoint_is_told() {
        let lines = good();
        let entries = chain(1, 6, GENESIS, "w");
        let other = AuditKey::new([2; 32]);
        let mut forged = lines.clone();
        forged[3] = checkpoint(3, entries[2].1, &other);
        assert_eq!(wrong(&forged), Wrong::Key { seq: 3, key: hex(&other.public()) });
        // With the right key's name on it.
        forged[3] = forged[3].replace(&hex(&other.public()), &hex(&key().public()));
        assert_eq!(wrong(&forged), Wrong::Signature { seq: 3 });
        // A true one of another entry.
        forged[3] = checkpoint(3, entries[3].1, &key());
        assert_eq!(wrong(&forged), Wrong::Rewritten { seq: 3, at: Timestamp::from_millis(5_000) });
        // Any key, when none is asked for.
        forged[3] = checkpoint(3, entries[2].1, &other);
        let mut verifier = Verifier::new(BTreeSet::new());
        for line in &forged {
            verifier.line(line).unwrap();
        }
        assert_eq!(verifier.finish().unwrap().keys.len(), 2);
    }

    #[test]
    fn two_companies_are_no_log() {
        let mut lines = good();
        let text = entry_text(
            CompanyId::from_uuid(Uuid::from_u128(8)),
            7,
            "a",
            None,
            "",
            &json!({}),
            None,
            Timestamp::from_millis(0),
            &GENESIS,
        )
        .unwrap();
        lines.push(entry_line(&text, &sha256(text.as_bytes())));
        assert_eq!(wrong(&lines), Wrong::Company);
        assert_eq!(wrong(&["{}".to_owned()]), Wrong::Malformed("fields are missing or unknown".to_owned()));
    }
}
