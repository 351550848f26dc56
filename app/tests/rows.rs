//! What an open conversation shows, row by row.

mod sample;

use std::sync::Arc;

use app::{
    Loader,
    state::{
        Clock,
        rows::{Lens, MessageRow, Row, rows},
    },
};
use postil::{
    feed::{Effect, Feed, Input, Load},
    ids::MessageId,
};
use sample::{INVOICE, Sample, conversation};

fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the sample loader never waits"),
    }
}

/// A feed with the sample conversation open.
fn feed() -> Feed {
    let (me, loader) = (sample::me(), Arc::new(Sample::of(true)));
    let mut feed = Feed::new(me.id, me.company_id, me.context_epoch);
    let mut effects = feed.apply(Input::ConversationOpened { conversation: conversation(INVOICE) });
    while let Some(effect) = effects.pop() {
        let Effect::Load { ask, load } = effect else { continue };
        let answer = match load {
            Load::Conversation { conversation } => {
                let detail = now(loader.conversation(conversation)).unwrap().unwrap();
                Input::ConversationLoaded { ask, detail }
            }
            Load::Messages { conversation, before } => {
                let page = now(loader.messages(conversation)).unwrap();
                Input::MessagesLoaded { ask, conversation, before, page }
            }
            _ => continue,
        };
        effects.extend(feed.apply(answer));
    }
    feed
}

fn shown(collapsed: &[MessageId], reply_to: Option<MessageId>) -> Vec<Row> {
    let feed = feed();
    let timeline = feed.timeline(conversation(INVOICE)).expect("the conversation is open");
    let lens = Lens {
        viewer: feed.viewer(),
        can: feed.conversation(conversation(INVOICE)).and_then(|view| view.can),
        blocked: &[],
        unfolded: &[],
        collapsed,
        reply_to,
        divider: 8,
        clock: Clock { now: Sample::of(true).now(), local: false },
        edit_window_s: 900,
    };
    rows(&timeline, &lens)
}

fn messages(rows: &[Row]) -> Vec<&MessageRow> {
    rows.iter().filter_map(|row| if let Row::Message(row) = row { Some(&**row) } else { None }).collect()
}

fn seqs(rows: &[Row]) -> Vec<i64> {
    messages(rows).iter().filter_map(|row| row.seq).collect()
}

#[test]
fn replies_stand_below_what_they_answer() {
    assert_eq!(seqs(&shown(&[], None)), [1, 2, 3, 4, 5, 6, 7, 9, 8, 10, 12, 11]);
}

#[test]
fn what_is_new_is_divided_once_and_stays_marked() {
    let rows = shown(&[], None);
    let at = rows.iter().position(|row| *row == Row::New).expect("there is something new");
    assert!(matches!(&rows[at + 1], Row::Message(row) if row.seq == Some(9) && row.head));
    assert_eq!(rows.iter().filter(|row| **row == Row::New).count(), 1);
    let new: Vec<_> = messages(&rows).iter().filter(|row| row.new).filter_map(|row| row.seq).collect();
    assert_eq!(new, [9, 10, 12, 11]);
}

#[test]
fn replies_deeper_than_three_rails_name_what_they_answer() {
    let rows = shown(&[], None);
    for row in messages(&rows) {
        assert_eq!(row.context.is_some(), row.depth > 3, "{:?}", row.seq);
    }
}

#[test]
fn a_collapsed_branch_is_one_line() {
    let rows = shown(&[], None);
    let first = messages(&rows)[0].id.expect("it is confirmed");
    let rows = shown(&[first], None);
    assert_eq!(seqs(&rows), [1, 7, 9, 8, 10, 12, 11]);
    let (hidden, author, _) = messages(&rows)[0].folded.clone().expect("it is folded");
    assert_eq!((hidden, author.as_str()), (5, "Ingrid Sørensen"));
}

#[test]
fn the_reply_composer_stands_below_what_it_answers() {
    let rows = shown(&[], None);
    let second = messages(&rows)[1].id.expect("it is confirmed");
    let rows = shown(&[], Some(second));
    let at = rows.iter().position(|row| matches!(row, Row::Reply(..))).expect("there is a composer");
    assert_eq!(rows[at], Row::Reply(second, 2));
    assert!(matches!(&rows[at - 1], Row::Message(row) if row.id == Some(second)));
}

#[test]
fn only_own_messages_within_the_window_can_be_edited() {
    let rows = shown(&[], None);
    // Seq 8 was written 27 minutes ago; nothing of the viewer's is younger than the window.
    assert!(messages(&rows).iter().all(|row| !row.can.1));
    assert!(messages(&rows).iter().all(|row| row.can.2 == row.own), "one's own can be deleted");
}
