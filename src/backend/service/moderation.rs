//! Moderation: reports, the queue, what moderators do, the notices that authors get; blocks; the word list.
//!
//! A moderator acts on reported messages only, as far as their `admin:moderate` reaches, and never on their own.

use serde::{Deserialize, Serialize};

use super::{
    ServiceError, Services,
    member::administers_more,
    page_limit,
    policy::{guarded, holds},
};
use crate::{
    access::{Action, Effect, Permit, Reason, Resource, Verdict, decide},
    backend::{
        caller::{Caller, Credentials},
        store::{
            Facts, Target,
            moderation::{ActOutcome, JudgedCase},
        },
        words::{Judgement, Words},
    },
    clock::Timestamp,
    ids::{CompanyId, MessageId, NoticeId, UserId},
    limits,
    wire::{
        Blocks, CaseState, Code, CreateReport, ListReports, Moderate, ModerationAct, Notices, OpenedCase, Page,
        PutWordList, Report, ReportCase, ReportReason, SessionKind, WordList,
    },
};

#[derive(Serialize, Deserialize)]
struct ByReport {
    at: Timestamp,
    id: MessageId,
}

/// Whether somebody may judge this case: the same law as the database's, by the other wall.
fn judges(caller: &Caller, case: &JudgedCase) -> bool {
    let sees = matches!(case.resource, Resource::Unlinked) || caller.may(Action::ThreadRead, &case.resource);
    case.case.author.id != caller.user() && sees && caller.may(Action::AdminModerate, &case.resource)
}

/// What reaches past the message, into its conversation.
const fn is_about_the_place(act: ModerationAct) -> bool {
    matches!(act, ModerationAct::Mute | ModerationAct::Unmute | ModerationAct::Remove | ModerationAct::Readmit)
}

/// Whether somebody may moderate the conversation in which a reported message stands.
fn moderates_place(caller: &Caller, case: &JudgedCase) -> bool {
    case.place.as_ref().is_some_and(|place| {
        let sees = matches!(place, Resource::Unlinked) || caller.may(Action::ThreadRead, place);
        sees && caller.may(Action::AdminModerate, place)
    })
}

/// Whether a rule denies somebody this, which is more than that nothing allows it.
fn is_denied(caller: &Caller, action: Action, resource: &Resource) -> bool {
    let verdict = decide(caller.policy(), caller.subject(), action, resource, caller.at());
    matches!(verdict, Verdict::Deny(Reason::Rule { .. }))
}

/// Whether a deny rule keeps the text of a reported message from its moderator.
fn is_withheld(caller: &Caller, case: &JudgedCase) -> bool {
    is_denied(caller, Action::MessageRead, &case.resource)
        || is_denied(caller, Action::ThreadRead, &case.resource)
        || case.place.as_ref().is_some_and(|place| is_denied(caller, Action::ThreadRead, place))
}

/// Whether somebody may moderate something, however little.
pub(super) fn moderates(caller: &Caller) -> bool {
    caller.policy().rules.iter().any(|rule| {
        rule.effect == Effect::Allow
            && rule.actions.contains(&Action::AdminModerate)
            && (rule.roles.contains(&caller.subject().role) || rule.users.contains(&caller.user()))
    })
}

/// Refused while the caller is muted where these facts are from.
pub(super) fn not_muted(facts: &Facts, at: Timestamp) -> Result<(), ServiceError> {
    match facts.muted_until.filter(|until| *until > at) {
        None => Ok(()),
        Some(until) => Err(ServiceError::field(Code::Muted, "until", until.to_string())),
    }
}

impl Services {
    /// Reports a message that one can read; whether this is the first report of this person.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Forbidden`] for one's own message and for an API key; [`Code::MessageDeleted`];
    /// [`Code::InvalidField`]; [`Code::RateLimited`].
    pub async fn create_report(
        &self,
        credentials: &Credentials,
        id: MessageId,
        request: &CreateReport,
    ) -> Result<(Report, bool), ServiceError> {
        if request.reason == ReportReason::WordList {
            return Err(ServiceError::field(Code::InvalidField, "reason", "is given by the word list only"));
        }
        let (caller, facts) = self.open_for(credentials, &Target { message: Some(id), ..Target::default() }).await?;
        let message = facts.message.as_ref().ok_or_else(|| ServiceError::code(Code::NotFound))?;
        if caller.session().is_none() || message.author_id == caller.user() {
            return Err(ServiceError::detail(Code::Forbidden, "people report the messages of others"));
        }
        let mut tx = self.store().begin(&caller, "report.create").await?;
        if tx.message_get(id).await?.is_none_or(|message| message.deleted_at.is_some()) {
            return Err(ServiceError::code(Code::MessageDeleted));
        }
        let note = request.note.as_ref().map(crate::domain::Note::as_str);
        let made = tx.report_insert(self.uuid(), id, request.reason, note, self.now()).await?;
        let made = made.ok_or_else(|| ServiceError::code(Code::MessageDeleted))?;
        let report = tx.report_get(id).await?.ok_or_else(|| ServiceError::code(Code::NotFound))?;
        Ok(tx.commit((report, made)).await?.into_inner())
    }

