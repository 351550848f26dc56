//! The chain: nobody skips it, nobody changes it, and Rust hashes what PostgreSQL hashes.

use futures_util::future::join_all;
use postil::{
    backend::audit::{canonical, entry_text},
    clock::Timestamp,
    ids::{CompanyId, CorrelationId, UserId},
};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::{exported, told, verified};
use crate::harness::{
    House, Scene,
    attempt::{CHECK, NOT_ALLOWED, assert_refused, attempt},
    fresh_id, in_a_house, now,
};

const ENTRIES: usize = 400;

/// Texts that have gone wrong somewhere: escapes, surrogates, right-to-left, what looks like an escape.
fn odd_text() -> impl Strategy<Value = String> {
    let bits = prop_oneof![
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\\u0041".to_owned()),
        Just("</script>".to_owned()),
        Just("\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\u{80}".to_owned()),
        Just("\u{2028}\u{2029}\u{feff}\u{fffd}\u{e000}\u{ffff}".to_owned()),
        Just("\u{1f600}\u{10ffff}e\u{301}é\u{202e}".to_owned()),
        "[^\u{0}]{0,6}",
    ];
    vec(bits, 0..4).prop_map(|bits| bits.concat())
}

fn odd_value() -> impl Strategy<Value = Value> {
    const BIG: i64 = (1 << 53) - 1;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-BIG..=BIG).prop_map(Value::from),
        prop_oneof![Just(BIG), Just(-BIG), Just(0), Just(1 << 52)].prop_map(Value::from),
        odd_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map("[A-Za-z0-9_.:/-]{1,12}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn rust_and_postgresql_write_an_entry_byte_for_byte_alike() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        let fields = btree_map("[A-Za-z0-9_.:/-]{1,12}", odd_value(), 0..5);
        let entries = (
            "[a-z_.]{1,60}",
            odd_text(),
            fields,
            option::of(any::<u128>()),
            option::of(any::<u128>()),
            0_i64..4_000_000_000_000_000,
        );
        let mut tx = scene.nordwind.house().await;
        for _ in 0..ENTRIES {
            let (action, target, detail, actor, correlation, at) = entries.new_tree(&mut runner).unwrap().current();
            let detail = Value::Object(detail.into_iter().collect());
            let (actor, correlation) = (actor.map(Uuid::from_u128), correlation.map(Uuid::from_u128));
            let at = Timestamp::from_micros(at);
            if target.len() > 200 || detail.to_string().len() > 7_000 {
                continue;
            }
            let (seq, prev, hash, text): (i64, Vec<u8>, Vec<u8>, String) = sqlx::query_as(
                "WITH new AS (
                    INSERT INTO audit_log (company_id, action, actor_id, target, detail, correlation_id, at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *
                 )
                 SELECT seq, prev_hash, hash, app.audit_text(company_id, seq, action, actor_id, target, detail, correlation_id, at, prev_hash) FROM new",
            )
            .bind(company)
            .bind(&action)
            .bind(actor)
            .bind(&target)
            .bind(&detail)
            .bind(correlation)
            .bind(at.to_datetime())
            .fetch_one(&mut *tx)
            .await
            .unwrap_or_else(|error| panic!("{action} {target:?} {detail}: {error}"));
            let ours = entry_text(
                CompanyId::from_uuid(company),
                seq,
                &action,
                actor.map(UserId::from_uuid),
                &target,
                &detail,
                correlation.map(CorrelationId::from_uuid),
                at,
                &prev.try_into().unwrap(),
            )
            .unwrap();
            assert_eq!(ours, text);
            assert_eq!(postil::backend::crypto::token::sha256(ours.as_bytes()).to_vec(), hash);
        }
        tx.commit().await.unwrap();
        assert!(verified(house, &scene.nordwind).await.unwrap().last > 300);
    });
}

#[test]
fn what_rust_can_not_write_postgresql_refuses_too() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let deep = (0..17).fold("1".to_owned(), |inner, _| format!("[{inner}]"));
        for detail in [
            r#"{"a": 1.5}"#.to_owned(),
            r#"{"a": 1.0}"#.to_owned(),
            r#"{"a": 9007199254740992}"#.to_owned(),
            r#"{"a": -9007199254740992}"#.to_owned(),
            r#"{"a": 123456789012345678901234567890}"#.to_owned(),
            r#"{"é": 1}"#.to_owned(),
            r#"{"": 1}"#.to_owned(),
            r#"{"a b": 1}"#.to_owned(),
            format!(r#"{{"a": {deep}}}"#),
            "[]".to_owned(),
            "1".to_owned(),
            format!(r#"{{"a": "{}"}}"#, "x".repeat(9_000)),
        ] {
            let value: Value = serde_json::from_str(&detail).unwrap();
            let mut tx = scene.nordwind.house().await;
            let sql = format!(
                "INSERT INTO audit_log (company_id, action, target, detail, at) VALUES ('{}', 'x', '', '{detail}', now())",
                scene.nordwind.id
            );
            assert_refused(&detail, &attempt(&mut tx, &sql).await, CHECK);
            assert!(canonical::text(&value).is_err() || !value.is_object() || detail.len() > 8_192, "{detail}");
        }
    });
}

