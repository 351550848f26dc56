//! Every route × everyone who may not: anonymous, signed out, revoked, another company's, under-privileged. The rows are
//! compared with the server's own table, so a route that is added without a row here fails.

use std::collections::BTreeSet;

use http::Method;
use postil::{access::preset, wire::Code};
use serde_json::json;
use server::http::{describe::Auth, routes};
use uuid::Uuid;

use crate::harness::{
    Ask, Client, Record, Scene, Server, fresh_id, in_a_house,
    server::{company_id, conversation_id, message_id, user_id},
};

/// What a request is about.
#[derive(Clone)]
struct Target {
    conversation: Uuid,
    message: Uuid,
    record: Record,
    company: Uuid,
    person: Uuid,
}

/// The request of one operation about `target`, well-formed and, for the right person, good. `None`: about nothing in
/// particular.
fn ask(operation: &str, target: &Target) -> (Ask, bool) {
    let (get, post) = (|path: String| Ask::new(Method::GET, path), |path: String| Ask::new(Method::POST, path));
    let (conversation, message) = (conversation_id(target.conversation), message_id(target.message));
    let record = format!("/records/{}/{}", target.record.kind, target.record.id);
    let key = fresh_id().to_string();
    match operation {
        "sign_in" => (
            post("/session".into()).json(&json!({ "email": "nobody@example.test", "password": "wrong password" })),
            false,
        ),
        "sign_out" => (Ask::new(Method::DELETE, "/session"), false),
        "get_me" => (get("/me".into()), false),
        "switch_company" => {
            (post("/context/switch-company".into()).json(&json!({ "companyId": company_id(target.company) })), true)
        }
        "list_conversations" => (get("/conversations".into()), false),
        "create_conversation" => (
            post("/conversations".into())
                .keyed(key)
                .json(&json!({ "kind": "direct", "userId": user_id(target.person) })),
            true,
        ),
        "get_conversation" => (get(format!("/conversations/{conversation}")), true),
        "update_conversation" => {
            (Ask::new(Method::PATCH, format!("/conversations/{conversation}")).json(&json!({ "slowModeS": 30 })), true)
        }
        "mark_read" => (post(format!("/conversations/{conversation}/read")).json(&json!({ "seq": 1 })), true),
        "list_messages" => (get(format!("/messages?conversationId={conversation}")), true),
        "send_message" => {
            (post("/messages".into()).keyed(key).json(&json!({ "conversationId": conversation, "body": "x" })), true)
        }
        "get_message" => (get(format!("/messages/{message}")), true),
        "get_message_html" => (get(format!("/messages/{message}/html")), true),
        "edit_message" => {
            (Ask::new(Method::PATCH, format!("/messages/{message}")).json(&json!({ "body": "x", "version": 1 })), true)
        }
        "delete_message" => (Ask::new(Method::DELETE, format!("/messages/{message}")), true),
        "list_thread" => (get(format!("/messages/{message}/thread")), true),
        "send_reply" => (post(format!("/messages/{message}/reply")).keyed(key).json(&json!({ "body": "x" })), true),
        "search_messages" => (get(format!("/search?q=paid&conversationId={conversation}")), true),
        "get_record" => (get(record), true),
        "upsert_record" => (Ask::new(Method::PUT, record).json(&json!({ "title": "x" })), false),
        "resolve_records" => (
            post("/records/resolve".into())
                .json(&json!({ "records": [{ "kind": target.record.kind, "id": target.record.id }] })),
            false,
        ),
        "list_people" => (get("/people".into()), false),
        "get_presence" => (get(format!("/presence?userIds={}", user_id(target.person))), false),
        "heartbeat" => (
            post("/presence/heartbeat".into())
                .json(&json!({ "connectionId": "con_0198000000007000800000000000002a", "active": true })),
            false,
        ),
        "get_launcher" => (get("/launcher".into()), false),
        "exchange_token" => {
            (post("/embed/token".into()).json(&json!({ "token": "a.b.c", "origin": "https://erp.example" })), false)
        }
        "create_ticket" => (post("/realtime/ticket".into()), false),
        // A request that is no upgrade: what it proves is asked by the tests of sockets.
        "open_realtime" => (get("/realtime".into()), false),
        "list_audit" => (get("/admin/audit".into()), false),
        "get_audit_chain" => (get("/admin/audit/chain".into()), false),
        "get_openapi" => (get("/openapi.json".into()), false),
        "create_report" => (post(format!("/messages/{message}/reports")).json(&json!({ "reason": "spam" })), true),
        // The queue is refused as a whole (403) to whoever moderates nothing: super::moderation asks about its targets.
        "list_reports" => (get("/moderation/reports".into()), false),
        "open_report" => (get(format!("/moderation/reports/{message}")), false),
        "moderate" => {
            (post(format!("/moderation/reports/{message}/acts")).json(&json!({ "act": "hide", "reason": "x" })), false)
        }
        "get_words" => (get("/admin/words".into()), false),
        "put_words" => (Ask::new(Method::PUT, "/admin/words").json(&json!({ "entries": [], "baseVersion": 0 })), false),
        "list_notices" => (get("/moderation/notices".into()), false),
        "acknowledge_notice" => {
            (post("/moderation/notices/ntc_0198000000007000800000000000002a/acknowledge".into()), false)
        }
        "list_blocks" => (get("/blocks".into()), false),
        "block_person" => (Ask::new(Method::PUT, format!("/people/{}/block", user_id(target.person))), false),
        "unblock_person" => (Ask::new(Method::DELETE, format!("/people/{}/block", user_id(target.person))), false),
        // Administration is refused as a whole (403) before anything is looked for: super::admin asks about its targets.
        "get_policy" => (get("/admin/policy".into()), false),
        "put_policy" => (
            Ask::new(Method::PUT, "/admin/policy")
                .json(&json!({ "document": preset::policy(), "comment": "x", "baseVersion": 1 })),
            false,
        ),
        "dry_run_policy" => {
            (post("/admin/policy/dry-run".into()).json(&json!({ "document": preset::policy() })), false)
        }
        "list_policy_versions" => (get("/admin/policy/versions".into()), false),
        "get_policy_version" => (get("/admin/policy/versions/1".into()), false),
        "restore_policy" => {
            (post("/admin/policy/versions/1/restore".into()).json(&json!({ "comment": "x", "baseVersion": 1 })), false)
        }
        "list_members" => (get("/admin/members".into()), false),
        "update_member" => (
            Ask::new(Method::PATCH, format!("/admin/members/{}", user_id(target.person)))
                .json(&json!({ "version": 1, "role": "manager" })),
            false,
        ),
        "list_roles" => (get("/admin/roles".into()), false),
        "list_departments" => (get("/admin/departments".into()), false),
        "list_projects" => (get("/admin/projects".into()), false),
        "get_settings" => (get("/admin/settings".into()), false),
        "update_settings" => {
            (Ask::new(Method::PATCH, "/admin/settings").json(&json!({ "version": 0, "newcomerHours": 48 })), false)
        }
        "list_abuse" => (get("/admin/abuse".into()), false),
        "list_invitations" => (get("/admin/invitations".into()), false),
        "create_invitation" => (
            post("/admin/invitations".into())
                .json(&json!({ "email": "new@example.test", "name": "New", "role": "staff", "kind": "internal" })),
            false,
        ),
        "revoke_invitation" => {
            (Ask::new(Method::DELETE, "/admin/invitations/inv_0198000000007000800000000000002a"), false)
        }
        "accept_invitation" => (
            post("/invitations/accept".into())
                .json(&json!({ "token": "x".repeat(43), "name": "New", "password": "correct horse battery" })),
            false,
        ),
        "explain_access" => (
            get(format!("/access/explain?userId={}&action=message:read&messageId={message}", user_id(target.person))),
            true,
        ),
        "list_readers" => (get(format!("/access/readers?messageId={message}")), true),
        _ => panic!("{operation} has no row in the sweep: add one"),
    }
}

