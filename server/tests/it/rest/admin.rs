//! Administration over REST, and the same rails met with raw SQL as the application role: nobody grants what they do not
//! hold, the last owner stays, a change reaches everything within two seconds.

use std::time::{Duration, Instant};

use http::Method;
use postil::{
    access::{Action, Effect, Policy, Role, RoleKey, Rule, Scope, preset},
    backend::{source::Machine, store::grants::policy_put},
    clock::Clock as _,
    domain::Name,
    ids::{CompanyId, DepartmentId, ProjectId},
    wire::Code,
};
use serde_json::{Value, json};
use server::http::routes;

use crate::harness::{
    Actor, Ask, Client, Company, Scene, Server,
    attempt::{CHECK, NOT_ALLOWED, assert_refused, assert_untouched, attempt},
    fresh_id, in_a_house,
    server::{conversation_id, user_id},
};

fn rule(id: &str, effect: Effect, role: RoleKey, actions: &[Action], scope: Scope) -> Rule {
    serde_json::from_value(json!({ "id": id, "effect": effect, "roles": [role], "actions": actions, "scope": scope }))
        .unwrap()
}

fn put(document: &Policy, base: u32) -> Ask {
    Ask::new(Method::PUT, "/admin/policy")
        .json(&json!({ "document": document, "comment": "A change", "baseVersion": base }))
}

fn patch(who: &Actor, body: &Value) -> Ask {
    Ask::new(Method::PATCH, format!("/admin/members/{}", user_id(who.id))).json(body)
}

fn invite(email: &str, role: &str) -> Ask {
    Ask::new(Method::POST, "/admin/invitations")
        .json(&json!({ "email": email, "name": "Nina New", "role": role, "kind": "internal" }))
}

fn accept(token: &Value, password: &str) -> Ask {
    Ask::new(Method::POST, "/invitations/accept")
        .json(&json!({ "token": token, "name": "Nina Newman", "password": password }))
}

async fn admin_of(company: &Company) -> Actor {
    company.hires("Ada", RoleKey::ADMIN, None).await
}

/// Puts `policy` in force as the house does, with its roles.
async fn in_force(company: &Company, version: i32, policy: &Policy) {
    let mut tx = company.house().await;
    let id = CompanyId::from_uuid(company.id);
    policy_put(&mut tx, id, version, policy, "By the house", None, Machine.now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// The presets, and a role that edits the policy and holds little else.
fn with_editor() -> Policy {
    let mut policy = preset::policy();
    policy.roles.push(Role { key: RoleKey::new("editor").unwrap(), name: Name::new("Editor").unwrap() });
    policy.rules.push(rule(
        "editor",
        Effect::Allow,
        RoleKey::new("editor").unwrap(),
        &[Action::AdminPolicy, Action::ThreadRead],
        Scope::Company,
    ));
    policy
}

#[test]
fn the_policy_is_read_changed_and_restored_and_its_history_says_who_and_why() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let first = olga.gets("/admin/policy").await.good();
        assert_eq!((&first["version"], &first["inForce"]), (&json!(1), &json!(true)));
        let mut document: Policy = serde_json::from_value(first["document"].clone()).unwrap();
        assert_eq!(document, preset::policy());
        document.rules.push(rule(
            "no-plans",
            Effect::Deny,
            RoleKey::EXTERNAL,
            &[Action::ThreadRead],
            serde_json::from_value(json!({ "type": "kind", "kind": "plan" })).unwrap(),
        ));
        assert!(scene.eva.may("thread:read", Some(&scene.plan)).await);
        let second = olga.asks(&put(&document, 1)).await.good();
        assert_eq!((&second["version"], &second["comment"]), (&json!(2), &json!("A change")));
        assert_eq!(second["createdBy"]["name"], "Olga");
        assert!(!scene.eva.may("thread:read", Some(&scene.plan)).await, "both walls read it");
        olga.asks(&put(&document, 1)).await.refused("made from an old version", Code::VersionConflict);
        let page = olga.gets("/admin/policy/versions?limit=1").await.good();
        assert_eq!(page["items"][0]["version"], 2);
        let next = format!("/admin/policy/versions?limit=1&cursor={}", page["nextCursor"].as_str().unwrap());
        let next = olga.gets(next).await.good();
        assert_eq!((&next["items"][0]["version"], &next["items"][0]["inForce"]), (&json!(1), &json!(false)));
        assert_eq!(olga.gets("/admin/policy/versions/1").await.good()["document"], first["document"]);
        for missing in ["3", "4000000000"] {
            olga.gets(format!("/admin/policy/versions/{missing}")).await.refused(missing, Code::NotFound);
        }
        let restore = |base: u32| {
            Ask::new(Method::POST, "/admin/policy/versions/1/restore")
                .json(&json!({ "comment": "Back", "baseVersion": base }))
        };
        olga.asks(&restore(1)).await.refused("another version is in force", Code::VersionConflict);
        assert_eq!(olga.asks(&restore(2)).await.good()["version"], 3);
        assert!(scene.eva.may("thread:read", Some(&scene.plan)).await);
        assert_eq!(olga.gets("/admin/policy").await.good()["document"], first["document"]);
    });
}

