//! `app.conversation_create`.

use futures_util::future::join_all;

use crate::harness::{
    Record, Scene,
    attempt::{NOT_ALLOWED, assert_refused},
    in_a_house,
};

#[test]
fn two_people_have_one_conversation_whoever_begins() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        assert_eq!(
            scene.ben.opens("direct", None, &[&scene.anna], None).await,
            Some(("existing".to_owned(), scene.direct))
        );
        let found = join_all([
            scene.eva.opens("direct", None, &[&scene.mara], None),
            scene.mara.opens("direct", None, &[&scene.eva], None),
        ])
        .await;
        let ids: Vec<_> = found.into_iter().flatten().map(|(_, id)| id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
        let count: i64 = scene.nordwind.value("SELECT count(*) FROM conversations WHERE kind = 'direct'").await;
        assert_eq!(count, 2);
    });
}

#[test]
fn nobody_talks_with_a_stranger_or_with_who_left() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let log = scene.nordwind.events().await.len();
        assert_eq!(scene.anna.opens("direct", None, &[&scene.sven], None).await, None);
        assert_eq!(scene.anna.opens("group", Some("x"), &[&scene.ben, &scene.sven], None).await, None);
        assert_eq!(scene.anna.opens("group", Some("x"), &[], None).await, None);
        assert_eq!(scene.anna.opens("group", Some("x"), &[&scene.anna], None).await, None, "oneself is no company");
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.eva.id))
            .await;
        assert_eq!(scene.anna.opens("direct", None, &[&scene.eva], None).await, None);
        assert_eq!(scene.nordwind.events().await.len(), log + 1, "only the membership's change");
    });
}

#[test]
fn a_guest_draws_in_only_whom_they_met_and_the_owner_of_a_record() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for (title, people) in [(None, vec![&scene.bob]), (Some("x"), vec![&scene.ben, &scene.bob])] {
            let kind = if title.is_some() { "group" } else { "direct" };
            let refused = scene.eva.opens_keyed(None, &[0; 32], kind, title, &people, None).await;
            assert_eq!(refused.map_err(|refusal| refusal.code), Err(NOT_ALLOWED.to_owned()), "{kind}");
        }
        assert!(scene.eva.opens("direct", None, &[&scene.ben], None).await.is_some());
        // By hand into a group of their own, too.
        let group = scene.eva.gathers("Ours", &[&scene.ben]).await;
        let add = |conversation: uuid::Uuid, whom: uuid::Uuid| {
            format!(
                "INSERT INTO participants (company_id, conversation_id, user_id, created_at, created_by, updated_at) \
                 VALUES ('{}', '{conversation}', '{whom}', now(), '{}', now())",
                scene.eva.company, scene.eva.id
            )
        };
        assert_refused("a stranger", &scene.eva.tries(&add(group, scene.bob.id)).await, NOT_ALLOWED);
        assert_eq!(scene.eva.tries(&add(group, scene.mara.id)).await, Ok(1));

        scene
            .nordwind
            .arranges(&format!("UPDATE linked_records SET owner_id = '{}' WHERE id = 'PLAN-7'", scene.bob.id))
            .await;
        let talk = scene.eva.discusses(&scene.plan).await.expect("a guest of the project may begin its talk");
        let follows = format!(
            "SELECT count(*) FROM participants WHERE conversation_id = '{talk}' AND user_id = '{}'",
            scene.bob.id
        );
        assert_eq!(scene.nordwind.value::<i64>(&follows).await, 1, "who answers for it follows");
        assert_refused("another", &scene.eva.tries(&add(talk, scene.olga.id)).await, NOT_ALLOWED);
    });
}

#[test]
fn a_records_talk_begins_once_and_only_for_who_sees_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        assert_eq!(scene.bob.discusses(&scene.invoice).await, Some(scene.invoice_talk), "Bob is of finance, too");
        let missing = Record { kind: "transaction", id: "INV-0".to_owned() };
        assert_eq!(scene.ben.discusses(&scene.invoice).await, scene.ben.discusses(&missing).await);
        assert_eq!(scene.ben.discusses(&missing).await, None);
        // The other company has a record of the same kind and id: another record, another talk.
        let theirs = scene.bob_south.discusses(&scene.south_invoice).await.unwrap();
        assert_ne!(theirs, scene.invoice_talk);
        assert!(!scene.bob.sees("conversations").await.contains(&theirs));
        let found = join_all((0..4).map(|_| scene.ben.discusses(&scene.plan))).await;
        let ids: Vec<_> = found.into_iter().flatten().collect();
        assert!(!ids.is_empty() && ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    });
}

#[test]
fn a_retry_makes_no_second_group() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let open = async |key: &str, hash: [u8; 32], title: &str| {
            scene.anna.opens_keyed(Some(key), &hash, "group", Some(title), &[&scene.ben], None).await.unwrap()
        };
        let (outcome, id) = open("k1", [1; 32], "Plans").await;
        assert_eq!(outcome, "created");
        assert_eq!(open("k1", [1; 32], "Plans").await, ("replayed".to_owned(), id));
        assert_eq!(open("k1", [2; 32], "Other plans").await.0, "mismatch");
        assert_eq!(open("k2", [1; 32], "Plans").await.0, "created");
    });
}

#[test]
fn racing_twins_make_one_group() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for round in 0..10 {
            let key = format!("race-{round}");
            let outcomes = join_all((0..4).map(async |_| {
                scene.anna.opens_keyed(Some(&key), &[1; 32], "group", Some("Race"), &[&scene.ben], None).await
            }))
            .await;
            let created = outcomes
                .iter()
                .filter(|outcome| outcome.as_ref().is_ok_and(|(outcome, _)| outcome == "created"))
                .count();
            assert_eq!(created, 1, "{outcomes:?}");
        }
        let count: i64 = scene.nordwind.value("SELECT count(*) FROM conversations WHERE title = 'Race'").await;
        assert_eq!(count, 10);
        scene.nordwind.events().await;
    });
}

#[test]
fn a_key_of_a_message_is_no_key_of_a_conversation() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.sends(&crate::harness::Draft::new(scene.group, "x").keyed("shared")).await.unwrap().sent();
        let (outcome, id) =
            scene.anna.opens_keyed(Some("shared"), &[7; 32], "group", Some("x"), &[&scene.ben], None).await.unwrap();
        assert_eq!((outcome.as_str(), id), ("mismatch", None));
        scene.anna.opens_keyed(Some("other"), &[7; 32], "group", Some("x"), &[&scene.ben], None).await.unwrap();
        assert_eq!(
            scene.anna.sends(&crate::harness::Draft::new(scene.group, "x").keyed("other")).await.unwrap().outcome,
            "mismatch"
        );
    });
}
