//! Single rules, as sentences.

use super::*;
use crate::{
    domain::PresenceStatus,
    wire::{CloseCode, Presence},
};

const HERE: ConversationId = conversation(0);

/// A connected client that has one conversation open, with everything loaded.
fn open_client(world: &mut World) -> Client {
    let mut client = Client::new();
    client.apply(Input::InboxOpened);
    client.settle(world);
    client.apply(Input::ConversationOpened { conversation: HERE });
    client.settle(world);
    client.others.clear();
    client
}

fn world() -> World {
    let mut world = World::new(true);
    world.begin();
    world
}

/// Lets the socket's frames arrive, and nothing else.
fn frames(client: &mut Client, world: &World) {
    while client.hub(world, false) || client.deliver() {}
}

fn unread(client: &Client) -> u16 {
    client.feed.conversation(HERE).unwrap().unread.0
}

fn bodies(client: &Client) -> Vec<String> {
    let timeline = client.feed.timeline(HERE).unwrap();
    let threads = timeline.threads.iter().flat_map(|thread| std::iter::once(&thread.root).chain(&thread.replies));
    threads.map(|item| item.body().to_owned()).collect()
}

#[test]
fn a_pending_message_shows_at_once_as_it_was_typed() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.send("k", HERE, None, "Some **bold** words");
    let timeline = client.feed.timeline(HERE).unwrap();
    let item = &timeline.threads[0].root;
    assert_eq!(item.text(), &crate::domain::text::literal("Some **bold** words"));
    assert_eq!(item.delivery(), Some(&Delivery::Sending));
    assert_eq!(client.others, [Effect::StoreOutbox]);
}

#[test]
fn a_pending_message_is_replaced_in_place_when_the_frame_comes_first() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.send("k", HERE, None, "Mine");
    let before = client.feed.timeline(HERE).unwrap().threads[0].root.key.clone();
    client.serve(&mut world, 0);
    frames(&mut client, &world);
    let shown = |client: &Client| {
        client
            .feed
            .timeline(HERE)
            .unwrap()
            .threads
            .iter()
            .map(|thread| (thread.root.key.clone(), thread.root.id().is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&client), [(before.clone(), true)]);
    client.answer(0);
    client.repeat(0);
    assert_eq!(shown(&client), [(before, true)]);
    assert_eq!(unread(&client), 0);
}

#[test]
fn a_pending_message_is_replaced_in_place_when_the_answer_comes_first() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.send("k", HERE, None, "Mine");
    client.serve(&mut world, 0);
    client.answer(0);
    assert_eq!(client.shown(HERE, "k"), (1, 0));
    frames(&mut client, &world);
    assert_eq!(client.shown(HERE, "k"), (1, 0));
}

#[test]
fn a_lost_answer_leads_to_the_same_key_again_and_to_one_message() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.disconnect();
    client.send("k", HERE, None, "Once");
    client.serve(&mut world, 0);
    client.lose(0);
    assert_eq!(client.retries, ["k"]);
    assert_eq!(client.shown(HERE, "k"), (0, 1));
    client.settle(&mut world);
    assert_eq!(client.shown(HERE, "k"), (1, 0));
    assert_eq!(world.messages.len(), 1);
}

#[test]
fn messages_of_one_conversation_are_sent_in_the_order_of_writing() {
    let mut world = world();
    let mut client = open_client(&mut world);
    for n in 0..3 {
        client.send(&format!("k{n}"), HERE, None, &format!("{n}"));
    }
    assert_eq!(client.requests.len(), 1, "the next one waits for the answer");
    client.lose(0);
    client.settle(&mut world);
    assert_eq!(bodies(&client), ["0", "1", "2"]);
}