#[test]
fn a_document_that_is_wrong_names_the_place() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let mut twice = preset::policy();
        twice.rules.push(twice.rules[3].clone());
        let mut stranger = preset::policy();
        stranger.rules[2].roles.insert(RoleKey::new("nobody").unwrap());
        let mut no_owner = preset::policy();
        no_owner.roles.remove(0);
        let mut dropped = preset::policy();
        dropped.roles.retain(|role| role.key != RoleKey::EXTERNAL);
        dropped.rules.retain(|rule| !rule.roles.contains(&RoleKey::EXTERNAL));
        let last = twice.rules.len() - 1;
        for (document, field) in [
            (&twice, format!("document.rules[{last}].id")),
            (&stranger, "document.rules[2].roles".to_owned()),
            (&no_owner, "document.roles".to_owned()),
            (&dropped, "document.roles".to_owned()),
        ] {
            let reply = olga.asks(&put(document, 1)).await;
            reply.refused(&field, Code::InvalidField);
            assert_eq!(reply.body["errors"][0]["field"], field, "{reply:?}");
        }
        let dry = Ask::new(Method::POST, "/admin/policy/dry-run").json(&json!({ "document": twice }));
        olga.asks(&dry).await.refused("a dry run checks as well", Code::InvalidField);
    });
}

#[test]
fn a_dry_run_says_who_would_gain_and_lose_what_and_stores_nothing() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let mut document = preset::policy();
        // Staff read every transaction; nobody from outside reads anything.
        document.rules.push(rule(
            "staff-transactions",
            Effect::Allow,
            RoleKey::STAFF,
            &[Action::ThreadRead],
            serde_json::from_value(json!({ "type": "kind", "kind": "transaction" })).unwrap(),
        ));
        document.rules.push(rule("guests", Effect::Deny, RoleKey::EXTERNAL, &[Action::MessageRead], Scope::Company));
        let before = super::footprint(house, &scene.nordwind).await;
        let ask = Ask::new(Method::POST, "/admin/policy/dry-run").json(&json!({ "document": document }));
        let run = olga.asks(&ask).await.good();
        assert_eq!(super::footprint(house, &scene.nordwind).await, before);
        let told: Vec<(String, String, Value, Value)> = run["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let sum = |reach: &Value| json!([reach["unlinked"], reach["recordCount"]]);
                let (gained, lost) = (sum(&change["gained"]), sum(&change["lost"]));
                (text(&change["person"]["name"]), text(&change["action"]), gained, lost)
            })
            .collect();
        let nothing = json!([false, 0]);
        let expected = [
            // Ben is of production: the invoice of finance is new to him. Anna and Bob see it already.
            ("Ben".to_owned(), "thread:read".to_owned(), json!([false, 1]), nothing.clone()),
            ("Eva".to_owned(), "message:read".to_owned(), nothing, json!([true, 1])),
        ];
        assert_eq!(told, expected, "{run:#}");
        assert_eq!(run["changes"][0]["gained"]["records"], json!([{ "kind": "transaction", "id": "INV-4711" }]));
        assert_eq!((&run["changeCount"], &run["truncated"]), (&json!(2), &json!(false)));
        assert_eq!((&run["memberCount"], &run["recordCount"], &run["baseVersion"]), (&json!(7), &json!(3), &json!(1)));
        assert_eq!(run["withinOwnRights"], true);
        // And that is what happens.
        olga.asks(&put(&document, 1)).await.good();
        assert!(scene.ben.may("thread:read", Some(&scene.invoice)).await);
        assert!(!scene.eva.may("message:read", None).await);
    });
}

