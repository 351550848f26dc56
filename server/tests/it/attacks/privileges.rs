//! What the application role may not even try.

use futures_util::TryStreamExt as _;
use sqlx::{Executor as _, postgres::PgConnection};

use crate::harness::{
    Scene,
    attempt::{NOT_ALLOWED, assert_refused, attempt},
    in_a_house,
};

#[test]
fn secrets_and_logs_are_out_of_reach() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            "SELECT password_hash FROM users",
            "SELECT * FROM users",
            "SELECT 1 FROM users WHERE password_hash LIKE '$argon2%'",
            "SELECT 1 FROM users ORDER BY password_hash",
            "SELECT * FROM sessions",
            "SELECT token_hash FROM sessions",
            "SELECT * FROM realtime_tickets",
            "SELECT * FROM api_keys",
            "SELECT * FROM embed_keys",
            "SELECT * FROM embed_token_uses",
            "SELECT * FROM event_log",
            "SELECT * FROM audit_log",
            "SELECT * FROM jobs",
            "INSERT INTO sessions (id) VALUES (gen_random_uuid())",
            "UPDATE sessions SET user_id = user_id",
            "UPDATE users SET password_hash = ''",
            "SELECT rolpassword FROM pg_authid",
        ] {
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn nobody_promotes_themselves() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, me) = (scene.nordwind.id, scene.ben.id);
        let foreign = scene.south.id;
        for sql in [
            format!("UPDATE memberships SET role_key = 'owner' WHERE user_id = '{me}'"),
            format!("UPDATE memberships SET department_id = '{}' WHERE user_id = '{me}'", scene.finance),
            format!("INSERT INTO memberships (company_id, user_id, role_key) VALUES ('{foreign}', '{me}', 'owner')"),
            format!(
                "INSERT INTO project_members (company_id, project_id, user_id) SELECT company_id, id, '{me}' FROM projects"
            ),
            format!("INSERT INTO policies (company_id, version, document) VALUES ('{company}', 2, '{{}}')"),
            format!(
                "INSERT INTO policy_grants (company_id, version, ordinal, rule_id, effect, user_id, action, scope) VALUES ('{company}', 1, 9999, 'x', 'allow', '{me}', 'message:read', 'company')"
            ),
            "UPDATE policy_grants SET effect = 'allow'".to_owned(),
            "DELETE FROM policy_grants".to_owned(),
            "UPDATE companies SET policy_version = 0".to_owned(),
            "UPDATE companies SET reply_depth_max = 32, edit_window_s = 31536000".to_owned(),
            "UPDATE users SET status = 'active'".to_owned(),
            format!("INSERT INTO roles (company_id, key, name) VALUES ('{company}', 'super', 'Super')"),
            format!(
                "INSERT INTO api_keys (company_id, id, user_id, name, key_hash) VALUES ('{company}', gen_random_uuid(), '{me}', 'x', decode(repeat('00', 32), 'hex'))"
            ),
            "UPDATE linked_records SET department_id = NULL".to_owned(),
        ] {
            let attempt = scene.ben.tries(&sql).await;
            // Not granted, or granted to the ERP's role only: then there is nothing that Ben could touch.
            if attempt != Ok(0) {
                assert_refused(&sql, &attempt, NOT_ALLOWED);
            }
        }
        let role: String =
            scene.nordwind.value(&format!("SELECT role_key FROM memberships WHERE user_id = '{me}'")).await;
        assert_eq!(role, "staff");
        assert!(!scene.ben.may("message:read", Some(&scene.invoice)).await);
    });
}

#[test]
fn the_walls_cannot_be_taken_down_from_inside() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            "SET ROLE postil_owner",
            "SET ROLE postil_worker",
            "SET SESSION AUTHORIZATION postil_owner",
            "SET session_replication_role = replica",
            "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE messages DISABLE TRIGGER ALL",
            "DROP POLICY messages_tenant ON messages",
            "CREATE POLICY mine ON messages TO postil_app USING (true)",
            "GRANT SELECT ON sessions TO postil_app",
            "ALTER ROLE postil_app BYPASSRLS",
            "CREATE FUNCTION app.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE TABLE public.mine (x int)",
            "CREATE TEMP TABLE mine (x int)",
            "CREATE SCHEMA mine",
            "TRUNCATE messages",
            "DELETE FROM messages",
            "DELETE FROM event_log",
            "COPY messages TO PROGRAM 'cat'",
            "COPY messages TO '/tmp/messages'",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT lo_import('/etc/passwd')",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postil_worker'",
            "SELECT * FROM auth.jobs_claim('me', now(), 60, 10)",
            "SELECT auth.purge_expired(now())",
            "SELECT * FROM auth.stream_tails('{}')",
        ] {
            // Without a worker's connection there would be nobody to terminate.
            let _worker = house.worker.acquire().await.unwrap();
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
        // It does not show everything, it refuses to run.
        let mut tx = scene.olga.enters().await;
        tx.execute("SET LOCAL row_security = off").await.unwrap();
        assert_refused("row_security = off", &attempt(&mut tx, "SELECT 1 FROM messages").await, NOT_ALLOWED);
    });
}

