//! How far moderators reach, and what nobody slips past them: conversations, deny rules, those who administer, edits after a report.

use std::collections::BTreeSet;

use http::Method;
use postil::{
    access::{Action, Conditions, Effect, RoleKey, Rule, Scope, preset},
    ids::UserId,
    wire::Code,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{act, acts, id_of, queue, report};
use crate::harness::{
    Actor, Ask, Client, Draft, Scene, Server,
    attempt::{CHECK, NOT_ALLOWED, assert_refused},
    fresh_id, in_a_house, now,
    server::message_id,
};

fn rule(id: &str, effect: Effect, who: &Actor, action: Action, scope: Scope) -> Rule {
    Rule {
        id: id.to_owned(),
        effect,
        roles: BTreeSet::new(),
        users: [UserId::from_uuid(who.id)].into(),
        actions: [action].into(),
        scope,
        conditions: Conditions::default(),
    }
}

/// The preset policy and these rules.
async fn rules(scene: &Scene, more: impl IntoIterator<Item = Rule>) {
    let mut policy = preset::policy();
    policy.rules.extend(more);
    scene.nordwind.has_policy(2, &policy).await;
}

/// Somebody who moderates what production's records govern, and nothing else.
async fn keeper(scene: &Scene) -> Actor {
    scene.nordwind.hires("Keeper", RoleKey::STAFF, Some(scene.production)).await
}

fn keeps(keeper: &Actor) -> Rule {
    rule("keeper", Effect::Allow, keeper, Action::AdminModerate, Scope::OwnDepartment)
}

fn mute(id: &str, everywhere: bool) -> Ask {
    let until = super::acts::tomorrow();
    acts(id, &json!({ "act": "mute", "reason": "Cool down", "until": until, "everywhere": everywhere }))
}

fn edit(id: &str, version: u32, body: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/messages/{id}")).json(&json!({ "body": body, "version": version }))
}

fn delete(id: &str) -> Ask {
    Ask::new(Method::DELETE, format!("/messages/{id}"))
}

async fn opened(client: &Client, id: &str) -> Value {
    client.gets(format!("/moderation/reports/{id}")).await.good()
}

/// The outcome of one act, asked of the database alone.
async fn outcome(who: &Actor, message: Uuid, act: &str, everywhere: bool) -> String {
    let until = (act == "mute").then(|| now() + std::time::Duration::from_hours(1));
    let mut tx = who.enters().await;
    let outcome = sqlx::query_scalar("SELECT outcome FROM app.moderate($1, $2, $3, $4, $5, 'x', $6, $7, NULL, $8)")
        .bind(who.id)
        .bind(who.company)
        .bind(message)
        .bind(act)
        .bind(fresh_id())
        .bind(until)
        .bind(everywhere)
        .bind(now())
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    outcome
}

async fn may_write(who: &Actor, conversation: Uuid) -> bool {
    who.sends(&Draft::new(conversation, "x")).await.is_ok()
}

#[test]
fn who_moderates_a_record_does_not_rule_over_the_group_in_which_it_is_named() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let keeper = keeper(&scene).await;
        rules(&scene, [keeps(&keeper)]).await;
        let server = Server::start(house).await;
        let (client, anna) = (server.admits(&keeper).await, server.admits(&scene.anna).await);
        // Ben names production's plan in a group with which production has nothing to do.
        let named = scene.ben.sends(&Draft::new(scene.group, "The plan!").about(&scene.plan)).await.unwrap().sent();
        let id = message_id(named.id);
        server.admits(&scene.mara).await.asks(&report(&id, "spam")).await.good();
        for (what, ask) in [
            ("mute", mute(&id, false)),
            ("unmute", act(&id, "unmute")),
            ("remove", act(&id, "remove")),
            ("readmit", act(&id, "readmit")),
        ] {
            client.asks(&ask).await.refused(what, Code::BeyondOwnRights);
            assert_eq!(outcome(&keeper, named.id, what, false).await, "beyond", "{what}");
        }
        anna.writes(scene.group, "Ben is still here").await;
        assert_eq!(scene.ben.writes(scene.group, "and writes").await.conversation_id, scene.group);
        // The message is theirs to judge.
        client.asks(&act(&id, "hide")).await.good();
    });
}

