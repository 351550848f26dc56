//! How sockets end: signed out, revoked, switched. And who never gets one.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use crate::harness::{Ask, Scene, Server, in_a_house, server::company_id, socket::NoSocket};

/// A revocation is felt within this time.
const FELT: Duration = Duration::from_secs(2);

#[test]
fn a_revoked_member_is_shown_out_within_two_seconds_and_hears_no_more() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, eva) = (server.admits(&scene.anna).await, server.admits(&scene.eva).await);
        let mut tabs = [eva.listens().await, eva.listens().await];
        let begin = Instant::now();
        scene
            .nordwind
            .arranges(&format!("UPDATE memberships SET status = 'deactivated' WHERE user_id = '{}'", scene.eva.id))
            .await;
        anna.writes(scene.group, "without Eva").await;
        for tab in &mut tabs {
            assert_eq!(tab.closes().await, 4403);
            assert_eq!(tab.bodies(), [] as [String; 0], "not even what was sent before the close");
        }
        assert!(begin.elapsed() < FELT, "took {:?}", begin.elapsed());
        assert_eq!(eva.knocks().await.err(), Some(NoSocket { status: 401, code: "unauthenticated".to_owned() }));
    });
}

#[test]
fn a_person_who_is_deactivated_as_a_whole_is_shown_out() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, eva) = (server.admits(&scene.anna).await, server.admits(&scene.eva).await);
        let mut tab = eva.listens().await;
        let begin = Instant::now();
        scene
            .nordwind
            .arranges(&format!("UPDATE users SET status = 'deactivated' WHERE id = '{}'", scene.eva.id))
            .await;
        anna.writes(scene.group, "without Eva").await;
        let code = tab.closes().await;
        assert!([4401, 4403].contains(&code), "{code}");
        assert!(begin.elapsed() < FELT, "took {:?}", begin.elapsed());
    });
}

#[test]
fn a_participant_who_is_removed_hears_no_more_of_that_conversation() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        scene
            .nordwind
            .arranges(&format!(
                "UPDATE participants SET deleted_at = now() WHERE conversation_id = '{}' AND user_id = '{}'",
                scene.group, scene.ben.id
            ))
            .await;
        hears.until("access.revoked").await;
        anna.writes(scene.group, "without Ben").await;
        anna.writes(scene.direct, "with Ben").await;
        hears.until("message.created").await;
        assert_eq!(hears.bodies(), ["with Ben"]);
    });
}

#[test]
fn signing_out_closes_that_sessions_sockets_and_no_others() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let anna = here.admits(&scene.anna).await;
        let mut here_hears = anna.listens().await;
        let there_client = crate::harness::Client {
            base: format!("http://{}", there.address),
            origin: there.origin.clone(),
            ..anna.clone()
        };
        let mut there_hears = there_client.listens().await;
        let mut phone = there.admits(&scene.anna).await.listens().await;
        assert_eq!(anna.asks(&Ask::new(Method::DELETE, "/session")).await.status, 204);
        assert_eq!(here_hears.closes().await, 4401);
        assert_eq!(there_hears.closes().await, 4401, "on the other node, too");
        here.admits(&scene.ben).await.writes(scene.group, "still here").await;
        phone.until("message.created").await;
    });
}

#[test]
fn a_switch_closes_the_sessions_sockets_and_the_new_ones_hear_the_new_company() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let bob = server.admits(&scene.bob).await;
        let mut tab = bob.listens().await;
        let reply = bob
            .asks(
                &Ask::new(Method::POST, "/context/switch-company")
                    .json(&json!({ "companyId": company_id(scene.south.id) })),
            )
            .await;
        let cookie = reply.headers.get("set-cookie").expect("a fresh token").to_str().unwrap().to_owned();
        let me = reply.good();
        assert_eq!((&me["companyId"], &me["contextEpoch"]), (&json!(company_id(scene.south.id)), &json!(2)));
        assert_eq!(tab.closes().await, 4409);
        // The old token is dead; the old tab, with the new cookie but the old company in mind, is told so.
        assert_eq!(bob.knocks().await.err().map(|no| no.status), Some(401));
        bob.gets("/me").await.refused("the old token", postil::wire::Code::Unauthenticated);
        let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        let fresh = crate::harness::Client { token: Some(token), ..bob };
        let mut stale_tab = fresh.knocks().await.unwrap();
        stale_tab.greets(scene.nordwind.id, None).await;
        assert_eq!(stale_tab.closes().await, 4409);
        let fresh = crate::harness::Client { company: Some(scene.south.id), ..fresh };
        let mut hears = fresh.listens().await;
        server.admits(&scene.sven).await.writes(scene.south_group, "Welcome").await;
        hears.until("message.created").await;
        assert_eq!(hears.bodies(), ["Welcome"]);
    });
}

