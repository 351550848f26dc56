//! Personal blocks: what the blocker is spared, what the blocked can't tell, and that business goes on.

use http::Method;
use postil::wire::Code;
use serde_json::json;

use crate::harness::{
    Ask, Client, Draft, Scene, Server,
    attempt::{NOT_ALLOWED, assert_refused},
    fresh_id, in_a_house,
    server::{conversation_id, user_id},
};

fn block(whom: uuid::Uuid) -> Ask {
    Ask::new(Method::PUT, format!("/people/{}/block", user_id(whom)))
}

async fn begins(client: &Client, with: uuid::Uuid) -> crate::harness::server::Reply {
    let body = json!({ "kind": "direct", "userId": user_id(with) });
    client.asks(&Ask::new(Method::POST, "/conversations").keyed(fresh_id().to_string()).json(&body)).await
}

#[test]
fn the_blocked_begin_nothing_with_the_blocker_and_can_not_tell_in_what_there_is() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, bob) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.bob).await);
        let before = ben.gets(format!("/conversations/{}", conversation_id(scene.group))).await.good();
        for whom in [scene.ben.id, scene.bob.id, scene.bob.id] {
            assert_eq!(anna.asks(&block(whom)).await.status, 204);
        }
        anna.asks(&block(scene.anna.id)).await.refused("oneself", Code::InvalidField);
        anna.asks(&block(scene.sven.id)).await.refused("a stranger", Code::NotFound);
        assert_eq!(anna.gets("/blocks").await.good()["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(bob.gets("/blocks").await.good()["items"], json!([]));

        // Bob never talked with Anna: she is out of his reach, as somebody whom he may not meet would be.
        let (shut_out, nobody) = (begins(&bob, scene.anna.id).await, begins(&bob, fresh_id()).await);
        shut_out.refused("blocked", Code::NotFound);
        assert_eq!(shut_out.comparable(), nobody.comparable());
        // Ben did: everything is as before for him.
        assert_eq!(begins(&ben, scene.anna.id).await.status, 200);
        assert_eq!(ben.gets(format!("/conversations/{}", conversation_id(scene.group))).await.good(), before);
        ben.writes(scene.direct, "Do you hear me?").await;
        let hers = anna.gets(format!("/conversations/{}", conversation_id(scene.direct))).await.good();
        assert_eq!(hers["summary"]["blockedIds"], json!([user_id(scene.ben.id)]), "to be folded");
        // The blocker may begin.
        assert_eq!(begins(&anna, scene.bob.id).await.status, 201);

        let lift = Ask::new(Method::DELETE, format!("/people/{}/block", user_id(scene.ben.id)));
        assert_eq!(anna.asks(&lift).await.status, 204);
        anna.asks(&lift).await.refused("there is none any more", Code::NotFound);
        let hers = anna.gets(format!("/conversations/{}", conversation_id(scene.direct))).await.good();
        assert!(hers["summary"].get("blockedIds").is_none());
    });
}

#[test]
fn mentions_by_the_blocked_notify_only_about_business() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        anna.asks(&block(scene.ben.id)).await.good();
        let queued = async || -> i64 {
            scene
                .nordwind
                .value(&format!("SELECT count(*) FROM notification_queue WHERE user_id = '{}'", scene.anna.id))
                .await
        };
        let draft = || Draft::new(scene.group, "Anna!").mentioning(&[&scene.anna]);
        scene.ben.sends(&draft()).await.unwrap().sent();
        assert_eq!(queued().await, 0);
        scene.mara.sends(&draft()).await.unwrap().sent();
        assert_eq!(queued().await, 1, "by somebody else");
        scene.ben.sends(&draft().about(&scene.topic)).await.unwrap().sent();
        assert_eq!(queued().await, 2, "about a record");
        // In a record's talk nothing is folded.
        let talk = scene.ben.discusses(&scene.topic).await.unwrap();
        let detail = anna.gets(format!("/conversations/{}", conversation_id(talk))).await.good();
        assert!(detail["summary"].get("blockedIds").is_none());
    });
}