#[test]
fn nobody_grants_what_they_do_not_hold_by_policy() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let policy = with_editor();
        in_force(&scene.nordwind, 2, &policy).await;
        // Edits the policy, reads threads, and holds nothing else.
        let ed = scene.nordwind.hires("Ed", RoleKey::new("editor").unwrap(), None).await;
        let (olga, editor) = (server.admits(&scene.olga).await, server.admits(&ed).await);
        let me = user_id(ed.id);
        let changed = |change: &dyn Fn(&mut Policy)| {
            let mut policy = policy.clone();
            change(&mut policy);
            policy
        };
        let allow = |role: RoleKey, action: Action| rule("new", Effect::Allow, role, &[action], Scope::Company);
        let to_me: Rule = serde_json::from_value(json!({ "id": "me", "effect": "allow", "users": [me], "actions": ["message:read"], "scope": { "type": "unlinked" } })).unwrap();
        let deny_me: Rule = serde_json::from_value(json!({ "id": "not-me", "effect": "deny", "users": [me], "actions": ["thread:read"], "scope": { "type": "kind", "kind": "plan" } })).unwrap();
        for (what, document) in [
            ("their own role", changed(&|p| p.rules.push(allow(RoleKey::new("editor").unwrap(), Action::MessageRead)))),
            ("themselves, by name", changed(&|p| p.rules.push(to_me.clone()))),
            ("another role", changed(&|p| p.rules.push(allow(RoleKey::STAFF, Action::AdminMembers)))),
            (
                "a wider scope",
                changed(&|p| {
                    p.rules.iter_mut().find(|rule| rule.id == "staff-unlinked").unwrap().scope = Scope::Company;
                }),
            ),
            (
                "a role added to a rule",
                changed(&|p| {
                    p.rules.iter_mut().find(|rule| rule.id == "owner-all").unwrap().roles.insert(RoleKey::STAFF);
                }),
            ),
        ] {
            let reply = editor.asks(&put(&document, 2)).await;
            reply.refused(what, Code::BeyondOwnRights);
            assert!(reply.body["errors"][0]["field"].as_str().unwrap().starts_with("document.rules["), "{reply:?}");
            // The database says so too, whatever the service thinks.
            assert_refused(what, &puts_by_sql(&ed, 3, &document).await, NOT_ALLOWED);
        }
        // What they hold they may hand on; what others have may stay.
        let fine = changed(&|p| p.rules.push(allow(RoleKey::EXTERNAL, Action::ThreadRead)));
        assert_eq!(editor.asks(&put(&fine, 2)).await.good()["version"], 3);
        // A deny that names them is not theirs to lift.
        let mut denied = fine.clone();
        denied.rules.push(deny_me);
        olga.asks(&put(&denied, 3)).await.good();
        editor.asks(&put(&fine, 4)).await.refused("their own deny", Code::BeyondOwnRights);
        assert_refused("their own deny", &puts_by_sql(&ed, 5, &fine).await, NOT_ALLOWED);
        let restore = Ask::new(Method::POST, "/admin/policy/versions/3/restore")
            .json(&json!({ "comment": "x", "baseVersion": 4 }));
        editor.asks(&restore).await.refused("by restoring", Code::BeyondOwnRights);
        olga.asks(&restore).await.good();
    });
}

/// Puts `document` in force with the application role's own hands, compiled as the service would.
async fn puts_by_sql(who: &Actor, version: i32, document: &Policy) -> crate::harness::Attempt {
    puts_rows_by_sql(who, version, document, document).await
}

/// Likewise, with the rows of another document.
async fn puts_rows_by_sql(who: &Actor, version: i32, document: &Policy, rows: &Policy) -> crate::harness::Attempt {
    let mut tx = who.enters().await;
    let text = serde_json::to_string(document).unwrap().replace('\'', "''");
    let rows = serde_json::to_string(&crate::harness::actor::grant_rows(who.company, version, rows)).unwrap();
    let roles = serde_json::to_string(&document.roles).unwrap().replace('\'', "''");
    for sql in [
        format!("INSERT INTO roles (company_id, key, name, created_by) SELECT '{}', x.key, x.name, '{}' FROM jsonb_to_recordset('{roles}') AS x (key text, name text) ON CONFLICT DO NOTHING", who.company, who.id),
        format!("INSERT INTO policies (company_id, version, document, created_by) VALUES ('{}', {version}, '{text}', '{}')", who.company, who.id),
        format!("INSERT INTO policy_grants (company_id, version, ordinal, rule_id, effect, role_key, user_id, action, scope, target, member_kind, state, valid_from, valid_until)
            SELECT company_id, version, ordinal, rule_id, effect, role_key, user_id, action, scope, target, member_kind, state, valid_from, valid_until
            FROM jsonb_populate_recordset(NULL::policy_grants, '{}')", rows.replace('\'', "''")),
    ] {
        attempt(&mut tx, &sql).await?;
    }
    let done =
        attempt(&mut tx, &format!("UPDATE companies SET policy_version = {version} WHERE id = '{}'", who.company))
            .await?;
    tx.commit().await.map_err(|error| crate::harness::attempt::refusal(&error))?;
    Ok(done)
}

#[test]
fn some_owner_can_always_administer() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let changed = |change: &dyn Fn(&mut Policy)| {
            let mut policy = preset::policy();
            change(&mut policy);
            policy
        };
        let me: Rule = serde_json::from_value(json!({ "id": "me", "effect": "deny", "users": [user_id(scene.olga.id)], "actions": ["admin:policy"], "scope": { "type": "company" } })).unwrap();
        for (what, document) in [
            ("no rule for owners", changed(&|p| p.rules.retain(|rule| rule.id != "owner-all"))),
            (
                "owners without members",
                changed(&|p| {
                    p.rules
                        .iter_mut()
                        .find(|rule| rule.id == "owner-all")
                        .unwrap()
                        .actions
                        .remove(&Action::AdminMembers);
                }),
            ),
            (
                "owners denied",
                changed(&|p| {
                    p.rules.push(rule("x", Effect::Deny, RoleKey::OWNER, &[Action::AdminPolicy], Scope::Company));
                }),
            ),
            ("the only owner denied", changed(&|p| p.rules.push(me.clone()))),
        ] {
            olga.asks(&put(&document, 1)).await.refused(what, Code::LastOwner);
            assert_refused(what, &puts_by_sql(&scene.olga, 2, &document).await, CHECK);
        }
        // The last owner neither leaves nor steps down, by any way.
        for body in [json!({ "version": 1, "status": "deactivated" }), json!({ "version": 1, "role": "staff" })] {
            olga.asks(&patch(&scene.olga, &body)).await.refused("the last owner", Code::LastOwner);
        }
        for set in ["status = 'deactivated'", "role_key = 'staff'"] {
            let sql = format!("UPDATE memberships SET {set} WHERE user_id = '{}'", scene.olga.id);
            assert_refused(set, &scene.olga.tries(&sql).await, CHECK);
        }
        // With a second one they may.
        olga.asks(&patch(&scene.mara, &json!({ "version": 1, "role": "owner" }))).await.good();
        assert_eq!(
            olga.asks(&patch(&scene.olga, &json!({ "version": 1, "role": "staff" }))).await.good()["role"],
            "staff"
        );
        olga.gets("/admin/policy").await.refused("at once", Code::Forbidden);
    });
}

