//! Parallel runs on all cores, each in its own simulator.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, scope};

/// The results of `run` for each number below `count`, in order. A panic becomes an error with the panic's message.
pub fn each<R: Send>(count: usize, run: impl Fn(usize) -> R + Sync) -> Vec<Result<R, String>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = vec![];
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            let result = catch_unwind(AssertUnwindSafe(|| run(number)));
            done.push((number, result.map_err(|panic| message(panic.as_ref()))));
        }
    };
    let cores = available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<_> = scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
