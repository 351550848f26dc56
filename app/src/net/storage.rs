//! Storage that never fails: the browser's where it is allowed, memory where it is not (third-party iframes).
//!
//! gloo-storage panics when local storage is missing or blocked, so it is only called after a probe.

use std::cell::RefCell;

use gloo_storage::{LocalStorage, Storage as _};

thread_local! {
    static MEMORY: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
    static ALLOWED: bool = probe();
}

const KEY: &str = "postil:probe";

fn probe() -> bool {
    let Some(storage) = super::dom::window().and_then(|window| window.local_storage().ok().flatten()) else {
        return false;
    };
    storage.set_item(KEY, "1").is_ok() && storage.remove_item(KEY).is_ok()
}

fn allowed() -> bool {
    ALLOWED.with(|allowed| *allowed)
}

/// What is stored under `key`.
#[must_use]
pub fn get(key: &str) -> Option<String> {
    if allowed() {
        LocalStorage::raw().get_item(key).ok()?
    } else {
        MEMORY.with_borrow(|memory| memory.iter().find(|(of, _)| of == key).map(|(_, value)| value.clone()))
    }
}

/// Stores `value`, or keeps it in memory when storage is full.
pub fn set(key: &str, value: &str) {
    if !(allowed() && LocalStorage::raw().set_item(key, value).is_ok()) {
        forget(key);
        MEMORY.with_borrow_mut(|memory| memory.push((key.to_owned(), value.to_owned())));
    }
}

/// Forgets `key`.
pub fn remove(key: &str) {
    if allowed() {
        LocalStorage::delete(key);
    }
    forget(key);
}

fn forget(key: &str) {
    MEMORY.with_borrow_mut(|memory| memory.retain(|(of, _)| of != key));
}

/// The keys that begin with `prefix`, in no order.
#[must_use]
pub fn keys(prefix: &str) -> Vec<String> {
    let mut keys: Vec<String> = MEMORY.with_borrow(|memory| memory.iter().map(|(key, _)| key.clone()).collect());
    if allowed() {
        let storage = LocalStorage::raw();
        keys.extend((0..LocalStorage::length()).filter_map(|at| storage.key(at).ok().flatten()));
    }
    keys.retain(|key| key.starts_with(prefix));
    keys
}

/// Forgets every key that begins with `prefix` and fits.
pub fn remove_where(prefix: &str, fits: impl Fn(&str) -> bool) {
    for key in keys(prefix).iter().filter(|key| fits(key)) {
        remove(key);
    }
}
