//! What a socket does with good and bad clients.

use std::time::Duration;

use postil::{
    access::RoleKey,
    ids::{CompanyId, UserId},
    limits,
    wire::{ClientFrame, CloseCode, Code, ServerFrame},
};
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::fake::{COMPANY, Client, Got, Node, conversation, session, user};
use crate::ws::transport::Incoming;

async fn refused(client: &mut Client) -> (Code, CloseCode) {
    let code = loop {
        match client.frame().await {
            ServerFrame::Error { problem } => break problem.code,
            ServerFrame::Pong => {}
            other => panic!("{other:?} instead of an error"),
        }
    };
    (code, client.closed().await)
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_shown_the_door() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let begin = Instant::now();
    let mut client = node.connect(1);
    assert_eq!(refused(&mut client).await, (Code::HelloExpected, CloseCode::Protocol));
    assert!(begin.elapsed() >= Duration::from_secs(limits::SOCKET_HELLO_TIMEOUT_S));
}

#[tokio::test(start_paused = true)]
async fn bad_frames_end_the_socket_with_their_code() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    for (bad, code) in [
        (Incoming::Text("{".into()), Code::MalformedFrame),
        (Incoming::Text(r#"{"type":"shout"}"#.into()), Code::MalformedFrame),
        (Incoming::Text("x".repeat(limits::FRAME_IN_BYTES_MAX + 1).into()), Code::FrameTooLarge),
        (Incoming::TooLarge, Code::FrameTooLarge),
        (Incoming::Binary, Code::MalformedFrame),
    ] {
        let mut client = node.hello(1, None);
        client.welcome().await;
        client.raw(bad.clone());
        assert_eq!(refused(&mut client).await, (code, CloseCode::Protocol), "{bad:?}");
    }
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.hub.sockets(), 0, "nothing stays behind");
}

#[tokio::test(start_paused = true)]
async fn a_flood_ends_the_socket() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let mut client = node.hello(1, None);
    client.welcome().await;
    for _ in 0..=limits::SOCKET_FRAMES_BURST {
        client.sends(&ClientFrame::Activity { active: true });
    }
    assert_eq!(refused(&mut client).await, (Code::FrameFlood, CloseCode::TooMany));
}

#[tokio::test(start_paused = true)]
async fn a_tab_of_another_company_gets_nothing() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let mut client = node.connect(1);
    let other = CompanyId::from_uuid(Uuid::from_u128(9));
    client.sends(&ClientFrame::Hello { company_id: other, cursor: None, active: true });
    assert_eq!(refused(&mut client).await, (Code::CompanyContextChanged, CloseCode::CompanySwitched));
}

#[tokio::test(start_paused = true)]
async fn one_person_has_a_bounded_number_of_sockets() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let mut open = Vec::new();
    for _ in 0..limits::SOCKETS_PER_USER_MAX {
        let mut client = node.hello(1, None);
        client.welcome().await;
        open.push(client);
    }
    assert_eq!(node.hello(1, None).closed().await, CloseCode::TooMany);
    drop(open.pop());
    time::sleep(Duration::from_secs(1)).await;
    node.hello(1, None).welcome().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_left() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let mut client = node.hello(1, None);
    client.welcome().await;
    let begin = Instant::now();
    assert_eq!(client.next().await, Got::Ping);
    assert_eq!(begin.elapsed().as_secs(), limits::SOCKET_PING_S);
    client.raw(Incoming::Alive);
    assert_eq!(client.closed().await, CloseCode::TooSlow);
    let lived = begin.elapsed().as_secs();
    assert!(
        (limits::SOCKET_PING_S + limits::SOCKET_SILENCE_S..=limits::SOCKET_PING_S + limits::SOCKET_SILENCE_S + 1)
            .contains(&lived),
        "{lived}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_hears_that_the_connection_lives() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let mut client = node.hello(1, None);
    client.welcome().await;
    for active in [true, false] {
        client.sends(&ClientFrame::Activity { active });
        assert_eq!(client.frame().await, ServerFrame::Pong);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_too_slow_loads_afresh() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1]);
    let mut client = node.connect_with_room(1, 3);
    client.sends(&ClientFrame::Hello { company_id: COMPANY, cursor: None, active: true });
    client.welcome().await;
    for _ in 0..limits::SOCKET_QUEUE_FRAMES_MAX + 10 {
        node.message(1, None);
    }
    assert_eq!(client.closed().await, CloseCode::TooSlow);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_says_so() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF);
    let mut client = node.hello(1, None);
    client.welcome().await;
    node.lifecycle.stopping().cancel();
    assert_eq!(client.closed().await, CloseCode::GoingAway);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_ends_its_sockets_within_two_seconds_without_redis() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).member(3, RoleKey::STAFF);
    let (mut out, mut switched, mut stays) = (node.hello(1, None), node.hello(2, None), node.hello(3, None));
    for client in [&mut out, &mut switched, &mut stays] {
        client.welcome().await;
    }
    let begin = Instant::now();
    node.ledger.world().sessions.remove(&session(1));
    node.ledger.world().sessions.insert(session(2), CompanyId::from_uuid(Uuid::from_u128(9)));
    assert_eq!(out.closed().await, CloseCode::SignedOut);
    assert_eq!(switched.closed().await, CloseCode::CompanySwitched);
    assert!(begin.elapsed() <= Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(stays.so_far(), []);
}

#[tokio::test(start_paused = true)]
async fn without_redis_presence_is_unknown_and_typing_reaches_this_node() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).member(3, RoleKey::STAFF).group(1, &[1, 2]);
    let (mut anna, mut ben, mut cleo) = (node.hello(1, None), node.hello(2, None), node.hello(3, None));
    for client in [&mut anna, &mut ben, &mut cleo] {
        client.welcome().await;
    }
    anna.sends(&ClientFrame::PresenceWatch { user_ids: vec![user(2)] });
    let ServerFrame::PresenceChanged { changes } = anna.frame().await else { panic!("no presence") };
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].status, postil::domain::PresenceStatus::Unknown);
    anna.sends(&ClientFrame::Typing { conversation_id: conversation(1) });
    let typing = ServerFrame::Typing { conversation_id: conversation(1), user_id: user(1) };
    assert_eq!(ben.frame().await, typing);
    cleo.sends(&ClientFrame::Typing { conversation_id: conversation(1) });
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ben.so_far(), [], "who does not see a conversation does not type in it");
    assert_eq!(cleo.so_far(), []);
    assert_eq!(anna.so_far(), []);
    let nobody: Vec<UserId> = Vec::new();
    anna.sends(&ClientFrame::PresenceWatch { user_ids: nobody });
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!(anna.so_far(), []);
}