#[test]
fn nobody_rewrites_the_log() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        scene
            .nordwind
            .arranges(&format!(
                "INSERT INTO audit_checkpoints (company_id, seq, hash, at, key, signature)
                 SELECT company_id, seq, hash, now(), hash, hash || hash FROM audit_log WHERE company_id = '{company}' AND seq = 3"
            ))
            .await;
        let before = exported(house, &scene.nordwind).await;
        let attacks = [
            "UPDATE audit_log SET actor_id = NULL",
            "UPDATE audit_log SET hash = prev_hash",
            "UPDATE audit_log SET seq = seq + 1000",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
            "TRUNCATE audit_log CASCADE",
            "UPDATE audit_checkpoints SET at = now()",
            "DELETE FROM audit_checkpoints",
            "TRUNCATE audit_checkpoints",
        ];
        for sql in attacks {
            assert_refused(&format!("the application: {sql}"), &scene.olga.tries(sql).await, NOT_ALLOWED);
            for (who, pool) in [("the worker", &house.worker), ("the owner", &house.owner)] {
                // An owner's TRUNCATE without CASCADE already fails for want of it.
                if who == "the owner" && sql == "TRUNCATE audit_log" {
                    continue;
                }
                assert_refused(&format!("{who}: {sql}"), &enters(pool, company, sql).await, NOT_ALLOWED);
            }
        }
        // Sign-in and the definers, whose functions the others call, have no such right to lend.
        let mut tx = scene.nordwind.house().await;
        for role in ["postil_auth", "postil_definer"] {
            let lent: bool = sqlx::query_scalar(
                "SELECT bool_or(has_table_privilege($1, t, p)) FROM unnest(ARRAY['audit_log', 'audit_checkpoints']) t, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) p",
            )
            .bind(role)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
            assert!(!lent, "{role}");
        }
        drop(tx);
        assert_eq!(exported(house, &scene.nordwind).await, before);
    });
}

/// One statement in the company, as whoever the pool is of.
async fn enters(pool: &PgPool, company: Uuid, sql: &str) -> crate::harness::Attempt {
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("SELECT app.enter(NULL, $1)").bind(company).execute(&mut *tx).await.unwrap();
    attempt(&mut tx, sql).await
}

#[test]
fn the_end_of_the_chain_moves_with_an_entry_only() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        for sql in [
            "UPDATE company_stream SET audit_seq = audit_seq + 1",
            "UPDATE company_stream SET audit_seq = audit_seq - 1",
            "UPDATE company_stream SET audit_seq = 0",
        ] {
            assert_refused(sql, &scene.anna.tries(sql).await, CHECK);
            assert_refused(sql, &enters(&house.owner, company, sql).await, CHECK);
        }
        for sql in [
            "UPDATE company_stream SET audit_hash = sha256('x')",
            "UPDATE company_stream SET checkpoint_seq = 100",
            "UPDATE company_stream SET checkpoint_at = 'infinity'",
        ] {
            assert_refused(sql, &scene.anna.tries(sql).await, NOT_ALLOWED);
            assert_refused(sql, &enters(&house.owner, company, sql).await, CHECK);
        }
    });
}

#[test]
fn a_writer_chooses_neither_position_nor_hashes_nor_company_nor_name() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let entry = |company: Uuid, actor: Uuid, more: (&str, &str)| {
            format!(
                "INSERT INTO audit_log (company_id, actor_id, action, target, at{}) VALUES ('{company}', '{actor}', 'x.y', 't', now(){})",
                more.0, more.1
            )
        };
        let (here, there, anna) = (scene.nordwind.id, scene.south.id, scene.anna.id);
        for (what, sql) in [
            ("a gap", entry(here, anna, (", seq", ", 100000"))),
            ("the past", entry(here, anna, (", seq", ", 1"))),
            ("another company", entry(there, anna, ("", ""))),
            ("another's name", entry(here, scene.ben.id, ("", ""))),
            ("nobody's name", entry(here, anna, ("", "")).replace(&format!("'{anna}'"), "NULL")),
            ("as sign-in", format!("SELECT app.note_audit('{there}', '{anna}', 'x', '', '{{}}', NULL, now())")),
        ] {
            assert_refused(what, &scene.anna.tries(&sql).await, NOT_ALLOWED);
        }
        // Hashes are overwritten, whatever they say.
        let forged = entry(here, anna, (", prev_hash, hash", ", sha256('a'), sha256('b')"));
        assert_eq!(scene.anna.tries(&forged).await, Ok(1));
        assert_eq!(told(&scene.nordwind, "action = 'x.y'").await.len(), 1);
        verified(house, &scene.nordwind).await.unwrap();
        verified(house, &scene.south).await.unwrap();
    });
}

