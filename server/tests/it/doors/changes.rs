//! `app.message_edit` and `app.message_delete`.

use crate::harness::{Draft, Scene, fresh_id, in_a_house, in_s, now};

#[test]
fn an_edit_adds_a_version_and_says_so() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (outcome, event) = scene.anna.edits(scene.hello.id, 1, "Hello, all", now()).await.unwrap();
        assert_eq!(outcome, "updated");
        let events = scene.nordwind.events().await;
        assert_eq!(
            (event, events.last().unwrap().as_str()),
            (Some(i64::try_from(events.len()).unwrap()), "message.updated")
        );
        let versions: Vec<String> = {
            let mut tx = scene.ben.enters().await;
            sqlx::query_scalar("SELECT body FROM message_versions WHERE message_id = $1 ORDER BY version")
                .bind(scene.hello.id)
                .fetch_all(&mut *tx)
                .await
                .unwrap()
        };
        assert_eq!(versions, ["Hello", "Hello, all"]);
        let audited: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE action = 'message.edit'").await;
        assert_eq!(audited, 1);
    });
}

#[test]
fn an_edit_of_an_older_version_is_a_conflict() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.edits(scene.hello.id, 1, "First", now()).await.unwrap();
        assert_eq!(scene.anna.edits(scene.hello.id, 1, "Second", now()).await.unwrap(), ("version".to_owned(), None));
        // Two at once: one wins.
        let (one, other) = tokio::join!(
            scene.anna.edits(scene.hello.id, 2, "Third", now()),
            scene.anna.edits(scene.hello.id, 2, "Fourth", now())
        );
        let mut outcomes = [one.unwrap().0, other.unwrap().0];
        outcomes.sort();
        assert_eq!(outcomes, ["updated", "version"]);
    });
}

#[test]
fn an_edit_after_the_window_is_refused() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        assert_eq!(scene.anna.edits(scene.hello.id, 1, "Late", in_s(901)).await.unwrap(), ("window".to_owned(), None));
        assert_eq!(scene.anna.edits(scene.hello.id, 1, "In time", in_s(890)).await.unwrap().0, "updated");
    });
}

#[test]
fn only_the_author_edits_and_the_others_learn_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let missing = scene.ben.edits(fresh_id(), 1, "x", now()).await.unwrap();
        assert_eq!(missing, ("not_found".to_owned(), None));
        for (who, message) in [
            (&scene.ben, scene.hello.id),
            (&scene.mara, scene.hello.id),
            (&scene.eva, secret.id),
            (&scene.bob, scene.south_hello.id),
            (&scene.bob_south, scene.hello.id),
        ] {
            assert_eq!(who.edits(message, 1, "x", now()).await.unwrap(), missing);
        }
        // The author, too, once the conversation is out of their sight.
        scene
            .nordwind
            .arranges(&format!("UPDATE participants SET deleted_at = now() WHERE user_id = '{}'", scene.anna.id))
            .await;
        assert_eq!(scene.anna.edits(scene.hello.id, 1, "x", now()).await.unwrap(), missing);
        assert_eq!(scene.anna.deletes(scene.hello.id).await.unwrap(), missing);
    });
}

#[test]
fn a_deletion_leaves_a_tombstone_without_text() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let reply = scene.ben.answers(&scene.hello, "Hi").await;
        let (outcome, event) = scene.anna.deletes(scene.hello.id).await.unwrap();
        assert_eq!(outcome, "deleted");
        let events = scene.nordwind.events().await;
        assert_eq!(
            (event, events.last().unwrap().as_str()),
            (Some(i64::try_from(events.len()).unwrap()), "message.deleted")
        );
        let left: String = scene
            .nordwind
            .value(&format!("SELECT body || preview || text_ast FROM messages WHERE id = '{}'", scene.hello.id))
            .await;
        assert_eq!(left, "[]");
        assert!(
            scene.ben.sees("messages").await.is_superset(&[scene.hello.id, reply.id].into()),
            "the thread keeps its place"
        );
        assert_eq!(scene.anna.deletes(scene.hello.id).await.unwrap(), ("already".to_owned(), None));
        assert_eq!(scene.anna.edits(scene.hello.id, 1, "x", now()).await.unwrap(), ("deleted".to_owned(), None));
    });
}

#[test]
fn a_moderator_deletes_what_they_see_and_nothing_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        assert_eq!(scene.mara.deletes(secret.id).await.unwrap().0, "not_found");
        assert_eq!(scene.ben.deletes(scene.hello.id).await.unwrap().0, "not_found", "Ben moderates nothing");
        assert_eq!(scene.eva.deletes(scene.hello.id).await.unwrap().0, "not_found");
        assert_eq!(scene.mara.deletes(scene.hello.id).await.unwrap().0, "deleted");
        let by: uuid::Uuid =
            scene.nordwind.value(&format!("SELECT deleted_by FROM messages WHERE id = '{}'", scene.hello.id)).await;
        assert_eq!(by, scene.mara.id);
        let audited: uuid::Uuid =
            scene.nordwind.value("SELECT actor_id FROM audit_log WHERE action = 'message.delete'").await;
        assert_eq!(audited, scene.mara.id);
    });
}

#[test]
fn a_record_that_moves_takes_its_messages_along() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let in_group = scene.anna.sends(&Draft::new(scene.group, "Paid?").about(&scene.invoice)).await.unwrap().sent();
        let in_talk = scene.anna.writes(scene.invoice_talk, "Paid?").await;
        let both = [in_group.id, in_talk.id].into();
        assert!(scene.anna.sees("messages").await.is_superset(&both));
        assert!(scene.ben.sees("messages").await.is_disjoint(&both));
        let log = scene.nordwind.events().await.len();
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE linked_records SET department_id = '{}', owner_id = NULL WHERE id = 'INV-4711'",
                scene.production
            ))
            .await;
        assert!(scene.anna.sees("messages").await.is_disjoint(&both), "at once");
        assert!(scene.ben.sees("messages").await.is_superset(&both), "and to whom it goes");
        assert_eq!(&scene.nordwind.events().await[log..], ["access.changed"], "sockets are told");
    });
}
