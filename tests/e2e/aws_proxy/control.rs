//! Steps of a table that change or question the AWS proxy itself.

use std::time::Duration;

use jiff::Timestamp;
use lambda_triggers_tests::aws_proxy::{
    AwsProxy, Call, CredentialFault, Failure, Fault, FaultKind, LateAnswer, Pace, ScheduleRun,
    SchedulerSettings,
};
use serde::Deserialize;
use serde_json::Value;

const LATE: Duration = Duration::from_millis(300);

/// A step of the operation `proxy`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Control {
    /// Changes of functions last until `finish_functions`.
    HoldFunctions,
    FinishFunctions,
    /// Changes of functions last for a number of reads: 0 at the start for `$account`, whereas `$other` has the usual
    /// pace.
    SlowFunctions(usize),
    SlowFunctionsForSeconds(u64),
    FailFunction {
        name: String,
        code: String,
        reason: String,
    },
    /// Passes `$bucket` to another account.
    PassBucketTo(String),
    /// Deletes a bucket, and creates a bucket of this name for another account.
    TakeBucketName {
        bucket: String,
        owner: String,
    },
    CreateLegacyBucket(String),
    Inject(Injection),
    ClearFaults,
    /// The number of faults that are not used up.
    PendingFaults(usize),
    ClearCalls,
    /// The time of Scheduler stands still from now on.
    SchedulerTime(Timestamp),
    /// Scheduler runs until this time.
    AdvanceScheduler(Timestamp),
    /// Unnamed settings return to their defaults.
    ConfigureScheduler(SchedulerSettings),
    /// All runs of schedules: due time, time of the delivery, group and name, and payload.
    Runs(Vec<String>),
    /// The failed runs of a group.
    TargetErrors {
        group: String,
        count: usize,
    },
    /// Scheduler throttles at AWS's quotas from now on.
    LimitToQuotas,
    /// All recorded calls: service, operation, resource, Region, read or write, status, and the role of a session.
    Calls(Vec<String>),
}

/// A fault of some calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    on: String,
    resource: Option<String>,
    #[serde(default)]
    after: usize,
    #[serde(default = "once")]
    times: usize,
    fault: Kind,
}

fn once() -> usize {
    1
}

/// The faults without code of the test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Kind {
    Throttle,
    Denied,
    OperationAborted,
    StaleRead,
    FailedEntry,
    RoleNotReady,
    CodeStorageExceeded,
    ScheduleConflict,
    ScheduleQuotaExceeded,
    Timeout,
    LostAnswer,
    /// Applied after 300 ms.
    Late(Late),
    /// Another writer replaces the document.
    SecondWriter(String),
    Error(u16),
    Refuse {
        status: u16,
        code: String,
        message: String,
    },
    Expired,
    Unknown,
    WrongSignature,
    ClockBehind,
    RegionNotEnabled,
}

/// The immediate answer to a late call.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Late {
    Error(u16),
    Lost,
}

impl Kind {
    fn into_fault(self) -> FaultKind {
        match self {
            Self::Throttle => FaultKind::Throttle,
            Self::Denied => FaultKind::Denied,
            Self::OperationAborted => FaultKind::OperationAborted,
            Self::StaleRead => FaultKind::StaleRead,
            Self::FailedEntry => FaultKind::FailedEntry,
            Self::RoleNotReady => FaultKind::role_not_ready(),
            Self::CodeStorageExceeded => FaultKind::code_storage_exceeded(),
            Self::ScheduleConflict => FaultKind::schedule_conflict(),
            Self::ScheduleQuotaExceeded => FaultKind::schedule_quota_exceeded(),
            Self::Timeout => FaultKind::Timeout,
            Self::LostAnswer => FaultKind::LostAnswer,
            Self::Late(Late::Error(status)) => FaultKind::Late(LATE, LateAnswer::Error(status)),
            Self::Late(Late::Lost) => FaultKind::Late(LATE, LateAnswer::Lost),
            Self::SecondWriter(document) => FaultKind::second_writer(document),
            Self::Error(status) => FaultKind::Error(status),
            Self::Refuse { status, code, message } => FaultKind::refuse(status, &code, message),
            Self::Expired => FaultKind::Credentials(CredentialFault::Expired),
            Self::Unknown => FaultKind::Credentials(CredentialFault::Unknown),
            Self::WrongSignature => FaultKind::Credentials(CredentialFault::WrongSignature),
            Self::ClockBehind => FaultKind::Credentials(CredentialFault::ClockBehind),
            Self::RegionNotEnabled => FaultKind::Credentials(CredentialFault::RegionNotEnabled),
        }
    }
}