#[test]
fn an_edit_takes_nothing_from_a_report_and_another_report_is_about_what_stands_now() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.group, "You fool").await;
        let id = id_of(&rude);
        assert_eq!(anna.asks(&report(id, "harassment")).await.status, 201);
        ben.asks(&edit(id, 1, "You friend")).await.good();
        let case = opened(&mara, id).await;
        assert_eq!(case["message"]["body"], "You friend");
        let reported = case["reported"].as_array().unwrap();
        assert_eq!((reported.len(), &reported[0]["version"], &reported[0]["body"]), (1, &json!(1), &json!("You fool")));

        mara.asks(&act(id, "resolve")).await.good();
        ben.asks(&edit(id, 2, "You idiot")).await.good();
        assert_eq!(anna.asks(&report(id, "harassment")).await.status, 201, "about another text");
        assert_eq!(anna.asks(&report(id, "spam")).await.status, 200, "once for each");
        assert_eq!(queue(&mara).await, [id], "it has to be judged again");
        for (version, body) in [(3, "a"), (4, "b"), (5, "c"), (6, "d")] {
            ben.asks(&edit(id, version, body)).await.good();
            server.admits(&scene.eva).await.asks(&report(id, "other")).await.good();
        }
        ben.asks(&edit(id, 7, "nothing")).await.good();
        let case = opened(&mara, id).await;
        let bodies: Vec<&str> =
            case["reported"].as_array().unwrap().iter().map(|one| one["body"].as_str().unwrap()).collect();
        assert_eq!(bodies, ["d", "c", "b"], "the newest three");
        // Nobody says which version they report: the database does.
        let by_hand = format!(
            "INSERT INTO message_reports (company_id, id, message_id, reporter_id, reason, version, created_at)
             VALUES (app.company_id(), '{}', '{}', '{}', 'spam', 99, now()) RETURNING 1",
            fresh_id(),
            uuid_of(id),
            scene.mara.id
        );
        assert_eq!(scene.mara.tries(&by_hand).await, Ok(1));
        assert_eq!(scene.nordwind.value::<i64>("SELECT count(*) FROM message_reports WHERE version = 99").await, 0);
    });
}

fn uuid_of(id: &str) -> Uuid {
    id.parse::<postil::ids::MessageId>().unwrap().uuid()
}

#[test]
fn what_the_word_list_reports_buries_nothing_that_people_say() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let list = json!([{ "words": "heron", "action": "flag" }, { "words": "darn", "action": "mask" },
            { "words": "w1", "action": "flag" }, { "words": "w2", "action": "flag" }, { "words": "w3", "action": "flag" }]);
        mara.asks(&Ask::new(Method::PUT, "/admin/words").json(&json!({ "entries": list, "baseVersion": 0 })))
            .await
            .good();
        let rude = ben.writes(scene.group, "You fool").await;
        let id = id_of(&rude);
        anna.asks(&report(id, "harassment")).await.good();
        for version in 1..=5 {
            ben.asks(&edit(id, version, &format!("heron darn {version}"))).await.good();
        }
        let count = |table: &str, which: &str| format!("SELECT count(*) FROM {table} WHERE {which}");
        let by_list = count("message_reports", "reporter_id IS NULL");
        assert_eq!(scene.nordwind.value::<i64>(&by_list).await, 1, "the same words once");
        assert_eq!(scene.nordwind.value::<i64>(&count("moderation_acts", "act = 'mask'")).await, 1);
        for (version, word) in [(6, "w1"), (7, "w2"), (8, "w3")] {
            ben.asks(&edit(id, version, word)).await.good();
        }
        ben.asks(&edit(id, 9, "nothing")).await.good();
        let case = opened(&mara, id).await;
        assert_eq!(case["reports"][0]["reason"], "harassment", "people first: {case}");
        assert!(
            case["reported"].as_array().unwrap().iter().any(|one| one["body"] == "You fool"),
            "what a person reported is shown: {case}"
        );
        // Judged, the same words are news again.
        mara.asks(&act(id, "resolve")).await.good();
        ben.asks(&edit(id, 10, "heron")).await.good();
        assert_eq!(queue(&mara).await, [id]);
        assert_eq!(scene.nordwind.value::<i64>(&count("message_reports", "note = 'heron'")).await, 2);
    });
}

