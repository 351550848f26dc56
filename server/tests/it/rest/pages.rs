//! What lies beside the API: rendered pages, health, the demo. Who gets which, and that a page tells no more than the API.

use std::collections::BTreeSet;

use http::Method;
use postil::{
    access::{Action, Conditions, Effect, RoleKey, Rule, Scope, preset},
    ids::UserId,
};
use serde_json::json;

use crate::harness::{
    Actor, Ask, Client, Scene, Server, eventually, fresh_id, in_a_house,
    server::{conversation_id, message_id},
};

/// Every path outside `/api/v1`; `{}` is a conversation.
const PAGES: [&str; 15] = [
    "/sign-in",
    "/messages",
    "/messages/{}",
    "/widget",
    "/widget?embed=1",
    "/invitation",
    "/admin",
    "/admin/members",
    "/admin/roles",
    "/admin/policy",
    "/admin/explain",
    "/admin/moderation",
    "/admin/words",
    "/admin/abuse",
    "/admin/audit",
];
/// Those of administration.
const ADMINISTRATION: [&str; 9] = [
    "/admin",
    "/admin/members",
    "/admin/roles",
    "/admin/policy",
    "/admin/explain",
    "/admin/moderation",
    "/admin/words",
    "/admin/abuse",
    "/admin/audit",
];

/// A page as a browser gets it.
struct Got {
    status: u16,
    location: String,
    policy: String,
    cookies: usize,
    html: String,
}

async fn get(client: &Client, path: &str) -> Got {
    let response = client.page(path).await;
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Got {
        status: response.status().as_u16(),
        location: header("location"),
        policy: header("content-security-policy"),
        cookies: response.headers().get_all("set-cookie").iter().count(),
        html: response.text().await.unwrap(),
    }
}

/// Without what names this one answer: the id asked for, the nonce, the server's time.
fn comparable(html: &str, id: &str) -> String {
    let mut html = html.replace(id, "ID");
    for begin in ["nonce=\"", "\"now\":\""] {
        if let Some(at) = html.find(begin).map(|at| at + begin.len()) {
            let end = html[at..].find('"').map_or(html.len(), |end| at + end);
            html.replace_range(at..end, "");
        }
    }
    html
}

async fn talks_about(scene: &Scene, of: &Actor) -> String {
    let secret = format!("A word for the few {}", fresh_id());
    of.writes(scene.invoice_talk, &secret).await;
    secret
}

#[test]
fn a_page_shows_what_the_api_would_and_to_nobody_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let secret = talks_about(&scene, &scene.anna).await;
        let id = conversation_id(scene.invoice_talk);
        let path = format!("/messages/{id}");
        let anna = server.admits(&scene.anna).await;
        let seen = get(&anna, &path).await;
        assert_eq!(seen.status, 200);
        assert!(seen.html.contains(&secret), "who may see it reads it before any script runs");
        // Nobody: to the door, and nothing on the way.
        for page in PAGES {
            let page = page.replace("{}", &id);
            let got = get(&server.nobody(), &page).await;
            assert!(!got.html.contains(&secret) && !got.html.contains("Nordwind"), "{page}");
            assert!(got.status == 200 || got.location.starts_with("/sign-in"), "{page}: {}", got.status);
        }
        // A colleague who may not see the record, a guest, and someone of the other company.
        for who in [&scene.ben, &scene.eva, &scene.sven] {
            let client = server.admits(who).await;
            for page in PAGES {
                assert!(!get(&client, &page.replace("{}", &id)).await.html.contains(&secret), "{page}");
            }
            let (hidden, missing) = (get(&client, &path).await, {
                let other = conversation_id(fresh_id());
                let got = get(&client, &format!("/messages/{other}")).await;
                Got { html: comparable(&got.html, &other), ..got }
            });
            assert_eq!(hidden.status, missing.status, "hidden equals missing");
            let hidden = comparable(&hidden.html, &id);
            let differs = hidden.bytes().zip(missing.html.bytes()).position(|(a, b)| a != b).unwrap_or(0);
            let around = differs.saturating_sub(60)..(differs + 120).min(hidden.len());
            assert!(hidden == missing.html, "not byte for byte: {:?}", hidden.get(around));
        }
        // Revoked: like nobody, from the next request on.
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.anna.id))
            .await;
        let gone = get(&anna, &path).await;
        assert!(!gone.html.contains(&secret));
        assert!(gone.location.starts_with("/sign-in"), "{}", gone.status);
    });
}

