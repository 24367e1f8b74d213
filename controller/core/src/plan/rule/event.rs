//! The events of a rule.

use super::{RulePlan, RuleStep};
use crate::status::{EventReason, EventToEmit};

/// The event for the adoption of the rule `name` from another cluster.
pub fn adoption_event(name: &str, plan: &RulePlan) -> Option<EventToEmit> {
    let cluster = plan.adopted_from.as_ref()?;
    let note = format!("adopted the rule {name} from the cluster {cluster}");
    Some(EventToEmit::normal(EventReason::Adopted, note))
}

/// The event for the steps on the rule `name`. `is_drift` is true if a foreign change caused the steps.
pub fn event(name: &str, plan: &RulePlan, is_drift: bool) -> Option<EventToEmit> {
    let RulePlan { steps, creates, adopted_from: _ } = plan;
    if steps.is_empty() {
        return None;
    }
    let mut words: Vec<&str> = steps
        .iter()
        .map(|step| match step {
            RuleStep::Put(..) => "settings",
            RuleStep::Tag(_) | RuleStep::Untag(_) => "tags",
            RuleStep::PutTarget(_) | RuleStep::RemoveTargets(_) => "target",
            RuleStep::Delete => "rule",
        })
        .collect();
    words.dedup();
    let words = words.join(", ");
    Some(match (is_drift, creates) {
        (true, true) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("restored the rule {name}, which was deleted"),
        ),
        (true, false) => EventToEmit::warning(
            EventReason::DriftRepaired,
            format!("reverted a change of the rule {name}: {words}"),
        ),
        (false, true) => EventToEmit::normal(EventReason::RuleCreated, format!("created the rule {name}")),
        (false, false) => {
            EventToEmit::normal(EventReason::RuleUpdated, format!("updated the rule {name}: {words}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::RuleSettings;
    use super::*;
    use crate::api::Tags;

    fn plan(steps: Vec<RuleStep>, creates: bool) -> RulePlan {
        RulePlan { steps, creates, adopted_from: None }
    }

    fn put() -> RuleStep {
        let settings =
            RuleSettings { expression: "rate(1 hour)".into(), description: String::new(), enabled: true };
        RuleStep::Put(settings, Tags::new())
    }

    #[test]
    fn an_adoption_names_the_previous_cluster() {
        assert_eq!(adoption_event("lt-1", &plan(vec![put()], false)), None);
        let adopted = RulePlan { adopted_from: Some("cluster-0".into()), ..RulePlan::default() };
        let expected =
            EventToEmit::normal(EventReason::Adopted, "adopted the rule lt-1 from the cluster cluster-0");
        assert_eq!(adoption_event("lt-1", &adopted), Some(expected));
    }

    #[test]
    fn an_event_names_each_changed_part_of_the_rule_once() {
        let update = || {
            let tags = [RuleStep::Tag(Tags::new()), RuleStep::Untag(["old".to_owned()].into())];
            let mut steps = vec![put()];
            steps.extend(tags);
            steps.push(RuleStep::RemoveTargets(vec!["x".into()]));
            steps
        };
        let repair = |note: &str| EventToEmit::warning(EventReason::DriftRepaired, note);
        let cases = [
            (plan(vec![], false), true, None),
            (plan(vec![put()], true), true, Some(repair("restored the rule lt-1, which was deleted"))),
            (
                plan(update(), false),
                true,
                Some(repair("reverted a change of the rule lt-1: settings, tags, target")),
            ),
            (
                plan(vec![put()], true),
                false,
                Some(EventToEmit::normal(EventReason::RuleCreated, "created the rule lt-1")),
            ),
            (
                plan(vec![RuleStep::Delete, put()], false),
                false,
                Some(EventToEmit::normal(EventReason::RuleUpdated, "updated the rule lt-1: rule, settings")),
            ),
        ];
        for (plan, is_drift, expected) in cases {
            assert_eq!(event("lt-1", &plan, is_drift), expected);
        }
    }
}