/// Something about which Anna may do everything.
fn annas(scene: &Scene) -> Target {
    Target {
        conversation: scene.group,
        message: scene.hello.id,
        record: scene.invoice.clone(),
        company: scene.nordwind.id,
        person: scene.ben.id,
    }
}

fn missing() -> Target {
    Target {
        conversation: fresh_id(),
        message: fresh_id(),
        record: Record { kind: "transaction", id: "INV-0".to_owned() },
        company: fresh_id(),
        person: fresh_id(),
    }
}

#[test]
fn every_route_has_a_row() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let target = annas(&scene);
        let mut seen = BTreeSet::new();
        for route in routes() {
            let (ask, _) = ask(route.operation, &target);
            assert_eq!((&ask.method, ask.body.is_some()), (&route.method, route.has_body), "{}", route.operation);
            assert_eq!(
                ask.headers.iter().any(|(name, _)| *name == "idempotency-key"),
                route.needs_key,
                "{}",
                route.operation
            );
            seen.insert(route.operation);
        }
        assert!(seen.len() >= 25, "{seen:?}");
    });
}

#[test]
fn whoever_proves_nothing_gets_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let signed_out = server.admits(&scene.anna).await;
        assert_eq!(signed_out.asks(&Ask::new(Method::DELETE, "/session")).await.status, 204);
        let gone = server.admits(&scene.eva).await;
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.eva.id))
            .await;
        let before = super::footprint(house, &scene.nordwind).await;
        let strangers = [
            ("anonymous", server.nobody()),
            ("a token that was never given", Client { token: Some("x".repeat(43)), ..anna.clone() }),
            ("a key that was never given", Client { token: Some(format!("pk_{}", "x".repeat(43))), ..anna.clone() }),
            ("rubbish", Client { token: Some("rubbish".to_owned()), ..anna.clone() }),
            ("signed out", signed_out),
            ("revoked", gone),
        ];
        for route in routes().iter().filter(|route| route.auth != Auth::Anonymous && route.operation != "open_realtime")
        {
            for (who, client) in &strangers {
                let (ask, _) = ask(route.operation, &annas(&scene));
                let reply = client.asks(&ask).await;
                // Signing out twice is signing out.
                if (route.operation, reply.status) != ("sign_out", 204) {
                    reply.refused(&format!("{} by {who}", route.operation), Code::Unauthenticated);
                }
            }
        }
        let mut after = super::footprint(house, &scene.nordwind).await;
        // But for the end of the revoked one's session, which the audit log is told of: a session is its holder's to end.
        assert_eq!(after["audit_log"].as_i64(), before["audit_log"].as_i64().map(|entries| entries + 1));
        after["audit_log"] = before["audit_log"].clone();
        assert_eq!(after, before, "refusals leave nothing");
    });
}

