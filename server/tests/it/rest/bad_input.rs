//! Bad input: each its code, and nothing left behind.

use http::Method;
use postil::{limits, wire::Code};
use serde_json::{Value, json};

use crate::harness::{
    Ask, Scene, Server, fresh_id, in_a_house,
    server::{Client, company_id, conversation_id, message_id, user_id},
};

fn send(body: &str) -> Ask {
    Ask::new(Method::POST, "/messages").keyed(fresh_id().to_string()).text(body)
}

#[test]
fn each_bad_request_has_its_code_and_leaves_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let group = conversation_id(scene.group);
        let with = |field: &str, value: Value| {
            let mut body = json!({ "conversationId": group, "body": "x" });
            body[field] = value;
            send(&body.to_string())
        };
        let hello = message_id(scene.hello.id);
        let get = |path: &str| Ask::new(Method::GET, path);
        let strangers = |n: usize| (0..n).map(|_| user_id(fresh_id())).collect::<Vec<_>>();
        let someone = user_id(scene.ben.id);
        let before = super::footprint(house, &scene.nordwind).await;
        let good = json!({ "conversationId": group, "body": "x" }).to_string();
        for (what, ask, code) in [
            ("no JSON", send("{"), Code::MalformedBody),
            ("nothing", send(""), Code::MalformedBody),
            ("an array", send("[]"), Code::MalformedBody),
            ("two documents", send(&format!("{good}{good}")), Code::MalformedBody),
            ("not UTF-8", Ask { body: Some(b"{\"body\":\"\xff\"}".to_vec()), ..send("") }, Code::MalformedBody),
            ("an unknown field", with("shout", true.into()), Code::MalformedBody),
            ("a field twice", send(&good.replacen('{', "{\"body\":\"y\",", 1)), Code::MalformedBody),
            ("a field of another type", with("body", 7.into()), Code::MalformedBody),
            ("no body", send(&json!({ "conversationId": group }).to_string()), Code::MalformedBody),
            ("a blank body", with("body", " \n\t ".into()), Code::InvalidField),
            ("a NUL", with("body", "a\0b".into()), Code::InvalidField),
            ("a body one too long", with("body", "ü".repeat(limits::MESSAGE_BODY_CHARS_MAX + 1).into()), Code::InvalidField),
            ("an id that is none", with("conversationId", "cnv_1".into()), Code::InvalidId),
            ("an id of another kind", with("conversationId", hello.clone().into()), Code::InvalidId),
            ("a bare UUID", with("conversationId", scene.group.to_string().into()), Code::InvalidId),
            ("a foreign conversation", with("conversationId", conversation_id(scene.south_group).into()), Code::NotFound),
            ("a foreign parent", with("parentId", message_id(scene.south_hello.id).into()), Code::NotFound),
            ("a record that is not", with("record", json!({ "kind": "transaction", "id": "INV-0" })), Code::NotFound),
            ("a record of no kind", with("record", json!({ "kind": "invoice", "id": "INV-0" })), Code::MalformedBody),
            ("a record with a bad id", with("record", json!({ "kind": "plan", "id": "a b" })), Code::InvalidField),
            ("a record with a long id", with("record", json!({ "kind": "plan", "id": "x".repeat(limits::RECORD_ID_BYTES_MAX + 1) })), Code::InvalidField),
            ("no key", Ask { headers: vec![("content-type", "application/json".to_owned())], ..send(&good) }, Code::IdempotencyKeyRequired),
            ("an empty key", send(&good).keyed(""), Code::IdempotencyKeyRequired),
            ("a long key", send(&good).keyed("k".repeat(limits::IDEMPOTENCY_KEY_BYTES_MAX + 1)), Code::IdempotencyKeyRequired),
            ("a key with a blank", send(&good).keyed("a b"), Code::IdempotencyKeyRequired),
            ("a form", send(&good).with("content-type", "application/x-www-form-urlencoded"), Code::UnsupportedMediaType),
            ("plain text", send(&good).with("content-type", "text/plain"), Code::UnsupportedMediaType),
            ("no type", Ask { headers: vec![("idempotency-key", "k".to_owned())], ..send(&good) }, Code::UnsupportedMediaType),
            ("a large body", send(&format!("{good}{}", " ".repeat(limits::REQUEST_BODY_BYTES_MAX))), Code::BodyTooLarge),
            ("an unknown parameter of a send", Ask { path: "/messages?x=1".to_owned(), ..send(&good) }, Code::InvalidQuery),
            ("an unknown parameter", get("/conversations?shout=1"), Code::InvalidQuery),
            ("a limit that is no number", get("/conversations?limit=many"), Code::InvalidQuery),
            ("a limit of nothing", get("/conversations?limit=0"), Code::InvalidQuery),
            ("a limit beyond the bound", get(&format!("/conversations?limit={}", limits::PAGE_MAX + 1)), Code::InvalidQuery),
            ("a company that is none", get("/conversations?companyId=cmp_1"), Code::InvalidQuery),
            ("messages of nothing", get("/messages"), Code::InvalidQuery),
            ("half a record", get("/messages?linkedType=transaction"), Code::InvalidQuery),
            ("a search for nothing", get("/search"), Code::InvalidQuery),
            ("a search without a word", get("/search?q=%21%3F%20*"), Code::InvalidQuery),
            ("a search for a NUL", get("/search?q=a%00b"), Code::InvalidQuery),
            ("a long search", get(&format!("/search?q={}", "x".repeat(limits::SEARCH_TEXT_CHARS_MAX + 1))), Code::InvalidQuery),
            ("a search for many words", get(&format!("/search?q={}", "x%20".repeat(limits::SEARCH_WORDS_MAX + 1))), Code::InvalidQuery),
            ("a search about half a record", get("/search?q=x&linkedType=plan"), Code::InvalidQuery),
            ("a search that ends before it begins", get("/search?q=x&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"), Code::InvalidQuery),
            ("a search from no time", get("/search?q=x&from=yesterday"), Code::InvalidQuery),
            ("a search with a cursor that is none", get("/search?q=x&cursor=rubbish"), Code::InvalidCursor),
            ("a search in a foreign conversation", get(&format!("/search?q=x&conversationId={}", conversation_id(scene.south_group))), Code::NotFound),
            ("a cursor that is none", get("/conversations?cursor=rubbish"), Code::InvalidCursor),
            ("a long cursor", get(&format!("/conversations?cursor={}", "A".repeat(limits::CURSOR_BYTES_MAX + 1))), Code::InvalidCursor),
            ("a path id that is none", get("/messages/rubbish"), Code::InvalidId),
            ("a path id of another kind", get(&format!("/messages/{group}")), Code::InvalidId),
            ("a record path of no kind", get("/records/invoice/1"), Code::InvalidId),
            ("too many records", Ask::new(Method::POST, "/records/resolve").json(&json!({ "records": vec![json!({ "kind": "plan", "id": "x" }); limits::RECORDS_RESOLVE_MAX + 1] })), Code::InvalidField),
            ("too many people", Ask::new(Method::POST, "/conversations").keyed("p").json(&json!({ "kind": "group", "title": "x", "userIds": strangers(limits::PARTICIPANTS_CREATE_MAX + 1) })), Code::InvalidField),
            ("nobody", Ask::new(Method::POST, "/conversations").keyed("n").json(&json!({ "kind": "group", "title": "x", "userIds": [] })), Code::InvalidField),
            ("a long title", Ask::new(Method::POST, "/conversations").keyed("t").json(&json!({ "kind": "group", "title": "x".repeat(limits::TITLE_CHARS_MAX + 1), "userIds": [someone] })), Code::InvalidField),
            ("a stranger", Ask::new(Method::POST, "/conversations").keyed("s").json(&json!({ "kind": "direct", "userId": user_id(scene.sven.id) })), Code::NotFound),
            ("too many presences", get(&format!("/presence?userIds={}", strangers(limits::PRESENCE_USERS_MAX + 1).join(","))), Code::InvalidQuery),
            ("presence of no id", get("/presence?userIds=rubbish"), Code::InvalidQuery),
            ("a read position below nothing", Ask::new(Method::POST, format!("/conversations/{group}/read")).json(&json!({ "seq": -1 })), Code::InvalidField),
            ("a version that is not the present one", Ask::new(Method::PATCH, format!("/messages/{hello}")).json(&json!({ "body": "y", "version": 7 })), Code::VersionConflict),
            ("an edit to nothing", Ask::new(Method::PATCH, format!("/messages/{hello}")).json(&json!({ "body": "", "version": 1 })), Code::InvalidField),
            ("a method that is not served", Ask::new(Method::PUT, "/messages"), Code::MethodNotAllowed),
            ("a path that is not served", get("/nothing"), Code::NotFound),
            ("a company header that is none", get("/conversations").with("x-postil-company", "rubbish"), Code::InvalidId),
            ("a company that is another in the query", get(&format!("/conversations?companyId={}", company_id(scene.south.id))), Code::InvalidQuery),
        ] {
            let client = if what == "a company header that is none" { Client { company: None, ..anna.clone() } } else { anna.clone() };
            client.asks(&ask).await.refused(what, code);
        }
        assert_eq!(super::footprint(house, &scene.nordwind).await, before);
        // The longest that is allowed goes through: the bound is not off by one.
        anna.asks(&with("body", "ü".repeat(limits::MESSAGE_BODY_CHARS_MAX).into())).await.good();
    });
}

