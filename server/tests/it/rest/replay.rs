//! Idempotency over HTTP: retries, mismatches, twins.

use futures_util::future::join_all;
use http::Method;
use postil::{
    access::{Action, RoleKey, preset},
    limits,
    wire::Code,
};
use serde_json::json;

use crate::harness::{
    Actor, Ask, Scene, Server, in_a_house,
    server::{conversation_id, message_id, user_id},
};

#[test]
fn a_retry_of_a_send_gets_the_first_answer() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let send = |body: &str| {
            Ask::new(Method::POST, "/messages")
                .keyed("once")
                .json(&json!({ "conversationId": conversation_id(scene.group), "body": body }))
        };
        let first = anna.asks(&send("Once")).await;
        assert_eq!(first.status, 201);
        let before = super::footprint(house, &scene.nordwind).await;
        for _ in 0..2 {
            let again = anna.asks(&send("Once")).await;
            assert_eq!((again.status, &again.body), (first.status, &first.body));
        }
        anna.asks(&send("Twice")).await.refused("another body", Code::IdempotencyMismatch);
        let reply = Ask::new(Method::POST, format!("/messages/{}/reply", message_id(scene.hello.id)))
            .keyed("once")
            .json(&json!({ "body": "Once" }));
        anna.asks(&reply).await.refused("another operation", Code::IdempotencyMismatch);
        let group = Ask::new(Method::POST, "/conversations")
            .keyed("once")
            .json(&json!({ "kind": "group", "title": "x", "userIds": [user_id(scene.ben.id)] }));
        anna.asks(&group).await.refused("another kind of thing", Code::IdempotencyMismatch);
        assert_eq!(super::footprint(house, &scene.nordwind).await, before);
    });
}

#[test]
fn twins_on_two_nodes_make_one_message() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let nodes = [Server::start(house).await, Server::start(house).await];
        let clients = [nodes[0].admits(&scene.anna).await, nodes[1].admits(&scene.anna).await];
        for round in 0..5 {
            let send = Ask::new(Method::POST, "/messages")
                .keyed(format!("race-{round}"))
                .json(&json!({ "conversationId": conversation_id(scene.group), "body": "Race" }));
            let replies = join_all((0..6).map(|n| clients[n % 2].asks(&send))).await;
            let mut ids = Vec::new();
            for reply in &replies {
                match reply.status {
                    201 => ids.push(reply.body["id"].clone()),
                    _ => reply.refused("a twin under way", Code::IdempotencyInFlight),
                }
            }
            assert!(!ids.is_empty() && ids.windows(2).all(|pair| pair[0] == pair[1]), "{replies:?}");
        }
        let count: i64 = scene.nordwind.value("SELECT count(*) FROM messages WHERE body = 'Race'").await;
        assert_eq!(count, 5);
        scene.nordwind.events().await;
    });
}

#[test]
fn a_retry_of_a_new_group_finds_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let open = |title: &str| {
            Ask::new(Method::POST, "/conversations")
                .keyed("g")
                .json(&json!({ "kind": "group", "title": title, "userIds": [user_id(scene.ben.id)] }))
        };
        let first = anna.asks(&open("Plans")).await;
        assert_eq!(first.status, 201);
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let again = anna.asks(&open("Plans")).await;
        assert_eq!((again.status, &again.body["summary"]["id"]), (201, &first.body["summary"]["id"]));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        anna.asks(&open("Other plans")).await.refused("another title", Code::IdempotencyMismatch);
    });
}

fn send(key: &str, conversation: uuid::Uuid, body: &str) -> Ask {
    Ask::new(Method::POST, "/messages")
        .keyed(key)
        .json(&json!({ "conversationId": conversation_id(conversation), "body": body }))
}

fn slow(conversation: uuid::Uuid, seconds: u32) -> Ask {
    Ask::new(Method::PATCH, format!("/conversations/{}", conversation_id(conversation)))
        .json(&json!({ "slowModeS": seconds }))
}

/// Mutes somebody in the whole company for a day, as if a moderator had.
async fn mutes(scene: &Scene, who: &Actor) {
    let mute = format!(
        "INSERT INTO mutes (company_id, id, user_id, muted_until, created_at) VALUES ('{}', gen_random_uuid(), '{}', now() + interval '1 day', now())",
        scene.nordwind.id, who.id
    );
    scene.nordwind.arranges(&mute).await;
}

