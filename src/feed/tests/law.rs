//! The law: after everything under way has arrived, *old snapshot + events = fresh snapshot*, and each own message
//! appears exactly once.
//!
//! `PROPTEST_CASES` raises the number of cases.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    model::{USERS, World},
    *,
};

/// One step. Numbers choose among what exists at that time.
#[derive(Clone, Debug)]
enum Step {
    // Others, elsewhere.
    Begin,
    Post { author: u128, at: usize, answers: Option<usize>, about: Option<usize> },
    Edit(usize),
    Delete(usize),
    Moderate(usize),
    Read { who: u128, at: usize, seq: i64 },
    HideConversation(usize),
    HideRecord(usize),
    // The person.
    InboxOpened,
    InboxMore,
    Open(usize),
    Close(usize),
    Older(usize),
    Thread(usize),
    Send { at: usize, answers: Option<usize>, about: Option<usize> },
    OwnEdit(usize),
    OwnDelete(usize),
    MarkRead { at: usize, back: i64 },
    Retry(usize),
    Discard(usize),
    Poll,
    // The network.
    Hub(bool),
    Deliver,
    Repeat(usize),
    Serve(usize),
    Answer(usize),
    Lose(usize),
    Connect,
    Disconnect,
    Overflow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0..64_usize;
    let about = || prop_oneof![4 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    let answers = || proptest::option::of(0..64_usize);
    let step = prop_oneof![
        1 => Just(Step::Begin),
        14 => (0..USERS, 0..64_usize, answers(), about()).prop_map(|(author, at, answers, about)| Step::Post { author, at, answers, about }),
        3 => n.clone().prop_map(Step::Edit),
        3 => n.clone().prop_map(Step::Delete),
        4 => n.clone().prop_map(Step::Moderate),
        2 => (0..USERS, 0..64_usize, 0..12_i64).prop_map(|(who, at, seq)| Step::Read { who, at, seq }),
        1 => n.clone().prop_map(Step::HideConversation),
        2 => (0..2_usize).prop_map(Step::HideRecord),
        2 => Just(Step::InboxOpened),
        2 => Just(Step::InboxMore),
        5 => n.clone().prop_map(Step::Open),
        1 => n.clone().prop_map(Step::Close),
        3 => n.clone().prop_map(Step::Older),
        3 => n.clone().prop_map(Step::Thread),
        6 => (0..64_usize, answers(), about()).prop_map(|(at, answers, about)| Step::Send { at, answers, about }),
        2 => n.clone().prop_map(Step::OwnEdit),
        1 => n.clone().prop_map(Step::OwnDelete),
        3 => (0..64_usize, 0..4_i64).prop_map(|(at, back)| Step::MarkRead { at, back }),
        1 => n.clone().prop_map(Step::Retry),
        1 => n.clone().prop_map(Step::Discard),
        1 => Just(Step::Poll),
        16 => any::<bool>().prop_map(Step::Hub),
        16 => Just(Step::Deliver),
        3 => n.clone().prop_map(Step::Repeat),
        12 => n.clone().prop_map(Step::Serve),
        12 => n.clone().prop_map(Step::Answer),
        2 => n.prop_map(Step::Lose),
        3 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Overflow),
    ];
    proptest::collection::vec(step, 1..140)
}

fn pick<T: Copy>(items: &[T], which: usize) -> Option<T> {
    items.get(which % items.len().max(1)).copied()
}

struct Play {
    world: World,
    client: Client,
    sent: Vec<(ConversationId, String)>,
    discarded: BTreeSet<String>,
}

impl Play {
    fn known(&self) -> Vec<ConversationId> {
        self.client.feed.inbox().conversations.iter().map(|conversation| conversation.id).collect()
    }

    /// Messages on the client's screen.
    fn shown(&self) -> Vec<MessageId> {
        let feed = &self.client.feed;
        let timelines = self.known().into_iter().filter_map(|id| feed.timeline(id));
        let threads = timelines.flat_map(|timeline| timeline.threads);
        threads
            .flat_map(|thread| std::iter::once(thread.root).chain(thread.replies))
            .filter_map(|item| item.id())
            .collect()
    }

    fn own(&self, which: usize) -> Option<MessageId> {
        let own: Vec<_> = self.shown().into_iter().filter(|id| self.world.messages[id].author.id == VIEWER).collect();
        pick(&own, which)
    }

