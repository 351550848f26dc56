//! How long a withdrawn right lives on in open sockets: from the change to the `access.revoked` or the close that tells of it.
//!
//! Everybody in one company sits in the open conversation of a record. One after the other loses it in one of five ways, over
//! REST and, where that is possible, by hand in SQL, which tells no node: then only the tail of the log does. After each, a
//! message goes to that conversation and then one to another that the person still sees; the stream is in order, so when the
//! second has come without the first, the first never will. Start reading at [`run`]; what is withdrawn is in `rights.rs`.

use core::fmt;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use postil::{
    ids::ConversationId,
    wire::{CloseCode, Message},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{self, Duration, Instant},
};
use tokio_tungstenite::tungstenite;

use crate::{
    Places,
    client::{self, Socket},
    rights::{self, House, Right, Way},
    run, say,
    tally::{Sends, percentile_ms},
    world::{Person, World},
};

/// Longest time from the change to the socket.
const IN_TIME: Duration = Duration::from_secs(2);
/// Then nothing will come.
const GIVE_UP: Duration = Duration::from_secs(15);
/// Who sends what must not arrive, in turns: a person may send two a second.
pub const WITNESSES: usize = 20;

/// What a socket tells, as far as it matters here.
#[derive(Debug)]
enum Heard {
    Message(ConversationId),
    Revoked(Vec<ConversationId>),
    Closed(u16),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    r#type: String,
    #[serde(default)]
    conversation_ids: Vec<ConversationId>,
    message: Option<Told>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    conversation_id: ConversationId,
}

/// An open socket, and what it has heard, each with its moment.
struct Ear {
    heard: mpsc::UnboundedReceiver<(Instant, Heard)>,
    /// Ends with it.
    _task: JoinSet<()>,
}

impl Ear {
    fn new(mut socket: Socket) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                let at = Instant::now();
                let what = match &message {
                    tungstenite::Message::Text(text) => match serde_json::from_str::<Frame>(text) {
                        Ok(Frame { message: Some(told), .. }) => Heard::Message(told.conversation_id),
                        Ok(frame) if frame.r#type == "access.revoked" => Heard::Revoked(frame.conversation_ids),
                        _ => continue,
                    },
                    tungstenite::Message::Close(Some(frame)) => Heard::Closed(frame.code.into()),
                    _ => continue,
                };
                if tell.send((at, what)).is_err() {
                    break;
                }
            }
        });
        Self { heard, _task: task }
    }

    /// The next thing that it hears.
    async fn next(&mut self) -> Result<(Instant, Heard)> {
        let next = time::timeout(GIVE_UP, self.heard.recv()).await.context("nothing came")?;
        next.context("the socket ended")
    }

    /// Waits for a message in `conversation`; whether one in `hidden` came before it.
    async fn message(&mut self, conversation: ConversationId, hidden: Option<ConversationId>) -> Result<bool> {
        let mut leaked = false;
        loop {
            match self.next().await?.1 {
                Heard::Message(place) if place == conversation => return Ok(leaked),
                Heard::Message(place) => leaked |= Some(place) == hidden,
                Heard::Closed(code) => bail!("closed with {code}"),
                Heard::Revoked(_) => {}
            }
        }
    }
}

/// What one way of withdrawing one right took.
struct Series {
    right: Right,
    way: Way,
    took: Vec<Duration>,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [50, 99].map(|percent| percentile_ms(&self.took, percent));
        let max = percentile_ms(&self.took, 100);
        let what = format!("{}, {}", self.right, self.way);
        write!(f, "{what:<42} {:>4} times: p50 {p50:>6.1} ms, p99 {p99:>6.1} ms, max {max:>6.1} ms", self.took.len())
    }
}

/// Everything that a round needs.
struct Stage<'a> {
    world: &'a World,
    house: House<'a>,
    url: String,
    door: Arc<Semaphore>,
    sends: Arc<Sends>,
    ears: Vec<Option<Ear>>,
    turn: usize,
}

