//! Who is asking: no context, an empty one, somebody else's, a stale one.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use uuid::Uuid;

use crate::harness::{Scene, fresh_id, in_a_house};

/// Everything of a company that the application role may select from, and the people.
async fn readable(connection: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
         AND has_any_column_privilege(current_user, oid, 'SELECT') AND relname NOT IN ('permissions', '_sqlx_migrations') ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    assert!(tables.len() >= 20, "the application reads more than this: {tables:?}");
    tables
}

async fn rows(connection: &mut PgConnection, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{table}: {error}"))
}

async fn assert_blind(what: &str, connection: &mut PgConnection) {
    for table in readable(connection).await {
        assert_eq!(rows(connection, &table).await, 0, "{what} sees {table}");
    }
}

#[test]
fn without_a_context_there_is_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        assert_blind("nobody", &mut connection).await;
        // The counterpart: the same statements show something to someone.
        let mut tx = scene.anna.enters().await;
        for table in [
            "companies",
            "users",
            "memberships",
            "conversations",
            "messages",
            "message_rows",
            "linked_records",
            "participants",
        ] {
            assert!(rows(&mut tx, table).await > 0, "Anna sees no {table}");
        }
    });
}

#[test]
fn an_empty_context_is_nobodys() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        let user = scene.anna.id;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for (who, whose) in [
            (None, None),
            (Some(user), None),
            (None, Some(company)),
            (Some(fresh_id()), Some(company)),
            (Some(user), Some(fresh_id())),
            (Some(Uuid::nil()), Some(Uuid::nil())),
        ] {
            let mut tx = connection.begin().await.unwrap();
            sqlx::query("SELECT app.enter($1, $2)").bind(who).bind(whose).execute(&mut *tx).await.unwrap();
            assert_blind(&format!("{who:?} in {whose:?}"), &mut tx).await;
        }
    });
}

#[test]
fn a_stranger_to_the_company_sees_nothing_of_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let intruder = scene.anna.claims(scene.south.id);
        let mut tx = intruder.enters().await;
        assert_blind("Anna in Südhandel", &mut tx).await;
    });
}

#[test]
fn somebody_who_left_sees_nothing_from_the_next_transaction_on() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for (leaving, back) in [
            (
                "UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'",
                "UPDATE memberships SET status = 'active' WHERE user_id = '{}'",
            ),
            (
                "UPDATE memberships SET deleted_at = now() WHERE user_id = '{}'",
                "UPDATE memberships SET deleted_at = NULL WHERE user_id = '{}'",
            ),
            (
                "UPDATE users SET status = 'deactivated' WHERE id = '{}'",
                "UPDATE users SET status = 'active' WHERE id = '{}'",
            ),
            (
                "UPDATE users SET deleted_at = now() WHERE id = '{}'",
                "UPDATE users SET deleted_at = NULL WHERE id = '{}'",
            ),
        ] {
            let anna = scene.anna.id.to_string();
            // On one connection, as a pool has it: nothing of the former verdict may be left on it.
            let mut tx = connection.begin().await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            assert!(rows(&mut tx, "messages").await > 0);
            tx.commit().await.unwrap();
            assert_eq!(scene.nordwind.arranges(&leaving.replace("{}", &anna)).await, 1);
            let mut tx = connection.begin().await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            assert_blind(leaving, &mut tx).await;
            tx.rollback().await.unwrap();
            scene.nordwind.arranges(&back.replace("{}", &anna)).await;
        }
    });
}

#[test]
fn the_other_companys_ids_name_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (group, hello, south) = (scene.south_group, scene.south_hello.id, scene.south.id);
        for sql in [
            format!("SELECT 1 FROM conversations WHERE id = '{group}'"),
            format!("SELECT 1 FROM messages WHERE id = '{hello}' OR conversation_id = '{group}'"),
            format!("SELECT 1 FROM message_rows WHERE id = '{hello}'"),
            format!("SELECT 1 FROM messages WHERE company_id = '{south}'"),
            format!("SELECT 1 FROM companies WHERE id = '{south}'"),
            format!("SELECT 1 FROM memberships WHERE company_id = '{south}'"),
            format!("SELECT 1 FROM linked_records WHERE company_id = '{south}'"),
            format!("SELECT 1 FROM users WHERE id = '{}'", scene.sven.id),
            // Nothing that joins may widen it.
            format!(
                "SELECT 1 FROM users u LEFT JOIN memberships m ON true LEFT JOIN messages x ON true WHERE '{south}' IN (m.company_id, x.company_id)"
            ),
        ] {
            // Bob works in both companies: even he sees one at a time.
            for actor in [&scene.olga, &scene.bob] {
                assert_eq!(actor.counts(&sql).await, 0, "{sql}");
            }
        }
        assert_eq!(scene.bob_south.counts(&format!("SELECT 1 FROM messages WHERE id = '{hello}'")).await, 1);
    });
}