#[test]
fn two_owners_who_demote_each_other_leave_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let second = scene.nordwind.hires("Otto", RoleKey::OWNER, None).await;
        let sql = |who: &Actor| format!("UPDATE memberships SET role_key = 'staff' WHERE user_id = '{}'", who.id);
        let (by_olga, by_otto) = (sql(&second), sql(&scene.olga));
        let (one, other) = tokio::join!(scene.olga.tries(&by_olga), second.tries(&by_otto));
        let left: i64 = scene
            .nordwind
            .value("SELECT count(*) FROM memberships WHERE role_key = 'owner' AND status = 'active'")
            .await;
        assert_eq!(left, 1, "{one:?} {other:?}");
        let both = scene.olga.tries("UPDATE memberships SET status = 'deactivated' WHERE role_key = 'owner'").await;
        assert!(both.is_err(), "all at once neither: {both:?}");
    });
}

#[test]
fn what_is_written_by_hand_must_be_the_document_the_next_version_and_closed_afterwards() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (presets, mut more) = (preset::policy(), preset::policy());
        more.rules.push(rule("x", Effect::Allow, RoleKey::EXTERNAL, &[Action::MessageRead], Scope::Company));
        let olga = &scene.olga;
        // What wall 1 would read is not what wall 2 would.
        assert_refused("rows without a rule", &puts_rows_by_sql(olga, 2, &presets, &more).await, CHECK);
        assert_refused("a rule without rows", &puts_rows_by_sql(olga, 2, &more, &presets).await, CHECK);
        // Conditions are part of a row: each, left out or changed, is another grant than the document's.
        let mut bounded = preset::policy();
        let mut guests = rule("x", Effect::Allow, RoleKey::EXTERNAL, &[Action::MessageRead], Scope::Company);
        guests.conditions = serde_json::from_value(json!({
            "memberKinds": ["external"], "recordStates": ["posted", "closed"],
            "from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00.000001Z",
        }))
        .unwrap();
        bounded.rules.push(guests);
        for condition in ["memberKinds", "recordStates", "from", "until"] {
            let mut loose = bounded.clone();
            let mut less = serde_json::to_value(&loose.rules.last().unwrap().conditions).unwrap();
            less.as_object_mut().unwrap().remove(condition);
            loose.rules.last_mut().unwrap().conditions = serde_json::from_value(less).unwrap();
            assert_refused(condition, &puts_rows_by_sql(olga, 2, &bounded, &loose).await, CHECK);
        }
        assert_refused("not the next", &puts_by_sql(olga, 3, &presets).await, NOT_ALLOWED);
        assert_refused("not the next", &olga.tries("UPDATE companies SET policy_version = 7").await, CHECK);
        assert_refused("back to nothing", &olga.tries("UPDATE companies SET policy_version = 0").await, CHECK);
        assert_eq!(puts_by_sql(olga, 2, &bounded).await, Ok(1), "with all of them it is the document");
        let late = format!(
            "INSERT INTO policy_grants (company_id, version, ordinal, rule_id, effect, role_key, action, scope) VALUES ('{}', 2, 9999, 'x', 'allow', 'external', 'message:read', 'company')",
            olga.company
        );
        assert_refused("a row after the fact", &olga.tries(&late).await, NOT_ALLOWED);
    });
}

