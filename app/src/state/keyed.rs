//! Lists whose rows stay on screen while they change: a key says which row, a cell holds what it shows.

use std::{collections::HashMap, hash::Hash};

use leptos::prelude::*;

/// Keys in order, and a cell for each. Only cells that differ tell their views.
pub struct Keyed<K: 'static, V: 'static> {
    keys: RwSignal<Vec<K>>,
    cells: StoredValue<HashMap<K, ArcRwSignal<V>>>,
}

impl<K: 'static, V: 'static> Clone for Keyed<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: 'static, V: 'static> Copy for Keyed<K, V> {}

impl<K: Clone + Eq + Hash + Send + Sync + 'static, V: PartialEq + Send + Sync + 'static> Keyed<K, V> {
    /// With these rows.
    #[must_use]
    pub fn new(rows: Vec<(K, V)>) -> Self {
        let keyed = Self { keys: RwSignal::new(Vec::new()), cells: StoredValue::new(HashMap::new()) };
        keyed.update(rows);
        keyed
    }

    /// Shows these rows from now on.
    pub fn update(self, rows: Vec<(K, V)>) {
        let mut keys = Vec::with_capacity(rows.len());
        let Some(changed) = self.cells.try_update_value(|cells| {
            let mut former = core::mem::take(cells);
            let mut changed = Vec::new();
            for (key, value) in rows {
                // A key twice would put one node into two places: the first stays.
                if cells.contains_key(&key) {
                    continue;
                }
                let cell = match former.remove(&key) {
                    Some(cell) => {
                        if cell.with_untracked(|shown| *shown != value) {
                            changed.push((cell.clone(), value));
                        }
                        cell
                    }
                    None => ArcRwSignal::new(value),
                };
                keys.push(key.clone());
                cells.insert(key, cell);
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
    pub fn keys(self) -> Vec<K> {
        self.keys.get()
    }

    /// The cell of a key that was just named by [`Self::keys`].
    #[must_use]
    pub fn cell(self, key: &K) -> Option<ArcRwSignal<V>> {
        self.cells.with_value(|cells| cells.get(key).cloned())
    }
}
