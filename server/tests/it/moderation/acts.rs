//! What moderators do, over REST, and what everybody hears of it on their sockets.

use std::time::{Duration, Instant};

use http::Method;
use postil::{clock::Timestamp, wire::Code};
use serde_json::{Value, json};

use super::{act, acts, id_of, queue, report};
use crate::harness::{
    Ask, Client, Scene, Server,
    actor::stamp,
    fresh_id, in_a_house,
    server::{conversation_id, user_id},
};

/// What a moderator does is felt within this time.
const FELT: Duration = Duration::from_secs(2);

pub fn tomorrow() -> Timestamp {
    Timestamp::parse(&stamp()).unwrap().plus_s(24 * 3600)
}

async fn detail(client: &Client, conversation: uuid::Uuid) -> Value {
    client.gets(format!("/conversations/{}", conversation_id(conversation))).await.good()
}

#[test]
fn a_hidden_message_leaves_every_reader_within_two_seconds_and_comes_back_when_restored() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let secret = ben.writes(scene.group, "The password is **swordfish**").await;
        let id = id_of(&secret);
        anna.asks(&report(id, "confidential")).await.good();
        let (mut reader, mut author) = (anna.listens().await, ben.listens().await);
        let begin = Instant::now();
        mara.asks(&act(id, "hide")).await.good();
        for socket in [&mut reader, &mut author] {
            let frame = socket.until("message.updated").await;
            assert_eq!((&frame["message"]["body"], frame["message"]["hiddenAt"].is_string()), (&json!(""), true));
            assert!(!frame.to_string().contains("swordfish"));
        }
        author.until("conversation.updated").await;
        assert!(begin.elapsed() < FELT, "took {:?}", begin.elapsed());
        for client in [&anna, &ben, &mara] {
            for path in [
                "/conversations".to_owned(),
                format!("/messages?conversationId={}", conversation_id(scene.group)),
                format!("/messages/{id}"),
                format!("/messages/{id}/html"),
                format!("/messages/{id}/thread"),
            ] {
                let text = client.gets(&path).await.good().to_string();
                assert!(!text.contains("swordfish"), "{path}: {text}");
            }
        }
        let notices = detail(&ben, scene.group).await["notices"].clone();
        assert_eq!((&notices[0]["act"], &notices[0]["reason"]), (&json!("hide"), &json!("Because of rule 7")));
        assert!(detail(&anna, scene.group).await.get("notices").is_none(), "nobody else's notice");
        ben.asks(
            &Ask::new(Method::PATCH, format!("/messages/{id}"))
                .json(&json!({ "body": "swordfish again", "version": 1 })),
        )
        .await
        .refused("an edit would bring it back", Code::MessageHidden);
        mara.asks(&act(id, "hide")).await.good();
        let hidings: i64 = scene.nordwind.value("SELECT count(*) FROM moderation_acts WHERE act = 'hide'").await;
        assert_eq!(hidings, 1, "hidden is hidden");
        let opened = mara.gets(format!("/moderation/reports/{id}")).await.good();
        assert_eq!(opened["message"]["body"], "The password is **swordfish**", "for the moderator to judge again");

        mara.asks(&act(id, "restore")).await.good();
        let frame = reader.until("message.updated").await;
        assert_eq!(frame["message"]["body"], "The password is **swordfish**");
        assert!(frame["message"].get("hiddenAt").is_none() && frame["message"]["moderated"] == 2);
        let list = anna.gets("/conversations").await.good().to_string();
        assert!(list.contains("The password is swordfish"), "the preview is back: {list}");
        mara.asks(&act(id, "resolve")).await.good();
        assert_eq!(queue(&mara).await, [] as [String; 0]);
        let resolved = mara.gets("/moderation/reports?state=resolved").await.good();
        assert_eq!(resolved["items"][0]["messageId"], secret["id"]);
        let told: Vec<String> = scene
            .nordwind
            .value::<String>(
                "SELECT string_agg(action, ' ' ORDER BY seq) FROM audit_log WHERE action LIKE 'moderation.%'",
            )
            .await
            .split(' ')
            .map(str::to_owned)
            .collect();
        assert_eq!(
            told,
            ["moderation.hide", "moderation.view", "moderation.restore", "moderation.resolve", "moderation.list"]
        );
    });
}