#[test]
fn deleting_has_the_rail_that_hiding_has() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (mara, olga) = (server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        let topic = scene.ben.discusses(&scene.topic).await.unwrap();
        let hers = olga.writes(topic, "I am the owner here").await;
        mara.asks(&delete(id_of(&hers))).await.refused("an owner's", Code::BeyondOwnRights);
        assert_eq!(scene.mara.deletes(uuid_of(id_of(&hers))).await.unwrap().0, "beyond");
        let by_hand = format!(
            "UPDATE messages SET body = '', text_ast = '[]', preview = '', deleted_at = now(), deleted_by = '{}' WHERE id = '{}'",
            scene.mara.id,
            uuid_of(id_of(&hers))
        );
        assert_refused("and by hand", &scene.mara.tries(&by_hand).await, NOT_ALLOWED);
        let staff = scene.ben.writes(topic, "x").await;
        mara.asks(&delete(&message_id(staff.id))).await.good();
        olga.asks(&delete(id_of(&hers))).await.good();
    });
}

#[test]
fn nobody_judges_who_moderates_or_audits_more() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let keeper = keeper(&scene).await;
        let auditor = scene.nordwind.hires("Auditor", RoleKey::STAFF, None).await;
        let audits = rule("auditor", Effect::Allow, &auditor, Action::AdminExport, Scope::Company);
        rules(&scene, [keeps(&keeper), audits]).await;
        let server = Server::start(house).await;
        let (client, mara, olga) =
            (server.admits(&keeper).await, server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        let plan = scene.ben.discusses(&scene.plan).await.unwrap();
        let managers = scene.mara.writes(plan, "I moderate all").await;
        let topic = scene.ben.discusses(&scene.topic).await.unwrap();
        let auditors = auditor.writes(topic, "I read the log").await;
        for message in [managers.id, auditors.id] {
            server.admits(&scene.ben).await.asks(&report(&message_id(message), "other")).await.good();
        }
        for what in ["hide", "warn"] {
            client.asks(&act(&message_id(managers.id), what)).await.refused(what, Code::BeyondOwnRights);
            mara.asks(&act(&message_id(auditors.id), what)).await.refused(what, Code::BeyondOwnRights);
            assert_eq!(outcome(&keeper, managers.id, what, false).await, "beyond");
            assert_eq!(outcome(&scene.mara, auditors.id, what, false).await, "beyond");
        }
        client.asks(&mute(&message_id(managers.id), false)).await.refused("mute", Code::BeyondOwnRights);
        olga.asks(&act(&message_id(managers.id), "warn")).await.good();
        olga.asks(&act(&message_id(auditors.id), "hide")).await.good();
    });
}

