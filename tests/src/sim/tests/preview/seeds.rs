//! Random changes of two objects and of AWS, planned before the operator carries the changes out. The plans know the
//! cluster: the manifest of a change that failed does not tell what the operator made before.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::drift::{CHANGES, Change, HIDDEN_CHANGES};
use super::{Round, Scope, findings, play};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::simulate;
use crate::sim::tests::seeds::given;
use crate::sim::tests::sequences::{Subject, sequence};
use crate::sim::tests::{parallel, print_figures};
use crate::sim::workflows::{RESYNC_PERIOD, Step};

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

/// Valid specs of two objects in random order, and perhaps deletions in between. Other writers change AWS, too.
fn rounds(seed: usize) -> Vec<(Vec<String>, Round)> {
    let mut random = StdRng::seed_from_u64(seed as u64);
    let pair = PAIRS.choose(&mut random).copied().unwrap_or(PAIRS[0]);
    let mut open = pair.map(|subject| {
        let specs = sequence(subject, &mut random).into_iter();
        let specs = specs.filter(|(spec, checked)| *checked && !is_refused_by_aws(spec));
        specs.map(|(spec, _)| spec).collect::<Vec<_>>().into_iter()
    });
    let (mut rounds, mut exists) = (vec![], [false; 2]);
    while open.iter().any(|specs| specs.len() > 0) {
        let (mut words, mut round) = drift(&mut random);
        let index = random.random_range(0..2);
        let subject = pair[index];
        if exists[index] && random.random_bool(0.15) {
            round.steps.push(Step::Delete(subject.kind(), "live"));
            words.push(format!("delete {}", subject.kind()));
            exists[index] = false;
        } else if random.random_bool(0.8)
            && let Some(spec) = open[index].next()
        {
            round.steps.push(Step::Apply(vec![subject.object(&spec)]));
            words.push(format!("apply {} {spec}", subject.kind()));
            exists[index] = true;
        }
        rounds.push((words, round));
    }
    rounds
}

/// A round with changes by other writers, and the names of the changes.
fn drift(random: &mut StdRng) -> (Vec<String>, Round) {
    let mut changes: Vec<Change> = vec![];
    while random.random_bool(0.4) {
        changes.extend(CHANGES.choose(random));
    }
    let hidden = HIDDEN_CHANGES.choose(random).filter(|_| random.random_bool(0.05));
    changes.extend(hidden);
    let names = changes.iter().map(|(name, _)| (*name).to_owned()).collect();
    let steps = changes.into_iter().map(|(_, change)| Step::Outside(change)).collect();
    (names, Round { steps, time: if hidden.is_some() { DAY } else { RESYNC_PERIOD } })
}

/// The operator reads everything once in this time.
const DAY: Duration = Duration::from_secs(25 * 60 * 60);

fn assert_seeds(seeds: usize) {
    let played = parallel::each(seeds, |seed| {
        let (words, rounds): (Vec<_>, Vec<Round>) = rounds(seed).into_iter().unzip();
        let found =
            simulate(1, |_: &Call| CallFault::Pass, async |sim| play(&sim, &rounds, Scope::Cluster).await);
        let all: Vec<String> =
            (0..).zip(words).map(|(round, words)| format!("\n  {round}: {}", words.join(", "))).collect();
        found.into_iter().map(|found| found + &all.concat()).collect::<Vec<String>>()
    });
    let findings = findings(std::iter::zip((0..).map(|seed| format!("seed {seed}")), played));
    print_figures(&format!("previews of random changes: {seeds} seeds"));
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn random_changes_do_what_the_preview_plans() {
    assert_seeds(SEEDS);
}

#[test]
#[ignore = "make chaos: half an hour"]
fn chaos_of_random_changes_does_what_the_preview_plans() {
    assert_seeds(given("SEEDS").map_or(100 * SEEDS, |seeds| seeds as usize));
}
