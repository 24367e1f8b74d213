//! P2: workflows under faults, deaths and other writers at random; then it is quiet, and all is as without them.

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

use super::chaos::{Chaos, others};
use super::{parallel, tell};
use crate::sim::aws::{DocumentWrite, Writer};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::oracles::{self, Oracle, Watchdog, judge};
use crate::sim::run::{Operator, Sim, owner, simulate};
use crate::sim::workflows::{self, Run, Step, Workflow};

/// So many in each `make test`.
const SEEDS: u64 = 10_000;
/// The buckets that others write to.
const BUCKETS: [&str; 2] = ["photos", "archive"];
/// What is under way when it gets quiet has ended then, the latest write to a bucket too, and all was looked at once more.
const CALM: Duration = Duration::from_secs(12 * 60);

/// A tenancy that permits all that the workflows name, to a role that the operator takes on for their namespace.
const TENANCY: &str = r#"
namespaces:
  team:
    role: {arn: "arn:aws:iam::123456789012:role/team", externalId: cluster}
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

/// What came of a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Writes of others that were lost in the one window that no client can close.
    pub windows: usize,
    /// Entries of ours that others wrote again when no object named their bucket any more.
    pub brought_back: usize,
    /// How often an object said that it is ready and was so.
    pub ready: usize,
    /// How often one said so in doubt: AWS had just told what was not so, or somebody else had just written.
    pub in_doubt: usize,
    /// Runs whose creations and deletions were counted.
    pub effects: usize,
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, one: Self) {
        let Self { windows, brought_back, ready, in_doubt, effects } = self;
        *windows += one.windows;
        *brought_back += one.brought_back;
        *ready += one.ready;
        *in_doubt += one.in_doubt;
        *effects += one.effects;
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { windows, brought_back, ready, in_doubt, effects } = self;
        write!(
            f,
            "{windows} windows, {brought_back} entries brought back by others, {ready} times ready, {in_doubt} times in \
             doubt, effects counted in {effects}"
        )
    }
}

/// A workflow, or two at once, and how it ends without faults.
struct Case {
    name: String,
    workflow: Workflow,
    faultless: Run,
}

impl Case {
    /// Whether its end is what was made for an earlier spec: an object that was deleted with `Retain`, whose spec cannot be
    /// met, or that names the function that it defined, keeps what it has, and nobody can put that back.
    fn keeps(&self) -> bool {
        let stalled = self.faultless.conditions.values().flatten().any(|condition| condition[0] == "Stalled");
        let steps = format!("{:?}", self.workflow.steps);
        stalled || steps.contains("Retain") || steps.contains(r#""name": String("own")"#)
    }
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let all = workflows::all();
    let mut cases: Vec<(String, Workflow)> =
        all.iter().map(|workflow| (workflow.name.to_owned(), workflow.clone())).collect();
    // Two that do not touch each other's things.
    let of = |begin: &'static str| {
        all.iter().filter(move |workflow| workflow.name.starts_with(begin) && is_alone(workflow))
    };
    let schedules: Vec<&Workflow> = of("schedule: ").collect();
    for (number, s3) in of("s3: ").enumerate() {
        let schedule = schedules[number % schedules.len()];
        cases.push((format!("{} | {}", s3.name, schedule.name), both(s3, schedule)));
    }
    let faultless =
        parallel::each(cases.len(), |number| ended(cases[number].1.run(1, |_: &Call| CallFault::Pass)));
    let case = |((name, workflow), faultless): (_, Result<Run, String>)| Case {
        faultless: faultless.unwrap_or_else(|panic| panic!("{name}: {panic}")),
        name,
        workflow,
    };
    cases.into_iter().zip(faultless).map(case).collect()
});