#[test]
fn only_our_own_pages_open_a_socket_by_cookie() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits(&scene.anna).await;
        let cookie = format!("postil={}", anna.token.clone().unwrap());
        for (origin, status) in [
            (None, 403),
            (Some("null".to_owned()), 403),
            (Some("https://evil.example".to_owned()), 403),
            (Some(format!("{}.evil.example", server.origin)), 403),
            // The company's own ERP embeds the widget; its cookie is not the way there.
            (Some("https://erp.example".to_owned()), 403),
        ] {
            let refused = anna
                .knocks_with(&[("origin", origin.clone()), ("cookie", Some(cookie.clone()))])
                .await
                .err()
                .map(|no| no.status);
            assert_eq!(refused, Some(status), "{origin:?}");
        }
        for cookie in [None, Some("postil=rubbish".to_owned()), Some(format!("postil={}", "x".repeat(43)))] {
            let refused = anna
                .knocks_with(&[("origin", Some(server.origin.clone())), ("cookie", cookie)])
                .await
                .err()
                .map(|no| no.status);
            assert_eq!(refused, Some(401));
        }
    });
}

#[test]
fn a_ticket_opens_one_socket_from_a_page_that_may_embed() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        let anna = server.admits_as(&scene.anna, "embed").await;
        let ticket = async || {
            let ticket = anna.asks(&Ask::new(Method::POST, "/realtime/ticket")).await.good();
            Some(format!("postil.v1, postil.ticket.{}", ticket["ticket"].as_str().unwrap()))
        };
        let once = ticket().await;
        let embedding = Some("https://erp.example".to_owned());
        let mut socket =
            anna.knocks_with(&[("origin", embedding.clone()), ("sec-websocket-protocol", once.clone())]).await.unwrap();
        socket.greets(scene.nordwind.id, None).await;
        socket.until("welcome").await;
        let again = anna.knocks_with(&[("origin", embedding), ("sec-websocket-protocol", once)]).await.err();
        assert_eq!(again.map(|no| no.status), Some(401), "a ticket is used once");
        let stolen = ticket().await;
        let evil = anna
            .knocks_with(&[
                ("origin", Some("https://evil.example".to_owned())),
                ("sec-websocket-protocol", stolen.clone()),
            ])
            .await
            .err();
        assert_eq!(evil.map(|no| no.status), Some(403));
        let retried = anna
            .knocks_with(&[("origin", Some(server.origin.clone())), ("sec-websocket-protocol", stolen)])
            .await
            .err();
        assert_eq!(retried.map(|no| no.status), Some(401), "a ticket that was seen elsewhere is dead");
    });
}

#[test]
fn a_session_that_ends_between_upgrade_and_hello_gets_no_further() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let server = Server::start(house).await;
        // Nobody else sits in the company: nothing would look at the sessions again for half a minute.
        let anna = server.admits(&scene.anna).await;
        let mut socket = anna.knocks().await.unwrap();
        anna.asks(&Ask::new(Method::DELETE, "/session")).await.good();
        socket.greets(scene.nordwind.id, None).await;
        assert_eq!(socket.closes().await, 4401);
        assert!(socket.frames.is_empty(), "{:?}", socket.frames);

        let bob = server.admits(&scene.bob).await;
        let mut socket = bob.knocks().await.unwrap();
        let switch =
            Ask::new(Method::POST, "/context/switch-company").json(&json!({ "companyId": company_id(scene.south.id) }));
        bob.asks(&switch).await.good();
        socket.greets(scene.nordwind.id, None).await;
        assert_eq!(socket.closes().await, 4409);
        assert!(socket.frames.is_empty(), "{:?}", socket.frames);
    });
}
