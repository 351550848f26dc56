//! The schema `auth`: sessions, switching, tickets, keys. What is asked before there is a company.

use postil::limits;
use sqlx::{PgPool, types::time::OffsetDateTime};
use uuid::Uuid;

use crate::harness::{Actor, Scene, fresh_id, in_a_house, in_s, now};

/// A secret's hash of the test's choice.
fn hash(n: u8) -> Vec<u8> {
    vec![n; 32]
}

async fn opens_session(app: &PgPool, n: u8, actor: &Actor, kind: &str, expires: OffsetDateTime) -> bool {
    sqlx::query_scalar("SELECT auth.session_create($1, $2, $3, $4, $5, NULL, $6, $7, NULL)")
        .bind(fresh_id())
        .bind(hash(n))
        .bind(actor.id)
        .bind(actor.company)
        .bind(kind)
        .bind(now())
        .bind(expires)
        .fetch_one(app)
        .await
        .unwrap()
}

/// Session, person, company, epoch.
async fn session(app: &PgPool, n: u8, at: OffsetDateTime) -> Option<(Uuid, Uuid, Uuid, i32, OffsetDateTime)> {
    sqlx::query_as("SELECT session_id, user_id, company_id, context_epoch, expires_at FROM auth.session_open($1, $2)")
        .bind(hash(n))
        .bind(at)
        .fetch_optional(app)
        .await
        .unwrap()
}

async fn switches(app: &PgPool, old: u8, new: u8, company: Uuid) -> bool {
    sqlx::query_scalar("SELECT auth.session_switch($1, $2, $3, $4, NULL)")
        .bind(hash(old))
        .bind(hash(new))
        .bind(company)
        .bind(now())
        .fetch_one(app)
        .await
        .unwrap()
}

#[test]
fn a_session_is_for_members_only() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        assert!(opens_session(&house.app, 1, &scene.anna, "browser", in_s(3_600)).await);
        assert!(!opens_session(&house.app, 2, &scene.anna.claims(scene.south.id), "browser", in_s(3_600)).await);
        assert!(session(&house.app, 1, now()).await.is_some_and(
            |(_, user, company, epoch, _)| (user, company, epoch) == (scene.anna.id, scene.nordwind.id, 1)
        ));
        assert_eq!(session(&house.app, 2, now()).await, None);
        assert_eq!(session(&house.app, 9, now()).await, None, "a token that was never given");
    });
}

#[test]
fn a_session_ends_with_time_sign_out_or_membership() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for n in 1..=4 {
            opens_session(&house.app, n, &scene.anna, "browser", in_s(3_600)).await;
        }
        assert_eq!(session(&house.app, 1, in_s(3_601)).await, None);
        let ends = async || -> Option<Uuid> {
            sqlx::query_scalar("SELECT company_id FROM auth.session_end($1, $2, NULL)")
                .bind(hash(2))
                .bind(now())
                .fetch_optional(&house.app)
                .await
                .unwrap()
        };
        assert_eq!(ends().await, Some(scene.nordwind.id));
        assert_eq!(session(&house.app, 2, now()).await, None);
        assert_eq!(ends().await, None, "once");
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.anna.id))
            .await;
        assert_eq!(session(&house.app, 3, now()).await, None, "at the next request, not at the next sign-in");
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'active' WHERE user_id = '{}'", scene.anna.id))
            .await;
        scene
            .nordwind
            .arranges(&format!("UPDATE users SET status = 'deactivated' WHERE id = '{}'", scene.anna.id))
            .await;
        assert_eq!(session(&house.app, 4, now()).await, None);
    });
}

#[test]
fn use_prolongs_a_browsers_session_and_not_an_embedded_one() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        opens_session(&house.app, 1, &scene.anna, "browser", in_s(3_600)).await;
        opens_session(&house.app, 2, &scene.anna, "embed", in_s(3_600)).await;
        let later = in_s(3_000);
        session(&house.app, 1, later).await.unwrap();
        session(&house.app, 2, later).await.unwrap();
        assert!(session(&house.app, 1, in_s(6_000)).await.is_some());
        assert_eq!(session(&house.app, 2, in_s(3_601)).await, None);
    });
}

