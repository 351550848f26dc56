//! What the log is told of, and what it is not.

use http::Method;
use postil::{limits, wire::Code};
use serde_json::{Value, json};

use super::{Told, only, told, verified};
use crate::harness::{
    Ask, Client, Scene, Server, eventually, in_a_house,
    server::{company_id, message_id, user_id},
};

const PASSWORD: &str = "correct horse battery";

fn sign_in(email: &str, password: &str) -> Ask {
    Ask::new(Method::POST, "/session").json(&json!({ "email": email, "password": password }))
}

#[test]
fn sign_ins_switches_and_sign_outs_are_told_where_they_happen() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let hash = postil::backend::crypto::password::hash(PASSWORD, &postil::backend::source::Machine);
        scene
            .nordwind
            .arranges(&format!("UPDATE users SET password_hash = '{hash}' WHERE id = '{}'", scene.bob.id))
            .await;
        // Whose password was changed, each of their companies knows.
        for company in [&scene.nordwind, &scene.south] {
            let changed = only(company, "user.change").await;
            assert_eq!((changed.target, &changed.detail["password"]), (user_id(scene.bob.id), &json!("changed")));
        }
        let email: String =
            scene.nordwind.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.bob.id)).await;

        server.nobody().asks(&sign_in(&email, "wrong horse battery")).await.refused("wrong", Code::InvalidCredentials);
        server.nobody().asks(&sign_in("nobody@example.test", "x")).await.refused("unknown", Code::InvalidCredentials);
        for company in [&scene.nordwind, &scene.south] {
            let refused = eventually("the refusal is told", async || {
                told(company, "action = 'session.sign_in_refused'").await.into_iter().next()
            })
            .await;
            // Nobody proved to be Bob.
            assert_eq!((refused.actor, refused.target), (None, user_id(scene.bob.id)));
        }

        let signed_in = server.nobody().asks(&sign_in(&email, PASSWORD)).await;
        let cookie = signed_in.headers["set-cookie"].to_str().unwrap().to_owned();
        let correlation = signed_in.headers["x-correlation-id"].to_str().unwrap().to_owned();
        let me = signed_in.good();
        let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        let bob = Client { token: Some(token), ..server.nobody() };
        let (first, other) = if me["companyId"] == company_id(scene.nordwind.id) {
            (&scene.nordwind, &scene.south)
        } else {
            (&scene.south, &scene.nordwind)
        };
        let begun = only(first, "session.sign_in").await;
        assert_eq!((begun.actor, json!(begun.target)), (Some(scene.bob.id), me["sessionId"].clone()));
        let told_as: uuid::Uuid =
            first.value("SELECT correlation_id FROM audit_log WHERE action = 'session.sign_in'").await;
        assert_eq!(postil::ids::CorrelationId::from_uuid(told_as).to_string(), correlation);
        assert_eq!(told(other, "action = 'session.sign_in'").await, []);

        let switch =
            Ask::new(Method::POST, "/context/switch-company").json(&json!({ "companyId": company_id(other.id) }));
        let switched = bob.asks(&switch).await;
        let cookie = switched.headers["set-cookie"].to_str().unwrap().to_owned();
        switched.good();
        assert_eq!(only(first, "session.switch").await.detail, json!({ "direction": "out" }));
        assert_eq!(only(other, "session.switch").await.detail, json!({ "direction": "in" }));
        // Neither is told of the other.
        for (company, stranger) in [(first, other), (other, first)] {
            let all = format!("{:?}", told(company, "true").await);
            assert!(!all.contains(&stranger.id.simple().to_string()) && !all.contains(&stranger.id.to_string()));
        }

        let bob = Client { token: cookie.split(['=', ';']).nth(1).map(str::to_owned), ..bob };
        for _ in 0..2 {
            bob.asks(&Ask::new(Method::DELETE, "/session")).await;
        }
        let ended = only(other, "session.sign_out").await;
        assert_eq!((ended.actor, json!(ended.target)), (Some(scene.bob.id), me["sessionId"].clone()));
        for company in [&scene.nordwind, &scene.south] {
            verified(house, company).await.unwrap();
        }
    });
}