#[test]
fn a_failed_message_stays_with_retry_and_discard() {
    let mut world = world();
    let root = world.post(1, HERE, None, "Question", None, None);
    let mut client = open_client(&mut world);
    world.delete(root);
    client.send("k", HERE, Some(root), "Answer");
    client.send("next", HERE, None, "Next");
    client.serve(&mut world, 0);
    client.answer(0);
    let failure = problem(Code::ParentDeleted);
    let said = Announcement::SendFailed { conversation: HERE, failure: failure.clone() };
    assert!(client.others.contains(&Effect::Announce { urgency: Urgency::Assertive, what: said }));
    client.settle(&mut world);
    assert_eq!(client.shown(HERE, "next"), (1, 0), "a refusal holds nothing up");
    let delivery = |client: &Client| client.feed.outbox().first().map(|pending| pending.delivery.clone());
    assert_eq!(delivery(&client), Some(Delivery::Failed { failure }));
    assert_eq!(client.feed.conversation(HERE).unwrap().failed, 1);

    client.apply(Input::Retry { key: "k".into() });
    assert_eq!(delivery(&client), Some(Delivery::Sending));
    client.apply(Input::Discard { key: "k".into() });
    assert_eq!(delivery(&client), Some(Delivery::Sending), "what is under way can't be called back");
    client.settle(&mut world);
    client.apply(Input::Discard { key: "k".into() });
    assert_eq!(client.shown(HERE, "k"), (0, 0));
    assert!(client.feed.unsent().is_empty());
}

#[test]
fn unsent_messages_survive_a_reload_of_the_page_and_a_resync() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.send("k", HERE, None, "Keep me");
    client.lose(0);
    client.overflow(&world);
    client.deliver();
    assert_eq!(client.shown(HERE, "k"), (0, 1));

    let mut reloaded = open_client(&mut world);
    let (context, unsent) = (reloaded.feed.context(), client.feed.unsent());
    reloaded.apply(Input::OutboxRestored { context, unsent: unsent.clone() });
    reloaded.apply(Input::OutboxRestored { context, unsent });
    reloaded.settle(&mut world);
    assert_eq!(reloaded.shown(HERE, "k"), (1, 0));
    assert_eq!(world.messages.len(), 1);
}

#[test]
fn a_stored_copy_of_a_message_that_arrived_is_forgotten_though_the_tab_that_sent_it_is_gone() {
    let mut world = world();
    let mut gone = open_client(&mut world);
    gone.send("k", HERE, None, "Mine");
    let unsent = gone.feed.unsent();
    gone.serve(&mut world, 0);
    drop(gone);

    let mut next = open_client(&mut world);
    let context = next.feed.context();
    next.apply(Input::OutboxRestored { context, unsent });
    assert_eq!(next.shown(HERE, "k"), (1, 0));
    assert!(next.requests.is_empty(), "it is not sent again");
    assert_eq!(next.others, [Effect::ForgetUnsent { key: "k".into() }]);
}

#[test]
fn after_a_block_the_list_is_loaded_again_too_because_other_rows_quote_the_same_person() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.apply(Input::BlocksChanged { conversation: HERE });
    let asked: Vec<_> = client.requests.iter().map(|request| &request.effect).collect();
    assert!(matches!(
        asked[..],
        [
            Effect::Load { load: Load::Conversation { conversation: HERE }, .. },
            Effect::Load { load: Load::Inbox { after: None }, .. }
        ]
    ));
}

#[test]
fn an_answer_of_another_epoch_or_company_is_dropped_whole() {
    let mut world = world();
    world.post(1, HERE, None, "Other", None, None);
    let mut client = Client::new();
    client.apply(Input::InboxOpened);
    client.serve(&mut world, 0);
    let mut elsewhere = Feed::new(VIEWER, COMPANY, 2);
    let mut other_company = Feed::new(VIEWER, CompanyId::from_uuid(Uuid::from_u128(0xC1)), 1);
    for feed in [&mut elsewhere, &mut other_company] {
        feed.apply(Input::InboxOpened);
        let before = feed.revision();
        let answer = client.requests[0].answer.clone().unwrap();
        assert_eq!(feed.apply(answer), []);
        let frame = ServerFrame::Resync { cursor: "1".into() };
        assert_eq!(feed.apply(Input::Frame { context: client.feed.context(), frame, at: world.now() }), []);
        assert!(feed.inbox().conversations.is_empty());
        assert_eq!((feed.revision(), feed.cursor()), (before, None));
    }
}

