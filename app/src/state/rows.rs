//! The rows of an open conversation: threads, laid flat in the order in which they are shown. Pure, so that what is on
//! screen can be tested without a browser.

use postil::{
    clock::Timestamp,
    domain::{LinkSource, text::Document},
    feed::{Change, Content, Delivery, Failure, Item, ItemKey, ThreadView, TimelineView},
    ids::{MessageId, UserId},
    wire::{ConversationRights, MessageLink, Person},
};

use super::Clock;

/// Levels that are shown by rails; deeper replies name what they answer.
pub const RAILS_MAX: u8 = 3;
/// Messages of one author within this time share the header.
const TOGETHER_S: i64 = 300;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A day begins.
    Day(i64, Timestamp),
    /// From here on, what was new when the conversation was opened.
    New,
    /// A message.
    Message(Box<MessageRow>),
    /// More replies of a thread can be loaded.
    More {
        /// The beginning of the thread.
        root: MessageId,
        /// How many are not loaded.
        left: usize,
        /// Whether they are on their way.
        loading: bool,
    },
    /// The composer for a reply to this message.
    Reply(MessageId, u8),
}

/// What stays the same while a row changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RowKey {
    /// A day.
    Day(i64),
    /// The divider.
    New,
    /// A message.
    Message(ItemKey),
    /// The line for more replies.
    More(MessageId),
    /// The reply composer.
    Reply(MessageId),
}

/// How far a message has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Done.
    Settled,
    /// A send, edit or delete is under way.
    Busy(&'static str),
    /// It waits, and will be sent by itself.
    Waiting,
    /// A send failed.
    SendFailed(Failure),
    /// An edit or delete failed.
    ChangeFailed(Failure),
}

/// A message as it is shown.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each says one independent thing about how it is shown")]
pub struct MessageRow {
    /// For keyed lists.
    pub key: ItemKey,
    /// Its id, once it has one.
    pub id: Option<MessageId>,
    /// Its position, once it has one.
    pub seq: Option<i64>,
    /// What it answers.
    pub parent: Option<MessageId>,
    /// 0 for the beginning of a thread.
    pub depth: u8,
    /// Whether the header is shown.
    pub head: bool,
    /// For replies too deep for a rail: who is answered, and how that message begins.
    pub context: Option<(String, String)>,
    /// Who wrote it.
    pub author: Person,
    /// Whether the viewer did.
    pub own: bool,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: Document,
    /// The record that its author linked.
    pub link: Option<MessageLink>,
    /// Whether it was edited, and when.
    pub edited_at: Option<Timestamp>,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// Whether a moderator hid it.
    pub hidden: bool,
    /// Whether it is folded, because its author is blocked.
    pub blocked: bool,
    /// Whether it was new when the conversation was opened.
    pub new: bool,
    /// Loaded replies below it.
    pub replies: usize,
    /// Hidden replies, with the last one's author and time, if its branch is collapsed.
    pub folded: Option<(usize, String, Timestamp)>,
    /// How far it has come.
    pub progress: Progress,
    /// Whether the viewer may answer, edit, delete it.
    pub can: (bool, bool, bool),
}

/// What rows depend on besides the messages.
#[derive(Clone, Debug)]
pub struct Lens<'a> {
    /// Who looks.
    pub viewer: UserId,
    /// What they may do.
    pub can: Option<ConversationRights>,
    /// Whose messages about no record are folded.
    pub blocked: &'a [UserId],
    /// Folded messages that are shown all the same.
    pub unfolded: &'a [MessageId],
    /// Branches that are collapsed.
    pub collapsed: &'a [MessageId],
    /// The message that is being answered.
    pub reply_to: Option<MessageId>,
    /// Position up to which the viewer had read when they opened the conversation.
    pub divider: i64,
    /// What time it is.
    pub clock: Clock,
    /// The company's edit window.
    pub edit_window_s: u32,
}

impl Row {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> RowKey {
        match self {
            Self::Day(day, _) => RowKey::Day(*day),
            Self::New => RowKey::New,
            Self::Message(row) => RowKey::Message(row.key.clone()),
            Self::More { root, .. } => RowKey::More(*root),
            Self::Reply(parent, _) => RowKey::Reply(*parent),
        }
    }
}

/// The rows of a timeline.
#[must_use]
pub fn rows(timeline: &TimelineView<'_>, lens: &Lens<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut day = None;
    let mut divided = false;
    for thread in &timeline.threads {
        let at = thread.root.at();
        let today = lens.clock.day(at);
        if day != Some(today) {
            day = Some(today);
            rows.push(Row::Day(today, at));
        }
        thread_rows(thread, lens, &mut rows, &mut divided);
    }
    for item in &timeline.unplaced {
        push(&mut rows, item, None, lens, &mut divided);
    }
    rows
}

/// The rows of one thread, shown by itself.
#[must_use]
pub fn alone(thread: &ThreadView<'_>, lens: &Lens<'_>) -> Vec<Row> {
    let at = thread.root.at();
    let mut rows = vec![Row::Day(lens.clock.day(at), at)];
    thread_rows(thread, lens, &mut rows, &mut true);
    rows
}

