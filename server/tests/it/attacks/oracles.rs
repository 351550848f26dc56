//! Questions whose answer is an error: a hidden thing and a missing thing must fail alike.

use crate::harness::{
    Refusal, Scene,
    attempt::{Attempt, NOT_ALLOWED, assert_refused},
    fresh_id, in_a_house,
};

/// The same refusal, but for the ids that the attacker wrote.
#[track_caller]
fn assert_alike(what: &str, hidden: &Attempt, missing: &Attempt) {
    let shape = |attempt: &Attempt| attempt.clone().map_err(|Refusal { code, constraint, .. }| (code, constraint));
    assert!(hidden.is_err(), "{what}: went through");
    assert_eq!(shape(hidden), shape(missing), "{what}: a hidden thing and a missing one differ");
}

#[test]
fn rows_of_another_company_are_refused_before_anything_is_compared() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (south, me, group, hello) = (scene.south.id, scene.bob.id, scene.south_group, scene.south_hello.id);
        let zero = "decode(repeat('00', 32), 'hex')";
        // Bob belongs to Südhandel, too; but this request is Nordwind's.
        for sql in [
            super::Forged::root(south, group, me).sql(),
            format!(
                "INSERT INTO conversations (company_id, id, kind, title, activity_at, created_at, created_by, updated_at) VALUES ('{south}', gen_random_uuid(), 'group', 'x', now(), now(), '{me}', now())"
            ),
            format!(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) VALUES ('{south}', '{group}', '{me}', now(), '{me}', now())"
            ),
            format!("INSERT INTO linked_records (company_id, kind, id, title) VALUES ('{south}', 'topic', 'X', 'x')"),
            format!(
                "INSERT INTO linked_records (company_id, kind, id, title) VALUES ('{south}', 'transaction', 'INV-4711', 'exists there')"
            ),
            format!(
                "INSERT INTO read_receipts (company_id, conversation_id, user_id, read_seq, read_at) VALUES ('{south}', '{group}', '{me}', 1, now())"
            ),
            format!(
                "INSERT INTO idempotency_keys (company_id, user_id, key, request_hash, message_id, created_at) VALUES ('{south}', '{me}', 'k', {zero}, '{hello}', now())"
            ),
            format!(
                "INSERT INTO notification_queue (company_id, id, user_id, kind, message_id, created_at) VALUES ('{south}', gen_random_uuid(), '{me}', 'mention', '{hello}', now())"
            ),
            format!(
                "INSERT INTO message_versions (company_id, message_id, version, body, text_ast, created_at, created_by) VALUES ('{south}', '{hello}', 2, '', '[]', now(), '{me}')"
            ),
            format!(
                "INSERT INTO message_links (company_id, message_id, kind, record_id, title, created_at, created_by) VALUES ('{south}', '{hello}', 'transaction', 'INV-4711', '', now(), '{me}')"
            ),
            format!(
                "INSERT INTO threads (company_id, root_id, conversation_id, reply_count, last_reply_at, updated_at) VALUES ('{south}', '{hello}', '{group}', 1, now(), now())"
            ),
            format!(
                "INSERT INTO user_presence (company_id, user_id, status, last_seen_at) VALUES ('{south}', '{me}', 'online', now())"
            ),
            format!(
                "INSERT INTO event_log (company_id, seq, kind, user_id, at) VALUES ('{south}', 99, 'message.created', '{me}', now())"
            ),
            format!(
                "INSERT INTO audit_log (company_id, seq, action, actor_id, target, at) VALUES ('{south}', 99, 'x', '{me}', '', now())"
            ),
            format!(
                "INSERT INTO jobs (company_id, id, kind, run_at, created_at, updated_at) VALUES ('{south}', gen_random_uuid(), 'x', now(), now(), now())"
            ),
        ] {
            assert_refused(&sql, &scene.bob.tries(&sql).await, NOT_ALLOWED);
        }
        // Nothing can be carried over either.
        for table in ["messages", "conversations", "linked_records", "read_receipts", "company_stream", "user_presence"]
        {
            let sql = format!("UPDATE {table} SET company_id = '{south}'");
            assert_refused(&sql, &scene.bob.tries(&sql).await, NOT_ALLOWED);
        }
        for table in ["companies", "company_stream", "messages", "conversations"] {
            let sql = format!("UPDATE {table} SET updated_at = now() WHERE company_id = '{south}'")
                .replace("companies SET updated_at = now() WHERE company_id", "companies SET name = 'x' WHERE id");
            match scene.bob.tries(&sql).await {
                Ok(rows) => assert_eq!(rows, 0, "{sql}"),
                attempt @ Err(_) => assert!(
                    matches!(attempt.as_ref().map_err(|refusal| refusal.code.as_str()), Err("42501" | "42703")),
                    "{sql}: {attempt:?}"
                ),
            }
        }
    });
}

