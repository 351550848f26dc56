//! One conversation: its summary as the server last told it, and what has been heard since.
//!
//! A summary from an answer and the frames around it overlap: the frame of a message may come before or after an answer
//! that counts it already. Positions tell them apart: [`ConversationSummary::last_seq`] says up to where the answer
//! counted, so only messages beyond it are added. Edits and deletes have no position of their own; where one may or may
//! not be in the count, the count is *unsure* and the summary is asked for again.

use crate::{
    clock::Timestamp,
    domain::RecordKey,
    ids::{ConversationId, MessageId, UserId},
    limits,
    wire::{ConversationDetail, ConversationRights, ConversationSummary, Message, MessagePreview, Notice, Participant},
};

use super::{
    desk::{Desk, Stamp},
    effect::Effect,
    input::{Failure, Load},
    map::{self, Map},
    timeline::Timeline,
};

/// A message beyond the summary's count.
#[derive(Debug)]
struct Recent {
    stamp: Stamp,
    own: bool,
    author: UserId,
    record: Option<RecordKey>,
    created_at: Timestamp,
    /// The last ticket drawn when it was last heard of.
    seen: u64,
}

/// The line shown under the title.
#[derive(Debug)]
struct Preview {
    line: MessagePreview,
    /// `None` when it comes from a summary, which names no position: then it is within the summary's count.
    seq: Option<i64>,
    /// `None` when it comes from a summary, which names no version.
    stamp: Option<Stamp>,
    record: Option<RecordKey>,
    seen: u64,
}

#[derive(Debug)]
pub(super) struct Conversation {
    pub id: ConversationId,
    pub base: Option<ConversationSummary>,
    /// The request that brought `base`.
    pub base_ticket: u64,
    /// The last ticket drawn when it arrived: later ones are certainly answered from a later state.
    base_seen: u64,
    /// The request that brought `participants` and `can`; 0 before.
    pub detail_ticket: u64,
    pub participants: Vec<Participant>,
    pub can: Option<ConversationRights>,
    /// Until when the viewer may not write.
    pub muted_until: Option<Timestamp>,
    pub notices: Vec<Notice>,
    /// How far people have read, as frames told: one may overtake the answer that names its person.
    receipts: Map<UserId, i64>,
    /// How far the viewer has read, or says so with a request under way.
    pub read_seq: i64,
    /// How far the server knows that.
    pub read_acked: i64,
    pub read_asked: bool,
    recent: Map<i64, Recent>,
    /// Messages whose edit or delete came as a frame, and its state: tells a duplicate from news.
    touched: Map<MessageId, Stamp>,
    preview: Option<Preview>,
    pub activity_at: Timestamp,
    /// The last ticket drawn when an edit or delete was heard of.
    changed_at: u64,
    /// The last ticket drawn when the count became uncertain; 0 when it is certain.
    pub unsure: u64,
    pub asked: Option<u64>,
    pub failure: Option<Failure>,
    pub open: bool,
    /// Who is writing, until when.
    pub typing: Map<UserId, Timestamp>,
    pub timeline: Timeline,
}

impl Conversation {
    pub fn new(id: ConversationId) -> Self {
        Self {
            id,
            base: None,
            base_ticket: 0,
            base_seen: 0,
            detail_ticket: 0,
            participants: Vec::new(),
            can: None,
            muted_until: None,
            notices: Vec::new(),
            receipts: Map::new(),
            read_seq: 0,
            read_acked: 0,
            read_asked: false,
            recent: Map::new(),
            touched: Map::new(),
            preview: None,
            activity_at: Timestamp::from_micros(i64::MIN),
            changed_at: 0,
            unsure: 0,
            asked: None,
            failure: None,
            open: false,
            typing: Map::new(),
            timeline: Timeline::default(),
        }
    }

    /// Whose messages about no record are folded.
    pub fn blocked(&self) -> &[UserId] {
        self.base.as_ref().map_or(&[], |base| &base.blocked_ids)
    }

    pub fn preview(&self) -> Option<&MessagePreview> {
        self.preview.as_ref().map(|preview| &preview.line)
    }

    /// Position of the newest message heard of.
    pub fn last_seq(&self) -> i64 {
        self.counted().max(self.recent.last().map_or(0, |(seq, _)| *seq))
    }

