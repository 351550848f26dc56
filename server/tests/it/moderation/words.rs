//! The word list of a company, on sends and edits.

use http::Method;
use postil::{limits, wire::Code};
use serde_json::{Value, json};

use super::{id_of, queue};
use crate::harness::{
    Ask, Scene, Server,
    attempt::{NOT_ALLOWED, assert_refused},
    fresh_id, in_a_house,
    server::conversation_id,
};

fn put(entries: &Value, base: u32) -> Ask {
    Ask::new(Method::PUT, "/admin/words").json(&json!({ "entries": entries, "baseVersion": base }))
}

fn send(conversation: uuid::Uuid, body: &str) -> Ask {
    Ask::new(Method::POST, "/messages")
        .keyed(fresh_id().to_string())
        .json(&json!({ "conversationId": conversation_id(conversation), "body": body }))
}

fn edit(id: &str, version: u32, body: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/messages/{id}")).json(&json!({ "body": body, "version": version }))
}

fn three() -> Value {
    json!([
        { "words": "swordfish", "action": "refuse" },
        { "words": "darn", "action": "mask" },
        { "words": "blue heron", "action": "flag" },
    ])
}

#[test]
fn listed_words_are_refused_covered_or_reported_on_sends_and_edits_alike() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // Two nodes: the list is put in force on one and holds on the other with the next request.
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let (mara, ben) = (here.admits(&scene.mara).await, there.admits(&scene.ben).await);
        let first = ben.writes(scene.group, "swordfish and darn").await;
        let list = mara.asks(&put(&three(), 0)).await.good();
        assert_eq!((&list["version"], list["entries"].as_array().map(Vec::len)), (&json!(1), Some(3)));

        for (what, ask) in [
            ("a send", send(scene.group, "It is s.w.o.r.d.f.i.s.h!")),
            ("an edit", edit(id_of(&first), 1, "Sword\u{200b}FISH")),
        ] {
            let refused = ben.asks(&ask).await;
            refused.refused(what, Code::WordRefused);
            assert_eq!(refused.body["errors"][0]["field"], "body");
            assert!(refused.body["errors"][0]["detail"].as_str().unwrap().contains("swordfish"));
        }
        let masked = ben.asks(&send(scene.group, "Oh **darn**")).await.good();
        assert_eq!(masked["body"], "Oh **••••**");
        let masked = ben.asks(&edit(id_of(&masked), 1, "Oh DARN it")).await.good();
        assert_eq!(masked["body"], "Oh •••• it");
        let notices = ben.gets("/moderation/notices").await.good();
        let notices = notices["items"].as_array().unwrap();
        assert_eq!(notices.len(), 1, "told once for a message and its words");
        assert!(notices.iter().all(|notice| notice["act"] == "mask" && notice["reason"] == "darn"));
        assert_eq!(ben.asks(&send(scene.group, "Scunthorpe, darning")).await.good()["body"], "Scunthorpe, darning");

        assert_eq!(queue(&mara).await, [] as [String; 0]);
        let flagged = ben.asks(&send(scene.group, "Project Blue Heron")).await.good();
        let later = ben.asks(&send(scene.group, "nothing yet")).await.good();
        ben.asks(&edit(id_of(&later), 1, "blue-heron after all")).await.good();
        assert_eq!(queue(&mara).await, [id_of(&later), id_of(&flagged)]);
        let opened = mara.gets(format!("/moderation/reports/{}", id_of(&flagged))).await.good();
        assert_eq!(
            opened["reports"][0],
            json!({
                "reason": "word_list", "note": "blue heron", "createdAt": opened["reports"][0]["createdAt"],
            })
        );
        // What was written before the list stays, until it is edited.
        assert_eq!(ben.gets(format!("/messages/{}", id_of(&first))).await.good()["body"], "swordfish and darn");

        mara.asks(&put(&json!([]), 1)).await.good();
        ben.asks(&send(scene.group, "swordfish, darn, blue heron")).await.good();
        let told: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE action = 'words.version'").await;
        assert_eq!(told, 2);
    });
}

