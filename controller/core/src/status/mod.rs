//! The status of an object: conditions, their reasons, and the outcome of a reconcile.
//!
//! The conditions follow kstatus (<https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus>). `Ready` is
//! always present; `Reconciling` and `Stalled` are present only while true.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::Backend;

/// A component of a trigger with a condition of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The function that the trigger invokes.
    Function,
    /// The statement in the function's resource policy.
    Permission,
    /// The EventBridge rule with its target.
    Rule,
    /// The schedule of EventBridge Scheduler.
    Schedule,
    /// The entries in the bucket's notification configuration.
    Notification,
}

impl Component {
    /// The component of a `ScheduledFunction` that runs the function.
    pub fn for_backend(backend: Backend) -> Self {
        match backend {
            Backend::Rule => Self::Rule,
            Backend::Scheduler => Self::Schedule,
        }
    }

    /// The type of the component's condition.
    pub fn condition(self) -> &'static str {
        match self {
            Self::Function => "FunctionReady",
            Self::Permission => "PermissionReady",
            Self::Rule => "RuleReady",
            Self::Schedule => "ScheduleReady",
            Self::Notification => "NotificationReady",
        }
    }
}

macro_rules! reasons {
    ($(#[doc = $of:literal])+ $kind:ident: $($(#[doc = $doc:literal])+ $name:ident,)+) => {
        $(#[doc = $of])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind { $($(#[doc = $doc])+ $name,)+ }

        impl $kind {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The text in a condition or an event.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    /// The reasons of conditions. The reasons are API, because users and tools match on the texts.
    /// `docs/conditions.md` describes the cause and the fix of each reason.
    Reason:
    /// AWS matches the spec.
    Applied,
    /// A foreign statement permits the invocation. The operator does not, or may not, manage the function's policy.
    ExternalPermission,
    /// AWS matches the spec, and `spec.suspend` stops the trigger.
    Suspended,
    /// The time of the only run, or the end date of the schedule, has passed.
    Completed,
    /// The annotation `lambda-triggers.dev/paused` pauses the object.
    Paused,
    /// The object is new or changed. The state in AWS is not known yet.
    Progressing,
    /// The object is being deleted, and the operator removes the AWS resources of the object.
    Deleting,
    /// The spec contains a value that AWS cannot accept.
    InvalidSpec,
    /// The schedule has no future run, for example because its year has passed.
    NoNextRun,
    /// The function, the alias or the version does not exist.
    FunctionNotFound,
    /// Lambda reports the function as failed, and the function cannot be invoked.
    FunctionFailed,
    /// A foreign function has the name that this object would deploy.
    ConflictingFunction,
    /// The code does not exist. The code is a ConfigMap (which may be empty or lack the handler's file), an object in
    /// S3 or an image.
    CodeNotFound,
    /// Another resource of the definition does not exist: a layer, a queue, a subnet, a security group or a key.
    DependencyNotFound,
    /// Lambda cannot assume the function's role, or cannot assume the role yet.
    RoleNotReady,
    /// The bucket does not exist.
    BucketNotFound,
    /// The bucket is in another Region than the function.
    BucketInOtherRegion,
    /// The bucket belongs to another account than the expected owner.
    BucketInOtherAccount,
    /// Another resource of this operator holds the same events or the same function.
    HeldByOther,
    /// A foreign entry in the bucket conflicts with this resource.
    ConflictingEntry,
    /// A foreign rule has the name that this resource needs.
    ConflictingRule,
    /// A schedule group of another owner has the name of this operator's group.
    ConflictingGroup,
    /// The operator or the namespace has no role for EventBridge Scheduler.
    SchedulerRoleMissing,
    /// EventBridge Scheduler may not assume its role.
    SchedulerRoleRefused,
    /// The bucket's notification configuration would exceed S3's maximum number of entries.
    TooManyEntries,
    /// S3 rejects a destination in the bucket's notification configuration.
    DestinationRefused,
    /// Another writer repeatedly reverts the operator's writes to the bucket.
    Contended,
    /// The tenancy file does not permit the namespace to use a resource in the spec.
    NotPermitted,
    /// The existing AWS resources have the owner id of another operator, or the operator's owner id has changed.
    OtherOwnerId,
    /// The namespace now acts in another account than the account of the existing AWS resources or of the schedule's
    /// function.
    OtherAccount,
    /// The IAM policy of the operator's credentials does not permit a call.
    AccessDenied,
    /// No credentials are available: no source has credentials, or STS issues none.
    CredentialsUnavailable,
    /// The credentials have expired. The operator retries with renewed credentials.
    CredentialsExpired,
    /// AWS does not know the credentials, or the signature does not match the credentials.
    CredentialsRefused,
    /// The clock of the operator's node differs too much from AWS' clock. The operator retries.
    ClockSkewed,
    /// The Region is not enabled for the account.
    RegionNotEnabled,
    /// An AWS quota is exhausted.
    QuotaExceeded,
    /// AWS rejects a call as invalid.
    AwsRefused,
    /// AWS throttles calls. The operator retries with backoff.
    Throttled,
    /// AWS was unreachable or failed. The operator retries with backoff.
    AwsUnavailable,
    /// A write without an answer may still take effect. The operator waits for the write grace period.
    OutcomeUnknown,
}

reasons! {
    /// The reasons of events. The reasons are API too. An event about a failure carries a [`Reason`].
    EventReason:
    /// The rule was created.
    RuleCreated,
    /// The rule was changed after a change of the spec.
    RuleUpdated,
    /// The rule was deleted.
    RuleDeleted,
    /// The schedule was created.
    ScheduleCreated,
    /// The schedule was changed after a change of the spec.
    ScheduleUpdated,
    /// The object moved from a rule to a schedule of EventBridge Scheduler, or back.
    ScheduleMoved,
    /// The schedule was deleted.
    ScheduleDeleted,
    /// The time of the only run, or the end date of the schedule, has passed.
    Completed,
    /// Entries were added to the bucket.
    EntryCreated,
    /// Entries in the bucket were changed after a change of the spec.
    EntryUpdated,
    /// Entries were removed from the bucket.
    EntryRemoved,
    /// The function was created.
    FunctionCreated,
    /// The function was changed after a change of the spec or of the code.
    FunctionUpdated,
    /// The function was deleted.
    FunctionDeleted,
    /// The deployed code lacks the handler's file. A layer may contain the file.
    HandlerNotFound,
    /// The function stays with the user, because the spec no longer defines the function.
    FunctionReleased,
    /// The object adopted a foreign AWS resource.
    Adopted,
    /// The operator reverted a foreign change in AWS.
    DriftRepaired,
    /// A pause of the object has started.
    Paused,
    /// A foreign entry disappeared from the bucket at the time of a write of the operator.
    ForeignEntryGone,
    /// S3 cannot deliver to the destination of a foreign entry.
    ForeignDestinationBroken,
    /// The bucket name now belongs to another account. The bucket therefore contains nothing of the object.
    BucketOwnerChanged,
    /// The object is being deleted, but its AWS resources cannot be removed.
    DeletionBlocked,
}

/// The class of a failure. The class decides when the operator retries and who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The failure passes without a change.
    Retryable,
    /// The failure passes with fewer calls.
    Throttled,
    /// Another resource must be created, deleted or permitted, perhaps in the same rollout. Retryable until the
    /// progress deadline of the generation; after the deadline, a person must act.
    Dependency,
    /// The failure stays until a person changes the spec, AWS or the operator's permissions.
    Terminal,
}

impl ErrorClass {
    /// True if the failure passes without a change of any resource.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Retryable | Self::Throttled)
    }

    /// The class before or after the progress deadline; see [`is_overdue`].
    pub fn at_deadline(self, is_overdue: bool) -> Self {
        match self {
            Self::Dependency if is_overdue => Self::Terminal,
            class => class,
        }
    }
}

/// True if the progress deadline of a generation has passed. The deadline counts from `observed`, the first time that
/// the operator saw the generation. A status from an older version has no time and is overdue.
pub fn is_overdue(observed: Option<&Time>, now: &Time, deadline: Duration) -> bool {
    observed.is_none_or(|observed| now.0.duration_since(observed.0).unsigned_abs() >= deadline)
}

/// A failure of one component of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The failed component.
    pub component: Component,
    /// The reason, which also decides the class.
    pub reason: Reason,
    /// The failed operation, its target, the error and the next step for the user. The same failure must have the
    /// same message each time, because every change of the message causes a write of the status.
    pub message: String,
}

impl Failure {
    /// A failure with a message for the condition.
    pub fn new(component: Component, reason: Reason, message: impl Into<String>) -> Self {
        Self { component, reason, message: message.into() }
    }

    /// The class of the failure, by its reason.
    pub fn class(&self) -> ErrorClass {
        match self.reason {
            Reason::Throttled => ErrorClass::Throttled,
            Reason::AwsUnavailable
            | Reason::CredentialsUnavailable
            | Reason::CredentialsExpired
            | Reason::ClockSkewed
            | Reason::OutcomeUnknown
            | Reason::DestinationRefused
            | Reason::Progressing
            | Reason::Deleting
            | Reason::Applied
            | Reason::ExternalPermission
            | Reason::Suspended
            | Reason::Completed => ErrorClass::Retryable,
            Reason::FunctionNotFound
            | Reason::ConflictingFunction
            | Reason::CodeNotFound
            | Reason::DependencyNotFound
            | Reason::RoleNotReady
            | Reason::BucketNotFound
            | Reason::HeldByOther
            | Reason::ConflictingEntry
            | Reason::ConflictingRule
            | Reason::ConflictingGroup
            | Reason::SchedulerRoleRefused
            | Reason::TooManyEntries
            | Reason::NotPermitted
            | Reason::AccessDenied => ErrorClass::Dependency,
            Reason::InvalidSpec
            | Reason::NoNextRun
            | Reason::FunctionFailed
            | Reason::BucketInOtherRegion
            | Reason::BucketInOtherAccount
            | Reason::Contended
            | Reason::Paused
            | Reason::OtherOwnerId
            | Reason::OtherAccount
            | Reason::CredentialsRefused
            | Reason::RegionNotEnabled
            | Reason::SchedulerRoleMissing
            | Reason::QuotaExceeded
            | Reason::AwsRefused => ErrorClass::Terminal,
        }
    }
}

/// The outcome of a reconcile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work has started or continues.
    Progressing {
        /// The current work, in words.
        message: String,
    },
    /// AWS matches the spec.
    Applied {
        /// True if the spec suspends the trigger.
        suspended: bool,
        /// The state in AWS, in words.
        message: String,
    },
    /// AWS matches the spec, and the schedule has no further run by design: an `at(...)` or an `endDate` has passed.
    Completed {
        /// The end of the schedule, in words.
        message: String,
    },
    /// The object is paused by an annotation.
    Paused {
        /// True if AWS matched the spec at the last check.
        in_place: bool,
        /// The message of the condition.
        message: String,
    },
    /// Applying the spec has failed.
    Failed(Failure),
    /// The cleanup of a deleted object has failed.
    DeletionBlocked(Failure),
}