impl Stage<'_> {
    async fn open(&self, person: usize, token: String) -> Result<Socket> {
        let person = Person { token, ..self.world.people[person].clone() };
        let plan = run::plan(&self.url, self.world, &person, &self.sends, &self.door);
        client::open(&plan, None).await.map(|(socket, _, _)| socket)
    }

    /// A message by a witness, whom nothing is withdrawn from, to the conversation of `person`'s record.
    async fn secret(&mut self, person: usize) -> Result<ConversationId> {
        self.turn += 1;
        let token = &self.house.witnesses[self.turn % self.house.witnesses.len()];
        let body = json!({ "body": "for those who may read it", "record": rights::record(person) });
        let message: Message = self.house.post("/api/v1/messages", token, &body).await?;
        Ok(message.conversation_id)
    }

    /// One right of one person, withdrawn and given back; how long it took to be told.
    async fn round(&mut self, right: Right, way: Way, person: usize) -> Result<Duration> {
        let mut ear = self.ears[person].take().context("a round without a socket")?;
        let conversation = self.secret(person).await?;
        ear.message(conversation, None).await.context("before: who may read it hears of it")?;

        let token = self.house.tokens[person].clone();
        let begin = self.house.withdraw(right, way, person).await?;
        let at = loop {
            match ear.next().await.context("it was not told")? {
                (at, Heard::Revoked(gone)) if gone.contains(&conversation) && !right.ends_the_socket() => break at,
                (at, Heard::Closed(code)) if right.ends_the_socket() => {
                    let expected =
                        if right == Right::Session { CloseCode::SignedOut } else { CloseCode::AccessRevoked };
                    ensure!(code == expected.code(), "closed with {code}");
                    break at;
                }
                (_, Heard::Closed(code)) => bail!("closed with {code}"),
                (_, Heard::Revoked(_) | Heard::Message(_)) => {}
            }
        };
        self.secret(person).await?;
        if right.ends_the_socket() {
            ensure!(self.open(person, token).await.is_err(), "who has lost it was let in again");
            self.house.give_back(right, way, person).await?;
            ear = Ear::new(self.open(person, self.house.tokens[person].clone()).await.context("given back")?);
        } else {
            let own = self.world.rooms[self.world.people[person].room].conversation;
            let body = json!({ "body": "still here", "conversationId": own });
            let _: Message = self.house.post("/api/v1/messages", &token, &body).await?;
            let leaked = ear.message(own, Some(conversation)).await.context("what is left")?;
            ensure!(!leaked, "a message came after the right to it had gone");
            self.house.give_back(right, way, person).await?;
        }
        self.ears[person] = Some(ear);
        Ok(at.duration_since(begin))
    }
}

/// Withdraws each right `times` times, in every way.
pub async fn run(places: &Places, world: &World, times: usize) -> Result<()> {
    let company: Vec<usize> = (0..world.people.len()).filter(|person| world.people[*person].company == 0).collect();
    ensure!(company.len() >= 2 * WITNESSES, "too few sockets for {WITNESSES} witnesses");
    let (witnesses, victims) = company.split_at(WITNESSES);
    let house = House::make(places, world, witnesses, victims).await?;
    let mut stage = Stage {
        world,
        house,
        url: places.url.trim_end_matches('/').to_owned(),
        door: Arc::new(Semaphore::new(32)),
        sends: Arc::new(Sends::default()),
        ears: Vec::new(),
        turn: 0,
    };
    for person in 0..world.people.len() {
        let socket = stage.open(person, stage.house.tokens[person].clone()).await?;
        stage.ears.push(Some(Ear::new(socket)));
    }
    say(format_args!("{} sockets, {} in the company at hand", world.people.len(), company.len()))?;
    let mut late = Vec::new();
    let mut next = 0;
    for right in Right::ALL {
        for way in Way::ALL.into_iter().filter(|way| right.can_be_withdrawn(*way)) {
            let mut series = Series { right, way, took: Vec::new() };
            for _ in 0..times {
                let person = victims[next % victims.len()];
                next += 1;
                let took = stage.round(right, way, person).await.with_context(|| format!("{right}, {way}"))?;
                series.took.push(took);
            }
            series.took.sort_unstable();
            say(&series)?;
            if series.took.last().is_some_and(|longest| *longest > IN_TIME) {
                late.push(format!("{right}, {way}"));
            }
        }
    }
    ensure!(late.is_empty(), "told later than {} s: {}", IN_TIME.as_secs(), late.join("; "));
    // The other company has nothing to do with any of it.
    for (person, ear) in stage.ears.iter_mut().enumerate().filter(|(person, _)| world.people[*person].company == 1) {
        let heard = ear.as_mut().and_then(|ear| ear.heard.try_recv().ok());
        ensure!(heard.is_none(), "person {person} of another company heard {heard:?}");
    }
    Ok(())
}
