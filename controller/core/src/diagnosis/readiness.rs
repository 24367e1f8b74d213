//! The resources that are not Ready, by reason.

use std::collections::BTreeMap;

use super::Check;
use crate::api::TriggerStatus;
use crate::ownership::ObjectKey;

/// The names that a check shows.
const SHOWN: usize = 5;

/// The reason of a resource without conditions.
const UNSEEN: &str = "no condition";

/// A check of all resources, or a failed check for each reason, with the names of the resources.
pub fn unready(resources: &[(&'static str, ObjectKey, TriggerStatus)]) -> Vec<Check> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, key, status) in resources.iter().filter(|(_, _, status)| !status.is_ready()) {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let reason = ready.map_or(UNSEEN, |condition| condition.reason.as_str());
        reasons.entry(reason).or_default().push(format!("{kind} {key}"));
    }
    if reasons.is_empty() {
        return vec![Check::ok("resources", format!("Ready: {}", resources.len()))];
    }
    let check = |(reason, names): (&str, Vec<String>)| {
        let further = names.len().saturating_sub(SHOWN);
        let further = if further > 0 { format!(" and {further} more") } else { String::new() };
        let shown = names[..names.len().min(SHOWN)].join(", ");
        let fix = match reason {
            UNSEEN => "an operator that watches the namespace sets conditions within seconds",
            _ => "the condition Ready of each resource names the fix",
        };
        let message =
            format!("{} of {} are not Ready: {shown}{further}; {fix}", names.len(), resources.len());
        Check::failed(format!("resources with {reason}"), message)
    };
    reasons.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;

    fn resource(name: &str, ready: Option<(&str, &str)>) -> (&'static str, ObjectKey, TriggerStatus) {
        let condition = |(status, reason): (&str, &str)| Condition {
            type_: "Ready".into(),
            status: status.into(),
            reason: reason.into(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time("2026-01-01T00:00:00Z".parse().unwrap()),
        };
        let conditions = ready.map(condition).into_iter().collect();
        let status = TriggerStatus { conditions, ..TriggerStatus::default() };
        ("ScheduledFunction", ObjectKey::new("team", name), status)
    }

    #[test]
    fn unready_resources_are_grouped_by_reason() {
        let ready = resource("fine", Some(("True", "Applied")));
        assert_eq!(unready(std::slice::from_ref(&ready)), [Check::ok("resources", "Ready: 1")]);
        let missing = |name: &str| resource(name, Some(("False", "FunctionNotFound")));
        let mut resources: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].map(missing).into();
        resources.extend([ready, resource("new", None)]);
        assert_eq!(
            unready(&resources),
            [
                Check::failed(
                    "resources with FunctionNotFound",
                    "7 of 9 are not Ready: ScheduledFunction team/a, ScheduledFunction team/b, ScheduledFunction \
                     team/c, ScheduledFunction team/d, ScheduledFunction team/e and 2 more; the condition Ready of each \
                     resource names the fix"
                ),
                Check::failed(
                    "resources with no condition",
                    "1 of 9 are not Ready: ScheduledFunction team/new; an operator that watches the namespace sets \
                     conditions within seconds"
                ),
            ]
        );
    }
}
