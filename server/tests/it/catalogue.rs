//! The walls, read from PostgreSQL's own catalogue. A table, function or role that is added later and forgets a rule fails
//! here, by name. The lists of exceptions are the whole of them; each has its reason and should only shrink.

use postil::{
    limits,
    wire::{AuditAction, ModerationAct},
};
use sqlx::{AssertSqlSafe, PgPool};

use crate::harness::in_a_house;

/// Tables whose rows belong to no company, or to a company by their own id.
const GLOBAL: [&str; 5] = [
    "companies",        // is the company
    "users",            // people are no company's property
    "permissions",      // the catalogue of actions, the same for all
    "sessions",         // looked up by a secret before a company is known; its foreign key carries the company
    "realtime_tickets", // likewise
];
/// Written by sqlx, not by us.
const NOT_OURS: [&str; 1] = ["_sqlx_migrations"];
/// Unique keys of tenant tables that can't begin with the company: the key is what finds it.
const KEYS_BEFORE_COMPANY: [&str; 1] = ["api_keys_key_hash_key"];
const ROLES: [&str; 7] = [
    "postil_owner",
    "postil_migrator",
    "postil_definer",
    "postil_auth",
    "postil_search",
    "postil_app",
    "postil_worker",
];
/// Who is bound by the tenant wall. postil_auth is not: it signs people in before there is a company.
const BOUND: [&str; 4] = ["postil_app", "postil_definer", "postil_owner", "postil_worker"];

async fn names(pool: &PgPool, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_all(pool)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// A subquery of the tenant tables: oid, name.
fn tenant_tables() -> String {
    format!(
        "(SELECT c.oid, c.relname::text AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname NOT IN ({}, {})) AS t",
        quoted(&GLOBAL),
        quoted(&NOT_OURS)
    )
}

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}: {found:#?}");
}

#[test]
fn there_are_tables_to_look_at() {
    in_a_house(async |house| {
        let tables = names(&house.owner, &format!("SELECT name FROM {}", tenant_tables())).await;
        assert!(tables.len() >= 26 && tables.iter().any(|name| name == "messages"), "{tables:?}");
    });
}

#[test]
fn every_tenant_table_names_its_company_in_a_column_that_is_never_null() {
    in_a_house(async |house| {
        let sql = format!(
            "SELECT name FROM {} WHERE NOT EXISTS (
                SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'company_id' AND a.attnotnull AND a.atttypid = 'uuid'::regtype)",
            tenant_tables()
        );
        assert_none("tables without company_id uuid NOT NULL", &names(&house.owner, &sql).await);
    });
}

#[test]
fn every_table_of_ours_has_row_level_security_enabled_and_forced() {
    in_a_house(async |house| {
        let sql = format!(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
             AND NOT (relrowsecurity AND relforcerowsecurity) AND relname NOT IN ({}, 'permissions')",
            quoted(&NOT_OURS)
        );
        assert_none("tables without forced row-level security", &names(&house.owner, &sql).await);
    });
}

#[test]
fn every_tenant_table_has_the_restrictive_wall_for_all_who_are_bound_by_it() {
    in_a_house(async |house| {
        let wall = "(company_id = ( SELECT app.company_id() AS company_id))";
        let sql = format!(
            "SELECT name FROM {} WHERE NOT EXISTS (
                SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND NOT p.polpermissive AND p.polcmd = '*'
                AND pg_get_expr(p.polqual, p.polrelid) = '{wall}' AND pg_get_expr(p.polwithcheck, p.polrelid) = '{wall}'
                AND ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.oid = ANY (p.polroles) ORDER BY 1) = ARRAY[{}])",
            tenant_tables(),
            quoted(&BOUND)
        );
        assert_none("tables without the tenant wall", &names(&house.owner, &sql).await);
    });
}

