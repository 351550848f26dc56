//! Everything that belongs to one person in one company and epoch. Dropped whole on a switch.

use postil::{
    domain::{RecordKey, RecordKind},
    feed::{Ask, Context, Effect as FeedEffect, Feed, Input, Load},
    ids::{CompanyId, ConversationId, MessageId, UserId},
    wire::{CompanyMembership, Me, Person, ServerFrame},
};

use super::{Session, Shell, chips::Chips, company};
use crate::{
    net::driver,
    page::Seed,
    react::{RwSignal, StoredValue},
};

/// What the list of conversations is narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Nothing is left out.
    All,
    /// Talk between two.
    Direct,
    /// Talk between several.
    Group,
    /// Talk about records of a kind.
    Record(RecordKind),
}

/// What is open over the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// The company switcher.
    Switcher,
    /// Whom to talk to.
    Picker,
    /// Conversations and messages to find.
    Find,
    /// What keys do.
    Keys,
    /// Whether to delete this message.
    Delete(MessageId),
    /// Why this message is reported.
    Report(MessageId),
    /// Whether to block this person, in this conversation's sight.
    Block(UserId, ConversationId),
    /// Whether to sign out although so many messages are not sent.
    SignOut(usize),
}

/// A message to show, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its conversation.
    pub conversation: ConversationId,
    /// The beginning of its thread.
    pub root: MessageId,
    /// Itself.
    pub message: MessageId,
}

/// What the viewer has opened, chosen, begun.
#[derive(Clone, Copy)]
pub struct Ui {
    /// The conversation on screen.
    pub open: RwSignal<Option<ConversationId>>,
    /// What the list is narrowed to.
    pub show: RwSignal<Show>,
    /// Whether the list shows only what is unread.
    pub unread_only: RwSignal<bool>,
    /// The message that is being answered.
    pub reply_to: RwSignal<Option<MessageId>>,
    /// The message that is being edited.
    pub editing: RwSignal<Option<MessageId>>,
    /// Branches that are collapsed.
    pub collapsed: RwSignal<Vec<MessageId>>,
    /// Messages of blocked people that are shown all the same.
    pub unfolded: RwSignal<Vec<MessageId>>,
    /// A message on the way to being shown.
    pub sought: RwSignal<Option<Found>>,
    /// The beginning of the thread that is shown alone, because it is older than what is loaded.
    pub alone: RwSignal<Option<MessageId>>,
    /// The message that the server last said has changed; none: something was withdrawn. Who shows copies looks again.
    pub changed: RwSignal<Option<MessageId>>,
    /// What is open over the panel.
    pub dialog: RwSignal<Option<Dialog>>,
    /// Position up to which the viewer had read when they opened the conversation.
    pub divider: RwSignal<i64>,
    /// Whether Enter sends.
    pub enter_sends: RwSignal<bool>,
    /// Whether the composer shows its bar.
    pub bar: RwSignal<bool>,
    /// What could not be done, said over the panes until it is tried again or put away.
    pub wrong: RwSignal<Option<String>>,
}

/// The scope. Copied freely: all of it lives in the owner that is dropped.
#[derive(Clone, Copy)]
pub struct Scope {
    /// The page.
    pub shell: Shell,
    /// The company at hand.
    pub company: CompanyId,
    /// Counts company switches.
    pub epoch: u32,
    /// The viewer.
    pub viewer: UserId,
    /// What the viewer has opened.
    pub ui: Ui,
    /// Linked records.
    pub chips: Chips,
    feed: StoredValue<Feed>,
    revision: RwSignal<u64>,
    me: StoredValue<Me>,
    /// What the feed asked for before there was a browser to ask.
    owed: StoredValue<Vec<FeedEffect>>,
    /// Where the stream stood when the page was rendered.
    rendered_at: StoredValue<Option<String>>,
    /// Keys of the unsent messages that this tab has in storage.
    pub(super) stored: StoredValue<Vec<String>>,
}

