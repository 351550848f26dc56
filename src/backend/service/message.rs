//! Messages: send, reply, edit, delete, and their pages.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Barred, ServiceError, Services,
    member::administers_more,
    moderation::not_muted,
    page_limit,
    spam::{Content, Paid},
};
use crate::{
    access::{Action, Permit},
    backend::{
        bus::Receipt,
        caller::{Caller, Credentials},
        crypto::token::sha256,
        html, markdown,
        store::{
            CreateOutcome, DeleteOutcome, Draft, EditOutcome, Facts, Found, NewConversation, SendOutcome, StoreError,
            Target,
        },
        words::Judgement,
    },
    clock::Timestamp,
    domain::{ConversationKind, MessageBody, RecordKey, text::Document},
    ids::{ConversationId, MessageId},
    limits,
    wire::{
        Code, EditMessage, ListMessages, ListThread, Message, MessageHtml, MessagePage, SendMessage, SendReply,
        ThreadPage,
    },
};

/// A client's key for one intent: sent again with the same intent, it changes nothing and answers the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Checks a key: 1 to [`limits::IDEMPOTENCY_KEY_BYTES_MAX`] visible ASCII characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let good = !text.is_empty()
            && text.len() <= limits::IDEMPOTENCY_KEY_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What became of a send.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The message.
    pub message: Message,
    /// Whether it had been sent before with the same key.
    pub replayed: bool,
}

/// What a request hash covers: everything that makes two sends different.
#[derive(Serialize)]
struct Intent<'a> {
    conversation: Option<ConversationId>,
    parent: Option<MessageId>,
    record: Option<&'a RecordKey>,
    body: &'a str,
}

/// How far apart two requests of one intent may be, in seconds, so that one may have paid for the other, by the clocks of two nodes.
const TWINS_S: i64 = 60;

/// A message that nothing stands in the way of.
struct Admitted {
    permit: Permit<ConversationId>,
    flagged: Option<String>,
    masked: Option<String>,
    /// What is stored instead of what was written.
    covered: Option<MessageBody>,
    text: Document,
    paid: Paid,
}

/// What the word list found, as moderators and the author read it: cut to what is stored.
fn told(watched: &Judgement) -> (Option<String>, Option<String>) {
    let list = |words: &[String]| {
        let text: String = words.join(", ").chars().take(limits::MODERATION_NOTE_CHARS_MAX).collect();
        (!text.is_empty()).then_some(text)
    };
    (list(&watched.flagged), list(&watched.masked))
}

/// What is stored instead, when words of it are masked.
fn covered(watched: &Judgement) -> Result<Option<MessageBody>, ServiceError> {
    watched.body.as_deref().map(MessageBody::new).transpose().map_err(|_| ServiceError::code(Code::Internal))
}

#[derive(Serialize, Deserialize)]
struct BySeq {
    conversation: ConversationId,
    before: i64,
}

#[derive(Serialize, Deserialize)]
struct ByTime {
    record: RecordKey,
    at: Timestamp,
    id: MessageId,
}

#[derive(Serialize, Deserialize)]
struct ByPath {
    root: MessageId,
    after: Vec<i64>,
}

impl Services {
    /// Sends a message: the beginning of a thread, or an answer when `parentId` is given.
    ///
    /// # Errors
    /// [`Code::NotFound`] for what is not visible, [`Code::Forbidden`] for what is but must not be written to,
    /// [`Code::ReplyTooDeep`], [`Code::ParentDeleted`], [`Code::ReplyLinkConflict`], [`Code::IdempotencyMismatch`],
    /// [`Code::RateLimited`], [`Code::Muted`], [`Code::WordRefused`].
    pub async fn send_message(
        &self,
        credentials: &Credentials,
        key: &IdempotencyKey,
        request: &SendMessage,
    ) -> Result<Sent, ServiceError> {
        if request.conversation_id.is_none() && request.record.is_none() {
            return Err(ServiceError::field(Code::InvalidField, "conversationId", "is needed unless record is given"));
        }
        let target = Target {
            conversation: request.conversation_id,
            message: request.parent_id,
            record: request.record.clone(),
            terms: true,
        };
        let (caller, facts) = self.open_for(credentials, &target).await?;
        let intent = Intent {
            conversation: request.conversation_id,
            parent: request.parent_id,
            record: request.record.as_ref(),
            body: request.body.as_str(),
        };
        self.send(credentials, &caller, &facts, key, &intent, &request.body).await
    }

