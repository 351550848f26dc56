//! Writing what is not one's own: other people's names, messages, pointers, conversations.

use uuid::Uuid;

use super::Forged;
use crate::harness::{
    Scene,
    attempt::{CHECK, NOT_ALLOWED, assert_refused, assert_untouched},
    in_a_house,
};

async fn body_of(scene: &Scene, message: Uuid) -> String {
    scene.nordwind.value(&format!("SELECT body || '|' || preview || '|' || version || '|' || (edited_at IS NULL) || '|' || (deleted_at IS NULL) FROM messages WHERE id = '{message}'")).await
}

#[test]
fn an_honest_row_would_go_through() {
    in_a_house(async |house| {
        // Without this, a typo in the forged statement would make every attack below fail for the wrong reason.
        let scene = Scene::set(house).await;
        assert_eq!(scene.anna.tries(&Forged::root(scene.nordwind.id, scene.group, scene.anna.id).sql()).await, Ok(1));
        assert_eq!(
            scene
                .ben
                .tries(
                    &Forged {
                        seq: 1_001,
                        path: vec![1, 1_001],
                        ..Forged::reply(scene.nordwind.id, scene.group, scene.ben.id, scene.hello.id, 1)
                    }
                    .sql()
                )
                .await,
            Ok(1)
        );
    });
}

