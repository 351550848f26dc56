//! What happens to a [`super::Feed`]: what people do, what the server answers, what the socket says.
//!
//! Nothing here asks the machine for the time or for ids: both come in as values.

use crate::{
    clock::Timestamp,
    domain::{MessageBody, RecordKey},
    ids::{CompanyId, ConversationId, MessageId},
    wire::{
        CloseCode, Code, ConversationDetail, ConversationSummary, Launcher, Message, MessagePage, Page, Person,
        PresenceList, Problem, ReadState, ServerFrame, ThreadPage,
    },
};

use super::outbox::Unsent;

/// The company and the count of company switches that everything in a feed belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// The company.
    pub company: CompanyId,
    /// [`crate::wire::Me::context_epoch`] at that time.
    pub epoch: u32,
}

/// Names one request; the driver hands it back with the answer, unchanged.
///
/// Tickets grow. An answer tells at least everything that the feed knew when the ticket was drawn, and nothing certain
/// about what it learnt since: that is all the feed needs to merge answers and frames in whatever order they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Where the request was made. An answer from elsewhere is dropped whole.
    pub context: Context,
    pub(super) ticket: u64,
}

/// Something to read from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// `GET /conversations`, from the top or from `after`.
    Inbox {
        /// Cursor of the page; `None` for the first.
        after: Option<String>,
    },
    /// `GET /conversations/{id}`.
    Conversation {
        /// Which.
        conversation: ConversationId,
    },
    /// `GET /messages?conversationId=…`, the newest page or the one at `before`.
    Messages {
        /// Where.
        conversation: ConversationId,
        /// Cursor of an older page; `None` for the newest.
        before: Option<String>,
    },
    /// `GET /messages/{root}/thread`.
    Thread {
        /// Where.
        conversation: ConversationId,
        /// The beginning of the thread.
        root: MessageId,
        /// Cursor of the page; `None` for the first.
        after: Option<String>,
    },
}

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer arrived. Whether the server did what was asked is unknown.
    Network,
    /// The server refused, and said why.
    Problem(Problem),
}

impl Failure {
    /// Whether the same request may well succeed later without anyone changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Network => true,
            Self::Problem(problem) => matches!(
                problem.code,
                Code::RequestTimeout
                    | Code::IdempotencyInFlight
                    | Code::RateLimited
                    | Code::Internal
                    | Code::Unavailable
                    | Code::HookUnavailable
            ),
        }
    }

    /// Whether the server says that there is no such thing, or no longer for this person.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.code == Code::NotFound)
    }
}

/// What became of the socket. That it works is told by `welcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// It is open and `hello` (with [`super::Feed::cursor`]) is on its way.
    Connected,
    /// It ended without a code that forbids another try.
    Disconnected,
    /// The driver is trying again.
    Reconnecting,
    /// The driver has given up on sockets for now and calls [`Input::Poll`] from time to time.
    Offline,
    /// The server closed it for good.
    Closed(CloseCode),
}

