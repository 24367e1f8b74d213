//! The least IAM policy, and `lambda-triggers doctor`. That no test makes a call which the policy does not allow is seen
//! to by the aws_proxy, in every test.

mod docs;
mod doctor;
mod ladder;
mod signed;
