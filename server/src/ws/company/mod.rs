//! One company's part of the hub: a task that owns the company's position in its log, its sockets on this node and what
//! decides about them. Everything that concerns the company passes through it in order, so that no lock and no race stands
//! between an event, a verdict and a queue.
//!
//! * `events`: from the log to frames;
//! * `access`: what becomes of open sockets when someone's rights change;
//! * `narrowing`: answers of the access hook, which run out;
//! * `whisper`: receipts, typing and presence, which may be lost.

mod access;
mod command;
mod events;
mod narrowing;
mod ring;
mod whisper;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use postil::{
    access::Resource,
    backend::{
        bus::{Bus, Inbound, Signal},
        crypto::Sealer,
        store::LogEvent,
    },
    clock::{Clock, Timestamp},
    domain::RecordKey,
    ids::{CompanyId, ConnectionId, ConversationId, SessionId, UserId},
    limits,
    wire::{CloseCode, Message, ServerFrame},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinSet,
    time::{self, Duration},
};

pub(super) use self::{
    command::{Admission, Admitted, Command, Ending},
    events::{is_about_message, message_frame},
    whisper::presence_frame,
};
use self::{
    narrowing::{Renewal, Renewed},
    ring::{Facts, Ring},
    whisper::Whispers,
};
use super::{
    ledger::{Audience, Ledger, LedgerError},
    place::Place,
    sight::Sight,
};

/// Commands taken from the queue at once.
const BATCH: usize = 256;
/// Longest sleep until a rule begins or ends.
const TURN_LOOK: Duration = Duration::from_mins(1);

/// What the hub reads of a company from outside.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Position of the last event considered.
    pub position: AtomicI64,
    /// Counts `access.changed`; 0 until the position is known.
    pub epoch: AtomicU64,
    /// Commands were dropped for want of room: look at the log.
    pub dirty: Notify,
}

/// What a company's task needs from around it.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub bus: Bus,
    pub ledger: Arc<dyn Ledger>,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    /// Asks the hub to read the sessions again.
    pub recheck: Arc<Notify>,
}

#[derive(Debug)]
struct Socket {
    connection: ConnectionId,
    session: SessionId,
    queue: mpsc::Sender<Utf8Bytes>,
    ended: Option<oneshot::Sender<Ending>>,
    /// Whom it shows, sorted.
    watch: Box<[UserId]>,
}

impl Socket {
    fn end(&mut self, ending: Ending) {
        if let Some(ended) = self.ended.take() {
            // A socket that has gone by itself needs no ending.
            let _ = ended.send(ending);
        }
    }
}

#[derive(Debug)]
struct Viewer {
    sight: Sight,
    sockets: Vec<Socket>,
    /// When they last said that they write.
    typed: Option<time::Instant>,
    /// Lost sight of something that we can't name: tell it to load afresh, once, when this batch is through.
    resync: bool,
    renewal: Renewal,
}

/// An event, and the message it is about if this process has just written it.
struct Carried {
    event: LogEvent,
    message: Option<Arc<Message>>,
}

pub(super) struct Company {
    id: CompanyId,
    around: Surroundings,
    shared: Arc<Shared>,
    position: i64,
    /// The log reaches at least to here.
    known: i64,
    /// Events of this process, by position, that wait for the ones before them.
    own: BTreeMap<i64, Carried>,
    viewers: HashMap<UserId, Viewer>,
    audiences: HashMap<ConversationId, Option<Arc<Audience>>>,
    records: HashMap<RecordKey, Option<Resource>>,
    ring: Ring,
    whispers: Whispers,
    /// When the next rule of the policy begins or ends: everyone is judged again.
    turn: Option<Timestamp>,
    /// When the last one did. Cursors tell it, so that whoever was away at that moment loads afresh.
    era: Option<Timestamp>,
    /// When an answer of the access hook is to be seen to next.
    narrowings_due: Option<Timestamp>,
    /// Questions to the hook under way.
    renewals: JoinSet<Renewed>,
}

impl Company {
    pub fn new(id: CompanyId, around: Surroundings, shared: Arc<Shared>) -> Self {
        Self {
            id,
            around,
            shared,
            position: 0,
            known: 0,
            own: BTreeMap::new(),
            viewers: HashMap::new(),
            audiences: HashMap::new(),
            records: HashMap::new(),
            ring: Ring::default(),
            whispers: Whispers::default(),
            turn: None,
            era: None,
            narrowings_due: None,
            renewals: JoinSet::new(),
        }
    }