/// Whether nothing but objects of one kind is touched, and no function that another workflow deploys.
fn is_alone(workflow: &Workflow) -> bool {
    let alone = |step: &Step| match step {
        Step::Apply(objects) => objects.iter().all(|object| !object.to_string().contains("\"own\"")),
        Step::Delete(..) => true,
        Step::Recreate(_) | Step::Brief(_) | Step::DeleteNamespace | Step::Outside(_) => false,
    };
    workflow.steps.iter().all(alone)
}

/// The steps of both, in turn.
fn both(one: &Workflow, other: &Workflow) -> Workflow {
    let count = one.steps.len().max(other.steps.len());
    let reconcile_with_permit =
        |number| [one, other].into_iter().filter_map(move |workflow| workflow.steps.get(number).cloned());
    Workflow { steps: (0..count).flat_map(reconcile_with_permit).collect(), ..one.clone() }
}

/// What counts of a run: of the documents, the entries of ours. [`Oracle::Foreign`] looks at the others.
pub fn ended(mut run: Run) -> Run {
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

/// Runs a seed, with or without faults of calls and deaths.
///
/// # Errors
/// What is wrong.
pub fn run(seed: u64, operators: usize, faults: bool) -> Result<Outcome, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let case = &CASES[random.random_range(0..CASES.len())];
    let rate = random.random_range(1.0..8.0);
    let rate = if faults { rate } else { 0.0 };
    let until = Duration::from_secs(random.random_range(60..1500));
    // What is kept is not put back when others take it away.
    let alone = case.keeps() || random.random_bool(0.5);
    let writers = if alone { 0 } else { random.random_range(1..4) };
    let plan = Chaos::new(random.random(), rate, until);
    let writes = plan.writes();
    let told = |what: String| format!("{}: {what}", case.name);
    simulate(seed, plan, async |sim| play(&sim, case, random, until, [operators, writers], writes).await)
        .map_err(told)
}

async fn play(
    sim: &Sim,
    case: &Case,
    mut random: StdRng,
    until: Duration,
    [operators, writers]: [usize; 2],
    writes: Arc<Notify>,
) -> Result<Outcome, String> {
    // For half of them, it is permitted rather than not asked about.
    let sim = &if random.random_bool(0.5) { sim.with_tenancy(TENANCY) } else { sim.clone() };
    workflows::prepare(sim);
    let watchdog = Watchdog::watch(sim, case.workflow.takes_over);
    let start = || if operators == 1 { sim.start() } else { sim.start_beside_others() };
    let operator = start();
    let too_many: Vec<Operator> = (1..operators).map(|_| start()).collect();
    for _ in 0..writers {
        let (seed, sim, writes) = (random.random_range(0..1_000_000), sim.clone(), writes.clone());
        tokio::spawn(async move { others(sim, seed, &BUCKETS, writes, until).await });
    }
    // What is kept must have been there.
    let hasty = !case.keeps() && random.random_bool(0.5);
    for step in &case.workflow.steps {
        workflows::take(sim, step).await;
        if matches!(step, Step::Outside(_)) && writers == 0 {
            watchdog.note_foreign();
        }
        if hasty {
            sleep(Duration::from_millis(random.random_range(0..20_000))).await;
        } else {
            workflows::rest(sim).await;
        }
    }
    sleep(until.saturating_sub(sim.injector.elapsed())).await;
    too_many.into_iter().for_each(Operator::kill);
    sleep(CALM).await;
    workflows::rest(sim).await;
    workflows::until_orphan_check(sim).await;
    workflows::rest(sim).await;
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
    let brought_back = forgive(&mut run, &writes, &sim.cluster.objects("S3TriggeredFunction"));
    let counts_effects = writers == 0 && operators == 1 && !hasty && sim.injector.untrue().is_none();
    let counts = |oracle: Oracle| match oracle {
        Oracle::EndState | Oracle::Kstatus | Oracle::Secret | Oracle::Rest => true,
        // Two that put right what the other one does are not ready for long.
        Oracle::Ready => operators == 1,
        // Others who write may undo what was there a moment ago, and what they wrote is judged at each write, by `windows`.
        Oracle::Foreign => writers == 0,
        // One of two may make again what the other one has just taken away: then it counts that it goes in the end.
        Oracle::Gone => writers == 0 && operators == 1,
        // Who hurries may skip what comes between, others may undo it, and what is said not to be there is made again.
        Oracle::Effects => counts_effects,
        // There is no moment at which it must have been so.
        Oracle::ReadyInDoubt => false,
    };
    let [ready, in_doubt] = watchdog.ready();
    // A late write of one that is gone may bring back the Id that an entry had before it was to outlive its object. The entry
    // stays, which is what was asked for, and nobody looks at it any more.
    let mut runs = [case.faultless.clone(), ended(run)];
    if operators > 1 {
        let buckets = runs.iter_mut().flat_map(|run| run.aws.buckets.values_mut());
        buckets.for_each(|entries| *entries = entries.replace("-retained", ""));
    }
    let [expected, found] = runs;
    let findings: Vec<String> = judge(&expected, &found)
        .into_iter()
        .filter(|finding| counts(finding.oracle))
        .map(|finding| finding.to_string())
        .collect();
    if findings.is_empty() {
        Ok(Outcome { windows, brought_back, ready, in_doubt, effects: usize::from(counts_effects) })
    } else {
        Err(findings.join("\n  "))
    }
}