#[test]
fn a_request_about_another_company_than_the_sessions_is_told_so_and_does_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // Bob belongs to both: his tab still shows Südhandel, his session is in Nordwind.
        let stale = Client { company: Some(scene.south.id), ..server.admits(&scene.bob).await };
        let stranger = Client { company: Some(fresh_id()), ..server.admits(&scene.anna).await };
        let before = (super::footprint(house, &scene.nordwind).await, super::footprint(house, &scene.south).await);
        for route in routes()
            .iter()
            .filter(|route| route.company && !["get_me", "switch_company", "sign_out"].contains(&route.operation))
        {
            for client in [&stale, &stranger] {
                let (ask, _) = ask(route.operation, &annas(&scene));
                client.asks(&ask).await.refused(route.operation, Code::CompanyContextChanged);
            }
        }
        assert_eq!(
            (super::footprint(house, &scene.nordwind).await, super::footprint(house, &scene.south).await),
            before
        );
    });
}

#[test]
fn what_one_may_not_see_answers_to_the_byte_like_what_is_not_there() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        let about = scene.anna.writes(scene.invoice_talk, "Paid?").await;
        let direct = Target {
            conversation: scene.direct,
            message: secret.id,
            record: scene.invoice.clone(),
            company: scene.south.id,
            person: scene.sven.id,
        };
        let invoice = Target { conversation: scene.invoice_talk, message: about.id, ..direct.clone() };
        let south = Target {
            conversation: scene.south_group,
            message: scene.south_hello.id,
            record: Record { kind: "transaction", id: "INV-SOUTH".to_owned() },
            company: scene.south.id,
            person: scene.sven.id,
        };
        scene.south.record("transaction", "INV-SOUTH", None, None, None).await;
        let cases = [
            // (who, about what, operations whose target is in their sight all the same)
            ("a guest", &scene.eva, &direct, &[][..]),
            ("another department", &scene.ben, &invoice, &[][..]),
            ("an owner who is not in it", &scene.olga, &direct, &["get_record"][..]),
            (
                "another company's owner",
                &scene.sven,
                &Target {
                    record: scene.topic.clone(),
                    company: scene.nordwind.id,
                    person: scene.anna.id,
                    ..direct.clone()
                },
                &[][..],
            ),
            ("a member of both, about the other company", &scene.bob, &south, &["switch_company"][..]),
        ];
        let before = (super::footprint(house, &scene.nordwind).await, super::footprint(house, &scene.south).await);
        let mut compared = 0;
        for (who, actor, target, in_sight) in cases {
            let client = server.admits(actor).await;
            for route in
                routes().iter().filter(|route| route.auth == Auth::Session && !in_sight.contains(&route.operation))
            {
                let ((hidden, has_target), (nothing, _)) =
                    (ask(route.operation, target), ask(route.operation, &missing()));
                if !has_target {
                    continue;
                }
                let what = format!("{} by {who}", route.operation);
                let (hidden, nothing) = (client.asks(&hidden).await, client.asks(&nothing).await);
                nothing.refused(&what, Code::NotFound);
                assert_eq!(hidden.comparable(), nothing.comparable(), "{what}");
                compared += 1;
            }
        }
        assert!(compared >= 50, "{compared}");
        let mut after = (super::footprint(house, &scene.nordwind).await, super::footprint(house, &scene.south).await);
        // The sessions of this test itself, and what the audit log is told of them and of refusals.
        for (after, before) in [(&mut after.0, &before.0), (&mut after.1, &before.1)] {
            after["sessions"] = before["sessions"].clone();
            after["audit_log"] = before["audit_log"].clone();
        }
        assert_eq!(after, before);
    });
}