    /// Answers a message.
    ///
    /// # Errors
    /// As [`Self::send_message`].
    pub async fn send_reply(
        &self,
        credentials: &Credentials,
        key: &IdempotencyKey,
        parent: MessageId,
        request: &SendReply,
    ) -> Result<Sent, ServiceError> {
        let target = Target { conversation: None, message: Some(parent), record: request.record.clone(), terms: true };
        let (caller, facts) = self.open_for(credentials, &target).await?;
        let intent = Intent {
            conversation: None,
            parent: Some(parent),
            record: request.record.as_ref(),
            body: request.body.as_str(),
        };
        self.send(credentials, &caller, &facts, key, &intent, &request.body).await
    }

    async fn send(
        &self,
        who: &Credentials,
        caller: &Caller,
        facts: &Facts,
        key: &IdempotencyKey,
        intent: &Intent<'_>,
        body: &MessageBody,
    ) -> Result<Sent, ServiceError> {
        // The hash is of what was asked for: the same request is the same, whatever the word list makes of it.
        let request_hash = sha256(&serde_json::to_vec(intent).map_err(|_| ServiceError::code(Code::Internal))?);
        let receipt = Receipt::of(&[
            b"message.send",
            caller.company().uuid().as_bytes(),
            caller.user().uuid().as_bytes(),
            key.as_str().as_bytes(),
            &request_hash,
        ]);
        let admitted = match self.admit(who, caller, facts, receipt, intent, body).await {
            Ok(admitted) => admitted,
            Err(barred) => return self.sent_before(caller, key, &request_hash, barred).await,
        };
        // Naming the conversation's record again is no link of one's own, unless what is answered has another: that is a
        // conflict, which the store tells. Without a name, the parent's link is inherited there.
        let own = facts.conversation.as_ref().and_then(|conversation| conversation.resource.key());
        let inherited = facts.message.as_ref().and_then(|parent| parent.link.as_ref()).map(|(record, _)| record);
        let record =
            intent.record.filter(|record| own != Some(*record) || inherited.is_some_and(|link| Some(link) != own));
        let draft = Draft {
            id: MessageId::from_uuid(self.uuid()),
            parent: intent.parent,
            record: if facts.conversation.is_some() { record } else { None },
            body: admitted.covered.as_ref().unwrap_or(body),
            text: &admitted.text,
            key: key.as_str(),
            found: Found { flagged: admitted.flagged.as_deref(), masked: admitted.masked.as_deref() },
            request_hash,
            at: self.now(),
        };
        let mut outcome = self.store().message_send(caller, admitted.permit, &draft).await;
        if matches!(outcome, Err(StoreError::InFlight)) {
            // A twin with the same key won the race and has committed: now it is a replay.
            outcome = self.store().message_send(caller, admitted.permit, &draft).await;
        }
        let was_stored = match &outcome {
            Ok(SendOutcome::Created(_)) => true,
            // A twin may have been let pass by what this one paid: only what is older than both was paid for by itself.
            Ok(SendOutcome::Replayed(message)) => message.created_at > draft.at.plus_s(-TWINS_S),
            Ok(_) | Err(StoreError::Refused { .. }) => false,
            // It may have been, and the answer lost: a retry has its receipt.
            Err(_) => true,
        };
        if !was_stored {
            self.not_stored(admitted.paid).await;
        }
        self.sent(outcome?)
    }

