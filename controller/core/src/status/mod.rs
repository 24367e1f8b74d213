//! What is reported on an object: its conditions, from how each of its parts fared.
//!
//! The conditions follow kstatus (<https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus>): `Ready`
//! always; `Reconciling` and `Stalled` only while they are true.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A part of a trigger, with a condition of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The function that is run.
    Function,
    /// The statement in its policy.
    Permission,
    /// The rule of EventBridge and its target.
    Rule,
    /// The entries in the bucket's notification configuration.
    Notification,
}

impl Component {
    /// The condition's type.
    pub fn condition(self) -> &'static str {
        match self {
            Self::Function => "FunctionReady",
            Self::Permission => "PermissionReady",
            Self::Rule => "RuleReady",
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
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it is written in a condition or an event.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    /// Why a condition is as it is. These are API: users and their tools match on them; `docs/conditions.md` tells the
    /// cause and the cure of each.
    Reason:
    /// AWS is as the spec says.
    Applied,
    /// Others permit the function's invocation: the operator does not, or may not, manage the function's policy.
    ExternalPermission,
    /// As `Applied`, and `spec.suspend` keeps the trigger from running.
    Suspended,
    /// The annotation `lambda-triggers.dev/paused` pauses the object.
    Paused,
    /// The object has just been seen, or changed; its state in AWS is not known yet.
    Progressing,
    /// The object is being deleted, and what was made for it is being removed.
    Deleting,
    /// The spec says something that AWS cannot do.
    InvalidSpec,
    /// The schedule has no run after now, such as a schedule for a year that has passed.
    NoNextRun,
    /// The function, or its alias or version, does not exist.
    FunctionNotFound,
    /// Lambda says that the function has failed and cannot be invoked.
    FunctionFailed,
    /// A function of the name that this resource would deploy was made by somebody else.
    ConflictingFunction,
    /// The code does not exist: the ConfigMap, which may be empty or lack the file of the handler, the object in S3 or the
    /// image.
    CodeNotFound,
    /// Something else that the definition names does not exist: a layer, a queue, a subnet, a security group or a key.
    DependencyNotFound,
    /// Lambda cannot assume the function's role, or cannot yet.
    RoleNotReady,
    /// The bucket does not exist.
    BucketNotFound,
    /// The bucket is in another Region than the function.
    BucketInOtherRegion,
    /// The bucket of that name is in another account than the one that is expected to own it.
    BucketInOtherAccount,
    /// A resource of this operator holds what this one wants.
    HeldByOther,
    /// An entry that somebody else made in the bucket conflicts with this resource.
    ConflictingEntry,
    /// A rule of the name that this resource needs was made by somebody else.
    ConflictingRule,
    /// The bucket's notification configuration would have more entries than S3 takes.
    TooManyEntries,
    /// S3 refuses a destination in the bucket's notification configuration.
    DestinationRefused,
    /// Another writer undoes our writes to the bucket again and again.
    Contended,
    /// The tenancy file does not permit the namespace something that the spec names.
    NotPermitted,
    /// What was made, or the function of a schedule, is in another account than the one that the namespace acts in now.
    OtherAccount,
    /// The operator's credentials do not allow a call.
    AccessDenied,
    /// No credentials to sign a call with: none are found, or STS gives out none.
    CredentialsUnavailable,
    /// The credentials have expired; the operator tries again with renewed credentials.
    CredentialsExpired,
    /// AWS does not know the credentials, or the signature is not theirs.
    CredentialsRefused,
    /// The clock of the operator's node differs too much from that of AWS; the operator tries again.
    ClockSkewed,
    /// The account may not use the Region.
    RegionNotEnabled,
    /// A quota of AWS is used up.
    QuotaExceeded,
    /// AWS refuses a call as invalid.
    AwsRefused,
    /// AWS asks for fewer calls; the operator tries again by itself.
    Throttled,
    /// AWS could not be reached or failed; the operator tries again by itself.
    AwsUnavailable,
    /// A write to AWS may still take effect; the operator waits until it cannot.
    OutcomeUnknown,
}

reasons! {
    /// What an event tells of. These are API, too. A failure is told by an event with its [`Reason`].
    EventReason:
    /// The rule was created.
    RuleCreated,
    /// The rule was changed, since the spec was.
    RuleUpdated,
    /// Entries were added to the bucket.
    EntryCreated,
    /// Entries were changed in the bucket, since the spec was.
    EntryUpdated,
    /// Entries were removed from the bucket.
    EntryRemoved,
    /// The function was created.
    FunctionCreated,
    /// The function was changed, since the spec, or the code it names, was.
    FunctionUpdated,
    /// The function was deleted.
    FunctionDeleted,
    /// The code that was sent lacks the file of the handler, which a layer may hold.
    HandlerNotFound,
    /// The function is left to its user: the spec names the function and no longer defines it.
    FunctionReleased,
    /// Something that somebody else made is this resource's from now on.
    Adopted,
    /// What somebody changed or removed in AWS was put back.
    DriftRepaired,
    /// A pause of the object has begun.
    Paused,
    /// An entry of somebody else's went from the bucket at the time of our write.
    ForeignEntryGone,
    /// S3 cannot deliver to an entry of somebody else's.
    ForeignDestinationBroken,
    /// The name of a bucket has passed to another account, so nothing of the object is left in it.
    BucketOwnerChanged,
    /// The object is being deleted, and what was made for it cannot be removed.
    DeletionBlocked,
}

/// What kind of failure it is, which decides when it is tried again and who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// It passes by itself.
    Retryable,
    /// It passes by itself when we call less.
    Throttled,
    /// Another resource has to come, to go or to be permitted, and may be part of the same rollout. The failure passes by itself
    /// until the progress deadline of the generation, and needs somebody to act after the deadline.
    Dependency,
    /// It lasts until somebody acts: on the spec, in AWS or on the operator's rights.
    Terminal,
}

