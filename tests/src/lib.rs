//! The local env that the tests and the demo run in.

pub mod aws_proxy;
pub mod env;
pub mod kstatus;
pub mod sim;