/// The maximum bytes of a condition's message. The API conventions permit 32,768 characters.
const MAX_MESSAGE_BYTES: usize = 32_768;
const ELLIPSIS: &str = " ...";

/// The beginning of a text with at most `bytes` bytes of UTF-8, cut between two words. An ellipsis shows the cut.
pub fn truncated(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return text.into();
    }
    let start = &text[..text.floor_char_boundary(bytes.saturating_sub(ELLIPSIS.len()))];
    let end = start.rfind(' ').unwrap_or(start.len());
    format!("{}{ELLIPSIS}", &start[..end]).into()
}

/// The conditions of an object.
///
/// `ready` contains the components that match the spec. Components of unknown state have no condition.
/// `external_permission` is the message about a foreign permission statement, if the operator manages no statement.
///
/// `now` becomes the transition time of conditions with a status other than in `previous`. `is_overdue` is the result
/// of [`is_overdue`].
pub fn conditions(
    previous: &[Condition],
    ready: &BTreeSet<Component>,
    external_permission: Option<&str>,
    outcome: &Outcome,
    generation: Option<i64>,
    now: &Time,
    is_overdue: bool,
) -> Vec<Condition> {
    let build = |kind: &str, status: &str, reason: Reason, message: &str| Condition {
        type_: kind.into(),
        status: status.into(),
        reason: reason.as_str().into(),
        message: truncated(message, MAX_MESSAGE_BYTES).into(),
        observed_generation: generation,
        last_transition_time: previous
            .iter()
            .find(|c| c.type_ == kind && c.status == status)
            .map_or_else(|| now.clone(), |c| c.last_transition_time.clone()),
    };
    let in_place = |component: &Component| match external_permission {
        Some(message) if *component == Component::Permission => {
            build(component.condition(), "True", Reason::ExternalPermission, message)
        }
        _ => build(component.condition(), "True", Reason::Applied, ""),
    };
    let mut conditions = vec![];
    match outcome {
        Outcome::Progressing { message } => {
            conditions.push(build("Ready", "Unknown", Reason::Progressing, message));
            conditions.push(build("Reconciling", "True", Reason::Progressing, message));
        }
        Outcome::Applied { suspended, message } => {
            let reason = if *suspended { Reason::Suspended } else { Reason::Applied };
            conditions.push(build("Ready", "True", reason, message));
            conditions.extend(ready.iter().map(in_place));
        }
        Outcome::Completed { message } => {
            conditions.push(build("Ready", "True", Reason::Completed, message));
            conditions.extend(ready.iter().map(in_place));
        }
        Outcome::Paused { in_place: true, message } => {
            conditions.push(build("Ready", "True", Reason::Paused, message));
            conditions.extend(ready.iter().map(in_place));
        }
        Outcome::Paused { in_place: false, message } => {
            conditions.push(build("Ready", "False", Reason::Paused, message));
            conditions.push(build("Stalled", "True", Reason::Paused, message));
        }
        Outcome::Failed(failure) | Outcome::DeletionBlocked(failure) => {
            let Failure { component, reason, message } = failure;
            conditions.push(build("Ready", "False", *reason, message));
            // A deletion does not wait for other manifests of a rollout, so a dependency error is terminal at once.
            let is_overdue = is_overdue || matches!(outcome, Outcome::DeletionBlocked(_));
            let stalled = failure.class().at_deadline(is_overdue) == ErrorClass::Terminal;
            conditions.push(build(if stalled { "Stalled" } else { "Reconciling" }, "True", *reason, message));
            if matches!(outcome, Outcome::Failed(_)) {
                let others = ready.iter().filter(|other| *other != component);
                conditions.extend(others.map(in_place));
            }
            conditions.push(build(component.condition(), "False", *reason, message));
        }
    }
    conditions
}

mod event;
pub mod pause;
#[cfg(test)]
mod tests;

pub use event::EventToEmit;