#[test]
fn a_company_sees_no_other_company_either() {
    in_a_house(async |house| {
        let wall = "(id = ( SELECT app.company_id() AS company_id))";
        let found: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = 'companies'::regclass AND NOT p.polpermissive AND p.polcmd = '*'
             AND pg_get_expr(p.polqual, p.polrelid) = $1 AND pg_get_expr(p.polwithcheck, p.polrelid) = $1
             AND ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.oid = ANY (p.polroles) ORDER BY 1) = $2)",
        )
        .bind(wall)
        .bind(&BOUND[..])
        .fetch_one(&house.owner)
        .await
        .unwrap();
        assert!(found, "companies has lost its wall");
    });
}

#[test]
fn every_tenant_table_has_a_permissive_policy() {
    in_a_house(async |house| {
        // Without one the wall is a dead end: the table would look empty to the house, and somebody would then widen the wrong policy.
        let sql = format!(
            "SELECT name FROM {} WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polpermissive)",
            tenant_tables()
        );
        assert_none("tables without a permissive policy", &names(&house.owner, &sql).await);
    });
}

#[test]
fn no_policy_is_for_everyone() {
    in_a_house(async |house| {
        // Role 0 is PUBLIC: a role that is made next year would be let in.
        let found = names(&house.owner, "SELECT polname::text FROM pg_policy WHERE 0 = ANY (polroles)").await;
        assert_none("policies for PUBLIC", &found);
    });
}

#[test]
fn only_sign_in_crosses_companies_and_only_where_it_must() {
    in_a_house(async |house| {
        let found = names(
            &house.owner,
            "SELECT DISTINCT c.relname::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
             WHERE 'postil_auth'::regrole = ANY (p.polroles) ORDER BY 1",
        )
        .await;
        let expected = [
            "access_hooks",
            "api_keys",
            "audit_log",
            "companies",
            "company_stream",
            "embed_keys",
            "embed_token_uses",
            "invitations",
            "jobs",
            "memberships",
            "narrowings",
            "project_members",
            "realtime_tickets",
            "refusals",
            "roles",
            "sessions",
            "users",
        ];
        assert_eq!(found, expected, "postil_auth reads no talk, no record and no policy");
    });
}

#[test]
fn search_reads_the_words_of_messages_and_nothing_else_through_one_function() {
    in_a_house(async |house| {
        // No tenant wall is before its table: whatever else this role could read or run, it would read of all companies.
        let policies = names(
            &house.owner,
            "SELECT p.polrelid::regclass || ': ' || p.polcmd::text FROM pg_policy p WHERE 'postil_search'::regrole = ANY (p.polroles)",
        )
        .await;
        assert_eq!(policies, ["message_search: r"]);
        let rights = names(
            &house.owner,
            "SELECT c.relname || ': ' || x.privilege_type FROM pg_class c, aclexplode(c.relacl) x WHERE x.grantee = 'postil_search'::regrole
             UNION ALL
             SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attribute a, aclexplode(a.attacl) x WHERE x.grantee = 'postil_search'::regrole",
        )
        .await;
        assert_eq!(rights, ["message_search: SELECT"]);
        let owned =
            names(&house.owner, "SELECT proname::text FROM pg_proc WHERE proowner = 'postil_search'::regrole").await;
        assert_eq!(owned, ["search_candidates"]);
        let readers = names(
            &house.owner,
            "SELECT pg_get_userbyid(x.grantee)::text FROM pg_class c, aclexplode(c.relacl) x WHERE c.relname = 'message_search'
             AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner ORDER BY 1",
        )
        .await;
        assert_eq!(readers, ["postil_definer", "postil_search"]);
    });
}

#[test]
fn every_key_begins_with_the_company() {
    in_a_house(async |house| {
        let sql = format!(
            "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN {} ON t.oid = i.indrelid
             WHERE i.indisunique AND i.indexrelid::regclass::text NOT IN ({})
             AND (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) IS DISTINCT FROM 'company_id'",
            tenant_tables(),
            quoted(&KEYS_BEFORE_COMPANY)
        );
        assert_none("unique keys that do not begin with company_id", &names(&house.owner, &sql).await);
    });
}

