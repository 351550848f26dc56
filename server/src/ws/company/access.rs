//! Rights have changed: open sockets are judged again, at once.
//!
//! What a person could see before and can't see now is named in one `access.revoked`, computed from facts that the hub had
//! at hand, so that it names nothing which that person could not know. Where the hub does not have the facts, and wherever
//! a role or a policy changed, a `resync` follows: the client loads afresh, and the database answers with what is left.

use std::{collections::BTreeSet, sync::Arc};

use postil::{
    access::{Action, Policy, Resource, Rule},
    backend::store::LogEvent,
    clock::Timestamp,
    domain::{ConversationKind, RecordKey},
    ids::{ConversationId, UserId},
    limits,
    wire::ServerFrame,
};

use super::{Company, written};
use crate::ws::{
    ledger::{Audience, LedgerError, Member},
    sight::Sight,
};

/// The rules that decide what this member sees at that moment. Equal rules, kind, department and projects: equal sight.
fn rules(member: &Member, at: Timestamp) -> Vec<&Rule> {
    let seeing = [Action::ThreadRead, Action::MessageRead, Action::PresenceRead];
    member
        .policy
        .rules
        .iter()
        .filter(|rule| rule.roles.contains(&member.subject.role) || rule.users.contains(&member.subject.user))
        .filter(|rule| seeing.iter().any(|action| rule.actions.contains(action)))
        .filter(|rule| rule.conditions.hold_at(at))
        .collect()
}

fn sees_the_same(before: &Sight, now: &Sight) -> bool {
    let (a, b) = (before.member(), now.member());
    a.subject.kind == b.subject.kind
        && a.subject.department == b.subject.department
        && a.subject.projects == b.subject.projects
        && a.subject.narrowing.denials(before.at()) == b.subject.narrowing.denials(now.at())
        && rules(a, before.at()) == rules(b, now.at())
}

impl Company {
    pub(super) async fn access_changed(&mut self, event: &LogEvent) -> Result<(), LedgerError> {
        match (event.user, event.conversation, &event.record) {
            (Some(user), Some(conversation), _) => self.participation_changed(user, conversation, event.seq).await?,
            // Told by `members_changed`, several at once.
            (Some(_), None, _) => {}
            (None, _, Some(record)) => self.record_moved(&record.clone(), event.seq).await?,
            (None, _, None) => self.policy_changed(event.seq).await?,
        }
        // A membership that ended took its sessions with it.
        self.around.recheck.notify_one();
        Ok(())
    }

    /// Somebody was taken out of a conversation, or taken in again; or a moderator did something about what they wrote there,
    /// which they find when they load it.
    async fn participation_changed(
        &mut self,
        user: UserId,
        conversation: ConversationId,
        seq: i64,
    ) -> Result<(), LedgerError> {
        self.audiences.remove(&conversation);
        if !self.viewers.contains_key(&user) {
            return Ok(());
        }
        self.know_audiences(BTreeSet::from([conversation])).await?;
        let audience = self.audiences.get(&conversation).cloned().flatten();
        let cursor = self.cursor(seq);
        let frame = match (&audience, self.viewers.get_mut(&user)) {
            (Some(audience), Some(viewer)) => {
                if viewer.sight.conversation(audience) {
                    Some(ServerFrame::ConversationUpdated { cursor: cursor.clone(), conversation_id: conversation })
                } else if audience.kind == ConversationKind::Record {
                    // Seeing a record's conversation does not depend on taking part in it: nothing was withdrawn.
                    return Ok(());
                } else {
                    None
                }
            }
            _ => None,
        };
        let frame = frame.unwrap_or(ServerFrame::AccessRevoked {
            cursor,
            conversation_ids: vec![conversation],
            records: Vec::new(),
        });
        self.tell_person(user, &frame);
        Ok(())
    }

    /// Somebody's role, department, projects or membership changed, or what the access hook says of them; and of those whom the next
    /// events are about, too: all are read together.
    pub(super) async fn members_changed(&mut self, events: &[LogEvent]) -> Result<(), LedgerError> {
        let Some(last) = events.last() else { return Ok(()) };
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.shared.epoch.fetch_add(count, std::sync::atomic::Ordering::AcqRel);
        let users: BTreeSet<UserId> = events.iter().filter_map(|event| event.user).collect();
        self.read_again(&users.into_iter().collect::<Vec<_>>(), last.seq).await?;
        // A membership that ended took its sessions with it.
        self.around.recheck.notify_one();
        Ok(())
    }

    /// The company has another policy, or requires an access hook, or no longer does. Who is in which role did not change, so one
    /// reading of the policy serves everyone; what a hook takes is everyone's own, and one reading of everyone.
    async fn policy_changed(&mut self, seq: i64) -> Result<(), LedgerError> {
        let Some(someone) = self.viewers.keys().next().copied() else { return Ok(()) };
        let read = self.around.ledger.member(self.id, someone).await?;
        let narrowed = self.is_narrowed() || read.as_ref().is_some_and(|one| one.subject.narrowing.is_required());
        let Some(policy) = read.map(|member| member.policy).filter(|_| !narrowed) else {
            // Or that one's membership has ended, which an event of its own tells.
            let everyone: Vec<UserId> = self.viewers.keys().copied().collect();
            return self.read_again(&everyone, seq).await;
        };
        for user in self.viewers.keys().copied().collect::<Vec<_>>() {
            if let Some(viewer) = self.viewers.get(&user) {
                let subject = viewer.sight.member().subject.clone();
                self.judge_again(user, Member { subject, policy: Arc::clone(&policy) }, seq);
            }
        }
        Ok(())
    }

