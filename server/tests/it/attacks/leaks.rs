//! Ways around the tables: the catalogue and its statistics, other sessions, channels, large objects, functions that tell.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use uuid::Uuid;

use super::Forged;
use crate::harness::{
    Scene,
    attempt::{NOT_ALLOWED, assert_refused, attempt},
    in_a_house,
};

const DUPLICATE: &str = "23505";

/// The rows that PostgreSQL expects of `sql`, as EXPLAIN tells them.
async fn expected_rows(connection: &mut PgConnection, sql: &str) -> i64 {
    let plan: String = sqlx::query(AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_one(connection).await.unwrap().get(0);
    let (_, rest) = plan.split_once("rows=").unwrap_or_else(|| panic!("{plan}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn an_estimate_does_not_tell_what_others_wrote() {
    in_a_house(async |house| {
        // Row-level security does not hide the planner's statistics from the planner: of a text that many hidden rows have,
        // EXPLAIN would expect many. So no statistics are kept of what people write.
        let scene = Scene::set(house).await;
        for number in 0..150 {
            scene.anna.writes(scene.direct, if number % 3 == 0 { "Other words" } else { "Only for Ben" }).await;
        }
        for table in ["messages", "message_versions", "conversations", "linked_records", "message_links"] {
            scene.nordwind.arranges(&format!("ANALYZE {table}")).await;
        }
        let mut tx = scene.eva.enters().await;
        tx.execute("SET LOCAL enable_indexscan = off").await.unwrap();
        for (table, column) in [("messages", "body"), ("messages", "preview"), ("message_versions", "body")] {
            let sql = |text: &str| format!("SELECT 1 FROM {table} WHERE {column} = '{text}'");
            assert_eq!(
                expected_rows(&mut tx, &sql("Only for Ben")).await,
                expected_rows(&mut tx, &sql("Never written")).await,
                "{table}.{column}: the estimate knows what Eva may not read"
            );
        }
        tx.rollback().await.unwrap();
        // The rule, for every column that holds people's words or an ERP's figures.
        let kept: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attstattarget <> 0 AND (c.relname, a.attname) IN (
                 ('messages', 'body'), ('messages', 'text_ast'), ('messages', 'preview'), ('message_versions', 'body'), ('message_versions', 'text_ast'),
                 ('conversations', 'title'), ('linked_records', 'title'), ('linked_records', 'amount_minor'), ('linked_records', 'status'),
                 ('message_links', 'title'), ('message_links', 'amount_minor'), ('message_links', 'status'))",
        )
        .fetch_all(&house.app)
        .await
        .unwrap();
        assert!(kept.is_empty(), "statistics are kept of {kept:?}");
    });
}

#[test]
fn the_catalogue_tells_of_tables_and_not_of_rows() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.nordwind.arranges("ANALYZE").await;
        for sql in [
            "SELECT * FROM pg_statistic",
            "SELECT * FROM pg_authid",
            "SELECT * FROM pg_largeobject",
            "SELECT * FROM pg_user_mapping",
            "SELECT * FROM pg_statistic_ext_data",
            "SELECT * FROM pg_hba_file_rules",
            "SELECT * FROM pg_file_settings",
            "SELECT pg_ls_dir('.')",
            "SELECT pg_read_binary_file('PG_VERSION')",
            "SELECT pg_stat_file('PG_VERSION')",
            "SELECT pg_current_logfile()",
            "SELECT * FROM pg_shmem_allocations",
            "SELECT * FROM pg_backend_memory_contexts",
        ] {
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
        // pg_shadow and its kind show passwords to superusers only; a role's own settings hold none.
        for sql in [
            "SELECT 1 FROM pg_roles WHERE rolpassword IS NOT NULL AND rolpassword <> '********'",
            "SELECT 1 FROM pg_stats_ext",
            "SELECT 1 FROM pg_stats WHERE schemaname = 'public' AND tablename IN (SELECT relname FROM pg_class WHERE relrowsecurity)",
            "SELECT 1 FROM pg_db_role_setting WHERE array_to_string(setconfig, ',') ~* 'password|secret'",
        ] {
            assert_eq!(scene.olga.counts(sql).await, 0, "{sql}");
        }
        // A comment or a default that held a name of a customer's would be read by every other one.
        let words: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_description WHERE description ~* 'nordwind|südhandel'")
                .fetch_one(&house.app)
                .await
                .unwrap();
        assert_eq!(words, 0);
    });
}

