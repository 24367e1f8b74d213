//! What was done to this AWS, in order.

use std::time::Duration;

/// A write that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Who made it.
    pub by: Writer,
    /// The call, as an action of IAM: `lambda:AddPermission`.
    pub action: &'static str,
    /// What it was made on: `function every-hour:live`, `bucket photos`, `rule lt-1`.
    pub on: String,
    /// The part of it that was written: a statement's Sid or a target's Id.
    pub part: Option<String>,
    /// What it did.
    pub effect: Effect,
}

/// Who makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The operator, through its interceptor.
    Operator,
    /// Anybody else.
    Outside,
}

/// What a write did to what it was made on, or to the part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is there since.
    Created,
    /// It was there before and is now, the same or not.
    Changed,
    /// It is gone.
    Deleted,
}

/// A write that replaced a bucket's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentWrite {
    /// Who made it.
    pub by: Writer,
    /// The bucket.
    pub bucket: String,
    /// When it took effect, since this AWS began.
    pub at: Duration,
    /// The document that it replaced.
    pub before: String,
    /// The document since.
    pub after: String,
    /// What the operator had read when it sent this; none for anybody else.
    pub based_on: Option<Look>,
}

/// What the operator had read of a bucket when it sent a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The document, as it was told.
    pub document: String,
    /// When it was told it.
    pub told: Duration,
    /// When it sent the write.
    pub sent: Duration,
}
