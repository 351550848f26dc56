//! What a person may not do with messages that each are allowed, slow mode, and the trail of refusals.

use http::Method;
use postil::{
    backend::{jobs, source::Machine},
    clock::Clock as _,
    limits,
    wire::Code,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Ask, Client, Scene, Server,
    attempt::{NOT_ALLOWED, assert_refused},
    eventually, fresh_id, in_a_house,
    server::{Reply, conversation_id, user_id},
};

fn send(conversation: Uuid, body: &str) -> Ask {
    Ask::new(Method::POST, "/messages")
        .keyed(fresh_id().to_string())
        .json(&json!({ "conversationId": conversation_id(conversation), "body": body }))
}

fn edit(message: &Value, body: &str) -> Ask {
    Ask::new(Method::PATCH, format!("/messages/{}", message["id"].as_str().unwrap()))
        .json(&json!({ "body": body, "version": message["version"] }))
}

fn set(body: &Value) -> Ask {
    Ask::new(Method::PATCH, "/admin/settings").json(body)
}

fn slow(conversation: Uuid, seconds: u32) -> Ask {
    Ask::new(Method::PATCH, format!("/conversations/{}", conversation_id(conversation)))
        .json(&json!({ "slowModeS": seconds }))
}

/// Asserts a refusal that time heals, and that it says when in every way it can.
#[track_caller]
fn refused_for_now(reply: &Reply, what: &str, code: Code) -> u64 {
    reply.refused(what, code);
    let seconds: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 1, "{what}: {reply:?}");
    assert!(reply.body["detail"].as_str().unwrap().ends_with(&format!("again in {seconds} s")), "{what}: {reply:?}");
    assert!(reply.headers["ratelimit"].to_str().unwrap().contains(";r=0;t="), "{what}: {reply:?}");
    seconds
}

/// The trail as `admin` reads it.
async fn trail(admin: &Client, query: &str) -> Vec<Value> {
    admin.gets(format!("/admin/abuse?{query}")).await.good()["items"].as_array().unwrap().clone()
}

#[test]
fn one_text_is_not_sent_everywhere_and_a_retry_is_no_copy() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let text = "Please look at the new price list today";
        let first = send(scene.group, text);
        let sent = anna.asks(&first).await.good();
        for _ in 0..10 {
            assert_eq!(anna.asks(&first).await.good(), sent, "a retry is the same message");
        }
        anna.asks(&send(scene.direct, text)).await.good();
        anna.asks(&send(scene.group, "*please* look at the NEW price list today!!")).await.good();
        let again = anna.asks(&send(scene.direct, &format!("{text} \u{200b}."))).await;
        let wait = refused_for_now(&again, "the fourth", Code::DuplicateMessage);
        assert!(wait <= u64::from(limits::DUPLICATE_WINDOW_S / limits::DUPLICATES_MAX) + 1, "{wait}");
        // What may not be sent may not be put in the place of something harmless either.
        let harmless = anna.asks(&send(scene.group, "Hm")).await.good();
        refused_for_now(&anna.asks(&edit(&harmless, text)).await, "by an edit", Code::DuplicateMessage);
        for _ in 0..6 {
            anna.asks(&send(scene.group, "Thanks!")).await.good();
        }
        ben.asks(&send(scene.group, text)).await.good();
        let count: i64 = scene.nordwind.value(&format!("SELECT count(*) FROM messages WHERE body = '{text}'")).await;
        assert_eq!(count, 3, "Anna's two as written, and Ben's");
    });
}