    fn sent(&self, outcome: SendOutcome) -> Result<Sent, ServiceError> {
        match outcome {
            SendOutcome::Created(committed) => Ok(Sent { message: self.announce_message(committed), replayed: false }),
            SendOutcome::Replayed(message) => Ok(Sent { message: *message, replayed: true }),
            SendOutcome::Mismatch => Err(ServiceError::code(Code::IdempotencyMismatch)),
            SendOutcome::NotFound => Err(ServiceError::code(Code::NotFound)),
            SendOutcome::TooDeep(legal_parent_id) => Err(ServiceError::Refused {
                code: Code::ReplyTooDeep,
                detail: None,
                errors: Vec::new(),
                legal_parent_id,
                retry_after_s: None,
            }),
            SendOutcome::ParentDeleted => Err(ServiceError::code(Code::ParentDeleted)),
            SendOutcome::LinkConflict => Err(ServiceError::code(Code::ReplyLinkConflict)),
        }
    }

    /// What a send that may not be made now is answered: what it was answered when it was stored, if it was. Who was muted, slowed or
    /// lost a right meanwhile would else be told that it failed, and would write again what everybody reads already.
    async fn sent_before(
        &self,
        caller: &Caller,
        key: &IdempotencyKey,
        request_hash: &[u8; 32],
        barred: Barred,
    ) -> Result<Sent, ServiceError> {
        if let Barred::Said(error @ ServiceError::Store(_)) = barred {
            return Err(error);
        }
        let before = {
            let mut tx = self.store().begin(caller, "message.replay").await?;
            tx.message_replayed(key.as_str(), request_hash).await?
        };
        match before {
            Some(outcome) => self.sent(outcome),
            None => Err(self.barred(caller, barred).await),
        }
    }

    /// Whether a message that is new may be sent.
    async fn admit(
        &self,
        who: &Credentials,
        caller: &Caller,
        facts: &Facts,
        receipt: Receipt,
        intent: &Intent<'_>,
        body: &MessageBody,
    ) -> Result<Admitted, Barred> {
        not_muted(facts, self.now())?;
        let action = if intent.parent.is_some() { Action::MessageReply } else { Action::MessageCreate };
        let conversation = match &facts.conversation {
            // The conversation itself must be writable, too, not only the record that the message names: else whoever may only
            // answer there could begin threads by naming a record of their own.
            Some(conversation) if caller.may(action, &conversation.resource) => conversation.id,
            Some(conversation) => return Err(Barred::forbidden(action, conversation.id)),
            None => self.record_conversation(caller, facts, intent.record).await?,
        };
        let Some(permit) = caller.permit(action, &facts.resource, conversation) else {
            return Err(Barred::forbidden(action, conversation));
        };
        let watched = self.watch_words(caller, facts, "body", body.as_str()).await?;
        let (flagged, masked) = told(&watched);
        let covered = covered(&watched)?;
        let body = covered.as_ref().unwrap_or(body);
        let text = markdown::parse(body.as_str());
        let mut paid = Paid::default();
        if let Some(terms) = &facts.terms {
            let moderates = facts
                .conversation
                .as_ref()
                .is_some_and(|conversation| caller.may(Action::AdminModerate, &conversation.resource));
            let slow = if moderates { None } else { Some(conversation) };
            let content = Content { slow, body: body.as_str(), text: &text, before: None, receipt };
            paid = self.count_content(who, caller, terms, &content).await?;
        }
        Ok(Admitted { permit, flagged, masked, covered, text, paid })
    }

    /// The conversation about a record that has none yet.
    async fn record_conversation(
        &self,
        caller: &Caller,
        facts: &Facts,
        record: Option<&RecordKey>,
    ) -> Result<ConversationId, Barred> {
        let not_found = || ServiceError::code(Code::NotFound);
        let record = record.ok_or_else(not_found)?;
        let Some(permit) = caller.permit(Action::MessageCreate, &facts.resource, ConversationKind::Record) else {
            return Err(Barred::forbidden(Action::MessageCreate, record));
        };
        let new = NewConversation {
            id: ConversationId::from_uuid(self.uuid()),
            kind: ConversationKind::Record,
            title: None,
            people: Vec::new(),
            record: Some(record),
            key: None,
            at: self.now(),
        };
        match self.store().conversation_create(caller, permit, &new).await? {
            CreateOutcome::Created(committed) => {
                let id = committed.get().0;
                self.announce(&committed.map(|(_, event)| event));
                Ok(id)
            }
            CreateOutcome::Existing(id) | CreateOutcome::Replayed { id, .. } => Ok(id),
            CreateOutcome::Mismatch | CreateOutcome::NotFound => Err(not_found().into()),
        }
    }

