//! The parts of AWS that an import takes.

use std::collections::BTreeSet;

use crate::api::Tags;
use crate::arn::FunctionArn;
use crate::plan::rule::ObservedRule;
use crate::plan::schedule::ScheduleKey;

/// The parts of AWS that an import takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The Ids of entries and the names of rules and schedules. Empty for all.
    pub only: BTreeSet<String>,
    /// The names of functions. A rule must invoke one of them. Empty for all.
    pub functions: BTreeSet<String>,
    /// The tags that a rule must have.
    pub tags: Tags,
}

impl Selection {
    /// True if the entry with this Id, or the rule with this name, is taken.
    pub fn takes(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.contains(id)
    }

    /// True if the schedule is taken, by its name alone or with its group.
    pub fn takes_schedule(&self, key: &ScheduleKey) -> bool {
        self.takes(&key.name) || self.takes(&key.to_string())
    }

    /// True if the targets and the tags of a rule are as selected.
    pub fn takes_rule(&self, rule: &ObservedRule) -> bool {
        let targets = rule.targets.iter().filter_map(|(_, target)| FunctionArn::parse(&target.as_ref()?.arn));
        let mut names = targets.map(|function| function.name);
        let is_for_function = self.functions.is_empty() || names.any(|name| self.functions.contains(&name));
        is_for_function && self.tags.iter().all(|(key, value)| rule.tags.get(key) == Some(value))
    }

    /// The selected ids that are not among the found ones.
    pub fn unmatched(&self, found: &BTreeSet<String>) -> Vec<&str> {
        self.only.iter().map(String::as_str).filter(|id| !found.contains(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::tests::{arn, rule, target};

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ids_select_parts_and_an_unknown_id_is_found() {
        let all = Selection::default();
        let some = Selection { only: set(&["nightly", "reports/weekly"]), ..Selection::default() };
        let key = |group: &str, name: &str| ScheduleKey { group: group.into(), name: name.into() };
        for (key, is_taken) in [
            (key("default", "nightly"), true),
            (key("reports", "weekly"), true),
            (key("default", "weekly"), false),
        ] {
            assert!(all.takes_schedule(&key), "{key}");
            assert_eq!(some.takes_schedule(&key), is_taken, "{key}");
        }
        assert!(all.takes("x") && some.takes("nightly") && !some.takes("x"));
        assert_eq!(some.unmatched(&set(&["nightly", "x"])), ["reports/weekly"]);
        assert_eq!(all.unmatched(&set(&["x"])), [""; 0]);
    }

    #[test]
    fn a_rule_is_taken_by_its_functions_and_all_of_its_tags() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let mut found = rule("nightly", "rate(1 day)", vec![target("1", &arn("report:live"))]).rule;
        found.tags = tags(&[("team", "media"), ("stage", "prod")]);
        for (functions, wanted, is_taken) in [
            (&[][..], tags(&[]), true),
            (&["report", "other"], tags(&[]), true),
            (&["other"], tags(&[]), false),
            (&[], tags(&[("team", "media")]), true),
            (&["report"], tags(&[("team", "media"), ("stage", "prod")]), true),
            (&[], tags(&[("team", "media"), ("stage", "dev")]), false),
            (&[], tags(&[("owner", "")]), false),
        ] {
            let selection = Selection { functions: set(functions), tags: wanted, ..Selection::default() };
            assert_eq!(selection.takes_rule(&found), is_taken, "{selection:?}");
        }
    }
}
