//! One socket's life: hello, welcome, replay, then three inputs (frames of the client, frames for it, one timer) until
//! something ends it. Logic is in `state`, verdicts in the hub; here is only the order of things.

use axum::extract::ws::Utf8Bytes;
use postil::{
    ids::{ConnectionId, CorrelationId},
    limits,
    wire::{CloseCode, Code, Problem, ServerFrame},
};
use tokio::{
    sync::oneshot,
    time::{self, Duration, Instant},
};

use super::{
    company::{Ending, presence_frame, written},
    hub::{Hub, Refused, Seat},
    ledger::Guest,
    place::Place,
    replay::Replay,
    state::{Act, Identified, Refusal, Unidentified},
    transport::{Gone, Incoming, Transport},
};

const HELLO: Duration = Duration::from_secs(limits::SOCKET_HELLO_TIMEOUT_S);
const PING: Duration = Duration::from_secs(limits::SOCKET_PING_S);
const SILENCE: Duration = Duration::from_secs(limits::SOCKET_SILENCE_S);
const SEND: Duration = Duration::from_secs(limits::SOCKET_SEND_S);
/// Time for the peer to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(2);
/// Frames written before the buffer is flushed.
const WRITES: usize = 32;

/// How a socket's life ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Nobody is there any more.
    Gone,
    /// With these words.
    Said(Ending),
    /// The client did something wrong.
    Refused(Refusal),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        Self::Said(code.into())
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Serves `guest` on `transport` until either side ends it. As what it was refused, if it was: for the trail of refusals.
pub(super) async fn serve<T: Transport>(
    hub: Hub,
    mut transport: T,
    guest: Guest,
    connection: ConnectionId,
    correlation: CorrelationId,
) -> Option<Code> {
    let (company, user) = (guest.company, guest.member.subject.user);
    let begin = Instant::now();
    // Boxed: what the beginning needs is given back before the long idle life.
    let end = match Box::pin(greet(&hub, &mut transport, guest, connection)).await {
        Ok((mut seat, state)) => live(&hub, &mut transport, &mut seat, state).await,
        Err(end) => end,
    };
    let code = match &end {
        End::Gone => None,
        End::Said(ending) => Some(ending.code),
        End::Refused(refusal) => Some(refusal.close),
    };
    let life_s = begin.elapsed().as_secs();
    tracing::debug!(%company, %user, %connection, correlation = %correlation, ?code, life_s, "socket {connection} ended");
    let refused = match &end {
        End::Refused(refusal) => Some(refusal.code),
        End::Said(ending) if ending.code == CloseCode::TooMany => Some(Code::RateLimited),
        End::Gone | End::Said(_) => None,
    };
    // Whoever does not take the farewell in time is cut.
    drop(time::timeout(GOODBYE, Box::pin(farewell(transport, end, correlation))).await);
    refused
}

async fn farewell<T: Transport>(mut transport: T, end: End, correlation: CorrelationId) -> Result<(), Gone> {
    let (last, code) = match end {
        End::Gone => return Ok(()),
        End::Said(Ending { code, resync }) => (resync.map(|cursor| ServerFrame::Resync { cursor }), code),
        End::Refused(refusal) => {
            let mut problem = Problem::new(refusal.code, correlation);
            problem.detail = refusal.detail;
            (Some(ServerFrame::Error { problem }), refusal.close)
        }
    };
    if let Some(frame) = last {
        transport.feed(written(&frame)).await?;
    }
    transport.close(code).await;
    Ok(())
}

async fn sent<T>(sending: impl Future<Output = Result<T, Gone>>) -> Result<T, End> {
    match time::timeout(SEND, sending).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(CloseCode::TooSlow.into()),
    }
}

/// The first frame.
async fn first<T: Transport>(transport: &mut T) -> Result<Utf8Bytes, End> {
    loop {
        match transport.recv().await {
            Incoming::Text(text) => return Ok(text),
            Incoming::Alive => {}
            Incoming::Gone => return Err(End::Gone),
            Incoming::TooLarge => return Err(Refusal::TOO_LARGE.into()),
            Incoming::Binary => return Ok(Utf8Bytes::from_static("")),
        }
    }
}

