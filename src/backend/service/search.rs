//! Full-text search under permissions.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::{ServiceError, Services, page_limit};
use crate::{
    backend::{caller::Credentials, crypto::token::sha256, excerpt::Words, store::SearchQuery, store::Target},
    clock::Timestamp,
    domain::RecordKey,
    ids::MessageId,
    limits,
    wire::{Code, Hit, Page, SearchMessages},
};

/// Where the next page begins, and of which search.
#[derive(Serialize, Deserialize)]
struct ByTime {
    of: [u8; 32],
    at: Timestamp,
    id: MessageId,
}

/// The search that `query` makes, but for the page.
fn identity(query: &SearchMessages) -> Result<[u8; 32], ServiceError> {
    let whole = SearchMessages { company_id: None, cursor: None, limit: None, ..query.clone() };
    Ok(sha256(&serde_json::to_vec(&whole).map_err(|_| ServiceError::code(Code::Internal))?))
}

/// The words of `query`, within their bounds.
fn words(query: &SearchMessages) -> Result<Words, ServiceError> {
    let refuse = |detail: String| Err(ServiceError::field(Code::InvalidQuery, "q", detail));
    if query.q.chars().count() > limits::SEARCH_TEXT_CHARS_MAX {
        return refuse(format!("is longer than {} characters", limits::SEARCH_TEXT_CHARS_MAX));
    }
    if query.q.contains('\0') {
        return refuse("contains a NUL".to_owned());
    }
    let words = Words::of(&query.q);
    match words.count() {
        0 => refuse("has no word in it".to_owned()),
        count if count > limits::SEARCH_WORDS_MAX => {
            refuse(format!("has {count} words, allowed are {}", limits::SEARCH_WORDS_MAX))
        }
        _ => Ok(words),
    }
}

impl Services {
    /// Messages that the caller may read and whose words match, newest first. There is no number of all of them.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a conversation or record that is not visible, [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn search_messages(
        &self,
        credentials: &Credentials,
        query: &SearchMessages,
    ) -> Result<Page<Hit>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let words = words(query)?;
        let record = match (query.linked_type, &query.linked_id) {
            (Some(kind), Some(id)) => Some(RecordKey { kind, id: id.clone() }),
            (None, None) => None,
            _ => return Err(ServiceError::field(Code::InvalidQuery, "linkedId", "goes with linkedType")),
        };
        if query.from.zip(query.to).is_some_and(|(from, to)| to <= from) {
            return Err(ServiceError::field(Code::InvalidQuery, "to", "is not after from"));
        }
        let caller = if query.conversation_id.is_none() && record.is_none() {
            self.open(credentials).await?
        } else {
            let target = Target { conversation: query.conversation_id, record: record.clone(), ..Target::default() };
            self.open_for(credentials, &target).await?.0
        };
        let of = identity(query)?;
        let position: Option<ByTime> = self.page_position("search", caller.company(), query.cursor.as_deref())?;
        if position.as_ref().is_some_and(|position| position.of != of) {
            return Err(ServiceError::field(Code::InvalidCursor, "cursor", "belongs to another search"));
        }
        let far = (Timestamp::from_millis(32_503_680_000_000), MessageId::from_uuid(Uuid::max()));
        let wanted = SearchQuery {
            text: &query.q,
            conversation: query.conversation_id,
            record: record.as_ref(),
            author: query.author_id,
            from: query.from,
            to: query.to,
            before: position.map_or(far, |position| (position.at, position.id)),
            limit: limit + 1,
        };
        let begun = Instant::now();
        let found = self.store().search_page(&caller, &wanted, &words).await;
        // What was found and may not be read takes its time, too: see limits::SEARCH_STEP_MS.
        let steps = begun.elapsed().as_millis() / u128::from(limits::SEARCH_STEP_MS) + 1;
        let step = Duration::from_millis(limits::SEARCH_STEP_MS);
        time::sleep_until(begun + step * u32::try_from(steps).unwrap_or(1)).await;
        let mut items = found?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| self.page_cursor("search", caller.company(), &ByTime { of, at: last.created_at, id: last.id }));
        Ok(Page { items, next_cursor })
    }
}
