//! The oracles: laws that hold during each run and at its end.

mod aws;
mod documents;
mod runs;
mod schedules;
mod watchdog;

use std::fmt;

pub use aws::{effects, with_names};
pub use documents::windows;
pub use runs::wrong_runs;
pub use watchdog::Watchdog;

use super::workflows::Run;

/// A violation of a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The violated law.
    pub oracle: Oracle,
    /// A description of the violation, with its time.
    pub text: String,
}

/// The laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oracle {
    /// AWS and the conditions end as in the run without faults.
    EndState,
    /// The operator creates and deletes the same AWS resources as without faults, and as often.
    Effects,
    /// Foreign entries stay, byte for byte, and so do foreign schedules and groups.
    Foreign,
    /// After the deletion of an object, nothing of the object is in AWS, and nothing comes back. AWS has no permission
    /// statement of ours that no resource needs.
    Gone,
    /// AWS has everything that a ready object claims.
    Ready,
    /// The law [`Oracle::Ready`], shortly after an untrue answer of AWS or a foreign write. Then a status can be wrong
    /// although each of the operator's reads supports the status.
    ReadyInDoubt,
    /// The operator writes nothing while all objects are in sync.
    Rest,
    /// A ready schedule runs once at each due time while all objects are in sync.
    Runs,
    /// No status, event or log line shows a function's input or environment.
    Secret,
    /// Statuses keep the rules of kstatus.
    Kstatus,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.oracle, self.text)
    }
}

fn finding(oracle: Oracle, text: impl Into<String>) -> Finding {
    Finding { oracle, text: text.into() }
}

/// The violations of a run, alone and in comparison with the same workflow without faults.
///
/// Callers ignore [`Oracle::Effects`] if a fault permits other creations and deletions.
pub fn judge(faultless: &Run, run: &Run) -> Vec<Finding> {
    let mut findings = run.findings.clone();
    for difference in aws::differences(&faultless.aws, &run.aws) {
        findings.push(finding(Oracle::EndState, difference));
    }
    if faultless.conditions != run.conditions {
        let text = format!("conditions {:?}\n  without faults {:?}", run.conditions, faultless.conditions);
        findings.push(finding(Oracle::EndState, text));
    }
    if faultless.effects != run.effects {
        let text = format!("{:#?}\n  without faults {:#?}", run.effects, faultless.effects);
        findings.push(finding(Oracle::Effects, text));
    }
    findings
}