#[test]
fn links_and_mentions_are_bounded_as_the_company_says() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna) = (server.admits(&scene.olga).await, server.admits(&scene.anna).await);
        let settings = json!({ "version": 0, "linksPerMessage": 2, "linksPerMinute": 3, "mentionsPerMessage": 1, "mentionsPerMinute": 1 });
        assert_eq!(olga.asks(&set(&settings)).await.good()["version"], 1);
        let links = |n: usize| (0..n).map(|n| format!("https://example.test/{n}")).collect::<Vec<_>>().join(" ");
        let many = anna.asks(&send(scene.group, &links(3))).await;
        many.refused("three links", Code::TooManyLinks);
        assert!(many.body["detail"].as_str().unwrap().ends_with(": 3, allowed are 2"), "{many:?}");
        let sent = anna.asks(&send(scene.group, &links(2))).await.good();
        refused_for_now(&anna.asks(&send(scene.direct, &links(2))).await, "four a minute", Code::LinkFlood);
        let others = "And https://example.test/8 https://example.test/9";
        refused_for_now(&anna.asks(&edit(&sent, others)).await, "by an edit", Code::LinkFlood);
        let at = |person: &crate::harness::Actor| format!("[@Somebody](postil:user/{}) ", user_id(person.id));
        anna.asks(&send(scene.group, &format!("{}{}", at(&scene.ben), at(&scene.mara))))
            .await
            .refused("two people", Code::TooManyMentions);
        anna.asks(&send(scene.group, &at(&scene.ben).repeat(3))).await.good();
        let again = anna.asks(&send(scene.group, &at(&scene.mara))).await;
        refused_for_now(&again, "two people a minute", Code::MentionFlood);
        anna.asks(&send(scene.group, "Nobody, and no link")).await.good();
    });
}

#[test]
fn new_members_write_more_slowly_at_first() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let company = scene.nordwind.id;
        let old = "now() - interval '30 days'";
        let burst = limits::SEND_BURST * limits::NEWCOMER_PERCENT / 100;
        // In a company that has just begun everybody is new: nobody is slowed.
        for n in 0..=burst {
            ben.asks(&send(scene.group, &n.to_string())).await.good();
        }
        scene.nordwind.arranges(&format!("UPDATE companies SET created_at = {old} WHERE id = '{company}'")).await;
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET created_at = {old} WHERE user_id = '{}'", scene.anna.id))
            .await;
        for n in 0..burst {
            ben.asks(&send(scene.group, &n.to_string())).await.good();
        }
        refused_for_now(&ben.asks(&send(scene.group, "One more")).await, "a newcomer", Code::NewcomerLimit);
        for n in 0..=burst {
            anna.asks(&send(scene.group, &n.to_string())).await.good();
        }
    });
}

#[test]
fn slow_mode_is_a_moderators_and_slows_everybody_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        anna.asks(&slow(scene.group, 600)).await.refused("no moderator", Code::Forbidden);
        mara.asks(&slow(scene.direct, 600)).await.refused("not hers to see", Code::NotFound);
        mara.asks(&slow(scene.group, limits::SLOW_MODE_S_MAX + 1)).await.refused("too slow", Code::InvalidField);
        assert_eq!(mara.asks(&slow(scene.group, 600)).await.good()["slowModeS"], 600);
        let first = send(scene.group, "One");
        anna.asks(&first).await.good();
        let wait = refused_for_now(&anna.asks(&send(scene.group, "Two")).await, "too soon", Code::SlowMode);
        assert!((500..=601).contains(&wait), "{wait}");
        assert!(anna.asks(&first).await.headers.contains_key("idempotency-replayed"), "a retry is no second message");
        for body in ["One", "Two", "Three"] {
            mara.asks(&send(scene.group, body)).await.good();
        }
        anna.asks(&send(scene.direct, "Elsewhere")).await.good();
        mara.asks(&slow(scene.group, 0)).await.good();
        anna.asks(&send(scene.group, "Two")).await.good();
        // The database says so, too: who writes there may move its position and nothing else.
        let group = scene.group;
        let by_hand =
            scene.anna.tries(&format!("UPDATE conversations SET slow_mode_s = 60 WHERE id = '{group}'")).await;
        assert_refused("slow mode by hand", &by_hand, NOT_ALLOWED);
        let told: Vec<String> = sqlx::query_scalar(
            "SELECT detail::text FROM audit_log WHERE company_id = $1 AND action = 'conversation.slow_mode' ORDER BY seq",
        )
        .bind(scene.nordwind.id)
        .fetch_all(&mut *scene.nordwind.house().await)
        .await
        .unwrap();
        assert_eq!(told, [r#"{"to": 600, "from": 0}"#, r#"{"to": 0, "from": 600}"#]);
    });
}

