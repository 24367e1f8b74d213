//! The local world that the tests and the demo run in.

pub mod aws_proxy;
pub mod kstatus;
pub mod sim;
pub mod world;
