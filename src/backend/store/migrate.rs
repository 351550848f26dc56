//! The schema: applying it, and refusing to serve on one that does not fit or whose walls have a hole.
//!
//! `postil migrate` calls [`migrate`] as the owner. The server calls [`check_schema`] and [`check_walls`] with each of
//! its pools before it listens. The rules for writing a migration are in `migrations/README.md`.

use std::collections::BTreeMap;

use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::{Migration, Migrator},
};

/// All migrations, inside the binary.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The generation of schemas that this build can live with: it uses nothing that a migration up to this generation took
/// away. Raised together with `app.schema_generation()`.
pub const GENERATION: i32 = 3;

/// One migrator at a time in one database; any number that is nobody else's.
const LOCK: i64 = 0x0050_4f53_5449_4c01;

/// What [`migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The versions applied now, in order; empty when there was nothing to do.
    pub applied: Vec<i64>,
    /// The newest version of the database afterwards.
    pub version: i64,
}

/// Why the database was not migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database can't be reached, or answers something unforeseen.
    #[error("the database can't be asked for its version")]
    Database(#[from] sqlx::Error),
    /// A migration failed; everything before it is applied, nothing of it is.
    #[error(
        "a migration was refused; what came before it is applied, and it can be run again once the cause is removed"
    )]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The connection's role would own what it creates, and it must be postil_owner.
    #[error(
        "migrations run as postil_owner, not as {role}: set DATABASE_URL to postil_migrator (see script/sql/roles.sql)"
    )]
    Role {
        /// The role at hand.
        role: String,
    },
    /// The database does not fit this build.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Why a build does not work with a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No migration was ever applied.
    #[error("the database is empty: run `postil migrate`")]
    Empty,
    /// Migrations of this build are missing.
    #[error(
        "the database is older than this build, {missing} migrations from {first} on are missing: run `postil migrate`"
    )]
    Older {
        /// How many.
        missing: usize,
        /// The first of them.
        first: i64,
    },
    /// A newer build has taken away what this one needs.
    #[error(
        "the database is of generation {found} and this build of generation {GENERATION}: a newer Postil \
         has migrated it. Deploy that version; there is no way back but a restore"
    )]
    Newer {
        /// The database's generation.
        found: i32,
    },
    /// The database knows a migration among ours that we don't: it comes from another line of development.
    #[error(
        "migration {version} was applied to the database and is not part of this build: it belongs to another branch. \
         In development, drop the database and run `postil migrate`"
    )]
    Unknown {
        /// Which.
        version: i64,
    },
    /// A migration was edited after it had been applied.
    #[error(
        "migration {version} was changed after it had been applied: restore it and write a new one. \
         In development, drop the database and run `postil migrate`"
    )]
    Changed {
        /// Which.
        version: i64,
    },
    /// The question could not be asked.
    #[error("the database can't be asked for its version: {0}")]
    Unreadable(String),
}