#[test]
fn administration_is_open_to_whom_the_policy_opens_it_and_to_nobody_else() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // Nobody: to the door, and from there to where they wanted.
        for page in ADMINISTRATION {
            let got = get(&server.nobody(), page).await;
            assert_eq!((got.status, got.location.as_str()), (303, &*format!("/sign-in?next={page}")), "{page}");
        }
        // Staff and guests: a page that says so, and nothing of what would be on it.
        for who in [&scene.anna, &scene.ben, &scene.eva] {
            let client = server.admits(who).await;
            for page in ADMINISTRATION {
                let got = get(&client, page).await;
                assert_eq!(got.status, 403, "{page}");
                assert!(got.html.contains("This is not open to you"), "{page}");
                assert!(!got.html.contains("postil-seed") && !got.html.contains("@nordwind"), "{page}");
                assert!(got.policy.contains("frame-ancestors 'none'"), "{page}: {}", got.policy);
            }
        }
        // Who administers members and not the policy is told that, with the way to what is theirs.
        let ada = server.admits(&scene.nordwind.hires("Ada", RoleKey::ADMIN, None).await).await;
        for (page, status) in
            [("/admin/members", 200), ("/admin/roles", 200), ("/admin/policy", 403), ("/admin/explain", 403)]
        {
            let got = get(&ada, page).await;
            assert_eq!(got.status, status, "{page}");
            assert!(
                got.html.contains("href=\"/admin/members\"") && !got.html.contains("href=\"/admin/policy\""),
                "{page}"
            );
            assert!(!got.html.contains("\"document\""), "{page}: no policy for whom it is not open");
        }
        let owner = server.admits(&scene.olga).await;
        let first = get(&owner, "/admin").await;
        assert_eq!((first.status, first.location.as_str()), (303, "/admin/members"));
        for page in &ADMINISTRATION[1..] {
            let got = get(&owner, page).await;
            assert_eq!(got.status, 200, "{page}");
            assert!(got.policy.contains("default-src 'none'") && got.cookies == 0, "{page}");
        }
        let members = get(&owner, "/admin/members").await.html;
        for name in ["Anna", "Ben", "Eva"] {
            assert!(members.contains(name), "the members are in the first HTML: {name}");
        }
        assert!(!members.contains("Sven"), "nobody of the other company");
        assert_eq!(get(&owner, "/admin/nothing").await.status, 404);
    });
}

#[test]
fn a_company_without_a_policy_says_so_on_every_page_of_administration() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        scene.nordwind.arranges("UPDATE companies SET policy_version = 0").await;
        let owner = server.admits(&scene.olga).await;
        for page in ADMINISTRATION {
            let got = get(&owner, page).await;
            assert_eq!(got.status, 403, "{page}");
            assert!(got.html.contains("No policy is in force in Nordwind yet"), "{page}");
            assert!(!got.html.contains("An owner can give it to you"), "{page}: no owner can");
        }
    });
}

