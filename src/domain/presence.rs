//! Presence: a person is as present as the best of their connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether someone is there. Declared from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresenceStatus {
    /// At least one active tab.
    Online,
    /// Connected, but every tab is hidden or idle.
    Away,
    /// No connection for longer than [`crate::limits::PRESENCE_GRACE_MS`].
    Offline,
    /// Nobody can tell: presence is out of order, or the viewer may not see it.
    Unknown,
}

impl PresenceStatus {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }
}

/// The status of a person with these connections, each `true` when active.
#[must_use]
pub fn best_of(leases: impl IntoIterator<Item = bool>) -> PresenceStatus {
    leases
        .into_iter()
        .map(|active| if active { PresenceStatus::Online } else { PresenceStatus::Away })
        .min()
        .unwrap_or(PresenceStatus::Offline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hidden_tab_does_not_make_an_active_person_away() {
        assert_eq!(best_of([false, true, false]), PresenceStatus::Online);
        assert_eq!(best_of([false]), PresenceStatus::Away);
        assert_eq!(best_of([]), PresenceStatus::Offline);
    }
}
