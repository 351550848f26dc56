//! The stream: complete, in order, each event once, whatever path it took.

use std::{sync::atomic::Ordering, time::Duration};

use postil::{
    access::RoleKey,
    backend::store::EventKind,
    limits,
    wire::{Message, ServerFrame},
};
use tokio::time;

use super::fake::{Client, Got, Node, blank, conversation, invoice, user};

fn created(got: Vec<Got>) -> Vec<i64> {
    got.into_iter()
        .filter_map(|got| match got {
            Got::Frame(frame) => match *frame {
                ServerFrame::MessageCreated { message, .. } => Some(message.seq),
                ServerFrame::Welcome { .. } => None,
                other => panic!("{other:?} is no message"),
            },
            _ => None,
        })
        .collect()
}

async fn settle() {
    time::sleep(Duration::from_secs(3)).await;
}

#[tokio::test(start_paused = true)]
async fn members_of_a_group_get_its_messages_in_order_and_others_nothing() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).member(3, RoleKey::OWNER).group(1, &[1, 2]);
    let (mut anna, mut ben, mut cleo) = (node.hello(1, None), node.hello(2, None), node.hello(3, None));
    for client in [&mut anna, &mut ben, &mut cleo] {
        client.welcome().await;
    }
    for _ in 0..5 {
        node.message(1, None);
    }
    settle().await;
    assert_eq!(created(anna.so_far()), [1, 2, 3, 4, 5]);
    assert_eq!(created(ben.so_far()), [1, 2, 3, 4, 5]);
    assert_eq!(cleo.so_far(), [], "not even an owner reads a group without being in it");
}