    /// Edits one's own message within the company's window.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Forbidden`] (someone else's), [`Code::EditWindowClosed`], [`Code::MessageDeleted`],
    /// [`Code::VersionConflict`], [`Code::MessageHidden`], [`Code::Muted`], [`Code::WordRefused`].
    pub async fn edit_message(
        &self,
        credentials: &Credentials,
        id: MessageId,
        request: &EditMessage,
    ) -> Result<Message, ServiceError> {
        let target = Target { message: Some(id), terms: true, ..Target::default() };
        let (caller, facts) = self.open_for(credentials, &target).await?;
        let message = facts.message.as_ref().ok_or_else(|| ServiceError::code(Code::NotFound))?;
        let own = message.author_id == caller.user();
        let Some(permit) = caller.permit(Action::MessageEdit, &facts.resource, id).filter(|_| own) else {
            return Err(self.forbidden(&caller, Action::MessageEdit, id).await);
        };
        not_muted(&facts, self.now())?;
        let watched = self.watch_words(&caller, &facts, "body", request.body.as_str()).await?;
        let (flagged, masked) = told(&watched);
        let covered = covered(&watched)?;
        let body = covered.as_ref().unwrap_or(&request.body);
        let document = markdown::parse(body.as_str());
        let mut paid = Paid::default();
        if let Some(terms) = &facts.terms {
            // What may not be sent may not be put in the place of something harmless either.
            // Only what is added counts. Should somebody edit it meanwhile, this edit is refused by its version.
            let before = self.store().begin(&caller, "message.get").await?.message_get(id).await?;
            let receipt = Receipt::of(&[
                b"message.edit",
                caller.company().uuid().as_bytes(),
                caller.user().uuid().as_bytes(),
                id.uuid().as_bytes(),
                &request.version.to_be_bytes(),
                request.body.as_str().as_bytes(),
            ]);
            let content =
                Content { slow: None, body: body.as_str(), text: &document, before: before.as_ref(), receipt };
            paid = self.count_content(credentials, &caller, terms, &content).await?;
        }
        let found = Found { flagged: flagged.as_deref(), masked: masked.as_deref() };
        let outcome =
            self.store().message_edit(&caller, permit, request.version, body, &document, found, self.now()).await;
        // Anything else that the store fails of may have been stored, and its answer lost.
        let was_stored = match &outcome {
            Ok(outcome) => matches!(outcome, EditOutcome::Updated(_)),
            Err(error) => !matches!(error, StoreError::Refused { .. }),
        };
        if !was_stored {
            self.not_stored(paid).await;
        }
        match outcome? {
            EditOutcome::Updated(committed) => Ok(self.announce_message(committed)),
            EditOutcome::NotFound => Err(ServiceError::code(Code::NotFound)),
            EditOutcome::Deleted => Err(ServiceError::code(Code::MessageDeleted)),
            EditOutcome::Hidden => Err(ServiceError::code(Code::MessageHidden)),
            EditOutcome::Version => {
                // The same edit again, because its answer was lost: it stands there, as the word list let it stand.
                let standing = self.one(&caller, id).await?;
                let is_this = standing.version == request.version.saturating_add(1) && standing.body == body.as_str();
                if is_this { Ok(standing) } else { Err(ServiceError::code(Code::VersionConflict)) }
            }
            EditOutcome::WindowClosed => Err(ServiceError::code(Code::EditWindowClosed)),
        }
    }

