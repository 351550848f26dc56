//! One pooled connection, one person after another: nothing of the first may be left for the second. What a transaction
//! remembers of its verdicts, what outlives it, what a rollback takes back.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use crate::harness::{
    Scene,
    attempt::{NOT_ALLOWED, assert_refused, attempt},
    eventually, fresh_id,
    house::repo,
    in_a_house,
};

/// What a transaction remembers of its verdicts (migrations/…_walls.sql and later).
const MEMORY: [&str; 8] = [
    "app.known",
    "app.member",
    "app.sees",
    "app.reads",
    "app.hides",
    "app.wrote",
    "app.may_message_read",
    "app.allow_message_read",
];
const CURSOR_GONE: &str = "34000";

async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query_scalar("SELECT coalesce(current_setting($1, true), '')").bind(name).fetch_one(connection).await.unwrap()
}

async fn remembered(connection: &mut PgConnection) -> Vec<String> {
    let mut values = Vec::new();
    for name in MEMORY {
        values.push(setting(connection, name).await);
    }
    values
}

async fn sets(connection: &mut PgConnection, name: &str, value: &str, is_local: bool) {
    sqlx::query("SELECT set_config($1, $2, $3)")
        .bind(name)
        .bind(value)
        .bind(is_local)
        .execute(connection)
        .await
        .unwrap();
}

async fn messages(connection: &mut PgConnection) -> Vec<Uuid> {
    sqlx::query_scalar("SELECT id FROM messages ORDER BY id").fetch_all(connection).await.unwrap()
}

#[test]
fn what_a_transaction_remembers_ends_with_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for commit in [true, false] {
            let mut tx = connection.begin().await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            assert_eq!(messages(&mut tx).await, [scene.hello.id]);
            assert!(!setting(&mut tx, "app.known").await.is_empty(), "nothing is remembered: this test tests nothing");
            if commit {
                tx.commit().await.unwrap();
            } else {
                tx.rollback().await.unwrap();
            }
            assert_eq!(remembered(&mut connection).await, vec![String::new(); MEMORY.len()], "commit: {commit}");
        }
    });
}

#[test]
fn a_savepoint_that_is_rolled_back_takes_its_verdicts_along() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, anna, id) = (scene.nordwind.id, scene.anna.id, fresh_id());
        let mut tx = scene.anna.enters().await;
        let sees = async |tx: &mut PgConnection| -> bool {
            sqlx::query_scalar("SELECT app.sees_conversation($1)").bind(id).fetch_one(tx).await.unwrap()
        };
        assert_eq!(messages(&mut tx).await, [scene.hello.id]);
        let before = remembered(&mut tx).await;
        tx.execute("SAVEPOINT s").await.unwrap();
        for sql in [
            format!(
                "INSERT INTO conversations (company_id, id, kind, title, activity_at, created_at, created_by, updated_at) VALUES ('{company}', '{id}', 'group', 'x', now(), now(), '{anna}', now())"
            ),
            format!(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) VALUES ('{company}', '{id}', '{anna}', now(), '{anna}', now())"
            ),
        ] {
            attempt(&mut tx, &sql).await.unwrap();
        }
        assert!(sees(&mut tx).await);
        assert_ne!(remembered(&mut tx).await, before, "the yes is not remembered: this test tests nothing");
        tx.execute("ROLLBACK TO SAVEPOINT s").await.unwrap();
        assert_eq!(remembered(&mut tx).await, before);
        assert!(!sees(&mut tx).await, "a conversation that was never made");
        // The other way round: a no from before the savepoint does not hide what came to be after it.
        tx.execute("SAVEPOINT t").await.unwrap();
        scene.eva.steps_in(&mut tx).await;
        assert_eq!(messages(&mut tx).await, [scene.hello.id]);
        tx.execute("ROLLBACK TO SAVEPOINT t").await.unwrap();
        assert_eq!(setting(&mut tx, "app.user_id").await, anna.to_string());
        assert_eq!(remembered(&mut tx).await, before, "Eva's verdicts under Anna's name");
    });
}