/// Everything that can happen to a feed.
#[derive(Clone, Debug)]
pub enum Input {
    // ------------------------------------------------------------------------------------------- what the person does
    /// The list of conversations is shown: loads it unless it is there.
    InboxOpened,
    /// The end of the list is near.
    InboxMoreWanted,
    /// A conversation is shown: loads what is missing or stale.
    ConversationOpened {
        /// Which.
        conversation: ConversationId,
    },
    /// The viewer did something elsewhere that the conversation tells of (read a notice): loads it again.
    ConversationChanged {
        /// Which.
        conversation: ConversationId,
    },
    /// The viewer blocked somebody there, or lifted a block: loads it again, and the list, where the same person's words may be
    /// quoted in other rows.
    BlocksChanged {
        /// Where it was done.
        conversation: ConversationId,
    },
    /// It is no longer shown. What was loaded stays, and stays current, until the next resync.
    ConversationClosed {
        /// Which.
        conversation: ConversationId,
    },
    /// The upper end of the loaded threads is near.
    OlderWanted {
        /// Where.
        conversation: ConversationId,
    },
    /// A thread is shown by itself, or "more replies" was chosen: loads its first, then its next page.
    ThreadWanted {
        /// Where.
        conversation: ConversationId,
        /// The beginning of the thread.
        root: MessageId,
    },
    /// The person sends a message. It shows at once, rendered like a confirmed one.
    Send {
        /// Its idempotency key: a fresh id in text form, kept through every attempt.
        key: String,
        /// Where.
        conversation: ConversationId,
        /// What it answers.
        parent: Option<MessageId>,
        /// Markdown.
        body: MessageBody,
        /// The record that it is about.
        record: Option<RecordKey>,
        /// The viewer.
        author: Person,
        /// Now.
        at: Timestamp,
    },
    /// Sends a waiting or failed message again, with its key.
    Retry {
        /// Which.
        key: String,
    },
    /// Throws a waiting or failed message away. One that is under way can't be called back: nothing happens.
    Discard {
        /// Which.
        key: String,
    },
    /// The person changes a message. It shows at once.
    Edit {
        /// Which.
        message: MessageId,
        /// The new Markdown.
        body: MessageBody,
    },
    /// The person deletes a message. It shows as being deleted.
    Delete {
        /// Which.
        message: MessageId,
    },
    /// Tries a failed edit or delete again, on top of the newest version.
    ChangeRetry {
        /// Which.
        message: MessageId,
    },
    /// Gives a failed edit or delete up.
    ChangeDiscard {
        /// Which.
        message: MessageId,
    },
    /// The person has seen everything up to this position.
    MarkRead {
        /// Where.
        conversation: ConversationId,
        /// The position of the last message seen.
        seq: i64,
    },

    // ---------------------------------------------------------------------------------------- what the server answers
    /// Answer to [`Load::Inbox`].
    InboxLoaded {
        /// The request.
        ask: Ask,
        /// Its cursor.
        after: Option<String>,
        /// The answer.
        page: Page<ConversationSummary>,
    },
    /// Summaries from elsewhere: the conversation about the record on screen, or one just created.
    SummariesLoaded {
        /// The request; draw it with [`super::Feed::ask`] before asking.
        ask: Ask,
        /// The answer.
        items: Vec<ConversationSummary>,
    },
    /// Answer to [`Load::Conversation`].
    ConversationLoaded {
        /// The request.
        ask: Ask,
        /// The answer.
        detail: ConversationDetail,
    },
    /// Answer to [`Load::Messages`].
    MessagesLoaded {
        /// The request.
        ask: Ask,
        /// Where.
        conversation: ConversationId,
        /// Its cursor.
        before: Option<String>,
        /// The answer.
        page: MessagePage,
    },
    /// Answer to [`Load::Thread`].
    ThreadLoaded {
        /// The request.
        ask: Ask,
        /// Where.
        conversation: ConversationId,
        /// The beginning of the thread.
        root: MessageId,
        /// Its cursor.
        after: Option<String>,
        /// The answer.
        page: ThreadPage,
    },
    /// A [`Load`] brought nothing. `not_found` drops what was asked for; the rest is asked for again at the next
    /// `welcome`, [`Input::Poll`], or when it is opened again.
    LoadFailed {
        /// The request.
        ask: Ask,
        /// What was asked for.
        load: Load,
        /// Why there is none.
        failure: Failure,
    },
    /// `GET /launcher`: what is unread as long as the inbox is not loaded.
    LauncherLoaded {
        /// The request.
        ask: Ask,
        /// The answer.
        launcher: Launcher,
    },
    /// `GET /presence`.
    PresenceLoaded {
        /// The request.
        ask: Ask,
        /// The answer.
        list: PresenceList,
    },
    /// Answer to [`super::Effect::Send`].
    SendAccepted {
        /// The request.
        ask: Ask,
        /// Which pending message.
        key: String,
        /// What it became.
        message: Message,
    },
    /// [`super::Effect::Send`] brought nothing.
    SendFailed {
        /// The request.
        ask: Ask,
        /// Which pending message.
        key: String,
        /// Why.
        failure: Failure,
        /// Whether it is to be sent again by itself; [`Failure::is_passing`] is the usual answer.
        retryable: bool,
    },
    /// Answer to [`super::Effect::Edit`] or [`super::Effect::Delete`]: the message, or its tombstone.
    ChangeAccepted {
        /// The request.
        ask: Ask,
        /// What it became.
        message: Message,
    },
    /// [`super::Effect::Edit`] or [`super::Effect::Delete`] brought nothing.
    ChangeFailed {
        /// The request.
        ask: Ask,
        /// Which message.
        message: MessageId,
        /// Why.
        failure: Failure,
    },
    /// Answer to [`super::Effect::MarkRead`].
    MarkReadAccepted {
        /// The request.
        ask: Ask,
        /// The answer.
        state: ReadState,
    },
    /// [`super::Effect::MarkRead`] brought nothing; it is asked again with the next reading or `welcome`.
    MarkReadFailed {
        /// The request.
        ask: Ask,
        /// Where.
        conversation: ConversationId,
    },