fn thread_rows(thread: &ThreadView<'_>, lens: &Lens<'_>, rows: &mut Vec<Row>, divided: &mut bool) {
    let items: Vec<&Item<'_>> = core::iter::once(&thread.root).chain(&thread.replies).collect();
    let mut at = 0;
    while at < items.len() {
        let item = items[at];
        let parent = item.parent.and_then(|id| items[..at].iter().rev().find(|other| other.id() == Some(id)));
        push(rows, item, parent.copied(), lens, divided);
        let hidden = item.descendants.min(items.len() - at - 1);
        if hidden > 0 && item.id().is_some_and(|id| lens.collapsed.contains(&id)) {
            let last = items[at + 1..=at + hidden].iter().max_by_key(|item| item.at());
            if let (Some(Row::Message(row)), Some(last)) = (rows.last_mut(), last) {
                row.folded = Some((hidden, last.author().name.clone(), last.at()));
            }
            at += hidden;
        }
        if let Some(id) = item.id().filter(|id| lens.reply_to == Some(*id)) {
            rows.push(Row::Reply(id, (item.depth + 1).min(RAILS_MAX)));
        }
        at += 1;
    }
    if let Some(root) = thread.root.id().filter(|id| thread.more && !lens.collapsed.contains(id)) {
        let left = (thread.reply_count as usize).saturating_sub(thread.replies.len());
        rows.push(Row::More { root, left, loading: thread.loading });
    }
}

fn push(rows: &mut Vec<Row>, item: &Item<'_>, parent: Option<&Item<'_>>, lens: &Lens<'_>, divided: &mut bool) {
    let row = message(item, parent, lens, rows.last());
    if row.new && !*divided {
        *divided = true;
        // The divider comes before the row, and the row after it says who speaks.
        rows.push(Row::New);
        rows.push(Row::Message(Box::new(MessageRow { head: true, ..row })));
        return;
    }
    rows.push(Row::Message(Box::new(row)));
}

/// Talk about a record is never folded: business reaches whom it concerns.
fn is_folded(item: &Item<'_>, lens: &Lens<'_>) -> bool {
    lens.blocked.contains(&item.author().id)
        && item.record().is_none()
        && item.id().is_some_and(|id| !lens.unfolded.contains(&id))
}

fn message(item: &Item<'_>, parent: Option<&Item<'_>>, lens: &Lens<'_>, before: Option<&Row>) -> MessageRow {
    let author = item.author();
    let own = author.id == lens.viewer;
    let deleted = item.is_deleted();
    let depth = item.depth;
    let together = matches!(before, Some(Row::Message(last))
        if last.author.id == author.id && last.depth == depth && last.folded.is_none() && !last.deleted && last.progress == Progress::Settled
            && (0..TOGETHER_S).contains(&item.at().since_s(last.at)) && last.replies == 0);
    let context = (depth > RAILS_MAX).then(|| {
        let parent = parent?;
        let text = if is_folded(parent, lens) { String::new() } else { parent.text().preview() };
        Some((parent.author().name.clone(), text))
    });
    let mut row = MessageRow {
        key: item.key.clone(),
        id: item.id(),
        seq: None,
        parent: item.parent,
        depth,
        head: !together || depth > RAILS_MAX,
        context: context.flatten(),
        author: author.clone(),
        own,
        at: item.at(),
        text: item.text().clone(),
        link: None,
        edited_at: None,
        deleted,
        hidden: false,
        blocked: is_folded(item, lens),
        new: false,
        replies: item.descendants,
        folded: None,
        progress: Progress::Settled,
        can: (false, false, false),
    };
    match item.content {
        Content::Confirmed { message, change } => {
            row.seq = Some(message.seq);
            row.hidden = message.hidden_at.is_some() && !deleted;
            row.edited_at = message.edited_at.filter(|_| !deleted);
            row.new = !own && message.seq > lens.divider && !deleted;
            row.link = message.link.clone().filter(|link| link.source == LinkSource::Own && !deleted);
            row.progress = match change {
                None => Progress::Settled,
                Some(Change::Edit { failure: None, .. }) => Progress::Busy("Saving"),
                Some(Change::Delete { failure: None }) => Progress::Busy("Deleting"),
                Some(Change::Edit { failure: Some(why), .. } | Change::Delete { failure: Some(why) }) => {
                    Progress::ChangeFailed(why.clone())
                }
            };
            if let Some(can) = lens.can.filter(|_| !deleted && change.is_none()) {
                let open = lens.clock.now.since_s(message.created_at) <= i64::from(lens.edit_window_s);
                row.can = (can.reply, own && can.edit && open && !row.hidden, (own && can.delete) || can.moderate);
            }
        }
        Content::Pending(pending) => {
            row.progress = match &pending.delivery {
                Delivery::Sending => Progress::Busy("Sending"),
                Delivery::Waiting { .. } => Progress::Waiting,
                Delivery::Failed { failure } => Progress::SendFailed(failure.clone()),
            };
        }
    }
    row
}