#[test]
fn every_reference_between_tenant_tables_carries_the_company() {
    in_a_house(async |house| {
        // Both ends: otherwise a row could name another company's row, or an attacker could probe for one.
        let first = |relation: &str, key: &str| {
            format!("(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.{relation} AND a.attnum = k.{key}[1])")
        };
        let sql = format!(
            "SELECT k.conname::text FROM pg_constraint k JOIN {} ON t.oid = k.confrelid
             WHERE k.contype = 'f' AND NOT ({} = 'company_id' AND {} = 'company_id')",
            tenant_tables(),
            first("conrelid", "conkey"),
            first("confrelid", "confkey")
        );
        assert_none("foreign keys that do not begin with company_id at both ends", &names(&house.owner, &sql).await);
    });
}

#[test]
fn every_tenant_table_is_held_to_an_existing_company() {
    in_a_house(async |house| {
        let sql = format!(
            "SELECT name FROM {} WHERE NOT EXISTS (
                SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
                WHERE k.conrelid = t.oid AND k.contype = 'f' AND a.attname = 'company_id')",
            tenant_tables()
        );
        assert_none("tables whose company_id refers to nothing", &names(&house.owner, &sql).await);
    });
}

#[test]
fn no_reference_deletes_talk_along_with_something_else() {
    in_a_house(async |house| {
        let sql = "SELECT k.conrelid::regclass || '.' || k.conname FROM pg_constraint k
                   WHERE k.contype = 'f' AND k.confdeltype <> 'a' AND k.conrelid <> 'realtime_tickets'::regclass";
        assert_none("foreign keys that cascade", &names(&house.owner, sql).await);
    });
}

#[test]
fn every_table_and_every_column_says_what_it_is() {
    in_a_house(async |house| {
        let sql = format!(
            "SELECT c.relname || coalesce('.' || a.attname, '') FROM pg_class c
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT IN ({})
             AND (coalesce(col_description(c.oid, a.attnum), '') = '' OR coalesce(obj_description(c.oid, 'pg_class'), '') = '')
             ORDER BY 1",
            quoted(&NOT_OURS)
        );
        assert_none("tables and columns without a comment", &names(&house.owner, &sql).await);
    });
}

#[test]
fn functions_with_their_owners_rights_have_a_fixed_search_path_and_an_owner_that_cannot_log_in() {
    in_a_house(async |house| {
        // A caller who puts a schema of theirs before ours would run their own functions with the owner's rights.
        let loose = names(
            &house.owner,
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE p.prosecdef AND n.nspname IN ('public', 'app', 'auth')
             AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, public, pg_temp', 'search_path=pg_catalog, pg_temp']",
        )
        .await;
        assert_none("SECURITY DEFINER without a fixed search_path", &loose);
        let owned = names(
            &house.owner,
            "SELECT p.oid::regprocedure::text || ' of ' || r.rolname FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
             WHERE p.prosecdef AND p.pronamespace IN ('public'::regnamespace, 'app'::regnamespace, 'auth'::regnamespace)
             AND (r.rolcanlogin OR r.rolname NOT IN ('postil_definer', 'postil_auth', 'postil_search'))",
        )
        .await;
        assert_none("SECURITY DEFINER of a role that is too much", &owned);
        let count = names(&house.owner, "SELECT proname::text FROM pg_proc WHERE prosecdef AND pronamespace IN ('app'::regnamespace, 'auth'::regnamespace)").await;
        assert!(count.len() >= 15, "there are such functions: {count:?}");
    });
}

#[test]
fn nobody_owns_anything_but_the_roles_that_cannot_log_in() {
    in_a_house(async |house| {
        let sql = "SELECT c.relname || ' of ' || r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                   WHERE c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace, 'auth'::regnamespace) AND r.rolname <> 'postil_owner'
                   UNION ALL
                   SELECT p.oid::regprocedure::text || ' of ' || r.rolname FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
                   WHERE p.pronamespace IN ('public'::regnamespace, 'app'::regnamespace, 'auth'::regnamespace) AND r.rolcanlogin";
        assert_none("objects of others", &names(&house.owner, sql).await);
    });
}