#[test]
fn the_list_is_bounded_versioned_and_its_keepers_own() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (mara, ben) = (server.admits(&scene.mara).await, server.admits(&scene.ben).await);
        assert_eq!(mara.gets("/admin/words").await.good(), json!({ "version": 0, "entries": [] }));
        let entry = |words: &str| json!([{ "words": words, "action": "flag" }]);
        let many: Vec<Value> =
            (0..=limits::WORD_ENTRIES_MAX).map(|n| json!({ "words": format!("w{n}"), "action": "flag" })).collect();
        for (what, entries) in [
            ("nothing to find", entry(" !? ")),
            ("too long", entry(&"x".repeat(limits::WORD_CHARS_MAX + 1))),
            ("twice", json!([{ "words": "Darn", "action": "flag" }, { "words": "darn!", "action": "mask" }])),
            ("too many", Value::from(many)),
            ("a control character", entry("a\u{0}b")),
        ] {
            mara.asks(&put(&entries, 0)).await.refused(what, Code::InvalidField);
        }
        mara.asks(&put(&three(), 1)).await.refused("another version", Code::VersionConflict);
        mara.asks(&put(&three(), 0)).await.good();
        mara.asks(&put(&three(), 0)).await.refused("twice", Code::VersionConflict);
        ben.gets("/admin/words").await.refused("staff", Code::Forbidden);
        ben.asks(&put(&json!([]), 1)).await.refused("staff", Code::Forbidden);
        let insert = "INSERT INTO word_lists (company_id, version, entries, created_at, created_by)
            SELECT app.company_id(), 2, '[]', now(), app.user_id()";
        assert_refused("by hand", &scene.ben.tries(insert).await, NOT_ALLOWED);
        assert_refused("a version skipped", &scene.mara.tries(&insert.replace(", 2,", ", 3,")).await, NOT_ALLOWED);
        assert_refused("changed", &scene.mara.tries("UPDATE word_lists SET entries = '[]'").await, NOT_ALLOWED);
        for who in [&scene.ben, &scene.sven] {
            assert_eq!(who.counts("SELECT 1 FROM word_lists").await, 0, "what is in it is not told");
        }
    });
}

#[test]
fn a_send_again_is_the_same_send_whatever_the_list_made_of_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (mara, ben) = (server.admits(&scene.mara).await, server.admits(&scene.ben).await);
        mara.asks(&put(&three(), 0)).await.good();
        let ask = send(scene.group, "darn blue heron");
        let (first, again) = (ben.asks(&ask).await.good(), ben.asks(&ask).await.good());
        assert_eq!((&first["id"], &first["body"]), (&again["id"], &json!("•••• blue heron")));
        let reports: i64 = scene.nordwind.value("SELECT count(*) FROM message_reports").await;
        let notices: i64 = scene.nordwind.value("SELECT count(*) FROM moderation_acts").await;
        assert_eq!((reports, notices), (1, 1));
        // An edit, too: a client whose answer was lost asks again, and can't know that its words were covered.
        let ask = edit(id_of(&first), 1, "DARN it");
        let (first, again) = (ben.asks(&ask).await.good(), ben.asks(&ask).await.good());
        assert_eq!((&again["version"], &again["body"]), (&json!(2), &json!("•••• it")));
        assert_eq!(first["version"], again["version"]);
        ben.asks(&edit(id_of(&first), 1, "else")).await.refused("another edit", Code::VersionConflict);
    });
}

#[test]
fn whoever_calls_the_lists_door_by_hand_reports_at_most_themselves() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let rude = scene.ben.writes(scene.group, "x").await;
        let call = format!("SELECT app.words_found('{}', 'x', 'x', now())", rude.id);
        for who in [&scene.anna, &scene.mara, &scene.sven, &scene.ben.claims(scene.south.id)] {
            who.tries(&call).await.unwrap();
        }
        let count = "SELECT (SELECT count(*) FROM message_reports) + (SELECT count(*) FROM moderation_acts)";
        assert_eq!(scene.nordwind.value::<i64>(count).await, 0);
        scene.ben.tries(&call).await.unwrap();
        assert_eq!(scene.nordwind.value::<i64>(count).await, 2);
    });
}
