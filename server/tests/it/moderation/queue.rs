//! Reporting, the queue, opening a case.

use http::Method;
use postil::{
    access::{Action, Effect, RoleKey, Scope, preset},
    wire::Code,
};
use serde_json::json;

use super::{act, id_of, queue, report};
use crate::harness::{
    Ask, Draft, Scene, Server, in_a_house,
    server::{message_id, user_id},
};

#[test]
fn a_report_counts_once_reaches_the_queue_without_text_and_names_no_reporter() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.group, "You fool").await;
        let first = anna.asks(&report(id_of(&rude), "harassment")).await;
        assert_eq!((first.status, &first.body["reason"]), (201, &json!("harassment")));
        let again = anna.asks(&report(id_of(&rude), "spam")).await;
        assert_eq!((again.status, &again.body["reason"]), (200, &json!("harassment")), "the first report stays");
        server.admits(&scene.eva).await.asks(&report(id_of(&rude), "other")).await.good();
        let page = mara.gets("/moderation/reports").await.good();
        let case = &page["items"][0];
        assert_eq!(
            (&case["messageId"], &case["reportCount"], &case["state"]),
            (&rude["id"], &json!(2), &json!("open"))
        );
        assert_eq!(case["reasons"].as_array().map(Vec::len), Some(2));
        let opened = mara.gets(format!("/moderation/reports/{}", id_of(&rude))).await.good();
        for text in [page.to_string(), opened.to_string()] {
            // Eva is nowhere in this thread; Anna only would be as a reporter.
            assert!(!text.contains("Eva") && !text.contains(&user_id(scene.anna.id)), "{text}");
        }
        assert!(!page.to_string().contains("fool"), "the list has no text");
        // The audit log tells its readers, who may be the author, that and why, but not by whom.
        let told: i64 = scene
            .nordwind
            .value("SELECT count(*) FROM audit_log WHERE action = 'message.report' AND actor_id IS NULL AND detail->>'reason' IN ('harassment', 'other')")
            .await;
        assert_eq!(told, 2);
    });
}

#[test]
fn nobody_reports_themselves_or_what_they_do_not_see_and_no_key_reports() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let erp = server.admits_erp(&scene.nordwind, &scene.erp).await;
        let hello = message_id(scene.hello.id);
        anna.asks(&report(&hello, "spam")).await.refused("one's own", Code::Forbidden);
        erp.asks(&report(&hello, "spam")).await.refused("a key", Code::NotFound);
        ben.asks(&report(&hello, "word_list")).await.refused("as the word list", Code::InvalidField);
        server.admits(&scene.bob).await.asks(&report(&hello, "spam")).await.refused("not in it", Code::NotFound);
        server.admits(&scene.sven).await.asks(&report(&hello, "spam")).await.refused("elsewhere", Code::NotFound);
        anna.asks(&Ask::new(Method::DELETE, format!("/messages/{hello}"))).await.good();
        ben.asks(&report(&hello, "spam")).await.refused("a tombstone", Code::MessageDeleted);
        let reports: i64 = scene.nordwind.value("SELECT count(*) FROM message_reports").await;
        assert_eq!(reports, 0);
    });
}

#[test]
fn an_opened_case_shows_two_neighbours_of_its_thread_and_every_look_is_told() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // Olga may moderate everything and is not in the group.
        let (olga, ben) = (server.admits(&scene.olga).await, server.admits(&scene.ben).await);
        for n in 1..=7 {
            scene.anna.answers(&scene.hello, &format!("reply {n}")).await;
        }
        scene.anna.writes(scene.group, "another thread").await;
        let thread = ben.gets(format!("/messages/{}/thread", message_id(scene.hello.id))).await.good();
        let fourth = thread["items"][3]["id"].as_str().unwrap().to_owned();
        olga.gets(format!("/messages/{fourth}")).await.refused("Olga is not in it", Code::NotFound);
        olga.gets(format!("/moderation/reports/{fourth}")).await.refused("not reported", Code::NotFound);
        ben.asks(&report(&fourth, "confidential")).await.good();
        for look in 1..=2_i64 {
            let opened = olga.gets(format!("/moderation/reports/{fourth}")).await.good();
            let bodies = |side: &str| -> Vec<String> {
                let side = opened[side].as_array().unwrap().iter();
                side.map(|message| message["body"].as_str().unwrap().to_owned()).collect()
            };
            assert_eq!(opened["message"]["body"], "reply 4");
            assert_eq!(bodies("before"), ["reply 2", "reply 3"]);
            assert_eq!(bodies("after"), ["reply 5", "reply 6"]);
            let told: i64 = scene
                .nordwind
                .value(&format!(
                    "SELECT count(*) FROM audit_log WHERE action = 'moderation.view' AND actor_id = '{}' AND target = '{fourth}'",
                    scene.olga.id
                ))
                .await;
            assert_eq!(told, look, "every look is told");
        }
        olga.gets(format!("/messages/{fourth}")).await.refused("and sees it nowhere else", Code::NotFound);
    });
}