#[tokio::test(start_paused = true)]
async fn a_message_about_a_hidden_record_reaches_only_who_sees_the_record() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::MANAGER).group(1, &[1, 2]).invoice_of(2, 8);
    let (mut staff, mut manager) = (node.hello(1, None), node.hello(2, None));
    staff.welcome().await;
    manager.welcome().await;
    node.message(1, Some(invoice()));
    node.message(2, Some(invoice()));
    node.message(1, None);
    settle().await;
    assert_eq!(created(staff.so_far()), [3]);
    assert_eq!(created(manager.so_far()), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn own_events_arrive_at_once_without_reading_and_in_order() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut client = node.hello(1, None);
    client.welcome().await;
    let written: Vec<_> = (0..4).map(|_| node.message(1, None)).collect();
    let reads = node.ledger.event_reads.load(Ordering::Relaxed);
    for (event, message) in [&written[1], &written[0], &written[3], &written[2]].map(Clone::clone) {
        node.tell(event, Some(message));
    }
    let mut seqs = Vec::new();
    for _ in 0..4 {
        match client.frame().await {
            ServerFrame::MessageCreated { message, .. } => seqs.push(message.seq),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert_eq!(node.ledger.message_reads.load(Ordering::Relaxed), 0, "the process had the messages in its hands");
    assert_eq!(node.ledger.event_reads.load(Ordering::Relaxed), reads, "nothing was missing");
    settle().await;
    assert_eq!(client.so_far(), []);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_filled_from_the_log() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut client = node.hello(1, None);
    client.welcome().await;
    let written: Vec<_> = (0..3).map(|_| node.message(1, None)).collect();
    let (event, message) = written[2].clone();
    node.tell(event, Some(message));
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(created(client.so_far()), [1, 2, 3], "at once, not at the next look");
}

#[tokio::test(start_paused = true)]
async fn a_reply_tells_its_roots_count() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut client = node.hello(1, None);
    client.welcome().await;
    let (_, root) = node.message(1, None);
    let (event, reply) = {
        let (_, message) = node.message(1, None);
        let reply = Message { parent_id: Some(root.id), root_id: root.id, depth: 1, ..message };
        let mut world = node.ledger.world();
        world.messages.insert(reply.id, reply.clone());
        world.messages.insert(root.id, Message { reply_count: 1, ..root.clone() });
        world.events.last_mut().unwrap().kind = EventKind::ThreadReplyCreated;
        (world.events.last().unwrap().clone(), reply)
    };
    node.tell(event, Some(reply));
    client.frame().await;
    let ServerFrame::ThreadReplyCreated { root_id, reply_count, .. } = client.frame().await else { panic!("no reply") };
    assert_eq!((root_id, reply_count), (root.id, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_between_replay_and_live() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut first = node.hello(1, None);
    let (cursor, resumed) = first.welcome().await;
    assert!(!resumed);
    for _ in 0..37 {
        node.message(1, None);
    }
    settle().await;
    // At every moment of a resume, something else is written.
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..25 {
        clients.push(node.hello(1, Some(&cursor)));
        for _ in 0..7 {
            let (event, message) = node.message(1, None);
            if event.seq % 3 > 0 {
                node.tell(event, Some(message));
            }
            tokio::task::yield_now().await;
        }
    }
    settle().await;
    let all: Vec<i64> = (1..=37 + 25 * 7).collect();
    for mut client in clients {
        assert!(client.welcome().await.1, "resumed");
        assert_eq!(created(client.so_far()), all);
    }
    assert_eq!(created(first.so_far()), all);
}

#[tokio::test(start_paused = true)]
async fn any_cursor_resumes_exactly_after_itself() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut first = node.hello(1, None);
    let mut cursors = vec![first.welcome().await.0];
    for _ in 0..9 {
        node.message(1, None);
    }
    for _ in 0..9 {
        let ServerFrame::MessageCreated { cursor, .. } = first.frame().await else { panic!("no message") };
        cursors.push(cursor);
    }
    for (seen, cursor) in (0..).zip(cursors) {
        let mut again = node.hello(1, Some(&cursor));
        assert!(again.welcome().await.1);
        settle().await;
        assert_eq!(created(again.so_far()), (seen + 1..=9).collect::<Vec<i64>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_from_too_long_ago_or_from_elsewhere_means_loading_afresh() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let (old, _) = node.hello(1, None).welcome().await;
    for _ in 0..=limits::REPLAY_EVENTS_MAX {
        node.message(1, None);
    }
    for cursor in [old.as_str(), "made-up", ""] {
        let mut client = node.hello(1, Some(cursor));
        assert!(!client.welcome().await.1, "{cursor}");
        settle().await;
        assert_eq!(client.so_far(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_delays_and_loses_nothing() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut client = node.hello(1, None);
    client.welcome().await;
    node.ledger.world().away = true;
    for _ in 0..3 {
        let (event, _) = node.message(1, None);
        node.tell(event, None);
    }
    settle().await;
    assert_eq!(client.so_far(), [], "sockets stay");
    node.ledger.world().away = false;
    settle().await;
    assert_eq!(created(client.so_far()), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn conversations_and_records_are_told_to_who_sees_them() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).group(1, &[1]).invoice_of(2, 7);
    let (mut anna, mut ben) = (node.hello(1, None), node.hello(2, None));
    anna.welcome().await;
    ben.welcome().await;
    // Ben is taken in: the conversation's facts are read again before it is told.
    node.message(1, None);
    settle().await;
    anna.so_far();
    node.group(1, &[1, 2]);
    node.log(postil::backend::store::LogEvent {
        conversation: Some(conversation(1)),
        user: Some(user(1)),
        ..blank(EventKind::ConversationUpdated)
    });
    node.log(postil::backend::store::LogEvent { record: Some(invoice()), ..blank(EventKind::RecordUpdated) });
    for client in [&mut anna, &mut ben] {
        assert!(
            matches!(client.frame().await, ServerFrame::ConversationUpdated { conversation_id, .. } if conversation_id == conversation(1))
        );
        assert!(matches!(client.frame().await, ServerFrame::RecordUpdated { record, .. } if record == invoice()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_is_not_told_to_who_comes_back() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut stays = node.hello(1, None);
    let (cursor, _) = stays.welcome().await;
    let (_, message) = node.message(1, None);
    settle().await;
    assert!(format!("{:?}", stays.so_far()).contains("message 0"));
    let tombstone = Message {
        body: String::new(),
        text: postil::domain::text::Document::default(),
        deleted_at: Some(message.created_at),
        ..message.clone()
    };
    node.ledger.world().messages.insert(message.id, tombstone);
    node.log(postil::backend::store::LogEvent {
        conversation: Some(conversation(1)),
        message: Some(message.id),
        ..blank(EventKind::MessageDeleted)
    });
    settle().await;
    let mut again = node.hello(1, Some(&cursor));
    assert!(again.welcome().await.1);
    settle().await;
    let got = format!("{:?}", again.so_far());
    assert!(got.contains("MessageDeleted") && !got.contains("message 0"), "{got}");
}