#[test]
fn other_sessions_statements_hold_no_ones_words() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut worker = house.connection("WORKER_DATABASE_URL").await;
        worker.execute("SELECT 'a word of the worker'").await.unwrap();
        // The application's own sessions do show their statements to each other: so these carry no values.
        let mut other = house.connection("APP_DATABASE_URL").await;
        let draft = crate::harness::Draft::new(scene.direct, "Only for Ben");
        scene.anna.sends_on(&mut other, &draft).await.unwrap().sent();
        let statements: Vec<(String, String)> = sqlx::query_as("SELECT usename::text, query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            .fetch_all(&house.app)
            .await
            .unwrap();
        assert!(statements.iter().any(|(_, query)| query.contains("app.message_send")), "{statements:#?}");
        for (role, query) in statements {
            assert!(!query.contains("Only for Ben") && !query.contains("a word of the worker"), "{role}: {query}");
            if role != "postil_app" {
                assert_eq!(query, "<insufficient privilege>", "{role}");
            }
        }
        // Nor can they be ended, stopped or watched.
        for sql in [
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'postil_worker'",
            "SELECT pg_log_backend_memory_contexts(pid) FROM pg_stat_activity WHERE usename = 'postil_worker'",
            "SELECT pg_stat_reset()",
            "SELECT pg_reload_conf()",
            "SELECT pg_rotate_logfile()",
            "SELECT pg_switch_wal()",
            "SELECT pg_create_restore_point('x')",
        ] {
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
        worker.close().await.unwrap();
        other.close().await.unwrap();
    });
}

#[test]
fn whoever_listens_hears_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // LISTEN can be refused to nobody, and a channel is the whole database's: nothing of ours may be said there.
        let mut listener = sqlx::postgres::PgListener::connect_with(&house.app).await.unwrap();
        for channel in [
            "messages",
            "events",
            "event_log",
            "postil",
            "access",
            &scene.nordwind.id.to_string(),
            &scene.south.id.to_string(),
        ] {
            listener.listen(channel).await.unwrap();
        }
        scene.sven.writes(scene.south_group, "Between us").await;
        scene.anna.writes(scene.direct, "Only for Ben").await;
        // What is said comes in order: our own word is the first, so nothing was said before it.
        sqlx::query("SELECT pg_notify('postil', 'mine')").execute(&house.app).await.unwrap();
        assert_eq!(listener.recv().await.unwrap().payload(), "mine");
    });
}

#[test]
fn there_are_no_large_objects_and_ours_are_nobodys() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // They know no policies. Making one is every role's right in PostgreSQL; nothing of Postil's lies in one.
        assert_eq!(scene.eva.counts("SELECT 1 FROM pg_largeobject_metadata").await, 0);
        let mut owner = house.connection("DATABASE_URL").await;
        let object: i64 =
            sqlx::query_scalar("SELECT lo_from_bytea(0, 'of the house')::bigint").fetch_one(&mut owner).await.unwrap();
        for sql in [
            format!("SELECT lo_get({object})"),
            format!("SELECT loread(lo_open({object}, 262144), 10)"),
            format!("SELECT lo_unlink({object})"),
            format!("SELECT lo_put({object}, 0, 'x')"),
            format!("SELECT lo_export({object}, '/tmp/x')"),
        ] {
            assert_refused(&sql, &scene.eva.tries(&sql).await, NOT_ALLOWED);
        }
        owner.close().await.unwrap();
    });
}

