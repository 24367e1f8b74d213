//! The events on an object, for users who run `kubectl describe`.

use super::{EventReason, Failure};

/// An event to emit on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventToEmit {
    /// True for the type `Warning`.
    pub warning: bool,
    /// The reason in CamelCase.
    pub reason: &'static str,
    /// The text of the event.
    pub note: String,
}

impl EventToEmit {
    /// An event of the type `Normal`.
    pub fn normal(reason: EventReason, note: impl Into<String>) -> Self {
        Self { warning: false, reason: reason.as_str(), note: note.into() }
    }

    /// An event of the type `Warning`.
    pub fn warning(reason: EventReason, note: impl Into<String>) -> Self {
        Self { warning: true, reason: reason.as_str(), note: note.into() }
    }

    /// A warning with the reason and the message of the failure.
    pub fn failure(failure: &Failure) -> Self {
        Self { warning: true, reason: failure.reason.as_str(), note: failure.message.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Component, Reason};
    use super::*;

    #[test]
    fn an_event_has_a_type_a_reason_and_a_note() {
        let event = |warning, reason, note: &str| EventToEmit { warning, reason, note: note.into() };
        assert_eq!(
            EventToEmit::normal(EventReason::RuleCreated, "created"),
            event(false, "RuleCreated", "created")
        );
        assert_eq!(
            EventToEmit::warning(EventReason::DriftRepaired, "restored"),
            event(true, "DriftRepaired", "restored")
        );
        let failure = Failure::new(Component::Rule, Reason::Throttled, "wait");
        assert_eq!(EventToEmit::failure(&failure), event(true, "Throttled", "wait"));
    }
}
