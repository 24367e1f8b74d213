//! Functions that the operator deploys, from apply to delete.

mod code;
mod drift;
mod failures;
mod interrupted;
mod life;
mod moved;
mod ownership;
mod retries;
mod secret;
mod settings;
mod unmarked;
pub mod view;
