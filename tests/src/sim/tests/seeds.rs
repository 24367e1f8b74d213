//! Workflows under random faults, crashes and other writers. After the faults, the end must be the same as without
//! faults.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::{AddAssign, Range};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use lambda_triggers_core::ownership::OwnEntryId;
use lambda_triggers_core::plan::bucket::{Document, Entry};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::chaos::{Chaos, other_writers};
use super::{parallel, print_figures};
use crate::sim::aws::{DocumentWrite, Writer};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::oracles::{self, Oracle, Watchdog, judge};
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, Run, Step, Workflow};

/// The number of seeds in `make test`.
const SEEDS: u64 = 10_000;
/// The buckets that other writers change.
const BUCKETS: [&str; 2] = ["photos", "archive"];
/// Longer than calls in flight, than the latest effect of a write to a bucket, and than one more resync.
const CALM: Duration = Duration::from_secs(12 * 60);

/// A tenancy file that permits all resources of the workflows, and names a role for their namespace.
const TENANCY: &str = r#"
namespaces:
  team:
    role: {arn: "arn:aws:iam::123456789012:role/team", externalId: cluster}
    schedulerRole: "arn:aws:iam::123456789012:role/scheduler"
    buckets: ["*"]
    functions: ["*"]
    ruleTargets: ["*"]
    deadLetterQueues: ["arn:aws:sqs:*:*:*"]
    definitions:
      names: ["*"]
      roles: ["arn:aws:iam::123456789012:role/*"]
      codeBuckets: ["*"]
      reservedConcurrency: 100
"#;

/// The figures of one seed, or of many seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Foreign writes that were lost between a read and a write of the operator. No client can prevent this loss.
    pub windows: usize,
    /// Entries of the operator that another writer restored in a bucket without objects.
    pub restored: usize,
    /// The number of true ready statuses.
    pub ready: usize,
    /// The number of ready statuses in doubt, shortly after an untrue answer of AWS or a foreign write.
    pub in_doubt: usize,
    /// The number of runs with a check of creations and deletions.
    pub effects: usize,
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, one: Self) {
        let Self { windows, restored, ready, in_doubt, effects } = self;
        *windows += one.windows;
        *restored += one.restored;
        *ready += one.ready;
        *in_doubt += one.in_doubt;
        *effects += one.effects;
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { windows, restored, ready, in_doubt, effects } = self;
        write!(
            f,
            "{windows} windows, {restored} entries restored by other writers, {ready} times ready, {in_doubt} times in \
             doubt, effects counted in {effects}"
        )
    }
}

/// A workflow or a pair of workflows, with the result without faults.
struct Case {
    name: String,
    workflow: Workflow,
    faultless: Run,
}

impl Case {
    /// True if the end has resources of an earlier spec. The object was deleted with `Retain`, is Stalled, or names the
    /// function that the object defined before. After a removal by another writer, these resources stay absent.
    fn keeps_old_resources(&self) -> bool {
        let stalled = self.faultless.conditions.values().flatten().any(|condition| condition[0] == "Stalled");
        let steps = format!("{:?}", self.workflow.steps);
        stalled || steps.contains("Retain") || steps.contains(r#""name": String("own")"#)
    }
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let all = workflows::all();
    let mut cases: Vec<(String, Workflow)> =
        all.iter().map(|workflow| (workflow.name.to_owned(), workflow.clone())).collect();
    // Pairs of workflows that share no resources.
    let of = |begin: &'static str| {
        all.iter().filter(move |workflow| workflow.name.starts_with(begin) && is_alone(workflow))
    };
    let schedules: Vec<&Workflow> = of("schedule: ").collect();
    for (number, s3) in of("s3: ").enumerate() {
        let schedule = schedules[number % schedules.len()];
        cases.push((format!("{} | {}", s3.name, schedule.name), both(s3, schedule)));
    }
    let faultless = parallel::each(cases.len(), |number| {
        own_entries_only(cases[number].1.run(1, |_: &Call| CallFault::Pass))
    });
    let case = |((name, workflow), faultless): (_, Result<Run, String>)| Case {
        faultless: faultless.unwrap_or_else(|panic| panic!("{name}: {panic}")),
        name,
        workflow,
    };
    cases.into_iter().zip(faultless).map(case).collect()
});

