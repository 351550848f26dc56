//! Conversations: lists, creation, details, read pointers.

use serde::{Deserialize, Serialize};

use super::{
    Barred, IdempotencyKey, ServiceError, Services,
    moderation::not_muted,
    page_limit,
    spam::{Content, Paid},
};
use crate::{
    access::{Action, Permit, Resource},
    backend::{
        bus::Receipt,
        caller::{Caller, Credentials},
        crypto::token::sha256,
        markdown,
        store::{CreateOutcome, Facts, InboxQuery, NewConversation, StoreError, Target},
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

/// A conversation that nothing stands in the way of.
struct Admitted {
    permit: Permit<ConversationKind>,
    /// What it is called instead of what was written.
    covered: Option<Title>,
    paid: Paid,
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
    /// [`Code::Muted`]; [`Code::WordRefused`]; [`Code::NewcomerLimit`], [`Code::DuplicateMessage`]; [`Code::IdempotencyMismatch`].
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
        let (caller, facts) = self.open_for(credentials, &Target { record, terms: true, ..Target::default() }).await?;
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
        let hash = sha256(&serde_json::to_vec(request).map_err(|_| ServiceError::code(Code::Internal))?);
        let mut new = NewConversation {
            id: ConversationId::from_uuid(self.uuid()),
            kind,
            title,
            people,
            record,
            key: Some((key.as_str(), hash)),
            at: self.now(),
        };
        let outcome = match self.admit_conversation(credentials, &caller, &facts, key, &hash, &new).await {
            Ok(Admitted { permit, covered, paid }) => {
                new.title = covered.as_ref().or(title);
                let outcome = self.store().conversation_create(&caller, permit, &new).await;
                // As with a send: what the store fails of may have been stored.
                let was_made = match &outcome {
                    Ok(outcome) => matches!(outcome, CreateOutcome::Created(_)),
                    Err(error) => !matches!(error, StoreError::Refused { .. }),
                };
                if !was_made {
                    self.not_stored(paid).await;
                }
                outcome?
            }
            // What was begun is there, whatever stands in the way of beginning it now: as with a send.
            Err(Barred::Said(error @ ServiceError::Store(_))) => return Err(error),
            Err(barred) => {
                let before = {
                    let mut tx = self.store().begin(&caller, "conversation.replay").await?;
                    tx.conversation_replayed(key.as_str(), &hash).await?
                };
                match before {
                    Some(outcome) => outcome,
                    None => return Err(self.barred(&caller, barred).await),
                }
            }
        };
        let (id, begun) = match outcome {
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

    /// Whether a conversation that is new may begin. Its title is read by everybody in it before they have said a word: it is judged and
    /// counted like a message.
    async fn admit_conversation(
        &self,
        who: &Credentials,
        caller: &Caller,
        facts: &Facts,
        key: &IdempotencyKey,
        hash: &[u8; 32],
        new: &NewConversation<'_>,
    ) -> Result<Admitted, Barred> {
        let Some(permit) = caller.permit(Action::MessageCreate, &facts.resource, new.kind) else {
            let target = new.record.map_or_else(|| new.kind.as_str().to_owned(), ToString::to_string);
            return Err(Barred::forbidden(Action::MessageCreate, target));
        };
        // The conversation about a record is there for its readers; to begin another is to write.
        if facts.conversation.is_some() {
            return Ok(Admitted { permit, covered: None, paid: Paid::default() });
        }
        not_muted(facts, self.now())?;
        self.meet(caller, &new.people, new.kind).await?;
        let title = new.title.map_or("", Title::as_str);
        let watched = self.watch_words(caller, facts, "title", title).await?;
        let covered =
            watched.body.as_deref().map(Title::new).transpose().map_err(|_| ServiceError::code(Code::Internal))?;
        let body = covered.as_ref().map_or(title, Title::as_str);
        let mut paid = Paid::default();
        if let Some(terms) = &facts.terms {
            let receipt = Receipt::of(&[
                b"conversation.create",
                caller.company().uuid().as_bytes(),
                caller.user().uuid().as_bytes(),
                key.as_str().as_bytes(),
                hash,
            ]);
            let content = Content { slow: None, body, text: &markdown::parse(body), before: None, receipt };
            paid = self.count_content(who, caller, terms, &content).await?;
        }
        Ok(Admitted { permit, covered, paid })
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
