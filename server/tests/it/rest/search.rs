//! Full-text search: what is found is what may be read, and nothing tells of the rest.

use http::Method;
use postil::{
    access::{Action, RoleKey, preset},
    backend::jobs::{self, JobKind},
    limits,
    wire::Code,
};
use serde_json::{Value, json};

use crate::harness::{
    Actor, Ask, Client, Draft, Scene, Server,
    attempt::{NOT_ALLOWED, assert_refused},
    fresh_id, in_a_house, now,
    server::{conversation_id, message_id, user_id},
};

async fn page(client: &Client, query: &str) -> Value {
    client.gets(format!("/search?{query}")).await.good()
}

/// What is found, as shown: with what was searched for in brackets.
async fn finds(client: &Client, query: &str) -> Vec<String> {
    let page = page(client, &format!("q={query}")).await;
    let show = |run: &Value| match run["kind"].as_str() {
        Some("found") => format!("[{}]", run["text"].as_str().unwrap()),
        _ => run["text"].as_str().unwrap().to_owned(),
    };
    let hits = page["items"].as_array().unwrap().iter();
    hits.map(|hit| hit["excerpt"].as_array().unwrap().iter().map(show).collect()).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

/// What the search function finds when it is called by hand, with nothing before and nothing after it.
async fn candidates(who: &Actor, text: &str) -> usize {
    who.counts(&format!(
        "SELECT 1 FROM app.search_candidates('{text}', NULL, NULL, NULL, NULL, NULL, NULL, '{{}}', 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 100)"
    ))
    .await
}

#[test]
fn words_are_found_whatever_their_capitals_accents_and_script() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        anna.writes(scene.group, "The **Café** in Zürich is open, see [the map](https://secret.example/hidden)").await;
        anna.writes(scene.group, "来週東京に行きます").await;
        anna.writes(scene.group, "Счёт на оплату, `let total = 17`").await;
        anna.writes(scene.group, "Neue Straße 7").await;
        anna.writes(scene.group, "कृपया भुगतान करें").await;
        anna.writes(scene.group, "ใบแจ้งหนี้ใหม่").await;
        anna.writes(scene.group, "فـاتـورة من مُحَمَّد أحمد").await;
        for (query, found) in [
            ("cafe", vec!["The [Café] in Zürich is open, see the map"]),
            ("CAFE%CC%81%20zur", vec!["The [Café] in [Zürich] is open, see the map"]),
            ("%E6%9D%B1%E4%BA%AC", vec!["来週[東京]に行きます"]),
            ("%E6%9D%B1", vec!["来週[東]京に行きます"]),
            ("%D0%A1%D0%A7%D0%95%D0%A2", vec!["[Счёт] на оплату, let total = 17"]),
            ("total%2017", vec!["Счёт на оплату, let [total] = [17]"]),
            ("strasse", vec!["Neue [Straße] 7"]),
            ("STRASSE", vec!["Neue [Straße] 7"]),
            ("stra%C3%9Fe", vec!["Neue [Straße] 7"]),
            ("%E0%A4%AD%E0%A5%81%E0%A4%97", vec!["कृपया [भुगतान] करें"]),
            ("%E0%A4%97%E0%A4%A4", vec![]),
            ("%E0%B9%81%E0%B8%88%E0%B9%89%E0%B8%87", vec!["ใบ[แจ้ง]หนี้ใหม่"]),
            ("%E0%B9%81%E0%B8%88%E0%B8%87", vec![]),
            ("%D9%85%D8%AD%D9%85%D8%AF", vec!["فـاتـورة من [مُحَمَّد] أحمد"]),
            ("%D8%A7%D8%AD%D9%85%D8%AF", vec!["فـاتـورة من مُحَمَّد [أحمد]"]),
            ("%D9%81%D8%A7%D8%AA%D9%88%D8%B1%D8%A9", vec!["[فـاتـورة] من مُحَمَّد أحمد"]),
            // A prefix of any word but the last, a word that is not there, where a link leads, and what is no word of a query.
            ("zur%20cafe", vec![]),
            ("zur%20the%20ope", vec![]),
            ("cafe%20tokyo", vec![]),
            ("secret", vec![]),
            ("cafe%27%20%7C%20%21total", vec![]),
        ] {
            let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
            assert_eq!(finds(&ben, query).await, found, "{query}");
        }
        let hit = page(&ben, "q=cafe").await["items"][0].clone();
        assert_eq!(
            hit["conversation"],
            json!({ "id": conversation_id(scene.group), "kind": "group", "title": "Year end" })
        );
        assert_eq!((&hit["author"]["id"], &hit["author"]["name"]), (&json!(user_id(scene.anna.id)), &json!("Anna")));
        let direct = anna.writes(scene.direct, "Needle").await;
        let about = anna.writes(scene.invoice_talk, "Needle").await;
        let hits = page(&anna, "q=needle").await["items"].clone();
        assert_eq!((&hits[0]["id"], &hits[1]["id"]), (&about["id"], &direct["id"]), "newest first");
        assert_eq!(
            (&hits[0]["conversation"]["record"]["id"], &hits[0]["link"]["record"]["id"]),
            (&json!("INV-4711"), &json!("INV-4711"))
        );
        assert_eq!(hits[1]["conversation"]["title"], "Ben", "the other one");
    });
}