/// Brings the database at `owner_url` to this build's schema. Running it again does nothing; two at once take turns.
///
/// # Errors
/// See [`MigrateError`]; each message names what to do.
pub async fn migrate(owner_url: &str) -> Result<Report, MigrateError> {
    let mut conn = PgConnection::connect(owner_url).await?;
    let role: String = sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut conn).await?;
    if role != "postil_owner" {
        return Err(MigrateError::Role { role });
    }
    // The role's lock_timeout is for tables. Another migrator may take its minute.
    sqlx::query("SELECT set_config('lock_timeout', '120s', false), pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut conn)
        .await?;
    sqlx::query("SET lock_timeout = '5s'").execute(&mut conn).await?;

    let before = applied(&mut conn).await?;
    match verdict(&before, generation(&mut conn).await?) {
        Ok(()) | Err(SchemaError::Empty | SchemaError::Older { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // A database that is newer within its generation is left as it is: what we don't know was looked at above.
    let migrator = Migrator {
        migrations: MIGRATIONS.migrations.clone(),
        ignore_missing: true,
        table_name: MIGRATIONS.table_name.clone(),
        ..Migrator::DEFAULT
    };
    migrator.run(&mut conn).await?;
    let after = applied(&mut conn).await?;
    conn.close().await?;
    Ok(Report {
        applied: after.keys().copied().filter(|version| !before.contains_key(version)).collect(),
        version: after.last_key_value().map_or(0, |(version, _)| *version),
    })
}

/// Refuses a database that this build can't work with: older, from a newer generation, or changed behind its back.
/// Newer within the generation is fine, so that a database is migrated first and servers follow one by one.
///
/// # Errors
/// See [`SchemaError`]; each message names the command to run.
pub async fn check_schema(pool: &PgPool) -> Result<(), SchemaError> {
    async fn ask(pool: &PgPool) -> Result<(BTreeMap<i64, Vec<u8>>, i32), sqlx::Error> {
        let mut conn = pool.acquire().await?;
        Ok((applied(&mut conn).await?, generation(&mut conn).await?))
    }
    let (applied, generation) = ask(pool).await.map_err(|error| SchemaError::Unreadable(error.to_string()))?;
    verdict(&applied, generation)
}

/// Checksums of the applied migrations by version; none when there is no such table.
async fn applied(conn: &mut PgConnection) -> Result<BTreeMap<i64, Vec<u8>>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar(
        "-- store::schema_exists
        SELECT to_regclass('public._sqlx_migrations') IS NOT NULL
            AND has_table_privilege(to_regclass('public._sqlx_migrations'), 'SELECT')",
    )
    .fetch_one(&mut *conn)
    .await?;
    if !exists {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("-- store::schema_applied\nSELECT version, checksum FROM public._sqlx_migrations WHERE success")
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().collect())
}

/// The database's generation; 0 when it says none.
async fn generation(conn: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regprocedure('app.schema_generation()') IS NOT NULL")
        .fetch_one(&mut *conn)
        .await?;
    if exists { sqlx::query_scalar("SELECT app.schema_generation()").fetch_one(conn).await } else { Ok(0) }
}

fn ours() -> impl Iterator<Item = &'static Migration> {
    MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration())
}

fn verdict(applied: &BTreeMap<i64, Vec<u8>>, generation: i32) -> Result<(), SchemaError> {
    if applied.is_empty() {
        return Err(SchemaError::Empty);
    }
    // First: whatever else differs, an older build must not "repair" it.
    if generation > GENERATION {
        return Err(SchemaError::Newer { found: generation });
    }
    let newest = ours().map(|migration| migration.version).max().unwrap_or(0);
    if let Some(version) = applied.keys().find(|version| **version <= newest && !MIGRATIONS.version_exists(**version)) {
        return Err(SchemaError::Unknown { version: *version });
    }
    for migration in ours() {
        if applied.get(&migration.version).is_some_and(|checksum| *checksum != *migration.checksum) {
            return Err(SchemaError::Changed { version: migration.version });
        }
    }
    let mut missing = ours().map(|migration| migration.version).filter(|version| !applied.contains_key(version));
    match missing.next() {
        Some(first) => Err(SchemaError::Older { missing: 1 + missing.count(), first }),
        None => Ok(()),
    }
}