    fn counted(&self) -> i64 {
        self.base.as_ref().map_or(0, |base| base.last_seq)
    }

    /// Unread messages, bounded.
    pub fn unread(&self) -> u16 {
        let recent = map::entries_from(&self.recent, &self.read_seq.saturating_add(1));
        let recent = recent
            .filter(|(_, message)| {
                let is_folded = message.record.is_none() && self.blocked().contains(&message.author);
                !message.own && message.stamp.is_shown() && !is_folded
            })
            .take(usize::from(limits::UNREAD_COUNT_MAX));
        let recent = u16::try_from(recent.count()).unwrap_or(limits::UNREAD_COUNT_MAX);
        self.counted_unread().saturating_add(recent).min(limits::UNREAD_COUNT_MAX)
    }

    /// What of the summary's own count is left.
    fn counted_unread(&self) -> u16 {
        let Some(base) = &self.base else { return 0 };
        let last_seen = base.last.as_ref().and_then(|last| self.timeline.message(last.id));
        // The newest positions may be hidden: whoever has read the last message that they may see has read everything.
        let all_read = self.read_seq >= base.last_seq || last_seen.is_some_and(|last| self.read_seq >= last.seq);
        if all_read { 0 } else { base.unread }
    }

    /// Whether the viewer has read a part of what the summary counts, so that only the server knows what is left.
    fn is_partly_read(&self) -> bool {
        self.base.as_ref().is_some_and(|base| self.read_seq > base.read_seq) && self.counted_unread() > 0
    }

    /// Asks for the summary because the count is uncertain from now on. One request at a time: if one is under way that
    /// can't know yet, another follows its answer.
    pub fn want(&mut self, desk: &mut Desk, effects: &mut Vec<Effect>) {
        self.unsure = desk.ticket;
        self.ask(desk, effects);
    }

    pub fn ask(&mut self, desk: &mut Desk, effects: &mut Vec<Effect>) {
        if self.asked.is_none() {
            let ask = desk.draw();
            self.asked = Some(ask.ticket);
            effects.push(Effect::Load { ask, load: Load::Conversation { conversation: self.id } });
        }
    }

    /// Asks for the newest messages, or again for them.
    pub fn ask_messages(&mut self, desk: &mut Desk, effects: &mut Vec<Effect>) {
        let ask = desk.draw();
        self.timeline.keeps = true;
        self.timeline.asked = Some(ask.ticket);
        effects.push(Effect::Load { ask, load: Load::Messages { conversation: self.id, before: None } });
    }

    /// Asks for the next page of a thread.
    pub fn ask_thread(&mut self, root: MessageId, desk: &mut Desk, effects: &mut Vec<Effect>) {
        self.timeline.keeps = true;
        let thread = self.timeline.threads.entry(root).or_default();
        let ask = desk.draw();
        thread.wanted = true;
        thread.asked = Some(ask.ticket);
        thread.revision = desk.revision;
        effects
            .push(Effect::Load { ask, load: Load::Thread { conversation: self.id, root, after: thread.next.clone() } });
    }

    /// Forgets messages in doubt that nobody looks at and nobody is asking for.
    pub fn forget_stale(&mut self) {
        if !self.open && self.timeline.stale && self.timeline.asked.is_none() {
            self.timeline.reset();
        }
    }

    /// Says how far the viewer has read, one request at a time.
    pub fn tell_read(&mut self, desk: &mut Desk, effects: &mut Vec<Effect>) {
        if !self.read_asked && self.read_seq > self.read_acked {
            self.read_asked = true;
            effects.push(Effect::MarkRead { ask: desk.draw(), conversation: self.id, seq: self.read_seq });
        }
    }

    /// Someone has read up to `seq`.
    pub fn receipt(&mut self, user: UserId, seq: i64, desk: &mut Desk, effects: &mut Vec<Effect>) {
        let known = self.receipts.entry(user).or_default();
        *known = seq.max(*known);
        if let Some(one) = self.participants.iter_mut().find(|one| one.person.id == user) {
            one.read_seq = one.read_seq.max(seq);
        }
        if user == desk.viewer {
            self.has_read(seq, desk, effects);
        }
        self.timeline.revision = desk.revision;
    }

