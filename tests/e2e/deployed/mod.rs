//! Functions that the operator deploys from a definition.

mod code;
mod crashes;
mod drift;
mod example;
mod failures;
mod ownership;
mod replacement;
mod retries;
mod secret;
mod settings;
mod untagged;
pub mod view;