#[test]
fn settings_have_versions_bounds_and_a_history() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna) = (server.admits(&scene.olga).await, server.admits(&scene.anna).await);
        let before = olga.gets("/admin/settings").await.good();
        assert_eq!((&before["version"], &before["duplicatesMax"]), (&json!(0), &json!(limits::DUPLICATES_MAX)));
        anna.asks(&set(&json!({ "version": 0 }))).await.refused("staff", Code::Forbidden);
        for (field, value) in [
            ("duplicatesMax", 0),
            ("duplicatesMax", limits::DUPLICATES_LIMIT_MAX + 1),
            ("duplicateWindowS", limits::DUPLICATE_WINDOW_S_MIN - 1),
            ("linksPerMessage", limits::LINKS_PER_MINUTE + 1),
            ("mentionsPerMinute", 0),
            ("mentionsPerMinute", limits::PER_MINUTE_MAX + 1),
            ("newcomerHours", limits::NEWCOMER_HOURS_MAX + 1),
            ("newcomerPercent", 101),
        ] {
            let reply = olga.asks(&set(&json!({ "version": 0, field: value }))).await;
            reply.refused(field, Code::InvalidField);
            assert_eq!(reply.body["errors"][0]["field"], field, "{reply:?}");
        }
        assert_eq!(olga.asks(&set(&json!({ "version": 0 }))).await.good()["version"], 0, "nothing was changed");
        assert_eq!(olga.asks(&set(&json!({ "version": 0, "newcomerHours": 48 }))).await.good()["version"], 1);
        olga.asks(&set(&json!({ "version": 0, "newcomerHours": 72 }))).await.refused("stale", Code::VersionConflict);
        let now = olga.asks(&set(&json!({ "version": 1, "newcomerPercent": 50 }))).await.good();
        assert_eq!((&now["version"], &now["newcomerHours"]), (&json!(2), &json!(48)));
        assert_eq!(olga.gets("/admin/settings").await.good(), now);
        let sven = server.admits(&scene.sven).await;
        assert_eq!(sven.gets("/admin/settings").await.good()["version"], 0, "another company's");
        let told: Vec<String> =
            sqlx::query_scalar("SELECT action FROM audit_log WHERE action LIKE 'limits.%' ORDER BY seq")
                .fetch_all(&mut *scene.nordwind.house().await)
                .await
                .unwrap();
        assert_eq!(told, ["limits.create", "limits.change"]);
        let by_hand = scene.anna.tries("UPDATE company_limits SET newcomer_percent = 100").await;
        assert_eq!(by_hand, Ok(0), "who may not is shown nothing to change");
    });
}