#[test]
fn use_does_not_prolong_a_session_beyond_its_life() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let life: i64 = sqlx::query_scalar("SELECT extract(epoch FROM auth.session_life())::bigint")
            .fetch_one(&house.app)
            .await
            .unwrap();
        assert_eq!(life, limits::SESSION_LIFE_S.cast_signed(), "limits.rs and the database tell the same");
        let (week, end) = (limits::SESSION_IDLE_S.cast_signed(), limits::SESSION_LIFE_S.cast_signed());
        opens_session(&house.app, 1, &scene.bob, "browser", in_s(week)).await;
        let mut at = 0;
        while at + week / 2 < end - 60 {
            at += week / 2;
            assert!(session(&house.app, 1, in_s(at)).await.is_some(), "used twice a week, on day {}", at / 86_400);
        }
        assert!(session(&house.app, 1, in_s(end - 60)).await.is_some());
        assert!(session(&house.app, 1, in_s(end + 60)).await.is_none());
    });
}

#[test]
fn a_switch_changes_the_token_and_the_old_one_is_dead() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        opens_session(&house.app, 1, &scene.bob, "browser", in_s(3_600)).await;
        let before = session(&house.app, 1, now()).await.unwrap();
        assert!(switches(&house.app, 1, 2, scene.south.id).await);
        assert_eq!(session(&house.app, 1, now()).await, None, "a replay of the old token");
        let after = session(&house.app, 2, now()).await.unwrap();
        assert_eq!((after.0, after.1, after.2, after.3), (before.0, before.1, scene.south.id, 2));
        assert!(!switches(&house.app, 1, 3, scene.nordwind.id).await, "nor does the old token switch");
    });
}

#[test]
fn nobody_switches_into_a_company_that_is_not_theirs() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        opens_session(&house.app, 1, &scene.anna, "browser", in_s(3_600)).await;
        assert!(!switches(&house.app, 1, 2, scene.south.id).await);
        assert!(!switches(&house.app, 1, 2, fresh_id()).await);
        assert!(session(&house.app, 1, now()).await.is_some(), "a refused switch changes nothing");
        scene
            .south
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.bob.id))
            .await;
        opens_session(&house.app, 3, &scene.bob, "browser", in_s(3_600)).await;
        assert!(!switches(&house.app, 3, 4, scene.south.id).await);
        // An embedded session belongs to the page that made it.
        scene
            .south
            .arranges(&format!("UPDATE memberships SET status = 'active' WHERE user_id = '{}'", scene.bob.id))
            .await;
        opens_session(&house.app, 5, &scene.bob, "embed", in_s(3_600)).await;
        assert!(!switches(&house.app, 5, 6, scene.south.id).await);
    });
}

#[test]
fn a_switch_does_not_shorten_the_session() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        opens_session(&house.app, 1, &scene.bob, "browser", in_s(3_600)).await;
        // As if it had been half an hour ago.
        let moved: i32 = 1_800;
        scene.nordwind.arranges(&format!("UPDATE sessions SET seen_at = seen_at - interval '{moved} s', expires_at = expires_at - interval '{moved} s', created_at = created_at - interval '{moved} s'")).await;
        assert!(switches(&house.app, 1, 2, scene.south.id).await);
        let (.., expires) = session(&house.app, 2, in_s(120)).await.unwrap();
        assert!(expires >= in_s(3_600), "an hour from its last use, not {expires}");
    });
}

#[test]
fn a_ticket_opens_one_socket() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        opens_session(&house.app, 1, &scene.anna, "embed", in_s(3_600)).await;
        let (id, ..) = session(&house.app, 1, now()).await.unwrap();
        let gives = async |n: u8, expires: OffsetDateTime| {
            sqlx::query("SELECT auth.ticket_create($1, $2, $3)")
                .bind(hash(n))
                .bind(id)
                .bind(expires)
                .execute(&house.app)
                .await
                .unwrap();
        };
        let redeems = async |n: u8, at: OffsetDateTime| -> Option<Vec<u8>> {
            sqlx::query_scalar("SELECT auth.ticket_redeem($1, $2)")
                .bind(hash(n))
                .bind(at)
                .fetch_one(&house.app)
                .await
                .unwrap()
        };
        gives(101, in_s(30)).await;
        assert_eq!(redeems(101, now()).await, Some(hash(1)));
        assert_eq!(redeems(101, now()).await, None, "a second time");
        gives(102, in_s(30)).await;
        assert_eq!(redeems(102, in_s(31)).await, None, "too late");
        assert_eq!(redeems(102, now()).await, None, "and gone");
        assert_eq!(redeems(103, now()).await, None, "never given");
        gives(104, in_s(30)).await;
        let (one, other) = tokio::join!(redeems(104, now()), redeems(104, now()));
        assert!(one.is_some() != other.is_some(), "two at once");
        gives(105, in_s(30)).await;
        sqlx::query("SELECT auth.session_end($1, $2, NULL)")
            .bind(hash(1))
            .bind(now())
            .execute(&house.app)
            .await
            .unwrap();
        assert_eq!(redeems(105, now()).await, None, "after signing out");
    });
}