#[test]
fn a_warning_reaches_the_author_alone_until_they_acknowledge_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        // About a record, too: there the frame has another way.
        let topic = scene.ben.discusses(&scene.topic).await.unwrap();
        for place in [scene.group, topic] {
            let rude = ben.writes(place, "You fool").await;
            anna.asks(&report(id_of(&rude), "harassment")).await.good();
            let mut author = ben.listens().await;
            mara.asks(&act(id_of(&rude), "warn")).await.good();
            let frame = author.until("conversation.updated").await;
            assert_eq!(frame["conversationId"], conversation_id(place));
            let notice = detail(&ben, place).await["notices"][0].clone();
            assert_eq!((&notice["act"], &notice["messageId"]), (&json!("warn"), &rude["id"]));
            let acknowledge =
                Ask::new(Method::POST, format!("/moderation/notices/{}/acknowledge", notice["id"].as_str().unwrap()));
            anna.asks(&acknowledge).await.refused("another's notice", Code::NotFound);
            assert_eq!(ben.gets("/moderation/notices").await.good()["items"].as_array().map(Vec::len), Some(1));
            assert_eq!(ben.asks(&acknowledge).await.status, 204);
            assert_eq!(ben.asks(&acknowledge).await.status, 204, "again changes nothing");
            assert_eq!(ben.gets("/moderation/notices").await.good()["items"], json!([]));
            assert!(detail(&ben, place).await.get("notices").is_none());
        }
    });
}

#[test]
fn the_muted_read_and_do_not_write_until_the_time_has_come_or_the_mute_is_lifted() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.group, "You fool").await;
        let id = id_of(&rude);
        anna.asks(&report(id, "harassment")).await.good();
        let until = tomorrow();
        let mute = |everywhere: bool| {
            acts(id, &json!({ "act": "mute", "reason": "Cool down", "until": until, "everywhere": everywhere }))
        };
        for (what, body) in [
            ("without until", json!({ "act": "mute", "reason": "x" })),
            ("in the past", json!({ "act": "mute", "reason": "x", "until": "2020-01-01T00:00:00Z" })),
            ("for ever", json!({ "act": "mute", "reason": "x", "until": "2099-01-01T00:00:00Z" })),
            ("until without mute", json!({ "act": "warn", "reason": "x", "until": until })),
            ("everywhere without mute", json!({ "act": "warn", "reason": "x", "everywhere": true })),
            ("as the word list", json!({ "act": "mask", "reason": "x" })),
        ] {
            mara.asks(&acts(id, &body)).await.refused(what, Code::InvalidField);
        }
        let send = |conversation| {
            Ask::new(Method::POST, "/messages")
                .keyed(fresh_id().to_string())
                .json(&json!({ "conversationId": conversation_id(conversation), "body": "x" }))
        };
        let edit = Ask::new(Method::PATCH, format!("/messages/{id}")).json(&json!({ "body": "y", "version": 1 }));
        let begin = Ask::new(Method::POST, "/conversations")
            .keyed(fresh_id().to_string())
            .json(&json!({ "kind": "direct", "userId": user_id(scene.bob.id) }));

        mara.asks(&mute(false)).await.good();
        let refused = ben.asks(&send(scene.group)).await;
        refused.refused("here", Code::Muted);
        assert_eq!(refused.body["errors"][0], json!({ "field": "until", "detail": until }));
        ben.asks(&edit).await.refused("an edit is writing", Code::Muted);
        assert_eq!(detail(&ben, scene.group).await["mutedUntil"], json!(until));
        assert!(detail(&anna, scene.group).await.get("mutedUntil").is_none());
        ben.gets(format!("/messages?conversationId={}", conversation_id(scene.group))).await.good();
        ben.asks(&send(scene.direct)).await.good();

        mara.asks(&mute(true)).await.good();
        ben.asks(&send(scene.direct)).await.refused("everywhere", Code::Muted);
        ben.asks(&begin).await.refused("nor begins anything", Code::Muted);
        anna.writes(scene.direct, "Others write on").await;

        mara.asks(&act(id, "unmute")).await.good();
        ben.asks(&send(scene.group)).await.good();
        ben.asks(&begin).await.good();
        // Time passes: the mute is over by itself.
        mara.asks(&mute(false)).await.good();
        scene.nordwind.arranges("UPDATE mutes SET muted_until = now() WHERE lifted_at IS NULL").await;
        ben.asks(&send(scene.group)).await.good();
    });
}