#[test]
fn refusals_leave_a_trail_that_administrators_read_and_nobody_floods() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna) = (server.admits(&scene.olga).await, server.admits(&scene.anna).await);
        server.admits(&scene.mara).await.asks(&slow(scene.group, 600)).await.good();
        anna.asks(&send(scene.group, "One")).await.good();
        for _ in 0..7 {
            anna.asks(&send(scene.group, "More")).await.refused("slow", Code::SlowMode);
        }
        let delete = Ask::new(Method::DELETE, format!("/messages/msg_{}", scene.hello.id.simple()));
        let ben = server.admits(&scene.ben).await;
        let forbidden = i64::from(limits::AUDIT_REFUSALS_PER_MINUTE) + 5;
        for _ in 0..forbidden {
            ben.asks(&delete).await.refused("not his", Code::Forbidden);
        }
        ben.gets(format!("/messages/msg_{}", fresh_id().simple())).await.refused("nothing", Code::NotFound);
        // Mistakes are no abuse.
        ben.asks(&Ask::new(Method::POST, "/messages").keyed("x").text("{"))
            .await
            .refused("a mistake", Code::MalformedBody);

        let of =
            |items: &[Value], kind: &str| items.iter().filter(|item| item["kind"] == kind).cloned().collect::<Vec<_>>();
        let count = |items: &[Value]| items.iter().map(|item| item["count"].as_i64().unwrap()).sum::<i64>();
        let all = trail(&olga, "").await;
        let slowed = of(&all, "slow_mode");
        assert_eq!(count(&slowed), 7, "{all:#?}");
        assert!(slowed.len() <= 2, "a row for each minute: {slowed:#?}");
        assert_eq!(slowed[0]["userId"], user_id(scene.anna.id));
        assert_eq!(slowed[0]["conversationId"], Value::Null, "Olga is not in the group");
        assert_eq!(slowed[0]["operation"], "send_message");
        assert!(slowed[0]["address"].as_str().unwrap().starts_with("adr_"));
        assert_eq!(count(&of(&all, "not_found")), 1);
        assert!(of(&all, "malformed_body").is_empty());
        // Each refusal is told once: in the audit log, or where that has no more room, here.
        let audited: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE action = 'access.refused'").await;
        assert_eq!(audited + count(&of(&all, "forbidden")), forbidden, "{all:#?}");
        assert!(count(&of(&all, "forbidden")) > 0);

        assert_eq!(trail(&olga, "kind=slow_mode").await, slowed);
        assert!(
            trail(&olga, &format!("userId={}", ben.person())).await.iter().all(|item| item["userId"] == ben.person())
        );
        assert!(trail(&olga, "since=2100-01-01T00:00:00Z").await.is_empty());
        let (mut paged, mut query) = (Vec::new(), "limit=1".to_owned());
        loop {
            let page = olga.gets(format!("/admin/abuse?{query}")).await.good();
            paged.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["nextCursor"].as_str() else { break };
            query = format!("limit=1&cursor={next}");
        }
        assert_eq!(paged, all);
        olga.gets("/admin/abuse?kind=Nothing%20such").await.refused("no kind", Code::InvalidQuery);

        anna.gets("/admin/abuse").await.refused("staff", Code::Forbidden);
        assert!(trail(&server.admits(&scene.sven).await, "").await.is_empty(), "another company's");
        assert_eq!(scene.anna.counts("SELECT 1 FROM refusals").await, 0, "by hand, too");
        assert!(scene.olga.counts("SELECT 1 FROM refusals").await > 0);
        let accusation = format!(
            "INSERT INTO refusals (company_id, minute, kind, subject, operation, count, first_at, last_at)
             VALUES ('{}', '2026-01-01', 'slow_mode', gen_random_uuid(), 'send_message', 1, now(), now())",
            scene.nordwind.id
        );
        assert_refused("an accusation", &scene.olga.tries(&accusation).await, NOT_ALLOWED);

        let kept = Machine.now().plus_s((limits::REFUSALS_KEEP_DAYS - 1) * 86_400);
        let rows = scene.olga.counts("SELECT 1 FROM refusals").await;
        jobs::purge(&server.services, kept).await.unwrap();
        assert_eq!(scene.olga.counts("SELECT 1 FROM refusals").await, rows, "as long as they are kept");
        jobs::purge(&server.services, kept.plus_s(2 * 86_400)).await.unwrap();
        assert_eq!(scene.olga.counts("SELECT 1 FROM refusals").await, 0);
    });
}