#[test]
fn a_reference_tells_nothing_about_the_other_company() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, me) = (scene.nordwind.id, scene.bob.id);
        let zero = "decode(repeat('00', 32), 'hex')";
        let missing = fresh_id();
        let key = |column: &str, id| {
            format!(
                "INSERT INTO idempotency_keys (company_id, user_id, key, request_hash, {column}, created_at) VALUES ('{company}', '{me}', 'probe', {zero}, '{id}', now())"
            )
        };
        for (column, id) in [("message_id", scene.south_hello.id), ("conversation_id", scene.south_group)] {
            assert_alike(
                column,
                &scene.bob.tries(&key(column, id)).await,
                &scene.bob.tries(&key(column, missing)).await,
            );
        }
        let join = |id| {
            format!(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) VALUES ('{company}', '{id}', '{me}', now(), '{me}', now())"
            )
        };
        assert_alike(
            "participants",
            &scene.bob.tries(&join(scene.south_group)).await,
            &scene.bob.tries(&join(missing)).await,
        );
    });
}

#[test]
fn a_reference_tells_nothing_about_hidden_talk_of_the_own_company() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let (company, me) = (scene.nordwind.id, scene.eva.id);
        let zero = "decode(repeat('00', 32), 'hex')";
        let missing = fresh_id();
        for (table, statement) in [
            (
                "idempotency_keys.message_id",
                format!(
                    "INSERT INTO idempotency_keys (company_id, user_id, key, request_hash, message_id, created_at) VALUES ('{company}', '{me}', 'probe', {zero}, 'MESSAGE', now())"
                ),
            ),
            (
                "idempotency_keys.conversation_id",
                format!(
                    "INSERT INTO idempotency_keys (company_id, user_id, key, request_hash, conversation_id, created_at) VALUES ('{company}', '{me}', 'probe', {zero}, 'CONVERSATION', now())"
                ),
            ),
            (
                "read_receipts",
                format!(
                    "INSERT INTO read_receipts (company_id, conversation_id, user_id, read_seq, read_at) VALUES ('{company}', 'CONVERSATION', '{me}', 1, now())"
                ),
            ),
            (
                "participants",
                format!(
                    "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) VALUES ('{company}', 'CONVERSATION', '{me}', now(), '{me}', now())"
                ),
            ),
            (
                "notification_queue",
                format!(
                    "INSERT INTO notification_queue (company_id, id, user_id, kind, message_id, created_at) VALUES ('{company}', gen_random_uuid(), '{me}', 'mention', 'MESSAGE', now())"
                ),
            ),
            (
                "threads",
                format!(
                    "INSERT INTO threads (company_id, root_id, conversation_id, reply_count, last_reply_at, updated_at) VALUES ('{company}', 'MESSAGE', 'CONVERSATION', 1, now(), now())"
                ),
            ),
            (
                "message_versions",
                format!(
                    "INSERT INTO message_versions (company_id, message_id, version, body, text_ast, created_at, created_by) VALUES ('{company}', 'MESSAGE', 9, '', '[]', now(), '{me}')"
                ),
            ),
        ] {
            let probe = |message: uuid::Uuid, conversation: uuid::Uuid| {
                statement.replace("MESSAGE", &message.to_string()).replace("CONVERSATION", &conversation.to_string())
            };
            let hidden = scene.eva.tries(&probe(secret.id, scene.direct)).await;
            assert_alike(table, &hidden, &scene.eva.tries(&probe(missing, missing)).await);
        }
        // A hidden parent, and one in another conversation, are no parents.
        let reply = |parent| super::Forged::reply(company, scene.group, me, parent, 1).sql();
        assert_alike("parent", &scene.eva.tries(&reply(secret.id)).await, &scene.eva.tries(&reply(missing)).await);
    });
}

