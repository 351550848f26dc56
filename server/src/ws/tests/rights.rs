//! Rights change while sockets are open.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use postil::{
    access::{Action, Conditions, Denial, Effect, Narrowing, Policy, RoleKey, Rule, Scope, preset},
    backend::store::{EventKind, LogEvent},
    domain::StatusWord,
    wire::{CloseCode, ServerFrame},
};
use tokio::time;

use super::fake::{BEGINNING, Client, Got, Node, blank, conversation, invoice, user};

fn changed() -> LogEvent {
    blank(EventKind::AccessChanged)
}

async fn settle() {
    time::sleep(Duration::from_secs(3)).await;
}

/// What a client was told to drop, and whether to load afresh.
fn told(client: &mut Client) -> (Vec<postil::ids::ConversationId>, Vec<postil::domain::RecordKey>, bool) {
    let (mut conversations, mut records, mut resync) = (Vec::new(), Vec::new(), false);
    for got in client.so_far() {
        let Got::Frame(frame) = got else { continue };
        match *frame {
            ServerFrame::AccessRevoked { conversation_ids, records: some, .. } => {
                conversations.extend(conversation_ids);
                records.extend(some);
            }
            ServerFrame::Resync { .. } => resync = true,
            _ => {}
        }
    }
    (conversations, records, resync)
}

#[tokio::test(start_paused = true)]
async fn a_membership_that_ends_ends_its_sockets() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).group(1, &[1, 2]);
    let (mut gone, mut stays) = (node.hello(1, None), node.hello(2, None));
    gone.welcome().await;
    stays.welcome().await;
    let begin = time::Instant::now();
    node.ledger.world().members.remove(&user(1));
    node.log(LogEvent { user: Some(user(1)), ..changed() });
    node.message(1, None);
    assert_eq!(gone.next().await, Got::Close(CloseCode::AccessRevoked), "and not one frame more");
    assert!(begin.elapsed() <= Duration::from_secs(2));
    settle().await;
    assert_eq!(stays.so_far().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_taken_out_of_a_group_drops_it() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).group(1, &[1, 2]);
    let (mut anna, mut ben) = (node.hello(1, None), node.hello(2, None));
    anna.welcome().await;
    ben.welcome().await;
    node.message(1, None);
    settle().await;
    anna.so_far();
    ben.so_far();
    node.group(1, &[1]);
    node.log(LogEvent { user: Some(user(2)), conversation: Some(conversation(1)), ..changed() });
    node.message(1, None);
    settle().await;
    assert_eq!(told(&mut ben), (vec![conversation(1)], vec![], false));
    assert_eq!(anna.so_far().len(), 1, "the message, and nothing about ben");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_shrinks_takes_back_what_it_showed() {
    let node = Node::new();
    node.member(1, RoleKey::MANAGER).invoice_of(2, 8);
    let mut client = node.hello(1, None);
    client.welcome().await;
    node.message(2, Some(invoice()));
    settle().await;
    assert_eq!(client.so_far().len(), 1);
    node.member(1, RoleKey::STAFF);
    node.log(LogEvent { user: Some(user(1)), ..changed() });
    node.message(2, Some(invoice()));
    settle().await;
    assert_eq!(told(&mut client), (vec![conversation(2)], vec![invoice()], true));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_moves_is_dropped_by_who_lost_it_and_unknown_to_the_rest() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::MANAGER).member(3, RoleKey::EXTERNAL).invoice_of(2, 7);
    let (mut staff, mut manager, mut guest) = (node.hello(1, None), node.hello(2, None), node.hello(3, None));
    for client in [&mut staff, &mut manager, &mut guest] {
        client.welcome().await;
    }
    node.message(2, Some(invoice()));
    settle().await;
    assert_eq!((staff.so_far().len(), manager.so_far().len(), guest.so_far().len()), (1, 1, 0));
    node.invoice_of(2, 8);
    node.log(LogEvent { record: Some(invoice()), ..changed() });
    node.message(2, Some(invoice()));
    settle().await;
    assert_eq!(told(&mut staff), (vec![conversation(2)], vec![invoice()], false));
    assert_eq!(manager.so_far().len(), 1);
    assert_eq!(guest.so_far(), [], "the record's name is not told to who never saw it");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_unknown_past_means_loading_afresh() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::MANAGER).invoice_of(2, 8);
    let (mut staff, mut manager) = (node.hello(1, None), node.hello(2, None));
    staff.welcome().await;
    manager.welcome().await;
    // Nobody here has heard of the invoice through this socket; it may be on a screen all the same.
    node.log(LogEvent { record: Some(invoice()), ..changed() });
    settle().await;
    assert_eq!(told(&mut staff), (vec![], vec![], true));
    assert_eq!(manager.so_far(), []);
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_reaches_whom_it_concerns() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::OWNER).group(1, &[1, 2]);
    let (mut staff, mut owner) = (node.hello(1, None), node.hello(2, None));
    staff.welcome().await;
    owner.welcome().await;
    node.message(1, None);
    settle().await;
    staff.so_far();
    owner.so_far();
    let mut policy = preset::policy();
    policy.rules.push(Rule {
        id: "staff-silence".to_owned(),
        effect: Effect::Deny,
        roles: BTreeSet::from([RoleKey::STAFF]),
        users: BTreeSet::new(),
        actions: BTreeSet::from([Action::ThreadRead]),
        scope: Scope::Company,
        conditions: Conditions::default(),
    });
    node.ledger.world().policy = Some(Arc::new(policy));
    node.log(changed());
    node.message(1, None);
    settle().await;
    assert_eq!(told(&mut staff), (vec![conversation(1)], vec![], true));
    assert_eq!(owner.so_far().len(), 1, "the message; the owner's rules are the same");
}