#[test]
fn changes_of_rights_are_told_whoever_makes_them() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (company, ben) = (&scene.nordwind, user_id(scene.ben.id));
        let since: i64 = company.value("SELECT audit_seq FROM company_stream").await;
        let new = format!("seq > {since} AND action");
        let by_hand = |mut detail: Value| {
            detail["login"] = json!("postil_migrator");
            detail
        };
        for (sql, action, target, detail) in [
            (
                format!("UPDATE memberships SET role_key = 'manager' WHERE user_id = '{}'", scene.ben.id),
                "membership.change",
                ben.clone(),
                json!({ "role_key": { "from": "staff", "to": "manager" } }),
            ),
            (
                "UPDATE roles SET name = 'Crew' WHERE key = 'staff'".to_owned(),
                "role.change",
                "role/staff".to_owned(),
                json!({ "name": { "from": "Staff", "to": "Crew" } }),
            ),
            (
                format!("UPDATE departments SET name = 'Money' WHERE id = '{}'", scene.finance),
                "department.change",
                postil::ids::DepartmentId::from_uuid(scene.finance).to_string(),
                json!({ "name": { "from": "Finance", "to": "Money" } }),
            ),
            (
                format!("DELETE FROM project_members WHERE user_id = '{}'", scene.eva.id),
                "project_member.delete",
                user_id(scene.eva.id),
                json!({ "project_id": null }),
            ),
            (
                "UPDATE companies SET edit_window_s = 60, policy_version = 0".to_owned(),
                "company.change",
                company_id(company.id),
                json!({ "edit_window_s": { "from": 900, "to": 60 } }),
            ),
            (
                format!("UPDATE linked_records SET department_id = '{}' WHERE id = 'INV-4711'", scene.production),
                "record.access",
                "transaction/INV-4711".to_owned(),
                json!({ "department_id": {
                    "from": postil::ids::DepartmentId::from_uuid(scene.finance),
                    "to": postil::ids::DepartmentId::from_uuid(scene.production),
                } }),
            ),
            (
                format!(
                    "INSERT INTO api_keys (company_id, id, user_id, name, key_hash) VALUES ('{}', '{}', '{}', 'K', sha256('secret'))",
                    company.id, scene.erp.id, scene.erp.id
                ),
                "key.create",
                postil::ids::ApiKeyId::from_uuid(scene.erp.id).to_string(),
                json!({ "name": "K", "user_id": user_id(scene.erp.id) }),
            ),
            (
                "UPDATE api_keys SET revoked_at = now()".to_owned(),
                "key.change",
                postil::ids::ApiKeyId::from_uuid(scene.erp.id).to_string(),
                json!({ "revoked_at": { "from": false, "to": true } }),
            ),
            (
                format!(
                    "UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}' AND user_id = '{}'",
                    scene.group, scene.eva.id
                ),
                "participant.change",
                postil::ids::ConversationId::from_uuid(scene.group).to_string(),
                json!({ "deleted_at": { "from": false, "to": true } }),
            ),
        ] {
            company.arranges(&sql).await;
            let all = told(company, &format!("{new} = '{action}'")).await;
            let [Told { actor, target: told_target, detail: told_detail, .. }] = &all[..] else {
                panic!("{sql}: {all:?}")
            };
            assert_eq!((actor, told_target), (&None, &target), "{sql}");
            if action == "project_member.delete" {
                assert!(told_detail["project_id"].as_str().unwrap().starts_with("prj_"));
            } else {
                assert_eq!(told_detail, &by_hand(detail), "{sql}");
            }
        }
        let version = told(company, &format!("{new} = 'policy.version'")).await;
        assert_eq!(version[0].detail["policy_version"], json!({ "from": 1, "to": 0 }));
        // What is said again as it was, and what gives nobody anything, is no news.
        let before: i64 = company.value("SELECT audit_seq FROM company_stream").await;
        company.arranges("UPDATE memberships SET role_key = role_key, job_title = 'Boss'").await;
        company.arranges("UPDATE linked_records SET title = 'New', updated_at = now()").await;
        assert_eq!(company.value::<i64>("SELECT audit_seq FROM company_stream").await, before);
        // What was taken back never was.
        let mut tx = company.house().await;
        sqlx::query("UPDATE memberships SET status = 'deactivated' WHERE user_id = $1")
            .bind(scene.ben.id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(company.value::<i64>("SELECT audit_seq FROM company_stream").await, before);
        verified(house, company).await.unwrap();
    });
}

