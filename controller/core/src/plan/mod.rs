//! Planners: pure functions from a desired and an observed state to the steps between both.
//!
//! Each planner obeys four laws, and each law has a property test: A plan after its own application is empty. Foreign
//! parts stay byte-identical. The order of resources has no effect. A deletion removes only the resources of this
//! owner.

pub mod bucket;
pub mod function;
pub mod intent;
pub mod permission;
pub mod reach;
pub mod rule;
pub mod schedule;
pub mod switch;
pub mod tags;
pub mod trigger;
