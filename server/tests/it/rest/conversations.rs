//! Who begins a conversation with whom.

use http::Method;
use postil::wire::Code;
use serde_json::{Value, json};

use crate::harness::{Ask, Scene, Server, fresh_id, in_a_house, server::user_id};

fn begins(body: &Value) -> Ask {
    Ask::new(Method::POST, "/conversations").keyed(fresh_id().to_string()).json(body)
}

#[test]
fn a_guest_begins_nothing_with_whom_they_never_met_and_cannot_tell_that_they_are_there() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (eva, anna) = (server.admits(&scene.eva).await, server.admits(&scene.anna).await);
        let direct = |whom| begins(&json!({ "kind": "direct", "userId": user_id(whom) }));
        let group = |people: &[uuid::Uuid]| {
            let ids: Vec<String> = people.iter().map(|person| user_id(*person)).collect();
            begins(&json!({ "kind": "group", "title": "x", "userIds": ids }))
        };
        // Bob works here and talks with Eva nowhere.
        let stranger = eva.asks(&direct(scene.bob.id)).await;
        stranger.refused("a colleague", Code::NotFound);
        let nobody = eva.asks(&direct(fresh_id())).await;
        assert_eq!(
            (stranger.status, &stranger.body["code"], &stranger.body["detail"]),
            (nobody.status, &nobody.body["code"], &nobody.body["detail"])
        );
        eva.asks(&group(&[scene.ben.id, scene.bob.id])).await.refused("one of them", Code::NotFound);
        eva.asks(&direct(scene.ben.id)).await.good();
        eva.asks(&group(&[scene.ben.id, scene.mara.id])).await.good();
        // A colleague makes them meet.
        anna.asks(&group(&[scene.eva.id, scene.bob.id])).await.good();
        eva.asks(&direct(scene.bob.id)).await.good();
    });
}
