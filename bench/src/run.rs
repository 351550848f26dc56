//! A run: everyone connects, messages are sent at a steady rate, sockets are cut and come back, everything is counted.

use core::fmt;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, Result};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::{self, Duration, Instant, MissedTickBehavior},
};

use crate::{
    Places, Size,
    client::{self, Order, Plan},
    memory, say, send,
    tally::{Seen, Sends, percentile_ms},
    world::{Person, World},
};

/// Sockets that connect at the same time.
const AT_THE_DOOR: usize = 32;

/// What a run found.
#[derive(Debug, Default)]
pub struct Outcome {
    sockets: usize,
    sent: u64,
    refused: u64,
    expected: u64,
    seen: Seen,
    connect: Duration,
    memory: Option<(u64, u64)>,
    closed: Option<(usize, f64)>,
}

impl Outcome {
    /// Whether everyone got everything once, in order, and nothing else.
    pub fn is_clean(&self) -> bool {
        let seen = &self.seen;
        let wrong =
            seen.skipped + seen.doubled + seen.misordered + seen.foreign + seen.resyncs + seen.afresh + self.refused;
        wrong == 0 && seen.delivered == self.expected
    }

    /// Closed-loop sends per second.
    pub fn closed_loop(&self) -> Option<f64> {
        self.closed.map(|(_, rate)| rate)
    }

    /// How many sent in the closed loop.
    pub fn closed_senders(&self) -> usize {
        self.closed.map_or(8, |(senders, _)| senders)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = &self.seen;
        writeln!(f, "sockets {}, connected in {:.1} s", self.sockets, self.connect.as_secs_f64())?;
        writeln!(f, "sent {}, refused {}", self.sent, self.refused)?;
        writeln!(
            f,
            "delivered {} of {}: lost {}, doubled {}, misordered {}, foreign {}",
            seen.delivered, self.expected, seen.skipped, seen.doubled, seen.misordered, seen.foreign
        )?;
        writeln!(f, "cut and resumed {}, had to load afresh {}, resyncs {}", seen.resumed, seen.afresh, seen.resyncs)?;
        let [p50, p95, p99] = [50, 95, 99].map(|percent| percentile_ms(&seen.latencies, percent));
        write!(f, "send to frame: p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms")?;
        if let Some((before, after)) = self.memory {
            let each = after.saturating_sub(before) / 1024 / self.sockets.max(1) as u64;
            write!(
                f,
                "\nserver memory: {} MiB before, {} MiB with all idle: {each} KiB a socket",
                before >> 20,
                after >> 20
            )?;
        }
        if let Some((senders, rate)) = self.closed {
            write!(f, "\nclosed loop, {senders} senders: {rate:.0} sends/s")?;
        }
        Ok(())
    }
}

struct Crowd {
    sockets: JoinSet<Result<Seen>>,
    cuts: Vec<mpsc::Sender<()>>,
    orders: watch::Sender<Order>,
}

/// Does it.
pub async fn run(places: &Places, size: &Size, world: &World) -> Result<Outcome> {
    let sends = Arc::new(Sends::default());
    let http = reqwest::Client::builder().pool_max_idle_per_host(64).tcp_nodelay(true).build()?;
    let numbers = Arc::new(AtomicU64::new(1));
    let before = size.pid.map(memory::resident_bytes).transpose()?;
    let begin = Instant::now();
    let mut crowd = connect(places, world, &sends).await?;
    let mut outcome = Outcome { sockets: world.people.len(), connect: begin.elapsed(), ..Outcome::default() };
    if let (Some(pid), Some(before)) = (size.pid, before) {
        // Idle: the last welcome's buffers have been given back.
        time::sleep(Duration::from_secs(3)).await;
        outcome.memory = Some((before, memory::resident_bytes(pid)?));
    }
    (outcome.sent, outcome.refused) = steady(places, size, world, &sends, &http, &numbers, &crowd.cuts).await;
    crowd.orders.send_replace(Order::End);
    while let Some(seen) = crowd.sockets.join_next().await {
        add(&mut outcome.seen, seen?.context("a socket failed")?);
    }
    outcome.seen.latencies.sort_unstable();
    outcome.expected = world
        .rooms
        .iter()
        .map(|room| u64::try_from(sends.last(room.conversation)).unwrap_or(0) * room.people.len() as u64)
        .sum();
    if size.closed > 0 {
        let rate = closed(places, size, world, &sends, &http, &numbers).await?;
        outcome.closed = Some((size.closed, rate));
    }
    Ok(outcome)
}

fn add(total: &mut Seen, one: Seen) {
    total.delivered += one.delivered;
    total.doubled += one.doubled;
    total.misordered += one.misordered;
    total.foreign += one.foreign;
    total.skipped += one.skipped;
    total.resyncs += one.resyncs;
    total.resumed += one.resumed;
    total.afresh += one.afresh;
    total.latencies.extend(one.latencies);
}

