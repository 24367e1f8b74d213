//! The planner for a Lambda function that the operator deploys (`spec.function.definition`).
//!
//! `desired` builds the desired function, `diff` returns the steps, and `archive` packs code from the cluster.

mod archive;
mod async_invoke;
mod desired;
mod diff;
mod handler;
mod named;
mod pack;
mod report;

pub use archive::{Archive, ArchiveError, archive};
pub use async_invoke::{EventInvokeConfig, plan_async_invoke};
pub use desired::{
    CodeSource, Configuration, DesiredFunction, ImageConfiguration, LoggingConfiguration, function_name,
};
pub use diff::{
    FunctionConflict, FunctionPlan, FunctionState, FunctionStep, ObservedFunction, Update, plan_function,
    plan_function_release, plan_function_removal,
};
pub use named::{in_state_failed, named_arn, not_found, region};
pub use pack::{ClusterCode, code_not_found, config_map_of_code, files_of_config_map, no_config_map, pack};
pub use report::{conflicting, event, failure, not_deleted, status};

#[cfg(test)]
mod tests;
