//! Who gets what, in which order, and after a gap.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use serde_json::json;

use crate::harness::{
    Ask, Draft, Record, Scene, Server, fresh_id, in_a_house,
    server::{conversation_id, message_id, user_id},
};

/// A last word, after which nothing more can come: whoever has it has everything before it.
const LAST: &str = "the last word";

#[test]
fn two_readers_get_every_message_once_and_in_order_and_an_outsider_none() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // Two nodes: one reader sits where nobody writes.
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let (anna, ben) = (here.admits(&scene.anna).await, there.admits(&scene.ben).await);
        let (eva, sven) = (there.admits(&scene.eva).await, here.admits(&scene.sven).await);
        let (mut anna_hears, mut ben_hears, mut eva_hears, mut sven_hears) =
            (anna.listens().await, ben.listens().await, eva.listens().await, sven.listens().await);
        let mut expected = Vec::new();
        for n in 0..20 {
            let writer = if n % 2 == 0 { &anna } else { &ben };
            writer.writes(scene.direct, &n.to_string()).await;
            expected.push(n.to_string());
        }
        anna.writes(scene.direct, LAST).await;
        expected.push(LAST.to_owned());
        for socket in [&mut anna_hears, &mut ben_hears] {
            socket.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
            assert_eq!(socket.bodies(), expected);
        }
        // The outsiders hear of other things, so they were listening all the time.
        anna.writes(scene.group, "for the group").await;
        sven.writes(scene.south_group, "in the south").await;
        eva_hears.until("message.created").await;
        sven_hears.until("message.created").await;
        assert_eq!(eva_hears.bodies(), ["for the group"]);
        assert_eq!(sven_hears.bodies(), ["in the south"]);
    });
}

#[test]
fn a_member_of_two_companies_hears_the_one_their_session_is_in() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (bob, sven, anna) =
            (server.admits(&scene.bob_south).await, server.admits(&scene.sven).await, server.admits(&scene.anna).await);
        let mut hears = bob.listens().await;
        anna.writes(scene.invoice_talk, "of finance, where Bob is too").await;
        sven.writes(scene.south_group, LAST).await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
        assert_eq!(hears.bodies(), [LAST]);
    });
}

#[test]
fn each_deed_has_its_frame() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        let message = anna.writes(scene.group, "One").await;
        let created = hears.until("message.created").await;
        assert_eq!(created["message"], message, "the frame says what REST says");
        let path = format!("/messages/{}", message["id"].as_str().unwrap());
        let reply = anna
            .asks(&Ask::new(Method::POST, format!("{path}/reply")).keyed("r").json(&json!({ "body": "Two" })))
            .await
            .good();
        let replied = hears.until("thread.reply.created").await;
        assert_eq!(
            (&replied["message"], &replied["rootId"], &replied["replyCount"]),
            (&reply, &message["id"], &json!(1))
        );
        let edited = anna
            .asks(&Ask::new(Method::PATCH, path.clone()).json(&json!({ "body": "One!", "version": 1 })))
            .await
            .good();
        assert_eq!(hears.until("message.updated").await["message"]["body"], edited["body"]);
        anna.asks(&Ask::new(Method::DELETE, path)).await.good();
        let deleted = hears.until("message.deleted").await;
        assert_eq!((&deleted["message"]["id"], &deleted["message"]["body"]), (&message["id"], &json!("")));
        assert!(!deleted.to_string().contains("One"), "a tombstone carries no text");
        anna.asks(
            &Ask::new(Method::POST, "/conversations")
                .keyed("g")
                .json(&json!({ "kind": "group", "title": "New", "userIds": [ben.person()] })),
        )
        .await
        .good();
        hears.until("conversation.updated").await;
        let mara = server.admits(&scene.mara).await;
        mara.asks(
            &Ask::new(Method::POST, format!("/conversations/{}/read", conversation_id(scene.group)))
                .json(&json!({ "seq": 3 })),
        )
        .await
        .good();
        let receipt = hears
            .until_such("receipt.read", |frame| frame["userId"] == mara.person().as_str() && frame["seq"] == 3)
            .await;
        assert_eq!(receipt["conversationId"], conversation_id(scene.group));
    });
}

