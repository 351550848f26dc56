//! The shape of threads, and the record that governs them.

use super::Forged;
use crate::harness::{
    Draft, Scene,
    attempt::{Attempt, CHECK, NOT_ALLOWED, assert_refused},
    in_a_house,
};

#[track_caller]
fn assert_checked(what: &str, attempt: &Attempt, constraint: &str) {
    assert_refused(what, attempt, CHECK);
    assert_eq!(attempt.as_ref().unwrap_err().constraint, constraint, "{what}: {attempt:?}");
}

#[test]
fn no_reply_is_deeper_than_the_company_allows_however_it_is_written() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        scene.nordwind.arranges(&format!("UPDATE companies SET reply_depth_max = 2 WHERE id = '{company}'")).await;
        let one = scene.ben.answers(&scene.hello, "1").await;
        let two = scene.anna.answers(&one, "2").await;
        let honest = Forged {
            root: scene.hello.id,
            depth: 3,
            path: vec![1, 2, 3, 1_000],
            ..Forged::reply(company, scene.group, scene.ben.id, two.id, 1)
        };
        assert_checked("one too deep", &scene.ben.tries(&honest.sql()).await, "messages_depth_max");
        // Lies about the depth, the path, the root, the place.
        for (lie, forged, constraint) in [
            ("depth 2", Forged { depth: 2, path: vec![1, 2, 1_000], ..honest.clone() }, "messages_tree"),
            ("depth 1", Forged { depth: 1, path: vec![1, 1_000], ..honest.clone() }, "messages_tree"),
            (
                "its own root",
                Forged { depth: 2, path: vec![1, 2, 1_000], root: two.id, ..honest.clone() },
                "messages_tree",
            ),
            (
                "a path of others",
                Forged { parent: Some(one.id), depth: 2, path: vec![1, 7, 1_000], ..honest.clone() },
                "messages_tree",
            ),
            (
                "a path that ends elsewhere",
                Forged { parent: Some(one.id), depth: 2, path: vec![1, 2, 999], ..honest.clone() },
                "messages_tree",
            ),
            ("depth 0 with a parent", Forged { depth: 0, path: vec![1_000], ..honest.clone() }, "messages_tree"),
        ] {
            assert_checked(lie, &scene.ben.tries(&forged.sql()).await, constraint);
        }
        let legal = Forged { parent: Some(one.id), depth: 2, path: vec![1, 2, 1_000], ..honest };
        assert_eq!(scene.ben.tries(&legal.sql()).await, Ok(1), "the same, told truly");
    });
}

#[test]
fn a_reply_stays_in_its_parents_conversation() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // Ben is in both conversations: he sees the parent, but it is not here.
        let forged = Forged::reply(scene.nordwind.id, scene.direct, scene.ben.id, scene.hello.id, 1);
        assert!(scene.ben.tries(&forged.sql()).await.is_err());
        let outcome = scene.ben.sends(&Draft::new(scene.direct, "x").under(scene.hello.id)).await.unwrap();
        assert_eq!(outcome.outcome, "not_found");
    });
}

#[test]
fn a_reply_cannot_leave_the_record_of_what_it_answers() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let about =
            scene.anna.sends(&Draft::new(scene.group, "Is it paid?").about(&scene.invoice)).await.unwrap().sent();
        // Ben, of production, does not see the message about finance's invoice, though he is in the conversation.
        assert!(!scene.ben.sees("messages").await.contains(&about.id));
        let honest = Forged::reply(scene.nordwind.id, scene.group, scene.anna.id, about.id, about.seq);
        let link = |kind: &str, id: &str, source| Some((kind.to_owned(), id.to_owned(), source));
        // Each of these would show Ben the answer to a question that is kept from him.
        for (lie, forged) in [
            ("no record", honest.clone()),
            ("another record", Forged { link: link("topic", "TRAVEL", "own"), ..honest.clone() }),
            ("another record, inherited", Forged { link: link("topic", "TRAVEL", "parent"), ..honest.clone() }),
        ] {
            assert_checked(lie, &scene.anna.tries(&forged.sql()).await, "messages_reply_link");
        }
        let reply = Forged { link: link("transaction", "INV-4711", "parent"), ..honest };
        assert_eq!(scene.anna.tries(&reply.sql()).await, Ok(1));
        assert!(!scene.ben.sees("messages").await.contains(&reply.id));
    });
}

#[test]
fn talk_about_a_record_names_its_record() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        let root = scene.anna.writes(scene.invoice_talk, "Paid?").await;
        let link = |kind: &str, id: &str, source| Some((kind.to_owned(), id.to_owned(), source));
        // Without a record, only the conversation's wall would be left: message:read on the invoice would count for nothing.
        for (lie, forged) in [
            ("a root without its record", Forged::root(company, scene.invoice_talk, scene.anna.id)),
            (
                "a reply without its record",
                Forged::reply(company, scene.invoice_talk, scene.anna.id, root.id, root.seq),
            ),
            (
                "a root with another's record",
                Forged {
                    link: link("topic", "TRAVEL", "conversation"),
                    ..Forged::root(company, scene.invoice_talk, scene.anna.id)
                },
            ),
            (
                "a root elsewhere with a record of no conversation",
                Forged {
                    link: link("topic", "TRAVEL", "conversation"),
                    ..Forged::root(company, scene.group, scene.anna.id)
                },
            ),
        ] {
            let attempt = scene.anna.tries(&forged.sql()).await;
            assert!(
                attempt.as_ref().is_err_and(|refusal| [NOT_ALLOWED, CHECK].contains(&refusal.code.as_str())),
                "{lie}: {attempt:?}"
            );
        }
    });
}

#[test]
fn a_message_has_one_record_and_the_link_row_agrees_with_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, anna) = (scene.nordwind.id, scene.anna.id);
        let about =
            scene.anna.sends(&Draft::new(scene.group, "Is it paid?").about(&scene.invoice)).await.unwrap().sent();
        let link = |message: uuid::Uuid, kind: &str, id: &str| {
            format!(
                "INSERT INTO message_links (company_id, message_id, kind, record_id, title, created_at, created_by) VALUES ('{company}', '{message}', '{kind}', '{id}', 'x', now(), '{anna}')"
            )
        };
        assert_refused("a second", &scene.anna.tries(&link(about.id, "topic", "TRAVEL")).await, "23505");
        assert_refused(
            "on a message without",
            &scene.anna.tries(&link(scene.hello.id, "topic", "TRAVEL")).await,
            crate::harness::attempt::NO_TARGET,
        );
        let half = Forged::root(company, scene.group, anna)
            .sql()
            .replace("NULL, NULL, NULL, 1, now()", "'topic', NULL, NULL, 1, now()");
        assert!(scene.anna.tries(&half).await.is_err(), "half a link");
        assert_refused("of another kind", &scene.anna.tries(&link(scene.hello.id, "invoice", "X")).await, CHECK);
    });
}