#[test]
fn blocks_are_their_owners_to_see_and_to_make() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (anna, ben, bob) = (&scene.anna, &scene.ben, &scene.bob);
        let insert = |who: uuid::Uuid, whom: uuid::Uuid| {
            format!(
                "INSERT INTO blocks (company_id, user_id, blocked_id, created_at) VALUES (app.company_id(), '{who}', '{whom}', now())"
            )
        };
        assert_eq!(anna.tries(&insert(anna.id, bob.id)).await, Ok(1));
        assert_refused("in another's name", &ben.tries(&insert(anna.id, ben.id)).await, NOT_ALLOWED);
        assert_eq!(bob.counts("SELECT 1 FROM blocks").await, 0, "the blocked one can't tell");
        assert_eq!(bob.tries("UPDATE blocks SET deleted_at = now()").await, Ok(0));
        let begin = bob.opens_keyed(None, &[0; 32], "direct", None, &[anna], None).await;
        assert_refused("the wall holds without the service", &begin.map(|_| 1), NOT_ALLOWED);
    });
}

#[test]
fn what_is_folded_is_neither_quoted_nor_counted_and_business_is() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        scene.anna.reads(scene.group, i64::MAX).await;
        let before = scene.anna.unread_total().await;
        anna.asks(&block(scene.ben.id)).await.good();
        let ben = server.admits(&scene.ben).await;
        for place in [scene.group, scene.direct] {
            ben.writes(place, "swordfish").await;
        }
        let list = anna.gets("/conversations").await.good();
        assert!(!list.to_string().contains("swordfish"), "{list}");
        for one in list["items"].as_array().unwrap().iter().filter(|one| one["kind"] != "record") {
            assert_eq!((&one["unread"], &one["last"]["blocked"]), (&json!(0), &json!(true)), "{one}");
        }
        assert_eq!(scene.anna.unread_total().await, before);
        assert_eq!(anna.gets("/launcher").await.good()["unread"], json!(before));
        scene.ben.sends(&Draft::new(scene.group, "About travel").about(&scene.topic)).await.unwrap().sent();
        let list = anna.gets("/conversations").await.good();
        assert!(list.to_string().contains("About travel"), "business reaches whom it concerns: {list}");
        assert_eq!(scene.anna.unread_total().await, before + 1);
        assert_eq!(scene.mara.inbox().await.len(), 1, "others see what they saw");
    });
}

#[test]
fn a_group_of_two_is_no_way_around_a_block() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, bob) = (server.admits(&scene.anna).await, server.admits(&scene.bob).await);
        anna.asks(&block(scene.bob.id)).await.good();
        let group = |people: &[uuid::Uuid]| {
            let people: Vec<String> = people.iter().map(|one| user_id(*one)).collect();
            Ask::new(Method::POST, "/conversations")
                .keyed(fresh_id().to_string())
                .json(&json!({ "kind": "group", "title": "Hear me", "userIds": people }))
        };
        let shut_out = bob.asks(&group(&[scene.anna.id])).await;
        shut_out.refused("a group of two", Code::NotFound);
        assert_eq!(shut_out.comparable(), bob.asks(&group(&[fresh_id()])).await.comparable());
        let by_hand = scene.bob.opens_keyed(None, &[0; 32], "group", Some("Hear me"), &[&scene.anna], None).await;
        assert_refused("nor by hand", &by_hand.map(|_| 1), NOT_ALLOWED);
        assert!(!anna.gets("/conversations").await.good().to_string().contains("Hear me"));
        assert_eq!(bob.asks(&group(&[scene.anna.id, scene.ben.id])).await.status, 201, "a third is company");
        assert_eq!(anna.asks(&group(&[scene.bob.id])).await.status, 201, "the blocker may");
    });
}