#[test]
fn tries_at_a_known_account_are_in_the_trail_of_its_companies() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let email: String =
            scene.nordwind.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.bob.id)).await;
        let nobody = server.nobody();
        // What is counted comes back with time, and each try costs some: on a busy machine it takes more than the bound.
        let mut tries = 0;
        loop {
            let ask =
                Ask::new(Method::POST, "/session").json(&json!({ "email": email, "password": "wrong horse battery" }));
            let reply = nobody.asks(&ask.with("x-forwarded-for", "203.0.113.9")).await;
            if reply.status == 429 {
                break;
            }
            assert_eq!(reply.status, 401, "{reply:?}");
            tries += 1;
            assert!(tries <= 5 * limits::SIGN_IN_PER_MINUTE, "nobody is ever refused");
        }
        let (olga, sven) = (server.admits(&scene.olga).await, server.admits(&scene.sven).await);
        let mut addresses = Vec::new();
        for admin in [&olga, &sven] {
            let tried = eventually("the tries are told", async || {
                let items = trail(admin, &format!("userId={}", user_id(scene.bob.id))).await;
                let limited = items.iter().any(|item| item["kind"] == "rate_limited");
                (limited && items.iter().any(|item| item["kind"] == "invalid_credentials")).then_some(items)
            })
            .await;
            assert!(tried.iter().all(|item| item["operation"] == "sign_in"), "{tried:#?}");
            addresses.push(tried[0]["address"].clone());
        }
        assert_ne!(addresses[0], addresses[1], "companies can't compare whom they know by address");
    });
}

/// A send of another client, with a key of its own.
fn keyed(key: &str, conversation: Uuid, body: &str) -> Ask {
    send(conversation, body).keyed(key)
}

fn answer(key: &str, parent: &Value, body: &str) -> Ask {
    Ask::new(Method::POST, format!("/messages/{}/reply", parent["id"].as_str().unwrap()))
        .keyed(key)
        .json(&json!({ "body": body }))
}

#[test]
fn one_payment_pays_for_one_request_however_keys_and_texts_are_cut() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let text = "a notice that is long enough to count as one";
        let (gone, mine) =
            (anna.asks(&send(scene.direct, "Gone")).await.good(), anna.asks(&send(scene.direct, "Mine")).await.good());
        let delete = Ask::new(Method::DELETE, format!("/messages/{}", gone["id"].as_str().unwrap()));
        anna.asks(&delete).await.good();
        mara.asks(&slow(scene.group, limits::SLOW_MODE_S_MAX)).await.good();
        anna.asks(&keyed("a", scene.group, &format!(":::{text}"))).await.good();
        // What belongs to the key and what to the text is not for the client to shift.
        for (key, body) in [("a:", format!("::{text}")), ("a::", format!(":{text}")), ("a:::", text.to_owned())] {
            let again = anna.asks(&keyed(key, scene.group, &body)).await;
            refused_for_now(&again, key, Code::SlowMode);
        }
        // An edit that came to nothing pays for no send.
        let stale = json!({ "body": format!("Edited: {text}"), "version": 7 });
        let id = mine["id"].as_str().unwrap();
        anna.asks(&Ask::new(Method::PATCH, format!("/messages/{id}")).json(&stale))
            .await
            .refused("stale", Code::VersionConflict);
        let as_send = anna.asks(&keyed(&format!("{id}:7"), scene.group, &format!("Edited: {text}"))).await;
        refused_for_now(&as_send, "what an edit paid", Code::SlowMode);
        // Nor does a send elsewhere.
        anna.asks(&answer("k", &gone, &format!("Elsewhere: {text}"))).await.refused("a tombstone", Code::ParentDeleted);
        let elsewhere = anna.asks(&keyed("k", scene.group, &format!("Elsewhere: {text}"))).await;
        refused_for_now(&elsewhere, "what was paid elsewhere", Code::SlowMode);
    });
}