#[test]
fn functions_that_run_statements_run_them_as_the_person() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut tx = scene.eva.enters().await;
        for sql in [
            "SELECT query_to_xml('SELECT body FROM messages', true, false, '')::text",
            "SELECT table_to_xml('messages', true, false, '')::text",
            "SELECT query_to_xml('SELECT body FROM message_versions', true, false, '')::text",
            "SELECT string_agg(body, ',') FROM messages",
            "SELECT json_agg(m)::text FROM message_rows m",
            "SELECT (SELECT string_agg(m::text, ',') FROM messages m)",
        ] {
            let text: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *tx).await.unwrap();
            assert!(
                text.contains("Hello") && !text.contains("Only for Ben") && !text.contains("Between us"),
                "{sql}: {text}"
            );
        }
        tx.rollback().await.unwrap();
        for sql in [
            "DO $$ BEGIN PERFORM 1; EXECUTE 'SET ROLE postil_owner'; END $$",
            "SELECT dblink('', '')",
            "SELECT pg_logical_slot_get_changes('x', NULL, NULL)",
            "SELECT pg_create_logical_replication_slot('x', 'test_decoding')",
            "SELECT pg_replication_origin_create('x')",
        ] {
            let attempt = scene.eva.tries(sql).await;
            assert!(
                attempt.as_ref().is_err_and(|refusal| [NOT_ALLOWED, "42883"].contains(&refusal.code.as_str())),
                "{sql}: {attempt:?}"
            );
        }
    });
}

#[test]
fn a_condition_of_any_kind_is_asked_only_about_what_one_sees() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        // Each would tell by an error that quotes the row, by a different count, or by the time it takes.
        for condition in [
            format!("id = '{}' AND body::integer > 0", secret.id),
            format!("id = '{}' AND xmlparse(content body || '<').x IS NULL", secret.id).replace(".x", ""),
            format!("id = '{}' AND body ~ ('(' || body)", secret.id),
            format!("id = '{}' AND (body || '\"')::jsonb IS NULL", secret.id),
            format!("id = '{}' AND to_timestamp(body, 'YYYY') > now()", secret.id),
            format!("id = '{}' AND nullif(set_config('app.leak', body, false), '') IS NOT NULL", secret.id),
            format!("id = '{}' AND pg_sleep(length(body)) IS NOT NULL", secret.id),
            format!("id = '{}' AND lo_from_bytea(0, convert_to(body, 'UTF8')) > 0", secret.id),
            format!("id = '{}' AND pg_notify('x', body) IS NOT NULL", secret.id),
        ] {
            for (planner, value) in [("enable_seqscan", "off"), ("enable_indexscan", "off")] {
                let mut tx = scene.eva.enters().await;
                tx.execute(AssertSqlSafe(format!("SET LOCAL {planner} = {value}"))).await.unwrap();
                tx.execute("SET LOCAL statement_timeout = '1500ms'").await.unwrap();
                for table in ["messages", "message_rows"] {
                    let rows = attempt(&mut tx, &format!("SELECT 1 FROM {table} WHERE {condition}")).await;
                    assert_eq!(rows, Ok(0), "{table} WHERE {condition}");
                }
                let leak: String = sqlx::query_scalar("SELECT coalesce(current_setting('app.leak', true), '')")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                assert_eq!(leak, "");
            }
        }
    });
}