impl ErrorClass {
    /// Whether the failure passes without any change of a resource.
    pub fn passes_by_itself(self) -> bool {
        matches!(self, Self::Retryable | Self::Throttled)
    }

    /// The class before or after the progress deadline: see [`is_overdue`].
    pub fn at_deadline(self, is_overdue: bool) -> Self {
        match self {
            Self::Dependency if is_overdue => Self::Terminal,
            class => class,
        }
    }
}

/// Whether the progress deadline of a generation has passed, counted from the time when the generation was first `observed`. A
/// status of an older version has no such time, and is overdue.
pub fn is_overdue(observed: Option<&Time>, now: &Time, deadline: Duration) -> bool {
    observed.is_none_or(|observed| now.0.duration_since(observed.0).unsigned_abs() >= deadline)
}

/// Something that went wrong with one part of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The part.
    pub component: Component,
    /// Why.
    pub reason: Reason,
    /// What was tried, on what, what came back and what to do next. The same failure has the same message each
    /// time: a message that changes would be a write to the status each time.
    pub message: String,
}

impl Failure {
    /// A failure of `part`.
    pub fn new(component: Component, reason: Reason, message: impl Into<String>) -> Self {
        Self { component, reason, message: message.into() }
    }

    /// What kind of failure it is.
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
            | Reason::Suspended => ErrorClass::Retryable,
            Reason::FunctionNotFound
            | Reason::ConflictingFunction
            | Reason::CodeNotFound
            | Reason::DependencyNotFound
            | Reason::RoleNotReady
            | Reason::BucketNotFound
            | Reason::HeldByOther
            | Reason::ConflictingEntry
            | Reason::ConflictingRule
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
            | Reason::OtherAccount
            | Reason::CredentialsRefused
            | Reason::RegionNotEnabled
            | Reason::QuotaExceeded
            | Reason::AwsRefused => ErrorClass::Terminal,
        }
    }
}

/// How an object fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Work has begun, or goes on: `message` says on what.
    Progressing {
        /// On what.
        message: String,
    },
    /// AWS is as the spec says.
    Applied {
        /// Whether the spec suspends the trigger.
        suspended: bool,
        /// What is in place, in words.
        message: String,
    },
    /// The object is paused until the annotation goes.
    Paused {
        /// True if AWS matched the spec at the last check.
        in_place: bool,
        /// The words of the condition.
        message: String,
    },
    /// Something went wrong while applying the spec.
    Failed(Failure),
    /// Something went wrong while removing what was made.
    DeletionBlocked(Failure),
}

/// The conditions of an object of which the parts in `ready` were found, or made, as the spec says. A part of which
/// nothing is known, since the work did not get as far, has no condition. `external_permission` says who permits the
/// invocation where the operator does not.
///
/// `now` becomes the transition time of conditions whose status differs from that in `previous`. `is_overdue` is the answer of
/// [`is_overdue`].
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
        message: message.into(),
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
            // A deletion waits for no other manifest of a rollout.
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

pub mod pause;
#[cfg(test)]
mod tests;
