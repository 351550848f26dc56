//! Unsent messages in storage: one key each, because all tabs of a person share the storage and none knows the others' list.
//!
//! A message that two tabs restore is sent by both, with the same idempotency key: the server takes it once.

use postil::{
    feed::{Feed, Input, Unsent},
    ids::ConversationId,
    wire::json,
};

use super::Scope;
use crate::net::storage;

fn place(scope: Scope, key: &str) -> String {
    scope.storage_key(&format!("outbox:{key}"))
}

/// Stores what this tab has not stored, and forgets what it stored and does not hold any more.
pub fn store(scope: Scope) {
    let unsent = scope.read(Feed::unsent);
    let Some(stored) = scope.stored.try_update_value(|stored| {
        core::mem::replace(stored, unsent.iter().map(|unsent| unsent.key.clone()).collect())
    }) else {
        return;
    };
    for gone in stored.iter().filter(|key| !unsent.iter().any(|unsent| unsent.key == **key)) {
        storage::remove(&place(scope, gone));
    }
    for unsent in unsent.iter().filter(|unsent| !stored.contains(&unsent.key)) {
        if let Ok(text) = serde_json::to_string(unsent) {
            storage::set(&place(scope, &unsent.key), &text);
        }
    }
}

/// What any tab of this person has left unsent in this company, in the order of writing.
fn stored(scope: Scope) -> Vec<Unsent> {
    let read = |key: String| json::read(&storage::get(&key)?).ok();
    in_order(storage::keys(&place(scope, "")).into_iter().filter_map(read).collect())
}

/// Storage keeps no order. Keys begin with the time, so that they tell what was written within a millisecond apart.
fn in_order(mut unsent: Vec<Unsent>) -> Vec<Unsent> {
    unsent.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    unsent
}

/// Hands what is stored to the feed, which sends it.
pub fn restore(scope: Scope) {
    let unsent = stored(scope);
    if !unsent.is_empty() {
        scope.apply(Input::OutboxRestored { context: scope.context(), unsent });
    }
}

/// Forgets a message that the server has, whichever tab wrote it.
pub fn forget(scope: Scope, key: &str) {
    storage::remove(&place(scope, key));
}

/// Forgets what waits for a conversation that is withdrawn, whichever tab wrote it.
pub fn purge(scope: Scope, conversation: ConversationId) {
    for unsent in stored(scope).iter().filter(|unsent| unsent.conversation == conversation) {
        storage::remove(&place(scope, &unsent.key));
    }
}

#[cfg(test)]
mod tests {
    use postil::{clock::Timestamp, wire::Person};

    use super::*;

    #[test]
    fn what_was_stored_in_any_order_is_restored_in_the_order_of_writing() {
        let person: Person = serde_json::from_value(serde_json::json!({
            "id": "usr_00000000000000000000000000000001", "name": "Ann", "memberKind": "internal", "jobTitle": null,
        }))
        .unwrap();
        let unsent = |key: &str, at| Unsent {
            key: key.to_owned(),
            conversation: "cnv_00000000000000000000000000000001".parse().unwrap(),
            parent: None,
            body: postil::domain::MessageBody::new("x").unwrap(),
            record: None,
            author: person.clone(),
            at: Timestamp::from_millis(at),
        };
        let restored = in_order(vec![unsent("c", 2), unsent("b", 2), unsent("a", 3), unsent("d", 1)]);
        assert_eq!(restored.iter().map(|unsent| unsent.key.as_str()).collect::<String>(), "dbca");
    }
}