#[test]
fn moderation_is_open_to_whoever_moderates_a_part_and_its_page_has_no_text() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        // One department's moderator, and nothing else's.
        let keeper = scene.nordwind.hires("Keeper", RoleKey::STAFF, Some(scene.production)).await;
        let mut policy = preset::policy();
        policy.rules.push(Rule {
            id: "keeper".to_owned(),
            effect: Effect::Allow,
            roles: BTreeSet::new(),
            users: [UserId::from_uuid(keeper.id)].into(),
            actions: [Action::AdminModerate].into(),
            scope: Scope::OwnDepartment,
            conditions: Conditions::default(),
        });
        scene.nordwind.has_policy(2, &policy).await;
        let server = Server::start(house).await;
        let (keeper, mara) = (server.admits(&keeper).await, server.admits(&scene.mara).await);
        let plan = scene.ben.discusses(&scene.plan).await.unwrap();
        let (theirs, others) = (format!("Rude here {}", fresh_id()), format!("Rude there {}", fresh_id()));
        let near = scene.ben.writes(plan, &theirs).await;
        let far = scene.anna.writes(scene.invoice_talk, &others).await;
        for message in [near.id, far.id] {
            let path = format!("/messages/{}/reports", message_id(message));
            mara.asks(&Ask::new(Method::POST, path).json(&json!({ "reason": "harassment" }))).await.good();
        }
        // The word list is the whole company's.
        assert_eq!(get(&keeper, "/admin/words").await.status, 403);
        assert_eq!(get(&mara, "/admin/words").await.status, 200);
        for (client, cases) in [(&keeper, 1), (&mara, 2)] {
            let got = get(client, "/admin/moderation").await;
            assert_eq!(got.status, 200);
            assert_eq!(got.html.matches("data-testid=\"case\"").count(), cases, "as far as the right reaches");
            assert!(!got.html.contains(&theirs) && !got.html.contains(&others), "the queue has no text");
            let first = get(client, "/admin").await;
            assert_eq!((first.status, first.location.as_str()), (303, "/admin/moderation"));
            assert_eq!(get(client, "/admin/members").await.status, 403);
        }
        let looks: i64 = scene.nordwind.value("SELECT count(*) FROM audit_log WHERE action = 'moderation.view'").await;
        assert_eq!(looks, 0, "the queue is no look");
    });
}

#[test]
fn an_embedded_widget_ignores_the_cookie_and_only_allowed_pages_frame_it() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        scene
            .nordwind
            .arranges("UPDATE companies SET embed_origins = ARRAY['https://erp.example', '*; script-src *']")
            .await;
        let anna = server.admits(&scene.anna).await;
        let company = crate::harness::server::company_id(scene.nordwind.id);
        // The host chose who is signed in; a cookie that the browser happens to have is somebody else's word.
        let embedded = get(&anna, &format!("/widget?embed=1&company={company}")).await;
        assert!(!embedded.html.contains("Anna") && !embedded.html.contains("Hello"), "{}", embedded.html);
        assert!(embedded.policy.contains("frame-ancestors https://erp.example"), "{}", embedded.policy);
        assert!(!embedded.policy.contains('*'), "what is no origin opens nothing: {}", embedded.policy);
        for path in ["/messages", "/sign-in", "/widget", "/widget?company=cmp_0198000000007000800000000000002a"] {
            let got = get(&anna, path).await;
            assert!(got.policy.contains("frame-ancestors 'none'"), "{path}: {}", got.policy);
            assert!(got.policy.contains("default-src 'none'"), "{path}: {}", got.policy);
            assert_eq!(got.cookies, 0, "{path}: reading a page sets no cookie");
        }
    });
}

#[test]
fn without_the_demo_there_is_none_and_health_tells_no_secrets() {
    in_a_house(async |house| {
        let server = Server::start(house).await;
        let nobody = server.nobody();
        for path in ["/demo", "/demo/nordwerk/transaction/INV-2026-00417?as=elise", "/demo/token", "/nothing"] {
            assert_eq!(get(&nobody, path).await.status, 404, "{path}");
        }
        assert_eq!(get(&nobody, "/health/live").await.status, 204);
        let ready = serde_json::json!({ "ready": true, "database": true, "redis": true });
        eventually("health", async || {
            let told: serde_json::Value = serde_json::from_str(&get(&nobody, "/health/ready").await.html).unwrap();
            (told == ready).then_some(())
        })
        .await;
    });
}