/// True if the workflow only applies and deletes objects, without a function that another workflow deploys.
fn is_alone(workflow: &Workflow) -> bool {
    let alone = |step: &Step| match step {
        Step::Apply(objects) => objects.iter().all(|object| !object.to_string().contains("\"own\"")),
        Step::Delete(..) => true,
        Step::Wait(_) | Step::Recreate(_) | Step::Brief(_) | Step::DeleteNamespace | Step::Outside(_) => {
            false
        }
    };
    workflow.steps.iter().all(alone)
}

/// The steps of both workflows, interleaved.
fn both(one: &Workflow, other: &Workflow) -> Workflow {
    let count = one.steps.len().max(other.steps.len());
    let steps_at =
        |number| [one, other].into_iter().filter_map(move |workflow| workflow.steps.get(number).cloned());
    Workflow { steps: (0..count).flat_map(steps_at).collect(), ..one.clone() }
}

/// The run with only our own entries of each document. [`Oracle::Foreign`] checks the foreign entries.
pub fn own_entries_only(mut run: Run) -> Run {
    let own = |(bucket, xml): (&String, &String)| (bucket.clone(), format!("{:#?}", own_entries(xml)));
    run.aws.buckets = run.aws.buckets.iter().map(own).collect();
    run
}

fn own_entries(xml: &str) -> BTreeMap<String, Entry> {
    let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let own = |entry: &Entry| {
        let id = entry.id.clone()?;
        OwnEntryId::parse(&owner(), &id)?;
        Some((id, entry.clone()))
    };
    document.entries().filter_map(own).collect()
}

/// Runs a seed, with or without faulty calls and crashes.
///
/// # Errors
/// The violations.
pub fn run(seed: u64, faults: bool) -> Result<Outcome, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let case = &CASES[random.random_range(0..CASES.len())];
    let rate = random.random_range(1.0..8.0);
    let rate = if faults { rate } else { 0.0 };
    let until = Duration::from_secs(random.random_range(60..1500));
    // Another writer could remove resources of an earlier spec, and the operator would not restore these resources.
    let alone = case.keeps_old_resources() || random.random_bool(0.5);
    let writers = if alone { 0 } else { random.random_range(1..4) };
    let plan = Chaos::new(random.random(), rate, until);
    let writes = plan.writes();
    let with_name = |what: String| format!("{}: {what}", case.name);
    simulate(seed, plan, async |sim| play(&sim, case, random, until, writers, writes).await)
        .map_err(with_name)
}

async fn play(
    sim: &Sim,
    case: &Case,
    mut random: StdRng,
    until: Duration,
    writers: usize,
    writes: Arc<Notify>,
) -> Result<Outcome, String> {
    // Half of the seeds run with a tenancy file that permits all resources.
    let sim = &if random.random_bool(0.5) { sim.with_tenancy(TENANCY) } else { sim.clone() };
    workflows::prepare(sim);
    let watchdog = Watchdog::watch(sim, case.workflow.adopts);
    let operator = sim.start();
    for _ in 0..writers {
        let (seed, sim, writes) = (random.random_range(0..1_000_000), sim.clone(), writes.clone());
        tokio::spawn(async move { other_writers(sim, seed, &BUCKETS, writes, until).await });
    }
    // Resources of an earlier spec must exist, so these workflows wait after each step.
    let hasty = !case.keeps_old_resources() && random.random_bool(0.5);
    for step in &case.workflow.steps {
        workflows::perform(sim, step).await;
        if matches!(step, Step::Outside(_)) && writers == 0 {
            watchdog.expect_foreign();
        }
        if hasty {
            sleep(Duration::from_millis(random.random_range(0..20_000))).await;
        } else {
            workflows::until_idle(sim).await;
        }
    }
    sleep(until.saturating_sub(sim.injector.elapsed())).await;
    sleep(CALM).await;
    workflows::until_idle(sim).await;
    workflows::until_orphan_check(sim).await;
    workflows::until_idle(sim).await;
    watchdog.at_rest(sleep(workflows::RESYNC_PERIOD)).await;
    operator.kill();
    if given("SEED").is_some() {
        for Call { number, at, life, operation, on, write: _ } in sim.injector.calls() {
            println!("{number} {at:?} life {life}: {operation} {on}");
        }
    }

    let writes = sim.aws.document_writes();
    let windows = oracles::windows(&writes)?;
    let mut run = workflows::result(sim, 0, watchdog.findings());
    let restored = drop_restored_entries(&mut run, &writes, &sim.cluster.objects("S3TriggeredFunction"));
    let counts_effects = writers == 0 && !hasty && sim.injector.untrue().is_none();
    let counts = |oracle: Oracle| match oracle {
        Oracle::EndState | Oracle::Kstatus | Oracle::Secret | Oracle::Rest | Oracle::Runs | Oracle::Ready => {
            true
        }
        // Other writers revert earlier foreign changes. [`oracles::windows`] judges their entries at each write.
        // Another writer may also restore an entry of a deleted object.
        Oracle::Foreign | Oracle::Gone => writers == 0,
        // A hasty run skips intermediate states, other writers revert changes, and a false not-found causes a second
        // creation.
        Oracle::Effects => counts_effects,
        // The claims of the status need not have been true at the same time.
        Oracle::ReadyInDoubt => false,
    };
    let [ready, in_doubt] = watchdog.ready();
    let findings: Vec<String> = judge(&case.faultless, &own_entries_only(run))
        .into_iter()
        .filter(|finding| counts(finding.oracle))
        .map(|finding| finding.to_string())
        .collect();
    if findings.is_empty() {
        Ok(Outcome { windows, restored, ready, in_doubt, effects: usize::from(counts_effects) })
    } else {
        Err(findings.join("\n  "))
    }
}

