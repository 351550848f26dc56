//! What counts as read: a message that was on screen, in a tab in front, while its panel was open.
//!
//! The read pointer is one position. It moves up to the last message such that every message shown before it was seen:
//! replies in older threads have late positions, and must not be skipped.

use std::collections::HashSet;

use leptos::prelude::*;
use postil::{feed::Input, ids::ConversationId};

use crate::{
    net::dom::{self, Slot},
    state::Scope,
};

/// Notes what is on screen now, and moves the read pointer.
pub fn look(scope: Scope, id: ConversationId, node: Slot, seen: StoredValue<HashSet<i64>>) {
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
    let mut shown: Vec<(i64, bool)> = dom::find_all(&log, ".message[data-seq]")
        .iter()
        .filter_map(|message| {
            let seq: i64 = message.get_attribute("data-seq")?.parse().ok()?;
            let place = message.get_bounding_client_rect();
            // A long message counts once its end or half a screen of it was there.
            let top = place.top().max(frame.top());
            let bottom = place.bottom().min(frame.bottom());
            let visible = bottom - top >= (place.height() * 0.6).min(frame.height() * 0.5);
            (seq > read_seq).then_some((seq, visible))
        })
        .collect();
    shown.sort_unstable();
    let to = seen.try_update_value(|seen| {
        seen.extend(shown.iter().filter(|(_, visible)| *visible).map(|(seq, _)| *seq));
        shown.iter().take_while(|(seq, _)| seen.contains(seq)).last().map(|(seq, _)| *seq)
    });
    if let Some(Some(seq)) = to {
        scope.apply(Input::MarkRead { conversation: id, seq });
    }
}
