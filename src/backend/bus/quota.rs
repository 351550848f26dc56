//! What is limited, and how much of it there is: classes of requests, buckets, quotas. The figures are in
//! [`crate::limits`]; `docs/api.md` shows them, and a test compares.

use crate::limits;

/// What kind of work a request is. Each has buckets of its own, so that a burst of one leaves room for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// One thing is read.
    Read,
    /// A page is read, or something is looked for.
    List,
    /// Something small is changed.
    Write,
    /// A message is sent or edited.
    Send,
    /// A company is administered.
    Admin,
    /// Much is calculated or read.
    Heavy,
    /// A password or an invitation is tried.
    SignIn,
    /// Nobody is known yet: tokens exchanged, documents, requests that are refused before it is asked whose they are.
    Public,
}

impl Class {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 8] =
        [Self::Read, Self::List, Self::Write, Self::Send, Self::Admin, Self::Heavy, Self::SignIn, Self::Public];

    /// Its name in headers and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Send => "send",
            Self::Admin => "admin",
            Self::Heavy => "heavy",
            Self::SignIn => "sign-in",
            Self::Public => "public",
        }
    }

    /// What one person may do; for sign-in and public requests, what one address may.
    #[must_use]
    pub const fn own(self) -> Quota {
        match self {
            Self::Read => Quota::per_minute(limits::REQUESTS_BURST, limits::REQUESTS_PER_MINUTE),
            Self::List => Quota::per_minute(limits::LISTS_BURST, limits::LISTS_PER_MINUTE),
            Self::Write => Quota::per_minute(limits::WRITES_BURST, limits::WRITES_PER_MINUTE),
            Self::Send => Quota::per_minute(limits::SEND_BURST, limits::SEND_PER_MINUTE),
            Self::Admin => Quota::per_minute(limits::ADMIN_BURST, limits::ADMIN_PER_MINUTE),
            Self::Heavy => Quota::per_minute(limits::HEAVY_BURST, limits::HEAVY_PER_MINUTE),
            Self::SignIn => Quota::per_minute(limits::SIGN_IN_ADDRESS_PER_MINUTE, limits::SIGN_IN_ADDRESS_PER_MINUTE),
            Self::Public => Quota::per_minute(limits::PUBLIC_BURST, limits::PUBLIC_PER_MINUTE),
        }
    }
}

/// How much there is of something: units in a burst, and the time after which one more is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Units in a burst.
    pub burst: u32,
    /// Microseconds per unit after that.
    pub step_us: u64,
}

impl Quota {
    /// A burst, and so many per minute after that.
    #[must_use]
    pub const fn per_minute(burst: u32, rate: u32) -> Self {
        Self { burst, step_us: 60_000_000 / rate as u64 }
    }

    /// So many in any `seconds`, roughly: all at once, and then evenly.
    #[must_use]
    pub const fn within(units: u32, seconds: u64) -> Self {
        Self { burst: units, step_us: seconds * 1_000_000 / units as u64 }
    }

    /// `factor` times as much.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        let step_us = self.step_us / factor as u64;
        Self { burst: self.burst.saturating_mul(factor), step_us: if step_us == 0 { 1 } else { step_us } }
    }

    /// So many percent of it, but never nothing.
    #[must_use]
    pub const fn percent(self, percent: u32) -> Self {
        let burst = self.burst.saturating_mul(percent) / 100;
        Self { burst: if burst == 0 { 1 } else { burst }, step_us: self.step_us * 100 / percent as u64 }
    }

    /// The seconds after which an emptied quota is whole again, rounded up.
    #[must_use]
    pub const fn window_s(self) -> u64 {
        (self.step_us * self.burst as u64).div_ceil(1_000_000)
    }
}

/// Something that is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// One person's requests of a class, in one company. An ERP's key is a person, too.
    Person(Class),
    /// All requests of a class in one company.
    Company(Class),
    /// All requests of a class from one network address.
    Address(Class),
    /// Embed tokens exchanged from one network address.
    EmbedAddress,
    /// Sign-ins to one account from one network address.
    SignInAccount,
    /// Failed sign-ins from one neighbourhood of addresses, to whatever accounts.
    SignInNeighbourhood,
    /// Failed sign-ins to one account from neighbourhoods that it was never signed in from.
    SignInElsewhere,
    /// Failed sign-ins to one account from one neighbourhood that it was signed in from.
    SignInFamiliar,
    /// Refusals of one person that the audit log is told of.
    Refusal,
    /// Copies of one text by one person.
    Duplicate,
    /// Links by one person.
    Links,
    /// People mentioned by one person.
    Mentions,
    /// Messages of a new member.
    Newcomer,
    /// Messages of one person in a conversation in slow mode.
    SlowMode,
}