#[test]
fn the_removed_are_out_of_the_group_at_once_and_no_mention_brings_them_back() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.group, "You fool").await;
        let id = id_of(&rude);
        anna.asks(&report(id, "harassment")).await.good();
        let mut hears = ben.listens().await;
        let begin = Instant::now();
        mara.asks(&act(id, "remove")).await.good();
        let frame = hears.until("access.revoked").await;
        assert_eq!(frame["conversationIds"], json!([conversation_id(scene.group)]));
        assert!(begin.elapsed() < FELT, "took {:?}", begin.elapsed());
        anna.writes(scene.group, &format!("[@Ben](postil:user/{})", user_id(scene.ben.id))).await;
        anna.writes(scene.direct, "with Ben").await;
        hears.until("message.created").await;
        assert_eq!(hears.bodies(), ["with Ben"]);
        ben.gets(format!("/conversations/{}", conversation_id(scene.group))).await.refused("is out", Code::NotFound);
        let notices = ben.gets("/moderation/notices").await.good();
        assert_eq!(notices["items"][0]["act"], "remove");
        mara.asks(&act(id, "readmit")).await.good();
        hears.until("conversation.updated").await;
        ben.writes(scene.group, "I am back").await;

        // What governs a record's talk is the record; two who talk alone have no third.
        let business = server.admits(&scene.bob).await.writes(scene.invoice_talk, "Paid").await;
        let alone = ben.writes(scene.direct, "Only we two").await;
        for message in [&business, &alone] {
            anna.asks(&report(id_of(message), "other")).await.good();
            mara.asks(&act(id_of(message), "remove")).await.refused("no group", Code::NotAGroup);
        }
    });
}

#[test]
fn who_left_by_themselves_is_not_readmitted() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.group, "You fool").await;
        anna.asks(&report(id_of(&rude), "harassment")).await.good();
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}' AND user_id = '{}'",
                scene.group, scene.ben.id
            ))
            .await;
        mara.asks(&act(id_of(&rude), "readmit")).await.good();
        ben.gets(format!("/conversations/{}", conversation_id(scene.group))).await.refused("stays out", Code::NotFound);
    });
}

#[test]
fn an_owner_answers_to_an_owner_and_the_deleted_to_nobody() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let second = scene.nordwind.hires("Otto", postil::access::RoleKey::OWNER, None).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let (olga, otto) = (server.admits(&scene.olga).await, server.admits(&second).await);
        let topic = scene.ben.discusses(&scene.topic).await.unwrap();
        let hers = olga.writes(topic, "I am the owner here").await;
        anna.asks(&report(id_of(&hers), "harassment")).await.good();
        for what in ["hide", "warn", "remove"] {
            mara.asks(&act(id_of(&hers), what)).await.refused(what, Code::BeyondOwnRights);
        }
        otto.asks(&act(id_of(&hers), "hide")).await.good();
        let gone = ben.writes(scene.group, "You fool").await;
        anna.asks(&report(id_of(&gone), "harassment")).await.good();
        ben.asks(&Ask::new(Method::DELETE, format!("/messages/{}", id_of(&gone)))).await.good();
        mara.asks(&act(id_of(&gone), "hide")).await.refused("a tombstone", Code::MessageDeleted);
        let opened = mara.gets(format!("/moderation/reports/{}", id_of(&gone))).await.good();
        assert_eq!(opened["message"]["body"], "You fool", "deleting does not undo what was written");
        mara.asks(&act(id_of(&gone), "warn")).await.good();
    });
}