#[test]
fn a_revoked_conversation_leaves_nothing_behind() {
    let mut world = world();
    world.post(1, HERE, None, "Secret", None, None);
    let mut client = open_client(&mut world);
    client.send("k", HERE, None, "Mine");
    client.apply(Input::Poll);
    (0..4).for_each(|which| client.serve(&mut world, which));
    world.hide_conversation(HERE);
    frames(&mut client, &world);
    for _ in 0..8 {
        client.answer(0);
        assert!(client.feed.conversation(HERE).is_none());
        assert!(client.feed.timeline(HERE).is_none());
    }
    assert!(client.feed.outbox().is_empty());
    assert_eq!(client.feed.total_unread(), Unread(0));
    assert!(client.others.contains(&Effect::Purge(Purge::Conversation(HERE))));
    let said =
        Effect::Announce { urgency: Urgency::Assertive, what: Announcement::ConversationGone { conversation: HERE } };
    assert!(client.others.contains(&said));
    client.settle(&mut world);
    assert!(client.feed.inbox().conversations.is_empty());
}

#[test]
fn a_revoked_record_takes_its_messages_their_replies_and_pending_answers_along() {
    let mut world = world();
    world.post(1, HERE, None, "Harmless", None, None);
    let secret = world.post(1, HERE, None, "Secret", Some(record(0)), None);
    world.post(2, HERE, Some(secret), "Secret too", None, None);
    let mut client = open_client(&mut world);
    client.send("k1", HERE, Some(secret), "About it");
    client.send_about("k2", HERE, None, "Also about it", Some(record(0)));
    world.hide_record(record(0));
    frames(&mut client, &world);
    assert_eq!(bodies(&client), ["Harmless"]);
    assert!(client.feed.outbox().is_empty());
    assert_eq!(client.feed.conversation(HERE).unwrap().last, None, "the line may be about it: hidden until known");
    assert!(client.others.contains(&Effect::Purge(Purge::Record(record(0)))));
    client.settle(&mut world);
    assert_eq!(client.feed.conversation(HERE).unwrap().last.unwrap().text, "Harmless");
}

