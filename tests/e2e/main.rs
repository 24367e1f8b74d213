//! End-to-end tests: the operator's program against a real API server and a strict local AWS. `tests/src` contains the
//! environment.

#![allow(clippy::unwrap_used, reason = "this whole binary is a test")]

// The longest test comes first, since the order of names is the order of starts.
mod acceptance;
mod accounts;
mod aws_proxy;
mod bench;
mod chart;
mod cli;
mod credentials;
mod deployed;
mod docs;
mod env;
mod explain;
mod gitops;
mod iam;
mod import;
mod network;
mod objects;
mod operator;
mod owner_id;
mod plan;
mod profiles;
mod read_only;
mod refused;
mod s3;
mod scheduled;
mod simulation_agreement;
mod support;
mod telemetry;
mod tenancy;