#[test]
fn no_list_shows_anything_of_another_company_or_of_hidden_talk() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        scene.anna.writes(scene.direct, "Only for Ben").await;
        scene
            .anna
            .sends(&crate::harness::Draft::new(scene.group, "Of finance").about(&scene.invoice))
            .await
            .unwrap()
            .sent();
        let everything = async |client: &Client| -> String {
            let mut text = String::new();
            for path in [
                "/me",
                "/conversations",
                "/people",
                "/launcher",
                "/conversations?linkedType=transaction",
                "/messages?linkedType=transaction&linkedId=INV-4711",
            ] {
                text += &client.gets(path).await.body.to_string();
            }
            let resolve = Ask::new(Method::POST, "/records/resolve").json(&json!({ "records": [{ "kind": "transaction", "id": "INV-4711" }, { "kind": "plan", "id": "PLAN-7" }] }));
            text + &client.asks(&resolve).await.body.to_string()
                + &client
                    .gets(format!("/messages?conversationId={}", conversation_id(scene.group)))
                    .await
                    .body
                    .to_string()
        };
        for (actor, shown, hidden) in [
            (&scene.anna, &["Only for Ben", "Of finance", "Hello"][..], &["Between us", "South only"][..]),
            (
                &scene.eva,
                &["Hello", "PLAN-7"][..],
                &["Only for Ben", "Of finance", "transaction INV-4711", "Between us"][..],
            ),
            (&scene.ben, &["Only for Ben"][..], &["Of finance", "transaction INV-4711"][..]),
            (
                &scene.sven,
                &["Between us", "INV-4711"][..],
                &["Hello", "Only for Ben", "Anna", "PLAN-7", "Nordwind"][..],
            ),
            (&scene.bob_south, &["Between us"][..], &["Hello", "Only for Ben", "Anna"][..]),
        ] {
            let text = everything(&server.admits(actor).await).await;
            for word in shown {
                assert!(text.contains(word), "{word} is missing in {text}");
            }
            for word in hidden {
                assert!(!text.contains(word), "{word} is in {text}");
            }
        }
    });
}