#[test]
fn an_answer_asked_before_a_withdrawal_does_not_bring_it_back() {
    let mut world = world();
    world.post(1, HERE, None, "Secret", Some(record(0)), None);
    let mut client = Client::new();
    client.apply(Input::InboxOpened);
    client.settle(&mut world);
    client.apply(Input::ConversationOpened { conversation: HERE });
    (0..2).for_each(|which| client.serve(&mut world, which));
    world.hide_record(record(0));
    frames(&mut client, &world);
    (0..2).for_each(|_| client.answer(0));
    assert!(client.feed.timeline(HERE).unwrap().threads.is_empty());
    client.settle(&mut world);
    assert!(client.feed.timeline(HERE).unwrap().threads.is_empty());
    assert_eq!(client.feed.timeline(HERE).unwrap().loading, Loading::Ready);
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_replay_loses_nothing() {
    let mut world = world();
    let mut client = open_client(&mut world);
    world.post(1, HERE, None, "First", None, None);
    frames(&mut client, &world);
    client.disconnect();
    world.post(1, HERE, None, "Second", None, None);
    client.connect(&world);
    client.deliver();
    assert_ne!(
        client.feed.cursor(),
        Some(world.log.len().to_string().as_str()),
        "the welcome's cursor is the end of the replay"
    );
    client.disconnect();
    client.connect(&world);
    frames(&mut client, &world);
    assert_eq!(bodies(&client), ["First", "Second"]);
}

#[test]
fn a_late_edit_does_not_bring_a_deleted_text_back() {
    let mut world = world();
    let id = world.post(1, HERE, None, "First", None, None);
    let mut client = open_client(&mut world);
    world.edit(id, "Second");
    world.delete(id);
    frames(&mut client, &world);
    client.repeat(0);
    assert_eq!(bodies(&client), [""]);
    assert!(client.feed.timeline(HERE).unwrap().threads[0].root.is_deleted());
    assert_eq!(client.feed.conversation(HERE).unwrap().last.unwrap().text, "");
}

#[test]
fn an_edit_shows_at_once_and_a_conflict_keeps_what_was_typed() {
    let mut world = world();
    let id = world.post(0, HERE, None, "Old", None, Some("elsewhere"));
    let mut client = open_client(&mut world);
    client.apply(Input::Edit { message: id, body: text("New") });
    assert_eq!(bodies(&client), ["New"]);
    world.edit(id, "From another tab");
    client.serve(&mut world, 0);
    client.answer(0);
    frames(&mut client, &world);
    let change = client.feed.timeline(HERE).unwrap().threads[0].root.clone();
    assert_eq!(change.body(), "New");
    let Content::Confirmed { change: Some(change), message } = change.content else { panic!("the edit is gone") };
    assert_eq!((change.failure(), message.body.as_str()), (Some(&problem(Code::VersionConflict)), "From another tab"));
    client.apply(Input::ChangeRetry { message: id });
    client.settle(&mut world);
    assert_eq!((bodies(&client), world.messages[&id].version), (vec!["New".to_owned()], 3));
}

#[test]
fn typing_on_while_an_edit_is_saved_saves_the_last_text() {
    let mut world = world();
    let id = world.post(0, HERE, None, "Old", None, None);
    let mut client = open_client(&mut world);
    client.apply(Input::Edit { message: id, body: text("Better") });
    client.apply(Input::Edit { message: id, body: text("Best") });
    assert_eq!(client.requests.len(), 1);
    client.settle(&mut world);
    assert_eq!(world.messages[&id].body, "Best");
    assert_eq!(bodies(&client), ["Best"]);
}

#[test]
fn replies_stand_below_what_they_answer_and_pending_ones_last() {
    let mut world = world();
    let root = world.post(1, HERE, None, "root", None, None);
    let first = world.post(1, HERE, Some(root), "a", None, None);
    world.post(2, HERE, Some(root), "b", None, None);
    world.post(2, HERE, Some(first), "a.a", None, None);
    let mut client = open_client(&mut world);
    client.load_all(&mut world);
    client.send("k", HERE, Some(first), "a.mine");
    client.send("l", HERE, Some(root), "mine");
    let thread = &client.feed.timeline(HERE).unwrap().threads[0];
    let lines: Vec<_> = thread.replies.iter().map(|item| (item.body(), item.depth, item.descendants)).collect();
    assert_eq!(lines, [("a", 1, 2), ("a.a", 2, 0), ("a.mine", 2, 0), ("b", 1, 0), ("mine", 1, 0)]);
    assert_eq!((thread.reply_count, thread.root.descendants, thread.more), (3, 5, false));
}

#[test]
fn a_reply_whose_parent_is_not_loaded_still_shows() {
    let mut world = world();
    let old = world.post(1, HERE, None, "old", None, None);
    (0..3).for_each(|_| {
        world.post(1, HERE, None, "new", None, None);
    });
    let mut client = open_client(&mut world);
    client.send("k", HERE, Some(old), "Mine");
    assert_eq!(client.feed.timeline(HERE).unwrap().unplaced.len(), 1);
    assert_eq!(client.shown(HERE, "k"), (0, 1));
}

#[test]
fn unread_counts_others_living_messages_and_never_goes_below_zero() {
    let mut world = world();
    let mut client = open_client(&mut world);
    let ids: Vec<_> = (0..3).map(|_| world.post(1, HERE, None, "Hi", None, None)).collect();
    world.post(0, HERE, None, "From my other tab", None, None);
    frames(&mut client, &world);
    assert_eq!((unread(&client), client.feed.total_unread().0), (3, 3));
    (0..3).for_each(|which| client.repeat(which));
    assert_eq!(unread(&client), 3);
    world.delete(ids[0]);
    frames(&mut client, &world);
    assert_eq!(unread(&client), 2);
    client.apply(Input::MarkRead { conversation: HERE, seq: 4 });
    assert_eq!(unread(&client), 0);
    for id in ids {
        world.delete(id);
    }
    client.settle(&mut world);
    assert_eq!(unread(&client), 0);
}

#[test]
fn reading_in_another_tab_lowers_unread_here() {
    let mut world = world();
    (0..4).for_each(|_| {
        world.post(1, HERE, None, "Hi", None, None);
    });
    let mut client = open_client(&mut world);
    assert_eq!(unread(&client), 4);
    let receipt = world.read(0, HERE, 2);
    client.whisper(receipt);
    frames(&mut client, &world);
    assert_eq!(client.requests.len(), 1, "only the server can count what is left: {}", unread(&client));
    client.settle(&mut world);
    assert_eq!(unread(&client), 2);
    let receipt = world.read(0, HERE, 4);
    client.whisper(receipt);
    frames(&mut client, &world);
    assert_eq!((unread(&client), client.requests.len()), (0, 0), "nothing is left: no need to ask");
}

#[test]
fn reading_is_told_once_at_a_time_with_the_highest_position() {
    let mut world = world();
    (0..4).for_each(|_| {
        world.post(1, HERE, None, "Hi", None, None);
    });
    let mut client = open_client(&mut world);
    for seq in [1, 3, 2, 4] {
        client.apply(Input::MarkRead { conversation: HERE, seq });
    }
    assert_eq!(client.requests.len(), 1);
    client.settle(&mut world);
    assert_eq!(world.summary(HERE).read_seq, 4);
}

#[test]
fn hundreds_of_unread_messages_are_shown_as_99_plus() {
    let mut world = world();
    let mut client = open_client(&mut world);
    (0..250).for_each(|_| {
        world.post(1, HERE, None, "Hi", None, None);
    });
    frames(&mut client, &world);
    assert_eq!(client.feed.total_unread().to_string(), "99+");
    assert_eq!(Unread(99).to_string(), "99");
}

#[test]
fn more_that_is_wanted_while_the_list_is_loaded_comes_after_it() {
    for pressed_before in [false, true] {
        let mut world = world();
        (0..3).for_each(|_| {
            world.begin();
        });
        let mut client = open_client(&mut world);
        assert_eq!((client.feed.inbox().conversations.len(), client.feed.inbox().more), (2, true));
        if pressed_before {
            client.apply(Input::InboxMoreWanted);
            client.apply(Input::InboxOpened);
        } else {
            client.apply(Input::InboxOpened);
            client.apply(Input::InboxMoreWanted);
        }
        assert!(client.feed.inbox().loading_more, "it is said at once");
        client.settle(&mut world);
        let inbox = client.feed.inbox();
        assert_eq!((inbox.conversations.len(), inbox.more, inbox.loading_more), (4, false, false), "{pressed_before}");
    }
}

#[test]
fn a_message_in_an_unknown_conversation_loads_it() {
    let mut world = world();
    let mut client = open_client(&mut world);
    let new = world.begin();
    world.log.pop();
    world.post(1, new, None, "Hello", None, None);
    frames(&mut client, &world);
    assert!(client.feed.conversation(new).is_none(), "without a title there is nothing to show");
    client.settle(&mut world);
    assert_eq!(client.feed.inbox().conversations[0].id, new);
    assert_eq!(client.feed.conversation(new).unwrap().unread, Unread(1));
    assert!(client.feed.timeline(new).is_none(), "nobody looks at its messages");
}

#[test]
fn typing_ends_by_time_or_by_the_message() {
    let mut world = world();
    let mut client = open_client(&mut world);
    let typing = |client: &Client| client.feed.conversation(HERE).unwrap().typing;
    for who in 0..3 {
        client.frame(ServerFrame::Typing { conversation_id: HERE, user_id: user(who) });
    }
    assert_eq!(typing(&client), [user(1), user(2)], "nobody is told that they are writing themselves");
    world.post(1, HERE, None, "Done", None, None);
    frames(&mut client, &world);
    assert_eq!(typing(&client), [user(2)]);
    let wake = client
        .others
        .iter()
        .filter_map(|effect| if let Effect::WakeAt { at } = effect { Some(*at) } else { None })
        .max();
    client.apply(Input::Tick { at: wake.unwrap() });
    assert_eq!(typing(&client), []);
}

#[test]
fn presence_takes_the_latest_and_says_when_it_may_be_old() {
    let mut world = world();
    let mut client = open_client(&mut world);
    let at = |s: i64| Timestamp::from_millis(s * 1_000);
    let presence = |status, s| Presence { user_id: user(1), status, as_of: at(s), last_seen_at: None };
    assert_eq!(client.feed.presence(user(1)).status, PresenceStatus::Unknown);
    client.frame(ServerFrame::PresenceChanged { changes: vec![presence(PresenceStatus::Online, 20)] });
    client.frame(ServerFrame::PresenceChanged { changes: vec![presence(PresenceStatus::Offline, 10)] });
    let seen = client.feed.presence(user(1));
    assert_eq!((seen.status, seen.as_of, seen.stale), (PresenceStatus::Online, Some(at(20)), false));
    client.disconnect();
    assert!(client.feed.presence(user(1)).stale);
    assert_eq!(client.feed.watch_list(), [user(1), user(2)]);
}

#[test]
fn news_in_an_open_conversation_are_announced_once() {
    let mut world = world();
    let mut client = open_client(&mut world);
    world.post(1, HERE, None, "Hello", None, None);
    world.post(0, HERE, None, "Mine", None, None);
    frames(&mut client, &world);
    client.repeat(0);
    let said = client
        .others
        .iter()
        .filter(|effect| matches!(effect, Effect::Announce { urgency: Urgency::Polite, .. }))
        .count();
    assert_eq!(said, 1, "{:?}", client.others);
}

#[test]
fn who_has_read_follows_receipts() {
    let mut world = world();
    world.post(0, HERE, None, "Read me", None, None);
    let mut client = open_client(&mut world);
    assert!(client.feed.read_by(HERE, 1).is_empty());
    let receipt = world.read(2, HERE, 1);
    client.whisper(receipt);
    frames(&mut client, &world);
    assert_eq!(client.feed.read_by(HERE, 1), [&person(2)]);
}

#[test]
fn an_ended_membership_empties_everything() {
    let mut world = world();
    world.post(1, HERE, None, "Secret", None, None);
    let mut client = open_client(&mut world);
    client.send("k", HERE, None, "Mine");
    let context = client.feed.context();
    client.apply(Input::Socket { context, event: SocketEvent::Closed(CloseCode::AccessRevoked) });
    assert_eq!(client.feed.connection(), Connection::Over(CloseCode::AccessRevoked));
    assert!(client.feed.inbox().conversations.is_empty() && client.feed.timeline(HERE).is_none());
    assert!(client.feed.outbox().is_empty() && client.feed.person(user(1)).is_none());
    assert!(client.others.contains(&Effect::Purge(Purge::Company)));
}

#[test]
fn without_a_socket_asking_brings_the_news_without_a_gap() {
    let mut world = world();
    (0..3).for_each(|n| {
        world.post(1, HERE, None, &format!("{n}"), None, None);
    });
    let mut client = open_client(&mut world);
    client.disconnect();
    let context = client.feed.context();
    client.apply(Input::Socket { context, event: SocketEvent::Offline });
    (3..9).for_each(|n| {
        world.post(1, HERE, None, &format!("{n}"), None, None);
    });
    client.apply(Input::Poll);
    while !client.requests.is_empty() {
        client.serve(&mut world, 0);
        client.answer(0);
    }
    assert_eq!(bodies(&client), ["7", "8"], "between 2 and 7 there is a gap: what is below it waits for paging");
    assert!(client.feed.timeline(HERE).unwrap().older);
    assert_eq!(client.feed.connection(), Connection::Polling);
}

#[test]
fn a_withdrawn_pending_message_does_not_hold_up_the_next() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.send_about("k1", HERE, None, "Secret", Some(record(0)));
    client.send("k2", HERE, None, "Harmless");
    world.hide_record(record(0));
    frames(&mut client, &world);
    let outbox: Vec<_> = client.feed.outbox().iter().map(|pending| (pending.key.as_str(), &pending.delivery)).collect();
    assert_eq!(outbox, [("k2", &Delivery::Sending)]);
}

