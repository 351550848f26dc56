//! Words for what policies are made of.

use postil::{
    access::{Action, Effect, Rule, matrix},
    wire::{ExplainQuestion, ExplainReason},
};

/// An action, as people say it.
#[must_use]
pub const fn action(action: Action) -> &'static str {
    match action {
        Action::MessageCreate => "Begin a thread",
        Action::MessageRead => "Read messages",
        Action::MessageReply => "Answer",
        Action::MessageEdit => "Edit own messages",
        Action::MessageDelete => "Delete own messages",
        Action::ThreadRead => "See that talk exists",
        Action::PresenceRead => "See who is online",
        Action::AttachmentUpload => "Attach files",
        Action::AttachmentRead => "Open files",
        Action::AdminModerate => "Delete others' messages",
        Action::AdminExport => "Export, read the audit log",
        Action::AdminRecords => "Keep linked records (the ERP)",
        Action::AdminMembers => "Administer members",
        Action::AdminPolicy => "Change the policy",
    }
}

/// All actions as pairs of value and label.
#[must_use]
pub fn actions() -> Vec<(String, String)> {
    Action::ALL.iter().map(|one| (one.to_string(), format!("{} ({one})", action(*one)))).collect()
}

/// A rule in one sentence.
#[must_use]
pub fn rule(rule: &Rule) -> String {
    let verb = match rule.effect {
        Effect::Allow => "allows",
        Effect::Deny => "denies",
    };
    let mut whom: Vec<String> = rule.roles.iter().map(ToString::to_string).collect();
    if !rule.users.is_empty() {
        whom.push(crate::state::words::count(rule.users.len(), "named person", "named people"));
    }
    let what: Vec<&str> = rule.actions.iter().map(|action| action.as_str()).collect();
    format!("{verb} {}: {}; for {}", whom.join(", "), what.join(", "), matrix::place(rule).replace('`', ""))
}

/// A question of "why?".
#[must_use]
pub const fn question(question: ExplainQuestion) -> &'static str {
    match question {
        ExplainQuestion::Member => "Are they an active member?",
        ExplainQuestion::Participant => "Are they in the conversation?",
        ExplainQuestion::ConversationVisible => "May they see the conversation?",
        ExplainQuestion::RecordVisible => "May they see the record that it is about?",
        ExplainQuestion::MessageRead => "May they read the message?",
        ExplainQuestion::Author => "Did they write it?",
        ExplainQuestion::Action => "May they do it?",
    }
}

/// Why it was answered so.
#[must_use]
pub const fn reason(reason: ExplainReason) -> &'static str {
    match reason {
        ExplainReason::Rule => "by this rule",
        ExplainReason::NothingAllows => "no rule allows it, and what is not allowed is denied",
        ExplainReason::Fact => "it follows from the facts",
        ExplainReason::Hook => "the company's access hook denies it",
        ExplainReason::Unanswered => {
            "the company's access hook did not answer, and without its answer nothing is allowed"
        }
    }
}
