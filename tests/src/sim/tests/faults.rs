//! Single faults: each type of call in each workflow meets each fault once. The end must be the same as without the
//! fault.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{parallel, print_figures};
use crate::sim::fault_injector::{Call, CallFault, Plan, Refusal};
use crate::sim::oracles::{Oracle, judge};
use crate::sim::workflows::{self, Run, Step, Workflow};

/// The seed of all runs.
const SEED: u64 = 1;

/// The faults of a call.
pub const FAULTS: [CallFault; 16] = [
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

/// A fault of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Single {
    operation: String,
    /// The number of the call among the calls of this operation, from 0.
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

/// The faults for a workflow: the first call of each operation, and also the second call of each write, meets each
/// fault. `of_each_start` has the operations of every start, which only one workflow tests.
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
            let faults = FAULTS.into_iter().filter(|fault| applies_to(*fault, operation, write));
            plans.extend(faults.map(|fault| Single { operation: operation.into(), occurrence, fault }));
        }
    }
    plans
}

/// True if a call can meet this fault, and if the fault differs from other faults for the call.
pub fn applies_to(fault: CallFault, operation: &str, write: bool) -> bool {
    match fault {
        // For a read, a lost answer and a late effect equal a timeout, and a duplicate has no effect.
        CallFault::LostAnswer | CallFault::Late(_) | CallFault::Duplicate if !write => false,
        CallFault::Stale => !write && !operation.starts_with("kube:watch"),
        // The Kubernetes client reports an unsent request like a timeout.
        CallFault::Unsent => !operation.starts_with("kube:"),
        // The operator repeats a bucket write only when the first request can no longer apply. Other writes are
        // repeated earlier.
        CallFault::Late(time) if time > Duration::from_secs(60) => operation == "s3:PutBucketNotification",
        _ => true,
    }
}

/// The violations after a fault.
fn findings(workflow: &Workflow, faultless: &Run, plan: &Single) -> Vec<String> {
    let run = workflow.run(SEED, plan.clone());
    let others_write = workflow.steps.iter().any(|step| matches!(step, Step::Outside(_)));
    // If AWS denies our permission statement, a foreign statement can be sufficient. Then the operator does not retry
    // while in sync.
    let foreign_suffices = others_write
        && plan.operation == "lambda:AddPermission"
        && plan.fault == CallFault::Refuse(Refusal::Forbidden);
    let counts = |oracle: Oracle| match oracle {
        Oracle::Effects | Oracle::EndState | Oracle::Ready if foreign_suffices => false,
        Oracle::Effects => counts(plan),
        // The known race: a write after a stale read loses another writer's change.
        Oracle::Foreign | Oracle::EndState if plan.fault == CallFault::Stale && others_write => {
            plan.operation != "s3:GetBucketNotification"
        }
        // A resync with a stale read misses foreign changes, and the next resync repairs the drift.
        Oracle::Rest if plan.fault == CallFault::Stale && others_write => false,
        // The next resync also repairs the effect of a late write.
        Oracle::Rest | Oracle::Gone => !matches!(plan.fault, CallFault::Late(_)),
        _ => true,
    };
    let findings = judge(faultless, &run).into_iter().filter(|finding| counts(finding.oracle));
    findings.map(|finding| finding.to_string()).collect()
}

/// True if the operator must create and delete the same AWS resources as without the fault. After a false not-found, or
/// during a late write, the operator may create and delete a resource once more.
fn counts(plan: &Single) -> bool {
    !matches!(plan.fault, CallFault::Refuse(Refusal::NotFound) | CallFault::Stale | CallFault::Late(_))
}

/// The Kubernetes operations before the first write.
fn of_each_start(run: &Run) -> BTreeSet<String> {
    let start = run.calls.iter().take_while(|call| !call.write);
    start.filter(|call| call.operation.starts_with("kube:")).map(|call| call.operation.clone()).collect()
}

#[test]
fn a_single_fault_does_not_change_the_end() {
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
    print_figures(&format!("faults: {} plans", plans.len()));
    let wrong = parallel::each(plans.len(), |at| {
        let (number, plan) = &plans[at];
        let wrong = findings(&workflows[*number], &faultless[*number], plan);
        // Printed at once, since the remaining plans take a while.
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