#[test]
fn a_hidden_message_is_in_no_frame() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        // Ben is in the group and may not see finance's invoice: sent, answered, edited, deleted, he hears of none of it.
        let send = json!({ "conversationId": conversation_id(scene.group), "body": "Of finance", "record": { "kind": "transaction", "id": "INV-4711" } });
        let about = anna.asks(&Ask::new(Method::POST, "/messages").keyed("s").json(&send)).await.good();
        let path = format!("/messages/{}", about["id"].as_str().unwrap());
        anna.asks(
            &Ask::new(Method::POST, format!("{path}/reply")).keyed("r").json(&json!({ "body": "Finance's answer" })),
        )
        .await
        .good();
        anna.asks(&Ask::new(Method::PATCH, path.clone()).json(&json!({ "body": "Of finance!", "version": 1 })))
            .await
            .good();
        anna.asks(&Ask::new(Method::DELETE, path)).await.good();
        anna.writes(scene.invoice_talk, "Of finance, in its own talk").await;
        anna.writes(scene.group, LAST).await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
        let text = serde_json::to_string(&hears.frames).unwrap();
        assert!(
            !text.contains("inance") && !text.contains("INV-4711") && !text.contains(about["id"].as_str().unwrap()),
            "{text}"
        );
        assert_eq!(hears.bodies(), [LAST]);
    });
}

#[test]
fn a_client_resumes_on_another_node_where_it_was() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let (anna, ben) = (here.admits(&scene.anna).await, here.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        anna.writes(scene.group, "1").await;
        hears.until("message.created").await;
        let cursor = hears.cursor.clone().unwrap();
        drop(hears);
        // Fewer than a burst of one sender (`limits::SEND_BURST`): a quick machine must not be told to wait.
        for n in 2..=20 {
            anna.writes(scene.group, &n.to_string()).await;
            if n % 5 == 0 {
                // Hidden from Ben: it takes places in the log and none in his replay.
                scene.anna.sends(&Draft::new(scene.group, "Of finance").about(&scene.invoice)).await.unwrap().sent();
            }
        }
        let ben_there =
            crate::harness::Client { base: format!("http://{}", there.address), origin: there.origin.clone(), ..ben };
        let mut hears = ben_there.resumes(Some(&cursor)).await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "20").await;
        anna.writes(scene.group, LAST).await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
        let expected: Vec<String> = (2..=20).map(|n| n.to_string()).chain([LAST.to_owned()]).collect();
        assert_eq!(hears.bodies(), expected, "nothing lost, nothing twice");
    });
}

#[test]
fn a_cursor_of_another_company_or_of_nobody_is_not_resumed() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, sven) = (server.admits(&scene.anna).await, server.admits(&scene.sven).await);
        let theirs = sven.listens().await.cursor.unwrap();
        for cursor in [theirs.as_str(), "rubbish", "", &"A".repeat(200)] {
            let mut socket = anna.knocks().await.unwrap();
            socket.greets(scene.nordwind.id, Some(cursor)).await;
            assert_eq!(socket.until("welcome").await["resumed"], false, "{cursor}");
        }
    });
}

#[test]
fn a_record_that_moves_is_withdrawn_from_who_had_it_and_shown_to_who_gets_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let erp = server.admits_erp(&scene.nordwind, &scene.erp).await;
        let (mut anna_hears, mut ben_hears) = (anna.listens().await, ben.listens().await);
        anna.writes(scene.invoice_talk, "Paid?").await;
        anna_hears.until("message.created").await;
        let department = postil::ids::DepartmentId::from_uuid(scene.production);
        let moved = Ask::new(Method::PUT, "/records/transaction/INV-4711")
            .json(&json!({ "title": "Invoice", "departmentId": department }));
        erp.asks(&moved).await.good();
        let revoked = anna_hears.until("access.revoked").await;
        let text = revoked.to_string();
        assert!(text.contains(&conversation_id(scene.invoice_talk)) || text.contains("INV-4711"), "{revoked}");
        mara.writes(scene.invoice_talk, "To production").await;
        mara.writes(scene.group, LAST).await;
        ben_hears.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
        anna_hears.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
        assert_eq!(ben_hears.bodies(), ["To production", LAST]);
        assert_eq!(anna_hears.bodies(), ["Paid?", LAST]);
        assert!(!ben_hears.frames.iter().any(|frame| frame["type"] == "access.revoked"), "who gains loses nothing");
    });
}

