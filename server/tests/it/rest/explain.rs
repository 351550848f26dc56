//! "Can they see this, and why?": the same verdicts as the walls, with their rules; the past; and nothing for who may not ask.

use http::Method;
use postil::{access::preset, clock::Timestamp, wire::Code};
use serde_json::{Value, json};

use crate::harness::{
    Actor, Ask, Client, Draft, Scene, Server, in_a_house,
    server::{conversation_id, message_id, user_id},
};

fn about(who: &Actor, action: &str, rest: &str) -> String {
    format!("/access/explain?userId={}&action={action}{rest}", user_id(who.id))
}

fn steps(told: &Value) -> Vec<(String, bool, Option<String>)> {
    told["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let rule = step["rule"]["id"].as_str().map(str::to_owned);
            (step["question"].as_str().unwrap().to_owned(), step["allowed"].as_bool().unwrap(), rule)
        })
        .collect()
}

fn step(question: &str, allowed: bool, rule: Option<&str>) -> (String, bool, Option<String>) {
    (question.to_owned(), allowed, rule.map(str::to_owned))
}

#[test]
fn a_message_is_explained_by_its_questions_and_their_rules() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // Olga reads along: who asks must see what is asked about.
        let group = scene.olga.gathers("Close", &[&scene.anna, &scene.ben]).await;
        let about_invoice = scene.anna.sends(&Draft::new(group, "Paid?").about(&scene.invoice)).await.unwrap().sent();
        let olga = server.admits(&scene.olga).await;
        let query = format!("&messageId={}", message_id(about_invoice.id));

        let anna = olga.gets(about(&scene.anna, "message:read", &query)).await.good();
        assert_eq!(anna["allowed"], true);
        assert_eq!(
            steps(&anna),
            [
                step("member", true, None),
                step("participant", true, None),
                step("conversation_visible", true, Some("staff-unlinked")),
                step("record_visible", true, Some("staff-department")),
                step("message_read", true, Some("staff-department")),
            ]
        );
        assert_eq!(
            anna["because"]["rule"],
            serde_json::to_value(preset::policy().rules.iter().find(|rule| rule.id == "staff-department")).unwrap(),
            "the rule is whole"
        );
        assert_eq!(anna["facts"]["record"]["isOwnDepartment"], true);
        assert_eq!(anna["facts"]["record"]["ownerId"], user_id(scene.anna.id));
        assert_eq!((&anna["policyVersion"], &anna["facts"]["isAuthor"]), (&json!(1), &json!(true)));

        let ben = olga.gets(about(&scene.ben, "message:read", &query)).await.good();
        assert_eq!(ben["allowed"], false);
        assert_eq!(
            ben["because"],
            json!({ "question": "record_visible", "allowed": false, "reason": "nothing_allows" })
        );
        let mara = olga.gets(about(&scene.mara, "message:read", &query)).await.good();
        assert_eq!(mara["because"]["question"], "participant", "a manager who is not in it");
        let edit = olga.gets(about(&scene.olga, "message:edit", &query)).await.good();
        assert_eq!(edit["because"]["question"], "author");

        // A deny is named.
        let mut document = preset::policy();
        document.rules.push(serde_json::from_value(json!({ "id": "not-anna", "effect": "deny", "users": [user_id(scene.anna.id)], "actions": ["message:read"], "scope": { "type": "record", "record": { "kind": "transaction", "id": "INV-4711" } } })).unwrap());
        let put = Ask::new(Method::PUT, "/admin/policy")
            .json(&json!({ "document": document, "comment": "x", "baseVersion": 1 }));
        olga.asks(&put).await.good();
        let denied = olga.gets(about(&scene.anna, "message:read", &query)).await.good();
        assert_eq!((&denied["because"]["rule"]["id"], &denied["policyVersion"]), (&json!("not-anna"), &json!(2)));
    });
}

