//! Ownership of AWS resources: of a rule, an entry, a permission statement or a function.
//!
//! Names, Ids and tags carry the owner id. The planners in [`crate::plan`] change and delete only resources of this
//! owner.

mod names;
mod tags;

pub use names::*;
pub use tags::*;