/// Drops entries of the operator that another writer restored after their removal, in buckets without objects.
/// The operator checks these buckets only for a limited time. Returns the number of dropped entries.
fn drop_restored_entries(run: &mut Run, writes: &[DocumentWrite], objects: &[Value]) -> usize {
    let named = |bucket: &str| objects.iter().any(|object| object["spec"]["bucket"] == bucket);
    let mut count = 0;
    for (bucket, xml) in run.aws.buckets.iter_mut().filter(|(bucket, _)| !named(bucket)) {
        let mut document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let restored_by_others = |id: &str| {
            let added = |write: &&DocumentWrite| {
                let had = |xml: &str| own_entries(xml).contains_key(id);
                write.bucket == *bucket && !had(&write.before) && had(&write.after)
            };
            writes.iter().rfind(added).is_some_and(|write| write.by == Writer::Outside)
        };
        let own = own_entries(xml);
        let id =
            |entry: &Option<Entry>| entry.as_ref().and_then(|entry| entry.id.clone()).unwrap_or_default();
        let before = document.children.len();
        document
            .children
            .retain(|child| !own.contains_key(&id(&child.entry)) || !restored_by_others(&id(&child.entry)));
        count += before - document.children.len();
        *xml = document.to_xml();
    }
    count
}

/// Runs these seeds, with or without faults, and prints the figures.
fn run_all(seeds: Range<u64>, faults: bool) {
    let numbers: Vec<u64> = seeds.collect();
    let command = |seed| format!("FAULTS={} make chaos SEED={seed}", u8::from(faults));
    let results = parallel::each(numbers.len(), |at| {
        let result = run(numbers[at], faults);
        if let Err(why) = &result {
            // Printed at once, since the remaining seeds take a while.
            println!("{}: {why}", command(numbers[at]));
        }
        result
    });
    let mut total = Outcome::default();
    let mut failures = vec![];
    for (seed, result) in numbers.iter().zip(results) {
        match result.unwrap_or_else(Err) {
            Ok(outcome) => total += outcome,
            Err(_) => failures.push(command(*seed)),
        }
    }
    print_figures(&format!("seeds: {}, {total}", numbers.len()));
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), numbers.len(), failures.join("\n"));
}

#[test]
fn random_faults_do_not_change_the_end() {
    run_all(0..SEEDS, true);
}

/// A number in the environment of `make chaos`.
pub fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

#[test]
#[ignore = "make chaos: minutes to hours, or one seed with its calls"]
fn chaos() {
    let faults = given("FAULTS") != Some(0);
    match given("SEED") {
        Some(seed) => println!("{:?}", run(seed, faults)),
        // Other seeds than the seeds of `make test`.
        None => {
            let seeds = SEEDS..SEEDS + given("SEEDS").unwrap_or(5 * SEEDS);
            run_all(seeds, faults);
        }
    }
}