#[tokio::test(start_paused = true)]
async fn whoever_was_away_when_rights_changed_loads_afresh() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).group(1, &[1, 2]);
    let (cursor, _) = node.hello(1, None).welcome().await;
    node.message(1, None);
    node.log(LogEvent { user: Some(user(2)), ..changed() });
    let mut client = node.hello(1, Some(&cursor));
    assert!(client.welcome().await.1, "someone else's rights are no reason");
    node.log(LogEvent { user: Some(user(1)), ..changed() });
    let mut client = node.hello(1, Some(&cursor));
    assert!(!client.welcome().await.1);
}

#[tokio::test(start_paused = true)]
async fn rights_that_change_while_a_socket_opens_count() {
    let node = Node::new();
    node.member(1, RoleKey::MANAGER).invoice_of(2, 8);
    let client = node.connect(1);
    let mut client = client;
    // Judged at the door as a manager; says hello as one of the staff.
    node.member(1, RoleKey::STAFF);
    node.log(LogEvent { user: Some(user(1)), ..changed() });
    client.sends(&postil::wire::ClientFrame::Hello { company_id: super::fake::COMPANY, cursor: None, active: true });
    client.welcome().await;
    node.message(2, Some(invoice()));
    settle().await;
    assert!(
        client
            .so_far()
            .iter()
            .all(|got| !matches!(got, Got::Frame(frame) if matches!(**frame, ServerFrame::MessageCreated { .. })))
    );
}

