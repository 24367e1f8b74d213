//! A world in memory, in which the operator runs as it is: AWS and Kubernetes as values behind a interceptor, time that passes when
//! nobody has anything to do, and all chance from one seed. A whole life of a resource takes milliseconds.

pub mod aws;
pub mod fault_injector;
pub mod kube;
pub mod logs;
pub mod oracles;
pub mod run;
#[cfg(test)]
mod tests;
pub mod workflows;
