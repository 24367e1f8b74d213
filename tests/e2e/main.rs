//! End-to-end tests.

#![allow(clippy::unwrap_used, reason = "this whole binary is a test")]

mod front;
mod world;
