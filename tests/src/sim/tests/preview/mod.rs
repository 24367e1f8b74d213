//! The operator writes what the preview plans, in kind, place and content. The plan after that is empty.

mod drift;
mod facts;
mod known;
mod seeds;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use lambda_triggers::aws::{AwsReads, NamespaceReads};
use lambda_triggers::manifests::Manifests;
use lambda_triggers::preview::{Cluster, Input, Options, preview};
use lambda_triggers_core::api::{Backend, Tags};
use lambda_triggers_core::ownership::Owner;
use lambda_triggers_core::preview::{PlanResult, Preview, Secrets};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{parallel, print_figures};
use crate::sim::aws::{ACCOUNT, Applied, REGION, SCHEDULER_ROLE, Writer};
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows::{self, NAMESPACE, RESYNC_PERIOD, Step, Workflow, until_idle, until_orphan_check};
use facts::{Observed, done, planned};
use known::{is_left_out, is_refused, is_tag_of_cluster, is_write_of_tags, may_be_invisible, wrong_problems};

/// The kinds of objects.
const KINDS: [&str; 2] = ["S3TriggeredFunction", "ScheduledFunction"];

/// What a plan knows beside the manifests and AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The manifests before the step.
    Base,
    /// The manifests before the step, and the objects of the cluster.
    Cluster,
}

/// The plan before a step, and AWS at that time.
struct Planned {
    scope: Scope,
    preview: Preview,
    head: String,
    before: Observed,
}

/// The steps before one plan, and the time in which the operator carries the plan out.
struct Round {
    steps: Vec<Step>,
    time: Duration,
}

/// Plays rounds. The operator is stopped during the steps. Returns the differences between plans and writes.
async fn play(sim: &Sim, rounds: &[Round], scope: Scope) -> Vec<String> {
    workflows::prepare(sim);
    let (mut base, mut findings) = (manifests(sim), vec![]);
    for (number, Round { steps, time }) in rounds.iter().enumerate() {
        if let [step @ Step::Wait(_)] = steps.as_slice() {
            // The operator runs while the time passes, since schedules end in this time.
            let operator = sim.start();
            workflows::perform(sim, step).await;
            until_rest(sim).await;
            operator.stop().await;
            continue;
        }
        for step in steps {
            workflows::perform(sim, step).await;
        }
        // AWS deletes a schedule group in the background.
        sleep(Duration::from_secs(60)).await;
        let planned = plan(sim, &base, scope).await;
        let found = apply(sim, &planned, *time).await;
        if is_refused(sim) {
            // A refused deletion would last, and the next steps would change the deleted object.
            return findings;
        }
        findings.extend(found.into_iter().map(|found| format!("round {number}: {found}")));
        base = planned.head;
    }
    findings
}

/// The rounds of a workflow, each with one step. A new object with an old name needs the deletion of the old object first.
fn rounds(workflow: &Workflow) -> Vec<Round> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let split = |step: &Step| match step {
        Step::Recreate(object) => {
            let name = text(&object["metadata"]["name"]).leak();
            let kind = KINDS.into_iter().find(|kind| object["kind"] == **kind).unwrap_or_default();
            vec![Step::Delete(kind, name), Step::Apply(vec![object.clone()])]
        }
        other => vec![other.clone()],
    };
    let round = |step| Round { steps: vec![step], time: RESYNC_PERIOD };
    workflow.steps.iter().flat_map(split).map(round).collect()
}

/// Plans the present manifests, twice. A plan writes nothing.
async fn plan(sim: &Sim, base: &str, scope: Scope) -> Planned {
    let (head, before) = (manifests(sim), Observed::new(sim).await);
    let writes = sim.aws.journal().len();
    let [one, other] = [look(sim, &head, base, scope).await, look(sim, &head, base, scope).await];
    assert_eq!(one, other, "the same input gives the same preview");
    assert_eq!(sim.aws.journal().len(), writes, "a preview writes nothing");
    Planned { scope, preview: one, head, before }
}