#[test]
fn what_was_not_stored_costs_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara, olga) =
            (server.admits(&scene.anna).await, server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        let gone = mara.asks(&send(scene.group, "Gone")).await.good();
        mara.asks(&Ask::new(Method::DELETE, format!("/messages/{}", gone["id"].as_str().unwrap()))).await.good();
        mara.asks(&slow(scene.group, limits::SLOW_MODE_S_MAX)).await.good();
        for _ in 0..3 {
            anna.asks(&answer("late", &gone, "Too late")).await.refused("a tombstone", Code::ParentDeleted);
        }
        anna.asks(&send(scene.group, "On time")).await.good();
        refused_for_now(&anna.asks(&send(scene.group, "And more")).await, "once is enough", Code::SlowMode);
        // An edit that came to nothing, likewise.
        let settings = json!({ "version": 0, "linksPerMessage": 1, "linksPerMinute": 1 });
        olga.asks(&set(&settings)).await.good();
        let mine = anna.asks(&send(scene.direct, "Mine")).await.good();
        let linked = "See https://a.example";
        let stale = json!({ "id": mine["id"], "version": 7 });
        for _ in 0..3 {
            anna.asks(&edit(&stale, linked)).await.refused("stale", Code::VersionConflict);
        }
        let edited = anna.asks(&edit(&mine, linked)).await.good();
        refused_for_now(&anna.asks(&edit(&edited, "https://b.example")).await, "another", Code::LinkFlood);
    });
}

#[test]
fn a_retry_whose_receipt_is_gone_is_no_second_copy() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let text = "Please look at the new price list today";
        let first = send(scene.direct, text);
        let sent = anna.asks(&first).await.good();
        // As if it had been an hour ago, and Redis had forgotten what was paid.
        let earlier = "UPDATE messages SET created_at = created_at - interval '1 hour' WHERE body LIKE 'Please%'";
        assert_eq!(scene.nordwind.arranges(earlier).await, 1);
        super::forgets_receipts(house).await;
        for _ in 0..limits::DUPLICATES_MAX {
            assert_eq!(anna.asks(&first).await.good()["id"], sent["id"]);
        }
        for _ in 1..limits::DUPLICATES_MAX {
            anna.asks(&send(scene.direct, text)).await.good();
        }
        refused_for_now(&anna.asks(&send(scene.direct, text)).await, "one too many", Code::DuplicateMessage);
    });
}

#[test]
fn an_edit_is_counted_by_what_it_adds() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, olga) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.olga).await);
        let mut message = anna.asks(&send(scene.group, "Please look at the new price list today")).await.good();
        for signs in ["!", ".", "!!", "?", "…"] {
            let text = format!("Please, look at the NEW price list today{signs}");
            message = anna.asks(&edit(&message, &text)).await.good();
        }
        // It is a copy still.
        for _ in 1..limits::DUPLICATES_MAX {
            anna.asks(&send(scene.direct, "Please look at the new price list today")).await.good();
        }
        let copy = anna.asks(&send(scene.direct, "Please look at the new price list today")).await;
        refused_for_now(&copy, "one too many", Code::DuplicateMessage);

        let old = "now() - interval '30 days'";
        let company = scene.nordwind.id;
        scene.nordwind.arranges(&format!("UPDATE companies SET created_at = {old} WHERE id = '{company}'")).await;
        let most = limits::LINKS_PER_MINUTE * limits::NEWCOMER_PERCENT / 100;
        let links = |from: u32| (from..from + most).map(|n| format!("https://a.example/{n}")).collect::<Vec<_>>();
        let sent = ben.asks(&send(scene.group, &links(0).join(" "))).await.good();
        let sent = ben.asks(&edit(&sent, &format!("Sources: {}", links(0).join(", ")))).await.good();
        let others = ben.asks(&edit(&sent, &links(100).join(" "))).await;
        refused_for_now(&others, "others in their place", Code::LinkFlood);
        // What was allowed when it was written may be mended, when less is allowed now.
        let settings = json!({ "version": 0, "linksPerMessage": 1 });
        olga.asks(&set(&settings)).await.good();
        let sent = ben.asks(&edit(&sent, &format!("Our sources: {}", links(0).join(", ")))).await.good();
        let more = format!("{} https://a.example/more", links(0).join(" "));
        ben.asks(&edit(&sent, &more)).await.refused("one more", Code::TooManyLinks);
    });
}

