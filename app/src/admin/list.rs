//! Lists that come in pages: loading, empty, failed and "more" in one place. Late answers of a former question are dropped.
//! Rows are kept by what they are of: what is open, focused or selected in one stays there, and never passes to another.

use std::sync::Arc;

use postil::{
    feed::Failure,
    wire::{AbuseEntry, AuditEntry, Code, Invitation, Member, Page, Person, PolicyVersionInfo, ReportCase},
};
use serde::de::DeserializeOwned;

use super::desk::{Desk, Over};
use crate::{
    net::{
        api::{Call, encoded},
        dom,
    },
    node::{Node, button, div, each, el, live},
    parts::states,
    react::{Memo, RwSignal, StoredValue},
    state::keyed::{self, Keyed},
};

/// Adds a parameter to a path.
pub fn parameter(path: &mut String, name: &str, value: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.extend([name, "=", &encoded(value)]);
}

/// Something that stands in a list.
pub trait Row: Clone + PartialEq + DeserializeOwned + Send + Sync + 'static {
    /// What stays the same about it, and differs from all others.
    fn key(&self) -> u64;
}

impl Row for Member {
    fn key(&self) -> u64 {
        keyed::key(&self.id)
    }
}

impl Row for Person {
    fn key(&self) -> u64 {
        keyed::key(&self.id)
    }
}

impl Row for Invitation {
    fn key(&self) -> u64 {
        keyed::key(&self.id)
    }
}

impl Row for PolicyVersionInfo {
    fn key(&self) -> u64 {
        keyed::key(&self.version)
    }
}

impl Row for ReportCase {
    fn key(&self) -> u64 {
        keyed::key(&self.message_id)
    }
}

impl Row for AuditEntry {
    fn key(&self) -> u64 {
        keyed::key(&self.seq)
    }
}

impl Row for AbuseEntry {
    /// A line is of a minute, a kind and a person; of sign-ins to nobody's account, of an address.
    fn key(&self) -> u64 {
        let of = self.user_id.is_none().then_some(&self.address);
        keyed::key(&(self.minute, &self.kind, self.user_id, of))
    }
}

/// What stands in a list's place. A list that goes on to have rows is not built anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The answer to this question failed.
    Failed(u32),
    Loading,
    Empty,
    Rows,
}

/// A list as far as it is loaded.
struct Loaded<T> {
    /// What there is.
    items: Vec<T>,
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
    /// The same as rows.
    rows: Keyed<T>,
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

impl<T: Row> List<T> {
    /// Begins with what the page came with, the answer to `path`.
    #[must_use]
    pub fn new(desk: Desk, path: impl Into<String>, first: Option<Page<T>>) -> Self {
        let Page { items, next_cursor } = first.unwrap_or(Page { items: Vec::new(), next_cursor: None });
        let rows = Keyed::new(items.iter().map(|item| (item.key(), item.clone())).collect());
        let loaded = Loaded { items, cursor: next_cursor, loading: false, failure: None, asked: 0 };
        Self { loaded: RwSignal::new(loaded), rows, desk, path: StoredValue::new(path.into()) }
    }

    /// Rows follow what is loaded.
    fn show(self) {
        let rows = self
            .loaded
            .try_with_untracked(|loaded| loaded.items.iter().map(|item| (item.key(), item.clone())).collect());
        if let Some(rows) = rows {
            self.rows.update(rows);
        }
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
        self.show();
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
            self.loaded.update(|loaded| {
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
            self.show();
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
        let phase = Memo::new(move || {
            self.loaded.with(|loaded| match (&loaded.failure, loaded.items.is_empty(), loaded.loading) {
                // What stands answers another question than the one that failed.
                (Some((_, more)), none, _) if none || !more => Phase::Failed(loaded.asked),
                (None, true, true) => Phase::Loading,
                (None, true, false) => Phase::Empty,
                _ => Phase::Rows,
            })
        });
        let row = Arc::new(row);
        let rows = live(move || match phase.get() {
            Phase::Failed(_) => match self.loaded.with_untracked(|loaded| loaded.failure.clone()) {
                Some((failure, _)) => states::error(&failure, "Nothing was changed.", move || self.reload()),
                None => Node::Empty,
            },
            Phase::Loading => states::skeleton(4, "Loading"),
            Phase::Empty => empty(),
            Phase::Rows => {
                let row = Arc::clone(&row);
                let one = move |key| {
                    let row = Arc::clone(&row);
                    self.rows.cell(key).map(|cell| live(move || cell.with(|item| row(item)))).into()
                };
                el("ul", class).label(name).child(each(move || self.rows.keys(), one)).into()
            }
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
