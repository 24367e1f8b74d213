//! Every metric with its labels and all that these can say: names are API, as users alert on them.

pub use lambda_triggers_core::pacing::queue::Priority;
use lambda_triggers_core::status::Reason;

use crate::objects::KINDS;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricDesc {
    /// Its name, as Prometheus has it. A histogram's series end with `_bucket`, `_sum` and `_count` besides.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it counts, and in which unit, without a full stop.
    pub help: &'static str,
}

/// The type of a metric (<https://prometheus.io/docs/concepts/metric_types/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts what took how long.
    Histogram,
}

/// A label, and what it can say: a bounded number of references, whatever users make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// The values of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Why the condition Ready is as it is: a name of [`Reason`], or [`OTHER_REASON`].
    Reason,
    /// An operation of AWS that this operator calls, as AWS's API reference names it, such as `PutRule`.
    Operation,
    /// The operator's version.
    Version,
}

/// The reasons that this version does not know, as of an object that a newer one has reported on.
pub const OTHER_REASON: &str = "Other";

macro_rules! values {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $value_doc:literal])+ $value:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $value_doc])+ $value,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$value,)+];
            const TEXTS: &[&str] = &[$($text,)+];

            /// As the label says it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }
    };
}

values! {
    /// How a reconcile ended.
    ReconcileOutcome {
        /// AWS is as the spec says, or is at work on it, or what was made is gone.
        Success = "success",
        /// It failed, and is tried again by itself.
        Retryable = "retryable",
        /// AWS asked for fewer calls.
        Throttled = "throttled",
        /// It fails until somebody acts: on the spec, in AWS or on the operator's rights.
        Terminal = "terminal",
        /// It took longer than `--reconcile-timeout`.
        Timeout = "timeout",
    }
}

values! {
    /// A service of AWS, by the prefix of its actions in IAM.
    Service {
        /// Lambda.
        Lambda = "lambda",
        /// EventBridge.
        Events = "events",
        /// S3.
        S3 = "s3",
        /// STS.
        Sts = "sts",
    }
}

values! {
    /// How an attempt at a call to AWS ended.
    AwsOutcome {
        /// It succeeded.
        Ok = "ok",
        /// Too many calls.
        Throttled = "throttled",
        /// The credentials do not allow it, or AWS does not accept them.
        Denied = "denied",
        /// There is nothing of that name.
        NotFound = "not_found",
        /// Another write is under way, or came between.
        Conflict = "conflict",
        /// Any other refusal of what was asked for, a quota among them.
        Refused = "refused",
        /// AWS failed, with an answer that says so.
        Failed = "failed",
        /// No answer in time, no connection, or nothing sent for lack of credentials.
        NoAnswer = "no_answer",
    }
}

values! {
    /// Whose entry in a bucket's notification configuration.
    EntryOwner {
        /// This operator's.
        ImplicitGrants = "own",
        /// Anybody else's.
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
        "Reconciles of objects, by how they ended";
    RECONCILE_DURATION: Histogram "reconcile_duration_seconds" [KIND]
        "Time that reconciles of objects took, in seconds";
    QUEUE_DEPTH: Gauge "queue_depth" [PRIORITY]
        "Objects that wait to be reconciled";
    QUEUE_OLDEST: Gauge "queue_oldest_seconds" [PRIORITY]
        "Time that the longest waiting object has waited since it was due, in seconds";
    OBJECTS: Gauge "objects" [KIND, Label { name: "reason", values: Values::Reason }]
        "Objects that there are, by the reason of their condition Ready; none is shown for a reason that no object has";
    AWS_CALLS: Counter "aws_calls_total"
        [SERVICE, OPERATION, Label { name: "outcome", values: Values::OneOf(AwsOutcome::TEXTS) }]
        "Attempts at calls to AWS, by how they ended";
    AWS_CALL_DURATION: Histogram "aws_call_duration_seconds" [SERVICE, OPERATION]
        "Time that attempts at calls to AWS took, in seconds";
    AWS_THROTTLES: Counter "aws_throttles_total" [SERVICE]
        "Attempts at calls to AWS that were refused since there were too many";
    DRIFT_REPAIRED: Counter "drift_repaired_total" [KIND]
        "Repairs of what somebody else had changed in AWS, each of which is an event DriftRepaired, too";
    FOREIGN_CHANGES: Counter "foreign_changes_total" []
        "Parts of buckets' notification configurations that others added, changed or removed, beside ours";
    ENTRIES_LOST: Counter "entries_lost_total"
        [Label { name: "owner", values: Values::OneOf(EntryOwner::TEXTS) }]
        "Entries of buckets' notification configurations that somebody removed or changed: own ones at any time, foreign ones while the operator wrote";
    ENTRIES_RESTORED: Counter "entries_restored_total" []
        "Own entries of buckets' notification configurations that were put back";
    TENANCY_READ: Gauge "tenancy_last_reload_successful" []
        "0 where the tenancy file was refused when it was read last, and what it said before counts; else 1";
    LEADER: Gauge "leader" []
        "1 where this replica leads, else 0";
    BUILD_INFO: Gauge "build_info" [Label { name: "version", values: Values::Version }]
        "Always 1, with the version of the operator";
}

impl MetricDesc {
    /// The name without what the library adds to it.
    pub(in crate::telemetry) fn base_name(&self) -> &'static str {
        let name = self.name.strip_prefix("lambda_triggers_").unwrap_or(self.name);
        name.strip_suffix("_total").unwrap_or(name)
    }
}

impl Label {
    /// Whether the label can say this, as far as that is known beforehand.
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