#[test]
fn nobody_judges_their_own_message_and_who_moderates_nothing_sees_no_queue() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (mara, ben, olga) =
            (server.admits(&scene.mara).await, server.admits(&scene.ben).await, server.admits(&scene.olga).await);
        let hers = mara.writes(scene.group, "Mara's own").await;
        ben.asks(&report(id_of(&hers), "other")).await.good();
        assert_eq!((queue(&mara).await, queue(&olga).await), (vec![], vec![id_of(&hers).to_owned()]));
        mara.gets(format!("/moderation/reports/{}", id_of(&hers))).await.refused("opens", Code::NotFound);
        mara.asks(&act(id_of(&hers), "resolve")).await.refused("resolves", Code::NotFound);
        for path in ["/moderation/reports".to_owned(), format!("/moderation/reports/{}", id_of(&hers))] {
            ben.gets(&path).await.refused("staff", Code::Forbidden);
        }
        ben.asks(&act(id_of(&hers), "hide")).await.refused("staff", Code::Forbidden);
        let embedded = server.admits_as(&scene.olga, "embed").await;
        embedded.gets("/moderation/reports").await.refused("a session of an ERP's page", Code::Forbidden);
    });
}

#[test]
fn a_departments_moderator_sees_and_judges_that_departments_reports_only() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let keeper = scene.nordwind.hires("Keeper", RoleKey::STAFF, Some(scene.production)).await;
        let mut policy = preset::policy();
        policy.rules.push(postil::access::Rule {
            id: "keeper".to_owned(),
            effect: Effect::Allow,
            roles: std::collections::BTreeSet::new(),
            users: [postil::ids::UserId::from_uuid(keeper.id)].into(),
            actions: [Action::AdminModerate].into(),
            scope: Scope::OwnDepartment,
            conditions: postil::access::Conditions::default(),
        });
        scene.nordwind.has_policy(2, &policy).await;
        let server = Server::start(house).await;
        let (keeper, anna, mara) =
            (server.admits(&keeper).await, server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        // Ben's plan is of production, the keeper's department; the rest is not.
        let plan = scene.ben.discusses(&scene.plan).await.unwrap();
        let theirs = scene.ben.writes(plan, "About the plan").await;
        let others = scene.anna.writes(scene.invoice_talk, "About the invoice").await;
        let free = scene.ben.sends(&Draft::new(scene.group, "About nothing")).await.unwrap().sent();
        mara.asks(&report(&message_id(theirs.id), "spam")).await.good();
        mara.asks(&report(&message_id(others.id), "spam")).await.good();
        anna.asks(&report(&message_id(free.id), "spam")).await.good();
        assert_eq!(queue(&keeper).await, [message_id(theirs.id)]);
        assert_eq!(queue(&mara).await.len(), 3);
        keeper.gets(format!("/moderation/reports/{}", message_id(theirs.id))).await.good();
        for out_of_reach in [others.id, free.id] {
            let id = message_id(out_of_reach);
            keeper.gets(format!("/moderation/reports/{id}")).await.refused("opens", Code::NotFound);
            keeper.asks(&act(&id, "hide")).await.refused("hides", Code::NotFound);
        }
        keeper
            .asks(&super::acts(
                &message_id(theirs.id),
                &json!({ "act": "mute", "reason": "x", "until": super::acts::tomorrow(), "everywhere": true }),
            ))
            .await
            .refused("mutes in the whole company", Code::BeyondOwnRights);
        keeper.asks(&act(&message_id(theirs.id), "hide")).await.good();
        keeper.gets("/admin/words").await.refused("keeps no words", Code::Forbidden);
    });
}
