//! Online, away, offline, over several sockets and nodes.

use http::Method;
use postil::{
    access::{Action, RoleKey, preset},
    wire::Code,
};
use serde_json::{Value, json};

use crate::harness::{
    Ask, Client, Scene, Server, Socket, eventually, in_a_house,
    server::{conversation_id, user_id},
};

async fn status(client: &Client, user: uuid::Uuid) -> String {
    let list = client.gets(format!("/presence?userIds={}", user_id(user))).await.good();
    list["items"][0]["status"].as_str().unwrap_or("-").to_owned()
}

async fn becomes(client: &Client, user: uuid::Uuid, wanted: &str) {
    eventually(wanted, async || (status(client, user).await == wanted).then_some(())).await;
}

async fn shows(socket: &mut Socket, user: uuid::Uuid, wanted: &str) {
    let such = |frame: &Value| {
        frame["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|change| change["userId"] == user_id(user) && change["status"] == wanted)
    };
    socket.until_such("presence.changed", such).await;
}

#[test]
fn a_person_is_as_present_as_their_best_socket() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let (anna, ben) = (here.admits(&scene.anna).await, there.admits(&scene.ben).await);
        let mut watching = anna.listens().await;
        watching.says(&json!({ "type": "presence.watch", "userIds": [user_id(scene.ben.id)] })).await;
        shows(&mut watching, scene.ben.id, "offline").await;
        let mut one = ben.listens().await;
        shows(&mut watching, scene.ben.id, "online").await;
        let mut two = ben.listens().await;
        one.says(&json!({ "type": "activity", "active": false })).await;
        two.says(&json!({ "type": "activity", "active": false })).await;
        shows(&mut watching, scene.ben.id, "away").await;
        two.says(&json!({ "type": "activity", "active": true })).await;
        shows(&mut watching, scene.ben.id, "online").await;
        drop(two);
        shows(&mut watching, scene.ben.id, "away").await;
        drop(one);
        shows(&mut watching, scene.ben.id, "offline").await;
        assert_eq!(status(&anna, scene.ben.id).await, "offline");
    });
}

#[test]
fn a_reload_is_no_absence() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let mut watching = anna.listens().await;
        watching.says(&json!({ "type": "presence.watch", "userIds": [user_id(scene.ben.id)] })).await;
        let tab = ben.listens().await;
        shows(&mut watching, scene.ben.id, "online").await;
        drop(tab);
        let mut tab = ben.listens().await;
        // Something that comes after: whatever the reload changed has been told by then.
        tab.says(&json!({ "type": "activity", "active": false })).await;
        shows(&mut watching, scene.ben.id, "away").await;
        let mut told: Vec<&str> = watching
            .frames
            .iter()
            .filter(|frame| frame["type"] == "presence.changed")
            .flat_map(|frame| frame["changes"].as_array().unwrap())
            .filter_map(|change| change["status"].as_str())
            .collect();
        // The answer to the watch and the transition itself may both say the same: that is no absence either.
        told.dedup();
        assert_eq!(told, ["offline", "online", "away"]);
    });
}

#[test]
fn presence_is_the_companys_own() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // Bob is online in Südhandel only.
        let _tab = server.admits(&scene.bob_south).await.listens().await;
        becomes(&server.admits(&scene.sven).await, scene.bob.id, "online").await;
        let anna = server.admits(&scene.anna).await;
        assert_eq!(status(&anna, scene.bob.id).await, "offline", "in Nordwind he is not there");
        assert_eq!(status(&anna, scene.sven.id).await, "-", "and strangers are nobody");
        let (mut watching, mut probe) = (anna.listens().await, server.admits(&scene.olga).await.listens().await);
        watching.says(&json!({ "type": "presence.watch", "userIds": [user_id(scene.bob.id), user_id(scene.sven.id), user_id(scene.olga.id)] })).await;
        shows(&mut watching, scene.olga.id, "online").await;
        probe.says(&json!({ "type": "activity", "active": false })).await;
        shows(&mut watching, scene.olga.id, "away").await;
        let text = serde_json::to_string(&watching.frames).unwrap();
        assert!(!text.contains(&format!("{}\",\"status\":\"online", user_id(scene.bob.id))), "{text}");
    });
}