#[test]
fn nobody_writes_in_anothers_name() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let honest = Forged::root(scene.nordwind.id, scene.group, scene.anna.id);
        for forged in [
            Forged { author: scene.ben.id, ..honest.clone() },
            Forged { created_by: scene.ben.id, ..honest.clone() },
            Forged { author: scene.ben.id, created_by: scene.ben.id, ..honest },
        ] {
            assert_refused("author", &scene.anna.tries(&forged.sql()).await, NOT_ALLOWED);
        }
        let (company, anna, group) = (scene.nordwind.id, scene.anna.id, scene.group);
        let hello = scene.hello.id;
        for sql in [
            format!("UPDATE messages SET author_id = '{}'", scene.ben.id),
            format!(
                "INSERT INTO message_versions (company_id, message_id, version, body, text_ast, created_at, created_by) VALUES ('{company}', '{hello}', 2, 'Anna said this', '[]', now(), '{anna}')"
            ),
            format!(
                "INSERT INTO message_versions (company_id, message_id, version, body, text_ast, created_at, created_by) VALUES ('{company}', '{hello}', 2, 'Ben said this', '[]', now(), '{}')",
                scene.ben.id
            ),
            format!(
                "INSERT INTO conversations (company_id, id, kind, title, activity_at, created_at, created_by, updated_at) VALUES ('{company}', gen_random_uuid(), 'group', 'x', now(), now(), '{anna}', now())"
            ),
            format!(
                "INSERT INTO read_receipts (company_id, conversation_id, user_id, read_seq, read_at) VALUES ('{company}', '{group}', '{}', 1, now())",
                scene.mara.id
            ),
            format!(
                "INSERT INTO user_presence (company_id, user_id, status, last_seen_at) VALUES ('{company}', '{anna}', 'online', now())"
            ),
            format!(
                "INSERT INTO event_log (company_id, seq, kind, user_id, at) VALUES ('{company}', 99, 'message.created', '{anna}', now())"
            ),
            format!(
                "INSERT INTO audit_log (company_id, seq, action, actor_id, target, at) VALUES ('{company}', 99, 'x', '{anna}', '', now())"
            ),
            format!(
                "INSERT INTO idempotency_keys (company_id, user_id, key, request_hash, message_id, created_at) VALUES ('{company}', '{anna}', 'k', decode(repeat('00', 32), 'hex'), '{hello}', now())"
            ),
        ] {
            assert_refused(&sql, &scene.ben.tries(&sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn nobody_writes_where_they_cannot_read() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        let about_the_invoice = Some(("transaction".to_owned(), "INV-4711".to_owned(), "own"));
        // Not in it; not one's record; a record that one may not see, in a conversation that one may.
        for (who, forged) in [
            (&scene.eva, Forged::root(company, scene.direct, scene.eva.id)),
            (&scene.olga, Forged::root(company, scene.direct, scene.olga.id)),
            (
                &scene.ben,
                Forged {
                    link: Some(("transaction".to_owned(), "INV-4711".to_owned(), "conversation")),
                    ..Forged::root(company, scene.invoice_talk, scene.ben.id)
                },
            ),
            (&scene.ben, Forged { link: about_the_invoice, ..Forged::root(company, scene.group, scene.ben.id) }),
            (
                &scene.ben,
                Forged {
                    link: Some(("transaction".to_owned(), "INV-0".to_owned(), "own")),
                    ..Forged::root(company, scene.group, scene.ben.id)
                },
            ),
        ] {
            assert_refused("insert", &who.tries(&forged.sql()).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn others_messages_stay_as_they_are() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hello = scene.hello.id;
        let before = body_of(&scene, hello).await;
        let edit = format!(
            "UPDATE messages SET body = 'x', text_ast = '[]', preview = 'x', version = 2, edited_at = now() WHERE id = '{hello}'"
        );
        for actor in [&scene.ben, &scene.eva, &scene.bob, &scene.olga, &scene.bob_south] {
            assert_untouched("edit", &actor.tries(&edit).await);
            assert_untouched("delete", &actor.tries(&format!("UPDATE messages SET deleted_at = now(), deleted_by = '{}', body = '', preview = '' WHERE id = '{hello}'", actor.id)).await);
        }
        // A moderator deletes; putting words into Anna's mouth is another thing. The preview and the mark "edited" are words, too.
        for sql in [
            edit,
            format!("UPDATE messages SET preview = 'x' WHERE id = '{hello}'"),
            format!("UPDATE messages SET edited_at = now() WHERE id = '{hello}'"),
            format!("UPDATE messages SET text_ast = '[1]' WHERE id = '{hello}'"),
        ] {
            assert_refused(&sql, &scene.mara.tries(&sql).await, NOT_ALLOWED);
        }
        assert_eq!(body_of(&scene, hello).await, before);
        assert_eq!(scene.mara.tries(&format!("UPDATE messages SET deleted_at = now(), deleted_by = '{}', body = '', text_ast = '[]', preview = '' WHERE id = '{hello}'", scene.mara.id)).await, Ok(1));
    });
}

#[test]
fn an_update_without_a_condition_does_not_reach_what_is_hidden() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // Such a statement reads nothing, so PostgreSQL asks the policy for UPDATE alone, not the one for SELECT.
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let before = body_of(&scene, secret.id).await;
        let sql = format!(
            "UPDATE messages SET deleted_at = now(), deleted_by = '{}', body = '', text_ast = '[]', preview = ''",
            scene.mara.id
        );
        assert_eq!(scene.mara.tries(&sql).await, Ok(1), "Mara moderates what she sees: Anna's hello");
        assert_eq!(body_of(&scene, secret.id).await, before, "and not what she does not see");

        let activity = |id: Uuid| format!("SELECT activity_at::text || last_seq FROM conversations WHERE id = '{id}'");
        let before: String = scene.nordwind.value(&activity(scene.direct)).await;
        for sql in ["UPDATE conversations SET activity_at = 'infinity'", "UPDATE conversations SET last_seq = 2"] {
            // Whatever it does to her own group, the direct conversation of others stays.
            let _ = scene.eva.tries(sql).await;
            assert_eq!(scene.nordwind.value::<String>(&activity(scene.direct)).await, before, "{sql}");
        }
        let _ = scene.eva.tries("UPDATE threads SET reply_count = 0").await;
        assert_eq!(
            scene.eva.tries("UPDATE read_receipts SET read_seq = 0").await,
            Ok(0),
            "Eva has no pointer yet, others have"
        );
    });
}

#[test]
fn a_deletion_names_who_deleted() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hello = scene.hello.id;
        for by in [format!("'{}'", scene.ben.id), "NULL".to_owned()] {
            let sql = format!(
                "UPDATE messages SET deleted_at = now(), deleted_by = {by}, body = '', text_ast = '[]', preview = '' WHERE id = '{hello}'"
            );
            let attempt = scene.mara.tries(&sql).await;
            assert!(
                attempt.as_ref().is_err_and(|refusal| [NOT_ALLOWED, CHECK].contains(&refusal.code.as_str())),
                "{by}: {attempt:?}"
            );
        }
    });
}

