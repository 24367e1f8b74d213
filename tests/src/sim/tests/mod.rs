//! The protocols that the operator is put through.

mod chaos;
mod counts;
mod crash;
mod faults;
mod late;
mod parallel;
mod permissions;
mod quotas;
mod seeds;
mod sequences;
mod soak;
mod two;
mod watches;
mod workflows;
