//! What is to hold in each run, and after it.

mod aws;
mod documents;
mod watchdog;

use std::fmt;

pub use aws::{effects, with_names};
pub use documents::windows;
pub use watchdog::Watchdog;

use super::workflows::Run;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The law that does not hold.
    pub oracle: Oracle,
    /// What does not hold, and when.
    pub text: String,
}

/// The laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oracle {
    /// AWS and the conditions end as without faults.
    EndState,
    /// What is created and deleted in AWS is what is created and deleted without faults, as often.
    Effects,
    /// What others wrote stays, to the byte.
    Foreign,
    /// When an object is gone, nothing of it is in AWS, nor comes back; nor is there a statement that nothing of ours needs.
    Gone,
    /// An object that says that it is ready is so in AWS.
    Ready,
    /// The same just after AWS told the operator what was not so, or somebody else wrote to AWS: what it says was so when it
    /// looked, or it was told that it is.
    ReadyInDoubt,
    /// At rest, nothing is written.
    Rest,
    /// No status, no event and no line of the log tells what a function gets as input or environment.
    Secret,
    /// StatusCache keep to the rules of kstatus.
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

/// What is wrong with a run, by itself and beside the same workflow without faults.
///
/// Where a fault allows other creations and deletions than there are without it, leave out [`Oracle::Effects`].
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