#[test]
fn no_function_can_be_called_by_everyone() {
    in_a_house(async |house| {
        // No list at all (NULL) is PostgreSQL's default: everyone.
        let sql = "SELECT p.oid::regprocedure::text FROM pg_proc p
                   WHERE p.pronamespace IN ('public'::regnamespace, 'app'::regnamespace, 'auth'::regnamespace)
                   AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0))";
        assert_none("functions that PUBLIC may call", &names(&house.owner, sql).await);
    });
}

#[test]
fn nothing_in_the_database_is_for_everyone() {
    in_a_house(async |house| {
        let sql = "SELECT c.relname::text FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace AND x.grantee = 0
                   UNION ALL SELECT 'schema ' || n.nspname FROM pg_namespace n, aclexplode(n.nspacl) x
                   WHERE n.nspname IN ('public', 'app', 'auth') AND x.grantee = 0
                   UNION ALL SELECT 'database' FROM pg_database d, aclexplode(d.datacl) x WHERE d.datname = current_database() AND x.grantee = 0";
        assert_none("granted to PUBLIC", &names(&house.owner, sql).await);
    });
}

#[test]
fn the_application_can_neither_delete_nor_truncate_nor_create_anything() {
    in_a_house(async |house| {
        let sql = "SELECT c.relname || ': ' || x.privilege_type FROM pg_class c, aclexplode(c.relacl) x
                   WHERE c.relnamespace = 'public'::regnamespace AND x.grantee = 'postil_app'::regrole
                   AND x.privilege_type NOT IN ('SELECT', 'INSERT')";
        assert_none("table-wide rights of postil_app beyond reading and inserting", &names(&house.owner, sql).await);
        let sql = "SELECT n.nspname || ' ' || r.rolname FROM pg_namespace n, pg_roles r
                   WHERE r.rolname IN ('postil_app', 'postil_worker', 'postil_auth', 'postil_definer', 'postil_search') AND n.nspname IN ('public', 'app', 'auth')
                   AND has_schema_privilege(r.oid, n.oid, 'CREATE')";
        assert_none("schemas in which a role at run time can create", &names(&house.owner, sql).await);
    });
}

#[test]
fn no_role_is_above_the_walls() {
    in_a_house(async |house| {
        let sql = format!(
            "SELECT rolname::text FROM pg_roles WHERE rolname IN ({}) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication)",
            quoted(&ROLES)
        );
        assert_none("roles with too much", &names(&house.owner, &sql).await);
        let logins = names(
            &house.owner,
            &format!(
                "SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolname IN ({}) ORDER BY 1",
                quoted(&ROLES)
            ),
        )
        .await;
        assert_eq!(logins, ["postil_app", "postil_migrator", "postil_worker"]);
        let sql = "SELECT pg_get_userbyid(m.member) || ' in ' || pg_get_userbyid(m.roleid) FROM pg_auth_members m
                   WHERE pg_get_userbyid(m.member) IN ('postil_app', 'postil_worker', 'postil_auth', 'postil_definer', 'postil_search')";
        assert_none("memberships of roles at run time", &names(&house.owner, sql).await);
    });
}

#[test]
fn views_apply_the_readers_rights() {
    in_a_house(async |house| {
        let sql =
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
                   AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true']";
        assert_none("views that run with their owner's rights", &names(&house.owner, sql).await);
    });
}

