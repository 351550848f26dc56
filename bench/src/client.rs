//! One person's socket: hello, then counting, with cuts and resumes.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use postil::{
    ids::{CompanyId, ConversationId},
    wire::ClientFrame,
};
use serde::Deserialize;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc, watch},
    time::{self, Duration},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue, protocol::WebSocketConfig},
};

use crate::tally::{Seen, Sends};

/// An open socket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// As much of a frame as counting needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    r#type: &'a str,
    cursor: Option<String>,
    #[serde(default)]
    resumed: bool,
    #[serde(borrow)]
    message: Option<Told<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    conversation_id: ConversationId,
    seq: i64,
    body: &'a str,
}

/// What a socket needs to know.
#[derive(Clone)]
pub struct Plan {
    /// `ws://…/api/v1/realtime`.
    pub address: String,
    /// What browsers would say.
    pub origin: String,
    /// Of the person's session.
    pub token: String,
    /// The session's company.
    pub company: CompanyId,
    /// The person's room.
    pub room: ConversationId,
    /// The sends of this run.
    pub sends: Arc<Sends>,
    /// Connects at once: a crowd at the door is another test.
    pub door: Arc<Semaphore>,
}

/// What the run tells a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Listen.
    Go,
    /// That was all: end when everything up to the room's last position is here, or never comes.
    End,
}

/// Opens a socket and says hello; the cursor of its welcome, and whether the stream goes on from `cursor`.
pub async fn open(plan: &Plan, cursor: Option<&str>) -> Result<(Socket, String, bool)> {
    let _turn = plan.door.acquire().await?;
    let mut request = plan.address.as_str().into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("Origin", HeaderValue::from_str(&plan.origin)?);
    let name = if plan.origin.starts_with("https") { "__Host-postil" } else { "postil" };
    headers.insert("Cookie", HeaderValue::from_str(&format!("{name}={}", plan.token))?);
    headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("postil.v1"));
    let config = WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(0);
    let (mut socket, _) = connect_async_with_config(request, Some(config), true).await.context("no socket")?;
    let hello = ClientFrame::Hello { company_id: plan.company, cursor: cursor.map(str::to_owned), active: true };
    socket.send(Message::text(serde_json::to_string(&hello)?)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let frame: Frame<'_> = serde_json::from_str(&text)?;
        if frame.r#type != "welcome" {
            bail!("{text} instead of a welcome");
        }
        return Ok((socket, frame.cursor.unwrap_or_default(), frame.resumed));
    }
    bail!("the socket closed before its welcome")
}

/// Listens until the run ends. `ready` hears of the first welcome.
pub async fn listen(
    plan: Plan,
    ready: mpsc::Sender<()>,
    mut cut: mpsc::Receiver<()>,
    mut orders: watch::Receiver<Order>,
) -> Result<Seen> {
    let (mut socket, mut cursor, _) = open(&plan, None).await?;
    ready.send(()).await?;
    let mut seen = Seen::default();
    let mut patience: Option<time::Instant> = None;
    loop {
        if patience.is_some() && seen.last >= plan.sends.last(plan.room) {
            break;
        }
        let give_up = patience.unwrap_or_else(|| time::Instant::now() + Duration::from_hours(1));
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => take(&plan, &mut seen, &mut cursor, &text)?,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => (socket, cursor) = again(&plan, &mut seen, &cursor).await?,
            },
            Some(()) = cut.recv() => {
                // Without a goodbye, as trains go into tunnels.
                drop(socket);
                (socket, cursor) = again(&plan, &mut seen, &cursor).await?;
            }
            changed = orders.changed() => {
                if changed.is_err() || *orders.borrow() == Order::End {
                    patience.get_or_insert_with(|| time::Instant::now() + Duration::from_secs(10));
                }
            }
            () = time::sleep_until(give_up) => break,
        }
    }
    let missing = plan.sends.last(plan.room) - seen.last;
    seen.skipped += u64::try_from(missing).unwrap_or(0);
    let _ = socket.close(None).await;
    Ok(seen)
}

async fn again(plan: &Plan, seen: &mut Seen, cursor: &str) -> Result<(Socket, String)> {
    let (socket, at, resumed) = open(plan, Some(cursor)).await?;
    if resumed {
        seen.resumed += 1;
        Ok((socket, cursor.to_owned()))
    } else {
        seen.afresh += 1;
        Ok((socket, at))
    }
}

fn take(plan: &Plan, seen: &mut Seen, cursor: &mut String, text: &str) -> Result<()> {
    let frame: Frame<'_> = serde_json::from_str(text).with_context(|| text.to_owned())?;
    if let Some(at) = frame.cursor {
        *cursor = at;
    }
    match frame.r#type {
        "message.created" => {
            let message = frame.message.context("a message.created without its message")?;
            let send = message.body.split(' ').nth(1).and_then(|number| number.parse().ok());
            if let Some(latency) = send.and_then(|send| plan.sends.since(send)) {
                seen.latencies.push(latency);
            }
            seen.take(plan.room, message.conversation_id, message.seq);
        }
        "resync" => seen.resyncs += 1,
        "error" => bail!("refused: {text}"),
        _ => {}
    }
    Ok(())
}
