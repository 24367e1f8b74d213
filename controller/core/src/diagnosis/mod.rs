//! The decisions of `lambda-triggers doctor`: the findings about a cluster and an account, from observed values.

mod check;
mod readiness;

pub use check::{Check, CheckResult, Summary};
pub use readiness::{is_ready, unready};
