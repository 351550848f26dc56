//! Carries out what the feed asks for, and hands the answers back.

use std::rc::Rc;

use postil::{
    feed::{Announcement, Ask, Effect, Failure, Input, Load, Purge, Urgency},
    wire::{EditMessage, MarkRead, SendMessage, SendReply},
};
use serde::de::DeserializeOwned;

use super::{
    api::{self, Call, encoded},
    dom, storage,
};
use crate::state::{Scope, outbox, words};

/// Carries out one effect.
pub fn run(scope: Scope, effect: Effect) {
    match effect {
        Effect::Load { ask, load } => run_load(scope, ask, load),
        Effect::Send { ask, key, conversation, parent, body, record } => {
            let call = if let Some(parent) = parent {
                Call::send("POST", format!("/messages/{parent}/reply"), &SendReply { body, record })
            } else {
                let body = SendMessage { conversation_id: Some(conversation), parent_id: None, body, record };
                Call::send("POST", "/messages", &body)
            };
            let done = key.clone();
            ask_for(scope, call.with_key(key), move |answer| match answer {
                Ok(message) => Input::SendAccepted { ask, key: done, message },
                Err(failure) => Input::SendFailed { ask, key: done, retryable: failure.is_passing(), failure },
            });
        }
        Effect::RetryLater { key, attempts } => {
            let wait = 1_000_u32.saturating_mul(1 << attempts.min(5)).min(30_000);
            dom::after(wait / 2 + dom::jitter(wait), move || scope.apply(Input::Retry { key }));
        }
        Effect::Edit { ask, message, body, version } => {
            let call = Call::send("PATCH", format!("/messages/{message}"), &EditMessage { body, version });
            ask_for(scope, call, move |answer| match answer {
                Ok(message) => Input::ChangeAccepted { ask, message },
                Err(failure) => Input::ChangeFailed { ask, message, failure },
            });
        }
        Effect::Delete { ask, message } => {
            let call = Call { method: "DELETE", ..Call::get(format!("/messages/{message}")) };
            ask_for(scope, call, move |answer| match answer {
                Ok(message) => Input::ChangeAccepted { ask, message },
                Err(failure) => Input::ChangeFailed { ask, message, failure },
            });
        }
        Effect::MarkRead { ask, conversation, seq } => {
            let call = Call::send("POST", format!("/conversations/{conversation}/read"), &MarkRead { seq });
            ask_for(scope, call, move |answer| match answer {
                Ok(state) => Input::MarkReadAccepted { ask, state },
                Err(_) => Input::MarkReadFailed { ask, conversation },
            });
        }
        Effect::RecordChanged { record } => scope.chips.refresh(scope, record),
        Effect::WakeAt { at } => {
            let ms = u32::try_from(at.millis() - dom::now().millis() + 20).unwrap_or(20);
            dom::after(ms, move || scope.apply(Input::Tick { at: dom::now() }));
        }
        Effect::StoreOutbox => outbox::store(scope),
        Effect::ForgetUnsent { key } => outbox::forget(scope, &key),
        Effect::Purge(purge) => run_purge(scope, purge),
        Effect::Announce { urgency, what } => announce(scope, urgency, &what),
    }
}

/// Asks, and applies what becomes of the answer. Answers of a company that was left find no feed.
fn ask_for<T: DeserializeOwned + 'static>(
    scope: Scope,
    call: Call,
    input: impl FnOnce(Result<T, Failure>) -> Input + 'static,
) {
    dom::spawn(async move {
        let answer = api::call(scope.shell, Some(scope.company), call).await;
        scope.apply(input(answer));
    });
}

fn run_load(scope: Scope, ask: Ask, load: Load) {
    let page = |cursor: &Option<String>, sign: char| {
        cursor.as_ref().map_or_else(String::new, |cursor| format!("{sign}cursor={}", encoded(cursor)))
    };
    // Shared, so that the failure can name what was asked for.
    let asked = Rc::new(load);
    let failed = {
        let asked = Rc::clone(&asked);
        move |failure| Input::LoadFailed { ask, load: (*asked).clone(), failure }
    };
    match (*asked).clone() {
        Load::Inbox { after } => {
            ask_for(scope, Call::get(format!("/conversations{}", page(&after, '?'))), move |answer| match answer {
                Ok(page) => Input::InboxLoaded { ask, after, page },
                Err(failure) => failed(failure),
            });
        }
        Load::Conversation { conversation } => {
            ask_for(scope, Call::get(format!("/conversations/{conversation}")), move |answer| match answer {
                Ok(detail) => Input::ConversationLoaded { ask, detail },
                Err(failure) => failed(failure),
            });
        }
        Load::Messages { conversation, before } => {
            let path = format!("/messages?conversationId={conversation}{}", page(&before, '&'));
            ask_for(scope, Call::get(path), move |answer| match answer {
                Ok(page) => Input::MessagesLoaded { ask, conversation, before, page },
                Err(failure) => failed(failure),
            });
        }
        Load::Thread { conversation, root, after } => {
            let path = format!("/messages/{root}/thread{}", page(&after, '?'));
            ask_for(scope, Call::get(path), move |answer| match answer {
                Ok(page) => Input::ThreadLoaded { ask, conversation, root, after, page },
                Err(failure) => failed(failure),
            });
        }
    }
}

fn run_purge(scope: Scope, purge: Purge) {
    let all = scope.storage_key("");
    match purge {
        Purge::Conversation(id) => {
            storage::remove_where(&all, |key| key.contains(&id.to_string()));
            outbox::purge(scope, id);
        }
        // Drafts are not kept per record: those of its conversation are purged with it.
        Purge::Record(record) => scope.chips.withdraw(scope, record),
        Purge::Company => storage::remove_where(&all, |_| true),
    }
}

fn announce(scope: Scope, urgency: Urgency, what: &Announcement) {
    let text = match what {
        Announcement::Message { author_name, text, reply, .. } => {
            format!("{author_name}{}: {text}", if *reply { " replied" } else { "" })
        }
        Announcement::SendFailed { failure, .. } => format!("Not sent. {}.", words::failure(failure)),
        Announcement::ChangeFailed { failure, .. } => format!("Not changed. {}.", words::failure(failure)),
        Announcement::ConnectionLost => "Connection lost. Reconnecting.".to_owned(),
        Announcement::ConnectionRestored => "Connected again.".to_owned(),
        Announcement::ConversationGone { conversation } => {
            if scope.ui.open.get_untracked() == Some(*conversation) {
                scope.ui.open.set(None);
            }
            "This conversation is no longer available to you.".to_owned()
        }
    };
    say(scope, urgency == Urgency::Assertive, &text);
}

/// Says something to people who can't see the screen. What comes within the same moment is said together.
pub fn say(scope: Scope, urgent: bool, text: &str) {
    let line = if urgent { scope.shell.assertive } else { scope.shell.polite };
    line.update(|line| {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(text);
    });
    let said = line.get_untracked();
    dom::after(4_000, move || {
        // Cleared, so that the same words are heard again; kept when more was added.
        if line.with_untracked(|line| *line == said) {
            line.set(String::new());
        }
    });
}
