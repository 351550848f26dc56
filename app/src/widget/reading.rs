//! What counts as read: a message that was on screen, in a tab in front, while its panel was open.
//!
//! The read pointer is one position. It moves up to the last message such that every message shown before it was seen:
//! replies in older threads have late positions, and must not be skipped.

use postil::{feed::Input, ids::ConversationId};

use crate::{
    net::dom::{self, Slot},
    react::StoredValue,
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
    let frame = (frame.top(), frame.bottom());
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
                if is_seen((place.top(), place.bottom()), frame) {
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

/// Whether enough of what lies from `place.0` to `place.1` is inside the frame.
fn is_seen(place: (f64, f64), frame: (f64, f64)) -> bool {
    let (height, screen) = (place.1 - place.0, frame.1 - frame.0);
    let shown = place.1.min(frame.1) - place.0.max(frame.0);
    // What is not laid out, as in a collapsed widget, has no height and is seen by nobody. A long message counts once half
    // a screen of it was there.
    height > 0.0 && screen > 0.0 && shown >= (height * 0.6).min(screen * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_seen_where_nothing_is_laid_out() {
        assert!(!is_seen((0.0, 0.0), (0.0, 0.0)), "a collapsed widget");
        assert!(!is_seen((0.0, 0.0), (0.0, 400.0)), "a folded thread");
        assert!(!is_seen((0.0, 40.0), (0.0, 0.0)));
    }

    #[test]
    fn a_message_is_seen_once_most_of_it_is_in_the_frame() {
        assert!(is_seen((100.0, 140.0), (0.0, 400.0)));
        assert!(!is_seen((380.0, 480.0), (0.0, 400.0)), "its first fifth");
        assert!(is_seen((-900.0, 210.0), (0.0, 400.0)), "half a screen of a long one");
        assert!(!is_seen((500.0, 540.0), (0.0, 400.0)));
    }
}