    fn step(&mut self, step: Step) {
        let all: Vec<_> = self.world.conversations.keys().copied().collect();
        let messages: Vec<_> = self.world.messages.keys().copied().collect();
        let known = self.known();
        let client = &mut self.client;
        match step {
            Step::Begin => {
                self.world.begin();
            }
            Step::Post { author, at, answers, about } => {
                let Some(at) = pick(&all, at) else { return };
                let parent =
                    answers.and_then(|answers| pick(&messages, answers)).filter(|id| self.world.messages[id].depth < 3);
                let at = parent.map_or(at, |parent| self.world.messages[&parent].conversation_id);
                let key = (author == 0).then(|| format!("other-tab-{}", messages.len()));
                self.world.post(author, at, parent, "From *elsewhere*", about.map(record), key.as_deref());
            }
            Step::Edit(which) => {
                if let Some(id) = pick(&messages, which) {
                    self.world.edit(id, &format!("Edited {which}"));
                }
            }
            Step::Delete(which) => {
                if let Some(id) = pick(&messages, which) {
                    self.world.delete(id);
                }
            }
            Step::Moderate(which) => {
                if let Some(id) = pick(&messages, which) {
                    self.world.moderate(id);
                }
            }
            Step::Read { who, at, seq } => {
                if let Some(at) = pick(&all, at) {
                    let frame = self.world.read(who, at, seq);
                    client.whisper(frame);
                }
            }
            Step::HideConversation(at) => {
                if let Some(at) = pick(&all, at) {
                    self.world.hide_conversation(at);
                }
            }
            Step::HideRecord(which) => self.world.hide_record(record(which)),
            Step::InboxOpened => client.apply(Input::InboxOpened),
            Step::InboxMore => client.apply(Input::InboxMoreWanted),
            Step::Open(at) => {
                // Also what the list does not show: people follow links.
                if let Some(conversation) = pick(if at % 4 == 0 { &all } else { &known }, at) {
                    client.apply(Input::ConversationOpened { conversation });
                }
            }
            Step::Close(at) => {
                if let Some(conversation) = pick(&known, at) {
                    client.apply(Input::ConversationClosed { conversation });
                }
            }
            Step::Older(at) => {
                if let Some(conversation) = pick(&known, at) {
                    client.apply(Input::OlderWanted { conversation });
                }
            }
            Step::Thread(which) => {
                let shown = self.shown();
                if let Some(id) = pick(if which % 4 == 0 { &messages } else { &shown }, which) {
                    let message = &self.world.messages[&id];
                    let (conversation, root) = (message.conversation_id, message.root_id);
                    self.client.apply(Input::ThreadWanted { conversation, root });
                }
            }
            Step::Send { at, answers, about } => {
                let Some(at) = pick(&known, at) else { return };
                let parent = answers
                    .and_then(|answers| pick(&self.shown(), answers))
                    .filter(|id| self.world.messages[id].depth < 3);
                let at = parent.map_or(at, |parent| self.world.messages[&parent].conversation_id);
                let key = format!("key-{}", self.sent.len());
                self.client.send_about(&key, at, parent, "My **own** words", about.map(record));
                self.sent.push((at, key));
            }
            Step::OwnEdit(which) => {
                if let Some(message) = self.own(which) {
                    self.client.apply(Input::Edit { message, body: text(&format!("Better {which}")) });
                }
            }
            Step::OwnDelete(which) => {
                if let Some(message) = self.own(which) {
                    self.client.apply(Input::Delete { message });
                }
            }
            Step::MarkRead { at, back } => {
                if let Some(conversation) = pick(&known, at) {
                    let last = client.feed.conversation(conversation).map_or(0, |conversation| conversation.last_seq);
                    client.apply(Input::MarkRead { conversation, seq: (last - back).max(0) });
                }
            }
            Step::Retry(which) => {
                if let Some((_, key)) = self.sent.get(which) {
                    client.apply(Input::Retry { key: key.clone() });
                }
            }
            Step::Discard(which) => {
                let failed: Vec<_> = client
                    .feed
                    .outbox()
                    .iter()
                    .filter(|pending| matches!(pending.delivery, Delivery::Failed { .. }))
                    .map(|pending| pending.key.clone())
                    .collect();
                if let Some(key) = failed.get(which % failed.len().max(1)) {
                    client.apply(Input::Discard { key: key.clone() });
                    self.discarded.insert(key.clone());
                }
            }
            Step::Poll => client.apply(Input::Poll),
            Step::Hub(current) => {
                client.hub(&self.world, current);
            }
            Step::Deliver => {
                client.deliver();
            }
            Step::Repeat(which) => client.repeat(which),
            Step::Serve(which) => client.serve(&mut self.world, which),
            Step::Answer(which) => client.answer(which),
            Step::Lose(which) => client.lose(which),
            Step::Connect => client.connect(&self.world),
            Step::Disconnect => client.disconnect(),
            Step::Overflow => client.overflow(&self.world),
        }
    }