#[test]
fn what_is_edited_away_deleted_or_hidden_is_not_found_and_what_is_restored_is() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara) =
            (server.admits(&scene.anna).await, server.admits(&scene.ben).await, server.admits(&scene.mara).await);
        let message = ben.writes(scene.group, "The password is swordfish").await;
        let id = message["id"].as_str().unwrap();
        assert_eq!(finds(&anna, "swordfish").await, ["The password is [swordfish]"]);
        let edit = Ask::new(Method::PATCH, format!("/messages/{id}"))
            .json(&json!({ "body": "Never mind the halibut", "version": 1 }));
        ben.asks(&edit).await.good();
        assert_eq!((finds(&anna, "swordfish").await, finds(&ben, "swordfish").await), (nothing(), nothing()));
        assert_eq!(finds(&anna, "halibut").await, ["Never mind the [halibut]"]);

        anna.asks(&Ask::new(Method::POST, format!("/messages/{id}/reports")).json(&json!({ "reason": "spam" })))
            .await
            .good();
        let act = |act: &str| {
            Ask::new(Method::POST, format!("/moderation/reports/{id}/acts")).json(&json!({ "act": act, "reason": "x" }))
        };
        mara.asks(&act("hide")).await.good();
        for client in [&anna, &ben, &mara] {
            assert_eq!(finds(client, "halibut").await, nothing(), "hidden");
        }
        mara.asks(&act("restore")).await.good();
        assert_eq!(finds(&anna, "halibut").await, ["Never mind the [halibut]"]);

        ben.asks(&Ask::new(Method::DELETE, format!("/messages/{id}"))).await.good();
        for client in [&anna, &ben, &mara] {
            assert_eq!(finds(client, "halibut").await, nothing(), "deleted");
        }
        assert_eq!(candidates(&scene.mara, "halibut").await, 0);
        let words: String = scene
            .nordwind
            .value(&format!("SELECT terms::text FROM message_search WHERE message_id = (SELECT id FROM messages WHERE author_id = '{}' AND deleted_at IS NOT NULL)", scene.ben.id))
            .await;
        assert_eq!(words, "", "and no word of it stays");
    });
}

#[test]
fn nobody_finds_what_they_may_not_read() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        scene.anna.writes(scene.direct, "needle in a direct talk").await;
        scene.anna.writes(scene.invoice_talk, "needle about an invoice").await;
        // In a group of four, about a record that only some of them see; and an answer to it.
        let mixed = scene
            .anna
            .sends(&Draft::new(scene.group, "needle in a mixed thread").about(&scene.invoice))
            .await
            .unwrap()
            .sent();
        scene.anna.answers(&mixed, "needle as an answer").await;
        scene.sven.writes(scene.south_group, "needle between us").await;
        let stale = server.admits(&scene.eva).await;
        for (who, sees) in [
            (&scene.anna, 4),
            (&scene.ben, 1),
            (&scene.bob, 1),
            (&scene.mara, 3),
            (&scene.eva, 0),
            (&scene.olga, 1),
            (&scene.erp, 0),
            (&scene.sven, 1),
            (&scene.bob_south, 1),
        ] {
            let client = server.admits(who).await;
            assert_eq!(finds(&client, "needle").await.len(), sees, "{}", who.id);
            assert_eq!(candidates(who, "needle").await, sees, "{} by hand", who.id);
        }
        // Under another company's name, or nobody's, there is nothing.
        assert_eq!(candidates(&scene.anna.claims(scene.south.id), "needle").await, 0);
        // A search for what is hidden answers to the byte like one for what nobody ever wrote.
        let (hidden, missing) = (stale.gets("/search?q=needle").await, stale.gets("/search?q=haystack").await);
        assert_eq!(hidden.comparable(), missing.comparable());
        // In a place that one may not see nothing is found, because there is no such place.
        for place in [
            format!("conversationId={}", conversation_id(scene.direct)),
            format!("conversationId={}", conversation_id(fresh_id())),
            "linkedType=transaction&linkedId=INV-4711".to_owned(),
            "linkedType=transaction&linkedId=INV-0".to_owned(),
            format!("conversationId={}&linkedType=transaction&linkedId=INV-4711", conversation_id(scene.group)),
        ] {
            stale.gets(format!("/search?q=needle&{place}")).await.refused(&place, Code::NotFound);
        }
        // The words themselves are nobody's to read.
        for sql in [
            "SELECT terms FROM message_search",
            "SELECT count(*) FROM message_search",
            "UPDATE message_search SET terms = ''",
        ] {
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
        for sql in [
            "SELECT app.readable_places('{}', '{}', '{}')",
            "SELECT app.search_terms(app.company_id(), '[]')",
            "SELECT app.search_fill('00000000-0000-0000-0000-000000000000', 1)",
        ] {
            assert_refused(sql, &scene.olga.tries(sql).await, NOT_ALLOWED);
        }
    });
}