impl Scope {
    /// A scope for `me`, holding what `seed` brought.
    #[must_use]
    pub fn new(shell: Shell, me: Me, seed: Option<Seed>) -> Self {
        let seed = seed.unwrap_or_default();
        let open = seed.conversation.as_ref().map(|detail| detail.summary.id);
        let divider = seed.conversation.as_ref().map_or(0, |detail| detail.summary.read_seq);
        let mut feed = Feed::new(me.id, me.company_id, me.context_epoch);
        let mut owed = Vec::new();
        let chips = Chips::default();
        for summary in seed.inbox.iter().flat_map(|page| &page.items) {
            if let Some(record) = &summary.record {
                chips.learn(record.clone());
            }
        }
        plant(&mut feed, Input::InboxOpened, &seed, &mut owed);
        if let Some(conversation) = open {
            plant(&mut feed, Input::ConversationOpened { conversation }, &seed, &mut owed);
        }
        Self {
            shell,
            company: me.company_id,
            epoch: me.context_epoch,
            viewer: me.id,
            ui: Ui {
                open: RwSignal::new(open),
                show: RwSignal::new(Show::All),
                unread_only: RwSignal::new(false),
                // As most have it, until the device says: see `writing::load`.
                enter_sends: RwSignal::new(true),
                bar: RwSignal::new(false),
                unfolded: RwSignal::new(Vec::new()),
                reply_to: RwSignal::new(None),
                editing: RwSignal::new(None),
                collapsed: RwSignal::new(Vec::new()),
                sought: RwSignal::new(None),
                alone: RwSignal::new(None),
                changed: RwSignal::new(None),
                dialog: RwSignal::new(None),
                divider: RwSignal::new(divider),
                wrong: RwSignal::new(None),
            },
            chips,
            revision: RwSignal::new(feed.revision()),
            feed: StoredValue::new(feed),
            me: StoredValue::new(me),
            owed: StoredValue::new(owed),
            rendered_at: StoredValue::new(seed.cursor.filter(|_| seed.inbox.is_some())),
            stored: StoredValue::new(Vec::new()),
        }
    }

    /// Lets something happen to the feed. Does nothing once the company was left.
    pub fn apply(self, input: Input) {
        // Left, and not yet dropped: a view that is told now would look for what is gone by its turn.
        if !self.is_current() {
            return;
        }
        let changed = changed(&input);
        let Some((effects, revision)) = self.feed.try_update_value(|feed| (feed.apply(input), feed.revision())) else {
            return;
        };
        if self.revision.try_get_untracked() != Some(revision) {
            self.revision.set(revision);
        }
        if let Some(changed) = changed {
            self.ui.changed.set(changed);
        }
        for effect in effects {
            driver::run(self, effect);
        }
    }

    /// Carries out what the feed asked for while it was filled from the page's seed.
    pub fn settle_debts(self) {
        for effect in self.owed.try_update_value(core::mem::take).unwrap_or_default() {
            driver::run(self, effect);
        }
    }

    /// Reads the feed, tracked: the caller runs again with every change.
    pub fn with<R>(self, read: impl FnOnce(&Feed) -> R) -> R {
        self.revision.track();
        self.feed.with_value(read)
    }

    /// Reads the feed as it is.
    pub fn read<R>(self, read: impl FnOnce(&Feed) -> R) -> R {
        self.feed.with_value(read)
    }

    /// Company and epoch.
    #[must_use]
    pub fn context(self) -> Context {
        Context { company: self.company, epoch: self.epoch }
    }

    /// A ticket for a request that the feed did not ask for; `None` once the company was left.
    #[must_use]
    pub fn ask(self) -> Option<Ask> {
        self.feed.try_update_value(Feed::ask)
    }

    /// Where the socket resumes: at the last event, or at what the page was rendered with.
    #[must_use]
    pub fn cursor(self) -> Option<String> {
        let heard = self.read(|feed| feed.cursor().map(str::to_owned));
        heard.or_else(|| self.rendered_at.get_value())
    }

    /// Whether the session is still that of this person in this company and epoch.
    fn is_current(self) -> bool {
        let own = (self.viewer, self.company, self.epoch);
        self.shell
            .session
            .try_with_untracked(|session| matches!(session, Session::In(me) if super::context(me) == own))
            .unwrap_or(false)
    }

