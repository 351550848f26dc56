//! Answers of the access hook run out. Before one does, the hook is asked anew beside the company's task; whoever it leaves
//! without an answer sees nothing from that moment on, whether anybody could be told or not.

use postil::{access::Narrowing, clock::Timestamp, ids::UserId, limits, wire::CloseCode};

use super::{Company, Viewer};
use crate::ws::ledger::{LedgerError, Member};

/// What became of a question: about whom, the epoch from before it was asked, and the member with the answer.
pub(super) type Renewed = (UserId, u64, Result<Option<Member>, LedgerError>);

/// When a viewer's answer is to be seen to.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// When the hook is to be asked again; `None`: never, or it is being asked.
    asks_at: Option<Timestamp>,
    /// When the answer runs out; `None`: it has, or there is none to run out.
    lapses_at: Option<Timestamp>,
    /// Being asked.
    asking: bool,
}

impl Renewal {
    fn next(&self) -> Option<Timestamp> {
        [self.asks_at, self.lapses_at].into_iter().flatten().min()
    }
}

impl Viewer {
    /// After the viewer was judged: when to see to their answer.
    fn plan(&mut self, now: Timestamp) {
        let (asks_at, lapses_at) = match &self.sight.member().subject.narrowing {
            Narrowing::None => (None, None),
            Narrowing::Answered { until, .. } if now < *until => {
                (Some(until.plus_s(-limits::HOOK_RENEW_S).max(now)), Some(*until))
            }
            Narrowing::Answered { .. } | Narrowing::Unanswered => (Some(now), None),
        };
        self.renewal.asks_at = asks_at.filter(|_| !self.renewal.asking);
        self.renewal.lapses_at = lapses_at;
    }
}

impl Company {
    /// Whether anybody's sight hangs on a hook.
    pub(super) fn is_narrowed(&self) -> bool {
        self.viewers.values().any(|viewer| viewer.sight.member().subject.narrowing.is_required())
    }

    /// Remembers when to see to this viewer's answer.
    pub(super) fn keep_narrowing(&mut self, user: UserId) {
        let now = self.judged_as_of();
        if let Some(viewer) = self.viewers.get_mut(&user) {
            viewer.plan(now);
            self.narrowings_due = [self.narrowings_due, viewer.renewal.next()].into_iter().flatten().min();
        }
    }

    /// Asks for the answers that are about to run out, and judges those again whose answer has.
    pub(super) fn see_to_narrowings(&mut self) {
        let now = self.judged_as_of();
        if self.narrowings_due.is_none_or(|due| now < due) {
            return;
        }
        let mut lapsed = Vec::new();
        let epoch = self.shared.epoch.load(std::sync::atomic::Ordering::Acquire);
        for (user, viewer) in &mut self.viewers {
            let (user, renewal) = (*user, &mut viewer.renewal);
            if renewal.asks_at.is_some_and(|at| at <= now) {
                (renewal.asks_at, renewal.asking) = (None, true);
                let (ledger, company) = (std::sync::Arc::clone(&self.around.ledger), self.id);
                self.renewals.spawn(async move { (user, epoch, ledger.renew(company, user).await) });
            }
            if renewal.lapses_at.is_some_and(|at| at <= now) {
                lapsed.push((user, viewer.sight.member().clone()));
            }
        }
        for (user, member) in lapsed {
            self.judge_again(user, member, self.position);
        }
        self.narrowings_due = self.viewers.values().filter_map(|viewer| viewer.renewal.next()).min();
        self.resync_those_who_need();
    }

    /// The hook has answered about somebody, or has not.
    pub(super) async fn renewed(&mut self, (user, epoch, answer): Renewed) {
        let Some(viewer) = self.viewers.get_mut(&user) else { return };
        viewer.renewal.asking = false;
        let mut answer = answer;
        if answer.is_ok() && epoch != self.shared.epoch.load(std::sync::atomic::Ordering::Acquire) {
            // Rights have changed since it was asked: what came back may be from before.
            answer = self.around.ledger.member(self.id, user).await;
        }
        match answer {
            Ok(Some(member)) => self.judge_again(user, member, self.position),
            Ok(None) => return self.end_where(|who, _| who == user, &CloseCode::AccessRevoked.into()),
            Err(error) => tracing::debug!(company = %self.id, %error, "the access hook was not reached for a socket"),
        }
        // Never at once again: neither a hook that is away nor a clock that is off makes this a busy loop.
        let soon = Timestamp::from_micros(self.judged_as_of().micros() + limits::HOOK_RETRY_MS * 1_000);
        if let Some(viewer) = self.viewers.get_mut(&user)
            && viewer.sight.member().subject.narrowing.is_required()
        {
            let asks_at = viewer.renewal.asks_at.map_or(soon, |at| at.max(soon));
            viewer.renewal.asks_at = Some(asks_at);
            self.narrowings_due = Some(self.narrowings_due.map_or(asks_at, |due| due.min(asks_at)));
        }
        self.resync_those_who_need();
    }
}
