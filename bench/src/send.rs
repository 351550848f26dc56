//! Sending over REST, as the widget does.

use anyhow::{Context as _, Result, ensure};
use postil::{ids::ConversationId, wire::Message};
use reqwest::{Client, header};
use serde_json::json;

use crate::tally::Sends;

/// Sends `body` number `send`; where it stands now.
pub async fn message(
    client: &Client,
    url: &str,
    token: &str,
    conversation: ConversationId,
    send: u64,
    sends: &Sends,
) -> Result<i64> {
    let body = json!({ "conversationId": conversation, "body": format!("load {send} and a few words more, as people write them") });
    let request = client
        .post(format!("{url}/api/v1/messages"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("Idempotency-Key", format!("{conversation}-{send}").replace("cnv_", ""))
        .json(&body);
    sends.begin(send);
    let answer = request.send().await.context("the server does not answer")?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "a send was refused: {text}");
    let message: Message = serde_json::from_str(&text)?;
    sends.accepted(conversation, message.seq);
    Ok(message.seq)
}
