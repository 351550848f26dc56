//! Drafts: what someone began to write, kept per person, company, conversation and message answered.

use postil::ids::{ConversationId, MessageId};

use super::Scope;
use crate::net::storage;

/// The storage key of a draft. A draft never shows in another conversation, company or account.
fn key(scope: Scope, conversation: ConversationId, parent: Option<MessageId>) -> String {
    let place = parent.map_or_else(String::new, |id| format!(":{id}"));
    scope.storage_key(&format!("draft:{conversation}{place}"))
}

/// The draft, or an empty text.
#[must_use]
pub fn load(scope: Scope, conversation: ConversationId, parent: Option<MessageId>) -> String {
    storage::get(&key(scope, conversation, parent)).unwrap_or_default()
}

/// Keeps `text`; an empty one is forgotten.
pub fn save(scope: Scope, conversation: ConversationId, parent: Option<MessageId>, text: &str) {
    let key = key(scope, conversation, parent);
    if text.trim().is_empty() { storage::remove(&key) } else { storage::set(&key, text) }
}
