//! The report of an import: what became of each part of AWS, and the steps of the hand-over.
//!
//! The report never contains the input of a schedule, which may hold secrets.

mod json;
mod let_go;
mod line;
mod section;
mod steps;
mod text;

pub use line::{Content, Line};
pub use section::{Place, Report, Section};
