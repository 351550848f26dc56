//! A client's socket. Every frame that it receives is read by the types of `postil::wire` and held against the published
//! AsyncAPI document, so a frame of another shape fails the test that sees it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use postil::wire::ServerFrame;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use uuid::Uuid;

use super::{
    contract,
    server::{Client, company_id},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything received so far, in order.
    pub frames: Vec<Value>,
    /// The last cursor received.
    pub cursor: Option<String>,
}

/// Why there is no socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSocket {
    /// The HTTP status.
    pub status: u16,
    /// The problem's code.
    pub code: String,
}

impl Client {
    /// Opens a socket with this session's cookie, as our own pages do; says nothing yet.
    pub async fn knocks(&self) -> Result<Socket, NoSocket> {
        let cookie = self.token.as_ref().map(|token| format!("postil={token}"));
        self.knocks_with(&[("origin", Some(self.origin.clone())), ("cookie", cookie)]).await
    }

    /// Opens a socket with headers of the test's choice.
    pub async fn knocks_with(&self, headers: &[(&'static str, Option<String>)]) -> Result<Socket, NoSocket> {
        let mut request =
            format!("{}/api/v1/realtime", self.base.replacen("http", "ws", 1)).into_client_request().unwrap();
        for (name, value) in headers {
            if let Some(value) = value {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Socket { stream, frames: Vec::new(), cursor: None }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                let body: Value =
                    response.body().as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
                Err(NoSocket {
                    status: response.status().as_u16(),
                    code: body["code"].as_str().unwrap_or("-").to_owned(),
                })
            }
            Err(error) => panic!("the socket failed: {error}"),
        }
    }

    /// Opens a socket and says hello.
    pub async fn listens(&self) -> Socket {
        self.resumes(None).await
    }

    /// Opens a socket and resumes after `cursor`.
    pub async fn resumes(&self, cursor: Option<&str>) -> Socket {
        let mut socket = self.knocks().await.unwrap();
        socket.greets(self.company.expect("a session is in a company"), cursor).await;
        let welcome = socket.until("welcome").await;
        assert_eq!(welcome["resumed"], cursor.is_some(), "{welcome}");
        socket
    }
}

impl Socket {
    /// Says hello.
    pub async fn greets(&mut self, company: Uuid, cursor: Option<&str>) {
        self.says(&json!({ "type": "hello", "companyId": company_id(company), "cursor": cursor, "active": true }))
            .await;
    }

    /// Sends a frame.
    pub async fn says(&mut self, frame: &Value) {
        self.says_text(&frame.to_string()).await;
    }

    /// Sends text.
    pub async fn says_text(&mut self, text: &str) {
        // The server may have ended the connection already: what it said is what counts.
        let _ = self.stream.send(Message::text(text)).await;
    }

    /// Sends bytes.
    pub async fn says_bytes(&mut self, bytes: Vec<u8>) {
        let _ = self.stream.send(Message::binary(bytes)).await;
    }

    /// The next frame, or the close code.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    let typed: ServerFrame = serde_json::from_value(frame.clone())
                        .unwrap_or_else(|error| panic!("{frame} is no frame: {error}"));
                    assert_eq!(
                        serde_json::to_value(typed).unwrap(),
                        frame,
                        "a frame with more in it than its type says"
                    );
                    contract::frame_holds(&frame);
                    if let Some(cursor) = frame["cursor"].as_str() {
                        self.cursor = Some(cursor.to_owned());
                    }
                    self.frames.push(frame.clone());
                    return Ok(frame);
                }
                Some(Ok(Message::Close(close))) => return Err(close.map_or(1005, |close| close.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// Reads on until a frame of this type.
    pub async fn until(&mut self, kind: &str) -> Value {
        self.until_such(kind, |_| true).await
    }

    /// Reads on until a frame of this type that is such.
    pub async fn until_such(&mut self, kind: &str, such: impl Fn(&Value) -> bool) -> Value {
        let reading = async {
            loop {
                match self.next().await {
                    Ok(frame) if frame["type"] == kind && such(&frame) => return frame,
                    Ok(_) => {}
                    Err(code) => panic!("closed with {code} while waiting for {kind}; so far {:#?}", self.frames),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(frame) => frame,
            Err(late) => panic!("no {kind} came ({late}); so far {:#?}", self.frames),
        }
    }

    /// Reads on until the server closes, and yields the close code.
    pub async fn closes(&mut self) -> u16 {
        let reading = async {
            loop {
                if let Err(code) = self.next().await {
                    return code;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .unwrap_or_else(|_| panic!("the socket stayed open; so far {:#?}", self.frames))
    }

    /// The bodies of messages received, in order.
    pub fn bodies(&self) -> Vec<String> {
        let created = self
            .frames
            .iter()
            .filter(|frame| frame["type"] == "message.created" || frame["type"] == "thread.reply.created");
        created.map(|frame| frame["message"]["body"].as_str().unwrap().to_owned()).collect()
    }
}
