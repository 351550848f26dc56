//! `app.message_send`: one commit a send, whatever races with it.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use http::Method;
use postil::{
    access::{Action, Conditions, Effect, Rule, Scope, preset},
    ids::UserId,
    wire::Code,
};
use serde_json::json;

use crate::harness::{
    Ask, Draft, Scene, Server,
    attempt::NOT_ALLOWED,
    fresh_id, in_a_house,
    server::{conversation_id, message_id},
};

#[test]
fn a_send_leaves_one_message_one_version_one_key_and_one_event() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let before = scene.nordwind.events().await;
        let sent = scene.ben.writes(scene.group, "Good morning").await;
        assert_eq!((sent.seq, sent.depth), (2, 0));
        let events = scene.nordwind.events().await;
        assert_eq!(&events[before.len()..], ["message.created"]);
        for (table, column) in [
            ("messages", "id"),
            ("message_versions", "message_id"),
            ("idempotency_keys", "message_id"),
            ("event_log", "message_id"),
        ] {
            let count: i64 =
                scene.nordwind.value(&format!("SELECT count(*) FROM {table} WHERE {column} = '{}'", sent.id)).await;
            assert_eq!(count, 1, "{table}");
        }
        let reply = scene.eva.answers(&sent, "Morning").await;
        assert_eq!((reply.seq, reply.depth), (3, 1));
        assert_eq!(scene.nordwind.events().await.last().unwrap(), "thread.reply.created");
        let count: i32 =
            scene.nordwind.value(&format!("SELECT reply_count FROM threads WHERE root_id = '{}'", sent.id)).await;
        assert_eq!(count, 1);
    });
}

#[test]
fn a_retry_gets_the_same_answer_and_leaves_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let draft = Draft::new(scene.group, "Once");
        let first = scene.anna.sends(&draft).await.unwrap();
        let log = scene.nordwind.events().await;
        for _ in 0..3 {
            let again = scene.anna.sends(&draft.again()).await.unwrap();
            assert_eq!(
                (again.outcome.as_str(), again.id, again.seq, again.event_seq),
                ("replayed", first.id, first.seq, None)
            );
        }
        // Another body under the same key is another request.
        let mut other = Draft::new(scene.group, "Twice").keyed(&draft.key);
        other.hash = [8; 32];
        let mismatch = scene.anna.sends(&other).await.unwrap();
        assert_eq!((mismatch.outcome.as_str(), mismatch.id), ("mismatch", None));
        // Another person's key of the same text is theirs.
        assert_eq!(
            scene.ben.sends(&Draft::new(scene.group, "Mine").keyed(&draft.key)).await.unwrap().outcome,
            "created"
        );
        assert_eq!(scene.nordwind.events().await.len(), log.len() + 1);
    });
}

#[test]
fn a_retry_does_not_bring_back_what_the_sender_may_no_longer_see() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let draft = Draft::new(scene.invoice_talk, "Once");
        scene.anna.sends(&draft).await.unwrap().sent();
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE linked_records SET department_id = '{}', owner_id = NULL WHERE id = 'INV-4711'",
                scene.production
            ))
            .await;
        let again = scene.anna.sends(&draft.again()).await.unwrap();
        assert_eq!((again.outcome.as_str(), again.id, again.body), ("not_found", None, None));
    });
}

#[test]
fn racing_twins_make_one_message() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for round in 0..10 {
            let draft = Draft::new(scene.group, "Race").keyed(&format!("race-{round}"));
            let outcomes = join_all((0..6).map(|_| {
                let (anna, draft) = (&scene.anna, draft.again());
                async move { anna.sends(&draft).await }
            }))
            .await;
            let created = outcomes
                .iter()
                .filter(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.outcome == "created"))
                .count();
            assert_eq!(created, 1, "{outcomes:?}");
            for outcome in &outcomes {
                match outcome {
                    Ok(outcome) => assert!(["created", "replayed"].contains(&outcome.outcome.as_str()), "{outcome:?}"),
                    // Told to ask again, and nothing else.
                    Err(refusal) => assert_eq!(refusal.code, "PT409", "{refusal:?}"),
                }
            }
            // Who asks again is answered.
            assert_eq!(scene.anna.sends(&draft.again()).await.unwrap().outcome, "replayed");
        }
        let count: i64 = scene.nordwind.value("SELECT count(*) FROM messages WHERE body = 'Race'").await;
        assert_eq!(count, 10);
        scene.nordwind.events().await;
    });
}