    /// The queue, as far as the caller's right to moderate reaches: no text, no reporter.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for whoever may moderate nothing; [`Code::InvalidQuery`], [`Code::InvalidCursor`].
    pub async fn list_reports(
        &self,
        credentials: &Credentials,
        query: &ListReports,
    ) -> Result<Page<ReportCase>, ServiceError> {
        let limit = page_limit(query.limit)?;
        let state = query.state.unwrap_or(CaseState::Open);
        let caller = self.open_moderator(credentials).await?;
        let list = if state == CaseState::Open { "reports-open" } else { "reports-resolved" };
        let position: Option<ByReport> = self.page_position(list, caller.company(), query.cursor.as_deref())?;
        let mut tx = self.store().begin(&caller, "report.list").await?;
        let before = position.map(|position| (position.at, position.id));
        let mut found = tx.case_list(state, before, limit + 1).await?;
        tx.case_list_told(&caller, self.now()).await?;
        let more = found.len() > usize::from(limit);
        found.truncate(limit.into());
        let next_cursor = found.last().filter(|_| more).map(|last| {
            let position = ByReport { at: last.case.reported_at, id: last.case.message_id };
            self.page_cursor(list, caller.company(), &position)
        });
        let items = found.into_iter().filter(|case| judges(&caller, case)).map(|case| case.case).collect();
        // Only what the audit log has been told of is told to anybody.
        Ok(tx.commit(Page { items, next_cursor }).await?.into_inner())
    }

    /// A case with its message and up to two neighbours on each side. Each look is told in the audit log.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for whoever may moderate nothing; [`Code::NotFound`] for what is not reported, not within their reach,
    /// or their own.
    pub async fn open_report(&self, credentials: &Credentials, id: MessageId) -> Result<OpenedCase, ServiceError> {
        let caller = self.open_moderator(credentials).await?;
        let (case, permit) = self.case(&caller, id).await?;
        let mut tx = self.store().begin(&caller, "report.open").await?;
        let mut view =
            tx.case_open(&caller, permit, self.now()).await?.ok_or_else(|| ServiceError::code(Code::NotFound))?;
        if is_withheld(&caller, &case) {
            // The other wall has said so already.
            (view.message.body, view.message.text, view.message.withheld) =
                (String::new(), crate::domain::text::Document::default(), true);
        }
        if view.message.withheld {
            view.reported.clear();
        }
        let opened = OpenedCase {
            case: case.case,
            message: view.message,
            reported: view.reported,
            before: view.before,
            after: view.after,
            reports: view.reports,
            acts: view.acts,
        };
        // Only what the audit log has been told of is told to anybody.
        Ok(tx.commit(opened).await?.into_inner())
    }

