//! Rules without a read of their tags: in a resync, and in the removal of a recorded rule.

use super::*;

#[test]
fn a_rule_matches_in_all_but_its_tags() {
    let wanted = hourly();
    let with = |change: &dyn Fn(&mut ObservedRule)| {
        let mut rule = ObservedRule { tags: Tags::new(), ..in_sync(&wanted) };
        change(&mut rule);
        rule.matches(&wanted)
    };
    assert!(with(&|_| {}));
    assert!(with(&|rule| rule.targets.insert(0, ("theirs".into(), None))));
    for change in [
        &(|rule: &mut ObservedRule| rule.settings.enabled = false) as &dyn Fn(&mut ObservedRule),
        &|rule| rule.has_more = true,
        &|rule| rule.managed_by = Some("service".into()),
        &|rule| rule.targets.clear(),
        &|rule| rule.targets[0].1 = None,
    ] {
        assert!(!with(change));
    }
}

#[test]
fn a_recorded_rule_is_removed_without_a_read() {
    let recorded = BTreeSet::from([TAG_OWNER.to_owned()]);
    let steps = [RuleStep::RemoveTargets(vec![hourly().target.id]), RuleStep::Delete];
    assert_eq!(plan_recorded_removal(&recorded, &owner()), Some(steps));
    assert_eq!(plan_recorded_removal(&BTreeSet::new(), &owner()), None);
}
