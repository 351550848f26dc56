//! What the views read and change.
//!
//! [`Shell`] lives as long as the page: who is signed in, the clock, what is said aloud. Everything that belongs to one
//! company is a [`Scope`], owned by one reactive owner that is dropped whole when the company or its epoch changes.

pub mod chips;
pub mod clock;
pub mod drafts;
pub mod keyed;
pub mod outbox;
pub mod rows;
pub mod scope;
pub mod words;
pub mod writing;

use postil::{
    domain::RecordKey,
    feed::Failure,
    ids::{CompanyId, UserId},
    wire::{CompanyMembership, Me},
};

use crate::{net::dom, react::RwSignal};

pub use clock::Clock;
pub use scope::{Scope, Ui};

/// Where the interface is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `/messages`: the whole window, by cookie.
    Page,
    /// `/widget` by cookie.
    Widget,
    /// `/widget` in a host's iframe, by token.
    Embedded,
}

/// How far signing in has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Session {
    /// It is not known yet.
    Waiting,
    /// Signed in, in a company.
    In(Box<Me>),
    /// There is no session, or it has ended.
    SignedOut,
    /// The membership in the company of that name has ended.
    Revoked(String),
    /// Another tab went to another company: this one shows nothing until it is loaded afresh.
    Locked {
        /// What this tab showed.
        from: String,
        /// Where the session is now, if known.
        to: Option<String>,
    },
    /// On the way to the company of that name. Nothing is loaded.
    Switching(String),
    /// Who is signed in could not be found out.
    Failed(Failure),
}

/// What lives as long as the page.
#[derive(Clone, Copy)]
pub struct Shell {
    /// How far signing in has come.
    pub session: RwSignal<Session>,
    /// What time it is, and whether this person's time zone is known.
    pub clock: RwSignal<Clock>,
    /// Where the interface is shown.
    pub surface: Surface,
    /// The record on the host's screen.
    pub record: RwSignal<Option<RecordKey>>,
    /// Whether the person is looking: the tab is visible and the panel open.
    pub looking: RwSignal<bool>,
    /// Whether the person has done anything here yet. Before that, nothing takes the keyboard.
    pub attended: RwSignal<bool>,
    /// Said by screen readers at the next pause.
    pub polite: RwSignal<String>,
    /// Said by screen readers at once.
    pub assertive: RwSignal<String>,
}

impl Shell {
    /// Names the session's state for the root view: it is built anew when this changes, and only then.
    #[must_use]
    pub fn session_key(self) -> u64 {
        self.session.with(|session| match session {
            Session::In(me) => keyed::key(&context(me)),
            Session::Waiting => 0,
            Session::SignedOut => 1,
            Session::Revoked(_) => 2,
            Session::Locked { to, .. } => 3 + u64::from(to.is_some()),
            Session::Switching(_) => 5,
            Session::Failed(_) => 6,
        })
    }

    /// Sees anew whether the person is looking.
    pub fn look_up(self) {
        self.looking.set(dom::tab_visible() && dom::panel_open());
    }

    /// Whether what is shown may take the keyboard: the person is here, and it is here already.
    #[must_use]
    pub fn may_focus(self) -> bool {
        self.attended.get_untracked() && dom::has_keyboard()
    }

    /// Ends what is shown.
    pub fn leave(self, session: Session) {
        self.session.set(session);
    }
}

/// What everything that is shown and cached belongs to.
#[must_use]
pub fn context(me: &Me) -> (UserId, CompanyId, u32) {
    (me.id, me.company_id, me.context_epoch)
}

/// The company that the session is in.
#[must_use]
pub fn company(me: &Me) -> Option<&CompanyMembership> {
    me.companies.iter().find(|company| company.id == me.company_id)
}

/// Its name.
#[must_use]
pub fn company_name(me: &Me) -> String {
    company(me).map(|company| company.name.clone()).unwrap_or_default()
}

/// The class that turns the accents to a hue.
#[must_use]
pub fn hue_class(hue: u16) -> String {
    format!("hue-{}", (hue + 7) / 15 % 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me(user: u32, company: u32, epoch: u32) -> Me {
        serde_json::from_value(serde_json::json!({
            "id": format!("usr_{user:032x}"), "name": "Ann", "email": "ann@acme.example", "locale": "en", "timeZone": "UTC",
            "sessionId": format!("ses_{:032x}", 9), "sessionKind": "embed",
            "companyId": format!("cmp_{company:032x}"), "contextEpoch": epoch, "companies": [],
        }))
        .expect("what the server answers")
    }

    #[test]
    fn what_is_shown_belongs_to_one_person_in_one_company_and_epoch() {
        let of = |user, company, epoch| context(&me(user, company, epoch));
        assert_eq!(of(1, 1, 0), of(1, 1, 0));
        for other in [of(2, 1, 0), of(1, 2, 0), of(1, 1, 1)] {
            assert_ne!(of(1, 1, 0), other);
        }
    }
}
