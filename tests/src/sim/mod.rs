//! The simulator: the operator runs unchanged against AWS and Kubernetes in memory.
//!
//! Each call passes a fault injector. Time is virtual: tokio's clock jumps forward when no task can run. All random
//! choices depend on the seed of a run. The life of a resource takes milliseconds. `tests/e2e/agreement.rs` compares
//! the simulator with a real API server.

pub mod aws;
pub mod fault_injector;
pub mod kube;
pub mod logs;
pub mod oracles;
pub mod run;
#[cfg(test)]
mod tests;
pub mod workflows;
