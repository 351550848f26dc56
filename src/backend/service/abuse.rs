//! The trail of refusals that a company's administrators read, its settings, and slow mode.
//!
//! A refusal is noted when its answer is made, in this process: a row for each minute, kind and person, so that somebody who
//! is refused a thousand times a second makes one row and no work. The rows are written every few seconds and when the process stops; a crash loses
//! those seconds. What the audit log was told is not told again: the trail has what the log's bound left out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use super::{ServiceError, Services, page_limit, policy::guarded};
use crate::{
    access::Action,
    backend::{
        caller::Credentials,
        crypto::token::sha256,
        store::{RefusalPlace, RefusalQuery, RefusalRow, StoreError, Target},
        toll::Toll,
    },
    clock::Timestamp,
    ids::{CompanyId, ConversationId, CorrelationId, UserId},
    limits,
    wire::{
        AbuseEntry, Code, CompanySettings, ConversationSettings, ListAbuse, Page, PatchConversation, PatchSettings,
    },
};

const MINUTE_US: i64 = 60_000_000;

type Place = (CompanyId, i64, &'static str, Uuid);

/// Refusals that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    rows: HashMap<Place, RefusalRow>,
    /// How many rows a company's minute has here. Kept until the minute is over, so that writing does not make room.
    minutes: HashMap<(CompanyId, i64), usize>,
}

impl Trail {
    /// One more. Where the minute has no room for another person, all those are one.
    fn add(&self, company: CompanyId, mut row: RefusalRow) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = row.minute.micros();
        let place = (company, minute, row.kind, row.subject);
        if !waiting.rows.contains_key(&place) {
            let full = waiting.rows.len() >= limits::REFUSALS_WAITING_MAX;
            let rows = waiting.minutes.entry((company, minute)).or_default();
            if full || *rows >= limits::REFUSALS_PER_MINUTE_MAX {
                (row.subject, row.user, row.address, row.conversation) = (Uuid::nil(), None, None, None);
            } else {
                *rows += 1;
            }
        }
        let place = (company, minute, row.kind, row.subject);
        match waiting.rows.get_mut(&place) {
            Some(there) => {
                there.count += row.count;
                there.first_at = there.first_at.min(row.first_at);
                there.last_at = there.last_at.max(row.last_at);
                (there.address, there.operation, there.conversation) = (row.address, row.operation, row.conversation);
            }
            None => {
                waiting.rows.insert(place, row);
            }
        }
    }

    fn take(&self, now: Timestamp) -> HashMap<CompanyId, Vec<RefusalRow>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.minutes.retain(|(_, minute), _| minute + MINUTE_US > now.micros());
        let mut companies: HashMap<_, Vec<_>> = HashMap::new();
        for ((company, ..), row) in waiting.rows.drain() {
            companies.entry(company).or_default().push(row);
        }
        companies
    }
}

/// A refusal, as it is noted.
struct Noted {
    company: CompanyId,
    user: Option<UserId>,
    code: Code,
    operation: &'static str,
    conversation: Option<ConversationId>,
}

impl Services {
    /// Notes that a request was refused with `code`, if it is known whose it was. What is the client's mistake is not noted;
    /// nor is what the audit log was told.
    pub fn note_refused(&self, toll: &Toll, code: Code) {
        let is_abuse = matches!(
            code,
            Code::RateLimited
                | Code::DuplicateMessage
                | Code::TooManyLinks
                | Code::LinkFlood
                | Code::TooManyMentions
                | Code::MentionFlood
                | Code::NewcomerLimit
                | Code::SlowMode
                | Code::Forbidden
                | Code::BeyondOwnRights
                | Code::NotFound
        );
        let Some((company, user)) = toll.payer().filter(|_| is_abuse && !toll.is_audited()) else { return };
        // Who reports is told to nobody: that somebody was refused is enough.
        let (operation, conversation) = match toll.operation() {
            "create_report" => ("withheld", None),
            operation => (operation, toll.conversation()),
        };
        let noted = Noted { company, user: Some(user), code, operation, conversation };
        self.note(&noted, toll.network().as_deref());
    }

    fn note(&self, noted: &Noted, network: Option<&str>) {
        let now = self.now();
        let address = network.map(|network| self.sealer().pseudonym(noted.company, network));
        let by_address = || {
            let digest = sha256(address.as_deref().unwrap_or_default().as_bytes());
            Uuid::from_slice(&digest[..16]).unwrap_or_default()
        };
        let row = RefusalRow {
            minute: Timestamp::from_micros(now.micros().div_euclid(MINUTE_US) * MINUTE_US),
            kind: noted.code.as_str(),
            subject: noted.user.map_or_else(by_address, UserId::uuid),
            user: noted.user,
            address,
            operation: noted.operation,
            conversation: noted.conversation,
            count: 1,
            first_at: now,
            last_at: now,
        };
        self.inner.trail.add(noted.company, row);
    }

