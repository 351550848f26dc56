//! What lives as long as an administration page.

use std::sync::Arc;

use postil::{
    clock::Timestamp,
    feed::Failure,
    ids::{CompanyId, UserId},
    wire::{AdminRights, Code, Me},
};
use serde::de::DeserializeOwned;

use crate::{
    net::{
        api::{self, Call},
        dom,
    },
    node::Node,
    react::RwSignal,
    state::Clock,
};

/// Why nothing is shown any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The session has ended.
    SignedOut,
    /// The session is in another company, or another person's: what was shown is not of it.
    Elsewhere,
    /// This person may no longer see the section.
    NotAllowed,
}

/// Builds an open dialog.
pub type Build = Arc<dyn Fn() -> Node + Send + Sync>;

/// See the module.
#[derive(Clone, Copy)]
pub struct Desk {
    /// The company that is administered.
    pub company: CompanyId,
    /// Who does.
    pub viewer: UserId,
    /// What they may: pages offer nothing else. Each use case judges anew.
    pub rights: AdminRights,
    /// What time it is.
    pub clock: RwSignal<Clock>,
    /// Why nothing is shown any more.
    pub over: RwSignal<Option<Over>>,
    /// What has just been done.
    pub notice: RwSignal<String>,
    /// What is open over the page.
    pub dialog: RwSignal<Option<Build>>,
}

impl Desk {
    /// The page's desk.
    #[must_use]
    pub fn new(me: &Me, rights: AdminRights, now: Timestamp) -> Self {
        Self {
            company: me.company_id,
            viewer: me.id,
            rights,
            clock: RwSignal::new(Clock { now, local: false }),
            over: RwSignal::new(None),
            notice: RwSignal::new(String::new()),
            dialog: RwSignal::new(None),
        }
    }

    /// Makes a call about this company. An ended session, or one that is elsewhere by now, ends what is shown.
    ///
    /// # Errors
    /// The server's problem, or [`Failure::Network`].
    pub async fn call<T: DeserializeOwned>(self, call: Call) -> Result<T, Failure> {
        let answer = api::plain(self.company, call).await;
        if let Err(Failure::Problem(problem)) = &answer {
            match problem.code {
                Code::Unauthenticated => self.end(Over::SignedOut),
                Code::CompanyContextChanged => self.end(Over::Elsewhere),
                _ => {}
            }
        }
        answer
    }

    /// Nothing of what was shown stays. What was said and asked last goes with it: both name people.
    pub fn end(self, over: Over) {
        self.over.set(Some(over));
        self.notice.set(String::new());
        self.dialog.set(None);
    }

    /// Opens a dialog.
    pub fn open(self, build: impl Fn() -> Node + Send + Sync + 'static) {
        self.dialog.set(Some(Arc::new(build)));
    }

    /// Says what has been done.
    pub fn say(self, what: impl Into<String>) {
        self.notice.set(what.into());
    }

    /// Runs in the browser: times turn local, and follow.
    pub fn wake(self) {
        self.clock.set(Clock { now: dom::now(), local: true });
        dom::after(60_000, move || self.wake());
    }
}