#[test]
fn twins_in_two_conversations_make_one_message() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for round in 0..10 {
            let key = format!("race-{round}");
            // No common row lock stands between them: the key itself has to.
            let drafts = [scene.group, scene.direct].map(|conversation| Draft::new(conversation, "Race").keyed(&key));
            let (one, other) = tokio::join!(scene.anna.sends(&drafts[0]), scene.anna.sends(&drafts[1]));
            let created = [&one, &other]
                .iter()
                .filter(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.outcome == "created"))
                .count();
            assert_eq!(created, 1, "{one:?} {other:?}");
        }
        scene.nordwind.events().await;
    });
}

#[test]
fn a_reply_that_would_be_too_deep_names_whom_one_can_answer() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let company = scene.nordwind.id;
        let depth = async |max: i32| {
            let sql = format!("UPDATE companies SET reply_depth_max = {max} WHERE id = '{company}'");
            scene.nordwind.arranges(&sql).await
        };
        depth(3).await;
        let one = scene.ben.answers(&scene.hello, "1").await;
        let two = scene.anna.answers(&one, "2").await;
        let three = scene.ben.answers(&two, "3").await;
        let log = scene.nordwind.events().await.len();
        // A child of `two` still fits; a child of `three` does not.
        let refused = scene.anna.sends(&Draft::new(scene.group, "4").under(three.id)).await.unwrap();
        assert_eq!((refused.outcome.as_str(), refused.legal_parent_id), ("too_deep", Some(two.id)));
        assert!(scene.anna.sends(&Draft::new(scene.group, "3b").under(two.id)).await.unwrap().outcome == "created");
        // A tombstone takes no answer: the one above it is offered.
        assert_eq!(scene.anna.deletes(two.id).await.unwrap().0, "deleted");
        let refused = scene.anna.sends(&Draft::new(scene.group, "4").under(three.id)).await.unwrap();
        assert_eq!((refused.outcome.as_str(), refused.legal_parent_id), ("too_deep", Some(one.id)));
        let log = log + 1;
        // The company grows stricter: what stands stays, what comes obeys.
        depth(1).await;
        let refused = scene.anna.sends(&Draft::new(scene.group, "4").under(three.id)).await.unwrap();
        assert_eq!((refused.outcome.as_str(), refused.legal_parent_id), ("too_deep", Some(scene.hello.id)));
        depth(0).await;
        let refused = scene.anna.sends(&Draft::new(scene.group, "1b").under(scene.hello.id)).await.unwrap();
        assert_eq!((refused.outcome.as_str(), refused.legal_parent_id), ("too_deep", None));
        assert_eq!(scene.nordwind.events().await.len(), log + 1, "refusals leave no event");
        let last: i64 =
            scene.nordwind.value(&format!("SELECT last_seq FROM conversations WHERE id = '{}'", scene.group)).await;
        assert_eq!(last, 5, "refusals take no position");
    });
}

#[test]
fn nobody_answers_a_tombstone() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        scene.anna.deletes(scene.hello.id).await.unwrap();
        let refused = scene.ben.sends(&Draft::new(scene.group, "But why?").under(scene.hello.id)).await.unwrap();
        assert_eq!((refused.outcome.as_str(), refused.id), ("parent_deleted", None));
    });
}

#[test]
fn a_reply_inherits_the_record_and_takes_no_other() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let about = scene.anna.sends(&Draft::new(scene.group, "Paid?").about(&scene.invoice)).await.unwrap();
        assert_eq!((about.link_id.as_deref(), about.link_source.as_deref()), (Some("INV-4711"), Some("own")));
        let about = about.sent();
        let reply = scene.mara.sends(&Draft::new(scene.group, "Yes").under(about.id)).await.unwrap();
        assert_eq!((reply.link_id.as_deref(), reply.link_source.as_deref()), (Some("INV-4711"), Some("parent")));
        let reply = reply.sent();
        let deeper =
            scene.anna.sends(&Draft::new(scene.group, "Thanks").under(reply.id).about(&scene.invoice)).await.unwrap();
        assert_eq!((deeper.outcome.as_str(), deeper.link_source.as_deref()), ("created", Some("parent")));
        let refused =
            scene.mara.sends(&Draft::new(scene.group, "And this?").under(about.id).about(&scene.topic)).await.unwrap();
        assert_eq!((refused.outcome.as_str(), refused.id), ("link_conflict", None));
        // In a record's talk, every message has its record without being told.
        let talk = scene.anna.sends(&Draft::new(scene.invoice_talk, "Here")).await.unwrap();
        assert_eq!((talk.link_id.as_deref(), talk.link_source.as_deref()), (Some("INV-4711"), Some("conversation")));
        let title: String = scene
            .nordwind
            .value(&format!("SELECT title FROM message_links WHERE message_id = '{}'", talk.id.unwrap()))
            .await;
        assert_eq!(title, "transaction INV-4711", "as it was when the message was written");
    });
}