#[test]
fn who_may_not_see_presence_sees_none() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // The preset gives guests no presence:read.
        let eva = server.admits(&scene.eva).await;
        let _tab = server.admits(&scene.anna).await.listens().await;
        becomes(&server.admits(&scene.mara).await, scene.anna.id, "online").await;
        let reply = eva.gets(format!("/presence?userIds={}", user_id(scene.anna.id))).await;
        assert!(!reply.body.to_string().contains("online"), "{reply:?}");
        let launcher = eva.gets("/launcher").await.good();
        assert_eq!((&launcher["online"], &launcher["onlineCount"]), (&json!([]), &json!(0)));
        let mut watching = eva.listens().await;
        watching.says(&json!({ "type": "presence.watch", "userIds": [user_id(scene.anna.id)] })).await;
        server.admits(&scene.ben).await.writes(scene.group, "x").await;
        watching.until("message.created").await;
        assert!(!serde_json::to_string(&watching.frames).unwrap().contains("\"online\""), "{:?}", watching.frames);
    });
}

#[test]
fn a_guest_who_may_see_presence_meets_only_those_they_talk_with() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let mut policy = preset::policy();
        let rule = policy.rules.iter_mut().find(|rule| rule.roles.contains(&RoleKey::EXTERNAL)).unwrap();
        rule.actions.insert(Action::PresenceRead);
        scene.nordwind.has_policy(2, &policy).await;
        // Bob is in no conversation with Eva, Ben is.
        let _bob = server.admits(&scene.bob).await.listens().await;
        let mut ben = server.admits(&scene.ben).await.listens().await;
        becomes(&server.admits(&scene.mara).await, scene.bob.id, "online").await;
        let eva = server.admits(&scene.eva).await;
        let mut watching = eva.listens().await;
        watching
            .says(&json!({ "type": "presence.watch", "userIds": [user_id(scene.bob.id), user_id(scene.ben.id)] }))
            .await;
        shows(&mut watching, scene.ben.id, "online").await;
        ben.says(&json!({ "type": "activity", "active": false })).await;
        shows(&mut watching, scene.ben.id, "away").await;
        let told: Vec<&Value> =
            watching.frames.iter().filter_map(|frame| frame["changes"].as_array()).flatten().collect();
        let of_bob: Vec<&Value> = told.into_iter().filter(|change| change["userId"] == user_id(scene.bob.id)).collect();
        assert!(of_bob.iter().all(|change| change["status"] == "unknown"), "{of_bob:?}");
        assert_eq!(status(&eva, scene.bob.id).await, "-", "as over REST");
    });
}

#[test]
fn an_erps_key_is_nobody_who_could_be_there_or_read() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let erp = server.admits_erp(&scene.nordwind, &scene.erp).await;
        let beat = Ask::new(Method::POST, "/presence/heartbeat")
            .json(&json!({ "connectionId": "con_0198000000007000800000000000002a", "active": true }));
        erp.asks(&beat).await.refused("being there", Code::Forbidden);
        erp.gets("/launcher").await.refused("looking", Code::Forbidden);
        let read = Ask::new(Method::POST, format!("/conversations/{}/read", conversation_id(scene.invoice_talk)));
        erp.asks(&read.json(&json!({ "seq": 1 }))).await.refused("reading", Code::Forbidden);
    });
}

#[test]
fn a_heartbeat_without_a_socket_counts() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let beat = |active: bool| {
            Ask::new(Method::POST, "/presence/heartbeat")
                .json(&json!({ "connectionId": "con_0198000000007000800000000000002a", "active": active }))
        };
        ben.asks(&beat(true)).await.good();
        becomes(&anna, scene.ben.id, "online").await;
        ben.asks(&beat(false)).await.good();
        becomes(&anna, scene.ben.id, "away").await;
    });
}
