//! Functions that the operator deploys from a definition.

mod code;
mod drift;
mod example;
mod failures;
mod interrupted;
mod moved;
mod ownership;
mod retries;
mod secret;
mod settings;
mod unmarked;
pub mod view;
