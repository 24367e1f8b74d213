//! The error of a start, in a file that every module of the operator may import.

/// The error that ends the operator's start, or its work as the leader. Its message says what to do.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;
