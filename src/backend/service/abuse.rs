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
        AbuseEntry, AuditAction, Code, CompanySettings, ConversationSettings, ListAbuse, NOTED, Page,
        PatchConversation, PatchSettings,
    },
};

const MINUTE_US: i64 = 60_000_000;

type Place = (i64, &'static str, Uuid);

/// Refusals that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<HashMap<CompanyId, Waiting>>);

/// Those of one company.
#[derive(Debug, Default)]
struct Waiting {
    rows: HashMap<Place, RefusalRow>,
    /// How many rows a minute has here. Kept until the minute is over, so that writing does not make room.
    minutes: HashMap<i64, usize>,
}

impl Waiting {
    fn put(&mut self, row: RefusalRow) {
        match self.rows.get_mut(&(row.minute.micros(), row.kind, row.subject)) {
            Some(there) => {
                there.count += row.count;
                there.first_at = there.first_at.min(row.first_at);
                if row.last_at >= there.last_at {
                    there.last_at = row.last_at;
                    (there.address, there.operation, there.conversation) =
                        (row.address, row.operation, row.conversation);
                }
            }
            None => {
                self.rows.insert((row.minute.micros(), row.kind, row.subject), row);
            }
        }
    }
}

impl Trail {
    /// One more. Where the minute has no room for another person, all those are one; likewise where the company's share of what may
    /// wait is used up, so that one company's flood leaves the others their room.
    fn add(&self, company: CompanyId, mut row: RefusalRow) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let companies = all.len() + usize::from(!all.contains_key(&company));
        let waiting = all.entry(company).or_default();
        let minute = row.minute.micros();
        if !waiting.rows.contains_key(&(minute, row.kind, row.subject)) {
            let rows = waiting.minutes.entry(minute).or_default();
            if waiting.rows.len() >= limits::REFUSALS_WAITING_MAX / companies
                || *rows >= limits::REFUSALS_PER_MINUTE_MAX
            {
                (row.subject, row.user, row.address, row.conversation) = (Uuid::nil(), None, None, None);
            } else {
                *rows += 1;
            }
        }
        waiting.put(row);
    }

    /// Puts back what could not be written: it was counted when it came.
    fn put_back(&self, company: CompanyId, rows: Vec<RefusalRow>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.entry(company).or_default();
        for row in rows {
            waiting.put(row);
        }
    }

    /// What waits, of one company or of all.
    fn take(&self, now: Timestamp, only: Option<CompanyId>) -> HashMap<CompanyId, Vec<RefusalRow>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = HashMap::new();
        for (company, waiting) in &mut *all {
            waiting.minutes.retain(|minute, _| minute + MINUTE_US > now.micros());
            if only.is_none_or(|only| only == *company) && !waiting.rows.is_empty() {
                taken.insert(*company, waiting.rows.drain().map(|(_, row)| row).collect());
            }
        }
        all.retain(|_, waiting| !waiting.rows.is_empty() || !waiting.minutes.is_empty());
        taken
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
        let is_abuse = NOTED.contains(&code) && code != Code::InvalidCredentials;
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
        self.write_refusals_of(None).await
    }

    async fn write_refusals_of(&self, only: Option<CompanyId>) -> Result<(), StoreError> {
        let mut failure = None;
        for (company, mut rows) in self.inner.trail.take(self.now(), only) {
            // One order for all who write: two nodes that write the same rows do not wait for each other in a circle.
            rows.sort_unstable_by_key(|row| (row.minute, row.kind, row.subject));
            if let Err(error) = self.store().refusals_put(company, &rows).await {
                self.inner.trail.put_back(company, rows);
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
        // Whoever looks sees what this node knows up to now of their company; what can't be written now, later.
        if let Err(error) = self.write_refusals_of(Some(caller.company())).await {
            tracing::warn!(error = &error as &dyn std::error::Error, company = %caller.company(), "refusals wait on");
        }
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
        tx.audit_write(AuditAction::ConversationSlowMode, &id.to_string(), &detail, correlation, now).await?;
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
        let rows = trail.take(at, None).remove(&company).unwrap();
        assert_eq!(rows.len(), limits::REFUSALS_PER_MINUTE_MAX + 1);
        let count = |n: u128| rows.iter().find(|row| row.subject == Uuid::from_u128(n)).map(|row| row.count);
        assert_eq!((count(0), count(1), count(2)), (Some(50), Some(251), Some(1)));
        // What was written made no room for more persons in this minute.
        trail.add(company, row(9_999));
        assert_eq!(trail.take(at, None).remove(&company).unwrap()[0].subject, Uuid::nil());
    }

    fn refused(minute: i64, subject: u128) -> RefusalRow {
        let at = Timestamp::from_micros(minute * MINUTE_US);
        RefusalRow {
            minute: at,
            kind: "rate_limited",
            subject: Uuid::from_u128(subject),
            user: None,
            address: None,
            operation: "get_me",
            conversation: None,
            count: 1,
            first_at: at,
            last_at: at,
        }
    }

    #[test]
    fn one_companys_flood_leaves_the_others_their_room() {
        let (trail, loud, quiet) =
            (Trail::default(), CompanyId::from_uuid(Uuid::from_u128(1)), CompanyId::from_uuid(Uuid::from_u128(2)));
        for minute in 0..100 {
            for subject in 1..=limits::REFUSALS_PER_MINUTE_MAX as u128 {
                trail.add(loud, refused(minute, subject));
            }
        }
        trail.add(quiet, refused(100, 7));
        let taken = trail.take(Timestamp::from_micros(0), None);
        assert!(taken[&loud].len() <= limits::REFUSALS_WAITING_MAX + 100, "{}", taken[&loud].len());
        assert_eq!(taken[&quiet][0].subject, Uuid::from_u128(7));
    }

    #[test]
    fn what_is_put_back_is_counted_once_and_stays_what_it_was() {
        let (trail, company) = (Trail::default(), CompanyId::from_uuid(Uuid::from_u128(1)));
        for subject in 1..=limits::REFUSALS_PER_MINUTE_MAX as u128 {
            trail.add(company, refused(0, subject));
        }
        for _ in 0..3 {
            let rows = trail.take(Timestamp::from_micros(0), Some(company)).remove(&company).unwrap();
            assert_eq!(rows.len(), limits::REFUSALS_PER_MINUTE_MAX);
            assert!(rows.iter().all(|row| row.count == 1 && !row.subject.is_nil()), "each as it was");
            trail.put_back(company, rows);
        }
        let other = CompanyId::from_uuid(Uuid::from_u128(2));
        assert!(trail.take(Timestamp::from_micros(0), Some(other)).is_empty());
        assert_eq!(trail.take(Timestamp::from_micros(0), Some(company)).len(), 1, "another's look leaves it there");
    }
}
