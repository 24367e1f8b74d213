//! Tests of the AWS proxy: every AWS rule that the proxy enforces. Most are rows of the tables in this folder, which
//! [`table`] explains. The proxy is in `tests/src/aws_proxy`.

mod control;
mod faults;
mod notification;
mod request;
mod scheduler_port;
pub mod table;
mod variables;

/// The Region of all callers that name no other.
const REGION: &str = "eu-west-1";

/// Tests that run the rows of a table.
macro_rules! tables {
    ($($name:ident)+) => {$(
        #[test]
        fn $name() {
            table::assert_rows(include_str!(concat!(stringify!($name), ".yaml")));
        }
    )+};
}

tables! {
    calls
    delivery
    events_rules
    events_targets
    iam_simulation
    injected_faults
    lambda_code
    lambda_functions
    lambda_policy
    lambda_settings
    s3_buckets
    s3_destinations
    s3_document
    s3_overlap
    scheduler_groups
    scheduler_roles
    scheduler_runs
    scheduler_schedules
    scheduler_values
}