#[test]
fn a_cookie_counts_only_from_our_own_pages() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let browser = Client { token: None, ..anna.clone() };
        let cookie = format!("postil={}", anna.token.clone().unwrap());
        let body = json!({ "conversationId": conversation_id(scene.group), "body": "x" });
        let ask = || send(&body.to_string()).with("cookie", cookie.clone());
        let before = super::footprint(house, &scene.nordwind).await;
        for (what, ask) in [
            ("no mark at all", ask()),
            ("no header of ours", ask().with("origin", server.origin.clone())),
            ("another origin", ask().with("origin", "https://evil.example").with("x-postil-csrf", "1")),
            (
                "an origin that begins like ours",
                ask().with("origin", format!("{}.evil.example", server.origin)).with("x-postil-csrf", "1"),
            ),
            ("an origin that hides", ask().with("origin", "null").with("x-postil-csrf", "1")),
            ("a sister site", ask().with("sec-fetch-site", "same-site").with("x-postil-csrf", "1")),
        ] {
            browser.asks(&ask).await.refused(what, Code::CrossOrigin);
        }
        assert_eq!(super::footprint(house, &scene.nordwind).await, before);
        browser.asks(&ask().with("origin", server.origin.clone()).with("x-postil-csrf", "1")).await.good();
    });
}