#[test]
fn a_unique_key_tells_nothing_about_hidden_talk() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, me) = (scene.nordwind.id, scene.eva.id);
        let direct = |one: uuid::Uuid, other: uuid::Uuid| {
            let (one, other) = (one.to_string(), other.to_string());
            let key = format!("{}:{}", one.as_str().min(&other), one.as_str().max(&other));
            format!(
                "INSERT INTO conversations (company_id, id, kind, direct_key, activity_at, created_at, created_by, updated_at) VALUES ('{company}', gen_random_uuid(), 'direct', '{key}', now(), now(), '{me}', now())"
            )
        };
        // Who talks with whom; and nobody may occupy the place of others' talk.
        let talk = scene.eva.tries(&direct(scene.anna.id, scene.ben.id)).await;
        let no_talk = scene.eva.tries(&direct(scene.anna.id, scene.mara.id)).await;
        assert_alike("direct", &talk, &no_talk);
        assert_refused("direct", &talk, NOT_ALLOWED);
        // Which records exist, and which of them are talked about.
        let record = |id: &str| {
            format!(
                "INSERT INTO linked_records (company_id, kind, id, title) VALUES ('{company}', 'transaction', '{id}', 'x')"
            )
        };
        assert_alike(
            "linked_records",
            &scene.eva.tries(&record("INV-4711")).await,
            &scene.eva.tries(&record("INV-0")).await,
        );
        let about = |id: &str| {
            format!(
                "INSERT INTO conversations (company_id, id, kind, link_kind, link_id, activity_at, created_at, created_by, updated_at) VALUES ('{company}', gen_random_uuid(), 'record', 'transaction', '{id}', now(), now(), '{me}', now())"
            )
        };
        assert_alike(
            "conversations_record",
            &scene.eva.tries(&about("INV-4711")).await,
            &scene.eva.tries(&about("INV-0")).await,
        );
    });
}

#[test]
fn a_condition_that_throws_is_not_asked_about_hidden_rows() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        // The cast's error would quote the text.
        let sql = format!("SELECT 1 FROM messages WHERE id = '{}' AND body::integer > 0", secret.id);
        assert_eq!(scene.eva.counts(&sql).await, 0);
        assert!(
            scene.ben.tries(&sql).await.unwrap_err().message.contains("Only for Ben"),
            "who may read it does get the error"
        );
        assert_eq!(scene.eva.counts("SELECT 1 FROM message_rows WHERE 1 / (length(body) - length('Only for Ben')) < 0 AND body LIKE 'Only%'").await, 0);
    });
}

#[test]
fn the_planners_statistics_hold_no_text_for_the_application() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for _ in 0..20 {
            scene.anna.writes(scene.direct, "Only for Ben").await;
        }
        // Owners may analyse what they own.
        scene.nordwind.arranges("ANALYZE messages").await;
        assert_eq!(
            scene.eva.counts("SELECT 1 FROM pg_stats WHERE tablename IN ('messages', 'users', 'linked_records')").await,
            0
        );
    });
}