#[test]
fn who_sees_but_may_not_is_told_so() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (ben, eva, anna) =
            (server.admits(&scene.ben).await, server.admits(&scene.eva).await, server.admits(&scene.anna).await);
        let message = message_id(scene.hello.id);
        let edit = Ask::new(Method::PATCH, format!("/messages/{message}")).json(&json!({ "body": "x", "version": 1 }));
        let delete = Ask::new(Method::DELETE, format!("/messages/{message}"));
        let upsert = Ask::new(Method::PUT, "/records/transaction/INV-4711").json(&json!({ "title": "Mine" }));
        let before = super::footprint(house, &scene.nordwind).await;
        for (what, client, ask) in
            [("edit", &ben, &edit), ("delete", &ben, &delete), ("delete", &eva, &delete), ("upsert", &anna, &upsert)]
        {
            client.asks(ask).await.refused(what, Code::Forbidden);
        }
        let mut after = super::footprint(house, &scene.nordwind).await;
        // Each of the four is told to the audit log, and nothing else is left.
        assert_eq!(after["audit_log"].as_i64(), before["audit_log"].as_i64().map(|entries| entries + 4));
        after["audit_log"] = before["audit_log"].clone();
        assert_eq!(after, before);
        let body =
            scene.nordwind.value::<String>(&format!("SELECT body FROM messages WHERE id = '{}'", scene.hello.id)).await;
        assert_eq!(body, "Hello");
    });
}

#[test]
fn an_erps_key_keeps_records_and_talks_to_nobody() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        scene.anna.writes(scene.invoice_talk, "Paid?").await;
        let erp = server.admits_erp(&scene.nordwind, &scene.erp).await;
        let upsert = Ask::new(Method::PUT, "/records/transaction/INV-1").json(
            &json!({ "title": "Invoice 1", "departmentId": postil::ids::DepartmentId::from_uuid(scene.finance) }),
        );
        assert_eq!(erp.asks(&upsert).await.good()["title"], "Invoice 1");
        assert_eq!(
            server.admits(&scene.anna).await.gets("/records/transaction/INV-1").await.good()["title"],
            "Invoice 1"
        );
        server
            .admits(&scene.ben)
            .await
            .gets("/records/transaction/INV-1")
            .await
            .refused("another department", Code::NotFound);
        let before = super::footprint(house, &scene.nordwind).await;
        for route in routes()
            .iter()
            .filter(|route| route.auth == Auth::Session && !["open_realtime", "heartbeat"].contains(&route.operation))
        {
            let (ask, _) = ask(route.operation, &Target { conversation: scene.invoice_talk, ..annas(&scene) });
            let reply = erp.asks(&ask).await;
            assert!(!reply.body.to_string().contains("Paid?"), "{}: {reply:?}", route.operation);
        }
        let mut after = super::footprint(house, &scene.nordwind).await;
        // It sees that the talk exists, so it may have a read pointer there.
        after["read_receipts"] = before["read_receipts"].clone();
        // And the audit log is told what it was refused.
        after["audit_log"] = before["audit_log"].clone();
        assert_eq!(after, before, "and writes nothing but records");
        // Another company's key is a stranger here.
        let south_erp = scene.south.hires("ERP", postil::access::RoleKey::INTEGRATION, None).await;
        let theirs = server.admits_erp(&scene.south, &south_erp).await;
        Client { company: Some(scene.nordwind.id), ..theirs }
            .asks(&upsert)
            .await
            .refused("the other company's key", Code::CompanyContextChanged);
    });
}

#[test]
fn the_document_lists_exactly_the_routes() {
    in_a_house(async |house| {
        let server = Server::start(house).await;
        let document = server.nobody().gets("/openapi.json").await.good();
        assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
        let mut told = BTreeSet::new();
        let base = document["servers"][0]["url"].as_str().unwrap_or_default().to_owned();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods
                .as_object()
                .unwrap()
                .iter()
                .filter(|(method, _)| ["get", "put", "post", "patch", "delete"].contains(&method.as_str()))
            {
                let path = if path.starts_with("/api/") {
                    path.clone()
                } else {
                    format!("{}{path}", base.trim_end_matches('/'))
                };
                told.insert((method.to_uppercase(), path, operation["operationId"].as_str().unwrap().to_owned()));
            }
        }
        let served: BTreeSet<_> = routes()
            .iter()
            .map(|route| (route.method.to_string(), route.path.clone(), route.operation.to_owned()))
            .collect();
        assert_eq!(told, served);
        // And they are there: whatever is refused, it is not for want of a route.
        for route in routes() {
            let path = route.path.strip_prefix("/api/v1").unwrap().replace("{id}", "x").replace("{kind}", "x");
            let reply = server.nobody().asks(&Ask::new(route.method.clone(), path)).await;
            assert!(![404, 405].contains(&reply.status), "{}: {reply:?}", route.operation);
        }
    });
}