#[test]
fn a_pause_that_a_moderator_shortens_is_short_from_the_next_message_on() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara, olga) =
            (server.admits(&scene.anna).await, server.admits(&scene.mara).await, server.admits(&scene.olga).await);
        mara.asks(&slow(scene.group, limits::SLOW_MODE_S_MAX)).await.good();
        anna.asks(&send(scene.group, "One")).await.good();
        let wait = refused_for_now(&anna.asks(&send(scene.group, "Two")).await, "six hours", Code::SlowMode);
        assert!(wait > 20_000, "{wait}");
        mara.asks(&slow(scene.group, 10)).await.good();
        anna.asks(&send(scene.group, "Two")).await.good();
        let wait = refused_for_now(&anna.asks(&send(scene.group, "Three")).await, "ten seconds", Code::SlowMode);
        assert!(wait <= 11, "{wait}");
        // And the window for copies.
        let window = json!({ "version": 0, "duplicatesMax": 1, "duplicateWindowS": limits::DUPLICATE_WINDOW_S_MAX });
        olga.asks(&set(&window)).await.good();
        let text = "Please look at the new price list today";
        anna.asks(&send(scene.direct, text)).await.good();
        let wait = refused_for_now(&anna.asks(&send(scene.direct, text)).await, "a day", Code::DuplicateMessage);
        assert!(wait > 80_000, "{wait}");
        olga.asks(&set(&json!({ "version": 1, "duplicateWindowS": limits::DUPLICATE_WINDOW_S_MIN }))).await.good();
        anna.asks(&send(scene.direct, text)).await.good();
        let wait = refused_for_now(&anna.asks(&send(scene.direct, text)).await, "seconds", Code::DuplicateMessage);
        assert!(wait <= u64::from(limits::DUPLICATE_WINDOW_S_MIN) + 1, "{wait}");
    });
}

#[test]
fn what_a_group_is_called_is_judged_and_counted_like_a_message() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let open = |title: &str| {
            Ask::new(Method::POST, "/conversations")
                .keyed(fresh_id().to_string())
                .json(&json!({ "kind": "group", "title": title, "userIds": [user_id(scene.mara.id)] }))
        };
        let entries = json!([{ "words": "darn", "action": "refuse" }, { "words": "heck", "action": "mask" }]);
        let words = Ask::new(Method::PUT, "/admin/words").json(&json!({ "baseVersion": 0, "entries": entries }));
        mara.asks(&words).await.good();
        let refused = anna.asks(&open("The d.a.r.n plan")).await;
        refused.refused("a word", Code::WordRefused);
        assert_eq!(refused.body["errors"][0]["field"], "title", "{refused:?}");
        assert_eq!(anna.asks(&open("What the heck")).await.good()["summary"]["title"], "What the ••••");
        let text = "Please look at the new price list today";
        for _ in 0..limits::DUPLICATES_MAX {
            anna.asks(&open(text)).await.good();
        }
        refused_for_now(&anna.asks(&open(text)).await, "a copy", Code::DuplicateMessage);
        refused_for_now(&anna.asks(&send(scene.group, text)).await, "as a message", Code::DuplicateMessage);

        let old = "now() - interval '30 days'";
        let company = scene.nordwind.id;
        scene.nordwind.arranges(&format!("UPDATE companies SET created_at = {old} WHERE id = '{company}'")).await;
        let burst = limits::SEND_BURST * limits::NEWCOMER_PERCENT / 100;
        for n in 0..burst {
            ben.asks(&open(&n.to_string())).await.good();
        }
        refused_for_now(&ben.asks(&open("One more")).await, "a newcomer", Code::NewcomerLimit);
    });
}