async fn greet<T: Transport>(
    hub: &Hub,
    transport: &mut T,
    guest: Guest,
    connection: ConnectionId,
) -> Result<(Seat, Identified), End> {
    let company = guest.company;
    let stopping = hub.lifecycle().stopping();
    let text = tokio::select! {
        text = time::timeout(HELLO, first(transport)) => match text {
            Ok(text) => text?,
            Err(_) => Utf8Bytes::from_static(""),
        },
        () = stopping.cancelled() => return Err(CloseCode::GoingAway.into()),
    };
    let (hello, state) = Unidentified { company }.hello(&text)?;
    let cursor = hello.cursor.as_deref().and_then(|cursor| hub.place(company, cursor));
    let mut seat = hub.join(guest, connection, hello.active, cursor).await.map_err(|refused| match refused {
        Refused::TooMany => CloseCode::TooMany,
        Refused::Away => CloseCode::GoingAway,
        Refused::Revoked => CloseCode::AccessRevoked,
        Refused::SignedOut => CloseCode::SignedOut,
        Refused::Switched => CloseCode::CompanySwitched,
    })?;
    let remembered = seat.admitted.replay.take();
    let replay = match cursor {
        Some(cursor) if remembered.is_none() => Replay::begin(hub, &seat, cursor.seq).await,
        _ => Ok(None),
    };
    // Unreadable now: the client comes back with the same cursor.
    let mut replay = replay.map_err(|_| CloseCode::GoingAway)?;
    let welcome = ServerFrame::Welcome {
        connection_id: connection,
        cursor: hub.cursor(company, Place { seq: seat.admitted.at, as_of: seat.admitted.as_of }),
        resumed: remembered.is_some() || replay.is_some(),
        server_time: hub.clock().now(),
    };
    sent(transport.feed(written(&welcome))).await?;
    for frame in remembered.unwrap_or_default() {
        over(&mut seat)?;
        sent(transport.feed(frame)).await?;
    }
    while let Some(replay) = &mut replay {
        let Some(frames) = replay.next(hub, &seat).await.map_err(|_| CloseCode::GoingAway)? else { break };
        for frame in frames {
            over(&mut seat)?;
            sent(transport.feed(frame)).await?;
        }
    }
    sent(transport.flush()).await?;
    Ok((seat, state))
}

/// Whether the hub has ended the socket: then nothing that still waits in its queue may leave.
fn over(seat: &mut Seat) -> Result<(), End> {
    match seat.ended.try_recv() {
        Ok(ending) => Err(End::Said(ending)),
        Err(oneshot::error::TryRecvError::Empty) => Ok(()),
        Err(oneshot::error::TryRecvError::Closed) => Err(CloseCode::GoingAway.into()),
    }
}

async fn live<T: Transport>(hub: &Hub, transport: &mut T, seat: &mut Seat, mut state: Identified) -> End {
    match alive(hub, transport, seat, &mut state).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

async fn alive<T: Transport>(
    hub: &Hub,
    transport: &mut T,
    seat: &mut Seat,
    state: &mut Identified,
) -> Result<core::convert::Infallible, End> {
    let stopping = hub.lifecycle().stopping();
    let mut heard = Instant::now();
    let mut ping_at = heard + PING;
    let timer = time::sleep_until(ping_at);
    tokio::pin!(timer);
    loop {
        tokio::select! {
            ending = &mut seat.ended => {
                // Without words: the company's task has stopped, which only happens when the process does.
                return Err(ending.map_or_else(|_| CloseCode::GoingAway.into(), End::Said));
            }
            frame = seat.queue.recv() => match frame {
                Some(frame) => write(transport, seat, frame).await?,
                None => over(seat)?,
            },
            incoming = transport.recv() => {
                heard = Instant::now();
                match incoming {
                    Incoming::Text(text) => act(hub, transport, seat, state.frame(&text, heard)?).await?,
                    Incoming::Alive => {}
                    Incoming::Gone => return Err(End::Gone),
                    Incoming::TooLarge => return Err(Refusal::TOO_LARGE.into()),
                    Incoming::Binary => {
                        return Err(Refusal::new(Code::MalformedFrame, CloseCode::Protocol).into());
                    }
                }
            }
            () = &mut timer => {
                let now = Instant::now();
                if now >= heard + SILENCE {
                    return Err(CloseCode::TooSlow.into());
                }
                if now >= ping_at {
                    sent(transport.ping()).await?;
                    ping_at = now + PING;
                }
                timer.as_mut().reset(ping_at.min(heard + SILENCE));
            }
            () = stopping.cancelled() => return Err(CloseCode::GoingAway.into()),
        }
    }
}

/// Writes what is queued, in one go where there is more.
async fn write<T: Transport>(transport: &mut T, seat: &mut Seat, frame: Utf8Bytes) -> Result<(), End> {
    over(seat)?;
    sent(transport.feed(frame)).await?;
    for _ in 1..WRITES {
        let Ok(frame) = seat.queue.try_recv() else { break };
        over(seat)?;
        sent(transport.feed(frame)).await?;
    }
    sent(transport.flush()).await
}

/// A browser is told nothing of the pings that keep its socket alive: this it can hear.
async fn pong<T: Transport>(transport: &mut T) -> Result<(), End> {
    sent(transport.feed(written(&ServerFrame::Pong))).await?;
    sent(transport.flush()).await
}

async fn act<T: Transport>(hub: &Hub, transport: &mut T, seat: &Seat, act: Act) -> Result<(), End> {
    match act {
        Act::Activity(active) => {
            seat.active(active);
            pong(transport).await?;
        }
        Act::Ping => pong(transport).await?,
        Act::Typing(conversation) => seat.typing(conversation),
        Act::Watch(users) => {
            let changes = Box::pin(seat.watch(&users)).await;
            if !users.is_empty() {
                let frame = presence_frame(&users, &changes, hub.clock().now());
                sent(transport.feed(written(&frame))).await?;
                sent(transport.flush()).await?;
            }
        }
        Act::Nothing => {}
    }
    Ok(())
}