#[test]
fn the_worker_reads_no_secret_and_writes_no_talk() {
    in_a_house(async |house| {
        let sql = "SELECT c.relname || ': ' || x.privilege_type FROM pg_class c, aclexplode(c.relacl) x
                   WHERE c.relnamespace = 'public'::regnamespace AND x.grantee = 'postil_worker'::regrole
                   AND (c.relname IN ('users', 'sessions', 'realtime_tickets', 'api_keys', 'embed_keys', 'message_versions', 'audit_log')
                        OR (x.privilege_type <> 'SELECT' AND c.relname NOT IN ('jobs', 'narrowing_grants', 'narrowings', 'refusals', 'user_presence')))";
        assert_none("rights of postil_worker", &names(&house.owner, sql).await);
    });
}

#[test]
fn the_bounds_of_the_code_are_the_bounds_of_the_database() {
    in_a_house(async |house| {
        // (table, the CHECK as PostgreSQL prints it)
        let expected = [
            ("companies", format!("((char_length(name) >= 1) AND (char_length(name) <= {}))", limits::NAME_CHARS_MAX)),
            ("companies", format!("((reply_depth_max >= 0) AND (reply_depth_max <= {}))", limits::REPLY_DEPTH_MAX)),
            (
                "users",
                format!(
                    "((email = lower(email)) AND ((octet_length(email) >= 3) AND (octet_length(email) <= {})))",
                    limits::EMAIL_BYTES_MAX
                ),
            ),
            ("users", format!("((char_length(name) >= 1) AND (char_length(name) <= {}))", limits::NAME_CHARS_MAX)),
            ("linked_records", format!("(id ~ '^[A-Za-z0-9._/:#-]{{1,{}}}$'::text)", limits::RECORD_ID_BYTES_MAX)),
            (
                "linked_records",
                format!("((char_length(title) >= 1) AND (char_length(title) <= {}))", limits::RECORD_TITLE_CHARS_MAX),
            ),
            (
                "linked_records",
                format!(
                    "((char_length(status) >= 1) AND (char_length(status) <= {}))",
                    limits::RECORD_STATUS_CHARS_MAX
                ),
            ),
            ("linked_records", format!("(octet_length(url) <= {})", limits::RECORD_URL_BYTES_MAX)),
            (
                "conversations",
                format!("((char_length(title) >= 1) AND (char_length(title) <= {}))", limits::TITLE_CHARS_MAX),
            ),
            ("messages", format!("(char_length(body) <= {})", limits::MESSAGE_BODY_CHARS_MAX)),
            ("messages", format!("(char_length(preview) <= {})", limits::PREVIEW_CHARS_MAX)),
            ("messages", format!("((depth >= 0) AND (depth <= {}))", limits::REPLY_DEPTH_MAX)),
            (
                "messages",
                format!(
                    "((octet_length(client_key) >= 1) AND (octet_length(client_key) <= {}))",
                    limits::IDEMPOTENCY_KEY_BYTES_MAX
                ),
            ),
            ("message_versions", format!("(char_length(body) <= {})", limits::MESSAGE_BODY_CHARS_MAX)),
            (
                "message_reports",
                format!("((char_length(note) >= 1) AND (char_length(note) <= {}))", limits::MODERATION_NOTE_CHARS_MAX),
            ),
            (
                "moderation_acts",
                format!(
                    "((char_length(reason) >= 1) AND (char_length(reason) <= {}))",
                    limits::MODERATION_NOTE_CHARS_MAX
                ),
            ),
            (
                "idempotency_keys",
                format!("((octet_length(key) >= 1) AND (octet_length(key) <= {}))", limits::IDEMPOTENCY_KEY_BYTES_MAX),
            ),
        ];
        for (table, check) in expected {
            let checks = names(
                &house.owner,
                &format!("SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE contype = 'c' AND conrelid = '{table}'::regclass"),
            )
            .await;
            assert!(checks.contains(&check), "{table} has no {check}, but {checks:#?}");
        }
        let default = |column: &str| {
            format!(
                "SELECT column_default::text FROM information_schema.columns WHERE table_name = 'companies' AND column_name = '{column}'"
            )
        };
        assert_eq!(names(&house.owner, &default("reply_depth_max")).await, [limits::REPLY_DEPTH_DEFAULT.to_string()]);
        assert_eq!(names(&house.owner, &default("edit_window_s")).await, [limits::EDIT_WINDOW_DEFAULT_S.to_string()]);
    });
}

