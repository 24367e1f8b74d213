//! The intents of both kinds: the desired resources of a valid spec, and the plan from an observed state.

pub mod s3_triggered_function;
pub mod scheduled_function;
mod valid_spec;

pub use valid_spec::ValidSpec;

#[cfg(test)]
mod tests;
