//! A function that the operator deploys: what is wanted, what is there, and the steps between.

mod archive;
mod async_invoke;
mod desired;
mod diff;
mod handler;

pub use archive::{Archive, ArchiveError, archive};
pub use async_invoke::{EventInvokeConfig, plan_async_invoke};
pub use desired::{
    CodeSource, Configuration, DesiredFunction, ImageConfiguration, LoggingConfiguration, function_name,
};
pub use diff::{
    FunctionConflict, FunctionPlan, FunctionState, FunctionStep, ObservedFunction, Update, plan_function,
    plan_function_release, plan_function_removal,
};
pub use handler::{MissingHandler, missing_handler};

#[cfg(test)]
mod tests;
