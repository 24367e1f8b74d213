//! Graceful shutdown: the process handles SIGTERM at every moment, and stops within a time limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::workqueue::WorkQueue;
use crate::objects::Stores;

/// The time for running reconciles to end after a stop. The release of the Lease, the last traces and the HTTP server
/// take 11 seconds more. The sum is below `terminationGracePeriodSeconds` of the chart: a killed process releases no
/// Lease.
pub const GRACE_PERIOD: Duration = Duration::from_secs(20);

/// A token cancelled by SIGTERM and SIGINT.
///
/// Process 1 of a container ignores SIGTERM until a handler is installed
/// (<https://man7.org/linux/man-pages/man7/pid_namespaces.7.html>), so the program calls this function first.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping: waiting up to {GRACE_PERIOD:?} for reconciles in flight");
        cancelled.cancel();
    });
    Ok(token)
}

/// Waits for a stop and for the end of [`GRACE_PERIOD`]. No reconcile begins after the stop.
///
/// The workers start after the first list of both kinds, so an operator without synced stores stops at once. The list
/// fails while RBAC denies the list or the CRDs are missing.
pub async fn overdue(stop: &CancellationToken, workqueue: &Arc<WorkQueue>, stores: &Stores) {
    stop.cancelled().await;
    workqueue.close();
    if stores.are_synced() {
        sleep(GRACE_PERIOD).await;
        warn!("cancelled the reconciles in flight after {GRACE_PERIOD:?}; the next leader repeats them");
    }
}