#[test]
fn what_is_explained_is_what_the_walls_say() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let mut compared = 0;
        for who in [&scene.anna, &scene.ben, &scene.bob, &scene.eva, &scene.mara, &scene.olga, &scene.erp] {
            for action in ["thread:read", "message:read", "message:create", "admin:moderate", "admin:policy"] {
                let told = olga.gets(about(who, action, "")).await.good();
                assert_eq!(told["allowed"], who.may(action, None).await, "{told:#}");
                for record in [&scene.invoice, &scene.plan, &scene.topic] {
                    if action == "admin:policy" {
                        continue;
                    }
                    let rest = format!("&linkedType={}&linkedId={}", record.kind, record.id);
                    let told = olga.gets(about(who, action, &rest)).await.good();
                    assert_eq!(told["allowed"], who.may(action, Some(record)).await, "{told:#}");
                    compared += 1;
                }
                for conversation in [scene.invoice_talk] {
                    if action == "thread:read" {
                        let rest = format!("&conversationId={}", conversation_id(conversation));
                        let told = olga.gets(about(who, action, &rest)).await.good();
                        let sees = who.sees("conversations").await.contains(&conversation);
                        assert_eq!(told["allowed"], sees, "{told:#}");
                    }
                }
            }
        }
        assert!(compared > 80, "{compared}");
    });
}

#[test]
fn who_can_read_a_message_is_who_reads_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let about_it = scene.anna.writes(scene.invoice_talk, "About the invoice").await;
        let everybody = [&scene.anna, &scene.ben, &scene.bob, &scene.eva, &scene.mara, &scene.olga, &scene.erp];
        let plan = scene.ben.discusses(&scene.plan).await.unwrap();
        let about_plan = scene.ben.writes(plan, "About the plan").await;
        for message in [about_it.id, about_plan.id] {
            let path = format!("/access/readers?messageId={}", message_id(message));
            // A page judges two members: some pages are shorter, and still each reader is told once.
            let (mut told, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = olga.gets(format!("{path}&limit=2{cursor}")).await.good();
                let items = page["items"].as_array().unwrap();
                assert!(items.len() <= 2, "{page}");
                told.extend(items.iter().map(|person| person["id"].as_str().unwrap().to_owned()));
                let Some(next) = page["nextCursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            let mut reads = Vec::new();
            for who in everybody {
                let sees = who.sees("messages").await.contains(&message);
                assert_eq!(told.iter().filter(|id| **id == user_id(who.id)).count(), usize::from(sees), "{message}");
                reads.push(sees);
            }
            assert!(reads.contains(&true) && reads.contains(&false), "{reads:?}");
            // What one can't see is not there.
            server.admits(&scene.sven).await.gets(&path).await.refused("elsewhere", Code::NotFound);
            olga.gets(format!("{path}&cursor=x")).await.refused("no cursor", Code::InvalidCursor);
        }
        // Who keeps no policy learns nobody's name by it.
        let path = format!("/access/readers?messageId={}", message_id(about_it.id));
        server.admits(&scene.anna).await.gets(path).await.refused("no right", Code::Forbidden);
        let secret = scene.anna.writes(scene.direct, "Between two").await;
        let unseen = format!("/access/readers?messageId={}", message_id(secret.id));
        olga.gets(unseen).await.refused("not hers to see", Code::NotFound);
    });
}

#[test]
fn who_may_ask_and_about_what() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna, mara) =
            (server.admits(&scene.olga).await, server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let invoice = "&linkedType=transaction&linkedId=INV-4711";
        // About oneself, and then of no one else.
        let own = anna.gets(about(&scene.anna, "message:read", invoice)).await.good();
        assert_eq!((&own["allowed"], &own["facts"]["record"]["isOwner"]), (&json!(true), &json!(true)));
        for secret in ["ownerId", "departmentId", "projectId"] {
            assert_eq!(own["facts"]["record"].get(secret), None);
        }
        anna.gets(about(&scene.ben, "message:read", "")).await.refused("about a colleague", Code::Forbidden);
        mara.gets(about(&scene.ben, "message:read", "")).await.refused("a manager", Code::Forbidden);
        // What the asker can't see is not there, for an administrator as for oneself.
        let direct = scene.anna.writes(scene.direct, "Only for Ben").await;
        let missing = |place: &str| format!("&{place}0198000000007000800000000000002a");
        for (client, who, hidden, nothing) in [
            (&olga, &scene.ben, format!("&messageId={}", message_id(direct.id)), missing("messageId=msg_")),
            (
                &olga,
                &scene.ben,
                format!("&conversationId={}", conversation_id(scene.south_group)),
                missing("conversationId=cnv_"),
            ),
            (
                &server.admits(&scene.ben).await,
                &scene.ben,
                invoice.to_owned(),
                "&linkedType=transaction&linkedId=INV-0".to_owned(),
            ),
        ] {
            let (hidden, nothing) = (
                client.gets(about(who, "message:read", &hidden)).await,
                client.gets(about(who, "message:read", &nothing)).await,
            );
            nothing.refused("nothing", Code::NotFound);
            assert_eq!(hidden.comparable(), nothing.comparable());
        }
        let mut nobody = scene.ben.clone();
        nobody.id = crate::harness::fresh_id();
        let (sven, nobody) = (
            olga.gets(about(&scene.sven, "message:read", "")).await,
            olga.gets(about(&nobody, "message:read", "")).await,
        );
        nobody.refused("nobody", Code::NotFound);
        assert_eq!(sven.comparable(), nobody.comparable(), "another company's member is nobody");
        for (what, rest) in [
            ("half a record", "&linkedType=transaction"),
            (
                "two things",
                "&linkedType=transaction&linkedId=INV-4711&conversationId=cnv_0198000000007000800000000000002a",
            ),
            ("the future", "&at=2999-01-01T00:00:00Z"),
        ] {
            olga.gets(about(&scene.ben, "message:read", rest)).await.refused(what, Code::InvalidQuery);
        }
    });
}

