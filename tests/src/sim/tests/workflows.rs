//! Each workflow without faults.

use crate::sim::gate::{Call, Verdict};
use crate::sim::workflows;

#[test]
fn each_workflow_ends_well_without_faults() {
    let findings = |workflow: workflows::Workflow| {
        let run = workflow.run(1, |_: &Call| Verdict::Pass);
        run.findings.into_iter().map(move |finding| format!("{}: {finding}", workflow.name))
    };
    let findings: Vec<String> = workflows::all().into_iter().flat_map(findings).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
