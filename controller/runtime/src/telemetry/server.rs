//! The HTTP server of `/metrics`, `/healthz` and `/readyz`.

use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Telemetry;
use super::metrics::CONTENT_TYPE;

/// The time for answers in flight after a stop.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The maximum number of connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// The error of a failed start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: give a free address of this machine as --http-address, such as [::]:8081"
)]
pub struct CannotListen {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `address`. Port 0 means any free port, and the log shows the port.
    pub async fn start(address: SocketAddr, telemetry: Telemetry) -> Result<Self, CannotListen> {
        let failed = |source| CannotListen { address, source };
        let listener = listen(address, bind).map_err(failed)?;
        info!(address = %listener.local_addr().map_err(failed)?, "serving /metrics, /healthz and /readyz");
        let stop = CancellationToken::new();
        let serving =
            axum::serve(listener, router(telemetry)).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async {
            if let Err(error) = serving.into_future().await {
                warn!(%error, "no longer serving /metrics, /healthz and /readyz");
            }
        });
        Ok(Self { stop, task })
    }

    /// Finishes the answers in flight, and stops.
    pub async fn stop(self) {
        self.stop.cancel();
        // The end of the process cuts off slower answers.
        let _ = tokio::time::timeout(LAST_ANSWERS, self.task).await;
    }
}

/// Binds an address. `[::]` means all addresses of IPv4 and IPv6, or all addresses of IPv4 on a machine without IPv6.
fn listen<T>(address: SocketAddr, bind: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match bind(address) {
        Err(error)
            if address.ip() == Ipv6Addr::UNSPECIFIED
                && !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) =>
        {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

/// Creates a listener. The system's default for IPv6 (`net.ipv6.bindv6only`) has no effect.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn router(telemetry: Telemetry) -> Router {
    let Telemetry { metrics, health } = telemetry;
    let ready = health.clone();
    Router::new()
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text())))
        .route("/healthz", get(async move || answer(health.live())))
        .route("/readyz", get(async move || answer(ready.ready())))
}

fn answer(state: Result<(), String>) -> impl IntoResponse {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound address if IPv6 fails with this error.
    fn bound(address: &str, ipv6: io::ErrorKind) -> Result<String, io::ErrorKind> {
        let bind = |address: SocketAddr| match address {
            SocketAddr::V6(_) => Err(ipv6.into()),
            SocketAddr::V4(_) => Ok(address.to_string()),
        };
        listen(address.parse().unwrap(), bind).map_err(|error| error.kind())
    }

    #[test]
    fn the_server_listens_on_ipv4_without_ipv6() {
        for absent in [io::ErrorKind::Unsupported, io::ErrorKind::AddrNotAvailable, io::ErrorKind::Other] {
            assert_eq!(bound("[::]:8080", absent), Ok("0.0.0.0:8080".into()));
        }
        assert_eq!(bound("[::]:8080", io::ErrorKind::AddrInUse), Err(io::ErrorKind::AddrInUse));
        assert_eq!(bound("[::]:80", io::ErrorKind::PermissionDenied), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(bound("[::1]:8080", io::ErrorKind::Unsupported), Err(io::ErrorKind::Unsupported));
        assert_eq!(bound("127.0.0.1:8080", io::ErrorKind::Other), Ok("127.0.0.1:8080".into()));
    }
}
