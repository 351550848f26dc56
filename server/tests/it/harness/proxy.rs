//! A TCP proxy that a test puts before PostgreSQL or Redis: it counts what the client asks, and can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use tokio_util::task::TaskTracker;

/// `SSLRequest`, which a PostgreSQL client may send before its start-up message.
const SSL_REQUEST: u32 = 80_877_103;

/// See the module.
pub struct Proxy {
    address: SocketAddr,
    open: watch::Sender<bool>,
    trips: Arc<AtomicU64>,
}

impl Proxy {
    /// Between clients and `target`, a `host:port`.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, is_open) = watch::channel(true);
        let trips = Arc::new(AtomicU64::new(0));
        let (target, counter) = (target.to_owned(), Arc::clone(&trips));
        let tasks = TaskTracker::new();
        let forwards = tasks.clone();
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Cut: whoever connects is shown out at once.
                if *is_open.borrow() {
                    forwards.spawn(forward(client, target.clone(), is_open.clone(), Arc::clone(&counter)));
                }
            }
        });
        Self { address, open, trips }
    }

    /// `url` with this proxy in place of its host and port.
    pub fn before(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (credentials, place) = rest.split_once('@').expect("credentials in the URL");
        let path = place.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        format!("{scheme}://{credentials}@{}{path}", self.address)
    }

    /// `host:port` of `url`.
    pub fn target(url: &str) -> String {
        let (_, place) = url.split_once('@').expect("credentials in the URL");
        place.split('/').next().unwrap_or_default().to_owned()
    }

    /// Ends all connections and takes no new ones.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }

    /// Round trips that PostgreSQL clients have asked for so far: simple queries, and syncs that end a batch.
    pub fn trips(&self) -> u64 {
        self.trips.load(Ordering::Acquire)
    }
}

async fn forward(client: TcpStream, target: String, mut is_open: watch::Receiver<bool>, trips: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, Some(Count { trips, buffer: Vec::new(), started: false, asked: false })) => {}
        () = pump(from_server, to_client, None) => {}
        _ = is_open.wait_for(|open| !open) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut count: Option<Count>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        if let Some(count) = &mut count {
            count.see(&bytes[..n]);
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}

/// Follows the messages of a PostgreSQL client.
struct Count {
    trips: Arc<AtomicU64>,
    buffer: Vec<u8>,
    /// Whether the start-up message is through.
    started: bool,
    /// Whether something was asked since the last answer was.
    asked: bool,
}

impl Count {
    fn see(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        loop {
            // The first messages have no kind: length and code.
            let head = usize::from(self.started);
            let Some(length) = self.buffer.get(head..head + 4) else { return };
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            let end = head + length;
            if self.buffer.len() < end || length < 4 {
                return;
            }
            if self.started {
                match self.buffer[0] {
                    // A sync with nothing before it is sqlx looking at a connection that was given back: nobody waits for it.
                    b'S' if !self.asked => {}
                    b'S' | b'Q' => {
                        self.trips.fetch_add(1, Ordering::AcqRel);
                        self.asked = false;
                    }
                    _ => self.asked = true,
                }
            } else {
                let code = u32::from_be_bytes(self.buffer[4..8].try_into().unwrap());
                self.started = code != SSL_REQUEST;
            }
            self.buffer.drain(..end);
        }
    }
}