#[test]
fn the_trail_names_no_conversation_that_its_reader_may_not_see() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna) = (server.admits(&scene.olga).await, server.admits(&scene.anna).await);
        olga.asks(&set(&json!({ "version": 0, "linksPerMessage": 0, "mentionsPerMessage": 0 }))).await.good();
        let mention = format!("[@Somebody](postil:user/{})", user_id(scene.ben.id));
        anna.asks(&send(scene.direct, "https://a.example")).await.refused("between two", Code::TooManyLinks);
        anna.asks(&send(scene.invoice_talk, &mention)).await.refused("about the invoice", Code::TooManyMentions);
        let items = trail(&olga, "").await;
        let of =
            |kind: &str| items.iter().find(|item| item["kind"] == kind).expect("it is told")["conversationId"].clone();
        assert_eq!(of("too_many_links"), Value::Null, "{items:#?}");
        assert_eq!(of("too_many_mentions"), conversation_id(scene.invoice_talk), "{items:#?}");
    });
}

#[test]
fn the_muted_the_refused_words_and_floods_on_sockets_are_in_the_trail() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna, ben, mara) = (
            server.admits(&scene.olga).await,
            server.admits(&scene.anna).await,
            server.admits(&scene.ben).await,
            server.admits(&scene.mara).await,
        );
        let entries = json!([{ "words": "darn", "action": "refuse" }]);
        let words = Ask::new(Method::PUT, "/admin/words").json(&json!({ "baseVersion": 0, "entries": entries }));
        mara.asks(&words).await.good();
        ben.asks(&send(scene.group, "darn")).await.refused("a word", Code::WordRefused);
        let mute = format!(
            "INSERT INTO mutes (company_id, id, user_id, muted_until, created_at) VALUES ('{}', gen_random_uuid(), '{}', now() + interval '1 day', now())",
            scene.nordwind.id, scene.anna.id
        );
        scene.nordwind.arranges(&mute).await;
        anna.asks(&send(scene.group, "Hm")).await.refused("muted", Code::Muted);
        let mut socket = ben.listens().await;
        for n in 0..=4 * limits::SOCKET_FRAMES_BURST {
            socket.says(&json!({ "type": "activity", "active": n % 2 == 0 })).await;
        }
        assert_eq!(socket.closes().await, 4429);
        let items = eventually("all is told", async || {
            let items = trail(&olga, "").await;
            items.iter().any(|item| item["kind"] == "frame_flood").then_some(items)
        })
        .await;
        let who = |kind: &str| items.iter().find(|item| item["kind"] == kind).expect("it is told")["userId"].clone();
        assert_eq!(who("muted"), user_id(scene.anna.id));
        assert_eq!(who("word_refused"), user_id(scene.ben.id));
        assert_eq!(who("frame_flood"), user_id(scene.ben.id));
    });
}

#[test]
fn a_look_at_the_trail_writes_ones_own_companys_and_needs_no_writing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, anna, sven) =
            (server.admits(&scene.olga).await, server.admits(&scene.anna).await, server.admits(&scene.sven).await);
        let nothing = || format!("/messages/msg_{}", fresh_id().simple());
        anna.gets(nothing()).await.refused("nothing there", Code::NotFound);
        sven.gets(nothing()).await.refused("nor there", Code::NotFound);
        assert_eq!(trail(&olga, "").await.len(), 1);
        let written: i64 = scene.south.value("SELECT count(*) FROM refusals").await;
        assert_eq!(written, 0, "another company's wait for their own");
        // What can't be written is no reason to show nothing, and is written later, once.
        scene.nordwind.arranges("REVOKE INSERT ON refusals FROM postil_worker").await;
        anna.asks(&Ask::new(Method::DELETE, nothing())).await.refused("nothing there", Code::NotFound);
        for _ in 0..3 {
            let items = trail(&olga, "").await;
            assert_eq!(items.iter().map(|item| item["count"].as_i64().unwrap()).sum::<i64>(), 1, "{items:#?}");
        }
        scene.nordwind.arranges("GRANT INSERT ON refusals TO postil_worker").await;
        let items = trail(&olga, "").await;
        assert_eq!(items.iter().map(|item| item["count"].as_i64().unwrap()).sum::<i64>(), 2, "{items:#?}");
    });
}
