//! The API group `lambda-triggers.dev/v1alpha1`: specs, statuses and their validation. The doc comments of the fields
//! are the descriptions in the CRDs, in `kubectl explain` and in `docs/api.md`, so they have no rustdoc links.
//! `plan/` turns specs into AWS resources.

mod backend;
mod bucket_name;
mod crd;
mod cron;
mod definition;
mod describe;
mod expression;
mod function;
mod handler;
mod key_encoding;
mod s3_events;
mod s3_triggered_function;
mod schedule;
mod scheduled_function;
mod schema;
mod status;
mod time_zone;
mod validation;

pub use backend::Backend;
pub use bucket_name::is_bucket_name;
pub use crd::{crd_file_name, crd_yaml, crds};
pub use definition::{
    AdoptionPolicy, ApplicationLogLevel, Architecture, AsyncInvoke, Code, ConfigMapCode, FunctionDefinition,
    ImageCode, LogFormat, Logging, S3Code, SnapStart, SystemLogLevel, Tracing, Vpc,
};
pub use expression::Expression;
pub use function::{DeletionPolicy, FunctionRef, PermissionPolicy, Tags};
pub use handler::missing_handler_files;
pub(crate) use key_encoding::has_percent_encoding;
pub use key_encoding::{decode_key, encode_key};
pub use s3_events::{EVENT_NAMES, affixes_overlap, events_overlap, keys_overlap};
pub use s3_triggered_function::{KeyFilter, S3TriggeredFunction, S3TriggeredFunctionSpec};
pub use schedule::Schedule;
pub use scheduled_function::{
    CronFields, Rate, RateUnit, RetryPolicy, ScheduledFunction, ScheduledFunctionSpec,
};
pub use schema::{CheckedManifest, ManifestError, ManifestErrors, check_manifest, dropped_fields};
pub use status::{
    Applied, AppliedFunction, AppliedNotification, AppliedPermission, AppliedRule, AppliedSchedule,
    DeployedFunction, S3TriggeredFunctionStatus, ScheduledFunctionStatus, TriggerStatus,
};
pub use time_zone::parse_time_zone;
pub use validation::{FieldError, parse_default_tags};

/// Finalizer that keeps an object until the object's AWS resources are removed or retained.
pub const FINALIZER: &str = "lambda-triggers.dev/aws-cleanup";

/// Annotation that requests a reconcile now. Each new value is a new request, and the text of the value has no
/// meaning. `status.lastHandledReconcileAt` is the last handled value.
pub const RECONCILE_ANNOTATION: &str = "lambda-triggers.dev/reconcile";

/// Annotation that pauses an object. The operator does not change the object's rule, entries, permissions and
/// function. Every value except `false` pauses.
pub const PAUSED_ANNOTATION: &str = "lambda-triggers.dev/paused";
