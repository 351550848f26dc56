//! Redis goes and comes back; a node dies. Messages keep flowing.

use http::Method;
use postil::{limits, wire::Code};
use serde_json::json;

use crate::harness::{
    Ask, Proxy, Scene, Server, eventually, fresh_id, house::setting, in_a_house, server::conversation_id,
};

#[test]
fn messages_flow_while_redis_is_away_and_none_is_lost_or_doubled() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let redis = setting("REDIS_URL");
        let proxy = Proxy::to(&Proxy::target(&redis)).await;
        let url = house.url("APP_DATABASE_URL");
        // Two nodes behind the same Redis: without it they have only the log in common.
        let (here, there) = (
            Server::start_with(house, &url, &proxy.before(&redis)).await,
            Server::start_with(house, &url, &proxy.before(&redis)).await,
        );
        let (anna, ben) = (here.admits(&scene.anna).await, there.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        let mut here_hears = here.admits(&scene.mara).await.listens().await;
        anna.writes(scene.group, "before").await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "before").await;
        proxy.cut();
        let mut expected = vec!["before".to_owned()];
        for n in 0..10 {
            anna.writes(scene.group, &format!("without {n}")).await;
            expected.push(format!("without {n}"));
        }
        hears.until_such("message.created", |frame| frame["message"]["body"] == "without 9").await;
        let status = anna.gets(format!("/presence?userIds={}", ben.person())).await.good();
        assert_eq!(status["items"][0]["status"], "unknown", "{status}");
        assert_eq!(anna.gets("/launcher").await.good()["presenceKnown"], false);
        proxy.mend();
        eventually("Redis is back", async || {
            (anna.gets("/launcher").await.good()["presenceKnown"] == true).then_some(())
        })
        .await;
        for n in 0..10 {
            anna.writes(scene.group, &format!("after {n}")).await;
            expected.push(format!("after {n}"));
        }
        for socket in [&mut hears, &mut here_hears] {
            socket.until_such("message.created", |frame| frame["message"]["body"] == "after 9").await;
            assert_eq!(socket.bodies(), expected);
        }
    });
}

#[test]
fn a_server_starts_and_serves_without_redis() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let redis = setting("REDIS_URL");
        let proxy = Proxy::to(&Proxy::target(&redis)).await;
        proxy.cut();
        let server = Server::start_with(house, &house.url("APP_DATABASE_URL"), &proxy.before(&redis)).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        anna.writes(scene.group, "alone").await;
        hears.until("message.created").await;
        // Whom nobody can count, nobody can guess at: sign-in fails closed.
        let guess = anna
            .asks(
                &Ask::new(Method::POST, "/session")
                    .json(&json!({ "email": "anna@example.test", "password": "whatever it is" })),
            )
            .await;
        guess.refused("a guess that nobody counts", Code::Unavailable);
        assert!(guess.headers.contains_key("retry-after"), "{guess:?}");
        // Other requests are counted in process.
        let send = |n: u32| {
            Ask::new(Method::POST, "/messages")
                .keyed(fresh_id().to_string())
                .json(&json!({ "conversationId": conversation_id(scene.group), "body": format!("fast {n}") }))
        };
        let asks: Vec<Ask> = (0..limits::SEND_BURST + 10).map(send).collect();
        let replies = futures_util::future::join_all(asks.iter().map(|ask| ben.asks(ask))).await;
        let refused: Vec<_> = replies.into_iter().filter(|reply| reply.status != 201).collect();
        assert!(!refused.is_empty(), "nobody counted");
        for reply in refused {
            reply.refused("too fast, though Redis is away", Code::RateLimited);
            assert!(reply.headers.contains_key("retry-after") && reply.headers.contains_key("ratelimit"));
        }
    });
}

#[test]
fn a_client_of_a_node_that_dies_goes_on_elsewhere() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let (here, there) = (Server::start(house).await, Server::start(house).await);
        let (anna, ben) = (there.admits(&scene.anna).await, here.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        anna.writes(scene.group, "1").await;
        hears.until("message.created").await;
        let cursor = hears.cursor.clone().unwrap();
        here.dies();
        drop(hears);
        anna.writes(scene.group, "2").await;
        let ben =
            crate::harness::Client { base: format!("http://{}", there.address), origin: there.origin.clone(), ..ben };
        let mut hears = ben.resumes(Some(&cursor)).await;
        hears.until("message.created").await;
        assert_eq!(hears.bodies(), ["2"]);
    });
}

#[test]
fn without_postgresql_nothing_is_accepted_and_sockets_stay() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let url = house.url("APP_DATABASE_URL");
        let proxy = Proxy::to(&Proxy::target(&url)).await;
        let server = Server::start_with(house, &proxy.before(&url), &setting("REDIS_URL")).await;
        let (anna, ben) = (server.admits(&scene.anna).await, server.admits(&scene.ben).await);
        let mut hears = ben.listens().await;
        anna.writes(scene.group, "before").await;
        proxy.cut();
        let send = Ask::new(Method::POST, "/messages")
            .keyed(fresh_id().to_string())
            .json(&json!({ "conversationId": conversation_id(scene.group), "body": "kept and sent once" }));
        anna.asks(&send).await.refused("without PostgreSQL", postil::wire::Code::Unavailable);
        proxy.mend();
        // The client keeps it and sends it again with the same key, until it is taken.
        eventually("PostgreSQL is back", async || (anna.asks(&send).await.status == 201).then_some(())).await;
        hears.until_such("message.created", |frame| frame["message"]["body"] == "kept and sent once").await;
        assert_eq!(hears.bodies(), ["before", "kept and sent once"], "on the socket that stayed");
    });
}
