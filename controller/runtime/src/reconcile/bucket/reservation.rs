//! Reservations in a batch: reconciles that will send a request to the worker of a bucket soon. The worker waits for
//! their requests and writes the document once for all of them.

use std::sync::Arc;

use lambda_triggers_core::pacing::queue::Priority;
use parking_lot::Mutex;

use crate::aws::CallContext;

/// The reservations of one bucket.
#[derive(Default)]
pub struct Reservations(Mutex<Vec<Arc<CallContext>>>);

impl Reservations {
    /// True if a batch of this priority waits for a reservation. A batch of high priority does not wait for a resync.
    pub fn any(&self, priority: Priority) -> bool {
        self.0
            .lock()
            .iter()
            .any(|call_context| priority == Priority::Low || call_context.priority() == Priority::High)
    }

    /// True if the rate limiter delays a reconcile of high priority.
    pub fn any_rate_limited(&self) -> bool {
        self.0
            .lock()
            .iter()
            .any(|call_context| call_context.priority() == Priority::High && call_context.is_rate_limited())
    }

    /// Reserves a place in the next batch for the current reconcile.
    pub fn reserve(self: Arc<Self>) -> Reservation {
        let call_context = CallContext::current();
        self.0.lock().push(call_context.clone());
        Reservation { reservations: self, call_context }
    }
}

/// A reservation of one reconcile, until the reservation is dropped.
pub struct Reservation {
    reservations: Arc<Reservations>,
    call_context: Arc<CallContext>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut all = self.reservations.0.lock();
        if let Some(at) = all.iter().position(|call_context| Arc::ptr_eq(call_context, &self.call_context)) {
            all.swap_remove(at);
        }
    }
}