    /// A rule may have begun or ended since this was last asked: then everyone is judged as of now, as if the policy were
    /// another. Asked before anything else is judged, so that no event is told by a verdict that has run out.
    pub(super) fn time_passed(&mut self) {
        let now = self.judged_as_of();
        if self.turn.is_none_or(|turn| now < turn) {
            return;
        }
        self.turn = None;
        self.era = None;
        for user in self.viewers.keys().copied().collect::<Vec<_>>() {
            if let Some(viewer) = self.viewers.get(&user) {
                let member = viewer.sight.member().clone();
                self.judge_again(user, member, self.position);
            }
        }
        self.resync_those_who_need();
    }

    /// The moment that verdicts are as of: a little in the past, so that the database is there too, whose clock is another.
    pub(super) fn judged_as_of(&self) -> Timestamp {
        Timestamp::from_micros(self.around.clock.now().micros() - limits::CLOCK_MARGIN_MS * 1_000)
    }

    /// Remembers when this policy changes by itself, next and last.
    pub(super) fn keep_time(&mut self, policy: &Policy, at: Timestamp) {
        if let Some(next) = policy.next_change(at) {
            self.turn = Some(self.turn.map_or(next, |turn| turn.min(next)));
        }
        self.era = self.era.max(policy.last_change(at));
    }

    pub(super) fn judge_again(&mut self, user: UserId, mut member: Member, seq: i64) {
        let at = self.judged_as_of();
        member.subject.narrowing.lapse(self.around.clock.now());
        self.keep_time(&member.policy, at);
        let cursor = self.cursor(seq);
        let Some(viewer) = self.viewers.get_mut(&user) else { return };
        let mut before = core::mem::replace(&mut viewer.sight, Sight::new(member, at));
        self.keep_narrowing(user);
        let Some(viewer) = self.viewers.get_mut(&user) else { return };
        if sees_the_same(&before, &viewer.sight) {
            return;
        }
        let now = &mut viewer.sight;
        let conversation_ids: Vec<ConversationId> = self
            .audiences
            .values()
            .flatten()
            .filter(|audience| before.conversation(audience) && !now.conversation(audience))
            .map(|audience| audience.conversation)
            .collect();
        let records: Vec<RecordKey> = self
            .records
            .iter()
            .filter_map(|(key, resource)| Some((key, resource.as_ref()?)))
            .filter(|(_, resource)| before.saw_record(resource) && !now.saw_record(resource))
            .map(|(key, _)| key.clone())
            .collect();
        // Whoever becomes a guest showed people whom a guest may not meet.
        let estranged = now.member().is_guest() && !before.member().is_guest();
        let presence_lost = before.presence() && (!now.presence() || estranged);
        viewer.resync = true;
        if !conversation_ids.is_empty() || !records.is_empty() {
            self.tell_person(user, &ServerFrame::AccessRevoked { cursor, conversation_ids, records });
        }
        if presence_lost {
            self.presence_unknown_to(user);
        }
        if estranged && let Some(viewer) = self.viewers.get_mut(&user) {
            viewer.sockets.iter_mut().for_each(|socket| socket.watch = Box::default());
        }
    }

    /// What policies look at in a record (owner, department, project, state) has changed, or it is gone: for everyone.
    async fn record_moved(&mut self, key: &RecordKey, seq: i64) -> Result<(), LedgerError> {
        let about: Vec<Arc<Audience>> = self
            .audiences
            .values()
            .flatten()
            .filter(|audience| matches!(&audience.resource, Resource::Record { key: of, .. } if of == key))
            .cloned()
            .collect();
        let read = self.reread_record(key).await?;
        let now = self.records.get(key).cloned().flatten();
        // Facts that already are the new ones were read too late to tell what they were before.
        let before = about
            .first()
            .map(|audience| audience.resource.clone())
            .or(read)
            .filter(|before| Some(before) != now.as_ref());
        let conversation_ids: Vec<ConversationId> = about.iter().map(|audience| audience.conversation).collect();
        let frame =
            ServerFrame::AccessRevoked { cursor: self.cursor(seq), conversation_ids, records: vec![key.clone()] };
        let bytes = written(&frame);
        let mut viewers = core::mem::take(&mut self.viewers);
        for viewer in viewers.values_mut() {
            let sees = now.as_ref().is_some_and(|now| viewer.sight.saw_record(now));
            match &before {
                _ if sees => {
                    // Still there, but not to be read any more, or not known whether it was.
                    let reads = now.as_ref().is_some_and(|now| viewer.sight.read_about(now));
                    viewer.resync |= !reads && before.as_ref().is_none_or(|before| viewer.sight.read_about(before));
                }
                Some(before) if viewer.sight.saw_record(before) => {
                    Self::push(viewer, &bytes, || self.cursor(self.position));
                }
                Some(_) => {}
                // It may have been on this person's screen, or they may never have heard of it: its name stays untold.
                None => viewer.resync = true,
            }
        }
        self.viewers = viewers;
        Ok(())
    }

    fn tell_person(&mut self, user: UserId, frame: &ServerFrame) {
        let cursor = self.cursor(self.position);
        if let Some(viewer) = self.viewers.get_mut(&user) {
            Self::push(viewer, &written(frame), || cursor.clone());
        }
    }

    /// Sends the pending `resync`s: one each, however many events asked for it.
    pub(super) fn resync_those_who_need(&mut self) {
        if !self.viewers.values().any(|viewer| viewer.resync) {
            return;
        }
        let cursor = self.cursor(self.position);
        let bytes = written(&ServerFrame::Resync { cursor: cursor.clone() });
        for viewer in self.viewers.values_mut().filter(|viewer| viewer.resync) {
            viewer.resync = false;
            Self::push(viewer, &bytes, || cursor.clone());
        }
    }
}