#[test]
fn a_view_is_told_to_ask_as_the_reader() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let views: Vec<(String, bool)> = sqlx::query_as(
            "SELECT relname::text, coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on'] FROM pg_class
             WHERE relnamespace IN ('public'::regnamespace, 'app'::regnamespace, 'auth'::regnamespace) AND relkind IN ('v', 'm')",
        )
        .fetch_all(&house.app)
        .await
        .unwrap();
        assert!(!views.is_empty() && views.iter().all(|(_, asks)| *asks), "{views:?}");
        // What the flag is worth: without it the view shows whatever its owner, the house, may see of the company.
        scene.anna.writes(scene.direct, "Only for Ben").await;
        assert_eq!(scene.eva.sees("message_rows").await.len(), 1);
        scene.nordwind.arranges("ALTER VIEW message_rows SET (security_invoker = false)").await;
        assert_eq!(scene.eva.sees("message_rows").await.len(), 2, "this test no longer shows what the flag is for");
        // And nobody writes through it.
        for sql in [
            "INSERT INTO message_rows SELECT * FROM message_rows",
            "UPDATE message_rows SET body = ''",
            "DELETE FROM message_rows",
        ] {
            let attempt = scene.eva.tries(sql).await;
            assert!(
                attempt.as_ref().is_err_and(|refusal| [NOT_ALLOWED, "55000"].contains(&refusal.code.as_str())),
                "{sql}: {attempt:?}"
            );
        }
    });
}

#[test]
fn an_id_that_is_taken_tells_of_ones_own_company_at_most() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let probe =
            |id: Uuid| Forged { id, root: id, ..Forged::root(scene.nordwind.id, scene.group, scene.eva.id) }.sql();
        // Südhandel's ids are free here: every key begins with the company.
        assert_eq!(scene.eva.tries(&probe(scene.south_hello.id)).await, Ok(1));
        // Of the own company's hidden messages the primary key does tell, to whoever may choose ids. No door lets anybody:
        // the server makes them (ADR 0005). Should this ever be refused alike, the better.
        let taken = Forged {
            seq: 1_001,
            path: vec![1_001],
            id: secret.id,
            root: secret.id,
            ..Forged::root(scene.nordwind.id, scene.group, scene.eva.id)
        };
        assert_refused("a taken id", &scene.eva.tries(&taken.sql()).await, DUPLICATE);
    });
}

#[test]
fn copy_takes_nothing_in_and_lets_nothing_out() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            "COPY messages TO '/tmp/x'",
            "COPY (SELECT 1) TO PROGRAM 'cat'",
            "COPY messages FROM '/etc/passwd'",
            "COPY users FROM PROGRAM 'id'",
            "COPY users TO STDOUT",
            "COPY sessions TO STDOUT",
            "COPY audit_log TO STDOUT",
        ] {
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
        // FROM STDIN is refused for every table with policies, also for those that the application may insert into.
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_any_column_privilege(oid, 'INSERT')",
        )
        .fetch_all(&house.app)
        .await
        .unwrap();
        assert!(tables.len() >= 12, "{tables:?}");
        for table in tables {
            let mut tx = scene.olga.enters().await;
            let error = tx.copy_in_raw(&format!("COPY {table} FROM STDIN")).await.err();
            assert!(
                error.is_some_and(|error| error.to_string().contains("row-level security")),
                "COPY {table} FROM STDIN"
            );
        }
    });
}

#[test]
fn tables_are_not_emptied_locked_away_or_rebuilt() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for table in
            ["messages", "conversations", "memberships", "event_log", "audit_log", "policies", "users", "companies"]
        {
            for sql in [
                format!("TRUNCATE {table}"),
                format!("TRUNCATE {table} CASCADE"),
                format!("DELETE FROM {table}"),
                format!("DROP TABLE {table}"),
                format!("ALTER TABLE {table} RENAME TO x"),
                format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
                format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"),
                format!("VACUUM {table}"),
                format!("CLUSTER {table} USING {table}_pkey"),
                format!("REINDEX TABLE {table}"),
                format!("COMMENT ON TABLE {table} IS 'x'"),
            ] {
                // VACUUM warns and skips, or can't run in a transaction: either way it does nothing.
                match scene.olga.tries(&sql).await {
                    Err(refusal) => {
                        assert!([NOT_ALLOWED, "25001"].contains(&refusal.code.as_str()), "{sql}: {refusal:?}");
                    }
                    Ok(_) => {
                        // LOCK is a right of whoever may UPDATE. It ends with the statement's two seconds or the transaction's ten.
                        assert!(sql.starts_with("LOCK"), "{sql}: was not refused");
                    }
                }
            }
        }
    });
}