impl Bucket {
    /// Part of its key in Redis.
    pub(super) const fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Person(class) => ("person", class.name()),
            Self::Company(class) => ("company", class.name()),
            Self::Address(class) => ("address", class.name()),
            Self::EmbedAddress => ("embed", "address"),
            Self::SignInAccount => ("sign-in", "account"),
            Self::SignInNeighbourhood => ("sign-in", "neighbourhood"),
            Self::SignInElsewhere => ("sign-in", "elsewhere"),
            Self::SignInFamiliar => ("sign-in", "familiar"),
            Self::Refusal => ("refusal", "person"),
            Self::Duplicate => ("duplicate", "person"),
            Self::Links => ("links", "person"),
            Self::Mentions => ("mentions", "person"),
            Self::Newcomer => ("newcomer", "person"),
            Self::SlowMode => ("slow-mode", "person"),
        }
    }

    /// Its name in `RateLimit` headers. What is a person's or an address's own has the plain name.
    #[must_use]
    pub fn policy(self) -> String {
        match self {
            Self::Person(class) | Self::Address(class @ (Class::SignIn | Class::Public)) => class.name().to_owned(),
            Self::Company(class) => format!("{}-company", class.name()),
            Self::Address(class) => format!("{}-address", class.name()),
            // One name for both: which of them it was tells where an account is at home.
            Self::SignInElsewhere | Self::SignInFamiliar => "sign-in-guesses".to_owned(),
            other => {
                let (what, whose) = other.key();
                format!("{what}-{whose}")
            }
        }
    }

    /// How much there is. `factor` is the operator's, and lifts what is shared: a person's own stays.
    #[must_use]
    pub const fn quota(self, factor: u32) -> Quota {
        match self {
            Self::Person(class) => class.own(),
            Self::Company(class) => class.own().times(limits::COMPANY_SHARE * factor),
            Self::Address(class @ (Class::SignIn | Class::Public)) => class.own().times(factor),
            Self::Address(class) => class.own().times(limits::ADDRESS_SHARE * factor),
            Self::EmbedAddress => Quota::per_minute(limits::EMBED_PER_MINUTE, limits::EMBED_PER_MINUTE).times(factor),
            Self::SignInAccount => Quota::per_minute(limits::SIGN_IN_PER_MINUTE, limits::SIGN_IN_PER_MINUTE),
            Self::SignInNeighbourhood => {
                let rate = limits::SIGN_IN_NEIGHBOURHOOD_PER_MINUTE;
                Quota::per_minute(rate, rate).times(factor)
            }
            Self::SignInElsewhere | Self::SignInFamiliar => {
                Quota::per_minute(limits::SIGN_IN_ELSEWHERE_BURST, limits::SIGN_IN_ELSEWHERE_PER_MINUTE)
            }
            Self::Refusal => Quota::per_minute(limits::AUDIT_REFUSALS_PER_MINUTE, limits::AUDIT_REFUSALS_PER_MINUTE),
            // What a company that says nothing has.
            Self::Duplicate => Quota::within(limits::DUPLICATES_MAX, limits::DUPLICATE_WINDOW_S as u64),
            Self::Links => Quota::within(limits::LINKS_PER_MINUTE, 60),
            Self::Mentions => Quota::within(limits::MENTIONS_PER_MINUTE, 60),
            Self::Newcomer => Class::Send.own().percent(limits::NEWCOMER_PERCENT),
            Self::SlowMode => Quota::within(1, limits::SLOW_MODE_S_MAX as u64),
        }
    }

    /// Whether it is told how much is left while there is enough. What is left of a company's share would tell a guest how
    /// much is being said where they may not listen; of what strangers share, who else tries, and which places an account knows.
    #[must_use]
    pub const fn is_told(self) -> bool {
        !matches!(
            self,
            Self::Company(_)
                | Self::Address(Class::SignIn)
                | Self::SignInNeighbourhood
                | Self::SignInElsewhere
                | Self::SignInFamiliar
        )
    }

    /// A sign-in that can't be counted is a free guess at a password.
    pub(super) const fn fails_closed(self) -> bool {
        matches!(
            self,
            Self::Address(Class::SignIn)
                | Self::SignInAccount
                | Self::SignInNeighbourhood
                | Self::SignInElsewhere
                | Self::SignInFamiliar
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_scales_and_never_vanishes() {
        let quota = Quota::per_minute(30, 120);
        assert_eq!((quota.window_s(), quota.step_us), (15, 500_000));
        assert_eq!(quota.times(100), Quota { burst: 3_000, step_us: 5_000 });
        assert_eq!(quota.percent(25), Quota { burst: 7, step_us: 2_000_000 });
        assert_eq!(quota.percent(1).burst, 1);
        assert_eq!(Quota::within(3, 300), Quota { burst: 3, step_us: 100_000_000 });
    }

    #[test]
    fn a_companys_share_is_not_told() {
        assert!(!Bucket::Company(Class::Send).is_told(), "it tells how much is said where one may not listen");
        assert!(Bucket::Person(Class::Send).is_told() && Bucket::Address(Class::Send).is_told());
    }

    #[test]
    fn every_bucket_has_a_name_of_its_own() {
        let mut all: Vec<Bucket> = Class::ALL
            .iter()
            .flat_map(|class| [Bucket::Person(*class), Bucket::Company(*class), Bucket::Address(*class)])
            .collect();
        all.extend([
            Bucket::EmbedAddress,
            Bucket::SignInAccount,
            Bucket::SignInNeighbourhood,
            Bucket::SignInElsewhere,
            Bucket::SignInFamiliar,
            Bucket::Refusal,
            Bucket::Duplicate,
            Bucket::Links,
            Bucket::Mentions,
            Bucket::Newcomer,
            Bucket::SlowMode,
        ]);
        let names: std::collections::HashSet<_> = all.iter().map(|bucket| bucket.key()).collect();
        assert_eq!(names.len(), all.len());
    }
}