    /// Notes for each company of the account that a sign-in was refused with `code`.
    pub(super) async fn note_sign_in(&self, user: UserId, network: Option<&str>, code: Code) -> Result<(), StoreError> {
        for company in self.store().company_list(user).await? {
            let noted = Noted { company: company.id, user: Some(user), code, operation: "sign_in", conversation: None };
            self.note(&noted, network);
        }
        Ok(())
    }

    /// Writes what waits. What can't be written now waits on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write_refusals(&self) -> Result<(), StoreError> {
        let mut failure = None;
        for (company, mut rows) in self.inner.trail.take(self.now()) {
            // One order for all who write: two nodes that write the same rows do not wait for each other in a circle.
            rows.sort_unstable_by_key(|row| (row.minute, row.kind, row.subject));
            if let Err(error) = self.store().refusals_put(company, &rows).await {
                for row in rows {
                    self.inner.trail.add(company, row);
                }
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// What was refused, the latest minute first.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn list_abuse(
        &self,
        credentials: &Credentials,
        query: &ListAbuse,
    ) -> Result<Page<AbuseEntry>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let is_kind =
            |kind: &str| (1..=60).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if query.kind.as_deref().is_some_and(|kind| !is_kind(kind)) {
            return Err(ServiceError::field(Code::InvalidQuery, "kind", "is an error code such as slow_mode"));
        }
        let (caller, permit) = self.open_admin(credentials, Action::AdminMembers).await?;
        let before: Option<RefusalPlace> = self.page_position("abuse", caller.company(), query.cursor.as_deref())?;
        // Whoever looks sees what this node knows up to now.
        self.write_refusals().await?;
        let wanted = RefusalQuery {
            kind: query.kind.as_deref(),
            user: query.user_id,
            since: query.since,
            before,
            limit: limit + 1,
        };
        let mut tx = self.store().begin(&caller, "refusal.list").await?;
        let mut items = tx.refusal_page(&permit, &wanted).await?;
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor =
            items.last().filter(|_| more).map(|(_, place)| self.page_cursor("abuse", caller.company(), place));
        Ok(Page { items: items.into_iter().map(|(entry, _)| entry).collect(), next_cursor })
    }

    /// What the company limits by itself.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`.
    pub async fn get_settings(&self, credentials: &Credentials) -> Result<CompanySettings, ServiceError> {
        let (caller, _) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "settings.get").await?;
        Ok(tx.settings_get().await?.unwrap_or_default())
    }

    /// Changes what the company limits by itself; it holds from the next message on.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:members`; [`Code::InvalidField`]; [`Code::VersionConflict`].
    pub async fn update_settings(
        &self,
        credentials: &Credentials,
        request: &PatchSettings,
    ) -> Result<CompanySettings, ServiceError> {
        let (caller, permit) = self.open_admin(credentials, Action::AdminMembers).await?;
        let mut tx = self.store().begin(&caller, "settings.update").await?;
        let was = tx.settings_get().await?.unwrap_or_default();
        let stale = |version: u32| ServiceError::detail(Code::VersionConflict, format!("version {version} is stored"));
        if was.version != request.version {
            return Err(stale(was.version));
        }
        let settings = patched(&was, request)?;
        if settings == was {
            return Ok(was);
        }
        if !tx.settings_put(&permit, &settings, self.now()).await.map_err(guarded)? {
            return Err(stale(was.version + 1));
        }
        let now = CompanySettings { version: was.version + 1, ..settings };
        Ok(tx.commit(now).await?.into_inner())
    }

    /// Sets a conversation's slow mode; it holds from the next message on.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Forbidden`] without `admin:moderate` there; [`Code::InvalidField`].
    pub async fn update_conversation(
        &self,
        credentials: &Credentials,
        id: ConversationId,
        request: &PatchConversation,
    ) -> Result<ConversationSettings, ServiceError> {
        if request.slow_mode_s > limits::SLOW_MODE_S_MAX {
            let detail = format!("is {}, allowed are 0 to {}", request.slow_mode_s, limits::SLOW_MODE_S_MAX);
            return Err(ServiceError::field(Code::InvalidField, "slowModeS", detail));
        }
        let target = Target { conversation: Some(id), terms: true, ..Target::default() };
        let (caller, facts) = self.open_for(credentials, &target).await?;
        let Some(permit) = caller.permit(Action::AdminModerate, &facts.resource, id) else {
            return Err(self.forbidden(&caller, Action::AdminModerate, id).await);
        };
        let was = facts.terms.map_or(0, |terms| terms.slow_mode_s);
        let settings = ConversationSettings { conversation_id: id, slow_mode_s: request.slow_mode_s };
        if was == request.slow_mode_s {
            return Ok(settings);
        }
        let (now, correlation): (_, CorrelationId) = (self.now(), caller.correlation());
        let mut tx = self.store().begin(&caller, "conversation.slow_mode").await?;
        if !tx.conversation_slow_mode(&permit, request.slow_mode_s, now).await? {
            return Err(ServiceError::code(Code::NotFound));
        }
        let detail = serde_json::json!({ "from": was, "to": request.slow_mode_s });
        tx.audit_write("conversation.slow_mode", &id.to_string(), &detail, correlation, now).await?;
        Ok(tx.commit(settings).await?.into_inner())
    }
}

