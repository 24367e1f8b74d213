//! P2: each kind of call of each workflow meets each fault once. Once the fault has passed, all is as without it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{parallel, tell};
use crate::sim::fault_injector::{Call, CallFault, Plan, Refusal};
use crate::sim::oracles::{Oracle, judge};
use crate::sim::workflows::{self, Run, Step, Workflow};

/// The seed of all runs.
const SEED: u64 = 1;

/// What a call meets.
const FAULTS: [CallFault; 16] = [
    CallFault::LostAnswer,
    CallFault::Late(Duration::from_secs(5)),
    CallFault::Late(Duration::from_secs(600)),
    CallFault::Duplicate,
    CallFault::Refuse(Refusal::Forbidden),
    CallFault::Refuse(Refusal::NotFound),
    CallFault::Refuse(Refusal::Conflict),
    CallFault::Refuse(Refusal::Precondition),
    CallFault::Refuse(Refusal::Throttled),
    CallFault::Refuse(Refusal::Server),
    CallFault::Timeout,
    CallFault::Unsent,
    CallFault::Slow(Duration::from_secs(3)),
    CallFault::Slow(Duration::from_secs(90)),
    CallFault::Truncated,
    CallFault::Stale,
];

/// A fault that one call meets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Single {
    operation: String,
    /// Which call of this operation, from 0.
    occurrence: usize,
    fault: CallFault,
}

impl Plan for Single {
    fn fault(&mut self, call: &Call) -> CallFault {
        if call.operation != self.operation {
            return CallFault::Pass;
        }
        let meets = self.occurrence == 0;
        self.occurrence = self.occurrence.wrapping_sub(1);
        if meets { self.fault } else { CallFault::Pass }
    }
}

/// The faults of a workflow: the first call of each operation meets each, and so does the second of each write. Those that
/// every start of the operator makes, `of_each_start`, are left to one workflow.
fn plans(faultless: &Run, of_each_start: &BTreeSet<String>) -> Vec<Single> {
    let mut operations: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for call in
        faultless.calls[..faultless.worked].iter().filter(|call| !of_each_start.contains(&call.operation))
    {
        operations.entry(&call.operation).or_insert((0, call.write)).0 += 1;
    }
    let mut plans = vec![];
    for (operation, (times, write)) in operations {
        for occurrence in 0..times.min(if write { 2 } else { 1 }) {
            let faults = FAULTS.into_iter().filter(|fault| befalls(*fault, operation, write));
            plans.extend(faults.map(|fault| Single { operation: operation.into(), occurrence, fault }));
        }
    }
    plans
}

/// Whether a fault differs from the others for such a call, and whether it is one that such a call can meet.
fn befalls(fault: CallFault, operation: &str, write: bool) -> bool {
    match fault {
        // A read does nothing, whether its answer is lost or it never gets there, and nothing twice.
        CallFault::LostAnswer | CallFault::Late(_) | CallFault::Duplicate if !write => false,
        CallFault::Stale => !write && !operation.starts_with("kube:watch"),
        // Kubernetes' client does not tell the two apart.
        CallFault::Unsent => !operation.starts_with("kube:"),
        // A write to a bucket is the one that is made again only when it cannot come any more.
        CallFault::Late(time) if time > Duration::from_secs(60) => operation == "s3:PutBucketNotification",
        _ => true,
    }
}

/// What is wrong after a fault.
fn findings(workflow: &Workflow, faultless: &Run, plan: &Single) -> Vec<String> {
    let run = workflow.run(SEED, plan.clone());
    let others_write = workflow.steps.iter().any(|step| matches!(step, Step::Outside(_)));
    // A statement of others is enough where AWS denies ours, and nothing is tried again at rest.
    let by_others = others_write
        && plan.operation == "lambda:AddPermission"
        && plan.fault == CallFault::Refuse(Refusal::Forbidden);
    let counts = |oracle: Oracle| match oracle {
        Oracle::Effects | Oracle::EndState | Oracle::Ready if by_others => false,
        Oracle::Effects => counts(plan),
        // The known window: a write on the ground of what was there before somebody else's write.
        Oracle::Foreign | Oracle::EndState if plan.fault == CallFault::Stale && others_write => {
            plan.operation != "s3:GetBucketNotification"
        }
        // What a resync did not see of others' changes, the next one puts right.
        Oracle::Rest if plan.fault == CallFault::Stale && others_write => false,
        // And what a late write has undone.
        Oracle::Rest | Oracle::Gone => !matches!(plan.fault, CallFault::Late(_)),
        _ => true,
    };
    let findings = judge(faultless, &run).into_iter().filter(|finding| counts(finding.oracle));
    findings.map(|finding| finding.to_string()).collect()
}

/// Whether what is created and deleted in AWS is the same as without the fault. Who is told that something is not there, or
/// makes it again while the first one is under way, may create and delete once more.
fn counts(plan: &Single) -> bool {
    !matches!(plan.fault, CallFault::Refuse(Refusal::NotFound) | CallFault::Stale | CallFault::Late(_))
}

/// What is called before the first object is looked at.
fn of_each_start(run: &Run) -> BTreeSet<String> {
    let start = run.calls.iter().take_while(|call| !call.write);
    start.filter(|call| call.operation.starts_with("kube:")).map(|call| call.operation.clone()).collect()
}

#[test]
fn all_is_as_without_it_when_a_fault_has_passed() {
    let workflows = workflows::all();
    let faultless =
        parallel::each(workflows.len(), |number| workflows[number].run(SEED, |_: &Call| CallFault::Pass));
    let faultless: Vec<Run> =
        faultless.into_iter().map(|run| run.unwrap_or_else(|panic| panic!("{panic}"))).collect();
    let of_each_start = of_each_start(&faultless[0]);
    let plans: Vec<(usize, Single)> = faultless
        .iter()
        .enumerate()
        .flat_map(|(number, run)| {
            let others = if number == 0 { BTreeSet::new() } else { of_each_start.clone() };
            plans(run, &others).into_iter().map(move |plan| (number, plan))
        })
        .collect();
    tell(&format!("faults: {} plans", plans.len()));
    let wrong = parallel::each(plans.len(), |at| {
        let (number, plan) = &plans[at];
        let wrong = findings(&workflows[*number], &faultless[*number], plan);
        // At once, since the rest takes a while.
        wrong.iter().for_each(|wrong| println!("{}, {plan:?}: {wrong}", workflows[*number].name));
        wrong.len()
    });
    let failures: Vec<String> = wrong
        .iter()
        .zip(&plans)
        .filter(|(wrong, _)| **wrong != Ok(0))
        .map(|(wrong, (number, plan))| format!("{}, {plan:?}: {wrong:?}", workflows[*number].name))
        .collect();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), plans.len(), failures.join("\n"));
}
