//! The job loop: `postil work` runs nothing else, `postil serve` runs one beside everything.
//!
//! Only the pace is here; what a job is and does is in [`postil::backend::jobs`]. Jobs are leased rows of a table, so any
//! number of workers may run.

use std::time::Duration;

use postil::{
    backend::{jobs, service::Services, store::StoreError},
    limits,
};
use tokio::time::{self, Instant};

use crate::lifecycle::Lifecycle;

/// Wait between two looks at an empty table.
const IDLE: Duration = Duration::from_secs(1);
/// Wait after the database could not be asked.
const AWAY: Duration = Duration::from_secs(5);
/// How often expired rows are forgotten.
const PURGE: Duration = Duration::from_hours(1);
/// How often it is asked which audit logs are due to be signed.
const SIGN: Duration = Duration::from_mins(5);

/// Works until the process stops. `name` tells this worker's leases from others'.
pub async fn run(services: Services, lifecycle: Lifecycle, name: String) {
    tracing::info!("worker {name} waits for jobs");
    let (mut purge_at, mut sign_at) = (Instant::now(), Instant::now());
    while !lifecycle.stopping().is_cancelled() {
        let pause = match round(&services, &name, &mut purge_at, &mut sign_at).await {
            Ok(0) => IDLE,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the job table can't be asked");
                AWAY
            }
        };
        tokio::select! {
            () = time::sleep(pause) => {}
            () = lifecycle.stopping().cancelled() => {}
        }
    }
}

/// Writes refusals to the trail of their companies, off the way of those who were refused.
pub async fn write_refusals(services: Services) {
    let mut ticks = time::interval(Duration::from_secs(limits::REFUSALS_WRITE_S));
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = services.write_refusals().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "refusals wait to be written");
        }
    }
}

/// Does what is due; how many jobs that was.
async fn round(
    services: &Services,
    name: &str,
    purge_at: &mut Instant,
    sign_at: &mut Instant,
) -> Result<usize, StoreError> {
    if *purge_at <= Instant::now() {
        let gone = jobs::purge(services, services.now()).await?;
        tracing::debug!(gone, "expired rows forgotten");
        *purge_at = Instant::now() + PURGE;
    }
    if *sign_at <= Instant::now() {
        let signed = services.sign_due_audit().await?;
        tracing::debug!(signed, "audit logs signed");
        *sign_at = Instant::now() + SIGN;
    }
    jobs::run_due(services, name).await
}