fn patched(was: &CompanySettings, request: &PatchSettings) -> Result<CompanySettings, ServiceError> {
    let within = |field: &str, value: Option<u32>, old: u32, least: u32, most: u32| match value {
        Some(value) if !(least..=most).contains(&value) => {
            let detail = format!("is {value}, allowed are {least} to {most}");
            Err(ServiceError::field(Code::InvalidField, field, detail))
        }
        value => Ok(value.unwrap_or(old)),
    };
    let (message, minute) = (limits::PER_MESSAGE_MAX, limits::PER_MINUTE_MAX);
    let (r, w) = (request, was);
    let (window, least, most) = (r.duplicate_window_s, limits::DUPLICATE_WINDOW_S_MIN, limits::DUPLICATE_WINDOW_S_MAX);
    let settings = CompanySettings {
        version: w.version,
        duplicates_max: within("duplicatesMax", r.duplicates_max, w.duplicates_max, 1, limits::DUPLICATES_LIMIT_MAX)?,
        duplicate_window_s: within("duplicateWindowS", window, w.duplicate_window_s, least, most)?,
        links_per_message: within("linksPerMessage", r.links_per_message, w.links_per_message, 0, message)?,
        links_per_minute: within("linksPerMinute", r.links_per_minute, w.links_per_minute, 1, minute)?,
        mentions_per_message: within("mentionsPerMessage", r.mentions_per_message, w.mentions_per_message, 0, message)?,
        mentions_per_minute: within("mentionsPerMinute", r.mentions_per_minute, w.mentions_per_minute, 1, minute)?,
        newcomer_hours: within("newcomerHours", r.newcomer_hours, w.newcomer_hours, 0, limits::NEWCOMER_HOURS_MAX)?,
        newcomer_percent: within("newcomerPercent", r.newcomer_percent, w.newcomer_percent, 1, 100)?,
    };
    for (field, at_once, in_a_minute) in [
        ("linksPerMessage", settings.links_per_message, settings.links_per_minute),
        ("mentionsPerMessage", settings.mentions_per_message, settings.mentions_per_minute),
    ] {
        if at_once > in_a_minute {
            let detail = format!("is {at_once}, more than the {in_a_minute} in a minute");
            return Err(ServiceError::field(Code::InvalidField, field, detail));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_room_for_so_many_and_counts_the_rest_together() {
        let (trail, company) = (Trail::default(), CompanyId::from_uuid(Uuid::from_u128(1)));
        let at = Timestamp::from_millis(1_700_000_040_000);
        let row = |n: usize| RefusalRow {
            minute: at,
            kind: "rate_limited",
            subject: Uuid::from_u128(n as u128 + 1),
            user: Some(UserId::from_uuid(Uuid::from_u128(n as u128 + 1))),
            address: None,
            operation: "get_me",
            conversation: None,
            count: 1,
            first_at: at,
            last_at: at,
        };
        for n in 0..limits::REFUSALS_PER_MINUTE_MAX + 50 {
            trail.add(company, row(n));
            trail.add(company, row(0));
        }
        let rows = trail.take(at).remove(&company).unwrap();
        assert_eq!(rows.len(), limits::REFUSALS_PER_MINUTE_MAX + 1);
        let count = |n: u128| rows.iter().find(|row| row.subject == Uuid::from_u128(n)).map(|row| row.count);
        assert_eq!((count(0), count(1), count(2)), (Some(50), Some(251), Some(1)));
        // What was written made no room for more persons in this minute.
        trail.add(company, row(9_999));
        assert_eq!(trail.take(at).remove(&company).unwrap()[0].subject, Uuid::nil());
    }
}
