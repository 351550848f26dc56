//! Lists that come in pages: loading, empty, failed and "more" in one place. Late answers of a former question are dropped.

use leptos::prelude::*;
use postil::{
    feed::Failure,
    wire::{Code, Page},
};
use serde::de::DeserializeOwned;

use super::desk::{Desk, Over};
use crate::{
    net::{
        api::{Call, encoded},
        dom,
    },
    node::{Node, button, div, el, live},
    parts::states,
};

/// Adds a parameter to a path.
pub fn parameter(path: &mut String, name: &str, value: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.extend([name, "=", &encoded(value)]);
}

/// A list as far as it is loaded.
pub struct Loaded<T> {
    /// What there is.
    pub items: Vec<T>,
    cursor: Option<String>,
    loading: bool,
    /// Why the last load failed, and whether it was of a further page.
    failure: Option<(Failure, bool)>,
    /// Counts questions.
    asked: u32,
}

/// See the module.
pub struct List<T: 'static> {
    loaded: RwSignal<Loaded<T>>,
    desk: Desk,
    /// The question, without a cursor: `/admin/members?status=active`.
    path: StoredValue<String>,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> List<T> {
    /// Begins with what the page came with, the answer to `path`.
    #[must_use]
    pub fn new(desk: Desk, path: impl Into<String>, first: Option<Page<T>>) -> Self {
        let Page { items, next_cursor } = first.unwrap_or(Page { items: Vec::new(), next_cursor: None });
        let loaded = Loaded { items, cursor: next_cursor, loading: false, failure: None, asked: 0 };
        Self { loaded: RwSignal::new(loaded), desk, path: StoredValue::new(path.into()) }
    }

    /// Asks another question.
    pub fn ask(self, path: String) {
        self.path.set_value(path);
        self.load(false);
    }

    /// Asks again from the beginning.
    pub fn reload(self) {
        self.load(false);
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub fn is_loading(self) -> bool {
        self.loaded.with(|loaded| loaded.loading)
    }

    /// Why there is nothing, when nothing could be loaded.
    #[must_use]
    pub fn failure(self) -> Option<Failure> {
        self.loaded.with(|loaded| loaded.failure.as_ref().map(|(failure, _)| failure.clone()))
    }

    /// Reads what is loaded.
    pub fn with<R>(self, read: impl FnOnce(&[T]) -> R) -> R {
        self.loaded.with(|loaded| read(&loaded.items))
    }

    /// Changes what is loaded, as the server answered.
    pub fn update(self, change: impl FnOnce(&mut Vec<T>)) {
        self.loaded.update(|loaded| change(&mut loaded.items));
    }

    fn load(self, more: bool) {
        let mut path = self.path.get_value();
        let cursor = self.loaded.with_untracked(|loaded| loaded.cursor.clone()).filter(|_| more);
        if let Some(cursor) = cursor {
            parameter(&mut path, "cursor", &cursor);
        }
        self.loaded.update(|loaded| {
            loaded.asked += 1;
            loaded.loading = true;
            loaded.failure = None;
            if !more {
                // It goes on in an answer to the former question.
                loaded.cursor = None;
            }
        });
        let asked = self.loaded.with_untracked(|loaded| loaded.asked);
        dom::spawn(async move {
            let answer = self.desk.call::<Page<T>>(Call::get(path)).await;
            if let Err(Failure::Problem(problem)) = &answer
                && problem.code == Code::Forbidden
            {
                // They could when the page was made. What stands was theirs to see then, and is not now.
                self.desk.end(Over::NotAllowed);
            }
            let _ = self.loaded.try_update(|loaded| {
                if loaded.asked != asked {
                    return;
                }
                loaded.loading = false;
                match answer {
                    Ok(page) => {
                        if !more {
                            loaded.items.clear();
                        }
                        loaded.items.extend(page.items);
                        loaded.cursor = page.next_cursor;
                    }
                    Err(failure) => loaded.failure = Some((failure, more)),
                }
            });
        });
    }

    /// The list: `row` for each, `empty` for none.
    #[must_use]
    pub fn view(
        self,
        class: &'static str,
        name: &'static str,
        empty: impl Fn() -> Node + Send + Sync + 'static,
        row: impl Fn(&T) -> Node + Send + Sync + 'static,
    ) -> Node {
        let rows = live(move || {
            self.loaded.with(|loaded| match (&loaded.failure, loaded.items.is_empty(), loaded.loading) {
                // What stands answers another question than the one that failed.
                (Some((failure, more)), none, _) if none || !more => {
                    states::error(failure, "Nothing was changed.", move || self.reload())
                }
                (None, true, true) => states::skeleton(4, "Loading"),
                (None, true, false) => empty(),
                _ => el("ul", class).label(name).children(loaded.items.iter().map(&row)).into(),
            })
        });
        let more = live(move || {
            self.loaded.with(|loaded| {
                let failed = loaded.failure.as_ref().is_some_and(|(_, more)| *more) && !loaded.items.is_empty();
                let label = match (failed, loaded.loading) {
                    (true, _) => "Could not be loaded. Try again",
                    (false, true) => "Loading",
                    (false, false) => "More",
                };
                (loaded.cursor.is_some() && !loaded.items.is_empty()).then(|| {
                    let press = move || {
                        if !self.loaded.with_untracked(|loaded| loaded.loading) {
                            self.load(true);
                        }
                    };
                    div("list-more").child(
                        button("button", press).attr_if("aria-disabled", loaded.loading.then_some("true")).child(label),
                    )
                })
            })
        });
        div("admin-list")
            .attr_live("aria-busy", move || self.is_loading().then_some("true"))
            .child(rows)
            .child(more)
            .into()
    }
}