#[test]
fn a_cursor_is_good_for_its_list_its_company_and_its_filter() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        for n in 0..4 {
            scene.anna.writes(scene.group, &n.to_string()).await;
            scene.bob_south.writes(scene.south_group, &n.to_string()).await;
            scene.bob_south.gathers(&format!("South {n}"), &[&scene.sven]).await;
        }
        let cursor = async |client: &Client, path: &str| -> String {
            client.gets(path).await.good()["nextCursor"].as_str().expect("there is more").to_owned()
        };
        let anna = server.admits(&scene.anna).await;
        let sven = server.admits(&scene.sven).await;
        let group = conversation_id(scene.group);
        let of_messages = cursor(&anna, &format!("/messages?conversationId={group}&limit=2")).await;
        let of_inbox = cursor(&anna, "/conversations?limit=1").await;
        let of_south = cursor(&sven, "/conversations?limit=1").await;
        // As given, they lead on.
        let first = anna.gets(format!("/messages?conversationId={group}&limit=2")).await.good();
        let next = anna.gets(format!("/messages?conversationId={group}&limit=2&cursor={of_messages}")).await.good();
        assert_eq!((first["items"].as_array().unwrap().len(), next["items"].as_array().unwrap().len()), (2, 2));
        assert!(first["items"][1]["seq"].as_i64() > next["items"][0]["seq"].as_i64());
        let mut bent = of_inbox.clone().into_bytes();
        let middle = bent.len() / 2;
        bent[middle] = if bent[middle] == b'A' { b'B' } else { b'A' };
        for (what, path) in [
            ("the other company's", format!("/conversations?cursor={of_south}")),
            ("another list's", format!("/conversations?cursor={of_messages}")),
            ("another list's, the other way round", format!("/messages?conversationId={group}&cursor={of_inbox}")),
            ("another list's, of people", format!("/people?cursor={of_inbox}")),
            ("a thread's", format!("/messages/{}/thread?cursor={of_messages}", message_id(scene.hello.id))),
            ("one that was bent", format!("/conversations?cursor={}", String::from_utf8(bent).unwrap())),
            ("one that was cut", format!("/conversations?cursor={}", &of_inbox[..of_inbox.len() - 4])),
        ] {
            anna.gets(path).await.refused(what, Code::InvalidCursor);
        }
    });
}