#[test]
fn who_may_only_delete_may_not_edit_and_the_other_way_round() {
    in_a_house(async |house| {
        use postil::access::{Action, RoleKey, preset};
        let scene = Scene::set(house).await;
        for (version, missing) in [(2, Action::MessageEdit), (3, Action::MessageDelete)] {
            let mut policy = preset::policy();
            for rule in policy.rules.iter_mut().filter(|rule| rule.roles.contains(&RoleKey::STAFF)) {
                rule.actions.remove(&missing);
            }
            scene.nordwind.has_policy(version, &policy).await;
            let hello = scene.hello.id;
            let sql = if missing == Action::MessageEdit {
                format!(
                    "UPDATE messages SET body = 'x', text_ast = '[]', preview = 'x', version = 2, edited_at = now() WHERE id = '{hello}'"
                )
            } else {
                format!(
                    "UPDATE messages SET deleted_at = now(), deleted_by = '{}', body = '', text_ast = '[]', preview = '' WHERE id = '{hello}'",
                    scene.anna.id
                )
            };
            assert_refused(&sql, &scene.anna.tries(&sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn an_edit_ends_with_the_window() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hello = scene.hello.id;
        let edit = |edited_at: &str, version: i32| {
            format!(
                "UPDATE messages SET body = 'late', text_ast = '[]', preview = 'late', version = {version}, edited_at = {edited_at} WHERE id = '{hello}'"
            )
        };
        // The window and a second after it was sent.
        scene
            .nordwind
            .arranges(&format!("UPDATE companies SET edit_window_s = 0 WHERE id = '{}'", scene.nordwind.id))
            .await;
        let late = scene.anna.tries(&edit("now()", 2)).await;
        assert_refused("late", &late, CHECK);
        assert_eq!(late.unwrap_err().constraint, "messages_edit_window");
        assert_refused("without a mark", &scene.anna.tries(&edit("NULL", 2)).await, CHECK);
        scene
            .nordwind
            .arranges(&format!("UPDATE companies SET edit_window_s = 900 WHERE id = '{}'", scene.nordwind.id))
            .await;
        assert_refused("over a version", &scene.anna.tries(&edit("now()", 3)).await, CHECK);
        assert_refused("without a version", &scene.anna.tries(&edit("now()", 1)).await, CHECK);
        assert_eq!(scene.anna.tries(&edit("now()", 2)).await, Ok(1), "in time");
    });
}

#[test]
fn a_tombstone_stays_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let hello = scene.hello.id;
        assert_eq!(scene.mara.deletes(hello).await.unwrap().0, "deleted");
        for actor in [&scene.anna, &scene.mara] {
            for sql in [
                format!("UPDATE messages SET deleted_at = NULL, deleted_by = NULL WHERE id = '{hello}'"),
                format!(
                    "UPDATE messages SET deleted_at = NULL, deleted_by = NULL, body = 'back', text_ast = '[]', preview = 'back', version = 2, edited_at = now() WHERE id = '{hello}'"
                ),
                format!("UPDATE messages SET body = 'back' WHERE id = '{hello}'"),
                format!("UPDATE messages SET deleted_at = now() WHERE id = '{hello}'"),
            ] {
                assert_refused(&sql, &actor.tries(&sql).await, CHECK);
            }
        }
        // Its former text is withheld from all but the moderators.
        let versions = format!("SELECT body FROM message_versions WHERE message_id = '{hello}'");
        assert_eq!(
            (scene.anna.counts(&versions).await, scene.ben.counts(&versions).await, scene.mara.counts(&versions).await),
            (0, 0, 1)
        );
    });
}

#[test]
fn history_is_not_rewritten() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            "UPDATE message_versions SET body = ''",
            "DELETE FROM message_versions",
            "UPDATE event_log SET kind = 'message.deleted'",
            "UPDATE audit_log SET actor_id = NULL",
            "UPDATE messages SET created_at = now()",
            "UPDATE messages SET seq = 2",
            "UPDATE messages SET parent_id = NULL",
            "UPDATE messages SET link_kind = NULL, link_id = NULL, link_source = NULL",
        ] {
            assert_refused(sql, &scene.anna.tries(sql).await, NOT_ALLOWED);
        }
        // Not even by the house.
        let mut tx = scene.nordwind.house().await;
        let attempt = crate::harness::attempt::attempt(&mut tx, "UPDATE message_versions SET body = ''").await;
        assert_refused("the house", &attempt, NOT_ALLOWED);
    });
}

