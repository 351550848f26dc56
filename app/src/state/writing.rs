//! How a person likes to write, kept for them on this device, in all companies.

use super::Scope;
use crate::net::{dom, storage};

/// `postil:{user}:writing`. What is kept: `e` for Enter that sends, `b` for a bar that is shown.
fn key(scope: Scope) -> String {
    format!("postil:{}:writing", scope.viewer)
}

/// Takes what was kept. With a keyboard, Enter sends; on a touch screen it is a new line, as everywhere there, until the person
/// says otherwise.
pub fn load(scope: Scope) {
    let kept = storage::get(&key(scope));
    let (enter_sends, bar) =
        kept.map_or_else(|| (dom::has_fine_pointer(), false), |kept| (kept.contains('e'), kept.contains('b')));
    set(scope, enter_sends, bar);
}

/// What the keys are called that always send. Not for the server.
#[must_use]
pub fn command_enter() -> &'static str {
    if dom::is_mac() { "⌘ Enter" } else { "Ctrl Enter" }
}

/// Whether Enter sends from now on.
pub fn set_enter_sends(scope: Scope, sends: bool) {
    keep(scope, sends, scope.ui.bar.get_untracked());
}

/// Whether the bar is shown from now on.
pub fn set_bar(scope: Scope, shown: bool) {
    keep(scope, scope.ui.enter_sends.get_untracked(), shown);
}

fn keep(scope: Scope, enter_sends: bool, bar: bool) {
    storage::set(&key(scope), &[if enter_sends { "e" } else { "" }, if bar { "b" } else { "" }].concat());
    set(scope, enter_sends, bar);
}

fn set(scope: Scope, enter_sends: bool, bar: bool) {
    for (signal, now) in [(scope.ui.enter_sends, enter_sends), (scope.ui.bar, bar)] {
        if signal.try_get_untracked() != Some(now) {
            signal.set(now);
        }
    }
}
