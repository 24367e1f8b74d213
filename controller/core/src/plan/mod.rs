//! What is to be done: pure functions from what is wanted and what is observed to the steps between.
//!
//! Laws, each with a property test: planning after applying is empty; what is not ours is identical before and
//! after; the order of resources does not matter; deletion removes own things only.

pub mod bucket;
pub mod function;
pub mod permission;
pub mod rule;
pub mod tags;