#[test]
fn a_message_that_can_not_be_answered_or_edited_says_why() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        scene
            .nordwind
            .arranges(&format!("UPDATE companies SET reply_depth_max = 1 WHERE id = '{}'", scene.nordwind.id))
            .await;
        let one = scene.ben.answers(&scene.hello, "1").await;
        let reply =
            |id| Ask::new(Method::POST, format!("/messages/{}/reply", message_id(id))).keyed(fresh_id().to_string());
        let too_deep = anna.asks(&reply(one.id).json(&json!({ "body": "2" }))).await;
        too_deep.refused("too deep", Code::ReplyTooDeep);
        assert_eq!(too_deep.body["legalParentId"], message_id(scene.hello.id));
        let about = scene
            .anna
            .sends(&crate::harness::Draft::new(scene.group, "Paid?").about(&scene.invoice))
            .await
            .unwrap()
            .sent();
        let elsewhere = reply(about.id).json(&json!({ "body": "x", "record": { "kind": "topic", "id": "TRAVEL" } }));
        anna.asks(&elsewhere).await.refused("another record", Code::ReplyLinkConflict);
        let edit = |id, body: &str| {
            Ask::new(Method::PATCH, format!("/messages/{}", message_id(id)))
                .json(&json!({ "body": body, "version": 1 }))
        };
        scene.anna.deletes(scene.hello.id).await.unwrap();
        anna.asks(&reply(scene.hello.id).json(&json!({ "body": "x" })))
            .await
            .refused("a tombstone", Code::ParentDeleted);
        anna.asks(&edit(scene.hello.id, "x")).await.refused("a tombstone", Code::MessageDeleted);
        scene
            .nordwind
            .arranges(&format!("UPDATE companies SET edit_window_s = 0 WHERE id = '{}'", scene.nordwind.id))
            .await;
        anna.asks(&edit(about.id, "late")).await.refused("too late", Code::EditWindowClosed);
    });
}

#[test]
fn sign_in_tells_nothing_about_accounts_and_is_bounded() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let email: String =
            scene.nordwind.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.anna.id)).await;
        let hash = postil::backend::crypto::password::hash("correct horse battery", &postil::backend::source::Machine);
        scene
            .nordwind
            .arranges(&format!("UPDATE users SET password_hash = '{hash}' WHERE id = '{}'", scene.anna.id))
            .await;
        let sign_in = |email: &str, password: &str| {
            Ask::new(Method::POST, "/session").json(&json!({ "email": email, "password": password }))
        };
        let nobody = server.nobody();
        let good = nobody.asks(&sign_in(&email, "correct horse battery")).await;
        let cookie = good.headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
        assert!(
            cookie.starts_with("postil=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        assert_eq!(good.good()["id"], user_id(scene.anna.id));
        let wrong = nobody.asks(&sign_in(&email, "wrong horse battery")).await;
        let unknown = nobody.asks(&sign_in("nobody@example.test", "wrong horse battery")).await;
        wrong.refused("a wrong password", Code::InvalidCredentials);
        assert_eq!(wrong.comparable(), unknown.comparable());
        nobody
            .asks(&sign_in(&email, &"x".repeat(limits::PASSWORD_BYTES_MAX + 1)))
            .await
            .refused("a long password", Code::InvalidCredentials);
        let mut limited = None;
        for _ in 0..=limits::SIGN_IN_PER_MINUTE {
            let reply = nobody.asks(&sign_in("victim@example.test", "wrong horse battery")).await;
            if reply.status == 429 {
                limited = Some(reply);
                break;
            }
        }
        let limited = limited.expect("guessing is bounded");
        limited.refused("too many", Code::RateLimited);
        assert!(limited.headers.contains_key("retry-after"));
    });
}

#[test]
fn who_sends_too_fast_is_told_to_wait_and_nothing_is_half_sent() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let body = json!({ "conversationId": conversation_id(scene.group), "body": "Faster" }).to_string();
        let asks: Vec<Ask> = (0..limits::SEND_BURST + 10).map(|_| send(&body)).collect();
        let replies = futures_util::future::join_all(asks.iter().map(|ask| anna.asks(ask))).await;
        let (sent, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
        assert!(refused.len() >= 5, "{} of {} were refused", refused.len(), refused.len() + sent.len());
        for reply in refused {
            reply.refused("too fast", Code::RateLimited);
            assert!(reply.headers.contains_key("retry-after"));
        }
        let count: i64 = scene.nordwind.value("SELECT count(*) FROM messages WHERE body = 'Faster'").await;
        assert_eq!(usize::try_from(count).unwrap(), sent.len());
        // Others are not concerned.
        server.admits(&scene.ben).await.writes(scene.group, "Slowly").await;
    });
}