/// What `person`'s socket needs to know.
pub fn plan(url: &str, world: &World, person: &Person, sends: &Arc<Sends>, door: &Arc<Semaphore>) -> Plan {
    Plan {
        address: format!("{}/api/v1/realtime", url.replacen("http", "ws", 1)),
        origin: url.to_owned(),
        token: person.token.clone(),
        company: world.companies[person.company],
        room: world.rooms[person.room].conversation,
        sends: Arc::clone(sends),
        door: Arc::clone(door),
    }
}

async fn connect(places: &Places, world: &World, sends: &Arc<Sends>) -> Result<Crowd> {
    let mut sockets = JoinSet::new();
    let (ready, mut welcomes) = mpsc::channel(world.people.len());
    let (orders, listen) = watch::channel(Order::Go);
    let door = Arc::new(Semaphore::new(AT_THE_DOOR));
    let url = places.url.trim_end_matches('/');
    let mut cuts = Vec::new();
    for person in &world.people {
        let (cut, cuttable) = mpsc::channel(1);
        cuts.push(cut);
        let plan = plan(url, world, person, sends, &door);
        sockets.spawn(client::listen(plan, ready.clone(), cuttable, listen.clone()));
    }
    drop(ready);
    for _ in &world.people {
        if welcomes.recv().await.is_none() {
            let failed = sockets.join_next().await.context("no socket was let in")?;
            failed??;
        }
    }
    Ok(Crowd { sockets, cuts, orders })
}

async fn steady(
    places: &Places,
    size: &Size,
    world: &World,
    sends: &Arc<Sends>,
    http: &reqwest::Client,
    numbers: &AtomicU64,
    cuts: &[mpsc::Sender<()>],
) -> (u64, u64) {
    let total = u64::from(size.rate) * u64::from(size.seconds);
    let mut tick = time::interval(Duration::from_secs(1) / size.rate.max(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut open = JoinSet::new();
    let (mut accepted, mut refused) = (0, 0);
    for turn in 0..total {
        tick.tick().await;
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        // Rooms in turn, and in each room its people in turn: nobody sends faster than a person may.
        let room = &world.rooms[usize::try_from(turn).unwrap_or(0) % world.rooms.len()];
        let person =
            &world.people[room.people[usize::try_from(turn).unwrap_or(0) / world.rooms.len() % room.people.len()]];
        let (http, url, token) = (http.clone(), places.sender(), person.token.clone());
        let (conversation, sends) = (room.conversation, Arc::clone(sends));
        open.spawn(async move { send::message(&http, &url, &token, conversation, number, &sends).await });
        if size.cut > 0 && turn % u64::from(size.rate) == 0 {
            let second = usize::try_from(turn / u64::from(size.rate)).unwrap_or(0);
            for cut in cuts.iter().skip(second % size.cut).step_by(size.cut) {
                let _ = cut.try_send(());
            }
        }
        while let Some(done) = open.try_join_next() {
            count(done, &mut accepted, &mut refused);
        }
    }
    while let Some(done) = open.join_next().await {
        count(done, &mut accepted, &mut refused);
    }
    (accepted, refused)
}

fn count(done: Result<Result<i64>, tokio::task::JoinError>, accepted: &mut u64, refused: &mut u64) {
    match done {
        Ok(Ok(_)) => *accepted += 1,
        Ok(Err(error)) => {
            if *refused == 0 {
                let _ = say(format_args!("the first refusal: {error:#}"));
            }
            *refused += 1;
        }
        Err(_) => *refused += 1,
    }
}

/// As fast as it goes: each sender waits for its answer and sends the next, in another room.
async fn closed(
    places: &Places,
    size: &Size,
    world: &World,
    sends: &Arc<Sends>,
    http: &reqwest::Client,
    numbers: &Arc<AtomicU64>,
) -> Result<f64> {
    let mut senders = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(u64::from(size.seconds).min(10));
    let begin = Instant::now();
    let people = Arc::new(
        world
            .people
            .iter()
            .map(|person| (person.token.clone(), world.rooms[person.room].conversation))
            .collect::<Vec<_>>(),
    );
    for _ in 0..size.closed {
        let (people, numbers, http, sends) =
            (Arc::clone(&people), Arc::clone(numbers), http.clone(), Arc::clone(sends));
        let url = places.sender();
        senders.spawn(async move {
            let mut done: u32 = 0;
            while Instant::now() < until {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let (token, room) = &people[usize::try_from(number).unwrap_or(0) % people.len()];
                send::message(&http, &url, token, *room, number, &sends).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut total = 0;
    while let Some(done) = senders.join_next().await {
        total += done??;
    }
    Ok(f64::from(total) / begin.elapsed().as_secs_f64())
}