#[test]
fn an_answer_to_a_write_before_a_loss_does_not_bring_back_what_was_withdrawn_with_it() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.send_about("k", HERE, None, "Secret", Some(record(0)));
    client.serve(&mut world, 0);
    world.hide_record(record(0));
    client.overflow(&world);
    client.deliver();
    client.answer(0);
    assert!(bodies(&client).is_empty() && client.feed.outbox().is_empty());
    assert_eq!(client.feed.conversation(HERE).unwrap().last, None);
}

#[test]
fn a_count_that_may_not_know_of_a_delete_is_asked_for_again() {
    let mut world = world();
    let mut client = open_client(&mut world);
    let id = world.post(1, HERE, None, "Hi", None, None);
    frames(&mut client, &world);
    client.apply(Input::Poll);
    (0..3).for_each(|_| client.serve(&mut world, 0));
    world.delete(id);
    frames(&mut client, &world);
    (0..3).for_each(|_| client.answer(0));
    client.settle(&mut world);
    assert_eq!(unread(&client), 0);
}

#[test]
fn of_two_overlapping_answers_the_later_state_stays() {
    let mut world = world();
    let mut client = open_client(&mut world);
    client.apply(Input::Poll);
    let asked: Vec<_> = client.requests.iter().map(|request| &request.effect).collect();
    assert!(matches!(
        asked[..2],
        [Effect::Load { load: Load::Inbox { .. }, .. }, Effect::Load { load: Load::Conversation { .. }, .. }]
    ));
    client.serve(&mut world, 1);
    world.post(1, HERE, None, "Hi", None, None);
    client.serve(&mut world, 0);
    client.answer(0);
    frames(&mut client, &world);
    assert_eq!(unread(&client), 1);
    client.answer(0);
    assert_eq!(unread(&client), 1);
}