#[test]
fn edits_and_deletions_are_told_sends_and_reads_are_not_and_no_text_ever_is() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, mara) = (server.admits(&scene.anna).await, server.admits(&scene.mara).await);
        let before: i64 = scene.nordwind.value("SELECT audit_seq FROM company_stream").await;
        let sent = anna.writes(scene.group, "Quarterly zebra").await;
        anna.gets("/conversations").await.good();
        anna.gets("/me").await.good();
        assert_eq!(scene.nordwind.value::<i64>("SELECT audit_seq FROM company_stream").await, before);

        let id = sent["id"].as_str().unwrap();
        let edit =
            Ask::new(Method::PATCH, format!("/messages/{id}")).json(&json!({ "body": "Yearly zebra", "version": 1 }));
        anna.asks(&edit).await.good();
        mara.asks(&Ask::new(Method::DELETE, format!("/messages/{id}"))).await.good();
        let (edited, deleted) =
            (only(&scene.nordwind, "message.edit").await, only(&scene.nordwind, "message.delete").await);
        assert_eq!((edited.actor, edited.target.as_str()), (Some(scene.anna.id), id));
        assert_eq!((deleted.actor, deleted.target.as_str()), (Some(scene.mara.id), id));
        let all = format!("{:?}", told(&scene.nordwind, "true").await);
        assert!(!all.contains("zebra") && !all.contains("argon2"), "{all}");
    });
}

#[test]
fn refusals_are_told_but_not_as_often_as_somebody_asks() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (ben, eva) = (server.admits(&scene.ben).await, server.admits(&scene.eva).await);
        let message = message_id(scene.hello.id);
        let delete = Ask::new(Method::DELETE, format!("/messages/{message}"));
        for _ in 0..limits::AUDIT_REFUSALS_PER_MINUTE * 3 {
            ben.asks(&delete).await.refused("not his", Code::Forbidden);
        }
        let refused = told(&scene.nordwind, "action = 'access.refused'").await;
        let bound = usize::try_from(limits::AUDIT_REFUSALS_PER_MINUTE).unwrap();
        assert!((bound..=bound + 3).contains(&refused.len()), "{}", refused.len());
        assert_eq!(
            refused[0],
            Told {
                action: "access.refused".to_owned(),
                actor: Some(scene.ben.id),
                target: message.clone(),
                detail: json!({ "action": "message:delete" }),
            }
        );
        // Others are told all the same; what one can't see is not refused, it is not there, and nothing is told of it.
        eva.asks(&delete).await.refused("not hers", Code::Forbidden);
        let secret = scene.anna.writes(scene.direct, "Only for Ben").await;
        eva.asks(&Ask::new(Method::DELETE, format!("/messages/{}", message_id(secret.id))))
            .await
            .refused("unseen", Code::NotFound);
        let hers = told(&scene.nordwind, &format!("action = 'access.refused' AND actor_id = '{}'", scene.eva.id)).await;
        assert_eq!(hers.iter().map(|told| told.target.clone()).collect::<Vec<_>>(), [message]);
    });
}