#[test]
fn what_is_taken_away_is_not_found_from_the_next_search_on() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben, mara, eva) = (
            server.admits(&scene.anna).await,
            server.admits(&scene.ben).await,
            server.admits(&scene.mara).await,
            server.admits(&scene.eva).await,
        );
        scene.anna.writes(scene.invoice_talk, "needle about an invoice").await;
        scene.ben.writes(scene.group, "needle in a group").await;
        assert_eq!((finds(&mara, "needle").await.len(), finds(&eva, "needle").await.len()), (2, 1));
        // A deny rule on one record, which wins over everything.
        let mut policy = serde_json::to_value(preset::policy()).unwrap();
        policy["rules"].as_array_mut().unwrap().push(json!({
            "id": "no-invoice", "effect": "deny", "roles": [RoleKey::MANAGER], "actions": [Action::MessageRead],
            "scope": { "type": "record", "record": { "kind": "transaction", "id": "INV-4711" } },
        }));
        scene.nordwind.has_policy(2, &serde_json::from_value(policy).unwrap()).await;
        assert_eq!(finds(&mara, "needle").await, ["[needle] in a group"]);
        // The record moves to another department.
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE linked_records SET department_id = '{}', owner_id = NULL WHERE id = 'INV-4711'",
                scene.production
            ))
            .await;
        assert_eq!(finds(&anna, "invoice").await, nothing());
        assert_eq!(finds(&ben, "invoice").await, ["needle about an [invoice]"]);
        // Somebody leaves the group, and somebody the company.
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE participants SET deleted_at = now(), deleted_by = user_id WHERE user_id = '{}'",
                scene.anna.id
            ))
            .await;
        assert_eq!(finds(&anna, "needle").await, nothing());
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.eva.id))
            .await;
        eva.gets("/search?q=needle").await.refused("revoked", Code::Unauthenticated);
        assert_eq!(candidates(&scene.eva, "needle").await, 0);
    });
}

#[test]
fn what_a_block_folds_is_not_found_but_business_is() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        scene.ben.writes(scene.group, "needle for everybody").await;
        scene.ben.sends(&Draft::new(scene.group, "needle about a topic").about(&scene.topic)).await.unwrap().sent();
        assert_eq!(finds(&anna, "needle").await.len(), 2);
        let path = format!("/people/{}/block", user_id(scene.ben.id));
        anna.asks(&Ask::new(Method::PUT, path.clone())).await.good();
        assert_eq!(finds(&anna, "needle").await, ["[needle] about a topic"]);
        assert_eq!(finds(&server.admits(&scene.mara).await, "needle").await.len(), 2, "of nobody else's concern");
        anna.asks(&Ask::new(Method::DELETE, path)).await.good();
        assert_eq!(finds(&anna, "needle").await.len(), 2);
    });
}