#[test]
fn what_is_hidden_or_foreign_answers_like_what_does_not_exist() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let about = scene.anna.sends(&Draft::new(scene.group, "Paid?").about(&scene.invoice)).await.unwrap().sent();
        let missing = scene.eva.sends(&Draft::new(fresh_id(), "x")).await.unwrap();
        assert_eq!(missing.outcome, "not_found");
        for (who, draft) in [
            (&scene.eva, Draft::new(scene.direct, "x")),
            (&scene.eva, Draft::new(scene.south_group, "x")),
            (&scene.eva, Draft::new(scene.invoice_talk, "x")),
            (&scene.eva, Draft::new(scene.group, "x").under(secret.id)),
            (&scene.eva, Draft::new(scene.group, "x").under(fresh_id())),
            (&scene.eva, Draft::new(scene.group, "x").under(scene.south_hello.id)),
            // In the same conversation, but about a record that is not his.
            (&scene.ben, Draft::new(scene.group, "x").under(about.id)),
            (&scene.bob, Draft::new(scene.south_group, "x")),
        ] {
            assert_eq!(who.sends(&draft).await.unwrap(), missing);
        }
        assert_eq!(
            scene.anna.claims(scene.south.id).sends(&Draft::new(scene.south_group, "x")).await.unwrap(),
            missing
        );
        // A record that may not be seen can't be named: refused by the wall, since wall 1 asks before.
        let refusal = scene.ben.sends(&Draft::new(scene.group, "x").about(&scene.invoice)).await.unwrap_err();
        assert_eq!(refusal.code, NOT_ALLOWED);
    });
}

#[test]
fn positions_are_dense_under_eight_who_write_at_once() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let writers = [&scene.anna, &scene.ben, &scene.mara, &scene.eva];
        let other_group = scene.anna.gathers("Other", &[&scene.ben, &scene.mara, &scene.eva]).await;
        let log = scene.nordwind.events().await.len();
        let sent: Vec<Vec<_>> = join_all((0..8).map(|n| {
            let (writer, group) = (writers[n % 4], if n < 4 { scene.group } else { other_group });
            async move {
                let mut sent = Vec::new();
                for m in 0..25 {
                    // Two senders a conversation for each writer, replies among them.
                    let draft = Draft::new(group, &format!("{n}-{m}"));
                    let outcome = writer.sends(&draft).await.unwrap();
                    sent.push((group, outcome.seq.unwrap(), outcome.event_seq.unwrap()));
                }
                sent
            }
        }))
        .await;
        let sent = sent.concat();
        for (group, first) in [(scene.group, 2), (other_group, 1)] {
            let positions: BTreeSet<i64> =
                sent.iter().filter(|(of, ..)| *of == group).map(|(_, seq, _)| *seq).collect();
            assert_eq!(positions, (first..first + 100).collect());
        }
        let events: BTreeSet<i64> = sent.iter().map(|(.., event)| *event).collect();
        let first = i64::try_from(log).unwrap() + 1;
        assert_eq!(events, (first..first + 200).collect(), "dense for the whole company");
        scene.nordwind.events().await;
        // In each conversation the log has the order of positions: whoever follows the log sees no message before an older one.
        let disorder: i64 = scene.nordwind.value(
            "SELECT count(*) FROM (SELECT m.seq < max(m.seq) OVER (PARTITION BY m.conversation_id ORDER BY e.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS late
             FROM event_log e JOIN messages m ON m.company_id = e.company_id AND m.id = e.message_id WHERE e.kind = 'message.created') AS x WHERE late",
        ).await;
        assert_eq!(disorder, 0);
    });
}

#[test]
fn a_reader_of_the_log_never_sees_a_later_event_before_an_earlier_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let writers = [&scene.anna, &scene.ben, &scene.mara, &scene.eva];
        let done = std::sync::atomic::AtomicBool::new(false);
        let writing = async {
            join_all(writers.map(|writer| {
                let conversations = [scene.group, scene.direct];
                async move {
                    for n in 0..40 {
                        let there = if n % 3 == 0 && (writer.id == scene.anna.id || writer.id == scene.ben.id) {
                            conversations[1]
                        } else {
                            conversations[0]
                        };
                        writer.writes(there, "x").await;
                    }
                }
            }))
            .await;
            done.store(true, std::sync::atomic::Ordering::Release);
        };
        let reading = async {
            let mut worker = house.worker.acquire().await.unwrap();
            let mut looks = 0;
            loop {
                let last_look = done.load(std::sync::atomic::Ordering::Acquire);
                let mut tx = sqlx::Connection::begin(&mut *worker).await.unwrap();
                sqlx::query("SELECT app.enter(NULL, $1)").bind(scene.nordwind.id).execute(&mut *tx).await.unwrap();
                // If there is a gap at any moment, some later event was visible before an earlier one.
                let (count, last): (i64, i64) = sqlx::query_as("SELECT count(*), coalesce(max(seq), 0) FROM event_log")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                assert_eq!(count, last, "after {looks} looks");
                tx.commit().await.unwrap();
                looks += 1;
                if last_look {
                    return looks;
                }
            }
        };
        let ((), looks) = tokio::join!(writing, reading);
        assert!(looks > 20, "looked {looks} times only");
    });
}