#[test]
fn typing_is_whispered_to_who_may_read_along_and_not_to_oneself() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let (anna, ben, eva) =
            (here.admits(&scene.anna).await, there.admits(&scene.ben).await, here.admits(&scene.eva).await);
        let (mut anna_hears, mut ben_hears, mut eva_hears) =
            (anna.listens().await, ben.listens().await, eva.listens().await);
        anna_hears.says(&json!({ "type": "typing", "conversationId": conversation_id(scene.direct) })).await;
        let typing = ben_hears.until("typing").await;
        assert_eq!(
            (&typing["userId"], &typing["conversationId"]),
            (&json!(user_id(scene.anna.id)), &json!(conversation_id(scene.direct)))
        );
        // Into a conversation that is not hers: nobody hears it.
        eva_hears.says(&json!({ "type": "typing", "conversationId": conversation_id(scene.direct) })).await;
        anna.writes(scene.group, LAST).await;
        for socket in [&mut anna_hears, &mut eva_hears, &mut ben_hears] {
            socket.until_such("message.created", |frame| frame["message"]["body"] == LAST).await;
        }
        let whispers =
            |socket: &crate::harness::Socket| socket.frames.iter().filter(|frame| frame["type"] == "typing").count();
        assert_eq!((whispers(&anna_hears), whispers(&ben_hears), whispers(&eva_hears)), (0, 1, 0));
    });
}

#[test]
fn a_frames_cursor_is_the_same_for_all_and_tells_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let (mut anna_hears, mut ben_hears) = (anna.listens().await, ben.listens().await);
        let message = anna.writes(scene.group, "One").await;
        let (one, other) = (anna_hears.until("message.created").await, ben_hears.until("message.created").await);
        assert_eq!(one["message"]["id"], message["id"]);
        assert_eq!(one["cursor"], other["cursor"], "shared bytes");
        let seq: i64 = scene
            .nordwind
            .value(&format!("SELECT last_seq FROM company_stream WHERE company_id = '{}'", scene.nordwind.id))
            .await;
        let cursor = one["cursor"].as_str().unwrap();
        let raw = URL_SAFE_NO_PAD.decode(cursor).unwrap();
        let plain = [seq.to_string().into_bytes(), seq.to_le_bytes().to_vec(), seq.to_be_bytes().to_vec()];
        for text in plain.into_iter().filter(|text| text.len() > 1) {
            assert!(!raw.windows(text.len()).any(|part| part == text), "enciphered");
        }
        // Neighbours look nothing alike: not even their order shows.
        anna.writes(scene.group, "Two").await;
        let two = anna_hears.until("message.created").await;
        let next = URL_SAFE_NO_PAD.decode(two["cursor"].as_str().unwrap()).unwrap();
        let same = raw.iter().zip(&next).filter(|(a, b)| a == b).count();
        assert!(same < raw.len() / 2, "{same} of {} bytes", raw.len());
    });
}

#[test]
fn a_frame_counts_only_replies_that_its_reader_may_see() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara, ben) =
            (server.admits(&scene.anna).await, server.admits(&scene.mara).await, server.admits(&scene.ben).await);
        let (mut mara_hears, mut ben_hears) = (mara.listens().await, ben.listens().await);
        let start = ben_hears.cursor.clone();
        let hello = message_id(scene.hello.id);
        let answer = |body: &str, about: Option<&Record>| {
            let record = about.map(|record| json!({ "kind": record.kind, "id": record.id }));
            Ask::new(Method::POST, format!("/messages/{hello}/reply"))
                .keyed(fresh_id().to_string())
                .json(&json!({ "body": body, "record": record }))
        };
        // Mara sees the invoice, Ben does not.
        for n in 0..3 {
            anna.asks(&answer(&format!("of the invoice {n}"), Some(&scene.invoice))).await.good();
        }
        anna.asks(&answer("for everyone", None)).await.good();
        let edit =
            Ask::new(Method::PATCH, format!("/messages/{hello}")).json(&json!({ "body": "Hello!", "version": 1 }));
        anna.asks(&edit).await.good();
        for (socket, person, count) in [(&mut mara_hears, &mara, 4), (&mut ben_hears, &ben, 1)] {
            let edited = socket.until("message.updated").await;
            assert_eq!(edited["message"]["replyCount"], count);
            let told = socket.frames.iter().rfind(|frame| frame["type"] == "thread.reply.created").unwrap();
            assert_eq!((&told["message"]["body"], &told["replyCount"]), (&json!("for everyone"), &json!(count)));
            let fresh = person.gets(format!("/messages/{hello}")).await.good();
            assert_eq!(fresh["replyCount"], count, "as REST tells");
            assert_eq!(edited["message"]["lastReplyAt"], fresh["lastReplyAt"]);
        }
        // Whoever comes back is told the same, from memory or from the log.
        let mut again = ben.resumes(start.as_deref()).await;
        let edited = again.until("message.updated").await;
        assert_eq!(edited["message"]["replyCount"], 1);
        assert!(again.frames.iter().all(|frame| frame["replyCount"].is_null() || frame["replyCount"] == 1));
    });
}