/// A policy whose added rule keeps conversations from the staff within a time, in seconds after the clock's beginning.
fn silence(from_s: Option<i64>, until_s: Option<i64>) -> Arc<Policy> {
    let mut policy = preset::policy();
    policy.rules.push(Rule {
        id: "staff-silence".to_owned(),
        effect: Effect::Deny,
        roles: BTreeSet::from([RoleKey::STAFF]),
        users: BTreeSet::new(),
        actions: BTreeSet::from([Action::ThreadRead]),
        scope: Scope::Company,
        conditions: Conditions {
            from: from_s.map(|seconds| BEGINNING.plus_s(seconds)),
            until: until_s.map(|seconds| BEGINNING.plus_s(seconds)),
            ..Conditions::default()
        },
    });
    Arc::new(policy)
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_begins_reaches_open_sockets_within_two_seconds() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::OWNER).group(1, &[1, 2]);
    node.ledger.world().policy = Some(silence(Some(10), None));
    let (mut staff, mut owner) = (node.hello(1, None), node.hello(2, None));
    let (cursor, _) = staff.welcome().await;
    owner.welcome().await;
    node.message(1, None);
    settle().await;
    assert_eq!((staff.so_far().len(), owner.so_far().len()), (1, 1), "the message, while nothing forbids it");
    time::sleep(Duration::from_secs(5)).await;
    assert_eq!(told(&mut staff), (vec![], vec![], false), "not yet");
    time::sleep(Duration::from_secs(3)).await;
    assert_eq!(told(&mut staff), (vec![conversation(1)], vec![], true));
    assert_eq!(owner.so_far(), [], "the owner's rules are the same");
    node.message(1, None);
    settle().await;
    assert_eq!((staff.so_far().len(), owner.so_far().len()), (0, 1));
    // Whoever was away at that moment may have on the screen what is not theirs to see any more.
    let mut client = node.hello(1, Some(&cursor));
    let (cursor, resumed) = client.welcome().await;
    assert!(!resumed);
    assert!(node.hello(1, Some(&cursor)).welcome().await.1, "and once is enough");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_ends_reaches_open_sockets_within_two_seconds() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1, 2]);
    node.ledger.world().policy = Some(silence(None, Some(10)));
    let mut staff = node.hello(1, None);
    staff.welcome().await;
    node.message(1, None);
    settle().await;
    assert_eq!(told(&mut staff), (vec![], vec![], false));
    time::sleep(Duration::from_secs(9)).await;
    assert_eq!(told(&mut staff), (vec![], vec![], true), "told to load afresh");
    node.message(1, None);
    settle().await;
    assert_eq!(staff.so_far().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_state_changes_leaves_those_whom_the_new_state_shuts_out() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::MANAGER).invoice_in(3, 7, Some("open"));
    let mut policy = preset::policy();
    policy.rules.push(Rule {
        id: "closed".to_owned(),
        effect: Effect::Deny,
        roles: BTreeSet::from([RoleKey::STAFF]),
        users: BTreeSet::new(),
        actions: BTreeSet::from([Action::ThreadRead]),
        scope: Scope::Company,
        conditions: Conditions {
            record_states: Some(BTreeSet::from([StatusWord::new("closed").unwrap()])),
            ..Conditions::default()
        },
    });
    node.ledger.world().policy = Some(Arc::new(policy.clone()));
    let (mut staff, mut manager) = (node.hello(1, None), node.hello(2, None));
    staff.welcome().await;
    manager.welcome().await;
    node.message(3, Some(invoice()));
    settle().await;
    assert_eq!((staff.so_far().len(), manager.so_far().len()), (1, 1));
    node.invoice_in(3, 7, Some(" Closed"));
    node.log(LogEvent { record: Some(invoice()), ..changed() });
    settle().await;
    assert_eq!(told(&mut staff), (vec![conversation(3)], vec![invoice()], false));
    assert_eq!(manager.so_far(), []);

    // Only its messages: the conversation stays, and is loaded afresh.
    let rule = policy.rules.last_mut().unwrap();
    rule.actions = BTreeSet::from([Action::MessageRead]);
    let node = Node::new();
    node.member(1, RoleKey::STAFF).invoice_in(3, 7, Some("open"));
    node.ledger.world().policy = Some(Arc::new(policy));
    let mut staff = node.hello(1, None);
    staff.welcome().await;
    node.message(3, Some(invoice()));
    settle().await;
    staff.so_far();
    node.invoice_in(3, 7, Some("closed"));
    node.log(LogEvent { record: Some(invoice()), ..changed() });
    settle().await;
    assert_eq!(told(&mut staff), (vec![], vec![], true));
}

/// What the hook takes from a member, for so many seconds from now on.
fn narrow(node: &Node, number: u128, denied: &[Action], holds_s: i64) {
    let denial = Denial {
        id: "hook".to_owned(),
        actions: denied.iter().copied().collect(),
        scope: Scope::Company,
        record_states: None,
    };
    let denials = if denied.is_empty() { vec![] } else { vec![denial] };
    let until = node.now().plus_s(holds_s);
    let mut world = node.ledger.world();
    let subject = world.members.get_mut(&user(number)).expect("a member");
    subject.narrowing = Narrowing::Answered { denials: denials.into(), until };
}

/// Reads of members, of however many each.
fn reads(node: &Node) -> usize {
    node.ledger.member_reads.load(std::sync::atomic::Ordering::Relaxed)
}

