//! Two leaders with one owner id, for example two Helm releases in different namespaces. The leaders revert each other's
//! changes, and foreign entries stay.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::chaos::{Chaos, other_writers};
use super::{parallel, print_figures};
use crate::sim::oracles::{self, Oracle, Watchdog};
use crate::sim::run::{Operator, simulate};
use crate::sim::workflows::{self, Step};

/// The number of seeds in `make test`.
const SEEDS: u64 = 1_000;

/// Runs a seed, and returns the number of writes to buckets.
///
/// # Errors
/// The lost foreign entries.
fn run(seed: u64) -> Result<usize, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let all = workflows::all();
    let workflow = &all[random.random_range(0..all.len())];
    let rate = if random.random_bool(0.5) { random.random_range(1.0..8.0) } else { 0.0 };
    let until = Duration::from_secs(random.random_range(60..1500));
    let has_other_writer = random.random_bool(0.5);
    let plan = Chaos::new(random.random(), rate, until);
    let writes = plan.writes();
    simulate(seed, plan, async |sim| {
        workflows::prepare(&sim);
        let watchdog = Watchdog::watch(&sim, workflow.adopts);
        let leaders = [sim.start(), sim.start()];
        if has_other_writer {
            tokio::spawn(other_writers(sim.clone(), seed, &["photos", "archive"], writes, until));
        }
        for step in &workflow.steps {
            workflows::perform(&sim, step).await;
            if matches!(step, Step::Outside(_)) {
                watchdog.expect_foreign();
            }
            sleep(Duration::from_millis(random.random_range(0..60_000))).await;
        }
        sleep(until.saturating_sub(sim.injector.elapsed())).await;
        leaders.into_iter().for_each(Operator::kill);
        let writes = sim.aws.document_writes();
        oracles::windows(&writes)?;
        let lost = watchdog.findings().into_iter().find(|finding| finding.oracle == Oracle::Foreign);
        // Another writer reverts earlier foreign changes, and [`oracles::windows`] judges each write.
        match lost.filter(|_| !has_other_writer) {
            Some(finding) => Err(finding.to_string()),
            None => Ok(writes.len()),
        }
    })
    .map_err(|why| format!("seed {seed}, {}: {why}", workflow.name))
}

#[test]
fn foreign_entries_stay_with_two_leaders() {
    let results = parallel::each(SEEDS as usize, |seed| run(seed as u64));
    let (done, failures): (Vec<_>, Vec<_>) =
        results.into_iter().map(|result| result.unwrap_or_else(Err)).partition(Result::is_ok);
    let writes: usize = done.into_iter().flatten().sum();
    print_figures(&format!("two leaders: {SEEDS} seeds, {writes} writes to buckets"));
    let failures: Vec<String> = failures.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} of {SEEDS} fail:\n{}", failures.len(), failures.join("\n"));
}