#[test]
fn members_are_found_and_changed_and_a_stale_version_is_told() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let names = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&olga.gets("/admin/members").await.good()).len(), 7);
        assert_eq!(names(&olga.gets("/admin/members?search=%20BE").await.good()), ["Ben"]);
        assert_eq!(names(&olga.gets("/admin/members?search=anna.").await.good()), ["Anna"], "by address");
        assert_eq!(names(&olga.gets("/admin/members?search=%25").await.good()).len(), 0, "no pattern");
        let (mut found, mut path) = (Vec::new(), "/admin/members?limit=3".to_owned());
        loop {
            let page = olga.gets(&path).await.good();
            found.extend(names(&page));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/admin/members?limit=3&cursor={cursor}");
        }
        assert_eq!(found, ["Anna", "Ben", "Bob", "ERP", "Eva", "Mara", "Olga"]);
        olga.gets(format!("/admin/members?search={}", "x".repeat(300))).await.refused("too long", Code::InvalidQuery);

        let (finance, projects) = (DepartmentId::from_uuid(scene.finance), olga.gets("/admin/projects").await.good());
        let apollo = projects["items"][0]["id"].clone();
        assert_eq!(olga.gets("/admin/departments").await.good()["items"].as_array().unwrap().len(), 2);
        assert!(!scene.ben.may("thread:read", Some(&scene.invoice)).await);
        let moved = olga
            .asks(&patch(&scene.ben, &json!({ "version": 1, "departmentId": finance, "projectIds": [apollo] })))
            .await
            .good();
        assert_eq!(
            (&moved["departmentId"], &moved["projectIds"], &moved["version"]),
            (&json!(finance), &json!([apollo]), &json!(2))
        );
        assert!(scene.ben.may("thread:read", Some(&scene.invoice)).await);
        olga.asks(&patch(&scene.ben, &json!({ "version": 1, "role": "manager" })))
            .await
            .refused("stale", Code::VersionConflict);
        let out = olga
            .asks(&patch(&scene.ben, &json!({ "version": 2, "departmentId": null, "projectIds": [] })))
            .await
            .good();
        assert_eq!((out.get("departmentId"), &out["projectIds"]), (None, &json!([])));
        let again = olga.asks(&patch(&scene.ben, &json!({ "version": 3, "projectIds": [apollo] }))).await.good();
        assert_eq!(again["projectIds"], json!([apollo]), "into a project again");
        for (what, body, code) in [
            (
                "a stranger's department",
                json!({ "version": 4, "departmentId": DepartmentId::from_uuid(fresh_id()) }),
                Code::InvalidField,
            ),
            (
                "a stranger's project",
                json!({ "version": 4, "projectIds": [ProjectId::from_uuid(fresh_id())] }),
                Code::InvalidField,
            ),
            ("no role of the policy", json!({ "version": 4, "role": "chief" }), Code::InvalidField),
            ("the ERP's role", json!({ "version": 4, "role": "integration" }), Code::InvalidField),
        ] {
            olga.asks(&patch(&scene.ben, &body)).await.refused(what, code);
        }
        let mut missing = scene.ben.clone();
        missing.id = fresh_id();
        let (sven, nobody) = (
            olga.asks(&patch(&scene.sven, &json!({ "version": 1, "role": "staff" }))).await,
            olga.asks(&patch(&missing, &json!({ "version": 1, "role": "staff" }))).await,
        );
        nobody.refused("nobody", Code::NotFound);
        assert_eq!(sven.comparable(), nobody.comparable(), "another company's member is nobody");
        let erp = olga.asks(&patch(&scene.erp, &json!({ "version": 1, "status": "deactivated" }))).await.good();
        assert_eq!(erp["status"], "deactivated", "an ERP can be put out, though nobody holds what it does");
        let roles = olga.gets("/admin/roles").await.good();
        let staff = roles["items"].as_array().unwrap().iter().find(|role| role["key"] == "staff").unwrap().clone();
        assert_eq!(staff, json!({ "key": "staff", "name": "Staff", "memberCount": 3, "assignable": true }));
    });
}

