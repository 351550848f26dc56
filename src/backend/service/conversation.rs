//! Conversations: lists, creation, details, read pointers.

use serde::{Deserialize, Serialize};

use super::{IdempotencyKey, ServiceError, Services, moderation::not_muted, page_limit};
use crate::{
    access::{Action, Resource},
    backend::{
        caller::{Caller, Credentials},
        crypto::token::sha256,
        store::{CreateOutcome, InboxQuery, NewConversation, Target},
    },
    clock::Timestamp,
    domain::{ConversationKind, RecordKey, Title},
    ids::{ConversationId, UserId},
    limits,
    wire::{
        Code, ConversationDetail, ConversationRights, ConversationSummary, CreateConversation, ListConversations,
        MarkRead, Page, ReadState,
    },
};

/// Whence the answer to a creation comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// It was made, by this request or by the earlier one with the same key; else it was there already.
    pub made: bool,
    /// An earlier request with the same key has done it.
    pub replayed: bool,
}

#[derive(Serialize, Deserialize)]
struct ByActivity {
    at: Timestamp,
    id: ConversationId,
}

impl Services {
    /// The caller's conversations, most recent activity first; or those about records.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn list_conversations(
        &self,
        credentials: &Credentials,
        query: &ListConversations,
    ) -> Result<Page<ConversationSummary>, ServiceError> {
        let limit = page_limit(query.limit)?;
        if query.linked_id.is_some() && query.linked_type.is_none() {
            return Err(ServiceError::field(Code::InvalidQuery, "linkedType", "is needed with linkedId"));
        }
        let caller = self.open(credentials).await?;
        let position: Option<ByActivity> =
            self.page_position("conversations", caller.company(), query.cursor.as_deref())?;
        let inbox = InboxQuery {
            conversation: None,
            kind: query.linked_type,
            record: query.linked_id.as_ref().map(crate::domain::RecordId::as_str),
            before: position.map(|position| (position.at, position.id)),
            limit: limit + 1,
        };
        let mut items = self.store().conversation_inbox(&caller, &inbox).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items.last().filter(|_| more).map(|last| {
            self.page_cursor("conversations", caller.company(), &ByActivity { at: last.activity_at, id: last.id })
        });
        Ok(Page { items, next_cursor })
    }

    /// Begins a conversation, or answers the one that there is between these two or about this record.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a person or record that is not visible, or a person who has blocked the caller; [`Code::Forbidden`];
    /// [`Code::Muted`]; [`Code::IdempotencyMismatch`].
    pub async fn create_conversation(
        &self,
        credentials: &Credentials,
        key: &IdempotencyKey,
        request: &CreateConversation,
    ) -> Result<(ConversationDetail, Begun), ServiceError> {
        let record = match request {
            CreateConversation::Record { record } => Some(record.clone()),
            CreateConversation::Direct { .. } | CreateConversation::Group { .. } => None,
        };
        let (caller, facts) = self.open_for(credentials, &Target { record, ..Target::default() }).await?;
        let resource = &facts.resource;
        let (kind, title, people, record): (_, Option<&Title>, Vec<UserId>, Option<&RecordKey>) = match request {
            CreateConversation::Direct { user_id } => (ConversationKind::Direct, None, vec![*user_id], None),
            CreateConversation::Group { title, user_ids } => {
                (ConversationKind::Group, Some(title), distinct(user_ids), None)
            }
            CreateConversation::Record { record } => (ConversationKind::Record, None, Vec::new(), Some(record)),
        };
        if people.contains(&caller.user()) {
            return Err(ServiceError::field(Code::InvalidField, "userIds", "must name other people than yourself"));
        }
        if kind == ConversationKind::Group && !(1..=limits::PARTICIPANTS_CREATE_MAX).contains(&people.len()) {
            let detail = format!("must name 1 to {} people", limits::PARTICIPANTS_CREATE_MAX);
            return Err(ServiceError::field(Code::InvalidField, "userIds", detail));
        }
        let Some(permit) = caller.permit(Action::MessageCreate, resource, kind) else {
            let target = record.map_or_else(|| kind.as_str().to_owned(), ToString::to_string);
            return Err(self.forbidden(&caller, Action::MessageCreate, target).await);
        };
        // The conversation about a record is there for its readers; to begin another is to write.
        if facts.conversation.is_none() {
            not_muted(&facts, self.now())?;
        }
        self.meet(&caller, &people, kind).await?;
        let hash = sha256(&serde_json::to_vec(request).map_err(|_| ServiceError::code(Code::Internal))?);
        let new = NewConversation {
            id: ConversationId::from_uuid(self.uuid()),
            kind,
            title,
            people,
            record,
            key: Some((key.as_str(), hash)),
            at: self.now(),
        };
        let (id, begun) = match self.store().conversation_create(&caller, permit, &new).await? {
            CreateOutcome::Created(committed) => {
                let id = committed.get().0;
                self.announce(&committed.map(|(_, event)| event));
                (id, Begun { made: true, replayed: false })
            }
            CreateOutcome::Existing(id) => (id, Begun { made: false, replayed: false }),
            CreateOutcome::Replayed { id, made } => (id, Begun { made, replayed: true }),
            CreateOutcome::Mismatch => return Err(ServiceError::code(Code::IdempotencyMismatch)),
            CreateOutcome::NotFound => return Err(ServiceError::code(Code::NotFound)),
        };
        Ok((self.detail(&caller, id, resource).await?, begun))
    }

    /// Whether the caller may meet all of `people`. A guest can't write to a colleague whom they don't know.
    async fn meet(&self, caller: &Caller, people: &[UserId], kind: ConversationKind) -> Result<(), ServiceError> {
        if people.is_empty() {
            return Ok(());
        }
        let guest = caller.member_kind() == crate::domain::MemberKind::External;
        let mut tx = self.store().begin(caller, "person.meet").await?;
        let found = tx.person_get_many(guest, people).await?;
        // Somebody who blocked the caller is as much out of reach as somebody whom a guest may not meet: no answer tells which.
        let shut_out = kind == ConversationKind::Direct && tx.is_shut_out(people[0]).await?;
        if found.len() == people.len() && !shut_out { Ok(()) } else { Err(ServiceError::code(Code::NotFound)) }
    }

    /// One conversation with its participants and the caller's rights.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_conversation(
        &self,
        credentials: &Credentials,
        id: ConversationId,
    ) -> Result<ConversationDetail, ServiceError> {
        let (caller, facts) =
            self.open_for(credentials, &Target { conversation: Some(id), ..Target::default() }).await?;
        self.detail(&caller, id, &facts.resource).await
    }

    async fn detail(
        &self,
        caller: &Caller,
        id: ConversationId,
        resource: &Resource,
    ) -> Result<ConversationDetail, ServiceError> {
        let query = InboxQuery { conversation: Some(id), kind: None, record: None, before: None, limit: 1 };
        let summary = self
            .store()
            .conversation_inbox(caller, &query)
            .await?
            .pop()
            .ok_or_else(|| ServiceError::code(Code::NotFound))?;
        let mut tx = self.store().begin(caller, "participant.list").await?;
        let participants = tx.participant_list(id).await?;
        let standing = tx.standing(id, self.now()).await?;
        let may = |action| caller.may(action, resource);
        Ok(ConversationDetail {
            summary,
            participants,
            can: ConversationRights {
                create: may(Action::MessageCreate),
                reply: may(Action::MessageReply),
                edit: may(Action::MessageEdit),
                delete: may(Action::MessageDelete),
                moderate: may(Action::AdminModerate),
            },
            muted_until: standing.muted_until,
            notices: standing.notices,
        })
    }

    /// Moves the caller's read pointer forward and tells those who read along.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::InvalidField`], [`Code::Forbidden`] for an API key.
    pub async fn mark_read(
        &self,
        credentials: &Credentials,
        id: ConversationId,
        request: &MarkRead,
    ) -> Result<ReadState, ServiceError> {
        if request.seq < 0 {
            return Err(ServiceError::field(Code::InvalidField, "seq", "must not be negative"));
        }
        let (caller, _) = self.open_person(credentials).await?;
        let read = self
            .store()
            .conversation_mark_read(&caller, id, request.seq, self.now())
            .await?
            .ok_or_else(|| ServiceError::code(Code::NotFound))?;
        let (state, moved) = read.into_inner();
        if moved {
            self.bus().receipt(caller.company(), id, caller.user(), state.read_seq);
        }
        Ok(state)
    }
}

fn distinct(users: &[UserId]) -> Vec<UserId> {
    let mut seen = std::collections::BTreeSet::new();
    users.iter().copied().filter(|user| seen.insert(*user)).collect()
}
