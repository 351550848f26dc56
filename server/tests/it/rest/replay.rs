//! Idempotency over HTTP: retries, mismatches, twins.

use futures_util::future::join_all;
use http::Method;
use postil::wire::Code;
use serde_json::json;

use crate::harness::{
    Ask, Scene, Server, in_a_house,
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
        assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        anna.asks(&open("Other plans")).await.refused("another title", Code::IdempotencyMismatch);
    });
}
