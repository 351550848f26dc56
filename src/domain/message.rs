//! Messages: their place in a thread, their life.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Where the record that governs a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkSource {
    /// The author linked the message to the record.
    Own,
    /// The message answers one that is linked: talk about a restricted record stays restricted.
    Parent,
    /// The conversation is about the record.
    Conversation,
}

impl LinkSource {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Parent => "parent",
            Self::Conversation => "conversation",
        }
    }

    /// From what is stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Own, Self::Parent, Self::Conversation].into_iter().find(|source| source.as_str() == text)
    }
}

/// The life of a message. Transitions consume the state, so a deleted message can't be edited by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// As sent, or edited at that moment.
    Live {
        /// When it was sent.
        sent_at: Timestamp,
        /// When it was last edited, if ever.
        edited_at: Option<Timestamp>,
    },
    /// A tombstone: the place in the thread stays, the text is withheld.
    Deleted {
        /// When it was deleted.
        at: Timestamp,
    },
}

/// Why a message can't change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    /// It has been deleted.
    #[error("the message has been deleted")]
    Deleted,
    /// The company's edit window has passed.
    #[error("the edit window closed at {closed_at}")]
    WindowClosed {
        /// When it closed.
        closed_at: Timestamp,
    },
}

impl MessageState {
    /// Edits the message at `now`, within the company's window of `window_s` seconds after it was sent.
    ///
    /// # Errors
    /// When it has been deleted, or the window has passed.
    pub const fn edit(self, now: Timestamp, window_s: u32) -> Result<Self, LifeError> {
        match self {
            Self::Deleted { .. } => Err(LifeError::Deleted),
            Self::Live { sent_at, .. } => {
                let closed_at = sent_at.plus_s(window_s as i64);
                if now.micros() > closed_at.micros() {
                    return Err(LifeError::WindowClosed { closed_at });
                }
                Ok(Self::Live { sent_at, edited_at: Some(now) })
            }
        }
    }

    /// Deletes the message at `now`. Deleting a tombstone is an error, so that a retry does not move its time.
    ///
    /// # Errors
    /// When it has been deleted already.
    pub const fn delete(self, now: Timestamp) -> Result<Self, LifeError> {
        match self {
            Self::Deleted { .. } => Err(LifeError::Deleted),
            Self::Live { .. } => Ok(Self::Deleted { at: now }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Timestamp = Timestamp::from_micros(1_000_000_000);
    const LIVE: MessageState = MessageState::Live { sent_at: SENT, edited_at: None };

    #[test]
    fn the_edit_window_ends_to_the_second() {
        let last = SENT.plus_s(900);
        assert_eq!(LIVE.edit(last, 900), Ok(MessageState::Live { sent_at: SENT, edited_at: Some(last) }));
        assert_eq!(LIVE.edit(last.plus_s(1), 900), Err(LifeError::WindowClosed { closed_at: last }));
    }

    #[test]
    fn a_tombstone_stays_one() {
        let tombstone = LIVE.delete(SENT).unwrap();
        assert_eq!(tombstone.edit(SENT, 900), Err(LifeError::Deleted));
        assert_eq!(tombstone.delete(SENT), Err(LifeError::Deleted));
    }
}