fn asked(node: &Node) -> usize {
    node.ledger.renewals.load(std::sync::atomic::Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_hook_is_renewed_before_it_runs_out_and_nobody_notices() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1, 2]);
    narrow(&node, 1, &[], 20);
    let mut client = node.hello(1, None);
    client.welcome().await;
    time::sleep(Duration::from_secs(9)).await;
    assert_eq!(asked(&node), 0, "it still holds, for more than half of its time");
    // What the next question will be answered with.
    narrow(&node, 1, &[], 20);
    time::sleep(Duration::from_secs(7)).await;
    assert_eq!(asked(&node), 1);
    time::sleep(Duration::from_secs(5)).await;
    node.message(1, None);
    settle().await;
    assert!(
        matches!(&client.so_far()[..], [Got::Frame(frame)] if matches!(**frame, ServerFrame::MessageCreated { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_the_hook_leaves_without_an_answer_sees_nothing_until_it_is_back() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).group(1, &[1, 2]);
    narrow(&node, 1, &[], 20);
    let (mut client, mut other) = (node.hello(1, None), node.hello(2, None));
    client.welcome().await;
    other.welcome().await;
    node.message(1, None);
    settle().await;
    assert_eq!((client.so_far().len(), other.so_far().len()), (1, 1));
    node.ledger.world().hook_away = true;
    time::sleep(Duration::from_secs(18)).await;
    assert_eq!(told(&mut client), (vec![conversation(1)], vec![], true), "within a second of its end");
    node.message(1, None);
    settle().await;
    assert_eq!(client.so_far(), vec![], "nothing is seen without an answer");
    assert_eq!(other.so_far().len(), 1, "who is not narrowed notices nothing");
    let questions = asked(&node);
    assert!((3..=5).contains(&questions), "after one second, two, four, eight: {questions}");
    narrow(&node, 1, &[], 40);
    node.ledger.world().hook_away = false;
    time::sleep(Duration::from_secs(20)).await;
    assert_eq!(told(&mut client), (vec![], vec![], true), "load afresh: something was missed");
    node.message(1, None);
    settle().await;
    assert_eq!(client.so_far().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_answer_takes_back_what_the_hook_now_denies() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1, 2]);
    narrow(&node, 1, &[], 20);
    let mut client = node.hello(1, None);
    client.welcome().await;
    node.message(1, None);
    settle().await;
    client.so_far();
    narrow(&node, 1, &[Action::ThreadRead], 20);
    // As another node tells it that asked.
    node.log(LogEvent { user: Some(user(1)), ..changed() });
    settle().await;
    assert_eq!(told(&mut client), (vec![conversation(1)], vec![], true));
    node.message(1, None);
    settle().await;
    assert_eq!(client.so_far(), vec![]);
}

#[tokio::test(start_paused = true)]
async fn a_company_that_begins_to_require_a_hook_asks_about_everyone_who_is_there() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1, 2]);
    let mut client = node.hello(1, None);
    client.welcome().await;
    node.message(1, None);
    settle().await;
    client.so_far();
    node.ledger.world().hook_away = true;
    node.ledger.world().members.get_mut(&user(1)).unwrap().narrowing = Narrowing::Unanswered;
    node.log(changed());
    settle().await;
    assert_eq!(told(&mut client), (vec![conversation(1)], vec![], true));
    assert!(asked(&node) >= 1);
    // And ends with it: nobody is asked any more.
    node.ledger.world().members.get_mut(&user(1)).unwrap().narrowing = Narrowing::None;
    node.log(changed());
    settle().await;
    assert_eq!(told(&mut client), (vec![], vec![], true));
    let questions = asked(&node);
    settle().await;
    assert_eq!(asked(&node), questions);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_runs_out_while_messages_are_read_shows_none_of_them() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).member(2, RoleKey::STAFF).group(1, &[1, 2]);
    narrow(&node, 1, &[], 20);
    let (mut client, mut other) = (node.hello(1, None), node.hello(2, None));
    client.welcome().await;
    other.welcome().await;
    node.message(1, None);
    settle().await;
    assert_eq!((client.so_far().len(), other.so_far().len()), (1, 1));
    node.ledger.world().hook_away = true;
    time::sleep(Duration::from_secs(14)).await;
    // Three seconds are left. The hub has its catching up to do, and the database takes five.
    node.ledger.world().slow = Some(Duration::from_secs(5));
    node.message(1, None);
    node.message(1, None);
    time::sleep(Duration::from_secs(10)).await;
    let got = client.so_far();
    let told = |is: fn(&ServerFrame) -> bool| got.iter().any(|one| matches!(one, Got::Frame(frame) if is(frame)));
    assert!(told(|frame| matches!(frame, ServerFrame::AccessRevoked { .. })));
    assert!(!told(|frame| matches!(frame, ServerFrame::MessageCreated { .. })), "{got:?}");
    let heard = other.so_far();
    let created =
        |got: &&Got| matches!(got, Got::Frame(frame) if matches!(**frame, ServerFrame::MessageCreated { .. }));
    assert_eq!(heard.iter().filter(created).count(), 2, "who is not narrowed hears both: {heard:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_runs_out_is_none_at_that_moment_and_not_a_margin_later() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1, 2]);
    narrow(&node, 1, &[], 20);
    let end = time::Instant::now() + Duration::from_secs(20);
    let mut client = node.hello(1, None);
    client.welcome().await;
    let (first, message) = node.message(1, None);
    node.tell(first, Some(message));
    settle().await;
    assert_eq!(client.so_far().len(), 1);
    node.ledger.world().hook_away = true;
    time::sleep_until(end + Duration::from_millis(10)).await;
    let (second, message) = node.message(1, None);
    node.tell(second, Some(message));
    settle().await;
    assert_eq!(told(&mut client), (vec![conversation(1)], vec![], true));
    assert!(client.so_far().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_policy_reads_everybody_whom_a_hook_narrows_at_once() {
    let node = Node::new();
    node.group(1, &[1, 2]);
    let mut clients = Vec::new();
    for n in 1..=30 {
        node.member(n, RoleKey::STAFF);
        narrow(&node, n, &[], 200);
        let mut client = node.hello(n, None);
        client.welcome().await;
        clients.push(client);
    }
    settle().await;
    let before = reads(&node);
    node.log(changed());
    settle().await;
    assert!(reads(&node) - before <= 2, "one to find out, one for all: {}", reads(&node) - before);

    // As when a company begins to require a hook: an answer about each, told one by one.
    let before = reads(&node);
    for n in 1..=30 {
        narrow(&node, n, &[Action::ThreadRead], 200);
        node.log(LogEvent { user: Some(user(n)), ..changed() });
    }
    settle().await;
    assert_eq!(reads(&node) - before, 1);
    for client in &mut clients {
        assert!(told(client).2, "and each of them is told");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_about_many_are_read_together() {
    let node = Node::new();
    let mut clients = Vec::new();
    for n in 1..=30 {
        node.member(n, RoleKey::STAFF);
        let mut client = node.hello(n, None);
        client.welcome().await;
        clients.push(client);
    }
    settle().await;
    for n in 1..=30 {
        node.ledger.world().members.get_mut(&user(n)).unwrap().narrowing = Narrowing::Unanswered;
    }
    node.ledger.world().hook_away = true;
    let before = reads(&node);
    node.log(changed());
    settle().await;
    let (asked, reads) = (asked(&node), reads(&node) - before);
    assert!(asked >= 60, "everybody is asked about, more than once: {asked}");
    assert!(reads <= 8, "and whatever comes of it is read together: {reads} reads after {asked} questions");
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_with_an_answer_brings_it_to_their_other_sockets() {
    let node = Node::new();
    node.member(1, RoleKey::STAFF).group(1, &[1, 2]);
    narrow(&node, 1, &[], 20);
    let mut client = node.hello(1, None);
    client.welcome().await;
    node.ledger.world().hook_away = true;
    time::sleep(Duration::from_secs(25)).await;
    assert!(told(&mut client).2, "it has run out");
    narrow(&node, 1, &[], 60);
    node.hello(1, None).welcome().await;
    node.message(1, None);
    settle().await;
    assert!(
        client
            .so_far()
            .iter()
            .any(|got| matches!(got, Got::Frame(frame) if matches!(**frame, ServerFrame::MessageCreated { .. })))
    );
}
