//! The API group `lambda-triggers.dev/v1alpha1`: what users write, what they read back, and which of it is refused.

mod bucket_name;
mod crd;
mod cron;
mod definition;
mod describe;
mod function;
mod handler;
mod key_encoding;
mod s3_events;
mod s3_triggered_function;
mod schedule;
mod scheduled_function;
mod status;
mod validation;

pub use bucket_name::is_bucket_name;
pub use crd::{crd_file_name, crd_yaml, crds};
pub use definition::{
    AdoptionPolicy, ApplicationLogLevel, Architecture, AsyncInvoke, Code, ConfigMapCode, FunctionDefinition,
    ImageCode, LogFormat, Logging, S3Code, SnapStart, SystemLogLevel, Tracing, Vpc,
};
pub use function::{DeletionPolicy, FunctionRef, PermissionPolicy, Tags};
pub use handler::missing_handler_files;
pub use key_encoding::{decode_key, encode_key};
pub use s3_events::{EVENT_NAMES, affixes_meet, events_meet, keys_meet};
pub use s3_triggered_function::{KeyFilter, S3TriggeredFunction, S3TriggeredFunctionSpec};
pub use schedule::Expression;
pub use scheduled_function::{
    CronFields, Rate, RateUnit, RetryPolicy, ScheduledFunction, ScheduledFunctionSpec,
};
pub use status::{
    Applied, AppliedFunction, AppliedNotification, AppliedPermission, AppliedRule, DeployedFunction,
    S3TriggeredFunctionStatus, ScheduledFunctionStatus, TriggerStatus,
};
pub use validation::{FieldError, parse_default_tags};

/// The finalizer that holds an object until nothing made for it is left in AWS.
pub const FINALIZER: &str = "lambda-triggers.dev/aws-cleanup";

/// The annotation by which somebody asks for a look at an object now: each new value is a new request, whatever it says.
/// `status.lastHandledReconcileAt` tells which one was met last.
pub const RECONCILE_ANNOTATION: &str = "lambda-triggers.dev/reconcile";

/// The annotation that pauses an object. The operator leaves its rule, entries, permissions and function as they are. Every
/// value but `false` pauses.
pub const PAUSED_ANNOTATION: &str = "lambda-triggers.dev/paused";
