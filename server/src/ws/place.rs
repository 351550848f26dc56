//! A client's place in a company's log, as cursors carry it: up to which event it has been told, and up to which moment it has
//! followed the rules of the policy that begin and end by themselves, which no event tells.

use postil::{
    backend::crypto::{Sealer, seal::Purpose},
    clock::Timestamp,
    ids::CompanyId,
};
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The position.
    pub seq: i64,
    /// The moment; `None` is before any rule began or ended.
    pub as_of: Option<Timestamp>,
}

/// In companies without such rules a cursor is its position, as it always was.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Position(i64),
    Both(i64, i64),
}

impl Place {
    /// The cursor. The same place has the same one.
    #[must_use]
    pub fn sealed(self, sealer: &Sealer, company: CompanyId) -> String {
        let form = self.as_of.map_or(Form::Position(self.seq), |as_of| Form::Both(self.seq, as_of.micros()));
        sealer.cursor(Purpose::EventCursor, company, &form)
    }

    /// The place in a cursor; `None` when it was not made here for this company.
    #[must_use]
    pub fn opened(sealer: &Sealer, company: CompanyId, cursor: &str) -> Option<Self> {
        Some(match sealer.position(Purpose::EventCursor, company, cursor)? {
            Form::Position(seq) => Self { seq, as_of: None },
            Form::Both(seq, as_of) => Self { seq, as_of: Some(Timestamp::from_micros(as_of)) },
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_place_survives_its_cursor_and_old_cursors_still_open() {
        let (sealer, company) = (Sealer::new([7; 32]), CompanyId::from_uuid(Uuid::from_u128(1)));
        for as_of in [None, Some(Timestamp::from_micros(5))] {
            let place = Place { seq: 41, as_of };
            assert_eq!(Place::opened(&sealer, company, &place.sealed(&sealer, company)), Some(place));
        }
        let old = sealer.cursor(Purpose::EventCursor, company, &41_i64);
        assert_eq!(Place::opened(&sealer, company, &old), Some(Place { seq: 41, as_of: None }));
    }
}
