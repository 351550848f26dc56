//! A database per test, cloned from a template that is migrated and seeded once.
//!
//! The template's name carries a hash of everything that made it (migrations, fixtures, the code of migrate and seed),
//! so a change of any of them makes a new one. An advisory lock lets one process build it while the others wait.
//! A test's database is dropped when the test ends, however it ends; what a killed run left is swept by the next.
//!
//! `POSTIL_TEST_MUTATION` holds SQL that is run on the template once it is made: `cargo xtask mutate` takes one wall down
//! with it and expects some test to fail.

use std::{
    any::Any,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Serialises the making of templates and the sweeping, across processes. Any number that nobody else uses.
const TEMPLATE_LOCK: i64 = 0x706f_7374_696c_7431;
const TEMPLATE_PREFIX: &str = "postil_tt_";
const HOUSE_PREFIX: &str = "postil_t_";
/// Templates of other sources that are older than this are dropped: nobody's run takes that long.
const TEMPLATE_KEPT_S: i64 = 3_600;
/// The setting with SQL that spoils the template, so that tests can be seen to fail.
const MUTATION: &str = "POSTIL_TEST_MUTATION";
const CONNECTIONS_MAX: u32 = 16;
const PARTING_STEP: Duration = Duration::from_millis(20);
const PARTING_STEPS: u32 = 250;

static NEXT_HOUSE: AtomicU32 = AtomicU32::new(0);
static TEMPLATE: OnceLock<String> = OnceLock::new();

/// A setting of the environment that `.dev/env` describes.
///
/// # Panics
/// Without it: a test that can't run has not passed.
#[expect(clippy::disallowed_methods, reason = "tests take their settings here and nowhere else")]
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run ./script/test, or `cargo xtask dev up` and `. .dev/env` before cargo test")
    })
}

/// A setting that has a default.
#[expect(clippy::disallowed_methods, reason = "tests take their settings here and nowhere else")]
pub fn setting_or(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// One test's world: a database of its own, with pools of the roles that the server has, and a Redis prefix of its own.
pub struct House {
    /// The database's name, unique among all runs on this machine.
    pub name: String,
    /// As `postil_owner`: sets the scene. Bound by row-level security like everyone.
    pub owner: PgPool,
    /// As `postil_app`: what a request is.
    pub app: PgPool,
    /// As `postil_worker`: what the hub and the jobs are.
    pub worker: PgPool,
}

impl House {
    /// This database's address for `role`, one of the `…DATABASE_URL` settings.
    pub fn url(&self, role: &str) -> String {
        let url = setting(role);
        let (server, _) = url.rsplit_once('/').expect("a database URL ends in /database");
        format!("{server}/{}", self.name)
    }

    /// One connection of its own as `role`, outside the pools.
    pub async fn connection(&self, role: &str) -> PgConnection {
        options(role).database(&self.name).connect().await.unwrap()
    }

    async fn open(name: String) -> Self {
        let mut admin = admin().await;
        let template = TEMPLATE.get().expect("the template is made before the first house");
        run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        only_our_roles_connect(&mut admin, &name).await;
        admin.close().await.unwrap();
        let pool = |role| {
            PgPoolOptions::new()
                .max_connections(CONNECTIONS_MAX)
                .acquire_timeout(Duration::from_secs(10))
                .test_before_acquire(false)
                .connect_lazy_with(options(role).database(&name))
        };
        Self { owner: pool("DATABASE_URL"), app: pool("APP_DATABASE_URL"), worker: pool("WORKER_DATABASE_URL"), name }
    }
}

/// Runs one test in a house of its own, and tears the house down however the test ends.
pub fn in_a_house(test: impl AsyncFnOnce(&House)) {
    let name = format!("{HOUSE_PREFIX}{}_{}", std::process::id(), NEXT_HOUSE.fetch_add(1, Ordering::Relaxed));
    let result = in_runtime(async || {
        // Another thread of this process may be making it: the lock is the database's, so waiting does no harm.
        let made = template().await;
        let _ = TEMPLATE.set(made);
        test(&House::open(name.clone()).await).await;
    });
    // The runtime is gone, and with it every connection and task of the test: now the database can go.
    if setting_or("POSTIL_TEST_KEEP", "").is_empty() {
        let _ = in_runtime(async || drop_database(&mut admin().await, &name).await);
    } else {
        eprintln!("kept: {name}");
    }
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

fn in_runtime(work: impl AsyncFnOnce()) -> Result<(), Box<dyn Any + Send>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work())));
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

fn options(role: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(&setting(role)).unwrap_or_else(|error| panic!("{role} is no PostgreSQL URL: {error}"))
}

