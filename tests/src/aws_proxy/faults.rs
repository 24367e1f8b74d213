//! Faults that a test injects into matching calls.

use std::{collections::HashMap, fmt, future::Future, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;

use super::{
    call::{Call, Request},
    wire::Refusal,
};
use crate::scheduler::store::quota_exceeded;

/// A fault for matching calls, active until used up.
///
/// ```
/// use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
/// let third_write_of_this_bucket = Fault::on("PutBucketNotificationConfiguration", FaultKind::Throttle)
///     .resource("photos")
///     .after(2);
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    operation: String,
    resource: Option<String>,
    containing: Option<String>,
    times: usize,
    after: usize,
    kind: FaultKind,
}

impl Fault {
    /// Matches all operations.
    pub const ANY: &str = "*";
    /// Matches all operations that change something.
    pub const ANY_WRITE: &str = "* (writes)";

    /// A fault for the next call of `operation` (an AWS name, [`Fault::ANY`] or [`Fault::ANY_WRITE`]).
    pub fn on(operation: &str, kind: FaultKind) -> Self {
        Self { operation: operation.to_owned(), resource: None, containing: None, times: 1, after: 0, kind }
    }

    /// Restricts the fault to calls with this bucket, function, rule, schedule or group.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Restricts the fault to calls with this text in the body. The text can be an entry that AWS refuses.
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = Some(text.into());
        self
    }

    /// Sets the number of calls that get the fault; 1 by default.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Skips the first `calls` matching calls.
    pub fn after(mut self, calls: usize) -> Self {
        self.after = calls;
        self
    }

    fn matches(&self, request: &Request) -> bool {
        let operation = match self.operation.as_str() {
            Self::ANY => true,
            Self::ANY_WRITE => request.write,
            operation => operation == request.operation,
        };
        let contains = |text: &String| String::from_utf8_lossy(&request.body).contains(text);
        operation
            && self.resource.as_ref().is_none_or(|resource| *resource == request.resource)
            && self.containing.as_ref().is_none_or(contains)
    }
}

/// The effect of a fault on a call.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// Throttled, in the service's format: S3 503 `SlowDown`, Lambda 429 `TooManyRequestsException`, EventBridge 400
    /// `ThrottlingException`, Scheduler 429 `ThrottlingException`. Not applied.
    Throttle,
    /// Denied by IAM: `AccessDenied` (S3) or `AccessDeniedException`. The status is 403, or 400 from EventBridge, as on
    /// AWS. Not applied.
    Denied,
    /// Refused with a status, an error code and a message. Not applied.
    Refuse {
        /// HTTP status.
        status: u16,
        /// The service's error code, for instance `InvalidParameterValueException`.
        code: String,
        /// The service's error message.
        message: String,
    },
    /// Refused for the credentials, in the service's format. Not applied.
    Credentials(CredentialFault),
    /// 409 `OperationAborted`, S3's answer to parallel changes of a bucket's configuration. Not applied.
    OperationAborted,
    /// A server error with this status. Not applied.
    Error(u16),
    /// Never answered and not applied; the connection stays open.
    Timeout,
    /// Applied at once, answered after the delay.
    Slow(Duration),
    /// Applied, and the connection closed without an answer.
    LostAnswer,
    /// Answered at once, applied after the delay.
    Late(Duration, LateAnswer),
    /// A read of a bucket's notification configuration returns the previous document. `GetSchedule` and `ListSchedules`
    /// answer from the state before the last change.
    StaleRead,
    /// Another writer changes the bucket's notification configuration just before the call is applied.
    SecondWriter(SecondWriter),
    /// `PutTargets` and `RemoveTargets` answer 200 with `FailedEntryCount` 1. Only the first entry is not
    /// applied.
    FailedEntry,
    /// The test's own code before and after the call.
    Hook(Hook),
}

impl FaultKind {
    /// A refusal with a status, an error code and a message.
    pub fn refuse(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::Refuse { status, code: code.to_owned(), message: message.into() }
    }

    /// Lambda cannot assume a new role yet: IAM takes some seconds to propagate the role.
    pub fn role_not_ready() -> Self {
        let message = "The role defined for the function cannot be assumed by Lambda.";
        Self::refuse(400, "InvalidParameterValueException", message)
    }

    /// The function's role lacks a permission, or IAM has not propagated the permission yet. `call` has the form
    /// `SendMessage on SQS`. Terraform retries the error:
    /// <https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/lambda/function.go>.
    pub fn role_may_not(call: &str) -> Self {
        let message = format!("The provided execution role does not have permissions to call {call}");
        Self::refuse(400, "InvalidParameterValueException", message)
    }