    /// Does something about a reported message. What is so already stays so, and is no error.
    ///
    /// # Errors
    /// As [`Self::open_report`]; [`Code::BeyondOwnRights`] for an author who administers more than the caller, for mutes and removals
    /// in a conversation that the caller does not moderate, and for muting everywhere, or lifting that, without the right to moderate
    /// everywhere; [`Code::MessageDeleted`]; [`Code::NotAGroup`]; [`Code::InvalidField`].
    pub async fn moderate(
        &self,
        credentials: &Credentials,
        id: MessageId,
        request: &Moderate,
    ) -> Result<ReportCase, ServiceError> {
        let now = self.now();
        let latest = now.plus_s(limits::MUTE_DAYS_MAX * 24 * 3600);
        match (request.act, request.until) {
            (ModerationAct::Mask, _) => {
                return Err(ServiceError::field(Code::InvalidField, "act", "is the word list's only"));
            }
            (ModerationAct::Mute, Some(until)) if until > now && until <= latest => {}
            (ModerationAct::Mute, _) => {
                let detail = format!("must be between now and {latest}");
                return Err(ServiceError::field(Code::InvalidField, "until", detail));
            }
            (_, Some(_)) => return Err(ServiceError::field(Code::InvalidField, "until", "is for muting only")),
            (_, None) => {}
        }
        if request.everywhere && request.act != ModerationAct::Mute {
            return Err(ServiceError::field(Code::InvalidField, "everywhere", "is for muting only"));
        }
        let caller = self.open_moderator(credentials).await?;
        let (case, permit) = self.case(&caller, id).await?;
        let author = case.case.author.id;
        if request.act != ModerationAct::Resolve && administers_more(&caller, &case.author_role, author, now) {
            return Err(ServiceError::detail(Code::BeyondOwnRights, "the author administers more than you do"));
        }
        if is_about_the_place(request.act) && !moderates_place(&caller, &case) {
            return Err(ServiceError::detail(Code::BeyondOwnRights, "you do not moderate the conversation"));
        }
        if request.everywhere && !holds(&caller, Action::AdminModerate, now) {
            return Err(ServiceError::field(Code::BeyondOwnRights, "everywhere", "you moderate a part of the company"));
        }
        match self.store().moderate(&caller, permit, request, self.uuid(), now).await? {
            ActOutcome::Done(event) => {
                if let Some(event) = event {
                    self.announce(&event);
                }
            }
            ActOutcome::Already => {}
            ActOutcome::NotFound => return Err(ServiceError::code(Code::NotFound)),
            ActOutcome::Beyond => return Err(ServiceError::code(Code::BeyondOwnRights)),
            ActOutcome::Deleted => return Err(ServiceError::code(Code::MessageDeleted)),
            ActOutcome::NotAGroup => return Err(ServiceError::code(Code::NotAGroup)),
        }
        Ok(self.case(&caller, id).await?.0.case)
    }

    /// As in administration: not by a session that an ERP's page holds.
    async fn open_apart(&self, credentials: &Credentials) -> Result<Caller, ServiceError> {
        let (caller, session) = self.open_person(credentials).await?;
        if session.kind != SessionKind::Browser {
            return Err(ServiceError::detail(Code::Forbidden, "moderation needs a session of its own"));
        }
        Ok(caller)
    }

    /// Somebody who may moderate something. Who may moderate nothing learns nothing about what is reported.
    async fn open_moderator(&self, credentials: &Credentials) -> Result<Caller, ServiceError> {
        let caller = self.open_apart(credentials).await?;
        if moderates(&caller) {
            return Ok(caller);
        }
        let company = caller.company();
        Err(self.forbidden(&caller, Action::AdminModerate, company).await)
    }

    async fn case(&self, caller: &Caller, id: MessageId) -> Result<(JudgedCase, Permit<MessageId>), ServiceError> {
        let not_found = || ServiceError::code(Code::NotFound);
        let mut tx = self.store().begin(caller, "report.get").await?;
        let case = tx.case_get(id).await?.filter(|case| judges(caller, case)).ok_or_else(not_found)?;
        let permit = caller.permit(Action::AdminModerate, &case.resource, id).ok_or_else(not_found)?;
        Ok((case, permit))
    }