#[test]
fn a_statement_that_fails_leaves_no_verdict_behind() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for failing in [
            "SELECT body::integer FROM messages",
            "SELECT 1 / (length(body) - length(body)) FROM messages",
            "SELECT count(*), pg_sleep(5) FROM messages",
        ] {
            let mut tx = connection.begin().await.unwrap();
            tx.execute("SET LOCAL statement_timeout = '200ms'").await.unwrap();
            tx.execute("SAVEPOINT s").await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            attempt(&mut tx, failing).await.unwrap_err();
            tx.execute("ROLLBACK TO SAVEPOINT s").await.unwrap();
            assert_eq!(setting(&mut tx, "app.user_id").await, "", "{failing}");
            assert_eq!(messages(&mut tx).await, [] as [Uuid; 0], "{failing}");
            tx.rollback().await.unwrap();
            assert_eq!(messages(&mut connection).await, [] as [Uuid; 0], "{failing}: the next in the pool");
        }
    });
}

#[test]
fn a_cursor_is_judged_by_who_fetches_and_ends_with_its_transaction() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        let mut tx = connection.begin().await.unwrap();
        scene.anna.steps_in(&mut tx).await;
        tx.execute("DECLARE mine CURSOR FOR SELECT id FROM messages ORDER BY seq DESC, id").await.unwrap();
        tx.execute("DECLARE walk NO SCROLL CURSOR FOR SELECT id FROM messages").await.unwrap();
        // Eva takes over before the first row was fetched: the rows are judged as hers.
        scene.eva.steps_in(&mut tx).await;
        for cursor in ["mine", "walk"] {
            let seen: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(format!("FETCH ALL FROM {cursor}")))
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            assert!(!seen.contains(&secret.id), "{cursor}: Anna's talk through her cursor, for Eva");
        }
        tx.commit().await.unwrap();
        let late = attempt(&mut connection, "FETCH ALL FROM mine").await;
        assert_refused("a cursor after its transaction", &late, CURSOR_GONE);
    });
}

#[test]
fn a_plan_prepared_by_one_person_is_judged_as_the_next() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for mode in ["force_generic_plan", "force_custom_plan", "auto"] {
            let mut tx = connection.begin().await.unwrap();
            tx.execute(AssertSqlSafe(format!("SET LOCAL plan_cache_mode = {mode}"))).await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            // Prepared while Anna is there, with her search path, and kept by the connection.
            tx.execute("PREPARE theirs AS SELECT id FROM messages WHERE company_id = (SELECT app.company_id())")
                .await
                .unwrap();
            let seen: Vec<Uuid> = sqlx::query_scalar("EXECUTE theirs").fetch_all(&mut *tx).await.unwrap();
            assert!(seen.contains(&secret.id), "{mode}");
            tx.commit().await.unwrap();
            for (who, expected) in [
                (&scene.eva, vec![scene.hello.id]),
                (&scene.bob, vec![]),
                (&scene.bob_south, vec![scene.south_hello.id]),
            ] {
                let mut tx = connection.begin().await.unwrap();
                who.steps_in(&mut tx).await;
                let seen: Vec<Uuid> = sqlx::query_scalar("EXECUTE theirs").fetch_all(&mut *tx).await.unwrap();
                assert_eq!(seen, expected, "{mode}");
                tx.rollback().await.unwrap();
            }
            let nobody: Vec<Uuid> = sqlx::query_scalar("EXECUTE theirs").fetch_all(&mut connection).await.unwrap();
            assert!(nobody.is_empty(), "{mode}: nobody");
            connection.execute("DEALLOCATE theirs").await.unwrap();
        }
    });
}