#[test]
fn a_page_that_is_not_open_is_a_refusal_like_that_of_what_is_on_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (ben, eva) = (server.admits(&scene.ben).await, server.admits(&scene.eva).await);
        let olga = server.admits(&scene.olga).await;
        let page = async |client: &Client, path: &str| client.page(path).await.status().as_u16();
        let refused = async |of: &uuid::Uuid| {
            told(&scene.nordwind, &format!("action = 'access.refused' AND actor_id = '{of}'")).await
        };
        // By REST and as a page: one entry each, and the same one.
        for (path, action) in [
            ("/admin/members", "admin:members"),
            ("/admin/policy", "admin:policy"),
            ("/admin/words", "admin:moderate"),
            ("/admin/audit", "admin:export"),
        ] {
            let before = refused(&scene.ben.id).await.len();
            ben.gets(path).await.refused(path, Code::Forbidden);
            assert_eq!(page(&ben, path).await, 403, "{path}");
            let all = refused(&scene.ben.id).await;
            let [by_rest, as_a_page] = &all[before..] else { panic!("{path}: {:?}", &all[before..]) };
            assert_eq!(by_rest, as_a_page, "{path}");
            assert_eq!(by_rest.detail, json!({ "action": action }), "{path}");
            assert_eq!(by_rest.target, company_id(scene.nordwind.id), "{path}");
        }
        assert_eq!(page(&eva, "/admin").await, 403);
        assert_eq!(
            refused(&scene.eva.id).await.len(),
            1,
            "no section was named, and somebody was refused all the same"
        );
        // What asks about others is refused with its subject.
        let about = user_id(scene.anna.id);
        eva.gets(format!("/access/explain?userId={about}&action=message:read")).await.refused("hers", Code::Forbidden);
        let last = refused(&scene.eva.id).await.pop().unwrap();
        assert_eq!((last.target, last.detail), (about, json!({ "action": "admin:policy" })));
        // Who is let in, and who is nobody, is refused nothing.
        let before = told(&scene.nordwind, "action = 'access.refused'").await.len();
        assert_eq!(page(&olga, "/admin/members").await, 200);
        assert_eq!(page(&server.nobody(), "/admin/members").await, 303);
        assert_eq!(told(&scene.nordwind, "action = 'access.refused'").await.len(), before);
        // What the log has no room for is in the trail.
        let bound = limits::AUDIT_REFUSALS_PER_MINUTE * 2;
        for _ in 0..bound {
            assert_eq!(page(&eva, "/admin/audit").await, 403);
        }
        let audited = refused(&scene.eva.id).await.len();
        let trail = eventually("the trail is written", async || {
            server.services.write_refusals().await.unwrap();
            let query = format!("/admin/abuse?kind=forbidden&userId={}", user_id(scene.eva.id));
            let all = olga.gets(query).await.good()["items"].as_array().unwrap().clone();
            (!all.is_empty()).then_some(all)
        })
        .await;
        let counted: u64 = trail.iter().map(|one| one["count"].as_u64().unwrap()).sum();
        assert!(trail.iter().all(|one| one["operation"] == "page"), "{trail:?}");
        assert_eq!(u64::try_from(audited).unwrap() + counted, u64::from(bound) + 2, "each once, here or there");
    });
}

#[test]
fn a_key_is_told_once_a_day() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (server, twin) = (Server::start(house).await, Server::start(house).await);
        let erp = server.admits_erp(&scene.nordwind, &scene.erp).await;
        let elsewhere = Client { base: twin.nobody().base, ..erp.clone() };
        let upsert = Ask::new(Method::PUT, "/records/transaction/INV-1").json(&json!({ "title": "Invoice 1" }));
        for client in [&erp, &erp, &elsewhere, &elsewhere] {
            client.asks(&upsert).await.good();
        }
        let used = only(&scene.nordwind, "key.use").await;
        assert!(used.actor == Some(scene.erp.id) && used.target.starts_with("key_"), "{used:?}");
        // Yesterday's use is another.
        scene.nordwind.arranges("UPDATE api_keys SET used_on = used_on - 1").await;
        let third = Server::start(house).await;
        Client { base: third.nobody().base, ..erp }.asks(&upsert).await.good();
        assert_eq!(told(&scene.nordwind, "action = 'key.use'").await.len(), 2);
    });
}

#[test]
fn an_embedded_session_is_told_with_its_page() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let made: bool = sqlx::query_scalar(
            "SELECT auth.session_create($1, sha256('t'), $2, $3, 'embed', 'https://erp.example', now(), now() + interval '1 hour', $1)",
        )
        .bind(crate::harness::fresh_id())
        .bind(scene.anna.id)
        .bind(scene.nordwind.id)
        .fetch_one(&house.app)
        .await
        .unwrap();
        assert!(made);
        let told = only(&scene.nordwind, "session.embed").await;
        assert_eq!((told.actor, told.detail), (Some(scene.anna.id), json!({ "origin": "https://erp.example" })));
    });
}
