//! Accepting connections.
//!
//! By hand rather than with `axum::serve`, which waits for slow request heads for ever and sets no bound: here a head
//! must arrive within [`HEAD`], and of more than [`CONNECTIONS_MAX`] connections the newest wait.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tower::ServiceBuilder;

use crate::{http, lifecycle::Lifecycle, state::App};

/// Longest wait for the head of a request, and between two requests of a connection.
const HEAD: Duration = Duration::from_secs(75);
/// Largest head of a request, in bytes: a query of [`postil::limits::QUERY_BYTES_MAX`], and cookies.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Connections at once; beyond that the kernel's queue holds them. 10 000 people, their pages, and room for a reconnect
/// of all of them.
const CONNECTIONS_MAX: usize = 24_000;
/// Wait after `accept` failed, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` at `listener` until the lifecycle stops. Requests under way are counted as its work.
pub async fn serve(listener: TcpListener, app: App) {
    let lifecycle = app.lifecycle().clone();
    let router = http::router(app);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = lifecycle.stopping().cancelled() => return,
        };
        if let Some((stream, peer, permit)) = accepted {
            connection(stream, peer, permit, &router, &lifecycle);
        }
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Serves one connection as work of the lifecycle: when it stops, the request under way is the last.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    router: &Router,
    lifecycle: &Lifecycle,
) {
    // Frames and answers are small and complete: waiting to fill a packet only makes them late.
    let _ = stream.set_nodelay(true);
    let service = ServiceBuilder::new().layer(Extension(ConnectInfo(peer))).service(router.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let stopping = lifecycle.stopping().clone();
    lifecycle.work().spawn(async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // Errors are clients that went away.
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(permit);
    });
}
