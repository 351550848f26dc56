//! Every key and channel that Postil uses in Redis. Company keys carry the hash tag `{c:<company>}`, so that one company
//! sits on one shard and its scripts and channels stay together. Rate buckets carry one tag for all: a request takes from its
//! person's, its company's and its address's at once, and a script reaches one shard only.

use crate::ids::CompanyId;

/// A key, a channel, or the beginning of keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// Channel: pointers and whispers of a company.
    Events(CompanyId),
    /// Beginning of a person's leases (hash): the person's id follows.
    Leases(CompanyId),
    /// Who is to be looked at again, by when their next lease ends (sorted set).
    Due(CompanyId),
    /// Who is online, by since when (sorted set).
    Online(CompanyId),
    /// A rate bucket: its name and the digest of whom it is about.
    Rate((&'static str, &'static str), [u8; 16]),
    /// What says that something was paid for.
    Receipt([u8; 16]),
    /// Who was here.
    Familiar([u8; 16]),
}

impl Key {
    /// The key under `prefix`, which keeps tests (and installations that share a Redis) apart.
    pub(super) fn name(self, prefix: &str) -> String {
        match self {
            Self::Events(company) => format!("{prefix}{{c:{company}}}:events"),
            Self::Leases(company) => format!("{prefix}{{c:{company}}}:p:"),
            Self::Due(company) => format!("{prefix}{{c:{company}}}:due"),
            Self::Online(company) => format!("{prefix}{{c:{company}}}:online"),
            Self::Rate((what, whose), whom) => {
                format!("{prefix}{{rate}}:{what}:{whose}:{:032x}", u128::from_be_bytes(whom))
            }
            Self::Receipt(what) => format!("{prefix}{{rate}}:receipt:{:032x}", u128::from_be_bytes(what)),
            Self::Familiar(whom) => format!("{prefix}{{rate}}:familiar:{:032x}", u128::from_be_bytes(whom)),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_companys_keys_share_their_hash_tag_and_no_one_elses() {
        let tag = |key: Key| {
            let name = key.name("t:");
            name[name.find('{').unwrap()..=name.find('}').unwrap()].to_owned()
        };
        let (a, b) = (CompanyId::from_uuid(Uuid::from_u128(1)), CompanyId::from_uuid(Uuid::from_u128(2)));
        for key in [Key::Leases(a), Key::Due(a), Key::Online(a)] {
            assert_eq!(tag(key), tag(Key::Events(a)));
            assert!(key.name("t:").starts_with("t:"));
        }
        assert_ne!(tag(Key::Events(a)), tag(Key::Events(b)));
    }
}