#[test]
fn a_mention_reaches_who_is_there_and_nobody_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // Olga is not in the group, Sven not even in the company, Anna writes herself.
        let draft = Draft::new(scene.group, "@all").mentioning(&[&scene.ben, &scene.olga, &scene.sven, &scene.anna]);
        scene.anna.sends(&draft).await.unwrap().sent();
        let told: Vec<uuid::Uuid> = {
            let mut tx = scene.nordwind.house().await;
            sqlx::query_scalar("SELECT user_id FROM notification_queue").fetch_all(&mut *tx).await.unwrap()
        };
        assert_eq!(told, [scene.ben.id]);
        assert_eq!(scene.ben.counts("SELECT 1 FROM notification_queue").await, 1);
        assert_eq!(scene.eva.counts("SELECT 1 FROM notification_queue").await, 0);
    });
}

#[test]
fn nothing_is_left_of_a_send_that_fails_on_the_way() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let log = scene.nordwind.events().await;
        // Longer than the database takes: the last line behind wall 1's check.
        let refusal = scene.anna.sends(&Draft::new(scene.group, &"x".repeat(8_001))).await.unwrap_err();
        assert_eq!(refusal.code, crate::harness::attempt::CHECK);
        assert_eq!(scene.nordwind.events().await, log);
        let next = scene.anna.writes(scene.group, "x").await;
        assert_eq!(next.seq, 2, "no position was lost");
    });
}

#[test]
fn who_may_only_answer_about_a_record_begins_nothing_there_by_naming_another() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let mut policy = preset::policy();
        // Ben of production may follow and answer in what is about the invoice, no more.
        policy.rules.push(Rule {
            id: "ben-answers".to_owned(),
            effect: Effect::Allow,
            roles: BTreeSet::new(),
            users: [UserId::from_uuid(scene.ben.id)].into(),
            actions: [Action::ThreadRead, Action::MessageRead, Action::MessageReply].into(),
            scope: Scope::Record { record: format!("{}/{}", scene.invoice.kind, scene.invoice.id).parse().unwrap() },
            conditions: Conditions::default(),
        });
        scene.nordwind.has_policy(2, &policy).await;
        let root = scene.anna.writes(scene.invoice_talk, "Who knows this invoice?").await;
        assert!(scene.ben.answers(&root, "I do").await.depth == 1);
        // The plan is of Ben's own department: there he may begin whatever he likes.
        let smuggled = Draft::new(scene.invoice_talk, "A new thread").about(&scene.plan);
        assert_eq!(scene.ben.sends(&smuggled).await.unwrap_err().code, NOT_ALLOWED);
        let plan = json!({ "kind": scene.plan.kind, "id": scene.plan.id });
        let ben = server.admits(&scene.ben).await;
        let send = Ask::new(Method::POST, "/messages").keyed("k1").json(
            &json!({ "conversationId": conversation_id(scene.invoice_talk), "body": "A new thread", "record": plan }),
        );
        ben.asks(&send).await.refused("beginning a thread", Code::Forbidden);
        let answer = Ask::new(Method::POST, format!("/messages/{}/reply", message_id(root.id)));
        ben.asks(&answer.keyed("k2").json(&json!({ "body": "Still here" }))).await.good();
    });
}

#[test]
fn naming_the_conversations_record_in_an_answer_about_another_is_a_conflict() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let mara = server.admits(&scene.mara).await;
        let about_plan = scene.mara.sends(&Draft::new(scene.invoice_talk, "See the plan").about(&scene.plan)).await;
        let about_plan = about_plan.unwrap().sent();
        let invoice = json!({ "kind": scene.invoice.kind, "id": scene.invoice.id });
        let answer = |key: &str, record: Option<&serde_json::Value>| {
            Ask::new(Method::POST, format!("/messages/{}/reply", message_id(about_plan.id)))
                .keyed(key)
                .json(&json!({ "body": "Here it is", "record": record }))
        };
        mara.asks(&answer("k1", Some(&invoice))).await.refused("another record", Code::ReplyLinkConflict);
        let sent = mara.asks(&answer("k2", None)).await.good();
        assert_eq!(sent["link"]["record"], json!({ "kind": scene.plan.kind, "id": scene.plan.id }));
    });
}