    /// The server knows that the viewer has read up to `seq`.
    pub fn has_read(&mut self, seq: i64, desk: &mut Desk, effects: &mut Vec<Effect>) {
        let news = seq > self.read_acked;
        self.read_acked = self.read_acked.max(seq);
        self.read_seq = self.read_seq.max(seq);
        self.prune();
        if news && self.is_partly_read() {
            self.want(desk, effects);
        }
    }

    /// Forgets what can't be unread any more, so that a conversation that is followed for days stays small.
    pub fn prune(&mut self) {
        let newest = self.recent.last().map(|(seq, _)| *seq);
        let read = self.read_seq;
        // The newest stays: it says how far the conversation has come.
        self.recent.retain(|seq, _| *seq > read || Some(*seq) == newest);
    }

    /// Takes a summary that answers the request `ticket`. Returns whether it was news.
    pub fn adopt(
        &mut self,
        summary: ConversationSummary,
        ticket: u64,
        desk: &mut Desk,
        effects: &mut Vec<Effect>,
    ) -> bool {
        // Two requests can overlap: then the one asked for later may have been served earlier, which positions tell.
        let overlaps = ticket <= self.base_seen && self.base_ticket > desk.barrier;
        if self.base.is_some() && (ticket < self.base_ticket || overlaps && summary.last_seq < self.counted()) {
            if self.unsure > 0 {
                self.ask(desk, effects);
            }
            return false;
        }
        // What was known before the request and is not in the answer is gone; what came after it is yet to be counted.
        self.recent.retain(|seq, recent| *seq > summary.last_seq && recent.seen >= ticket);
        self.activity_at =
            self.recent.values().map(|recent| recent.created_at).fold(summary.activity_at, Timestamp::max);
        self.read_seq = self.read_seq.max(summary.read_seq);
        self.read_acked = self.read_acked.max(summary.read_seq);
        let newer = self.preview.as_ref().is_some_and(|preview| {
            let same = summary.last.as_ref().is_some_and(|last| last.id == preview.line.id);
            preview.seen >= ticket && (same || preview.seq.is_some_and(|seq| seq > summary.last_seq))
        });
        if !newer {
            self.preview = summary.last.clone().map(|line| {
                let known = self.timeline.message(line.id);
                Preview {
                    stamp: self.touched.get(&line.id).copied(),
                    seq: known.map(|message| message.seq),
                    record: known.and_then(|message| message.link.as_ref()).map(|link| link.record.clone()),
                    line,
                    seen: ticket,
                }
            });
        }
        self.base = Some(summary);
        self.fold_preview();
        self.base_ticket = ticket;
        self.base_seen = desk.ticket;
        self.failure = None;
        if self.changed_at >= ticket || self.is_partly_read() && self.read_acked == self.read_seq {
            // An edit or delete was heard of after the request: whether the answer knows it can't be told.
            self.want(desk, effects);
        } else if self.unsure < ticket {
            self.unsure = 0;
        } else {
            self.ask(desk, effects);
        }
        true
    }

    pub fn adopt_detail(
        &mut self,
        detail: ConversationDetail,
        ticket: u64,
        desk: &mut Desk,
        effects: &mut Vec<Effect>,
    ) {
        if self.asked == Some(ticket) {
            self.asked = None;
        }
        if !self.adopt(detail.summary, ticket, desk, effects) {
            return;
        }
        self.participants = detail.participants;
        for one in &mut self.participants {
            // Pointers never move back, and a frame may have overtaken the answer.
            one.read_seq = one.read_seq.max(self.receipts.get(&one.person.id).copied().unwrap_or(0));
        }
        self.can = Some(detail.can);
        self.muted_until = detail.muted_until;
        self.notices = detail.notices;
        self.detail_ticket = ticket;
        self.timeline.revision = desk.revision;
    }