#[test]
fn nobody_raises_anybody_above_themselves() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let ada = admin_of(&scene.nordwind).await;
        let admin = server.admits(&ada).await;
        for (what, who, body) in [
            ("self-promotion", &ada, json!({ "version": 1, "role": "owner" })),
            ("an accomplice", &scene.ben, json!({ "version": 1, "role": "owner" })),
            ("an owner put down", &scene.olga, json!({ "version": 1, "role": "staff" })),
            ("an owner put out", &scene.olga, json!({ "version": 1, "status": "deactivated" })),
            ("an owner moved", &scene.olga, json!({ "version": 1, "kind": "external" })),
        ] {
            admin.asks(&patch(who, &body)).await.refused(what, Code::BeyondOwnRights);
        }
        admin.asks(&invite("x@example.test", "owner")).await.refused("by invitation", Code::BeyondOwnRights);
        for (what, sql) in [
            ("self-promotion", format!("UPDATE memberships SET role_key = 'owner' WHERE user_id = '{}'", ada.id)),
            ("an accomplice", format!("UPDATE memberships SET role_key = 'owner' WHERE user_id = '{}'", scene.ben.id)),
            (
                "the ERP's rights",
                format!("UPDATE memberships SET role_key = 'integration' WHERE user_id = '{}'", ada.id),
            ),
            (
                "an owner put out",
                format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.olga.id),
            ),
            (
                "an owner's projects",
                format!(
                    "INSERT INTO project_members (company_id, project_id, user_id, created_by) SELECT company_id, id, '{}', '{}' FROM projects",
                    scene.olga.id, ada.id
                ),
            ),
            ("the policy", "UPDATE companies SET policy_version = 2".to_owned()),
            (
                "an owner by invitation",
                format!(
                    "INSERT INTO invitations (company_id, id, email, name, role_key, kind, token_hash, created_at, created_by, expires_at) VALUES ('{}', gen_random_uuid(), 'x@example.test', 'X', 'owner', 'internal', sha256('x'), now(), '{}', now() + interval '1 day')",
                    ada.company, ada.id
                ),
            ),
            (
                "in another's name",
                format!(
                    "INSERT INTO invitations (company_id, id, email, name, role_key, kind, token_hash, created_at, created_by, expires_at) VALUES ('{}', gen_random_uuid(), 'x@example.test', 'X', 'staff', 'internal', sha256('x'), now(), '{}', now() + interval '1 day')",
                    ada.company, scene.olga.id
                ),
            ),
            ("the secret of an invitation", "SELECT token_hash FROM invitations".to_owned()),
            ("an invitation's role", "UPDATE invitations SET role_key = 'staff'".to_owned()),
            ("a past of their own", "INSERT INTO membership_history SELECT * FROM membership_history".to_owned()),
            ("a past rewritten", "UPDATE record_history SET valid_to = now()".to_owned()),
        ] {
            assert_refused(what, &ada.tries(&sql).await, NOT_ALLOWED);
        }
        // Who may administer nothing is told so, even where nothing would be touched.
        for sql in [
            "UPDATE memberships SET role_key = 'staff' WHERE false",
            "UPDATE project_members SET deleted_at = now()",
            "UPDATE companies SET policy_version = policy_version + 1",
            "UPDATE roles SET name = 'x'",
            "UPDATE invitations SET revoked_at = now()",
        ] {
            assert_refused(sql, &scene.mara.tries(sql).await, NOT_ALLOWED);
        }
        // In the other company nothing is there to touch.
        let sql = format!("UPDATE memberships SET role_key = 'owner' WHERE company_id = '{}'", scene.south.id);
        assert_untouched("the other company", &ada.tries(&sql).await);
        assert_refused("at work there", &ada.claims(scene.south.id).tries(&sql).await, NOT_ALLOWED);
        // What an administrator holds they may hand on.
        admin.asks(&patch(&scene.ben, &json!({ "version": 1, "role": "admin" }))).await.good();
    });
}