    /// At any time, nothing appears twice.
    fn check_unique(&self) {
        for conversation in self.known() {
            let Some(timeline) = self.client.feed.timeline(conversation) else { continue };
            let mut seen = BTreeSet::new();
            let threads =
                timeline.threads.iter().flat_map(|thread| std::iter::once(&thread.root).chain(&thread.replies));
            for item in threads.chain(&timeline.unplaced) {
                assert!(seen.insert(item.key.clone()), "{:?} appears twice", item.key);
            }
        }
    }

    /// What is loaded agrees with the server, before anything else is loaded.
    fn check_loaded(&self) {
        for shown in self.client.feed.inbox().conversations {
            assert!(self.world.sees(shown.id), "{} may not be seen", shown.id);
            let fresh = self.world.summary(shown.id);
            let shown_state = (shown.unread.0, shown.read_seq, shown.activity_at, shown.last);
            assert_eq!(
                shown_state,
                (fresh.unread, fresh.read_seq, fresh.activity_at, fresh.last.as_ref()),
                "{}",
                shown.id
            );
            assert!(!shown.stale, "{} is still in doubt", shown.id);
            let Some(timeline) = self.client.feed.timeline(shown.id) else { continue };
            let roots: Vec<_> = timeline.threads.iter().filter_map(|thread| thread.root.id()).collect();
            let mut fresh: Vec<_> =
                self.world.visible(shown.id).filter(|message| message.parent_id.is_none()).collect();
            fresh.sort_by_key(|message| message.seq);
            if timeline.older {
                // No gap: what is shown is the newest part.
                let from = fresh.len().saturating_sub(roots.len());
                fresh.drain(..from);
            }
            if timeline.loading == Loading::Ready {
                assert_eq!(roots, fresh.iter().map(|message| message.id).collect::<Vec<_>>(), "{}", shown.id);
            }
            for thread in timeline.threads.iter().filter(|thread| thread.root.id().is_some()) {
                let replies: Vec<_> = thread.replies.iter().filter_map(Item::id).collect();
                let fresh = self.world.replies(&self.world.messages[&thread.root.id().unwrap()]);
                let first: Vec<_> = fresh.iter().map(|reply| reply.id).collect();
                if thread.more {
                    assert!(replies.iter().all(|id| first.contains(id)));
                    // A withdrawal may have taken the first ones away; the next come with the next page.
                    let withdrawn = self.world.log.iter().any(|event| matches!(event, model::Event::Revoked(..)));
                    assert!(withdrawn || first.iter().take(model::PREVIEW_REPLIES).all(|id| replies.contains(id)));
                } else {
                    assert_eq!(replies, first, "{}", shown.id);
                }
            }
        }
        for id in self.shown() {
            let (shown, fresh) = (self.client.feed.message(id).unwrap(), &self.world.messages[&id]);
            assert!(self.world.sees_message(fresh), "{id} may not be seen");
            assert_eq!(
                (shown.version, shown.moderated, shown.deleted_at, &shown.body),
                (fresh.version, fresh.moderated, fresh.deleted_at, &fresh.body),
                "{id}"
            );
        }
    }

    fn check_own(&self) {
        for (conversation, key) in &self.sent {
            let stored = self.world.keys.get(key).map(|id| &self.world.messages[id]);
            let visible = stored.is_some_and(|message| self.world.sees_message(message));
            let pending = self.client.feed.outbox().iter().find(|pending| pending.key == *key);
            let expected = if visible {
                assert!(pending.is_none(), "{key} is confirmed and pending");
                (1, 0)
            } else if let Some(pending) = pending {
                assert!(
                    matches!(pending.delivery, Delivery::Failed { .. }),
                    "{key} was left lying: {:?}",
                    pending.delivery
                );
                (0, usize::from(self.client.feed.timeline(*conversation).is_some()))
            } else {
                (0, 0)
            };
            assert_eq!(self.client.shown(*conversation, key), expected, "{key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn old_snapshot_and_events_equal_a_fresh_snapshot(tells_hidden in any::<bool>(), blocks in any::<bool>(), begin in 1..6_usize, steps in steps()) {
        let mut world = World::new(tells_hidden);
        world.blocked.extend(blocks.then_some(user(1)));
        (0..begin).for_each(|_| {
        world.begin();
    });
        let mut play = Play { world, client: Client::new(), sent: Vec::new(), discarded: BTreeSet::new() };
        for step in steps {
            play.step(step);
            play.check_unique();
        }
        play.client.settle(&mut play.world);
        play.check_loaded();
        play.client.load_all(&mut play.world);
        play.check_loaded();
        play.check_own();

        let mut fresh = Client::new();
        fresh.load_all(&mut play.world);
        prop_assert_eq!(play.client.dump(), fresh.dump());
    }
}