impl Control {
    pub fn parse(value: &Value) -> Result<Self, String> {
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())
    }

    pub async fn apply(self, proxy: &AwsProxy, account: &str) -> Result<(), String> {
        match self {
            Self::HoldFunctions => proxy.slow_functions(account, Pace::Held),
            Self::FinishFunctions => proxy.finish_functions(account),
            Self::SlowFunctions(reads) => proxy.slow_functions(account, Pace::Reads(reads)),
            Self::SlowFunctionsForSeconds(seconds) => {
                proxy.slow_functions(account, Pace::Time(Duration::from_secs(seconds)));
            }
            Self::FailFunction { name, code, reason } => {
                proxy.fail_function(account, &name, Failure::new(code, reason));
            }
            Self::PassBucketTo(owner) => {
                assert!(proxy.pass_bucket_to(account, &format!("bucket-{account}"), &owner).await);
            }
            Self::TakeBucketName { bucket, owner } => {
                assert!(proxy.take_bucket_name(account, &bucket, &owner).await);
            }
            Self::CreateLegacyBucket(bucket) => assert!(proxy.create_legacy_bucket(account, &bucket).await),
            Self::Inject(injection) => {
                let fault = Fault::on(&injection.on, injection.fault.into_fault());
                let fault = fault.after(injection.after).times(injection.times);
                let resource = injection.resource.iter();
                proxy.inject(account, resource.fold(fault, |fault, resource| fault.resource(resource)));
            }
            Self::ClearFaults => proxy.clear_faults(account),
            Self::PendingFaults(expected) => return equal(&expected, &proxy.pending_faults(account)),
            Self::ClearCalls => proxy.clear_calls(account),
            Self::SchedulerTime(now) => proxy.scheduler_time(account, now),
            Self::AdvanceScheduler(to) => proxy.advance_scheduler(account, to).await,
            Self::ConfigureScheduler(settings) => proxy.configure_scheduler(account, settings),
            Self::Runs(expected) => {
                let runs = proxy.runs(account);
                return equal(&expected, &runs.iter().map(run_text).collect::<Vec<_>>());
            }
            Self::TargetErrors { group, count } => {
                return equal(&count, &proxy.target_errors(account, &group));
            }
            Self::LimitToQuotas => proxy.limit_to_quotas(account),
            Self::Calls(expected) => return check_calls(proxy, account, &expected),
        }
        Ok(())
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("found {found:?}")) }
}

fn check_calls(proxy: &AwsProxy, account: &str, expected: &[String]) -> Result<(), String> {
    let texts = |calls: &[Call]| calls.iter().map(call_text).collect::<Vec<_>>();
    let calls = proxy.calls(account);
    equal(&expected.to_vec(), &texts(&calls))?;
    let writes: Vec<String> = expected.iter().filter(|call| call.contains(" write ")).cloned().collect();
    equal(&writes, &texts(&proxy.writes(account)))?;
    let of_first = |call: &&Call| call.operation == calls[0].operation;
    calls.first().map_or(Ok(()), |first| {
        equal(&calls.iter().filter(of_first).count(), &proxy.count(account, &first.operation))
    })
}

fn run_text(run: &ScheduleRun) -> String {
    let ScheduleRun { due, at, schedule, target: _, payload } = run;
    let schedule = schedule.split_once(":schedule/").map_or(schedule.as_str(), |(_, name)| name);
    format!("{due} {at} {schedule} {payload}")
}

fn call_text(call: &Call) -> String {
    let Call { service, operation, resource, region, write, role, status } = call;
    let kind = if *write { "write" } else { "read" };
    let text = format!("{service} {operation} {resource} {region} {kind} {status}");
    role.iter().fold(text, |text, role| text + " " + role)
}