#[test]
fn filters_narrow_and_pages_meet_without_gap_or_overlap_past_what_is_hidden() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let ben = server.admits(&scene.ben).await;
        // Every second one is about a record that Ben doesn't see; several at the same moment.
        let at = now();
        let mut expected = Vec::new();
        for n in 0..12 {
            let mut draft = Draft::new(scene.group, "needle");
            draft.at = at;
            let draft = if n % 2 == 0 { draft.about(&scene.invoice) } else { draft };
            let sent = scene.anna.sends(&draft).await.unwrap().sent();
            if n % 2 == 1 {
                expected.push(message_id(sent.id));
            }
        }
        expected.sort();
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = page(&ben, &format!("q=needle&limit=2{cursor}")).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() == 2, "a page is full of what may be read: {page}");
            seen.extend(items.iter().map(|hit| hit["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        seen.sort();
        assert_eq!(seen, expected);
        // A cursor goes on with its own search only, in its own company.
        let first = page(&ben, "q=needle&limit=2").await["nextCursor"].as_str().unwrap().to_owned();
        for other in ["q=needles", "q=needle&from=2020-01-01T00:00:00Z", "q=Needle"] {
            ben.gets(format!("/search?{other}&cursor={first}")).await.refused(other, Code::InvalidCursor);
        }
        server
            .admits(&scene.sven)
            .await
            .gets(format!("/search?q=needle&cursor={first}"))
            .await
            .refused("theirs", Code::InvalidCursor);

        let late = scene.ben.writes(scene.direct, "needle at last").await;
        let count =
            async |query: &str| page(&ben, &format!("q=needle{query}")).await["items"].as_array().unwrap().len();
        assert_eq!(count("").await, 7);
        assert_eq!(count(&format!("&conversationId={}", conversation_id(scene.direct))).await, 1);
        assert_eq!(count(&format!("&authorId={}", user_id(scene.ben.id))).await, 1);
        assert_eq!(count(&format!("&authorId={}", user_id(fresh_id()))).await, 0);
        let anna = server.admits(&scene.anna).await;
        let about = page(&anna, "q=needle&linkedType=transaction&linkedId=INV-4711").await;
        assert_eq!(about["items"].as_array().unwrap().len(), 6);
        let moment = page(&ben, "q=last").await["items"][0]["createdAt"].as_str().unwrap().to_owned();
        assert_eq!(
            (count(&format!("&from={moment}")).await, count(&format!("&to={moment}")).await),
            (1, 6),
            "{late:?}"
        );
    });
}

#[test]
fn a_search_answers_in_steps_of_time() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let eva = server.admits(&scene.eva).await;
        let begun = std::time::Instant::now();
        page(&eva, "q=nothing").await;
        assert!(begun.elapsed().as_millis() >= u128::from(limits::SEARCH_STEP_MS), "{:?}", begun.elapsed());
    });
}

#[test]
fn messages_from_before_the_search_are_filled_in_by_jobs_and_what_is_newer_stays() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        for n in 0..5 {
            scene.ben.writes(scene.group, &format!("needle {n}")).await;
        }
        let gone = scene.ben.writes(scene.group, "needle 5").await;
        scene.ben.deletes(gone.id).await.unwrap();
        // As it was before the migration, but for one that was edited since.
        let mut tx = scene.nordwind.house().await;
        sqlx::query(
            "DELETE FROM message_search WHERE message_id NOT IN (SELECT id FROM messages WHERE body = 'needle 4')",
        )
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("UPDATE message_search SET terms = app.search_terms(company_id, '[{\"type\": \"paragraph\", \"content\": [{\"type\": \"text\", \"text\": \"newer\"}]}]')")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(finds(&anna, "needle").await, nothing());
        let company = postil::ids::CompanyId::from_uuid(scene.nordwind.id);
        // Two at a time: it goes on where it was, and ends.
        let store = server.services.store();
        let (mut after, mut batches) = (uuid::Uuid::nil(), 0);
        while let Some(last) = store.search_fill(company, after, 2).await.unwrap() {
            assert!(last > after);
            (after, batches) = (last, batches + 1);
        }
        assert!(batches >= 3, "{batches}");
        assert_eq!(finds(&anna, "needle").await.len(), 4);
        assert_eq!(finds(&anna, "newer").await.len(), 1);
        // And as a job, from any place on.
        let mut tx = scene.nordwind.house().await;
        sqlx::query("DELETE FROM message_search").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let id = postil::ids::JobId::from_uuid(fresh_id());
        let at = server.services.now();
        store.search_fill_on(company, id, uuid::Uuid::nil(), JobKind::SearchFill.as_str(), at).await.unwrap();
        assert!(jobs::run_due(&server.services, "test").await.unwrap() <= 1);
        crate::harness::eventually("the job is done", async || (finds(&anna, "needle").await.len() == 5).then_some(()))
            .await;
    });
}
