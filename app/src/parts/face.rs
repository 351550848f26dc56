//! Faces: initials on a hue of their own, with presence by shape, colour and word.

use postil::{
    domain::{ConversationKind, MemberKind, PresenceStatus, RecordKind},
    ids::UserId,
    wire::Person,
};

use super::icon;
use crate::{
    node::{Element, Node, span},
    react::Memo,
    state::{Scope, hue_class, words},
};

/// The hue of a person: the same everywhere, for everyone.
fn hue(user: UserId) -> u16 {
    // The last bits of a UUIDv7 are random. Multiples of 15°, so that neighbours differ.
    u16::try_from(user.uuid().as_u128() % 24).unwrap_or(0) * 15
}

/// Initials, without presence.
#[must_use]
pub fn plain(person: &Person, size: &'static str) -> Node {
    let class = format!("avatar {size} {}", hue_class(hue(person.id)));
    span(class).attr("aria-hidden", "true").child(words::initials(&person.name)).into()
}

/// Initials with presence.
#[must_use]
pub fn with_presence(scope: Scope, person: &Person, size: &'static str) -> Node {
    let class = format!("avatar {size} {}", hue_class(hue(person.id)));
    let (id, initials) = (person.id, words::initials(&person.name));
    let status = Memo::new(move || scope.with(|feed| feed.presence(id).status));
    span(class).child(span("").attr("aria-hidden", "true").child(initials)).live(move || mark(status.get())).into()
}

/// The presence mark with its word.
#[must_use]
pub fn mark(status: PresenceStatus) -> Node {
    let word = words::presence(status);
    span(format!("presence presence-{}", status.as_str())).attr("role", "img").label(word).attr("title", word).into()
}

/// What stands for a conversation: a record's icon, the other person, or a group.
#[must_use]
pub fn of_conversation(
    scope: Scope,
    kind: ConversationKind,
    record: Option<RecordKind>,
    other: Option<&Person>,
) -> Node {
    let glyph = |inside: Node| span("avatar large glyph").attr("aria-hidden", "true").child(inside).into();
    match (kind, record, other) {
        (ConversationKind::Record, Some(record), _) => glyph(icon::record(record)),
        (ConversationKind::Direct, _, Some(other)) => with_presence(scope, other, "large"),
        _ => glyph(icon::icon(icon::PEOPLE)),
    }
}

/// Says that someone is a guest.
#[must_use]
pub fn guest_tag(person: &Person) -> Option<Element> {
    (person.member_kind == MemberKind::External).then(|| span("tag").child("External"))
}