    /// Runs until the hub drops the other end of `commands`, which it does with the company's last socket.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        // First the subscription, then the position: what is published in between is heard, and known already.
        let _subscription = self.around.bus.subscribe(self.id);
        while let Err(error) = self.begin().await {
            tracing::warn!(company = %self.id, %error, "the hub can't read the end of a company's log");
            tokio::select! {
                () = time::sleep(Duration::from_millis(limits::TAIL_POLL_MS)) => {}
                // Those who wait for admission give up by themselves.
                () = commands_closed(&commands) => return,
            }
        }
        let shared = Arc::clone(&self.shared);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.time_passed();
            self.see_to_narrowings();
            let (flush, turn) = (self.whispers.due(), self.next_turn());
            tokio::select! {
                taken = commands.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    self.take(&mut batch).await;
                }
                () = shared.dirty.notified() => self.look_or_wait().await,
                Some(renewed) = self.renewals.join_next() => match renewed {
                    Ok(renewed) => self.renewed(renewed).await,
                    Err(error) => tracing::error!(company = %self.id, %error, "a question to the access hook failed"),
                },
                () = at(flush), if flush.is_some() => self.whispers_flush().await,
                // What is due is done at the top of the loop.
                () = at(turn), if turn.is_some() => {}
            }
        }
    }

    /// When to look at the clock again, in the runtime's time.
    fn next_turn(&self) -> Option<time::Instant> {
        let until = |at: Timestamp, now: Timestamp| at.micros() - now.micros();
        let turn = self.turn.map(|at| until(at, self.judged_as_of()));
        let narrowings = self.narrowings_due.map(|at| until(at, self.around.clock.now()));
        let wait = [turn, narrowings].into_iter().flatten().min()?;
        // A machine's clock may be set while a long sleep lasts.
        let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0) + 1_000).min(TURN_LOOK);
        Some(time::Instant::now() + wait)
    }

    async fn begin(&mut self) -> Result<(), LedgerError> {
        let tails = self.around.ledger.tails(vec![self.id]).await?;
        self.reach(tails.first().map_or(0, |(_, seq)| *seq));
        // Members read before this moment may lack changes that the position is already past.
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn reach(&mut self, position: i64) {
        self.position = position;
        self.known = self.known.max(position);
        self.shared.position.store(position, Ordering::Release);
    }

    async fn take(&mut self, batch: &mut Vec<Command>) {
        self.time_passed();
        self.see_to_narrowings();
        let mut arrivals = Vec::new();
        let mut look = false;
        for command in batch.drain(..) {
            match command {
                Command::Admit(admission) => arrivals.push(admission),
                Command::Leave { user, connection } => self.leave(user, connection),
                Command::Watch { user, connection, users, allowed } => {
                    let answer = self.watch(user, connection, users);
                    // Whoever asked may have gone.
                    let _ = allowed.send(answer);
                }
                Command::Guest { user, answer } => {
                    let _ = answer.send(self.is_guest(user));
                }
                Command::Typing { user, conversation } => self.typing_from(user, conversation).await,
                Command::Inbound(inbound) => self.hear(*inbound).await,
                Command::Look => {
                    look = true;
                    self.prune();
                }
                Command::EndSession { session, code } => {
                    self.end_where(|_, socket| socket.session == session, &code.into());
                }
                Command::PresenceLost => self.presence_lost(),
                Command::Watched(reply) => {
                    let _ = reply.send(self.watched());
                }
                Command::Presence(changes) => self.whispers.presence(changes),
            }
        }
        self.advance().await;
        // A client that resumes is let in at the very end of the log: what its rights were read from has then been told.
        if look || arrivals.iter().any(|arrival| arrival.cursor.is_some()) {
            self.look_or_wait().await;
        }
        for arrival in arrivals {
            self.admit(*arrival).await;
        }
    }

    async fn hear(&mut self, inbound: Inbound) {
        match inbound.signal {
            Signal::Event(event) => {
                self.known = self.known.max(event.seq);
                // Another node's pointer says only that there is something to read: believed as it is, a forged one could
                // name a message under a record that its reader may see.
                if inbound.own && event.seq > self.position && self.own.len() < limits::REPLAY_EVENTS_MAX as usize {
                    self.own.insert(event.seq, Carried { event, message: inbound.message });
                }
            }
            Signal::Receipt { conversation, user, seq } => self.whispers.receipt(conversation, user, seq),
            Signal::Typing { conversation, user } => self.typing(conversation, user).await,
            Signal::Presence { changes } => self.whispers.presence(changes),
            Signal::SessionEnded { .. } => self.around.recheck.notify_one(),
        }
    }

    async fn admit(&mut self, arrival: Admission) {
        let Admission { connection, session, mut member, epoch, cursor, queue, ended, reply } = arrival;
        let user = member.subject.user;
        if epoch != self.shared.epoch.load(Ordering::Acquire) {
            match self.around.ledger.member(self.id, user).await {
                Ok(Some(now)) => member = now,
                Ok(None) => {
                    let _ = ended.send(CloseCode::AccessRevoked.into());
                    return;
                }
                // No answer is an answer: the socket tries again.
                Err(error) => return tracing::warn!(company = %self.id, %error, "the hub can't read a member"),
            }
        }
        let (at, now) = (self.judged_as_of(), self.around.clock.now());
        member.subject.narrowing.lapse(now);
        self.see_to_narrowings();
        self.keep_time(&member.policy, at);
        // Their other sockets may still wait for the answer that this one brings.
        if member.subject.narrowing.lasts(now, 0) && self.viewers.get(&user).is_some_and(|one| !one.is_answered(now)) {
            self.judge_again(user, member.clone(), self.position);
            self.resync_those_who_need();
        }
        // A rule that began or ended while they were away left no event: what is on their screen is nobody's to know.
        let resumable = cursor.is_some_and(|cursor| {
            cursor.seq <= self.position
                && self.position - cursor.seq <= i64::from(limits::REPLAY_EVENTS_MAX)
                && self.era <= cursor.as_of
        });
        let cursor = cursor.map(|cursor| cursor.seq);
        let viewer = self.viewers.entry(user).or_insert_with(|| Viewer {
            sight: Sight::new(member.clone(), at),
            sockets: Vec::new(),
            typed: None,
            resync: false,
            renewal: Renewal::default(),
        });
        let facts = Facts { audiences: &self.audiences, records: &self.records };
        let replay = cursor
            .filter(|_| resumable)
            .and_then(|cursor| self.ring.replay(cursor, self.position, &mut viewer.sight, &facts));
        viewer.sockets.push(Socket { connection, session, queue, ended: Some(ended), watch: Box::default() });
        if reply.send(Admitted { at: self.position, as_of: self.era, member, resumable, replay }).is_err() {
            self.leave(user, connection);
        }
        self.keep_narrowing(user);
    }

    fn leave(&mut self, user: UserId, connection: ConnectionId) {
        if let Some(viewer) = self.viewers.get_mut(&user) {
            viewer.sockets.retain(|socket| socket.connection != connection);
            if viewer.sockets.is_empty() {
                self.viewers.remove(&user);
            }
        }
    }

    /// Forgets sockets whose leaving found no room in the queue.
    fn prune(&mut self) {
        for viewer in self.viewers.values_mut() {
            viewer.sockets.retain(|socket| !socket.queue.is_closed());
        }
        self.viewers.retain(|_, viewer| !viewer.sockets.is_empty());
    }

    fn end_where(&mut self, mut ends: impl FnMut(UserId, &Socket) -> bool, ending: &Ending) {
        for (user, viewer) in &mut self.viewers {
            viewer.sockets.retain_mut(|socket| {
                let ends = ends(*user, socket);
                if ends {
                    socket.end(ending.clone());
                }
                !ends
            });
        }
        self.viewers.retain(|_, viewer| !viewer.sockets.is_empty());
    }

    /// Where the stream stands after `position`, for clients.
    fn cursor(&self, position: i64) -> String {
        Place { seq: position, as_of: self.era }.sealed(&self.around.sealer, self.id)
    }

    /// Queues a frame for all of a person's sockets. One without room has lost something: it ends, and loads afresh.
    fn push(viewer: &mut Viewer, frame: &Utf8Bytes, resync: impl Fn() -> String) {
        viewer.sockets.retain_mut(|socket| match socket.queue.try_send(frame.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                socket.end(Ending { code: CloseCode::TooSlow, resync: Some(resync()) });
                false
            }
        });
    }
}

/// A frame as it travels; the bytes are shared by all sockets that get it.
pub(super) fn written(frame: &ServerFrame) -> Utf8Bytes {
    serde_json::to_string(frame).expect("a frame is plain data").into()
}

async fn at(moment: Option<time::Instant>) {
    match moment {
        Some(moment) => time::sleep_until(moment).await,
        None => core::future::pending().await,
    }
}

async fn commands_closed(commands: &mpsc::Receiver<Command>) {
    while !commands.is_closed() {
        time::sleep(Duration::from_millis(50)).await;
    }
}