/// Lets the operator come to rest after `time`. Returns the differences from the plan.
async fn apply(sim: &Sim, plan: &Planned, time: Duration) -> Vec<String> {
    let from = sim.aws.journal().len();
    let operator = sim.start();
    sleep(time).await;
    until_rest(sim).await;
    operator.stop().await;
    let after = Observed::new(sim).await;
    let is_known = |fact: &String| plan.scope == Scope::Cluster || !is_tag_of_cluster(fact);
    let [planned, done] = [planned(&plan.preview), done(&plan.before, &after)]
        .map(|facts| facts.into_iter().filter(is_known).collect::<BTreeSet<String>>());
    let missing = done.difference(&planned).map(|fact| format!("done, but not planned: {fact}"));
    let extra = planned.difference(&done).filter(|fact| !may_be_invisible(fact));
    let extra = extra.map(|fact| format!("planned, but not done: {fact}"));
    let mut findings: Vec<String> = missing.chain(extra).collect();
    let journal = sim.aws.journal();
    let writes = journal[from..].iter().filter(|write| write.by == Writer::Operator);
    let is_known = |write: &&Applied| plan.scope == Scope::Cluster || !is_write_of_tags(write);
    let writes: Vec<&Applied> = writes.filter(is_known).collect();
    if plan.preview.result == PlanResult::NoChanges && !writes.is_empty() {
        findings.push(format!("no change, but these writes: {writes:?}"));
    }
    let again = look(sim, &plan.head, &plan.head, plan.scope).await;
    let left = facts::planned(&again);
    findings.extend(left.iter().map(|fact| format!("planned again after the operator: {fact}")));
    if !matches!(again.result, PlanResult::NoChanges | PlanResult::Problems | PlanResult::Incomplete) {
        findings.push(format!("the result after the operator is {:?}", again.result));
    }
    findings.extend(wrong_problems(sim, &again));
    findings
}

async fn until_rest(sim: &Sim) {
    sleep(Duration::from_secs(1)).await;
    until_idle(sim).await;
    until_orphan_check(sim).await;
    until_idle(sim).await;
}

/// The preview of these manifests.
async fn look(sim: &Sim, head: &str, base: &str, scope: Scope) -> Preview {
    let read = |text: &str| {
        Manifests::of_text("manifests.json", text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let cluster = match scope {
        Scope::Base => None,
        Scope::Cluster => {
            let namespace = sim.cluster.get("Namespace", "", "kube-system").unwrap_or_default();
            let cluster = namespace["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let owner = Owner { id: owner(), cluster };
            let client = sim.cluster.client(sim.injector.open());
            Some(Cluster::read(client, owner, None).await.unwrap_or_else(|error| panic!("{error}")))
        }
    };
    let input = Input { head: read(head), base: Some(read(base)), cluster };
    let aws = NamespaceReads::single(AwsReads::new(sim.aws.outside()), owner());
    let now: Timestamp = sim.cluster.clock().now();
    let preview = preview(input, &options(), Some(&aws), now).await;
    preview.unwrap_or_else(|error| panic!("{error:?}"))
}

fn options() -> Options {
    Options {
        owner: owner(),
        namespace: Some(NAMESPACE.into()),
        region: REGION.into(),
        account: Some(ACCOUNT.into()),
        default_backend: Backend::default(),
        default_tags: Tags::new(),
        scheduler_role: Some(SCHEDULER_ROLE.into()),
        tenancy: None,
        ignored: [].into(),
        all: true,
        secrets: Secrets::Show,
        progress: None,
    }
}

/// The manifests of all objects that nobody has deleted.
fn manifests(sim: &Sim) -> String {
    let objects = KINDS.into_iter().flat_map(|kind| sim.cluster.objects(kind));
    let kept = objects.filter(|object| object["metadata"]["deletionTimestamp"].is_null());
    let manifest = |object: Value| {
        let metadata = ["name", "namespace"].map(|field| (field, object["metadata"][field].clone()));
        json!({
            "apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
            "metadata": BTreeMap::from(metadata),
        })
    };
    let items: Vec<Value> = kept.map(manifest).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

#[test]
fn each_workflow_does_what_the_preview_plans() {
    assert_plans(Scope::Base);
}

#[test]
fn each_workflow_does_what_the_preview_with_the_cluster_plans() {
    assert_plans(Scope::Cluster);
}

/// The findings of all runs, each with the name of the run.
fn findings(runs: impl Iterator<Item = (impl Display, Result<Vec<String>, String>)>) -> Vec<String> {
    let of_run = |(name, found): (_, Result<Vec<String>, String>)| {
        let found = found.unwrap_or_else(|panic| vec![panic]);
        found.into_iter().map(move |found| format!("{name}, {found}")).collect::<Vec<_>>()
    };
    runs.flat_map(of_run).collect()
}

fn assert_plans(scope: Scope) {
    let all: Vec<Workflow> = workflows::all().into_iter().filter(|workflow| !is_left_out(workflow)).collect();
    let played = parallel::each(all.len(), |number| {
        simulate(1, |_: &Call| CallFault::Pass, async |sim| play(&sim, &rounds(&all[number]), scope).await)
    });
    let findings = findings(std::iter::zip(all.iter().map(|workflow| workflow.name), played));
    print_figures(&format!("preview with {scope:?}: {} workflows", all.len()));
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