    /// Hears of a message, from a frame or from an answer.
    pub fn hear(&mut self, message: &Message, framed: bool, desk: &mut Desk, effects: &mut Vec<Effect>) {
        let stamp = Stamp::of(message);
        let before = self.touched.get(&message.id).copied();
        if before.is_some_and(|before| stamp < before || framed && stamp == before) {
            return;
        }
        let known = before.or_else(|| self.timeline.message(message.id).map(Stamp::of));
        if framed && stamp > Stamp::FIRST {
            self.touched.insert(message.id, stamp);
            self.changed_at = desk.ticket;
        }
        let record = message.link.as_ref().map(|link| &link.record);
        let counted = self.base.is_some() && message.seq <= self.counted();
        if !counted {
            let recent = Recent {
                stamp,
                own: desk.is_own(message),
                author: message.author.id,
                record: record.cloned(),
                created_at: message.created_at,
                seen: desk.ticket,
            };
            self.activity_at = self.activity_at.max(message.created_at);
            match self.recent.get_mut(&message.seq) {
                Some(old) if old.stamp > stamp => old.seen = desk.ticket,
                Some(old) => *old = recent,
                None => {
                    self.recent.insert(message.seq, recent);
                }
            }
        } else if framed && message.seq > self.read_seq && !desk.is_own(message) {
            let deleted = stamp.is_tombstone() && self.counted_unread() > 0;
            let restored = !stamp.is_tombstone() && known.is_some_and(Stamp::is_tombstone);
            // Hidden, it is not counted; restored, it is again.
            let moderated = stamp.moderated() != known.map_or(0, Stamp::moderated);
            if deleted || restored || moderated {
                self.want(desk, effects);
            }
        }
        self.show_preview(message, stamp, counted, desk, effects);
    }

    fn show_preview(
        &mut self,
        message: &Message,
        stamp: Stamp,
        counted: bool,
        desk: &mut Desk,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(shown) = &mut self.preview
            && shown.line.id == message.id
        {
            shown.seen = desk.ticket;
            shown.seq = Some(message.seq);
            shown.record = message.link.as_ref().map(|link| link.record.clone());
            if shown.stamp.is_some_and(|known| stamp <= known) {
                return;
            }
            if shown.stamp.is_none() && shown.line.deleted && !stamp.is_tombstone() {
                // Restored, or merely late: showing a deleted text again must not be a guess.
                if stamp > Stamp::FIRST {
                    self.want(desk, effects);
                }
                return;
            }
        } else if counted || self.preview.as_ref().and_then(|shown| shown.seq).is_some_and(|seq| seq > message.seq) {
            return;
        }
        let blocked = message.link.is_none() && self.blocked().contains(&message.author.id);
        let line = MessagePreview {
            id: message.id,
            author_id: message.author.id,
            author_name: message.author.name.clone(),
            text: if blocked { String::new() } else { message.text.preview() },
            created_at: message.created_at,
            deleted: stamp.is_tombstone(),
            blocked,
        };
        let record = message.link.as_ref().map(|link| link.record.clone());
        self.preview = Some(Preview { line, seq: Some(message.seq), stamp: Some(stamp), record, seen: desk.ticket });
    }

    /// A line that came before the summary did not know whom the viewer has blocked.
    fn fold_preview(&mut self) {
        let Self { preview: Some(preview), base: Some(base), .. } = self else { return };
        // Lines from a summary say themselves whether they are folded.
        if preview.seq.is_none() {
            return;
        }
        let line = &mut preview.line;
        if preview.record.is_none() && base.blocked_ids.contains(&line.author_id) {
            line.text.clear();
            line.blocked = true;
        } else if line.blocked
            && let Some(last) = base.last.as_ref().filter(|last| last.id == line.id)
        {
            // Let in again: the text was never kept here.
            (line.text, line.blocked) = (last.text.clone(), last.blocked);
        }
    }

    /// The records `gone` may no longer be seen: drops what counts or quotes messages about them.
    pub fn withdraw(&mut self, gone: &[RecordKey]) {
        self.recent.retain(|_, recent| recent.record.as_ref().is_none_or(|record| !gone.contains(record)));
        // A line from a summary does not say what it is about: hidden until the server has said that it may be shown.
        if let Some(preview) = &self.preview
            && (preview.seq.is_none() || preview.record.as_ref().is_some_and(|record| gone.contains(record)))
        {
            self.preview = None;
        }
    }

    /// Whether the conversation is about one of these records.
    pub fn is_about(&self, records: &[RecordKey]) -> bool {
        let about = self.base.as_ref().and_then(|base| base.record.as_ref());
        about.is_some_and(|about| records.iter().any(|record| record.kind == about.kind && record.id == about.id))
    }
}
