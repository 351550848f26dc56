//! Round trips to PostgreSQL, counted on the wire.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::harness::{
    Ask, Client, Proxy, Scene, Server, fresh_id, in_a_house,
    house::setting,
    server::{conversation_id, message_id},
};

/// Most trips for the hot requests.
const TRIPS_MAX: u64 = 2;
const WARM_ROUNDS: usize = 6;
const TOGETHER: usize = 16;
const MEASURED: u64 = 20;

async fn trips(proxy: &Proxy, client: &Client, ask: &dyn Fn() -> Ask) -> f64 {
    // Every connection of the pool prepares its statements once; that is not what is counted.
    for _ in 0..WARM_ROUNDS {
        let asks: Vec<Ask> = (0..TOGETHER).map(|_| ask()).collect();
        for reply in join_all(asks.iter().map(|ask| client.asks(ask))).await {
            reply.good();
        }
    }
    let before = proxy.trips();
    for _ in 0..MEASURED {
        client.asks(&ask()).await.good();
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits")]
    let trips = (proxy.trips() - before) as f64 / MEASURED as f64;
    trips
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
        let anna = server.admits(&scene.anna).await;
        // The sends of one person are bounded; this test sends more.
        let writers = [&scene.anna, &scene.ben, &scene.mara, &scene.eva];
        let mut counts = Vec::new();
        let group = conversation_id(scene.group);
        let get = |path: String| Ask::new(Method::GET, path);
        for (what, ask) in [
            ("inbox", Box::new(|| get("/conversations".to_owned())) as Box<dyn Fn() -> Ask>),
            ("page of threads", Box::new(|| get(format!("/messages?conversationId={group}")))),
            ("thread", Box::new(|| get(format!("/messages/{}/thread", message_id(scene.hello.id))))),
            ("message", Box::new(|| get(format!("/messages/{}", message_id(scene.hello.id))))),
        ] {
            counts.push((what, trips(&proxy, &anna, &*ask).await));
        }
        let send = || Ask::new(Method::POST, "/messages").keyed(fresh_id().to_string()).json(&json!({ "conversationId": group, "body": "x" }));
        let mut clients = Vec::new();
        for writer in writers {
            clients.push(server.admits(writer).await);
        }
        for _ in 0..3 {
            for reply in join_all((0..24).map(|n| { let (client, ask) = (&clients[n % 4], send()); async move { client.asks(&ask).await } })).await {
                reply.good();
            }
        }
        let before = proxy.trips();
        for n in 0..20 {
            clients[n % 4].asks(&send()).await.good();
        }
        #[expect(clippy::cast_precision_loss, reason = "two digits")]
        counts.push(("send", (proxy.trips() - before) as f64 / 20.0));
        println!("{counts:?}");
        for (what, trips) in counts {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let bound = TRIPS_MAX as f64;
            assert!((1.0..=bound).contains(&trips), "{what}: {trips} round trips");
        }
    });
}