async fn copied(connection: &mut PgConnection, sql: &str) -> String {
    let chunks: Vec<_> = connection.copy_out_raw(sql).await.unwrap().try_collect().await.unwrap();
    String::from_utf8(chunks.concat()).unwrap()
}

#[test]
fn copy_shows_no_more_than_select_and_writes_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.writes(scene.direct, "Only for Ben").await;
        let mut tx = scene.eva.enters().await;
        for sql in ["COPY messages TO STDOUT", "COPY (SELECT * FROM message_rows) TO STDOUT"] {
            let text = copied(&mut tx, sql).await;
            assert!(text.contains("Hello"), "{sql}: {text}");
            assert!(!text.contains("Only for Ben") && !text.contains("Between us"), "{sql}: {text}");
        }
        let error = tx.copy_in_raw("COPY messages FROM STDIN").await.err().expect("COPY FROM past row-level security");
        assert!(error.to_string().contains("COPY FROM not supported with row-level security"), "{error}");
    });
}

#[test]
fn the_view_shows_each_reader_what_the_table_shows() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.writes(scene.direct, "Only for Ben").await;
        scene.anna.writes(scene.invoice_talk, "Paid?").await;
        let mut sizes = Vec::new();
        for actor in [&scene.anna, &scene.ben, &scene.eva, &scene.olga, &scene.bob, &scene.sven] {
            let seen = actor.sees("messages").await;
            assert_eq!(actor.sees("message_rows").await, seen);
            sizes.push(seen.len());
        }
        assert_eq!(sizes, [3, 2, 1, 1, 1, 1], "everyone sees something else");
    });
}

#[test]
fn a_record_that_is_gone_is_nobodys_and_so_is_its_talk() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let said = scene.anna.writes(scene.invoice_talk, "Paid?").await;
        let record = "SELECT 1 FROM linked_records WHERE kind = 'transaction' AND id = 'INV-4711'";
        assert_eq!((scene.anna.counts(record).await, scene.olga.counts(record).await), (1, 1));
        scene.nordwind.arranges("UPDATE linked_records SET deleted_at = now() WHERE id = 'INV-4711'").await;
        for actor in [&scene.anna, &scene.olga, &scene.mara, &scene.erp] {
            assert_eq!(actor.counts(record).await, 0);
            assert!(!actor.sees("conversations").await.contains(&scene.invoice_talk));
            assert!(!actor.sees("messages").await.contains(&said.id));
            assert!(!actor.may("message:read", Some(&scene.invoice)).await);
        }
    });
}

#[test]
fn whatever_changes_who_sees_what_is_told_to_open_sockets_by_the_database_itself() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let changes = async || scene.nordwind.events().await.iter().filter(|kind| *kind == "access.changed").count();
        let (ben, finance) = (scene.ben.id, scene.finance);
        for sql in [
            format!("UPDATE memberships SET role_key = 'external' WHERE user_id = '{ben}'"),
            format!("UPDATE memberships SET department_id = '{finance}' WHERE user_id = '{ben}'"),
            format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{ben}'"),
            "UPDATE project_members SET deleted_at = now()".to_owned(),
            "UPDATE linked_records SET department_id = NULL WHERE id = 'INV-4711'".to_owned(),
            format!(
                "UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}' AND user_id = '{ben}'",
                scene.group
            ),
        ] {
            let before = changes().await;
            scene.nordwind.arranges(&sql).await;
            assert!(changes().await > before, "{sql}: no socket would notice");
        }
    });
}

#[test]
fn whoever_made_a_conversation_has_no_key_to_it_once_others_are_in_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, anna, ben, id) = (scene.nordwind.id, scene.anna.id, scene.ben.id, crate::harness::fresh_id());
        let join = |who: uuid::Uuid| {
            format!(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) VALUES ('{company}', '{id}', '{who}', now(), '{anna}', now())"
            )
        };
        let make = format!(
            "INSERT INTO conversations (company_id, id, kind, title, activity_at, created_at, created_by, updated_at) VALUES ('{company}', '{id}', 'group', 'x', now(), now(), '{anna}', now())"
        );
        assert_eq!(scene.anna.tries(&make).await, Ok(1));
        scene.nordwind.arranges(&join(ben)).await;
        assert_refused("in by the back door", &scene.anna.tries(&join(anna)).await, NOT_ALLOWED);
    });
}