async fn admin() -> PgConnection {
    options("DATABASE_URL").connect().await.unwrap_or_else(|error| {
        panic!("PostgreSQL does not answer at DATABASE_URL ({error}): run ./script/test, or `cargo xtask dev up`")
    })
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql.clone())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Privileges on a database are not cloned with it.
async fn only_our_roles_connect(admin: &mut PgConnection, name: &str) {
    run(admin, format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC")).await;
    run(admin, format!("GRANT CONNECT ON DATABASE {name} TO postil_migrator, postil_app, postil_worker")).await;
}

/// Drops `name` as soon as the connections that were closed a moment ago are really gone. The owner may not end other
/// roles' connections, so a test that leaks one leaves its database to the next run's sweep.
async fn drop_database(admin: &mut PgConnection, name: &str) {
    for _ in 0..PARTING_STEPS {
        match admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55006") => {
                tokio::time::sleep(PARTING_STEP).await;
            }
            _ => return,
        }
    }
    eprintln!("{name} is still in use and was left");
}

/// The name of the migrated and seeded template, which is made if it is not there yet.
async fn template() -> String {
    if let Some(name) = TEMPLATE.get() {
        return name.clone();
    }
    let mutation = setting_or(MUTATION, "");
    let spoiled = if mutation.is_empty() { "" } else { "_spoiled" };
    let name = format!("{TEMPLATE_PREFIX}{:016x}{spoiled}", hash_of_sources(&mutation));
    let mut admin = admin().await;
    run(&mut admin, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let made: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    if !made {
        sweep(&mut admin).await;
        // Made under another name and renamed when it is whole: an interrupted one is never taken for a template.
        let raw = format!("{name}_raw");
        run(&mut admin, format!("DROP DATABASE IF EXISTS {raw}")).await;
        run(&mut admin, format!("CREATE DATABASE {raw} TEMPLATE template0 ENCODING 'UTF8'")).await;
        only_our_roles_connect(&mut admin, &raw).await;
        furnish(&raw, mutation).await;
        run(&mut admin, format!("COMMENT ON DATABASE {raw} IS '{}'", super::now().unix_timestamp())).await;
        run(&mut admin, format!("ALTER DATABASE {raw} RENAME TO {name}")).await;
    }
    // The lock goes with the connection.
    admin.close().await.unwrap();
    name
}

async fn furnish(name: &str, mutation: String) {
    let mut owner = options("DATABASE_URL").database(name).connect().await.unwrap();
    run(&mut owner, "ALTER SCHEMA public OWNER TO postil_owner".to_owned()).await;
    run(&mut owner, "REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned()).await;
    run(
        &mut owner,
        "GRANT USAGE ON SCHEMA public TO postil_app, postil_worker, postil_auth, postil_definer".to_owned(),
    )
    .await;
    let migrator = Migrator::new(repo("migrations").as_path()).await.unwrap();
    migrator.run(&mut owner).await.unwrap_or_else(|error| panic!("the migrations failed: {error}"));
    if !mutation.is_empty() {
        // In these words: `cargo xtask mutate` must not take this failure for a test's.
        let applied = owner.execute(AssertSqlSafe(mutation)).await;
        applied.unwrap_or_else(|error| panic!("the mutation does not apply: {error}"));
    }
    owner.close().await.unwrap();
}

/// Drops what killed runs left: databases of processes that are gone, templates of sources that changed.
async fn sweep(admin: &mut PgConnection) {
    let left: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'postil\\_t%'",
    )
    .fetch_all(&mut *admin)
    .await
    .unwrap();
    for (name, made_at) in left {
        let stale = if let Some(rest) = name.strip_prefix(HOUSE_PREFIX) {
            let process = rest.split('_').next().unwrap_or_default();
            !Path::new("/proc").join(process).exists()
        } else {
            let made_at = made_at.and_then(|at| at.parse::<i64>().ok()).unwrap_or(0);
            name.starts_with(TEMPLATE_PREFIX) && made_at + TEMPLATE_KEPT_S < super::now().unix_timestamp()
        };
        if stale {
            // In use after all: it stays.
            let _ = admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await;
        }
    }
}

/// A path of the repository.
pub fn repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").join(path)
}

fn hash_of_sources(mutation: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    mutation.hash(&mut hasher);
    for place in [
        "migrations",
        "fixtures",
        "src/backend/store/grants.rs",
        "src/backend/store/migrate.rs",
        "src/backend/store/seed.rs",
    ] {
        hash_path(&repo(place), &mut hasher);
    }
    hasher.finish()
}

fn hash_path(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            hash_path(&entry, hasher);
        }
    } else if let Ok(content) = fs::read(path) {
        path.hash(hasher);
        content.hash(hasher);
    }
}