/// This moment, as the database's clock has it, in a query.
async fn moment(scene: &Scene) -> String {
    let at: sqlx::types::time::OffsetDateTime = scene.nordwind.value("SELECT clock_timestamp()").await;
    // The next change must lie after it, and this after the last.
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    format!("&at={}", Timestamp::from_datetime(at))
}

#[test]
fn the_past_is_judged_by_what_held_then() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga: Client = server.admits(&scene.olga).await;
        let invoice = "&linkedType=transaction&linkedId=INV-4711";
        let ask = async |at: &str| olga.gets(about(&scene.ben, "message:read", &format!("{invoice}{at}"))).await.good();
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        let (begun, ben) = (moment(&scene).await, user_id(scene.ben.id));
        let patch = |body: Value| Ask::new(Method::PATCH, format!("/admin/members/{ben}")).json(&body);
        let finance = postil::ids::DepartmentId::from_uuid(scene.finance);
        olga.asks(&patch(json!({ "version": 1, "departmentId": finance }))).await.good();
        let moved = moment(&scene).await;
        scene.nordwind.arranges("UPDATE linked_records SET department_id = NULL WHERE id = 'INV-4711'").await;
        let record_moved = moment(&scene).await;
        olga.asks(&patch(json!({ "version": 2, "role": "manager" }))).await.good();
        let manager = moment(&scene).await;
        let mut document = preset::policy();
        document.rules.retain(|rule| rule.id != "manager-talk");
        let put = Ask::new(Method::PUT, "/admin/policy")
            .json(&json!({ "document": document, "comment": "x", "baseVersion": 1 }));
        olga.asks(&put).await.good();
        let without = moment(&scene).await;
        olga.asks(&patch(json!({ "version": 3, "status": "deactivated" }))).await.good();

        for (what, at, allowed, version, rule) in [
            ("at first", begun, false, 1, None),
            ("in finance", moved, true, 1, Some("staff-department")),
            ("the invoice had gone from finance", record_moved, false, 1, None),
            ("as a manager", manager, true, 1, Some("manager-talk")),
            ("under the next policy", without, false, 2, None),
        ] {
            let told = ask(&at).await;
            assert_eq!(told["allowed"], allowed, "{what}: {told:#}");
            assert_eq!(
                (&told["policyVersion"], told["because"]["rule"]["id"].as_str()),
                (&json!(version), rule),
                "{what}: {told:#}"
            );
        }
        assert_eq!(ask("").await["because"]["question"], "member", "now");
        let before = format!("{invoice}&at=2026-01-01T00:00:00Z");
        olga.gets(about(&scene.ben, "message:read", &before)).await.refused("before the history", Code::HistoryNotKept);
        // Nobody but the policy's administrator reads the past of others.
        let past = "SELECT 1 FROM membership_history";
        assert_eq!(scene.mara.counts(past).await, 1, "one's own");
        assert!(scene.olga.counts(past).await > 7);
        assert_eq!(scene.eva.counts("SELECT 1 FROM record_history").await, 1, "of what she sees");
    });
}