    /// Deletes one's own message, or with `admin:moderate` anyone's: a tombstone stays. Deleting a tombstone answers it again.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Forbidden`]; [`Code::BeyondOwnRights`] for an author who administers more than the caller.
    pub async fn delete_message(&self, credentials: &Credentials, id: MessageId) -> Result<Message, ServiceError> {
        let (caller, facts) = self.open_for(credentials, &Target { message: Some(id), ..Target::default() }).await?;
        let message = facts.message.as_ref().ok_or_else(|| ServiceError::code(Code::NotFound))?;
        let own = if message.author_id == caller.user() {
            caller.permit(Action::MessageDelete, &facts.resource, id)
        } else {
            None
        };
        let Some(permit) = own.or_else(|| caller.permit(Action::AdminModerate, &facts.resource, id)) else {
            return Err(self.forbidden(&caller, Action::MessageDelete, id).await);
        };
        if message.author_id != caller.user() {
            let mut tx = self.store().begin(&caller, "member.get").await?;
            let author = tx.member_get(message.author_id).await?;
            if author.is_some_and(|author| administers_more(&caller, &author.role, author.id, self.now())) {
                return Err(ServiceError::detail(Code::BeyondOwnRights, "the author administers more than you do"));
            }
        }
        match self.store().message_delete(&caller, permit, self.now()).await? {
            DeleteOutcome::Deleted(committed) => Ok(self.announce_message(committed)),
            DeleteOutcome::NotFound => Err(ServiceError::code(Code::NotFound)),
            DeleteOutcome::Beyond => Err(ServiceError::code(Code::BeyondOwnRights)),
            DeleteOutcome::Already => self.one(&caller, id).await,
        }
    }

