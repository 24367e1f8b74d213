//! Each workflow without faults.

use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::simulate;
use crate::sim::workflows::{self, Run, Workflow};

fn faultless(workflow: &Workflow, resyncs: u32) -> Run {
    simulate(1, |_: &Call| CallFault::Pass, async |sim| workflow.play(&sim, resyncs).await)
}

#[test]
fn each_workflow_keeps_the_laws_and_resyncs_write_nothing() {
    let findings = |workflow: Workflow| {
        let run = faultless(&workflow, 3);
        run.findings.into_iter().map(move |finding| format!("{}: {finding}", workflow.name))
    };
    let findings: Vec<String> = workflows::all().into_iter().flat_map(findings).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Operation, resource and life of each call. Watches are left out: two watches that end in the same millisecond
/// restart in random order. The names of events are cut, since the names end in a real time.
fn call_sequence(run: &Run) -> Vec<(&str, &str, usize)> {
    let calls = run.calls.iter().filter(|call| !call.operation.starts_with("kube:watch"));
    let on = |call: &'_ Call| match call.operation.ends_with(" events") {
        true => call.on.rfind('.').unwrap_or(call.on.len()),
        false => call.on.len(),
    };
    calls.map(|call| (call.operation.as_str(), &call.on[..on(call)], call.life)).collect()
}

/// Several resources of these workflows are due in the same millisecond. kube starts their reconciles in the order of a
/// hash. So the order of the calls differs from run to run.
const DUE_TOGETHER: [&str; 2] = ["s3: ten on one bucket", "s3: an entry that S3 refuses, beside others"];

#[test]
fn the_same_seed_makes_the_same_calls() {
    for workflow in workflows::all() {
        let [once, again] = [(); 2].map(|()| faultless(&workflow, 1));
        if !DUE_TOGETHER.contains(&workflow.name) {
            assert_eq!(call_sequence(&once), call_sequence(&again), "{}", workflow.name);
        }
        assert_eq!((once.aws, once.conditions), (again.aws, again.conditions), "{}", workflow.name);
    }
}
