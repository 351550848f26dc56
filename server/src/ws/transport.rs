//! The wire under a socket, as a trait: the state machine above it runs in tests without a network.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{SinkExt, StreamExt as _};
use postil::wire::CloseCode;

/// The connection is gone; there is nobody to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame: nothing of ours.
    Binary,
    /// A ping or pong: somebody is there.
    Alive,
    /// A frame beyond every bound. Its bytes were not kept.
    TooLarge,
    /// The end.
    Gone,
}

/// A connection that carries frames.
pub(super) trait Transport: Send {
    /// The next frame. Safe to abandon.
    fn recv(&mut self) -> impl Future<Output = Incoming> + Send;
    /// Writes a frame, perhaps only into the buffer.
    fn feed(&mut self, text: Utf8Bytes) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Writes a ping.
    fn ping(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Sends what was written.
    fn flush(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Says goodbye.
    fn close(&mut self, code: CloseCode) -> impl Future<Output = ()> + Send;
}

impl Transport for WebSocket {
    async fn recv(&mut self) -> Incoming {
        match self.next().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Alive,
            // axum hides the error's type; its text is tungstenite's for a message or frame beyond the configured size.
            Some(Err(error)) if error.to_string().contains("too long") => Incoming::TooLarge,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Gone,
        }
    }

    async fn feed(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        SinkExt::feed(self, Message::Text(text)).await.map_err(|_| Gone)
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        self.send(Message::Ping(bytes::Bytes::new())).await.map_err(|_| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        SinkExt::flush(self).await.map_err(|_| Gone)
    }

    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame { code: code.code(), reason: Utf8Bytes::from_static("") };
        if self.send(Message::Close(Some(frame))).await.is_ok() {
            // Until the peer has answered, the close frame may not have left; whoever never answers is cut by the caller.
            while matches!(self.next().await, Some(Ok(_))) {}
        }
    }
}
