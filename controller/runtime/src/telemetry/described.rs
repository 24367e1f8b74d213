//! All metrics, with their labels and the possible values. Names are API, since users build alerts on the names.

pub use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::status::Reason;

use crate::objects::KINDS;

/// The descriptor of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricDesc {
    /// The name in Prometheus. Histogram series also end with `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// The metric type.
    pub kind: Type,
    /// The labels.
    pub labels: &'static [Label],
    /// The help text, with the unit, without a full stop.
    pub help: &'static str,
}

/// The type of a metric (<https://prometheus.io/docs/concepts/metric_types/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts durations.
    Histogram,
}

/// A label and the possible values: a bounded number, for any number of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The label name.
    pub name: &'static str,
    /// The possible values.
    pub values: Values,
}

/// The possible values of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// A value from a fixed list.
    OneOf(&'static [&'static str]),
    /// The reason of the condition Ready: a name of [`Reason`], or [`OTHER_REASON`].
    Reason,
    /// An AWS operation called by the operator, with the name from AWS's API reference, such as `PutRule`.
    Operation,
    /// The operator's version.
    Version,
}

/// The label value for an unknown reason, reported by a newer version.
pub const OTHER_REASON: &str = "Other";

macro_rules! values {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $value_doc:literal])+ $value:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $value_doc])+ $value,)+ }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$value,)+];
            const TEXTS: &[&str] = &[$($text,)+];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }
    };
}

values! {
    /// The outcome of a reconcile.
    ReconcileOutcome {
        /// AWS matches the spec, or AWS is still applying a change, or the cleanup is done.
        Success = "success",
        /// The reconcile failed, and is retried automatically.
        Retryable = "retryable",
        /// AWS throttled a call.
        Throttled = "throttled",
        /// The reconcile fails until a user acts: on the spec, in AWS or on the operator's permissions.
        Terminal = "terminal",
        /// The reconcile took longer than `--reconcile-timeout`.
        Timeout = "timeout",
    }
}

values! {
    /// An AWS service, by the prefix of its IAM actions.
    Service {
        /// Lambda.
        Lambda = "lambda",
        /// EventBridge.
        Events = "events",
        /// EventBridge Scheduler.
        Scheduler = "scheduler",
        /// S3.
        S3 = "s3",
        /// STS.
        Sts = "sts",
    }
}

values! {
    /// The outcome of an attempt of an AWS call.
    AwsOutcome {
        /// The attempt succeeded.
        Ok = "ok",
        /// AWS throttled the call.
        Throttled = "throttled",
        /// Access denied, or AWS does not accept the credentials.
        Denied = "denied",
        /// The resource does not exist.
        NotFound = "not_found",
        /// A concurrent change.
        Conflict = "conflict",
        /// Any other client error, for example an exceeded quota.
        Refused = "refused",
        /// AWS answered with a server error.
        Failed = "failed",
        /// No answer in time, no connection, or no credentials to send the call.
        NoAnswer = "no_answer",
    }
}

values! {
    /// The owner of an entry in a bucket's notification configuration.
    EntryOwner {
        /// This operator.
        Own = "own",
        /// Any other writer.
        Foreign = "foreign",
    }
}

const KIND: Label = Label { name: "kind", values: Values::OneOf(&KINDS) };
const PRIORITY: Label = Label { name: "priority", values: Values::OneOf(Priority::TEXTS) };
const SERVICE: Label = Label { name: "service", values: Values::OneOf(Service::TEXTS) };
const OPERATION: Label = Label { name: "operation", values: Values::Operation };

macro_rules! metrics {
    ($($const:ident: $kind:ident $name:literal [$($label:expr),*] $help:literal;)+) => {
        $(pub(in crate::telemetry) const $const: MetricDesc = MetricDesc {
            name: concat!("lambda_triggers_", $name),
            kind: Type::$kind,
            labels: &[$($label),*],
            help: $help,
        };)+

        /// Every metric.
        pub const ALL: &[MetricDesc] = &[$($const,)+];
    };
}

metrics! {
    RECONCILES: Counter "reconciles_total"
        [KIND, Label { name: "outcome", values: Values::OneOf(ReconcileOutcome::TEXTS) }]
        "Reconciles of objects, by outcome";
    RECONCILE_DURATION: Histogram "reconcile_duration_seconds" [KIND]
        "Duration of reconciles of objects, in seconds";
    QUEUE_DEPTH: Gauge "queue_depth" [PRIORITY]
        "Objects that wait in the workqueue";
    QUEUE_OLDEST: Gauge "queue_oldest_seconds" [PRIORITY]
        "Waiting time of the oldest object in the workqueue since the object was due, in seconds";
    OBJECTS: Gauge "objects" [KIND, Label { name: "reason", values: Values::Reason }]
        "Objects, by the reason of their condition Ready; a reason without objects has no series";
    AWS_CALLS: Counter "aws_calls_total"
        [SERVICE, OPERATION, Label { name: "outcome", values: Values::OneOf(AwsOutcome::TEXTS) }]
        "Attempts of AWS calls, by outcome";
    AWS_CALL_DURATION: Histogram "aws_call_duration_seconds" [SERVICE, OPERATION]
        "Duration of attempts of AWS calls, in seconds";
    AWS_THROTTLES: Counter "aws_throttles_total" [SERVICE]
        "Attempts of AWS calls that AWS throttled";
    DRIFT_REPAIRED: Counter "drift_repaired_total" [KIND]
        "Repairs of drift in AWS; each repair also emits an event DriftRepaired";
    FOREIGN_CHANGES: Counter "foreign_changes_total" []
        "Foreign parts of buckets' notification configurations that another writer added, changed or removed";
    ENTRIES_LOST: Counter "entries_lost_total"
        [Label { name: "owner", values: Values::OneOf(EntryOwner::TEXTS) }]
        "Entries of buckets' notification configurations that another writer removed or changed: own entries at any time, foreign entries during a write of the operator";
    ENTRIES_RESTORED: Counter "entries_restored_total" []
        "Own entries of buckets' notification configurations that the operator restored";
    TENANCY_READ: Gauge "tenancy_last_reload_successful" []
        "0 if the last reload of the tenancy file failed and the last valid content stays in effect, else 1";
    LEADER: Gauge "leader" []
        "1 if this replica is the leader, else 0";
    BUILD_INFO: Gauge "build_info" [Label { name: "version", values: Values::Version }]
        "Always 1, with the version of the operator";
}

impl MetricDesc {
    /// The name without the prefix and suffix from the library.
    pub(in crate::telemetry) fn base_name(&self) -> &'static str {
        let name = self.name.strip_prefix("lambda_triggers_").unwrap_or(self.name);
        name.strip_suffix("_total").unwrap_or(name)
    }
}

impl Label {
    /// True if the value is possible, as far as the values are known beforehand.
    pub fn allows(&self, value: &str) -> bool {
        match self.values {
            Values::OneOf(values) => values.contains(&value),
            Values::Reason => {
                value == OTHER_REASON || Reason::ALL.iter().any(|reason| reason.as_str() == value)
            }
            Values::Operation => !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric()),
            Values::Version => value == env!("CARGO_PKG_VERSION"),
        }
    }
}
