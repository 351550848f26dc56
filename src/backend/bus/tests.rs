//! The bus on a real Redis of the test's own, which the test may kill, start late and take connections from.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use super::{
    Beat, Bucket, Bus, BusConfig, BusState, Class, Delivery, Draw, Inbound, Inbox, PresenceChange, Quota, Rate,
    Receipt, Signal, Subscription,
};
use crate::{
    backend::{
        source::Machine,
        store::{EventKind, LogEvent},
    },
    domain::PresenceStatus,
    ids::{CompanyId, ConnectionId, ConversationId, UserId},
    limits,
};

const SEND: Bucket = Bucket::Person(Class::Send);
const COMPANY: CompanyId = CompanyId::from_uuid(Uuid::from_u128(1));

/// A Redis that dies with the test.
struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    /// Only an address; nothing answers there yet.
    async fn absent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { port: listener.local_addr().unwrap().port(), process: None }
    }

    async fn start(&mut self) {
        let port = self.port.to_string();
        let options = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let process = Command::new("redis-server").args(options).stdout(Stdio::null()).spawn();
        self.process = Some(process.expect("redis-server is installed: ./script/test sees to it"));
        let client = redis::Client::open(self.url()).unwrap();
        while client.get_multiplexed_async_connection().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn running() -> Self {
        let mut redis = Self::absent().await;
        redis.start().await;
        redis
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn command(&self, words: &[&str]) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).exec_async(&mut connection).await.unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process on the bus.
struct Node {
    bus: Bus,
    inbox: Inbox,
    _subscription: Subscription,
    _driver: JoinSet<()>,
}

impl Node {
    fn join(redis: &Redis, prefix: &str) -> Self {
        let config = BusConfig { url: Some(redis.url()), prefix: prefix.to_owned(), limit_factor: 1 };
        let (bus, driver, inbox) = Bus::new(config, &Machine).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        Self { _subscription: bus.subscribe(COMPANY), bus, inbox, _driver: tasks }
    }

    async fn is(&self, state: BusState) {
        let mut watch = self.bus.watch();
        timeout(Duration::from_secs(10), watch.wait_for(|now| *now == state)).await.expect("the state comes").unwrap();
    }

    /// The next signal of another node, past its own and past "compare with the log".
    async fn hears(&mut self) -> Signal {
        loop {
            match timeout(Duration::from_secs(10), self.inbox.recv()).await.expect("a signal comes") {
                Some(Delivery::Signal(inbound)) if !inbound.own => return inbound.signal,
                Some(_) => {}
                None => panic!("the bus is gone"),
            }
        }
    }

    /// What this node itself was told of its own, without waiting.
    async fn own(&mut self) -> Vec<Inbound> {
        let mut all = Vec::new();
        while let Ok(Some(delivery)) = timeout(Duration::from_millis(100), self.inbox.recv()).await {
            if let Delivery::Signal(inbound) = delivery
                && inbound.own
            {
                all.push(*inbound);
            }
        }
        all
    }
}

fn event(seq: i64) -> Signal {
    Signal::Event(LogEvent {
        company: COMPANY,
        seq,
        kind: EventKind::MessageCreated,
        conversation: Some(ConversationId::from_uuid(Uuid::from_u128(2))),
        message: None,
        record: None,
        user: None,
    })
}

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn beat(who: u128, connection: u128, active: bool) -> Beat {
    Beat { user: user(who), connection: ConnectionId::from_uuid(Uuid::from_u128(connection)), active }
}

/// Whether `heard` comes through from `a` to `b`, now or after what is on its way.
async fn reaches(a: &Node, b: &mut Node, signal: Signal) {
    a.bus.signal(COMPANY, signal.clone(), None);
    while b.hears().await != signal {}
}

#[tokio::test]
async fn pointers_reach_other_nodes_and_subscriptions_survive_a_killed_connection() {
    let redis = Redis::running().await;
    let (a, mut b) = (Node::join(&redis, "t:"), Node::join(&redis, "t:"));
    a.is(BusState::Up).await;
    b.is(BusState::Up).await;
    reaches(&a, &mut b, event(1)).await;

    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    b.is(BusState::Down).await;
    b.is(BusState::Up).await;
    a.is(BusState::Up).await;
    reaches(&a, &mut b, event(2)).await;
}

#[tokio::test]
async fn every_new_connection_begins_with_a_look_at_the_log() {
    let redis = Redis::running().await;
    let mut node = Node::join(&redis, "t:");
    node.is(BusState::Up).await;
    let dirty = async |node: &mut Node| loop {
        if matches!(timeout(Duration::from_secs(10), node.inbox.recv()).await.unwrap(), Some(Delivery::Dirty)) {
            return;
        }
    };
    dirty(&mut node).await;
    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    dirty(&mut node).await;
}

#[tokio::test]
async fn the_process_starts_without_redis_and_takes_it_up_when_it_comes() {
    let mut redis = Redis::absent().await;
    let (mut a, mut b) = (Node::join(&redis, "t:"), Node::join(&redis, "t:"));
    let begin = Instant::now();
    assert!(a.bus.presence_read(COMPANY, &[user(1)]).await.is_err());
    assert!(a.bus.take(SEND, "anna").await.passes(), "counted in process");
    assert_eq!(a.bus.take(Bucket::SignInAccount, "anna").await, Rate::Closed, "no free guesses");
    a.bus.signal(COMPANY, event(1), None);
    assert!(begin.elapsed() < Duration::from_millis(100), "nobody waits for what is known to be away");
    assert_eq!(a.own().await.len(), 1, "this node is told all the same");

    redis.start().await;
    a.is(BusState::Up).await;
    b.is(BusState::Up).await;
    reaches(&a, &mut b, event(2)).await;
    assert!(a.bus.take(Bucket::SignInAccount, "anna").await.passes());

    redis.kill();
    a.is(BusState::Down).await;
    redis.start().await;
    a.is(BusState::Up).await;
    b.is(BusState::Up).await;
    reaches(&a, &mut b, event(3)).await;
}

#[tokio::test]
async fn installations_with_different_prefixes_do_not_hear_each_other() {
    let redis = Redis::running().await;
    let (a, mut b, mut c) = (Node::join(&redis, "a:"), Node::join(&redis, "a:"), Node::join(&redis, "c:"));
    for node in [&a, &b, &c] {
        node.is(BusState::Up).await;
    }
    reaches(&a, &mut b, event(1)).await;
    let heard = timeout(Duration::from_millis(300), c.hears()).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn a_pointer_on_another_companys_channel_is_dropped() {
    let redis = Redis::running().await;
    let (a, mut b) = (Node::join(&redis, "t:"), Node::join(&redis, "t:"));
    a.is(BusState::Up).await;
    b.is(BusState::Up).await;
    let other = CompanyId::from_uuid(Uuid::from_u128(9));
    let Signal::Event(forged) = event(7) else { unreachable!() };
    a.bus.signal(COMPANY, Signal::Event(LogEvent { company: other, ..forged }), None);
    reaches(&a, &mut b, event(8)).await;
}

async fn status(bus: &Bus, who: u128) -> PresenceStatus {
    bus.presence_read(COMPANY, &[user(who)]).await.unwrap()[0].status
}

/// The transitions among `inbounds`.
fn transitions(inbounds: Vec<Inbound>) -> Vec<PresenceStatus> {
    let changes = inbounds.into_iter().filter_map(|inbound| match inbound.signal {
        Signal::Presence { changes } => Some(changes),
        _ => None,
    });
    changes.flatten().map(|change: PresenceChange| change.status).collect()
}

#[tokio::test]
async fn a_person_is_the_best_of_their_connections_and_each_transition_is_told_once() {
    let redis = Redis::running().await;
    let (mut a, b) = (Node::join(&redis, "t:"), Node::join(&redis, "t:"));
    a.is(BusState::Up).await;
    b.is(BusState::Up).await;
    assert_eq!(status(&a.bus, 1).await, PresenceStatus::Offline);
    a.bus.presence_beat(COMPANY, &[beat(1, 10, false)]).await.unwrap();
    assert_eq!(status(&b.bus, 1).await, PresenceStatus::Away);
    a.bus.presence_beat(COMPANY, &[beat(1, 11, true), beat(1, 10, false)]).await.unwrap();
    a.bus.presence_beat(COMPANY, &[beat(1, 11, true)]).await.unwrap();
    assert_eq!(status(&b.bus, 1).await, PresenceStatus::Online);
    assert_eq!(transitions(a.own().await), [PresenceStatus::Away, PresenceStatus::Online]);
    let other = CompanyId::from_uuid(Uuid::from_u128(9));
    assert_eq!(a.bus.presence_read(other, &[user(1)]).await.unwrap()[0].status, PresenceStatus::Offline);

    let online = b.bus.presence_online(COMPANY, user(2), 3).await.unwrap();
    assert_eq!((online.count, online.users), (1, vec![user(1)]));
    assert_eq!(b.bus.presence_online(COMPANY, user(1), 3).await.unwrap().count, 0, "without the viewer");

    a.bus.presence_beat(COMPANY, &[beat(1, 11, false)]).await.unwrap();
    assert_eq!(transitions(a.own().await), [PresenceStatus::Away]);
}

#[tokio::test]
async fn a_reload_is_no_absence_and_leaving_is_one_after_the_grace() {
    let redis = Redis::running().await;
    let mut a = Node::join(&redis, "t:");
    a.is(BusState::Up).await;
    let leave = [(user(1), beat(1, 10, true).connection)];
    a.bus.presence_beat(COMPANY, &[beat(1, 10, true)]).await.unwrap();
    a.bus.presence_leave(COMPANY, &leave).await.unwrap();
    a.bus.presence_sweep(COMPANY).await.unwrap();
    assert_eq!(status(&a.bus, 1).await, PresenceStatus::Online, "within the grace");
    a.bus.presence_beat(COMPANY, &[beat(1, 12, true)]).await.unwrap();
    assert_eq!(transitions(a.own().await), [PresenceStatus::Online]);
    a.bus.presence_leave(COMPANY, &[(user(1), beat(1, 12, true).connection)]).await.unwrap();
    sleep(Duration::from_millis(limits::PRESENCE_GRACE_MS + 100)).await;
    // Two nodes look: one reports.
    let b = Node::join(&redis, "t:");
    b.is(BusState::Up).await;
    let (one, two) = tokio::join!(a.bus.presence_sweep(COMPANY), b.bus.presence_sweep(COMPANY));
    one.and(two).unwrap();
    let told = transitions(a.own().await).len();
    let mut b = b;
    assert_eq!(told + transitions(b.own().await).len(), 1);
    assert_eq!(status(&a.bus, 1).await, PresenceStatus::Offline);
}

#[tokio::test]
async fn nodes_share_their_rate_buckets() {
    let redis = Redis::running().await;
    let (a, b) = (Node::join(&redis, "t:"), Node::join(&redis, "t:"));
    a.is(BusState::Up).await;
    b.is(BusState::Up).await;
    let mut passed = 0;
    for turn in 0..limits::SIGN_IN_PER_MINUTE + 2 {
        let bus = if turn % 2 == 0 { &a.bus } else { &b.bus };
        match bus.take(Bucket::SignInAccount, "anna@example.com").await {
            Rate::Pass(_) => passed += 1,
            Rate::Wait(told) => assert!(told.after <= Duration::from_secs(6), "{told:?}"),
            Rate::Closed => panic!("redis is there"),
        }
    }
    assert_eq!(passed, limits::SIGN_IN_PER_MINUTE);
    assert!(a.bus.take(Bucket::SignInAccount, "ben@example.com").await.passes());
}

#[tokio::test]
async fn a_refused_request_takes_from_none_of_its_buckets_and_a_receipt_pays_once() {
    let redis = Redis::running().await;
    let node = Node::join(&redis, "t:");
    node.is(BusState::Up).await;
    let bus = &node.bus;
    let few = Draw::of(Bucket::Address(Class::Send), "here", Quota::within(1, 600), 1);
    let both = [bus.draw(SEND, "anna", 1), few];
    assert!(bus.take_all(&both, Some(Receipt::of(&[b"first"]))).await.passes());
    for _ in 0..limits::SEND_BURST {
        let Rate::Wait(told) = bus.take_all(&both, Some(Receipt::of(&[b"other"]))).await else {
            panic!("nothing is left")
        };
        assert_eq!((told.bucket, told.left), (Bucket::Address(Class::Send), 0));
        assert_eq!(bus.take_all(&both, Some(Receipt::of(&[b"first"]))).await, Rate::Pass(Vec::new()), "paid before");
    }
    let Rate::Pass(told) = bus.take(SEND, "anna").await else { panic!("nothing was taken from her") };
    assert!(told[0].left >= limits::SEND_BURST - 2, "{told:?}");
    bus.give_back(&[few], Some(Receipt::of(&[b"first"]))).await;
    let Rate::Pass(told) = bus.take_all(&[few], Some(Receipt::of(&[b"first"]))).await else {
        panic!("what was given back can be taken again")
    };
    assert_eq!(told.len(), 1, "and is paid for again");
    assert!(!bus.is_familiar("anna@here").await);
    bus.grow_familiar("anna@here").await;
    assert!(bus.is_familiar("anna@here").await && !bus.is_familiar("anna@there").await);
}

/// A clock of the test's own for the script; and buckets that Redis keeps for as long as the test takes.
fn script_at(now_us: u64) -> redis::Script {
    let clock = format!("{{{}, {}}}", now_us / 1_000_000, now_us % 1_000_000);
    let kept = "'PX', 600000)";
    let source = super::rate::SOURCE.replacen("redis.call('TIME')", &clock, 1);
    let source = source.replacen("'PX', math.ceil((fulls[i] - now) / 1000))", kept, 1);
    assert!(source.contains(&clock) && source.contains(kept), "the script has changed, and this with it");
    redis::Script::new(&source)
}

#[tokio::test]
async fn the_script_and_the_buckets_in_process_agree() {
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
    let redis = Redis::running().await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let step = (0..3_000_000_u64, prop::collection::vec((0..3_usize, 1..4_u32), 1..4));
    let worlds = (prop::collection::vec((1..9_u32, 1..2_000_000_u64), 3), prop::collection::vec(step, 1..40));
    let mut runner = TestRunner::deterministic();
    let (mut passed, mut refused) = (0, 0);
    for world in 0..20 {
        let (quotas, steps) = worlds.new_tree(&mut runner).unwrap().current();
        let local = super::rate::Fallback::default();
        let mut now = 1_700_000_000_000_000;
        for (pause, mut wanted) in steps {
            now += pause;
            wanted.sort_unstable();
            wanted.dedup_by_key(|(bucket, _)| *bucket);
            let draws: Vec<Draw> = wanted
                .iter()
                .map(|(n, units)| {
                    let (burst, step_us) = quotas[*n];
                    Draw::of(SEND, &format!("{world}:{n}"), Quota { burst, step_us }, *units)
                })
                .collect();
            let script = script_at(now);
            let mut call = script.prepare_invoke();
            for (n, units) in &wanted {
                call.key(format!("{world}:{n}")).arg(quotas[*n].1).arg(quotas[*n].0).arg(*units);
            }
            let answer: Vec<u64> = call.invoke_async(&mut connection).await.unwrap();
            let (there, here) = (super::rate::read(&draws, &answer), local.take_at(now, &draws, None));
            assert_eq!(there, here, "{now}: {draws:?}");
            if here.passes() { passed += 1 } else { refused += 1 }
        }
    }
    assert!(passed > 50 && refused > 50, "{passed} passed, {refused} did not: the worlds are too easy or too hard");
}
