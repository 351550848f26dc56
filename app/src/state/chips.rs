//! Linked records, as the viewer may see them: asked for together, kept for the life of the scope.

use leptos::prelude::*;
use postil::{
    domain::RecordKey,
    limits::RECORDS_RESOLVE_MAX,
    wire::{LinkedRecord, ResolveRecords, ResolvedRecords},
};

use super::Scope;
use crate::net::{
    api::{self, Call},
    dom,
};

/// What is known about a record.
#[derive(Clone, Debug, PartialEq)]
pub enum ChipState {
    /// Nothing yet.
    Loading,
    /// What it is now.
    Known(LinkedRecord),
    /// It does not exist, or may not be seen: which of the two is not told.
    Restricted,
}

/// The records of a scope.
#[derive(Clone, Copy)]
pub struct Chips {
    known: RwSignal<Vec<(RecordKey, ChipState)>>,
    wanted: StoredValue<Vec<RecordKey>>,
}

impl Default for Chips {
    fn default() -> Self {
        Self { known: RwSignal::new(Vec::new()), wanted: StoredValue::new(Vec::new()) }
    }
}

impl Chips {
    /// What is known, tracked.
    #[must_use]
    pub fn get(self, key: &RecordKey) -> ChipState {
        self.known
            .with(|known| known.iter().find(|(of, _)| of == key).map_or(ChipState::Loading, |(_, state)| state.clone()))
    }

    /// A record that came with something else.
    pub fn learn(self, record: LinkedRecord) {
        let key = RecordKey { kind: record.kind, id: record.id.clone() };
        self.known.update(|known| put(known, key, ChipState::Known(record)));
    }

    /// Asks for a record unless it is known or asked for.
    pub fn want(self, scope: Scope, key: &RecordKey) {
        if self.known.with_untracked(|known| known.iter().any(|(of, _)| of == key)) {
            return;
        }
        self.refresh(scope, key.clone());
    }

    /// Asks for a record again.
    pub fn refresh(self, scope: Scope, key: RecordKey) {
        let first = self.wanted.try_update_value(|wanted| {
            if !wanted.contains(&key) {
                wanted.push(key);
            }
            wanted.len() == 1
        });
        if first == Some(true) {
            // What a page of messages mentions is asked for in one request.
            dom::after(10, move || self.flush(scope));
        }
    }

    fn flush(self, scope: Scope) {
        let Some(all) = self.wanted.try_update_value(core::mem::take) else { return };
        for records in all.chunks(RECORDS_RESOLVE_MAX).map(<[RecordKey]>::to_vec) {
            dom::spawn(async move {
                let call = Call::send("POST", "/records/resolve", &ResolveRecords { records: records.clone() });
                let answer = api::call::<ResolvedRecords>(scope.shell, Some(scope.company), call).await;
                // Without an answer nothing is known, and nothing is called restricted.
                let Ok(answer) = answer else { return };
                self.known.try_update(|known| {
                    for key in records {
                        put(known, key, ChipState::Restricted);
                    }
                    for record in answer.items {
                        put(known, RecordKey { kind: record.kind, id: record.id.clone() }, ChipState::Known(record));
                    }
                });
            });
        }
    }
}

fn put(known: &mut Vec<(RecordKey, ChipState)>, key: RecordKey, state: ChipState) {
    match known.iter_mut().find(|(of, _)| *of == key) {
        Some((_, shown)) => *shown = state,
        None => known.push((key, state)),
    }
}