#[test]
fn whoever_may_not_administer_is_refused_everywhere() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let ada = admin_of(&scene.nordwind).await;
        let admin = server.admits(&ada).await;
        let embedded = server.admits_as(&scene.olga, "embed").await;
        let erp = server.admits_erp(&scene.nordwind, &scene.erp).await;
        let ask = |path: &str, method: &Method| -> Ask {
            let path = path.strip_prefix("/api/v1").unwrap();
            let ask = Ask::new(
                method.clone(),
                match path {
                    "/admin/members/{id}" => path.replace("{id}", &user_id(scene.ben.id)),
                    "/admin/invitations/{id}" => path.replace("{id}", "inv_0198000000007000800000000000002a"),
                    path => path.replace("{id}", "1"),
                },
            );
            match (method.as_str(), path) {
                ("PUT", _) => put(&preset::policy(), 1),
                ("POST", "/admin/policy/dry-run") => ask.json(&json!({ "document": preset::policy() })),
                ("POST", "/admin/invitations") => invite("new@example.test", "staff"),
                ("POST", _) => ask.json(&json!({ "comment": "x", "baseVersion": 1 })),
                ("PATCH", "/admin/settings") => ask.json(&json!({ "version": 0, "newcomerHours": 48 })),
                ("PATCH", _) => ask.json(&json!({ "version": 1, "role": "manager" })),
                _ => ask,
            }
        };
        let before = super::footprint(house, &scene.nordwind).await;
        let mut seen = 0;
        // The audit log and the word list are kept under rules of their own.
        for route in routes().iter().filter(|route| {
            route.path.starts_with("/api/v1/admin/")
                && !["list_audit", "get_words", "put_words"].contains(&route.operation)
        }) {
            let of_policy = route.path.contains("/policy");
            for (who, client) in [
                ("staff", server.admits(&scene.ben).await),
                ("a manager", server.admits(&scene.mara).await),
                ("a guest", server.admits(&scene.eva).await),
                ("an owner's embedded session", embedded.clone()),
                ("an ERP's key", erp.clone()),
            ] {
                let what = format!("{} by {who}", route.operation);
                client.asks(&ask(&route.path, &route.method)).await.refused(&what, Code::Forbidden);
            }
            if of_policy {
                admin.asks(&ask(&route.path, &route.method)).await.refused(route.operation, Code::Forbidden);
            }
            seen += 1;
        }
        assert!(seen >= 14, "{seen}");
        let mut after = super::footprint(house, &scene.nordwind).await;
        for table in ["sessions", "audit_log"] {
            after[table] = before[table].clone();
        }
        assert_eq!(after, before);
    });
}

#[test]
fn an_invitation_is_accepted_once_and_tells_nothing_otherwise() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, nobody) = (server.admits(&scene.olga).await, server.nobody());
        let made = olga.asks(&invite("Nina@Example.test", "staff")).await;
        assert_eq!(made.status, 201);
        let made = made.good();
        let token = &made["token"];
        assert_eq!(made["link"], format!("{}/invitation#{}", server.origin, token.as_str().unwrap()));
        olga.asks(&invite("nina@example.test", "staff")).await.refused("twice", Code::AlreadyMember);
        let email: String =
            scene.nordwind.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.ben.id)).await;
        olga.asks(&invite(&email, "staff")).await.refused("a member", Code::AlreadyMember);
        let listed = olga.gets("/admin/invitations").await.good();
        assert_eq!(listed["items"], json!([made["invitation"]]));
        assert!(!listed.to_string().contains(token.as_str().unwrap()), "told once");
        let stored: String = scene.nordwind.value("SELECT encode(token_hash, 'escape') FROM invitations").await;
        assert!(!stored.contains(token.as_str().unwrap()), "hashed at rest");

        nobody.asks(&accept(token, "too short")).await.refused("a short password", Code::InvalidField);
        let done = nobody.asks(&accept(token, "correct horse battery")).await.good();
        assert_eq!((&done["email"], &done["companyName"]), (&json!("nina@example.test"), &json!("Nordwind")));
        let sign_in = Ask::new(Method::POST, "/session")
            .json(&json!({ "email": "nina@example.test", "password": "correct horse battery" }));
        assert_eq!(nobody.asks(&sign_in).await.good()["companies"][0]["role"], "staff");
        // Used, unknown, withdrawn, run out, made by somebody who may no longer, and with the wrong password: one answer.
        let used = nobody.asks(&accept(token, "correct horse battery")).await;
        used.refused("used", Code::InvalidInvitation);
        let unknown = nobody.asks(&accept(&json!("x".repeat(43)), "correct horse battery")).await;
        let withdrawn = olga.asks(&invite("w@example.test", "staff")).await.good();
        let withdraw =
            Ask::new(Method::DELETE, format!("/admin/invitations/{}", withdrawn["invitation"]["id"].as_str().unwrap()));
        assert_eq!(olga.asks(&withdraw).await.status, 204);
        olga.asks(&withdraw).await.refused("withdrawn already", Code::NotFound);
        let withdrawn = nobody.asks(&accept(&withdrawn["token"], "correct horse battery")).await;
        let late = olga.asks(&invite("l@example.test", "staff")).await.good();
        scene.nordwind.arranges("UPDATE invitations SET expires_at = now() WHERE email = 'l@example.test'").await;
        let late = nobody.asks(&accept(&late["token"], "correct horse battery")).await;
        assert_eq!(olga.asks(&invite("l@example.test", "staff")).await.status, 201, "one that ran out makes room");
        let ada = admin_of(&scene.nordwind).await;
        let stale = server.admits(&ada).await.asks(&invite("s@example.test", "admin")).await.good();
        olga.asks(&patch(&ada, &json!({ "version": 1, "role": "staff" }))).await.good();
        let stale = nobody.asks(&accept(&stale["token"], "correct horse battery")).await;
        for (what, reply) in
            [("unknown", unknown), ("withdrawn", withdrawn), ("run out", late), ("of who was demoted", stale)]
        {
            assert_eq!(reply.comparable(), used.comparable(), "{what}");
        }
    });
}

