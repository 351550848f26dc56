//! What counts as read: a message that was on screen, in a tab in front, while its panel was open.
//!
//! The read pointer is one position. It moves up to the last message such that every message shown before it was seen:
//! replies in older threads have late positions, and must not be skipped.

use leptos::prelude::*;
use postil::{feed::Input, ids::ConversationId};

use crate::{
    net::dom::{self, Slot},
    state::Scope,
};

/// Notes what is on screen now, and moves the read pointer.
pub fn look(scope: Scope, id: ConversationId, node: Slot, seen: StoredValue<Vec<i64>>) {
    if !scope.is_alive() || !scope.shell.looking.get_untracked() {
        return;
    }
    let Some(log) = dom::held::<web_sys::Element>(node) else { return };
    let read = scope.read(|feed| feed.conversation(id).map(|view| (view.read_seq, view.last_seq)));
    let Some((read_seq, last_seq)) = read else { return };
    if read_seq >= last_seq {
        return;
    }
    let frame = log.get_bounding_client_rect();
    let to = seen.try_update_value(|seen| {
        let mut unseen = i64::MAX;
        let mut shown = Vec::new();
        for message in dom::find_all(&log, ".message[data-seq]") {
            let Some(seq) =
                message.get_attribute("data-seq").and_then(|seq| seq.parse().ok()).filter(|seq| *seq > read_seq)
            else {
                continue;
            };
            if !seen.contains(&seq) {
                let place = message.get_bounding_client_rect();
                let (top, bottom) = (place.top().max(frame.top()), place.bottom().min(frame.bottom()));
                // A long message counts once half a screen of it was there.
                if bottom - top >= (place.height() * 0.6).min(frame.height() * 0.5) {
                    seen.push(seq);
                } else {
                    unseen = unseen.min(seq);
                }
            }
            shown.push(seq);
        }
        seen.retain(|seq| *seq > read_seq);
        shown.into_iter().filter(|seq| *seq < unseen).max()
    });
    if let Some(Some(seq)) = to {
        scope.apply(Input::MarkRead { conversation: id, seq });
    }
}