    /// KMS does not know the function's role yet.
    pub fn role_unknown_to_kms(role: &str) -> Self {
        let message = format!(
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid for \
             CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not \
             refer to a valid principal: {role}"
        );
        Self::refuse(400, "InvalidParameterValueException", message)
    }

    /// The image is an index, as images with attestations are. <https://github.com/docker/buildx/issues/1533>
    pub fn image_is_index(uri: &str) -> Self {
        let message = format!(
            "The image manifest, config or layer media type for the source image {uri} is not supported."
        );
        Self::refuse(400, "InvalidParameterValueException", message)
    }

    /// The account's code storage is full: 75 GB in a Region by default.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    pub fn code_storage_exceeded() -> Self {
        Self::refuse(400, "CodeStorageExceededException", "Code storage limit exceeded.")
    }

    /// Scheduler's answer to a change soon after another change.
    pub fn schedule_conflict() -> Self {
        Self::refuse(409, "ConflictException", "The schedule is being changed by another request.")
    }

    /// Scheduler's answer to a creation beyond the quota.
    pub fn schedule_quota_exceeded() -> Self {
        let Refusal { status, code, message, .. } = quota_exceeded("schedules");
        Self::Refuse { status, code, message }
    }

    /// A second writer that replaces the whole document with this XML.
    pub fn second_writer(document: impl Into<String>) -> Self {
        let document = document.into();
        Self::second_edit(move |_| document.clone())
    }

    /// A second writer that edits the present document.
    pub fn second_edit(edit: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::SecondWriter(SecondWriter(Arc::new(edit)))
    }
}

/// The reason why AWS rejects the credentials of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// The session has expired.
    Expired,
    /// AWS does not know the access key. The error is the same in a Region that the account has not enabled.
    Unknown,
    /// The secret key does not belong to the access key.
    WrongSignature,
    /// The caller's clock is behind AWS's clock.
    ClockBehind,
    /// The account may not use the Region.
    RegionNotEnabled,
}

/// The client's view of a late call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateAnswer {
    /// A server error with this status.
    Error(u16),
    /// The connection closes without an answer.
    Lost,
    /// No answer, on an open connection.
    Silence,
}

/// Makes the second writer's document from the present document.
#[derive(Clone)]
pub struct SecondWriter(pub(super) Arc<dyn Fn(&str) -> String + Send + Sync>);

impl fmt::Debug for SecondWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecondWriter")
    }
}

/// The course of a call after a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Continue as without a hook.
    GoOn,
    /// Close the connection. Before the call, the call is not applied. After the call, the answer is lost.
    HangUp,
}

type HookFn = Arc<dyn Fn(Call) -> BoxFuture<'static, Then> + Send + Sync>;

/// A test's own code around a call. The code runs on the proxy's runtime.
#[derive(Clone, Default)]
pub struct Hook {
    pub(super) before: Option<HookFn>,
    pub(super) after: Option<HookFn>,
}

impl Hook {
    /// Runs before the call is applied.
    pub fn before<F: Future<Output = Then> + Send + 'static>(
        run: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { before: Some(Arc::new(move |call| run(call).boxed())), after: None }
    }

    /// Runs after the call is applied and before the answer is sent. The call has its status.
    pub fn after<F: Future<Output = Then> + Send + 'static>(
        run: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { before: None, after: Some(Arc::new(move |call| run(call).boxed())) }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hook")
    }
}

/// The faults of each account.
#[derive(Default)]
pub(super) struct Faults(Mutex<HashMap<String, Vec<Fault>>>);

impl Faults {
    fn with<T>(&self, account: &str, act: impl FnOnce(&mut Vec<Fault>) -> T) -> T {
        act(self.0.lock().entry(account.to_owned()).or_default())
    }

    pub fn inject(&self, account: &str, fault: Fault) {
        self.with(account, |faults| faults.push(fault));
    }

    pub fn clear(&self, account: &str) {
        self.with(account, Vec::clear);
    }

    /// Number of faults that are not used up.
    pub fn pending(&self, account: &str) -> usize {
        self.with(account, |faults| faults.len())
    }

    /// The first fault that is due for the call. Every matching fault counts the call.
    pub fn meet(&self, request: &Request) -> Option<FaultKind> {
        self.with(&request.account, |faults| {
            let mut met = None;
            for fault in faults.iter_mut().filter(|fault| fault.matches(request)) {
                if fault.after > 0 {
                    fault.after -= 1;
                } else if met.is_none() && fault.times > 0 {
                    fault.times -= 1;
                    met = Some(fault.kind.clone());
                }
            }
            faults.retain(|fault| fault.times > 0);
            met
        })
    }
}