#[test]
fn positions_only_move_forward_by_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for sql in [
            format!("UPDATE conversations SET last_seq = last_seq + 2 WHERE id = '{}'", scene.group),
            format!("UPDATE conversations SET last_seq = last_seq - 1 WHERE id = '{}'", scene.group),
            format!("UPDATE conversations SET last_seq = 0 WHERE id = '{}'", scene.group),
            "UPDATE company_stream SET last_seq = last_seq - 1".to_owned(),
            "UPDATE company_stream SET last_seq = 0".to_owned(),
            "UPDATE company_stream SET last_seq = last_seq + 100000".to_owned(),
            "UPDATE company_stream SET audit_seq = audit_seq - 1".to_owned(),
        ] {
            assert_refused(&sql, &scene.anna.tries(&sql).await, CHECK);
        }
    });
}

#[test]
fn nobody_lets_themselves_in() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        let join = |conversation: Uuid, user: Uuid, by: Uuid| {
            format!(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) VALUES ('{company}', '{conversation}', '{user}', now(), '{by}', now())"
            )
        };
        // Into others' talk; by another's hand; into a record's talk that one can't see.
        for (who, sql) in [
            (&scene.eva, join(scene.direct, scene.eva.id, scene.eva.id)),
            (&scene.eva, join(scene.direct, scene.eva.id, scene.anna.id)),
            (&scene.olga, join(scene.group, scene.olga.id, scene.olga.id)),
            (&scene.ben, join(scene.invoice_talk, scene.ben.id, scene.ben.id)),
            // Two people are two people.
            (&scene.anna, join(scene.direct, scene.mara.id, scene.anna.id)),
        ] {
            assert_refused(&sql, &who.tries(&sql).await, NOT_ALLOWED);
        }
        // Who was shown out stays out.
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}' AND user_id = '{}'",
                scene.group, scene.ben.id
            ))
            .await;
        assert_untouched(
            "sees",
            &scene
                .ben
                .tries(&format!("UPDATE conversations SET updated_at = now() WHERE id = '{}'", scene.group))
                .await,
        );
        assert_refused("back", &scene.ben.tries("UPDATE participants SET deleted_at = NULL").await, NOT_ALLOWED);
        assert!(scene.ben.tries(&join(scene.group, scene.ben.id, scene.ben.id)).await.is_err());
        assert!(!scene.ben.sees("messages").await.contains(&scene.hello.id));
        // Not even who made the conversation, when all have left it.
        scene
            .nordwind
            .arranges(&format!("UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}'", scene.group))
            .await;
        assert!(scene.anna.tries(&join(scene.group, scene.anna.id, scene.anna.id)).await.is_err());
        assert!(!scene.anna.sees("messages").await.contains(&scene.hello.id));
    });
}

#[test]
fn a_read_pointer_is_its_owners() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        assert_untouched(
            "Anna's",
            &scene
                .ben
                .tries(&format!("UPDATE read_receipts SET read_seq = 0 WHERE user_id = '{}'", scene.anna.id))
                .await,
        );
        let theirs = format!(
            "INSERT INTO read_receipts (company_id, conversation_id, user_id, read_seq, read_at) VALUES ('{}', '{}', '{}', 1, now())",
            scene.nordwind.id, scene.direct, scene.eva.id
        );
        assert_refused("of hidden talk", &scene.eva.tries(&theirs).await, NOT_ALLOWED);
    });
}

#[test]
fn only_the_erp_writes_records() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for actor in [&scene.olga, &scene.mara, &scene.anna, &scene.eva] {
            assert_untouched("update", &actor.tries("UPDATE linked_records SET title = 'x'").await);
            assert_refused(
                "insert",
                &actor
                    .tries(&format!(
                        "INSERT INTO linked_records (company_id, kind, id, title) VALUES ('{}', 'topic', 'X', 'x')",
                        scene.nordwind.id
                    ))
                    .await,
                NOT_ALLOWED,
            );
        }
        assert_eq!(scene.erp.tries("UPDATE linked_records SET title = 'x' WHERE id = 'PLAN-7'").await, Ok(1));
        // And the ERP reads no message.
        assert!(scene.erp.sees("messages").await.is_empty());
    });
}
