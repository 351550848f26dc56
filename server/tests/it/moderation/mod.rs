//! Moderation: reports and acts over REST and sockets, raw SQL against its walls, blocks and word lists.

mod acts;
mod blocks;
mod queue;
mod rails;
mod walls;
mod words;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Ask, Client};

/// A message's id, as on the wire.
fn id_of(message: &Value) -> &str {
    message["id"].as_str().expect("a message has an id")
}

fn report(message: &str, reason: &str) -> Ask {
    Ask::new(Method::POST, format!("/messages/{message}/reports")).json(&json!({ "reason": reason }))
}

fn act(message: &str, act: &str) -> Ask {
    acts(message, &json!({ "act": act, "reason": "Because of rule 7" }))
}

fn acts(message: &str, body: &Value) -> Ask {
    Ask::new(Method::POST, format!("/moderation/reports/{message}/acts")).json(body)
}

async fn queue(client: &Client) -> Vec<String> {
    let page = client.gets("/moderation/reports").await.good();
    let items = page["items"].as_array().expect("a page").iter();
    items.map(|case| case["messageId"].as_str().expect("a case is named").to_owned()).collect()
}
