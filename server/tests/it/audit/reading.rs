//! `GET /admin/audit`.

use postil::wire::Code;
use serde_json::{Value, json};

use super::told;
use crate::harness::{Scene, Server, in_a_house, server::user_id};

#[test]
fn whoever_may_export_reads_it_newest_first_and_nobody_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, sven) = (server.admits(&scene.olga).await, server.admits(&scene.sven).await);
        for actor in [&scene.anna, &scene.mara, &scene.eva] {
            server.admits(actor).await.gets("/admin/audit").await.refused("no right", Code::Forbidden);
        }
        let (mut seqs, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = olga.gets(format!("/admin/audit?limit=7{cursor}")).await.good();
            let items = page["items"].as_array().unwrap();
            seqs.extend(items.iter().map(|item| item["seq"].as_i64().unwrap()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            assert_eq!(items.len(), 7);
            cursor = format!("&cursor={next}");
        }
        let last: i64 = scene.nordwind.value("SELECT audit_seq FROM company_stream").await;
        assert_eq!(seqs, (1..=last).rev().collect::<Vec<_>>(), "each entry once");
        // Read twenty times, told once.
        assert_eq!(told(&scene.nordwind, "action = 'audit.read'").await.len(), 1);
        let theirs = sven.gets("/admin/audit").await.good().to_string();
        assert!(!theirs.contains("Nordwind") && !theirs.contains(&user_id(scene.anna.id)));
        assert_eq!(told(&scene.south, "action = 'audit.read'").await.len(), 1);
        // A cursor is of one company.
        sven.gets(format!("/admin/audit?limit=7{cursor}")).await.refused("a foreign cursor", Code::InvalidCursor);
    });
}

#[test]
fn the_end_of_the_chain_is_told_as_it_is_and_as_it_is_signed() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let newest = olga.gets("/admin/audit?limit=1").await.good()["items"][0].clone();
        let chain = olga.gets("/admin/audit/chain").await.good();
        assert_eq!((&chain["seq"], &chain["hash"]), (&newest["seq"], &newest["hash"]));
        assert_eq!((chain["signedSeq"].as_i64(), chain.get("signedAt")), (Some(0), None), "nothing is signed yet");
        // The hash is the company's own: the other's chain is another.
        let sven = server.admits(&scene.sven).await;
        assert_ne!(sven.gets("/admin/audit/chain").await.good()["hash"], chain["hash"]);
    });
}

#[test]
fn it_is_searched_by_action_and_person_and_tells_names() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        for text in ["a", "b"] {
            let sent = scene.anna.writes(scene.group, text).await;
            scene.anna.deletes(sent.id).await.unwrap();
        }
        let sent = scene.ben.writes(scene.group, "c").await;
        scene.mara.deletes(sent.id).await.unwrap();
        let found = async |query: String| -> Vec<Value> {
            olga.gets(format!("/admin/audit?{query}")).await.good()["items"].as_array().unwrap().clone()
        };
        let names = |items: &[Value]| {
            items.iter().map(|item| item["actor"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let deleted = found("action=message.delete".to_owned()).await;
        assert_eq!(names(&deleted), ["Mara", "Anna", "Anna"]);
        assert_eq!(deleted[0]["detail"], json!({ "author": scene.ben.id }));
        assert!(deleted[0]["target"].as_str().unwrap().starts_with("msg_"), "{deleted:?}");
        let annas = found(format!("actorId={}&action=message.delete", user_id(scene.anna.id))).await;
        assert_eq!(names(&annas), ["Anna", "Anna"]);
        assert!(found(format!("actorId={}&action=session.switch", user_id(scene.anna.id))).await.is_empty());
        assert_eq!(found(format!("actorId={}", user_id(scene.mara.id))).await.len(), 1);
        for bad in [
            "action=Message.Delete",
            "action=",
            "action=message.read",
            "actorId=x",
            "limit=0",
            "limit=1000",
            "cursor=x",
            "order=up",
        ] {
            let reply = olga.gets(format!("/admin/audit?{bad}")).await;
            assert!([400, 422].contains(&reply.status), "{bad}: {reply:?}");
        }
    });
}