#[test]
fn a_forged_memory_is_worth_no_more_than_the_name_it_bears() {
    in_a_house(async |house| {
        // docs/threat-model.md: who runs SQL as the application may enter as anybody, and forging what a transaction
        // remembers adds no power to that. So: whatever is forged in Nordwind shows what somebody in Nordwind may see, and
        // under another name it shows nothing.
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let (here, there) = (scene.nordwind.id, scene.south.id);
        let forge = async |tx: &mut PgConnection, caller: &str| {
            for name in ["app.allow_message_read", "app.allow_thread_read", "app.allow_admin_moderate"] {
                sets(tx, name, "{*,u}", true).await;
            }
            for (name, value) in [
                ("app.known", caller.to_owned()),
                ("app.member", "t".to_owned()),
                ("app.sees", format!("{caller}/{}", scene.direct)),
                ("app.reads", format!("{caller}/{}", scene.direct)),
                ("app.wrote", format!("{caller}/{}", secret.id)),
            ] {
                sets(tx, name, &value, true).await;
            }
        };
        // Under her own name, Eva sees as far as Ben would: the same as stepping in as Ben, and nothing of Südhandel.
        let mut tx = scene.eva.enters().await;
        forge(&mut tx, &format!("{}/{here}", scene.eva.id)).await;
        let seen = messages(&mut tx).await;
        let bens = scene.ben.sees("messages").await;
        assert!(seen.iter().all(|id| bens.contains(id)), "more than anybody in it sees: {seen:?}");
        assert!(!seen.contains(&scene.south_hello.id));
        for table in ["companies", "conversations", "linked_records", "memberships"] {
            let column = if table == "companies" { "id" } else { "company_id" };
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} <> '{here}'");
            let foreign: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
            assert_eq!(foreign, 0, "{table}");
        }
        tx.rollback().await.unwrap();
        // Under another's name, another company's or a crooked one, it is worth nothing: the person's own verdict is asked.
        for caller in [
            format!("{}/{here}", scene.ben.id),
            format!("{}/{there}", scene.eva.id),
            format!("{}/", scene.eva.id),
            format!("/{here}"),
            "/".to_owned(),
            String::new(),
            format!("{}/{here} ", scene.eva.id),
            format!("{}/{here}", scene.eva.id).to_uppercase(),
        ] {
            let mut tx = scene.eva.enters().await;
            forge(&mut tx, &caller).await;
            assert_eq!(messages(&mut tx).await, [scene.hello.id], "{caller:?}");
        }
        // Nor do the guards of what is written believe it: whose message it is stands in the row.
        let mut tx = scene.eva.enters().await;
        forge(&mut tx, &format!("{}/{here}", scene.eva.id)).await;
        let sql = format!(
            "UPDATE messages SET body = 'x', text_ast = '[]', preview = 'x', version = 2, edited_at = now() WHERE id = '{}'",
            secret.id
        );
        assert_refused("an edit of what was 'written' by forgery", &attempt(&mut tx, &sql).await, NOT_ALLOWED);
    });
}

#[test]
fn a_memory_forged_for_the_session_is_not_the_next_persons() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        // Whoever got SQL through once writes into the session, hoping for whoever has this connection next.
        let caller = format!("{}/{}", scene.eva.id, scene.nordwind.id);
        for (name, value) in [
            ("app.known", caller.clone()),
            ("app.member", "t".to_owned()),
            ("app.allow_message_read", "{*,u}".to_owned()),
            ("app.sees", format!("{caller}/{}", scene.direct)),
            ("app.reads", format!("{caller}/{}", scene.direct)),
            ("app.user_id", scene.anna.id.to_string()),
            ("app.company_id", scene.nordwind.id.to_string()),
        ] {
            sets(&mut connection, name, &value, false).await;
        }
        for (who, expected) in [
            (&scene.bob_south, vec![scene.south_hello.id]),
            (&scene.bob, vec![]),
            (&scene.olga, vec![]),
            (&scene.mara, vec![scene.hello.id]),
        ] {
            let mut tx = connection.begin().await.unwrap();
            who.steps_in(&mut tx).await;
            assert_eq!(messages(&mut tx).await, expected, "and never {}", secret.id);
            tx.rollback().await.unwrap();
        }
    });
}

#[test]
fn a_right_that_was_remembered_ends_with_the_transaction_at_the_latest() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut tx = scene.ben.enters().await;
        assert_eq!(messages(&mut tx).await, [scene.hello.id]);
        // Shown out meanwhile. What is remembered holds for this transaction (five seconds at most, a statement more), …
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}' AND user_id = '{}'",
                scene.group, scene.ben.id
            ))
            .await;
        tx.commit().await.unwrap();
        // … and not a statement longer, on the same connection or another.
        assert!(scene.ben.sees("messages").await.is_empty());
        // A no that was remembered is not kept either: let in again, the next transaction sees.
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE participants SET deleted_at = NULL WHERE conversation_id = '{}' AND user_id = '{}'",
                scene.group, scene.ben.id
            ))
            .await;
        assert_eq!(scene.ben.sees("messages").await.len(), 1);
    });
}

