//! An HTTP proxy as in company networks: the only way out, and the only resolver of names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Maximum size of a request's head, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// A request to the proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proxied {
    /// `CONNECT` for a tunnel, else the method of the forwarded request.
    pub method: String,
    /// Host and port.
    pub destination: String,
    /// The header `Proxy-Authorization`.
    pub authorization: Option<String>,
}

type Seen = Arc<Mutex<BTreeSet<Proxied>>>;

/// A running proxy. Drop closes the port and all connections.
pub struct ForwardProxy {
    address: SocketAddr,
    seen: Seen,
    server: JoinHandle<()>,
}

impl ForwardProxy {
    /// Starts a proxy. Destinations (host and port) outside of `routes` get a 502.
    pub async fn start(routes: impl IntoIterator<Item = (&str, SocketAddr)>) -> Self {
        let routes: BTreeMap<String, SocketAddr> =
            routes.into_iter().map(|(destination, address)| (destination.to_owned(), address)).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound port has an address");
        let seen = Seen::default();
        let server = tokio::spawn(accept(listener, Arc::new(routes), seen.clone()));
        Self { address, seen, server }
    }

    /// Host and port of the proxy.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// All requests so far, without duplicates.
    pub fn seen(&self) -> BTreeSet<Proxied> {
        self.seen.lock().clone()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, routes: Arc<BTreeMap<String, SocketAddr>>, seen: Seen) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(pass_on(stream, routes.clone(), seen.clone()));
    }
}

async fn pass_on(
    mut client: TcpStream,
    routes: Arc<BTreeMap<String, SocketAddr>>,
    seen: Seen,
) -> io::Result<()> {
    let head = read_head(&mut client).await?;
    let Some(request) = Proxied::read(&head) else { return Ok(()) };
    let route = routes.get(&request.destination).copied();
    let tunnel = request.method == "CONNECT";
    seen.lock().insert(request);
    let Some(address) = route else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    };
    let mut onward = TcpStream::connect(address).await?;
    if tunnel {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // A server also accepts a request with the whole URL (RFC 9112, section 3.2.2).
        onward.write_all(&head).await?;
    }
    copy_bidirectional(&mut client, &mut onward).await.map(drop)
}

/// Reads a head to its end and no byte further.
async fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(client.read_u8().await?);
    }
    Ok(head)
}

impl Proxied {
    fn read(head: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let destination = match target.split_once("://") {
            Some((_, rest)) => rest.split('/').next()?,
            None => target,
        };
        let authorization = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
        });
        Some(Self { method: method.into(), destination: destination.into(), authorization })
    }
}
