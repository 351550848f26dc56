//! Names that look like ours: temporary tables, types and functions before the real ones, with the rights of functions
//! that run as their owner as the prize.

use sqlx::{Executor as _, PgConnection};

use crate::harness::{
    House, Scene,
    attempt::{NOT_ALLOWED, assert_refused, assert_untouched, attempt},
    fresh_id, in_a_house,
};

/// What no installation gives: the right to make temporary things. Wall 2 must hold without that refusal, too.
async fn may_make_temporary_things(house: &House) {
    let sql = format!("GRANT TEMPORARY ON DATABASE {} TO postil_app", house.name);
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&house.owner).await.unwrap();
}

async fn runs(connection: &mut PgConnection, sql: &str) {
    attempt(connection, sql).await.unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}"));
}

#[test]
fn nothing_temporary_can_be_made() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            "CREATE TEMP TABLE messages (id uuid)",
            "CREATE TEMP VIEW messages AS SELECT 1",
            "CREATE TEMP SEQUENCE s",
            "CREATE DOMAIN pg_temp.uuid AS text",
            "CREATE FUNCTION pg_temp.caller() RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
            "SELECT id INTO TEMP mine FROM messages",
        ] {
            assert_refused(sql, &scene.eva.tries(sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn a_temporary_table_stands_before_none_of_ours() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        may_make_temporary_things(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        // A world in which Eva owns Nordwind, is in every conversation and may do everything.
        let (company, eva) = (scene.nordwind.id, scene.eva.id);
        for sql in [
            format!("CREATE TEMP TABLE companies AS SELECT '{company}'::uuid AS id, 1 AS policy_version, 32::smallint AS reply_depth_max, 31536000 AS edit_window_s, 'x'::text AS name"),
            format!("CREATE TEMP TABLE users AS SELECT '{eva}'::uuid AS id, 'active'::text AS status, NULL::timestamptz AS deleted_at, ''::text AS password_hash"),
            format!("CREATE TEMP TABLE memberships AS SELECT '{company}'::uuid AS company_id, '{eva}'::uuid AS user_id, 'owner'::text AS role_key, 'internal'::text AS kind, NULL::uuid AS department_id, 'active'::text AS status, NULL::timestamptz AS deleted_at"),
            format!("CREATE TEMP TABLE participants AS SELECT '{company}'::uuid AS company_id, '{}'::uuid AS conversation_id, '{eva}'::uuid AS user_id, NULL::timestamptz AS deleted_at", scene.direct),
            format!("CREATE TEMP TABLE policy_grants AS SELECT '{company}'::uuid AS company_id, 1 AS version, 'owner'::text AS role_key, '{eva}'::uuid AS user_id, 'app.allow_message_read'::text AS setting, '*'::text AS token"),
            format!("CREATE TEMP TABLE conversations AS SELECT '{company}'::uuid AS company_id, '{}'::uuid AS id, '{eva}'::uuid AS created_by, 'record'::text AS kind, NULL::text AS link_kind, NULL::text AS link_id, NULL::timestamptz AS deleted_at", scene.direct),
            "CREATE TEMP TABLE permissions AS SELECT 'message:read'::text AS action".to_owned(),
            "CREATE TEMP TABLE project_members (company_id uuid, project_id uuid, user_id uuid, deleted_at timestamptz)".to_owned(),
        ] {
            runs(&mut connection, &sql).await;
        }
        for path in ["pg_temp, public", "pg_temp, pg_catalog, public, app", "pg_temp"] {
            runs(&mut connection, "BEGIN").await;
            runs(&mut connection, &format!("SET LOCAL search_path = {path}")).await;
            scene.eva.steps_in(&mut connection).await;
            let seen: Vec<uuid::Uuid> =
                sqlx::query_scalar("SELECT id FROM public.messages").fetch_all(&mut connection).await.unwrap();
            assert_eq!(seen, [scene.hello.id], "{path}: the group's, and not {}", secret.id);
            let allowed: (bool, bool, bool) = sqlx::query_as(
                "SELECT app.may('admin:moderate', NULL, NULL), app.sees_conversation($1), app.is_new_conversation($1)",
            )
            .bind(scene.direct)
            .fetch_one(&mut connection)
            .await
            .unwrap();
            assert_eq!(allowed, (false, false, false), "{path}");
            let edit = format!(
                "UPDATE public.messages SET body = 'x', text_ast = '[]', preview = 'x', version = 2, edited_at = now() WHERE id = '{}'",
                scene.hello.id
            );
            assert_untouched(path, &attempt(&mut connection, &edit).await);
            runs(&mut connection, "ROLLBACK").await;
        }
        // The same for sign-in: these functions see every company.
        runs(&mut connection, &format!("CREATE TEMP TABLE sessions AS SELECT '{eva}'::uuid AS id, '{eva}'::uuid AS user_id, '{company}'::uuid AS company_id, decode(repeat('00', 32), 'hex') AS token_hash")).await;
        let opened = connection
            .fetch_all("SELECT * FROM auth.session_open(decode(repeat('00', 32), 'hex'), now())")
            .await
            .unwrap();
        assert!(opened.is_empty(), "a session out of a temporary table");
    });
}

#[test]
fn a_temporary_type_is_no_way_into_a_function_of_its_owner() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        may_make_temporary_things(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        // Types are looked for among the temporary ones before pg_catalog, unless the path names pg_temp: a cast inside such
        // a function would then run the attacker's check with the owner's rights.
        runs(&mut connection, "CREATE FUNCTION pg_temp.spy(t anyelement) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'as %', current_user; END $f$").await;
        for name in ["text", "uuid", "jsonb"] {
            runs(
                &mut connection,
                &format!("CREATE DOMAIN pg_temp.{name} AS pg_catalog.{name} CHECK (pg_temp.spy(VALUE))"),
            )
            .await;
        }
        // Every function that runs as its owner is told to look there last.
        let loose: Vec<String> = sqlx::query_scalar(
            "SELECT p.oid::regprocedure::pg_catalog.text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE p.prosecdef AND n.nspname IN ('public', 'app', 'auth')
             AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, public, pg_temp', 'search_path=pg_catalog, pg_temp']::pg_catalog.text[]",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert!(loose.is_empty(), "pg_temp is not the last place where these look: {loose:#?}");
        // And for real, through functions that cast: the verdict comes, and nobody has spied.
        runs(&mut connection, "BEGIN").await;
        sqlx::query("SELECT set_config('app.user_id', $1, true), set_config('app.company_id', $2, true)")
            .bind(scene.eva.id.to_string())
            .bind(scene.nordwind.id.to_string())
            .execute(&mut connection)
            .await
            .unwrap();
        for call in ["SELECT app.remember()", "SELECT app.my_conversation_ids()"] {
            runs(&mut connection, call).await;
        }
    });
}