#[test]
fn the_actions_of_the_code_are_the_actions_of_the_database() {
    in_a_house(async |house| {
        let mut expected: Vec<String> = postil::access::Action::ALL.iter().map(ToString::to_string).collect();
        expected.sort();
        assert_eq!(names(&house.owner, "SELECT action FROM permissions ORDER BY action COLLATE \"C\"").await, expected);
    });
}

#[test]
fn the_events_of_the_database_are_the_events_of_the_wire() {
    in_a_house(async |house| {
        // What the log can hold and no frame can say would never reach anyone.
        let check = names(
            &house.owner,
            "SELECT unnest(regexp_matches(pg_get_expr(conbin, conrelid), '''([a-z.]+)''', 'g')) FROM pg_constraint
             WHERE conrelid = 'event_log'::regclass AND contype = 'c' AND pg_get_expr(conbin, conrelid) LIKE '%kind%'",
        )
        .await;
        let frames = serde_json::to_string(&schemars::schema_for!(postil::wire::frame::ServerFrame)).unwrap();
        assert!(check.len() >= 7, "{check:?}");
        for kind in check.iter().filter(|kind| *kind != "access.changed") {
            assert!(frames.contains(&format!("\"{kind}\"")), "no frame is called {kind}");
        }
    });
}

#[test]
fn what_the_database_tells_the_audit_log_is_what_one_can_look_for() {
    in_a_house(async |house| {
        // Triggers: the noun and what they fire on, or the whole action.
        let mut written = names(
            &house.owner,
            "SELECT DISTINCT CASE WHEN noun LIKE '%.%' THEN noun ELSE noun || '.' || verb END
             FROM (SELECT split_part(encode(t.tgargs, 'escape'), '\\000', 1) AS noun, t.tgtype FROM pg_trigger t
                   WHERE t.tgfoid = 'app.audit_change'::regproc AND NOT t.tgisinternal) AS t
             JOIN (VALUES (4, 'create'), (16, 'change'), (8, 'delete')) AS v (bit, verb) ON t.tgtype & v.bit <> 0",
        )
        .await;
        assert!(written.len() > 20, "{written:?}");
        // Functions: the action stands as a literal in the call, or is put together of the acts of moderators.
        let calls = names(
            &house.owner,
            "SELECT DISTINCT (regexp_matches(p.prosrc, 'app\\.(?:note_)?audit\\([^;]+', 'g'))[1] FROM pg_proc p
             JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('app', 'auth', 'public') AND p.proname <> 'audit_change'",
        )
        .await;
        assert!(calls.len() > 10, "{calls:?}");
        for call in &calls {
            let literal = |text: &&str| {
                text.contains('.') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.')
            };
            let mut literals: Vec<&str> = call.split('\'').skip(1).step_by(2).filter(literal).collect();
            if call.contains("'moderation.' || p_act") {
                literals.retain(|text| *text != "moderation.");
                let by_hand = ModerationAct::ALL.iter().filter(|act| **act != ModerationAct::Mask);
                written.extend(by_hand.map(|act| format!("moderation.{}", act.as_str())));
            } else {
                assert!(
                    !literals.is_empty(),
                    "a call that says nothing, or in a way that this test can't read: {call}"
                );
            }
            written.extend(literals.into_iter().map(str::to_owned));
        }
        // What services tell is an `AuditAction` by its type.
        written
            .extend([AuditAction::AccessRefused, AuditAction::ConversationSlowMode].map(|one| one.as_str().to_owned()));
        written.sort();
        written.dedup();
        let mut listed: Vec<String> = AuditAction::ALL.iter().map(|one| one.as_str().to_owned()).collect();
        listed.sort();
        assert_eq!(written, listed);
    });
}
