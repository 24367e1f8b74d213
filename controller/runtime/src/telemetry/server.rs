//! The HTTP server of `/metrics`, `/healthz` and `/readyz`.

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Telemetry;
use super::metrics::CONTENT_TYPE;

/// Answers that are under way at the end have this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: give a free address of this machine as --http-address, such as 0.0.0.0:8081"
)]
pub struct CannotListen {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// A server that runs until it is stopped.
#[derive(Debug)]
pub struct Server {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens from here on; a port of 0 is any free one, and the log says which.
    pub async fn start(address: SocketAddr, telemetry: Telemetry) -> Result<Self, CannotListen> {
        let failed = |source| CannotListen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
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

    /// Brings the answers that are under way to their end.
    pub async fn stop(self) {
        self.stop.cancel();
        // One that takes longer is cut off with the process.
        let _ = tokio::time::timeout(LAST_ANSWERS, self.task).await;
    }
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
