//! `postil serve`, `postil work` and `postil seed`: wiring the parts, refusing to start on bad ground, and ending well.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use postil::{
    backend::{
        bus::{Bus, BusConfig, Driver, Inbox},
        crypto::Sealer,
        hook::AccessHook,
        service::Services,
        source::Machine,
        store::{Store, seed},
    },
    clock::IdSource as _,
};
use tokio::net::TcpListener;

use crate::{
    config::{Config, OwnerConfig, SeedConfig},
    demo,
    http::site::Site,
    jobs,
    lifecycle::Lifecycle,
    listen,
    state::App,
    ws::Realtime,
};

/// Begins every key in Redis.
const PREFIX: &str = "postil:";

/// The core, and the two ends of its bus.
async fn connect(config: &Config) -> Result<(Services, Driver, Inbox)> {
    let store = Store::connect(config.databases.app.reveal(), config.databases.worker.reveal())
        .await
        .context("PostgreSQL can't be reached (APP_DATABASE_URL, WORKER_DATABASE_URL)")?;
    store.check().await.context("the database is not fit to be served")?;
    let bus = BusConfig {
        url: Some(config.redis.url.reveal().to_owned()),
        prefix: PREFIX.to_owned(),
        limit_factor: config.web.limit_factor,
    };
    let (bus, driver, inbox) = Bus::new(bus, &Machine).context("REDIS_URL can't be understood")?;
    let sealer = Sealer::new(config.secret.bytes());
    let origin = config.web.origin.to_string();
    let hook = config.hook.clone().map(|hook| Arc::new(hook) as Arc<dyn AccessHook>);
    let services = Services::new(store, bus, sealer, Arc::new(Machine), Arc::new(Machine), origin, hook);
    Ok((services, driver, inbox))
}

/// A name for this process among workers.
fn worker_name() -> String {
    let mut bytes = [0; 2];
    Machine.fill(&mut bytes);
    format!("{}-{:04x}", std::process::id(), u16::from_be_bytes(bytes))
}

/// Serves until a signal comes.
///
/// # Errors
/// When it can't begin: no bundle, no database, walls with a hole, a port that is taken.
pub async fn serve(config: Config) -> Result<()> {
    let site = Site::load(&config.web.site)?;
    let (services, driver, inbox) = connect(&config).await?;
    let address = config.web.listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("can't listen at {address}"))?;
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals().context("can't listen for signals")?;
    lifecycle.background("bus", driver.run());
    lifecycle.background("jobs", jobs::run(services.clone(), lifecycle.clone(), worker_name()));
    lifecycle.background("refusals", jobs::write_refusals(services.clone()));
    let realtime = Realtime::start(&services, inbox, &config.web.origin, &lifecycle);
    tracing::info!("serving {} at {address}", config.web.origin);
    if config.web.demo {
        tracing::warn!("POSTIL_DEMO is on: anybody on this machine can be anybody");
    }
    let app = App::new(config, services.clone(), site, realtime, lifecycle.clone());
    listen::serve(listener, app).await;
    lifecycle.finish().await;
    // What was refused in the last seconds.
    if let Err(error) = services.write_refusals().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the last refusals were not written");
    }
    services.store().close().await;
    tracing::info!("ended");
    Ok(())
}

/// Runs jobs until a signal comes.
///
/// # Errors
/// When it can't begin.
pub async fn work(config: Config) -> Result<()> {
    let (services, driver, _inbox) = connect(&config).await?;
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals().context("can't listen for signals")?;
    lifecycle.background("bus", driver.run());
    jobs::run(services.clone(), lifecycle.clone(), worker_name()).await;
    lifecycle.finish().await;
    services.store().close().await;
    Ok(())
}

/// Brings the database to this build's schema; says what it did.
///
/// # Errors
/// When the settings don't fit or the database refuses.
pub async fn migrate() -> Result<String> {
    let config = OwnerConfig::from_env()?;
    let report = postil::backend::store::migrate::migrate(config.owner.url.reveal())
        .await
        .context("the database was not migrated")?;
    Ok(match report.applied.as_slice() {
        [] => format!("nothing to do: the schema is at {}\n", report.version),
        applied => format!("{} migrations applied: the schema is at {}\n", applied.len(), report.version),
    })
}

/// Writes the demo's companies; says what it did.
///
/// # Errors
/// When the settings don't fit, there are real people in the database, or it refuses.
pub async fn seed() -> Result<String> {
    let config = SeedConfig::from_env()?;
    let origins = demo::embed_origins(&config);
    let sealer = Sealer::new(config.secret.bytes());
    let report = seed::seed(config.owner.url.reveal(), &sealer, &Machine, &Machine, &origins)
        .await
        .context("the demo was not written")?;
    let people = format!("{} companies, {} people, {} messages", report.companies, report.people, report.messages);
    Ok(if report.written { format!("written: {people}\n") } else { format!("there already: {people}\n") })
}
