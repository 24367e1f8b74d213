//! What was done to this AWS, in order.

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
    /// The operator, through its gate.
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
