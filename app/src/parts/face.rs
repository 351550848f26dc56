//! Faces: initials on a hue of their own, with presence by shape, colour and word.

use leptos::prelude::*;
use postil::{
    domain::{ConversationKind, MemberKind, PresenceStatus, RecordKind},
    ids::UserId,
    wire::Person,
};

use super::icon;
use crate::state::{Scope, hue_class, words};

/// The hue of a person: the same everywhere, for everyone.
fn hue(user: UserId) -> u16 {
    // The last bits of a UUIDv7 are random. Multiples of 15°, so that neighbours differ.
    u16::try_from(user.uuid().as_u128() % 24).unwrap_or(0) * 15
}

/// Initials, without presence.
#[must_use]
pub fn plain(person: &Person, size: &'static str) -> AnyView {
    let class = format!("avatar {size} {}", hue_class(hue(person.id)));
    view! { <span class=class aria-hidden="true">{words::initials(&person.name)}</span> }.into_any()
}

/// Initials with presence.
#[must_use]
pub fn with_presence(scope: Scope, person: &Person, size: &'static str) -> AnyView {
    let class = format!("avatar {size} {}", hue_class(hue(person.id)));
    let (id, initials) = (person.id, words::initials(&person.name));
    let status = Memo::new(move |_| scope.with(|feed| feed.presence(id).status));
    view! {
        <span class=class>
            <span aria-hidden="true">{initials}</span>
            {move || mark(status.get())}
        </span>
    }
    .into_any()
}

/// The presence mark with its word.
#[must_use]
pub fn mark(status: PresenceStatus) -> AnyView {
    let class = format!("presence presence-{}", status.as_str());
    let word = words::presence(status);
    view! { <span class=class role="img" aria-label=word title=word></span> }.into_any()
}

/// What stands for a conversation: a record's icon, the other person, or a group.
#[must_use]
pub fn of_conversation(scope: Scope, kind: ConversationKind, record: Option<RecordKind>, other: Option<&Person>) -> AnyView {
    let glyph = |inside: AnyView| view! { <span class="avatar large glyph" aria-hidden="true">{inside}</span> }.into_any();
    match (kind, record, other) {
        (ConversationKind::Record, Some(record), _) => glyph(icon::record(record)),
        (ConversationKind::Direct, _, Some(other)) => with_presence(scope, other, "large"),
        _ => glyph(icon::icon(icon::PEOPLE)),
    }
}

/// Says that someone is a guest.
#[must_use]
pub fn guest_tag(person: &Person) -> Option<AnyView> {
    (person.member_kind == MemberKind::External).then(|| view! { <span class="tag">"External"</span> }.into_any())
}
