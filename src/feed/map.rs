//! The one kind of map in the feed: sorted, in one piece of memory.
//!
//! A hash table and a B-tree for each pair of types are tens of kilobytes of the browser's bundle (docs/bundle.md). What is inserted
//! here is nearly always the newest, which goes to the end; whatever is large stands in a box, so that the rest moves cheaply.

use litemap::LiteMap;

pub(super) type Map<K, V> = LiteMap<K, V>;
pub(super) type Set<T> = LiteMap<T, ()>;

/// The entries from `key` on, in order.
pub(super) fn entries_from<'a, K: Ord, V>(
    map: &'a Map<K, V>,
    key: &K,
) -> impl DoubleEndedIterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
    let at = map.find_index(key).unwrap_or_else(|at| at);
    map.iter().skip(at)
}

/// The values, to be changed.
pub(super) fn values_mut<'a, K: Ord + 'a, V: 'a>(map: &'a mut Map<K, V>) -> impl Iterator<Item = &'a mut V> {
    map.iter_mut().map(|(_, value)| value)
}

/// A set of these.
pub(super) fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> Set<T> {
    items.into_iter().map(|item| (item, ())).collect()
}