#[test]
fn the_log_is_read_by_nobody_but_its_readers() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (scene.nordwind.id, scene.south.id);
        let page = |user: Uuid, company: Uuid| {
            format!("SELECT * FROM app.audit_page('{user}', '{company}', 1000000, NULL, NULL, 10, NULL, now())")
        };
        assert!(matches!(scene.olga.tries(&page(scene.olga.id, here)).await, Ok(rows) if rows > 5));
        for (what, sql) in [
            ("the table", "SELECT * FROM audit_log".to_owned()),
            ("the checkpoints", "SELECT * FROM audit_checkpoints".to_owned()),
            ("without the right", page(scene.anna.id, here)),
            ("of another company", page(scene.olga.id, there)),
            ("of nobody", page(fresh_id(), here)),
            ("the export", format!("SELECT * FROM app.audit_export('{here}', 0, 10)")),
            (
                "a forged checkpoint",
                format!(
                    "SELECT app.audit_checkpoint('{here}', 1, sha256(''), now(), sha256(''), sha256('') || sha256(''))"
                ),
            ),
            ("who is due", "SELECT * FROM auth.audit_due(now())".to_owned()),
        ] {
            assert_refused(what, &scene.olga.tries(&sql).await, NOT_ALLOWED);
        }
        // The worker exports the company at hand and no other; it writes nothing.
        let foreign = format!("SELECT * FROM app.audit_export('{there}', 0, 10)");
        assert_eq!(enters(&house.worker, here, &foreign).await, Ok(0));
        let write = format!("INSERT INTO audit_log (company_id, action, target, at) VALUES ('{here}', 'x', '', now())");
        assert_refused("the worker writes", &enters(&house.worker, here, &write).await, NOT_ALLOWED);
    });
}

async fn signs_in(house: &House, n: u8, user: Uuid, company: Uuid) {
    let made: bool = sqlx::query_scalar("SELECT auth.session_create($1, $2, $3, $4, 'browser', NULL, $5, $6, NULL)")
        .bind(fresh_id())
        .bind(vec![n; 32])
        .bind(user)
        .bind(company)
        .bind(now())
        .bind(crate::harness::in_s(3_600))
        .fetch_one(&house.app)
        .await
        .unwrap();
    assert!(made);
}

#[test]
fn many_writers_at_once_make_one_chain_and_wait_in_no_circle() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (scene.nordwind.id, scene.south.id);
        for n in 0..8 {
            signs_in(house, n, scene.bob.id, if n % 2 == 0 { here } else { there }).await;
        }
        let switch = async |n: u8| {
            for round in 0..6_u8 {
                let to = if (n + round).is_multiple_of(2) { there } else { here };
                let (old, new) = (vec![n + 16 * round; 32], vec![n + 16 * (round + 1); 32]);
                let done: bool = sqlx::query_scalar("SELECT auth.session_switch($1, $2, $3, $4, NULL)")
                    .bind(old)
                    .bind(new)
                    .bind(to)
                    .bind(now())
                    .fetch_one(&house.app)
                    .await
                    .unwrap();
                assert!(done);
            }
        };
        // One begins with the row that both need, one comes to it later: were the log's lock taken on the way, each would wait
        // for the other.
        let change = async |company: &crate::harness::Company, role: &str, company_first: bool| {
            for round in 0..6 {
                let mut statements = [
                    format!("UPDATE roles SET name = name || '{round}' WHERE key = '{role}'"),
                    format!("UPDATE companies SET edit_window_s = {} + {round}", role.len() * 100),
                ];
                if company_first {
                    statements.reverse();
                }
                let mut tx = company.house().await;
                for sql in &statements {
                    attempt(&mut tx, sql).await.unwrap();
                }
                tx.commit().await.unwrap();
            }
        };
        let talk = async || {
            for n in 0..10 {
                let sent = scene.anna.writes(scene.group, &n.to_string()).await;
                assert_eq!(scene.anna.edits(sent.id, 1, "x", now()).await.unwrap().0, "updated");
            }
        };
        let everyone = async {
            tokio::join!(
                join_all((0..8).map(switch)),
                change(&scene.nordwind, "staff", true),
                change(&scene.nordwind, "manager", false),
                change(&scene.south, "staff", false),
                talk(),
                talk()
            )
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), everyone).await.expect("they wait for each other");
        for company in [&scene.nordwind, &scene.south] {
            verified(house, company).await.unwrap();
            // Moving out of a company and into it are one entry each.
            assert_eq!(told(company, "action = 'session.switch'").await.len(), 48);
        }
    });
}
