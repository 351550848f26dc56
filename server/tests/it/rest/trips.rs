//! Round trips to PostgreSQL, counted on the wire.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::harness::{
    Ask, Client, Proxy, Scene, Server, fresh_id,
    house::setting,
    in_a_house,
    server::{conversation_id, message_id},
};

/// Most trips for the hot requests.
const TRIPS_MAX: u64 = 2;
const WARM_ROUNDS: usize = 3;
const TOGETHER: usize = 16;
const MEASURED: usize = 20;

/// Round trips of one such request, times [`MEASURED`].
async fn trips(proxy: &Proxy, clients: &[Client], ask: &dyn Fn() -> Ask) -> u64 {
    // Every connection of the pool prepares its statements once; that is not what is counted.
    for _ in 0..WARM_ROUNDS {
        let asks: Vec<Ask> = (0..TOGETHER).map(|_| ask()).collect();
        // The requests of one person are bounded: several share the work.
        for reply in join_all(asks.iter().zip(clients.iter().cycle()).map(|(ask, client)| client.asks(ask))).await {
            reply.good();
        }
    }
    let before = proxy.trips();
    for client in clients.iter().cycle().take(MEASURED) {
        client.asks(&ask()).await.good();
    }
    proxy.trips() - before
}

#[test]
fn the_hot_requests_take_two_round_trips_at_most() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        for n in 0..10 {
            let root = scene.ben.writes(scene.group, &n.to_string()).await;
            scene.eva.answers(&root, "reply").await;
        }
        let url = house.url("APP_DATABASE_URL");
        let proxy = Proxy::to(&Proxy::target(&url)).await;
        let server = Server::start_with(house, &proxy.before(&url), &setting("REDIS_URL")).await;
        let mut clients = Vec::new();
        for person in [&scene.anna, &scene.ben, &scene.mara, &scene.eva] {
            clients.push(server.admits(person).await);
        }
        let group = conversation_id(scene.group);
        let get = |path: String| Ask::new(Method::GET, path);
        let mut counts = Vec::new();
        for (what, ask) in [
            ("inbox", Box::new(|| get("/conversations".to_owned())) as Box<dyn Fn() -> Ask>),
            ("page of threads", Box::new(|| get(format!("/messages?conversationId={group}")))),
            ("thread", Box::new(|| get(format!("/messages/{}/thread", message_id(scene.hello.id))))),
            ("search", Box::new(|| get("/search?q=reply".to_owned()))),
            (
                "send",
                Box::new(|| {
                    Ask::new(Method::POST, "/messages")
                        .keyed(fresh_id().to_string())
                        .json(&json!({ "conversationId": group, "body": "x" }))
                }),
            ),
        ] {
            counts.push((what, trips(&proxy, &clients, &*ask).await));
        }
        println!("round trips of {MEASURED} requests each: {counts:?}");
        let measured = u64::try_from(MEASURED).unwrap();
        for (what, trips) in counts {
            assert!(
                (measured..=measured * TRIPS_MAX).contains(&trips),
                "{what}: {trips} round trips for {MEASURED} requests"
            );
        }
    });
}