#[test]
fn an_embed_token_is_used_once() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let uses = async |company: Uuid, jti: &str| -> bool {
            sqlx::query_scalar("SELECT auth.embed_token_use($1, $2, $3)")
                .bind(company)
                .bind(jti)
                .bind(in_s(300))
                .fetch_one(&house.app)
                .await
                .unwrap()
        };
        assert!(uses(scene.nordwind.id, "token-0001").await);
        assert!(!uses(scene.nordwind.id, "token-0001").await);
        assert!(uses(scene.south.id, "token-0001").await, "each company counts its own");
        let (one, other) = tokio::join!(uses(scene.nordwind.id, "token-0002"), uses(scene.nordwind.id, "token-0002"));
        assert_ne!(one, other, "two at once");
    });
}

#[test]
fn an_api_key_is_its_service_accounts_in_its_company() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut tx = scene.nordwind.house().await;
        crate::harness::actor::fill(&mut tx, "api_keys", &[serde_json::json!({ "company_id": scene.nordwind.id, "id": fresh_id(), "user_id": scene.erp.id, "name": "ERP", "key_hash": format!("\\x{}", "2a".repeat(32)), "created_at": crate::harness::actor::stamp() })]).await;
        tx.commit().await.unwrap();
        let opens = async |n: u8| -> Option<(Uuid, Uuid, String)> {
            sqlx::query_as("SELECT user_id, company_id, role_key FROM auth.api_key_open($1)")
                .bind(hash(n))
                .fetch_optional(&house.app)
                .await
                .unwrap()
        };
        assert_eq!(opens(0x2a).await, Some((scene.erp.id, scene.nordwind.id, "integration".to_owned())));
        assert_eq!(opens(0x2b).await, None);
        scene.nordwind.arranges("UPDATE api_keys SET revoked_at = now()").await;
        assert_eq!(opens(0x2a).await, None);
    });
}

#[test]
fn an_account_is_found_whatever_the_case_of_its_address() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let email: String =
            scene.nordwind.value(&format!("SELECT email FROM users WHERE id = '{}'", scene.anna.id)).await;
        let finds = async |email: &str| -> Option<(Uuid, Option<String>)> {
            sqlx::query_as("SELECT user_id, password_hash FROM auth.account($1)")
                .bind(email)
                .fetch_optional(&house.app)
                .await
                .unwrap()
        };
        assert_eq!(finds(&email.to_uppercase()).await.unwrap().0, scene.anna.id);
        assert_eq!(finds("nobody@example.test").await, None);
        scene
            .nordwind
            .arranges(&format!("UPDATE users SET status = 'deactivated' WHERE id = '{}'", scene.anna.id))
            .await;
        assert_eq!(finds(&email).await, None);
    });
}

#[test]
fn only_living_sessions_keep_their_sockets() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let mut ids = Vec::new();
        for (n, actor) in (1..).zip([&scene.anna, &scene.ben, &scene.bob]) {
            opens_session(&house.app, n, actor, "browser", in_s(3_600)).await;
            ids.push(session(&house.app, n, now()).await.unwrap().0);
        }
        let alive = async |at: OffsetDateTime| -> Vec<(Uuid, Uuid)> {
            let mut rows: Vec<(Uuid, Uuid)> =
                sqlx::query_as("SELECT session_id, company_id FROM auth.sessions_alive($1, $2)")
                    .bind(&ids)
                    .bind(at)
                    .fetch_all(&house.worker)
                    .await
                    .unwrap();
            rows.sort();
            rows
        };
        assert_eq!(alive(now()).await.len(), 3);
        sqlx::query("SELECT auth.session_end($1, $2, NULL)")
            .bind(hash(1))
            .bind(now())
            .execute(&house.app)
            .await
            .unwrap();
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.ben.id))
            .await;
        assert!(switches(&house.app, 3, 4, scene.south.id).await);
        assert_eq!(alive(now()).await, [(ids[2], scene.south.id)], "and in which company, so that a switch shows");
        assert_eq!(alive(in_s(4_000)).await, []);
    });
}
