//! The owner of a rule, an entry, a statement or a function: by its name, and by its tags.

mod names;
mod tags;

pub use names::*;
pub use tags::*;
