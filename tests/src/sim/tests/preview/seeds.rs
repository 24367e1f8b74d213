//! Random changes of an object of each kind, each planned before the operator carries the change out. The plans know the
//! cluster: the manifest of a change that failed does not tell what the operator made before.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::{Scope, play};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::simulate;
use crate::sim::tests::sequences::{Subject, sequence};
use crate::sim::tests::{parallel, print_figures};
use crate::sim::workflows::{Step, Workflow};

/// The number of seeds in `make test`.
const SEEDS: usize = 100;

/// The pairs of objects that share no deployed function.
const PAIRS: [[Subject; 2]; 3] = [
    [Subject::Triggered, Subject::Scheduled],
    [Subject::TriggeredDeployed, Subject::Scheduled],
    [Subject::Triggered, Subject::ScheduledDeployed],
];

/// True for a spec that AWS refuses by a rule of its own, which no read shows.
fn is_refused_by_aws(spec: &Value) -> bool {
    spec["bucket"] == "No_Bucket"
        || spec["timeZone"] == "Mars/Phobos"
        || spec["function"]["definition"]["reservedConcurrency"] == 5000
}

/// Valid specs of two objects in random order, and perhaps deletions in between.
fn workflow(seed: usize) -> Workflow {
    let mut random = StdRng::seed_from_u64(seed as u64);
    let pair = PAIRS.choose(&mut random).copied().unwrap_or(PAIRS[0]);
    let mut open = pair.map(|subject| {
        let specs = sequence(subject, &mut random).into_iter();
        let specs = specs.filter(|(spec, checked)| *checked && !is_refused_by_aws(spec));
        specs.map(|(spec, _)| spec).collect::<Vec<_>>().into_iter()
    });
    let mut steps = vec![];
    let mut exists = [false; 2];
    while open.iter().any(|specs| specs.len() > 0) {
        let index = random.random_range(0..2);
        let subject = pair[index];
        if exists[index] && random.random_bool(0.15) {
            steps.push(Step::Delete(subject.kind(), "live"));
            exists[index] = false;
        } else if let Some(spec) = open[index].next() {
            steps.push(Step::Apply(vec![subject.object(&spec)]));
            exists[index] = true;
        }
    }
    Workflow { name: "random", steps, adopts: &[] }
}

#[test]
fn random_changes_do_what_the_preview_plans() {
    let played = parallel::each(SEEDS, |seed| {
        let workflow = workflow(seed);
        let found =
            simulate(1, |_: &Call| CallFault::Pass, async |sim| play(&sim, &workflow, Scope::Cluster).await);
        let of_seed = |found: String| format!("seed {seed}: {found}\n  of {:?}", workflow.steps);
        found.into_iter().map(of_seed).collect::<Vec<String>>()
    });
    let findings: Vec<String> = std::iter::zip(0.., played)
        .flat_map(|(seed, found)| found.unwrap_or_else(|panic| vec![format!("seed {seed}: {panic}")]))
        .collect();
    print_figures(&format!("previews of random changes: {SEEDS} seeds"));
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