#[test]
fn a_deny_rule_keeps_texts_from_moderators_who_judge_all_the_same() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let denied = Scope::Record { record: "topic/TRAVEL".parse().unwrap() };
        rules(&scene, [rule("no-travel", Effect::Deny, &scene.mara, Action::MessageRead, denied)]).await;
        let server = Server::start(house).await;
        let (anna, mara, olga) =
            (server.admits(&scene.anna).await, server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        let about = |body: &str| Draft::new(scene.group, body).about(&scene.topic);
        // In one thread: what she is denied, and what she is not.
        let free = scene.ben.writes(scene.group, "about nothing").await;
        let secret = scene.ben.sends(&about("swordfish").under(free.id)).await.unwrap().sent();
        for id in [free.id, secret.id] {
            anna.asks(&report(&message_id(id), "confidential")).await.good();
        }
        let case = opened(&mara, &message_id(secret.id)).await;
        assert!(!case.to_string().contains("swordfish"), "{case}");
        assert_eq!((&case["message"]["withheld"], &case["message"]["body"]), (&json!(true), &json!("")));
        let case = opened(&mara, &message_id(free.id)).await;
        assert_eq!(
            (&case["message"]["body"], &case["after"]),
            (&json!("about nothing"), &json!([])),
            "no neighbour either"
        );
        let raw = format!(
            "SELECT 1 FROM app.case_open('{}', '{}', '{}', NULL, now()) WHERE body LIKE '%swordfish%'",
            scene.mara.id, scene.nordwind.id, secret.id
        );
        assert_eq!(scene.mara.counts(&raw).await, 0, "nor the other wall");
        // An edit makes no hole: versions are withheld, too.
        scene.ben.edits(secret.id, 1, "harmless", now()).await.unwrap();
        let case = opened(&mara, &message_id(secret.id)).await;
        assert!(!case.to_string().contains("swordfish") && case.get("reported").is_none(), "{case}");
        mara.asks(&act(&message_id(secret.id), "hide")).await.good();
        mara.asks(&act(&message_id(secret.id), "resolve")).await.good();
        let case = opened(&olga, &message_id(secret.id)).await;
        assert_eq!((&case["message"]["body"], &case["reported"][0]["body"]), (&json!("harmless"), &json!("swordfish")));
        assert_eq!(opened(&olga, &message_id(free.id)).await["after"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn lifting_a_mute_lifts_what_holds_here_and_says_nothing_that_is_not_so() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let keeper = keeper(&scene).await;
        rules(&scene, [keeps(&keeper)]).await;
        let server = Server::start(house).await;
        let (client, anna, mara) =
            (server.admits(&keeper).await, server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let plan = scene.ben.discusses(&scene.plan).await.unwrap();
        let (here, there) = (scene.ben.writes(scene.group, "You fool").await, scene.ben.writes(plan, "You, too").await);
        let (here, there) = (message_id(here.id), message_id(there.id));
        anna.asks(&report(&here, "harassment")).await.good();
        mara.asks(&report(&there, "harassment")).await.good();
        mara.asks(&mute(&here, false)).await.good();
        mara.asks(&mute(&there, false)).await.good();
        mara.asks(&act(&here, "unmute")).await.good();
        assert!(may_write(&scene.ben, scene.group).await, "here");
        assert!(!may_write(&scene.ben, plan).await, "a mute elsewhere is another's");
        // What holds everywhere is lifted by who may say so; nobody is told that they may write while they may not.
        mara.asks(&mute(&there, true)).await.good();
        client.asks(&act(&there, "unmute")).await.refused("everywhere", Code::BeyondOwnRights);
        let notices: i64 = scene.nordwind.value("SELECT count(*) FROM moderation_acts WHERE act = 'unmute'").await;
        assert_eq!(notices, 1);
        assert!(!may_write(&scene.ben, plan).await);
        mara.asks(&act(&there, "unmute")).await.good();
        assert!(may_write(&scene.ben, plan).await && may_write(&scene.ben, scene.group).await);
    });
}

#[test]
fn two_moderators_who_mute_one_person_at_once_are_both_answered() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let first = scene.ben.writes(scene.group, "You fool").await;
        let second = scene.ben.writes(scene.group, "You idiot").await;
        let server = Server::start(house).await;
        let (anna, mara, olga) =
            (server.admits(&scene.anna).await, server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        for id in [first.id, second.id] {
            anna.asks(&report(&message_id(id), "harassment")).await.good();
        }
        for _ in 0..5 {
            let (asked_of_mara, asked_of_olga) =
                (mute(&message_id(first.id), true), mute(&message_id(second.id), true));
            let (one, other) = tokio::join!(mara.asks(&asked_of_mara), olga.asks(&asked_of_olga));
            one.good();
            other.good();
        }
        let in_force: i64 = scene.nordwind.value("SELECT count(*) FROM mutes WHERE lifted_at IS NULL").await;
        assert_eq!(in_force, 1);
    });
}