    /// Whether the company is still at hand.
    #[must_use]
    pub fn is_alive(self) -> bool {
        self.feed.try_with_value(|_| ()).is_some()
    }

    /// Who is signed in.
    pub fn me<R>(self, read: impl FnOnce(&Me) -> R) -> R {
        self.me.with_value(read)
    }

    /// The company at hand.
    #[must_use]
    pub fn membership(self) -> Option<CompanyMembership> {
        self.me(|me| company(me).cloned())
    }

    /// The viewer, as a message's author.
    #[must_use]
    pub fn author(self) -> Option<Person> {
        self.me(|me| {
            let company = company(me)?;
            Some(Person { id: me.id, name: me.name.clone(), member_kind: company.member_kind, job_title: None })
        })
    }

    /// `postil:{user}:{company}:{rest}`
    #[must_use]
    pub fn storage_key(self, rest: &str) -> String {
        format!("postil:{}:{}:{rest}", self.viewer, self.company)
    }

    /// Shows a conversation.
    pub fn open(self, conversation: ConversationId) {
        let former = self.ui.open.get_untracked();
        if former == Some(conversation) {
            return;
        }
        if let Some(former) = former {
            self.apply(Input::ConversationClosed { conversation: former });
        }
        let read_seq = self.read(|feed| feed.conversation(conversation).map(|view| view.read_seq));
        self.ui.divider.set(read_seq.unwrap_or(i64::MAX));
        self.ui.reply_to.set(None);
        self.ui.editing.set(None);
        self.ui.collapsed.set(Vec::new());
        self.ui.sought.set(None);
        self.ui.alone.set(None);
        self.ui.open.set(Some(conversation));
        self.apply(Input::ConversationOpened { conversation });
    }

    /// Opens the conversation of a message, and goes to it: see [`crate::widget::log`].
    pub fn show(self, found: Found) {
        self.open(found.conversation);
        self.apply(Input::ThreadWanted { conversation: found.conversation, root: found.root });
        self.ui.sought.set(Some(found));
    }

    /// Goes back to the list.
    pub fn close(self) {
        if let Some(conversation) = self.ui.open.get_untracked() {
            self.ui.open.set(None);
            self.apply(Input::ConversationClosed { conversation });
        }
    }

    /// The record on the host's screen.
    #[must_use]
    pub fn host_record(self) -> Option<RecordKey> {
        self.shell.record.get()
    }
}

/// Lets `input` happen and answers what it asks for from the seed; the rest is owed.
fn plant(feed: &mut Feed, input: Input, seed: &Seed, owed: &mut Vec<FeedEffect>) {
    let mut effects = feed.apply(input);
    while !effects.is_empty() {
        let effect = effects.remove(0);
        let FeedEffect::Load { ask, load } = &effect else {
            owed.push(effect);
            continue;
        };
        let answer =
            match load {
                Load::Inbox { after: None } => {
                    seed.inbox.clone().map(|page| Input::InboxLoaded { ask: *ask, after: None, page })
                }
                Load::Conversation { conversation } => seed
                    .conversation
                    .clone()
                    .filter(|detail| detail.summary.id == *conversation)
                    .map(|detail| Input::ConversationLoaded { ask: *ask, detail }),
                Load::Messages { conversation, before: None } => seed
                    .messages
                    .clone()
                    .map(|page| Input::MessagesLoaded { ask: *ask, conversation: *conversation, before: None, page }),
                _ => None,
            };
        match answer {
            Some(answer) => effects.extend(feed.apply(answer)),
            None => owed.push(effect),
        }
    }
}

/// Of what copies may hold no more: a message, or (inner none) whatever was withdrawn.
#[expect(clippy::option_option, reason = "two questions: whether, and of which")]
fn changed(input: &Input) -> Option<Option<MessageId>> {
    let Input::Frame { frame, .. } = input else { return None };
    match frame {
        ServerFrame::MessageUpdated { message, .. } | ServerFrame::MessageDeleted { message, .. } => {
            Some(Some(message.id))
        }
        ServerFrame::AccessRevoked { .. } | ServerFrame::Resync { .. } => Some(None),
        _ => None,
    }
}