#[test]
fn the_limits_of_a_request_stand_on_every_connection() {
    in_a_house(async |house| {
        Scene::set(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for (name, value) in [
            ("statement_timeout", "5s"),
            ("lock_timeout", "2s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("row_security", "on"),
        ] {
            assert_eq!(setting(&mut connection, name).await, value, "{name}");
        }
        connection.execute("SET statement_timeout = '100ms'").await.unwrap();
        assert_refused("pg_sleep", &attempt(&mut connection, "SELECT pg_sleep(3)").await, "57014");
        // A restricted setting is not the application's.
        for sql in [
            "SET session_replication_role = 'replica'",
            "SET LOCAL session_replication_role = 'local'",
            "SELECT set_config('session_replication_role', 'replica', false)",
            "SET lc_messages = 'C'",
            "SET log_statement = 'all'",
            "SET allow_system_table_mods = on",
        ] {
            assert_refused(sql, &attempt(&mut connection, sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn an_advisory_lock_of_a_request_stands_in_nobodys_way() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut holder = house.connection("APP_DATABASE_URL").await;
        // Every key that somebody might think of as ours, for as long as the connection lives.
        holder.execute("SELECT pg_advisory_lock(n) FROM generate_series(0, 200) AS n").await.unwrap();
        for id in [scene.group, scene.nordwind.id, scene.anna.id] {
            sqlx::query("SELECT pg_advisory_lock(hashtext($1)), pg_advisory_lock(hashtextextended($1, 0))")
                .bind(id.to_string())
                .execute(&mut holder)
                .await
                .unwrap();
        }
        scene.anna.writes(scene.group, "On").await;
        assert_eq!(scene.ben.reads(scene.group, 2).await.map(|(seq, ..)| seq), Some(2));
        // Requests lock rows, not numbers: no statement of the application's takes one.
        let functions: Vec<String> = sqlx::query_scalar("SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('app', 'auth') AND p.prosrc ~* 'pg_(try_)?advisory'")
            .fetch_all(&house.app)
            .await
            .unwrap();
        // The audit chain and the like may, within one transaction.
        assert!(functions.iter().all(|name| !name.contains("message_")), "{functions:?}");
        holder.close().await.unwrap();
        eventually("the locks are gone with the connection", async || {
            let held: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").fetch_one(&house.app).await.unwrap();
            (held == 0).then_some(())
        })
        .await;
    });
}

/// Everything that outlives a transaction on a pooled connection is absent from our own SQL, in Rust and in the database.
#[test]
fn our_own_sql_leaves_nothing_on_a_connection() {
    fn sources(dir: &std::path::Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    in_a_house(async |house| {
        const LASTING: [&str; 8] = [
            "WITH HOLD",
            "LISTEN ",
            "NOTIFY ",
            "pg_notify",
            "CREATE TEMP",
            "SET SESSION",
            "DECLARE ",
            "pg_advisory_lock(",
        ];
        let mut found = Vec::new();
        sources(&repo("src/backend"), &mut found);
        assert!(found.len() > 30, "the sources are elsewhere");
        for (path, text) in found {
            // Operators' commands run on connections of their own.
            if path.ends_with("store/migrate.rs") {
                continue;
            }
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                for word in LASTING {
                    assert!(!line.contains(word), "{path}:{}: {word}", number + 1);
                }
                assert!(
                    !(line.contains("set_config(") && line.contains(", false)")),
                    "{path}:{}: a session-wide setting",
                    number + 1
                );
            }
        }
        let lasting: Vec<String> = sqlx::query_scalar(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname IN ('app', 'auth') AND p.prosrc ~* 'with hold|pg_notify|\\mnotify\\M|create temp|pg_advisory_lock\\(|set_config\\([^;]*, false\\)'",
        )
        .fetch_all(&house.app)
        .await
        .unwrap();
        assert!(lasting.is_empty(), "{lasting:?}");
    });
}
