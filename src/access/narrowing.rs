//! What a company's access hook takes away from one person, beyond the policy.
//!
//! A narrowing has no way to say yes: it is a list of denials, each in the words of a policy rule, so that both walls can
//! judge lists, counts and sockets by it without asking anybody about each row. Where a hook is required and has not answered,
//! nothing is allowed.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Resource, Scope, Subject};
use crate::{clock::Timestamp, domain::StatusWord, limits};

/// Something that the hook takes from a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denial {
    /// Unique within the answer; shown by "why?". 1 to 80 characters.
    pub id: String,
    /// What is taken.
    #[schemars(length(min = 1))]
    pub actions: BTreeSet<Action>,
    /// Where.
    pub scope: Scope,
    /// Only for things about a record whose status is one of these; not given: whatever its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::POLICY_STATES_MAX))]
    pub record_states: Option<BTreeSet<StatusWord>>,
}

/// Why an answer is not one. The hook is then taken not to have answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DenialError {
    /// More than [`limits::HOOK_DENIALS_MAX`].
    #[error("has {0} denials, at most {max} are taken", max = limits::HOOK_DENIALS_MAX)]
    TooMany(usize),
    /// More than [`limits::HOOK_GRANTS_MAX`] pairs of action and record state.
    #[error("has {0} pairs of action and record state, at most {max} are taken", max = limits::HOOK_GRANTS_MAX)]
    TooManyGrants(usize),
    /// Two of the same id, or an id that is empty or too long.
    #[error("has a denial whose id {0:?} is empty, too long or there twice")]
    Id(String),
    /// It would never do anything, which is not what its author meant.
    #[error(
        "denial {0:?} names no action, an empty or too long list of states, or a scope that its actions or states don't have"
    )]
    Reach(String),
}

impl Denial {
    fn check(&self) -> Result<(), DenialError> {
        let whole = self.actions.iter().any(|action| action.is_of_the_company());
        let states = self.record_states.as_ref();
        let fits = !self.actions.is_empty()
            && (!whole || self.scope == Scope::Company && states.is_none())
            && states.is_none_or(|states| {
                (1..=limits::POLICY_STATES_MAX).contains(&states.len()) && self.scope != Scope::Unlinked
            });
        if fits { Ok(()) } else { Err(DenialError::Reach(self.id.clone())) }
    }

    fn applies(&self, subject: &Subject, action: Action, resource: &Resource) -> bool {
        self.actions.contains(&action)
            && self.scope.matches(subject, resource)
            && self
                .record_states
                .as_ref()
                .is_none_or(|states| resource.state().is_some_and(|state| states.contains(state)))
    }
}

/// Checks an answer as a whole.
///
/// # Errors
/// The first thing wrong, named.
pub fn check(denials: &[Denial]) -> Result<(), DenialError> {
    if denials.len() > limits::HOOK_DENIALS_MAX {
        return Err(DenialError::TooMany(denials.len()));
    }
    let mut ids = BTreeSet::new();
    for denial in denials {
        let length = denial.id.trim().chars().count();
        if !(1..=limits::HOOK_DENIAL_ID_CHARS_MAX).contains(&length) || !ids.insert(denial.id.as_str()) {
            return Err(DenialError::Id(denial.id.chars().take(limits::HOOK_DENIAL_ID_CHARS_MAX).collect()));
        }
        denial.check()?;
    }
    let grants =
        denials.iter().map(|denial| denial.actions.len() * denial.record_states.as_ref().map_or(1, BTreeSet::len));
    match grants.sum() {
        grants if grants > limits::HOOK_GRANTS_MAX => Err(DenialError::TooManyGrants(grants)),
        _ => Ok(()),
    }
}

/// What stands between a person and what the policy allows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Narrowing {
    /// The company requires no hook.
    #[default]
    None,
    /// It requires one, which has not answered for this person: nothing is allowed.
    Unanswered,
    /// It requires one, which has answered.
    Answered {
        /// What it takes.
        denials: Arc<[Denial]>,
        /// Until when the answer holds, this moment excluded; from then on, nothing is allowed.
        until: Timestamp,
    },
}

/// What a narrowing says about one question.
pub(super) enum Objection<'n> {
    No,
    /// By this denial.
    Denied(&'n Denial),
    Unanswered,
}

impl Narrowing {
    /// The denials that hold at `at`; `None` where nothing is allowed for want of an answer.
    #[must_use]
    pub fn denials(&self, at: Timestamp) -> Option<&[Denial]> {
        match self {
            Self::None => Some(&[]),
            Self::Answered { denials, until } if at < *until => Some(denials),
            Self::Answered { .. } | Self::Unanswered => None,
        }
    }

    /// Whether the company requires a hook.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether verdicts still stand on it for `margin_s` seconds after `at`.
    #[must_use]
    pub fn lasts(&self, at: Timestamp, margin_s: i64) -> bool {
        self.denials(at.plus_s(margin_s)).is_some()
    }

    /// An answer that has run out at `now` is none from here on, as of whatever moment it is looked at.
    pub fn lapse(&mut self, now: Timestamp) {
        if !self.lasts(now, 0) {
            *self = Self::Unanswered;
        }
    }

