//! The least IAM policy, and `lambda-triggers doctor`. In every test, the AWS proxy checks that the policy allows all
//! calls.

mod commands;
mod docs;
mod doctor;
mod doctor_all;
mod doctor_operator;
mod doctor_orphans;
mod doctor_output;
mod doctor_scheduler;
mod required_actions;
mod scheduler_role;
mod signed;
