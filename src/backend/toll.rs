//! What a request weighs and where it comes from: read off the route before anybody is known, charged when the use case
//! knows whom to charge, told to the client in the answer's headers.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::bus::{Class, Standing};
use crate::ids::{CompanyId, ConversationId, UserId};

/// One request's toll. Clones are of the same request.
#[derive(Clone, Debug)]
pub struct Toll {
    class: Class,
    units: u32,
    operation: &'static str,
    address: Option<IpAddr>,
    known: Arc<Mutex<Known>>,
}

/// What becomes known of a request while it is served.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    told: Option<Standing>,
    payer: Option<(CompanyId, UserId)>,
    conversation: Option<ConversationId>,
    is_audited: bool,
}

impl Toll {
    /// Of `operation`, which weighs `units` of `class`. Without an address (a call from inside) nothing is counted by one.
    #[must_use]
    pub fn new(class: Class, units: u32, operation: &'static str, address: Option<IpAddr>) -> Self {
        Self { class, units, operation, address, known: Arc::default() }
    }

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// What it weighs.
    #[must_use]
    pub const fn units(&self) -> u32 {
        self.units
    }

    /// What is asked for.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Where it comes from, as it is counted: see [`network`].
    #[must_use]
    pub fn network(&self) -> Option<String> {
        self.address.map(network)
    }

    /// The neighbourhood of where it comes from: see [`neighbourhood`].
    #[must_use]
    pub fn neighbourhood(&self) -> Option<String> {
        self.address.map(neighbourhood)
    }

    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the tightest bucket stands that the client may know of.
    #[must_use]
    pub fn told(&self) -> Option<Standing> {
        self.known(|known| known.told)
    }

    /// Whose request it is, once that is known.
    #[must_use]
    pub fn payer(&self) -> Option<(CompanyId, UserId)> {
        self.known(|known| known.payer)
    }

    /// The conversation that it is about, if they see it.
    #[must_use]
    pub fn conversation(&self) -> Option<ConversationId> {
        self.known(|known| known.conversation)
    }

    /// Whether the audit log was told that it was refused.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.known(|known| known.is_audited)
    }

    /// The last word counts: a refusal comes after what was let pass.
    pub(super) fn tell(&self, standing: Standing) {
        self.known(|known| known.told = Some(standing));
    }

    pub(super) fn is_paid_by(&self, company: CompanyId, user: UserId) {
        self.known(|known| known.payer = Some((company, user)));
    }

    pub(super) fn is_about(&self, conversation: ConversationId) {
        self.known(|known| known.conversation = Some(conversation));
    }

    pub(super) fn is_in_the_audit_log(&self) {
        self.known(|known| known.is_audited = true);
    }
}

/// An address as it is counted: IPv4 whole, IPv6 by its /64, which is what one customer has. An IPv4 address that a socket of
/// both kinds writes as IPv6 is the IPv4 address: else all of them would share one /64.
#[must_use]
pub fn network(address: IpAddr) -> String {
    prefix(address, 32, 64)
}

/// The addresses around one: /24 and /48, which are what one office, one provider's pool or one rented rack has.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> String {
    prefix(address, 24, 48)
}

fn prefix(address: IpAddr, v4: u32, v6: u32) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{:08x}/{v4}", u32::from(address) & (u32::MAX << (32 - v4))),
        IpAddr::V6(address) => format!("{:032x}/{v6}", u128::from(address) & (u128::MAX << (128 - v6))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_network_however_many_addresses_they_have() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"), "as a socket of both kinds writes it");
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
        let near = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(near("192.0.2.1"), near("192.0.2.254"));
        assert_ne!(near("192.0.2.1"), near("192.0.3.1"));
        assert_eq!(near("2001:db8:1:2::1"), near("2001:db8:1:ffff::1"));
        assert_ne!(near("2001:db8:1::1"), near("2001:db8:2::1"));
    }
}
