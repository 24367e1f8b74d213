//! The journal of writes to AWS, in order.

use std::time::Duration;

/// A write that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The writer.
    pub by: Writer,
    /// The call, as an IAM action: `lambda:AddPermission`.
    pub action: &'static str,
    /// The resource: `function every-hour:live`, `bucket photos`, `rule lt-1`.
    pub on: String,
    /// The written part of the resource: the Sid of a statement or the Id of a target.
    pub part: Option<String>,
    /// The effect.
    pub effect: Effect,
}

/// The writer of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The operator, through its interceptor.
    Operator,
    /// Any other writer.
    Outside,
}

/// The effect of a write on the resource, or on its written part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The resource is new.
    Created,
    /// The resource existed before. The value may be the same.
    Changed,
    /// The resource is deleted.
    Deleted,
}

/// A write that replaced a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentWrite {
    /// The writer.
    pub by: Writer,
    /// The bucket.
    pub bucket: String,
    /// The time at which the write took effect, since the start of the run.
    pub at: Duration,
    /// The replaced document.
    pub before: String,
    /// The new document.
    pub after: String,
    /// The operator's read before the write. `None` for other writers.
    pub based_on: Option<BaseRead>,
}

/// The operator's last read of a bucket before a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseRead {
    /// The document that the operator got.
    pub document: String,
    /// The time of the read.
    pub read_at: Duration,
    /// The time at which the operator sent the write.
    pub sent_at: Duration,
}
