//! What must end while sockets are open: rights that someone takes away by hand in SQL, and a session that signs out. Each
//! must reach the socket in time, and nothing may reach it afterwards.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use postil::wire::CloseCode;
use reqwest::header;
use sqlx::{Connection as _, PgConnection};
use tokio::{
    sync::Semaphore,
    time::{self, Duration, Instant},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    Places,
    client::{self, Socket},
    run, say, send,
    tally::Sends,
    world::{Person, World},
};

/// Longest time from the change to the socket.
const IN_TIME: Duration = Duration::from_secs(2);

/// Waits for a frame that has `word`, or for a close with `word` as its code.
async fn hears(socket: &mut Socket, word: &str) -> Result<Duration> {
    let begin = Instant::now();
    let search = async {
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Text(text)) if text.contains(word) => return Ok(()),
                Ok(Message::Close(Some(frame))) => {
                    ensure!(u16::from(frame.code).to_string() == word, "closed with {} instead of {word}", frame.code);
                    return Ok(());
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        anyhow::bail!("the socket ended without {word}")
    };
    time::timeout(IN_TIME, search).await.with_context(|| format!("{word} did not come in time"))??;
    Ok(begin.elapsed())
}

/// Takes rights away and looks.
pub async fn check(places: &Places, world: &World) -> Result<()> {
    let (sends, door) = (Arc::new(Sends::default()), Arc::new(Semaphore::new(1)));
    let url = places.url.trim_end_matches('/');
    let room = &world.rooms[0];
    let [stays, removed, ended, signed_out] = [0, 1, 2, 3].map(|place| &world.people[room.people[place]]);
    let open = async |person: &Person| client::open(&run::plan(url, world, person, &sends, &door), None).await;
    let company = world.companies[room.company];
    let mut owner = PgConnection::connect(&places.database_url).await?;
    sqlx::query("SELECT set_config('app.company_id', $1::text, false)")
        .bind(company.uuid())
        .execute(&mut owner)
        .await?;

    let (mut socket, _, _) = open(removed).await?;
    sqlx::query(
        "UPDATE participants SET deleted_at = now() WHERE company_id = $1 AND conversation_id = $2 AND user_id = $3",
    )
    .bind(company.uuid())
    .bind(room.conversation.uuid())
    .bind(removed.user.uuid())
    .execute(&mut owner)
    .await?;
    let took = hears(&mut socket, "access.revoked").await.context("a participant was taken out")?;
    say(format_args!("taken out of a room: told after {} ms", took.as_millis()))?;
    let http = reqwest::Client::new();
    send::message(&http, &places.sender(), &stays.token, room.conversation, u64::MAX, &sends).await?;
    let more = time::timeout(Duration::from_secs(1), hears(&mut socket, "message.created")).await;
    ensure!(!matches!(more, Ok(Ok(_))), "a message reached someone who had been taken out");

    let (mut socket, _, _) = open(ended).await?;
    sqlx::query("UPDATE memberships SET status = 'deactivated' WHERE company_id = $1 AND user_id = $2")
        .bind(company.uuid())
        .bind(ended.user.uuid())
        .execute(&mut owner)
        .await?;
    let code = CloseCode::AccessRevoked.code().to_string();
    let took = hears(&mut socket, &code).await.context("a membership ended")?;
    say(format_args!("membership ended: closed after {} ms", took.as_millis()))?;
    ensure!(open(ended).await.is_err(), "someone without a membership was let in");

    let (mut socket, _, _) = open(signed_out).await?;
    let request = http
        .delete(format!("{}/api/v1/session", places.sender()))
        .header(header::AUTHORIZATION, format!("Bearer {}", signed_out.token));
    ensure!(request.send().await?.status().is_success(), "signing out failed");
    let code = CloseCode::SignedOut.code().to_string();
    let took = hears(&mut socket, &code).await.context("a session signed out")?;
    say(format_args!("signed out: closed after {} ms", took.as_millis()))?;
    owner.close().await?;
    Ok(())
}
