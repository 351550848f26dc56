//! Lists whose rows stay on screen while they change: a key says which row, a cell holds what it shows.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::react::{ArcRwSignal, RwSignal, StoredValue};

/// The key of a row, from what stays the same about it.
#[must_use]
pub fn key(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Keys in order, and a cell for each. Only cells that differ tell their views.
pub struct Keyed<V: 'static> {
    keys: RwSignal<Vec<u64>>,
    cells: StoredValue<Vec<(u64, ArcRwSignal<V>)>>,
}

impl<V: 'static> Clone for Keyed<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: 'static> Copy for Keyed<V> {}

impl<V: PartialEq + Send + Sync + 'static> Keyed<V> {
    /// With these rows.
    #[must_use]
    pub fn new(rows: Vec<(u64, V)>) -> Self {
        let keyed = Self { keys: RwSignal::new(Vec::new()), cells: StoredValue::new(Vec::new()) };
        keyed.update(rows);
        keyed
    }

    /// Shows these rows from now on.
    pub fn update(self, rows: Vec<(u64, V)>) {
        let mut keys = Vec::with_capacity(rows.len());
        let Some(changed) = self.cells.try_update_value(|cells| {
            // Sorted by key, which is a hash: found by halves, without a table of its own.
            let mut former = core::mem::take(cells);
            let mut changed = Vec::new();
            for (key, value) in rows {
                // A key twice would put one node into two places: the first stays.
                let Err(place) = cells.binary_search_by_key(&key, |(of, _)| *of) else { continue };
                let cell = match former.binary_search_by_key(&key, |(of, _)| *of) {
                    Ok(at) => {
                        let cell = former.remove(at).1;
                        if cell.with_untracked(|shown| *shown != value) {
                            changed.push((cell.clone(), value));
                        }
                        cell
                    }
                    Err(_) => ArcRwSignal::new(value),
                };
                keys.push(key);
                cells.insert(place, (key, cell));
            }
            changed
        }) else {
            return;
        };
        for (cell, value) in changed {
            cell.set(value);
        }
        if self.keys.with_untracked(|shown| *shown != keys) {
            self.keys.set(keys);
        }
    }

    /// The keys, tracked.
    #[must_use]
    pub fn keys(self) -> Vec<u64> {
        self.keys.get()
    }

    /// The cell of a key that was just named by [`Self::keys`].
    #[must_use]
    pub fn cell(self, key: u64) -> Option<ArcRwSignal<V>> {
        self.cells
            .with_value(|cells| cells.binary_search_by_key(&key, |(of, _)| *of).ok().map(|at| cells[at].1.clone()))
    }
}