#[test]
fn what_is_deleted_while_it_is_reported_is_a_tombstone_and_no_alarm() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let rude = scene.ben.writes(scene.group, "You fool").await;
        let insert = format!(
            "INSERT INTO message_reports (company_id, id, message_id, reporter_id, reason, created_at)
             VALUES (app.company_id(), '{}', '{}', $1::uuid, 'spam', now())",
            fresh_id(),
            rude.id
        );
        let by = |who: &Actor| insert.replace("$1::uuid", &format!("'{}'", who.id));
        scene.ben.deletes(rude.id).await.unwrap();
        assert_refused("a tombstone, by name", &scene.anna.tries(&by(&scene.anna)).await, CHECK);
        // Who does not see the message is not told what became of it.
        assert_refused("out of sight", &scene.bob.tries(&by(&scene.bob)).await, NOT_ALLOWED);
    });
}

#[test]
fn the_log_names_no_reporter_keeps_no_reason_and_hears_of_who_looks_at_the_queue() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.group, "You fool").await;
        let id = id_of(&rude);
        anna.asks(&report(id, "harassment")).await.good();
        let traced: i64 = scene
            .nordwind
            .value("SELECT count(*) FROM audit_log WHERE action = 'message.report' AND correlation_id IS NOT NULL")
            .await;
        assert_eq!(traced, 0, "clients choose correlation ids");
        mara.asks(&act(id, "warn")).await.good();
        let kept: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE detail::text LIKE '%rule 7%'").await;
        assert_eq!(kept, 0, "the reason stays with the act");
        for _ in 0..3 {
            queue(&mara).await;
        }
        let looks: i64 = scene
            .nordwind
            .value(&format!(
                "SELECT count(*) FROM audit_log WHERE action = 'moderation.list' AND actor_id = '{}'",
                scene.mara.id
            ))
            .await;
        assert_eq!(looks, 1, "once an hour");
        // A report that is refused leaves no trail of what somebody wanted to report.
        let unseen = message_id(scene.south_hello.id);
        anna.asks(&report(&unseen, "spam")).await.refused("elsewhere", Code::NotFound);
        let trail = server.admits(&scene.olga).await.gets("/admin/abuse").await.good();
        let noted = trail["items"].as_array().unwrap().iter().find(|one| one["kind"] == "not_found").unwrap().clone();
        assert_eq!((&noted["operation"], noted.get("conversationId")), (&json!("withheld"), None), "{noted}");
    });
}

#[test]
fn a_hidden_message_is_no_number_and_its_html_and_files_are_gone() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let rude = ben.writes(scene.direct, "You fool").await;
        let id = id_of(&rude);
        anna.asks(&report(id, "harassment")).await.good();
        let before = scene.anna.unread_total().await;
        let html = anna.gets(format!("/messages/{id}/html")).await.good();
        scene
            .nordwind
            .arranges(&format!(
                "INSERT INTO attachments (company_id, id, conversation_id, message_id, file_name, media_type, size_bytes, sha256, state, created_at, created_by, updated_at)
                 VALUES ('{}', '{}', '{}', '{}', 'a.txt', 'text/plain', 1, decode(repeat('00', 32), 'hex'), 'clean', now(), '{}', now())",
                scene.nordwind.id,
                fresh_id(),
                scene.direct,
                uuid_of(id),
                scene.ben.id
            ))
            .await;
        assert_eq!(scene.anna.counts("SELECT 1 FROM attachments").await, 1);
        mara.asks(&act(id, "hide")).await.good();
        assert_eq!(scene.anna.unread_total().await, before - 1);
        assert_eq!(scene.anna.counts("SELECT 1 FROM attachments").await, 0);
        let hidden = anna.gets(format!("/messages/{id}/html")).await.good();
        assert_eq!(
            (&hidden["version"], &hidden["html"], &hidden["moderated"]),
            (&html["version"], &json!(""), &json!(1))
        );
        assert!(hidden["hiddenAt"].is_string() && html.get("hiddenAt").is_none());
        mara.asks(&act(id, "restore")).await.good();
        assert_eq!(scene.anna.unread_total().await, before);
    });
}
