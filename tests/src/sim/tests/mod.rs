//! The protocols that the operator is put through.

mod crash;
mod workflows;