/// Leaves out the entries of ours that somebody else wrote again after we had removed them, where no object names the
/// bucket any more: nobody looks at such a bucket for ever. Returns how many there are.
fn forgive(run: &mut Run, writes: &[DocumentWrite], objects: &[Value]) -> usize {
    let named = |bucket: &str| objects.iter().any(|object| object["spec"]["bucket"] == bucket);
    let mut count = 0;
    for (bucket, xml) in run.aws.buckets.iter_mut().filter(|(bucket, _)| !named(bucket)) {
        let mut document = Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let by_others = |id: &str| {
            let came = |write: &&DocumentWrite| {
                let had = |xml: &str| own_entries(xml).contains_key(id);
                write.bucket == *bucket && !had(&write.before) && had(&write.after)
            };
            writes.iter().rfind(came).is_some_and(|write| write.by == Writer::Outside)
        };
        let own = own_entries(xml);
        let id =
            |entry: &Option<Entry>| entry.as_ref().and_then(|entry| entry.id.clone()).unwrap_or_default();
        let before = document.children.len();
        document
            .children
            .retain(|child| !own.contains_key(&id(&child.entry)) || !by_others(&id(&child.entry)));
        count += before - document.children.len();
        *xml = document.to_xml();
    }
    count
}

/// Runs these seeds with so many operators at once, with or without faults, and says what came of them.
pub fn run_all(what: &str, seeds: Range<u64>, operators: usize, faults: bool) {
    let numbers: Vec<u64> = seeds.collect();
    let command = |seed| format!("OPERATORS={operators} FAULTS={} make chaos SEED={seed}", u8::from(faults));
    let results = parallel::each(numbers.len(), |at| {
        let result = run(numbers[at], operators, faults);
        if let Err(why) = &result {
            // At once, since the rest takes a while.
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
    tell(&format!("{what}: {}, {total}", numbers.len()));
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), numbers.len(), failures.join("\n"));
}

#[test]
fn all_is_as_without_them_when_random_faults_have_passed() {
    run_all("seeds", 0..SEEDS, 1, true);
}

/// A number that `make chaos` was given.
fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

#[test]
#[ignore = "make chaos: minutes to hours, or one seed with its calls"]
fn chaos() {
    let operators = given("OPERATORS").and_then(|number| number.try_into().ok()).unwrap_or(1);
    let faults = given("FAULTS") != Some(0);
    match given("SEED") {
        Some(seed) => println!("{:?}", run(seed, operators, faults)),
        // Others than those of each `make test`.
        None => {
            let seeds = SEEDS..SEEDS + given("SEEDS").unwrap_or(5 * SEEDS);
            run_all("seeds", seeds, operators, faults);
        }
    }
}
