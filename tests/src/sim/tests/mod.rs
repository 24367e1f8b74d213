//! The protocols that the operator is put through.

mod workflows;