    /// One message.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_message(&self, credentials: &Credentials, id: MessageId) -> Result<Message, ServiceError> {
        let caller = self.open(credentials).await?;
        self.one(&caller, id).await
    }

    /// One message as an HTML fragment that is safe anywhere: for mails, exports, an ERP's own views.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_message_html(
        &self,
        credentials: &Credentials,
        id: MessageId,
    ) -> Result<MessageHtml, ServiceError> {
        let message = self.get_message(credentials, id).await?;
        Ok(MessageHtml {
            id,
            version: message.version,
            moderated: message.moderated,
            hidden_at: message.hidden_at,
            html: html::render(&message.text),
        })
    }

    async fn one(&self, caller: &Caller, id: MessageId) -> Result<Message, ServiceError> {
        let mut tx = self.store().begin(caller, "message.get").await?;
        tx.message_get(id).await?.ok_or_else(|| ServiceError::code(Code::NotFound))
    }

    /// Threads of a conversation, or messages about a record, newest first.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`], [`Code::InvalidCursor`], [`Code::NotFound`].
    pub async fn list_messages(
        &self,
        credentials: &Credentials,
        query: &ListMessages,
    ) -> Result<MessagePage, ServiceError> {
        let limit = page_limit(query.limit)?;
        match (query.conversation_id, query.linked_type, &query.linked_id) {
            (Some(conversation), None, None) => {
                self.list_by_conversation(credentials, conversation, query, limit).await
            }
            (None, Some(kind), Some(id)) => {
                self.list_by_record(credentials, RecordKey { kind, id: id.clone() }, query, limit).await
            }
            _ => Err(ServiceError::field(
                Code::InvalidQuery,
                "conversationId",
                "name either conversationId, or linkedType and linkedId",
            )),
        }
    }

    async fn list_by_conversation(
        &self,
        credentials: &Credentials,
        conversation: ConversationId,
        query: &ListMessages,
        limit: u16,
    ) -> Result<MessagePage, ServiceError> {
        let (caller, _) =
            self.open_for(credentials, &Target { conversation: Some(conversation), ..Target::default() }).await?;
        let position: Option<BySeq> = self.page_position("messages", caller.company(), query.cursor.as_deref())?;
        if position.as_ref().is_some_and(|position| position.conversation != conversation) {
            return Err(ServiceError::field(Code::InvalidCursor, "cursor", "belongs to another conversation"));
        }
        let before = position.map_or(i64::MAX, |position| position.before);
        let messages = self.store().message_page(&caller, conversation, before, limit + 1).await?;
        let (mut items, mut replies): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.parent_id.is_none());
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        if more {
            let shown: std::collections::HashSet<_> = items.iter().map(|root| root.id).collect();
            replies.retain(|reply| shown.contains(&reply.root_id));
        }
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| self.page_cursor("messages", caller.company(), &BySeq { conversation, before: last.seq }));
        Ok(MessagePage { items, replies, next_cursor })
    }

    async fn list_by_record(
        &self,
        credentials: &Credentials,
        record: RecordKey,
        query: &ListMessages,
        limit: u16,
    ) -> Result<MessagePage, ServiceError> {
        // Opening for the record answers 404 for one that is not visible, like for one that does not exist.
        let (caller, _) =
            self.open_for(credentials, &Target { record: Some(record.clone()), ..Target::default() }).await?;
        let position: Option<ByTime> =
            self.page_position("record-messages", caller.company(), query.cursor.as_deref())?;
        if position.as_ref().is_some_and(|position| position.record != record) {
            return Err(ServiceError::field(Code::InvalidCursor, "cursor", "belongs to another record"));
        }
        let far = (Timestamp::from_millis(32_503_680_000_000), MessageId::from_uuid(Uuid::max()));
        let before = position.map_or(far, |position| (position.at, position.id));
        let mut items = self.store().message_record_page(&caller, &record, before, limit + 1).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items.last().filter(|_| more).map(|last| {
            self.page_cursor(
                "record-messages",
                caller.company(),
                &ByTime { record: record.clone(), at: last.created_at, id: last.id },
            )
        });
        Ok(MessagePage { items, replies: Vec::new(), next_cursor })
    }

    /// A thread, named by any of its messages.
    ///
    /// # Errors
    /// [`Code::InvalidCursor`], [`Code::NotFound`].
    pub async fn list_thread(
        &self,
        credentials: &Credentials,
        id: MessageId,
        query: &ListThread,
    ) -> Result<ThreadPage, ServiceError> {
        let limit = page_limit(query.limit)?;
        let not_found = || ServiceError::code(Code::NotFound);
        let (caller, facts) = self.open_for(credentials, &Target { message: Some(id), ..Target::default() }).await?;
        let root = facts.message.as_ref().map(|message| message.root_id).ok_or_else(not_found)?;
        let position: Option<ByPath> = self.page_position("thread", caller.company(), query.cursor.as_deref())?;
        if position.as_ref().is_some_and(|position| position.root != root) {
            return Err(ServiceError::field(Code::InvalidCursor, "cursor", "belongs to another thread"));
        }
        let after = position.map(|position| position.after).unwrap_or_default();
        let (root, mut items) =
            self.store().message_thread(&caller, root, &after, limit + 1).await?.ok_or_else(not_found)?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items.last().filter(|_| more).map(|last| {
            self.page_cursor("thread", caller.company(), &ByPath { root: root.id, after: last.path.clone() })
        });
        Ok(ThreadPage { root, items, next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backend::crypto::{Sealer, seal::Purpose},
        domain::{RecordId, RecordKind},
        ids::CompanyId,
    };

    /// What this server hands out, it must take back: a position as long as any can be.
    fn comes_back<T: Serialize + serde::de::DeserializeOwned>(position: &T) {
        let (sealer, company) = (Sealer::new([7; 32]), CompanyId::from_uuid(Uuid::from_u128(1)));
        let cursor = sealer.cursor(Purpose::PageCursor("x"), company, position);
        assert!(sealer.position::<T>(Purpose::PageCursor("x"), company, &cursor).is_some(), "{} bytes", cursor.len());
    }

    #[test]
    fn the_longest_cursor_is_short_enough() {
        comes_back(&BySeq { conversation: ConversationId::from_uuid(Uuid::max()), before: i64::MAX });
        comes_back(&ByPath { root: MessageId::from_uuid(Uuid::max()), after: vec![i64::MAX; 33] });
        let id = RecordId::new(&"\u{ff01}".repeat(limits::RECORD_ID_BYTES_MAX / 3))
            .or_else(|_| RecordId::new(&"x".repeat(limits::RECORD_ID_BYTES_MAX)));
        let record = RecordKey { kind: RecordKind::Transaction, id: id.unwrap() };
        comes_back(&ByTime { record, at: Timestamp::from_micros(i64::MAX / 4), id: MessageId::from_uuid(Uuid::max()) });
        let name = "\u{1f600}".repeat(limits::NAME_CHARS_MAX);
        comes_back(&crate::backend::store::PeopleCursor { name, id: crate::ids::UserId::from_uuid(Uuid::max()) });
    }
}