#[test]
fn a_stored_send_is_answered_again_whatever_would_refuse_it_now() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara, olga) =
            (server.admits(&scene.anna).await, server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        let text = "Look at https://a.example and https://b.example, darn it, before noon";
        mara.asks(&slow(scene.group, limits::SLOW_MODE_S_MAX)).await.good();
        let ask = send("stored", scene.group, text);
        let first = anna.asks(&ask).await;
        assert_eq!(first.status, 201);
        let again = async |what: &str| {
            let reply = anna.asks(&ask).await;
            assert_eq!((reply.status, &reply.body), (201, &first.body), "{what}: {reply:?}");
            assert_eq!(reply.headers["idempotency-replayed"], "true", "{what}");
            anna.asks(&send("stored", scene.group, "Another")).await.refused(what, Code::IdempotencyMismatch);
        };
        // Copies and slow mode outlive receipts.
        super::forgets_receipts(house).await;
        anna.asks(&send("next", scene.group, "Next")).await.refused("slow mode", Code::SlowMode);
        again("slow mode").await;
        let settings = json!({ "version": 0, "linksPerMessage": 1 });
        olga.asks(&Ask::new(Method::PATCH, "/admin/settings").json(&settings)).await.good();
        anna.asks(&send("next", scene.direct, text)).await.refused("fewer links", Code::TooManyLinks);
        again("fewer links").await;
        let words = json!({ "baseVersion": 0, "entries": [{ "words": "darn", "action": "refuse" }] });
        mara.asks(&Ask::new(Method::PUT, "/admin/words").json(&words)).await.good();
        anna.asks(&send("next", scene.group, "darn")).await.refused("a word", Code::WordRefused);
        again("a word").await;
        mutes(&scene, &scene.anna).await;
        anna.asks(&send("next", scene.direct, "Hm")).await.refused("muted", Code::Muted);
        again("muted").await;
        let mut policy = preset::policy();
        for rule in policy.rules.iter_mut().filter(|rule| rule.roles.contains(&RoleKey::STAFF)) {
            rule.actions.retain(|action| *action != Action::MessageCreate);
        }
        policy.rules.retain(|rule| !rule.actions.is_empty());
        scene.nordwind.has_policy(2, &policy).await;
        let refused = "SELECT count(*) FROM audit_log WHERE action = 'access.refused'";
        let ben = server.admits(&scene.ben).await;
        ben.asks(&send("next", scene.direct, "Hm")).await.refused("no right", Code::Forbidden);
        assert_eq!(scene.nordwind.value::<i64>(refused).await, 1);
        again("no right").await;
        assert_eq!(scene.nordwind.value::<i64>(refused).await, 1, "what was stored was not refused");
        let count: i64 = scene.nordwind.value("SELECT count(*) FROM messages WHERE client_key = 'stored'").await;
        assert_eq!(count, 1);
        // Out of sight is out of reach: also of a retry.
        let gone = format!("UPDATE participants SET deleted_at = now() WHERE user_id = '{}'", scene.anna.id);
        scene.nordwind.arranges(&gone).await;
        anna.asks(&ask).await.refused("no more there", Code::NotFound);
    });
}

#[test]
fn a_stored_conversation_is_answered_again_whatever_would_refuse_it_now() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let open = |key: &str, title: &str| {
            Ask::new(Method::POST, "/conversations")
                .keyed(key)
                .json(&json!({ "kind": "group", "title": title, "userIds": [user_id(scene.ben.id)] }))
        };
        let first = anna.asks(&open("g", "The darn plan")).await;
        assert_eq!(first.status, 201);
        let again = async |what: &str| {
            let reply = anna.asks(&open("g", "The darn plan")).await;
            assert_eq!(
                (reply.status, &reply.body["summary"]["id"]),
                (201, &first.body["summary"]["id"]),
                "{what}: {reply:?}"
            );
            assert_eq!(reply.headers["idempotency-replayed"], "true", "{what}");
            anna.asks(&open("g", "Another plan")).await.refused(what, Code::IdempotencyMismatch);
        };
        let words = json!({ "baseVersion": 0, "entries": [{ "words": "darn", "action": "refuse" }] });
        mara.asks(&Ask::new(Method::PUT, "/admin/words").json(&words)).await.good();
        anna.asks(&open("h", "A darn plan")).await.refused("a word", Code::WordRefused);
        again("a word").await;
        mutes(&scene, &scene.anna).await;
        anna.asks(&open("h", "A plan")).await.refused("muted", Code::Muted);
        again("muted").await;
    });
}
