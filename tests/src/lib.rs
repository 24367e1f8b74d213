//! The test environment of lambda-triggers: control plane, local AWS behind a strict proxy, simulator, and rules for
//! statuses. The tests and the demo run in it.

pub mod aws_proxy;
pub mod env;
pub mod kstatus;
mod scheduler;
pub mod sim;