    // -------------------------------------------------------------------------------------------- socket, time, storage
    /// One frame of the socket that was opened in `context`.
    Frame {
        /// For which the socket was opened.
        context: Context,
        /// The frame.
        frame: ServerFrame,
        /// Now, by this machine's clock: typing marks end some time after it.
        at: Timestamp,
    },
    /// Something happened to the socket that was opened in `context`.
    Socket {
        /// For which the socket was opened.
        context: Context,
        /// What happened.
        event: SocketEvent,
    },
    /// There is no socket: read the newest of everything shown. Also "refresh" by hand.
    Poll,
    /// Time has passed; see [`super::Effect::WakeAt`].
    Tick {
        /// Now.
        at: Timestamp,
    },
    /// Unsent messages that survived a reload of the page; see [`super::Effect::StoreOutbox`].
    OutboxRestored {
        /// For which they were stored.
        context: Context,
        /// The messages.
        unsent: Vec<Unsent>,
    },
}

impl Input {
    /// The context that it belongs to; `None` for what the person does and for time, which happen here and now.
    pub(super) fn context(&self) -> Option<Context> {
        match self {
            Self::InboxOpened
            | Self::InboxMoreWanted
            | Self::ConversationOpened { .. }
            | Self::ConversationChanged { .. }
            | Self::BlocksChanged { .. }
            | Self::ConversationClosed { .. }
            | Self::OlderWanted { .. }
            | Self::ThreadWanted { .. }
            | Self::Send { .. }
            | Self::Retry { .. }
            | Self::Discard { .. }
            | Self::Edit { .. }
            | Self::Delete { .. }
            | Self::ChangeRetry { .. }
            | Self::ChangeDiscard { .. }
            | Self::MarkRead { .. }
            | Self::Poll
            | Self::Tick { .. } => None,
            Self::InboxLoaded { ask, .. }
            | Self::SummariesLoaded { ask, .. }
            | Self::ConversationLoaded { ask, .. }
            | Self::MessagesLoaded { ask, .. }
            | Self::ThreadLoaded { ask, .. }
            | Self::LoadFailed { ask, .. }
            | Self::LauncherLoaded { ask, .. }
            | Self::PresenceLoaded { ask, .. }
            | Self::SendAccepted { ask, .. }
            | Self::SendFailed { ask, .. }
            | Self::ChangeAccepted { ask, .. }
            | Self::ChangeFailed { ask, .. }
            | Self::MarkReadAccepted { ask, .. }
            | Self::MarkReadFailed { ask, .. } => Some(ask.context),
            Self::Frame { context, .. } | Self::Socket { context, .. } | Self::OutboxRestored { context, .. } => {
                Some(*context)
            }
        }
    }
}