#[test]
fn a_receipt_may_overtake_the_page_that_names_its_conversation() {
    let mut world = world();
    world.post(1, HERE, None, "Hi", None, None);
    let mut client = Client::new();
    client.connect(&world);
    frames(&mut client, &world);
    client.apply(Input::InboxOpened);
    client.serve(&mut world, 0);
    let receipt = world.read(0, HERE, 1);
    client.whisper(receipt);
    frames(&mut client, &world);
    client.answer(0);
    assert_eq!(unread(&client), 0);
}

#[test]
fn ten_thousand_messages_are_taken_in_and_shown_without_delay() {
    let mut world = world();
    let mut client = open_client(&mut world);
    let mut roots = Vec::new();
    for n in 0..10_000 {
        let parent = (n % 4 != 0).then(|| roots[n / 4 % roots.len()]);
        let id = world.post(1, HERE, parent, "One of many", None, None);
        if parent.is_none() {
            roots.push(id);
        }
    }
    let start = std::time::Instant::now();
    frames(&mut client, &world);
    let view = client.feed.timeline(HERE).unwrap();
    let shown: usize = view.threads.iter().map(|thread| 1 + thread.replies.len()).sum();
    assert_eq!(shown, 10_000);
    // Unoptimised and on a busy machine this takes well under a second; anything quadratic takes a minute.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn a_message_that_is_hidden_or_folded_is_not_unread_and_counts_again_when_it_is_restored() {
    let mut world = world();
    world.blocked.insert(user(2));
    let mut client = open_client(&mut world);
    client.apply(Input::ConversationClosed { conversation: HERE });
    let before = unread(&client);
    let rude = world.post(1, HERE, None, "You fool", None, None);
    world.post(2, HERE, None, "Of somebody blocked", None, None);
    frames(&mut client, &world);
    assert_eq!(unread(&client), before + 1, "what is folded is not counted");
    let last = client.feed.conversation(HERE).unwrap().last.unwrap().clone();
    assert_eq!((last.blocked, last.text.as_str()), (true, ""), "nor quoted");
    for counted in [0, 1, 0] {
        world.moderate(rude);
        client.settle(&mut world);
        assert_eq!(unread(&client), before + counted);
    }
}