#[test]
fn functions_of_the_same_name_are_not_found_before_ours() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        may_make_temporary_things(house).await;
        let mut connection = house.connection("APP_DATABASE_URL").await;
        runs(&mut connection, &format!("CREATE FUNCTION pg_temp.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $f$ SELECT '{}'::text $f$", scene.south.id)).await;
        runs(&mut connection, "CREATE FUNCTION pg_temp.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $f$ SELECT 't'::text $f$").await;
        runs(&mut connection, "CREATE FUNCTION pg_temp.yes(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
            .await;
        runs(&mut connection, "CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.yes)")
            .await;
        runs(&mut connection, "BEGIN").await;
        runs(&mut connection, "SET LOCAL search_path = pg_temp, pg_catalog").await;
        scene.bob.steps_in(&mut connection).await;
        let foreign: i64 =
            sqlx::query_scalar("SELECT count(*) FROM public.memberships WHERE company_id OPERATOR(pg_catalog.<>) $1")
                .bind(scene.nordwind.id)
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(foreign, 0);
    });
}

#[test]
fn nothing_of_ours_can_be_replaced_or_lent() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            "CREATE OR REPLACE FUNCTION app.is_member() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'",
            "CREATE OR REPLACE FUNCTION app.may(text, text, text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'",
            "ALTER FUNCTION app.remember() SET search_path = pg_temp",
            "ALTER FUNCTION app.remember() RESET search_path",
            "ALTER FUNCTION app.sees_message(uuid, text, text) LEAKPROOF",
            "DROP FUNCTION app.messages_guard() CASCADE",
            "DROP TRIGGER messages_guard ON messages",
            "CREATE TRIGGER mine BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION app.immutable()",
            "CREATE RULE mine AS ON INSERT TO messages DO INSTEAD NOTHING",
            "ALTER VIEW message_rows SET (security_invoker = false)",
            "CREATE OR REPLACE VIEW message_rows AS SELECT * FROM messages",
            "CREATE VIEW public.mine AS SELECT * FROM messages",
            "CREATE MATERIALIZED VIEW public.mine AS SELECT * FROM messages",
            "ALTER TABLE messages ADD COLUMN mine int",
            "ALTER TABLE messages OWNER TO postil_app",
            "ALTER POLICY messages_read ON messages USING (true)",
            "CREATE INDEX mine ON messages (body)",
            "CREATE STATISTICS mine ON id, body FROM messages",
            "CREATE EXTENSION dblink",
            "CREATE PUBLICATION mine FOR ALL TABLES",
            "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION app.immutable()",
            "CREATE CAST (text AS uuid) WITH INOUT",
            "ALTER DEFAULT PRIVILEGES FOR ROLE postil_owner GRANT ALL ON TABLES TO postil_app",
            "GRANT postil_owner TO postil_app",
            "ALTER ROLE postil_owner LOGIN",
            "ALTER ROLE ALL SET row_security = off",
        ] {
            let attempt = scene.olga.tries(sql).await;
            // A cast is refused for its types' owner, with another code.
            assert!(
                attempt.as_ref().is_err_and(|refusal| [NOT_ALLOWED, "42809", "0A000"].contains(&refusal.code.as_str())),
                "{sql}: {attempt:?}"
            );
        }
        // A table of one's own that points at ours would ask which rows exist.
        let probe = format!("CREATE TABLE app.probe (id uuid DEFAULT '{}' REFERENCES companies (id))", fresh_id());
        assert_refused(&probe, &scene.olga.tries(&probe).await, NOT_ALLOWED);
    });
}
