//! The worker's loop: housekeeping by the clock, and jobs from the table.

use crate::{backend::service::Services, clock::Timestamp, ids::JobId, limits};

/// Jobs claimed at once.
const CLAIM: u16 = 10;
/// Expired sessions, tickets and token uses are kept that long for questions, in seconds: a day.
const KEEP_EXPIRED_S: i64 = 24 * 3600;

/// Kinds of job, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Forget sessions, tickets and token uses that expired long ago.
    PurgeExpired,
    /// Fill in the words of messages from before there was a search.
    SearchFill,
}

impl JobKind {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PurgeExpired => "purge_expired",
            Self::SearchFill => "search_fill",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::PurgeExpired, Self::SearchFill].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Does what is due once; how many jobs were done or failed. `worker` names this process in leases.
///
/// # Errors
/// When the table itself can't be read. A failing job is given back or buried, not an error here.
pub async fn run_due(services: &Services, worker: &str) -> Result<usize, super::store::StoreError> {
    let jobs = services.store().job_claim(worker, services.now(), CLAIM).await?;
    for job in &jobs {
        let job_id: JobId = job.id;
        let done = match JobKind::parse(&job.kind) {
            Some(JobKind::PurgeExpired) => {
                purge(services, services.now()).await.map(|_| ()).map_err(|error| error.to_string())
            }
            Some(JobKind::SearchFill) => fill(services, job).await.map_err(|error| error.to_string()),
            None => Err(format!("the kind {:?} is not known to this build", job.kind)),
        };
        match done {
            Ok(()) => {
                if !services.store().job_finish(job, worker, services.now()).await? {
                    tracing::warn!(%job_id, lease_s = limits::JOB_LEASE_S, "a job took longer than its lease");
                }
            }
            Err(error) => {
                tracing::warn!(%job_id, attempts = job.attempts, error, "a job failed");
                services.store().job_fail(job, worker, &error, services.now()).await?;
            }
        }
    }
    Ok(jobs.len())
}

/// Fills in words, as far as one job goes; what is left is another's.
async fn fill(services: &Services, job: &super::store::job::Claimed) -> Result<(), super::store::StoreError> {
    let mut after: uuid::Uuid =
        job.payload.get("after").and_then(|after| after.as_str()?.parse().ok()).unwrap_or_default();
    for _ in 0..limits::SEARCH_FILL_BATCHES {
        match services.store().search_fill(job.company, after, limits::SEARCH_FILL_ROWS).await? {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
    let (id, now) = (JobId::from_uuid(services.ids().uuid(services.now())), services.now());
    services.store().search_fill_on(job.company, id, after, JobKind::SearchFill.as_str(), now).await
}

/// Forgets what expired more than a day before `now`, and refusals of long ago; how many rows went.
///
/// # Errors
/// When the database fails.
pub async fn purge(services: &Services, now: Timestamp) -> Result<i64, super::store::StoreError> {
    let expired = services.store().purge_expired(now.plus_s(-KEEP_EXPIRED_S)).await?;
    Ok(expired + services.store().purge_refusals(now.plus_s(-limits::REFUSALS_KEEP_DAYS * 24 * 3600)).await?)
}