    /// What moderators did about messages of one's own, as far as one has not acknowledged it.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for an API key.
    pub async fn list_notices(&self, credentials: &Credentials) -> Result<Notices, ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        let mut tx = self.store().begin(&caller, "notice.list").await?;
        Ok(Notices { items: tx.notice_list(None).await? })
    }

    /// Notes that one has read a notice. Again changes nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Forbidden`] for an API key.
    pub async fn acknowledge_notice(&self, credentials: &Credentials, id: NoticeId) -> Result<(), ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        let mut tx = self.store().begin(&caller, "notice.acknowledge").await?;
        if !tx.notice_acknowledge(id, self.now()).await? {
            return Err(ServiceError::code(Code::NotFound));
        }
        tx.commit(()).await?;
        Ok(())
    }

    /// Blocks somebody, for oneself. They are not told.
    ///
    /// # Errors
    /// [`Code::NotFound`] for whom one may not meet; [`Code::InvalidField`] for oneself, or beyond [`limits::BLOCKS_MAX`];
    /// [`Code::Forbidden`] for an API key.
    pub async fn block_person(&self, credentials: &Credentials, user: UserId) -> Result<(), ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        if user == caller.user() {
            return Err(ServiceError::field(Code::InvalidField, "id", "must name somebody else"));
        }
        let guest = caller.member_kind() == crate::domain::MemberKind::External;
        let mut tx = self.store().begin(&caller, "block.put").await?;
        if tx.person_get_many(guest, &[user]).await?.is_empty() {
            return Err(ServiceError::code(Code::NotFound));
        }
        if !tx.block_put(user, self.now()).await? {
            let detail = format!("you block {} people already", limits::BLOCKS_MAX);
            return Err(ServiceError::field(Code::InvalidField, "id", detail));
        }
        tx.commit(()).await?;
        Ok(())
    }

    /// Lifts a block of one's own.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none; [`Code::Forbidden`] for an API key.
    pub async fn unblock_person(&self, credentials: &Credentials, user: UserId) -> Result<(), ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        let mut tx = self.store().begin(&caller, "block.lift").await?;
        if !tx.block_lift(user, self.now()).await? {
            return Err(ServiceError::code(Code::NotFound));
        }
        tx.commit(()).await?;
        Ok(())
    }

    /// Whom one has blocked.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for an API key.
    pub async fn list_blocks(&self, credentials: &Credentials) -> Result<Blocks, ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        let mut tx = self.store().begin(&caller, "block.list").await?;
        Ok(Blocks { items: tx.block_list().await? })
    }

    /// The word list in force.
    ///
    /// # Errors
    /// [`Code::Forbidden`] without `admin:moderate` in the whole company.
    pub async fn get_words(&self, credentials: &Credentials) -> Result<WordList, ServiceError> {
        let (caller, _) = self.open_word_keeper(credentials).await?;
        let mut tx = self.store().begin(&caller, "words.get").await?;
        Ok(tx.word_list_get().await?)
    }

    /// Puts a word list in force.
    ///
    /// # Errors
    /// [`Code::Forbidden`] likewise; [`Code::InvalidField`]; [`Code::VersionConflict`].
    pub async fn put_words(&self, credentials: &Credentials, request: &PutWordList) -> Result<WordList, ServiceError> {
        if request.entries.len() > limits::WORD_ENTRIES_MAX {
            let detail =
                format!("has {} entries, at most {} are allowed", request.entries.len(), limits::WORD_ENTRIES_MAX);
            return Err(ServiceError::field(Code::InvalidField, "entries", detail));
        }
        Words::checked(&request.entries).map_err(|(place, error)| {
            ServiceError::field(Code::InvalidField, format!("entries[{place}].words"), error.to_string())
        })?;
        let (caller, permit) = self.open_word_keeper(credentials).await?;
        let mut tx = self.store().begin(&caller, "words.put").await?;
        let stored = tx.word_list_get().await?.version;
        if stored != request.base_version
            || !tx.word_list_insert(&permit, stored + 1, &request.entries, self.now()).await.map_err(guarded)?
        {
            return Err(ServiceError::detail(Code::VersionConflict, format!("version {stored} is stored")));
        }
        let list = tx.word_list_get().await?;
        Ok(tx.commit(list).await?.into_inner())
    }

    async fn open_word_keeper(&self, credentials: &Credentials) -> Result<(Caller, Permit<CompanyId>), ServiceError> {
        let caller = self.open_apart(credentials).await?;
        let company = caller.company();
        let permit = caller.permit(Action::AdminModerate, &Resource::Unlinked, company);
        match permit.filter(|_| holds(&caller, Action::AdminModerate, self.now())) {
            Some(permit) => Ok((caller, permit)),
            None => Err(self.forbidden(&caller, Action::AdminModerate, company).await),
        }
    }

    /// What the company's word list says about a text that is to be written, in a field of this name.
    ///
    /// # Errors
    /// [`Code::WordRefused`].
    pub(super) async fn watch_words(
        &self,
        caller: &Caller,
        facts: &Facts,
        field: &str,
        body: &str,
    ) -> Result<Judgement, ServiceError> {
        let words = self.store().words(caller.company(), facts.words_version).await?;
        let judgement = words.judge(body, crate::backend::markdown::parse);
        match &judgement.refused {
            None => Ok(judgement),
            Some(word) => {
                Err(ServiceError::field(Code::WordRefused, field, format!("contains \u{201c}{word}\u{201d}")))
            }
        }
    }
}