#[test]
fn an_existing_account_joins_with_its_own_password_and_no_other() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (olga, nobody) = (server.admits(&scene.olga).await, server.nobody());
        let sven: String = scene.south.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.sven.id)).await;
        let hash = postil::backend::crypto::password::hash("svens own password", &postil::backend::source::Machine);
        let set = |hash: &str| format!("UPDATE users SET password_hash = {hash} WHERE id = '{}'", scene.sven.id);
        scene.south.arranges(&set("NULL")).await;
        let made = olga.asks(&invite(&sven, "staff")).await.good();
        nobody
            .asks(&accept(&made["token"], "a password of mine"))
            .await
            .refused("a first password by a link", Code::InvalidInvitation);
        scene.south.arranges(&set(&format!("'{hash}'"))).await;
        nobody
            .asks(&accept(&made["token"], "a password of mine"))
            .await
            .refused("another's password", Code::InvalidInvitation);
        nobody.asks(&accept(&made["token"], "svens own password")).await.good();
        let name: String = scene.south.value(&format!("SELECT name FROM users WHERE id = '{}'", scene.sven.id)).await;
        assert_eq!(name, "Sven", "an account keeps its name");
        let count: i64 = scene
            .nordwind
            .value(&format!("SELECT count(*) FROM memberships WHERE user_id = '{}'", scene.sven.id))
            .await;
        assert_eq!(count, 1);
    });
}

/// How long it takes until a frame of this type comes.
async fn until_socket_says(socket: &mut crate::harness::Socket, kind: &str) -> Duration {
    let begun = Instant::now();
    socket.until(kind).await;
    begun.elapsed()
}

#[test]
fn a_change_reaches_requests_at_once_and_open_sockets_within_two_seconds() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let olga = server.admits(&scene.olga).await;
        let (ben, eva) = (server.admits(&scene.ben).await, server.admits(&scene.eva).await);
        let (mut bens, mut evas) = (ben.listens().await, eva.listens().await);
        // A policy: guests see no talk without a record any more. The socket is told to load afresh.
        let mut document = preset::policy();
        document.rules.push(rule("x", Effect::Deny, RoleKey::EXTERNAL, &[Action::ThreadRead], Scope::Unlinked));
        olga.asks(&put(&document, 1)).await.good();
        let took = until_socket_says(&mut evas, "resync").await;
        assert!(took < Duration::from_secs(2), "{took:?}");
        eva.gets(format!("/conversations/{}", conversation_id(scene.group))).await.refused("a request", Code::NotFound);
        // A membership that ends: the socket closes, the session is dead.
        olga.asks(&patch(&scene.ben, &json!({ "version": 1, "status": "deactivated" }))).await.good();
        let begun = Instant::now();
        ben.gets("/me").await.refused("deactivated", Code::Unauthenticated);
        assert!([4401, 4403].contains(&bens.closes().await));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        olga.asks(&patch(&scene.ben, &json!({ "version": 2, "status": "active" }))).await.good();
        ben.gets("/me").await.good();
    });
}

#[test]
fn a_session_from_before_a_demotion_can_do_nothing_of_before() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let ada = admin_of(&scene.nordwind).await;
        let (olga, admin): (Client, Client) = (server.admits(&scene.olga).await, server.admits(&ada).await);
        admin.gets("/admin/members").await.good();
        olga.asks(&patch(&ada, &json!({ "version": 1, "role": "staff" }))).await.good();
        admin.gets("/admin/members").await.refused("a read", Code::Forbidden);
        admin
            .asks(&patch(&ada, &json!({ "version": 2, "role": "admin" })))
            .await
            .refused("back again", Code::Forbidden);
        admin.asks(&invite("x@example.test", "admin")).await.refused("an accomplice", Code::Forbidden);
        // Their role in one company is nothing in another.
        let sven = Client { company: Some(scene.nordwind.id), ..server.admits(&scene.sven).await };
        sven.gets("/admin/members").await.refused("another company's owner", Code::CompanyContextChanged);
    });
}

#[test]
fn a_right_that_ends_while_a_change_waits_is_gone_when_it_is_looked_at() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let ada = admin_of(&scene.nordwind).await;
        // The transaction of a request that has begun and asked nothing yet.
        let mut tx = ada.enters().await;
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET role_key = 'staff' WHERE user_id = '{}'", ada.id))
            .await;
        let sql = format!("UPDATE memberships SET role_key = 'admin' WHERE user_id = '{}'", scene.ben.id);
        assert_refused("revoked in between", &attempt(&mut tx, &sql).await, NOT_ALLOWED);
    });
}
