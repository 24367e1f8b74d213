//! Each workflow without faults.

use crate::sim::gate::{Call, Verdict};
use crate::sim::run::simulate;
use crate::sim::workflows::{self, Run, Workflow};

fn faultless(workflow: &Workflow, sweeps: u32) -> Run {
    simulate(1, |_: &Call| Verdict::Pass, async |sim| workflow.play(&sim, sweeps).await)
}

#[test]
fn each_workflow_ends_well_and_three_sweeps_write_nothing() {
    let findings = |workflow: Workflow| {
        let run = faultless(&workflow, 3);
        run.findings.into_iter().map(move |finding| format!("{}: {finding}", workflow.name))
    };
    let findings: Vec<String> = workflows::all().into_iter().flat_map(findings).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The times of conditions and the names of events come from the clock of the machine, and are in no call.
#[test]
fn the_same_seed_makes_the_same_calls() {
    for workflow in workflows::all() {
        let [once, again] = [(); 2].map(|()| faultless(&workflow, 1));
        assert_eq!(once, again, "{}", workflow.name);
    }
}