#[test]
fn the_functions_do_not_take_the_other_companys_ids_either() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (me, here, group, hello) = (scene.bob.id, scene.nordwind.id, scene.south_group, scene.south_hello.id);
        for call in [
            format!("SELECT * FROM app.message_page('{me}', '{here}', '{group}', 9223372036854775807, 30, 12)"),
            format!("SELECT * FROM app.thread_page('{me}', '{here}', '{hello}', '{{}}', 30)"),
            format!(
                "SELECT * FROM app.inbox('{me}', '{here}', '{group}', NULL, NULL, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 30, 100)"
            ),
            format!("SELECT * FROM app.facts('{me}', '{here}', '{group}', NULL, NULL, NULL)"),
            format!("SELECT * FROM app.facts('{me}', '{here}', NULL, '{hello}', NULL, NULL)"),
            format!("SELECT * FROM app.mark_read('{me}', '{here}', '{group}', 1, now(), 100)"),
            // The caller says Südhandel, but is not in it.
            format!(
                "SELECT * FROM app.message_page('{}', '{}', '{group}', 9223372036854775807, 30, 12)",
                scene.anna.id, scene.south.id
            ),
            format!("SELECT * FROM app.facts('{}', '{}', '{group}', NULL, NULL, NULL)", scene.anna.id, scene.south.id),
        ] {
            let found = house.app.fetch_all(AssertSqlSafe(call.clone())).await.unwrap();
            assert!(found.is_empty(), "{call} found {} rows", found.len());
        }
        let page = format!(
            "SELECT * FROM app.message_page('{me}', '{}', '{group}', 9223372036854775807, 30, 12)",
            scene.south.id
        );
        assert_eq!(house.app.fetch_all(AssertSqlSafe(page)).await.unwrap().len(), 1);
    });
}

#[test]
fn a_context_ends_with_its_transaction() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // The pool hands the same connection to the next request.
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for commit in [true, false] {
            let mut tx = connection.begin().await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            assert!(rows(&mut tx, "messages").await > 0);
            if commit {
                tx.commit().await.unwrap();
            } else {
                tx.rollback().await.unwrap();
            }
            assert_blind("whoever comes after Anna", &mut connection).await;
        }
    });
}

#[test]
fn a_prepared_statement_shows_each_caller_their_own() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        // A generic plan is made once and kept: the context must not be baked into it.
        for mode in ["force_custom_plan", "force_generic_plan"] {
            connection.execute(AssertSqlSafe(format!("SET plan_cache_mode = {mode}"))).await.unwrap();
            for _ in 0..2 {
                for (actor, sees_hello, sees_secret, sees_south) in [
                    (&scene.anna, true, true, false),
                    (&scene.eva, true, false, false),
                    (&scene.bob_south, false, false, true),
                    (&scene.bob, false, false, false),
                ] {
                    let mut tx = connection.begin().await.unwrap();
                    actor.steps_in(&mut tx).await;
                    let seen: BTreeSet<Uuid> = sqlx::query("SELECT id FROM messages WHERE seq > $1")
                        .bind(0_i64)
                        .fetch_all(&mut *tx)
                        .await
                        .unwrap()
                        .iter()
                        .map(|row| row.get(0))
                        .collect();
                    assert_eq!(seen.contains(&scene.hello.id), sees_hello, "{mode}");
                    assert_eq!(seen.contains(&secret.id), sees_secret, "{mode}");
                    assert_eq!(seen.contains(&scene.south_hello.id), sees_south, "{mode}");
                }
                let seen = sqlx::query("SELECT id FROM messages WHERE seq > $1")
                    .bind(0_i64)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                assert!(seen.is_empty(), "{mode}: nobody");
            }
        }
    });
}

