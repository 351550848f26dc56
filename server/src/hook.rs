//! The access hook behind HTTP: one signed POST a question, one signed answer.
//!
//! Plain HTTP, as to PostgreSQL and Redis: the hook stands beside the server, or behind a tunnel of the operator's. Both
//! directions carry an HMAC under a shared key, an answer's bound to its question, so whoever stands in between can make the
//! hook fail, which takes everything, and can neither widen nor replay anything.

use axum::body::{Body, to_bytes};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use postil::{
    backend::hook::{AccessHook, HookError, HookKey},
    limits,
    wire::{HookAnswer, HookQuestion},
};
use tokio::net::TcpStream;

/// When a question was asked (its `at`), in milliseconds since 1970: part of what is signed.
pub const TIME: &str = "postil-time";
/// The signature of a question or an answer, in hexadecimal.
pub const SIGNATURE: &str = "postil-signature";

/// Where the hook is, and the key that both sides share.
#[derive(Clone, Debug)]
pub struct HttpHook {
    uri: Uri,
    /// `host:port`, to connect to and to name in `Host`.
    authority: String,
    key: HookKey,
}

fn failed(error: impl std::fmt::Display) -> HookError {
    HookError::Failed(error.to_string())
}

impl HttpHook {
    /// The hook at `url`, which is `http://host[:port]/path`; `None` for anything else.
    #[must_use]
    pub fn new(url: &str, key: HookKey) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() || url.contains('#') {
            return None;
        }
        let authority = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        Some(Self { uri, authority, key })
    }

    async fn ask(&self, question: &HookQuestion) -> Result<HookAnswer, HookError> {
        let body = serde_json::to_vec(question).map_err(failed)?;
        let now = question.at.millis().to_string();
        let signature = self.key.sign(&now, &body);
        let header = |text: &str| HeaderValue::from_str(text).map_err(failed);
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.path().parse().map_err(failed)?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, header(&self.authority)?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(TIME, header(&now)?);
        headers.insert(SIGNATURE, header(&signature)?);
        // A connection a question: each person's answer holds ten seconds and more.
        // Only who can't be reached is away; what goes wrong from here on may be about this person.
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| HookError::Away(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // The connection ends when the sender is gone and the body read.
        let exchange = async move {
            let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
            if head.status != StatusCode::OK {
                return Err(failed(format!("it answered {}", head.status)));
            }
            let told = head.headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            let bytes = to_bytes(Body::new(body), limits::HOOK_ANSWER_BYTES_MAX).await;
            Ok((told, bytes.map_err(|_| HookError::Unreadable("it is cut off or too large".to_owned()))?))
        };
        // What becomes of the connection, the exchange tells.
        let (exchanged, _) = tokio::join!(exchange, connection);
        let (told, bytes) = exchanged?;
        if !self.key.fits(&signature, &bytes, &told) {
            return Err(HookError::Unreadable("its signature does not fit".to_owned()));
        }
        serde_json::from_slice(&bytes).map_err(|error| HookError::Unreadable(error.to_string()))
    }
}

impl AccessHook for HttpHook {
    fn narrow(&self, question: HookQuestion) -> BoxFuture<'_, Result<HookAnswer, HookError>> {
        Box::pin(async move { self.ask(&question).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_named_by_a_plain_address() {
        let new = |url: &str| HttpHook::new(url, HookKey::new([7; 32]));
        assert_eq!(new("http://127.0.0.1:8181/narrow").unwrap().authority, "127.0.0.1:8181");
        assert_eq!(new("http://hook/narrow").unwrap().authority, "hook:80");
        assert_eq!(new("http://[::1]:8181").unwrap().authority, "[::1]:8181");
        for bad in
            ["https://hook/narrow", "hook", "/narrow", "http://u:p@hook/", "http://hook/?a", "http://hook/#a", ""]
        {
            assert!(new(bad).is_none(), "{bad}");
        }
    }
}