    pub(super) fn objects(
        &self,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> Objection<'_> {
        let Some(denials) = self.denials(at) else { return Objection::Unanswered };
        denials.iter().find(|denial| denial.applies(subject, action, resource)).map_or(Objection::No, Objection::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Reason, RoleKey, Verdict, decide, preset},
        domain::MemberKind,
        ids::UserId,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_795_427_123_456);

    fn denial(actions: &[Action], scope: Scope, states: Option<&[&str]>) -> Denial {
        Denial {
            id: "d".to_owned(),
            actions: actions.iter().copied().collect(),
            scope,
            record_states: states.map(|words| words.iter().map(|word| StatusWord::new(word).unwrap()).collect()),
        }
    }

    fn owner(narrowing: Narrowing) -> Subject {
        Subject {
            user: UserId::from_uuid(uuid::Uuid::from_u128(1)),
            role: RoleKey::OWNER,
            kind: MemberKind::Internal,
            department: None,
            projects: BTreeSet::new(),
            narrowing,
        }
    }

    fn invoice(state: &str) -> Resource {
        Resource::Record {
            key: "transaction/INV-1".parse().unwrap(),
            owner: None,
            department: None,
            project: None,
            state: Some(StatusWord::of_record(state)),
        }
    }

    fn says(narrowing: Narrowing, action: Action, resource: &Resource, at: Timestamp) -> Verdict {
        decide(&preset::policy(), &owner(narrowing), action, resource, at)
    }

    #[test]
    fn a_denial_wins_over_every_allow_where_it_reaches_and_nowhere_else() {
        let closed = denial(&[Action::MessageRead], Scope::Company, Some(&["Closed"]));
        let narrowing = Narrowing::Answered { denials: Arc::new([closed]), until: NOW.plus_s(60) };
        let ask = |action, resource: &Resource| says(narrowing.clone(), action, resource, NOW);
        let no = Verdict::Deny(Reason::Hook { denial: "d".to_owned() });
        assert_eq!(ask(Action::MessageRead, &invoice(" CLOSED")), no);
        assert!(ask(Action::MessageRead, &invoice("open")).is_allowed());
        assert!(ask(Action::MessageRead, &Resource::Unlinked).is_allowed());
        assert!(ask(Action::ThreadRead, &invoice("closed")).is_allowed());
    }

    #[test]
    fn without_an_answer_that_still_holds_nothing_is_allowed() {
        let until = NOW.plus_s(60);
        let empty = Narrowing::Answered { denials: Arc::new([]), until };
        let last = Timestamp::from_micros(until.micros() - 1);
        for action in Action::ALL {
            let ask = |narrowing, at| says(narrowing, *action, &Resource::Unlinked, at);
            assert_eq!(ask(Narrowing::Unanswered, NOW), Verdict::Deny(Reason::Unanswered));
            assert_eq!(ask(empty.clone(), until), Verdict::Deny(Reason::Unanswered));
            assert_eq!(ask(empty.clone(), last), ask(Narrowing::None, NOW), "an empty answer takes nothing");
        }
        assert!(empty.lasts(NOW, 59) && !empty.lasts(NOW, 60));
        assert!(Narrowing::None.lasts(NOW, 1_000_000) && !Narrowing::Unanswered.lasts(NOW, 0));
        let lapsed = |mut narrowing: Narrowing, at| {
            narrowing.lapse(at);
            narrowing
        };
        assert_eq!(lapsed(empty.clone(), last), empty);
        assert_eq!(lapsed(empty, until), Narrowing::Unanswered);
        assert_eq!(lapsed(Narrowing::None, until), Narrowing::None);
    }

    #[test]
    fn an_answer_that_could_never_do_what_it_says_is_none() {
        let read = [Action::MessageRead];
        let reach = Err(DenialError::Reach("d".to_owned()));
        assert_eq!(check(&[denial(&read, Scope::Company, None)]), Ok(()));
        assert_eq!(check(&[denial(&[], Scope::Company, None)]), reach);
        assert_eq!(check(&[denial(&read, Scope::Company, Some(&[]))]), reach);
        assert_eq!(check(&[denial(&read, Scope::Unlinked, Some(&["open"]))]), reach);
        assert_eq!(check(&[denial(&[Action::AdminPolicy], Scope::OwnRecords, None)]), reach);
        assert_eq!(check(&[denial(&[Action::AdminPolicy], Scope::Company, None)]), Ok(()));
        let twice = denial(&read, Scope::Company, None);
        assert_eq!(check(&[twice.clone(), twice.clone()]), Err(DenialError::Id("d".to_owned())));
        let many = |count| (0..count).map(|n| Denial { id: n.to_string(), ..twice.clone() }).collect::<Vec<_>>();
        assert_eq!(check(&many(limits::HOOK_DENIALS_MAX)), Ok(()));
        let over = limits::HOOK_DENIALS_MAX + 1;
        assert_eq!(check(&many(over)), Err(DenialError::TooMany(over)));
    }

    #[test]
    fn an_answer_that_says_yes_can_t_be_read() {
        for word in ["allow", "effect", "users", "roles", "conditions"] {
            let mut json = serde_json::to_value(denial(&[Action::MessageRead], Scope::Company, None)).unwrap();
            json[word] = serde_json::json!("allow");
            assert!(serde_json::from_value::<Denial>(json).is_err(), "{word}");
        }
    }
}