#[test]
fn a_context_that_changes_within_a_transaction_changes_the_verdict() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut tx = scene.anna.enters().await;
        let sees = async |tx: &mut PgConnection| -> Vec<Uuid> {
            sqlx::query_scalar("SELECT id FROM messages ORDER BY id").fetch_all(tx).await.unwrap()
        };
        for _ in 0..2 {
            scene.anna.steps_in(&mut tx).await;
            assert_eq!(sees(&mut tx).await, [scene.hello.id, secret.id]);
            scene.eva.steps_in(&mut tx).await;
            assert_eq!(sees(&mut tx).await, [scene.hello.id]);
            // The same person, another company; then nobody.
            scene.bob_south.steps_in(&mut tx).await;
            assert_eq!(sees(&mut tx).await, [scene.south_hello.id]);
            scene.bob.steps_in(&mut tx).await;
            assert_eq!(sees(&mut tx).await, [] as [Uuid; 0]);
            sqlx::query("SELECT app.enter(NULL, NULL)").execute(&mut *tx).await.unwrap();
            assert_blind("nobody", &mut tx).await;
            // A savepoint that is rolled back takes its context along.
            scene.eva.steps_in(&mut tx).await;
            tx.execute("SAVEPOINT s").await.unwrap();
            scene.anna.steps_in(&mut tx).await;
            assert_eq!(sees(&mut tx).await.len(), 2);
            tx.execute("ROLLBACK TO SAVEPOINT s").await.unwrap();
            assert_eq!(sees(&mut tx).await, [scene.hello.id]);
        }
    });
}

#[test]
fn a_verdict_that_was_forged_does_not_reach_into_another_company() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // Settings are the caller's to write: whatever is cached in them must not be more than naming another person would give.
        let names: Vec<String> =
            sqlx::query_scalar("SELECT 'app.allow_' || replace(action, ':', '_') FROM permissions")
                .fetch_all(&house.app)
                .await
                .unwrap();
        let mut tx = scene.bob.enters().await;
        for name in names {
            sqlx::query("SELECT set_config($1, '{*,u}', true)").bind(name).execute(&mut *tx).await.unwrap();
        }
        let companies: Vec<Uuid> = sqlx::query_scalar("SELECT DISTINCT company_id FROM messages UNION SELECT company_id FROM conversations UNION SELECT company_id FROM linked_records")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        assert!(companies.iter().all(|company| *company == scene.nordwind.id), "{companies:?}");
    });
}

#[test]
fn a_context_that_is_no_id_is_an_error_and_not_a_person() {
    in_a_house(async |house| {
        Scene::set(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        for garbage in ["anna", "' OR true --", "*"] {
            let mut tx = connection.begin().await.unwrap();
            sqlx::query("SELECT set_config('app.company_id', $1, true), set_config('app.user_id', $1, true)")
                .bind(garbage)
                .execute(&mut *tx)
                .await
                .unwrap();
            let error = sqlx::query("SELECT 1 FROM messages").fetch_all(&mut *tx).await.unwrap_err();
            assert_eq!(error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(), Some("22P02"));
        }
    });
}

#[test]
fn the_house_and_the_worker_are_bound_to_one_company_too() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for role in ["DATABASE_URL", "WORKER_DATABASE_URL"] {
            let mut connection = house.connection(role).await;
            for table in ["messages", "conversations", "linked_records", "memberships", "companies", "policies"] {
                assert_eq!(rows(&mut connection, table).await, 0, "{role} without a company sees {table}");
            }
            let mut tx = connection.begin().await.unwrap();
            sqlx::query("SELECT app.enter(NULL, $1)").bind(scene.nordwind.id).execute(&mut *tx).await.unwrap();
            let seen: Vec<Uuid> =
                sqlx::query_scalar("SELECT DISTINCT company_id FROM messages").fetch_all(&mut *tx).await.unwrap();
            assert_eq!(seen, [scene.nordwind.id], "{role}");
        }
    });
}