/// Why the server refuses to serve as this role, on this database.
#[derive(Debug, thiserror::Error)]
pub enum WallsError {
    /// Wall 2 has holes: each is named.
    #[error("row-level security does not hold: {}", .0.join("; "))]
    Breached(Vec<String>),
    /// The question could not be asked.
    #[error("the database can't be asked for its policies")]
    Database(#[from] sqlx::Error),
}

/// What is wrong with the role at hand or the tables it would serve, one line each. Only the catalogue is read.
const WALLS: &str = r"-- store::check_walls
WITH
reach AS (
    SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole
    FROM pg_catalog.pg_roles r
    WHERE pg_has_role(session_user, r.oid, 'MEMBER') OR pg_has_role(current_user, r.oid, 'MEMBER')
),
tables AS (
    SELECT
        c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity,
        CASE
            WHEN c.relname = 'companies' THEN 'id'
            WHEN EXISTS (
                SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped
            ) THEN 'company_id'
        END AS key_column
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname NOT IN ('permissions', '_sqlx_migrations')
)
SELECT format('%s is, or can become, %s, which is above the policies', session_user, rolname) AS problem
FROM reach WHERE rolsuper OR rolbypassrls OR rolcreaterole
UNION ALL
SELECT DISTINCT format('%s is, or can become, %s, which owns what it would serve', session_user, reach.rolname)
FROM reach
WHERE EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'app', 'auth') AND c.relowner = reach.oid
) OR EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('public', 'app', 'auth') AND p.proowner = reach.oid
)
UNION ALL
SELECT format('table %I has no forced row-level security', relname)
FROM tables WHERE NOT (relrowsecurity AND relforcerowsecurity)
UNION ALL
SELECT format('table %I has no restrictive policy that binds %s to one company', relname, current_user)
FROM tables
WHERE key_column IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_policy p
    WHERE p.polrelid = tables.oid AND NOT p.polpermissive AND p.polcmd = '*'
    AND (0 = ANY (p.polroles) OR (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) = ANY (p.polroles))
    AND pg_get_expr(p.polqual, p.polrelid) = format('(%s = ( SELECT app.company_id() AS company_id))', key_column)
    AND pg_get_expr(p.polwithcheck, p.polrelid) = format('(%s = ( SELECT app.company_id() AS company_id))', key_column)
)
UNION ALL
SELECT format('view %I shows what its owner may see: it needs security_invoker', c.relname)
FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'public'::regnamespace
AND (c.relkind = 'm' OR (
    c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']
))
UNION ALL
SELECT format('function %s runs as its owner without a fixed search_path', p.oid::regprocedure)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('public', 'app', 'auth') AND p.prosecdef
AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search\_path=%')
ORDER BY problem";

/// Refuses to serve as a role that policies don't bind, or with a table that they don't guard. Ask it with every pool
/// that serves requests or jobs, as the role it will serve with.
///
/// # Errors
/// [`WallsError::Breached`] names every hole; stop. [`WallsError::Database`] when it can't be asked.
pub async fn check_walls(pool: &PgPool) -> Result<(), WallsError> {
    let problems: Vec<String> = sqlx::query_scalar(WALLS).fetch_all(pool).await?;
    if problems.is_empty() { Ok(()) } else { Err(WallsError::Breached(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> BTreeMap<i64, Vec<u8>> {
        ours().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
    }

    #[test]
    fn the_database_of_this_build_fits() {
        assert_eq!(verdict(&all(), GENERATION), Ok(()));
    }

    #[test]
    fn a_newer_database_fits_within_its_generation_only() {
        let mut newer = all();
        newer.insert(i64::MAX, vec![1]);
        assert_eq!(verdict(&newer, GENERATION), Ok(()));
        assert_eq!(verdict(&newer, GENERATION + 1), Err(SchemaError::Newer { found: GENERATION + 1 }));
    }

    #[test]
    fn an_older_or_empty_database_is_told_to_migrate() {
        let mut older = all();
        let (last, _) = older.pop_last().unwrap();
        assert_eq!(verdict(&older, GENERATION), Err(SchemaError::Older { missing: 1, first: last }));
        assert_eq!(verdict(&BTreeMap::new(), 0), Err(SchemaError::Empty));
        assert!(SchemaError::Empty.to_string().contains("postil migrate"));
    }

    #[test]
    fn a_changed_or_foreign_migration_is_named() {
        let mut changed = all();
        let first = *changed.first_key_value().unwrap().0;
        changed.insert(first, vec![0; 48]);
        assert_eq!(verdict(&changed, GENERATION), Err(SchemaError::Changed { version: first }));
        let mut foreign = all();
        foreign.insert(first + 1, vec![0; 48]);
        assert_eq!(verdict(&foreign, GENERATION), Err(SchemaError::Unknown { version: first + 1 }));
    }

    #[test]
    fn the_generation_is_the_one_that_the_last_migration_sets() {
        let sql: String = ours().map(|migration| migration.sql.as_str()).collect();
        let (_, definition) = sql.rsplit_once("FUNCTION app.schema_generation() RETURNS").unwrap();
        let (_, body) = definition.split_once("$$ SELECT ").unwrap();
        let (number, _) = body.split_once(' ').unwrap();
        assert_eq!(number.parse(), Ok(GENERATION));
    }
}
