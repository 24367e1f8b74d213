//! Whose function it is: found, removed, taken over, or left to another operator.

use super::*;
use crate::plan::rule::TAG_OWNER;

#[test]
fn only_its_own_function_is_removed() {
    let wanted = desired(&small(), "");
    assert_eq!(plan_function_removal(None, &owner(), &origin()), vec![]);
    let removal = |origin: &Origin| plan_function_removal(Some(&in_place(&wanted)), &owner(), origin);
    assert_eq!(removal(&origin()), vec![FunctionStep::Delete]);
    assert_eq!(removal(&Origin { kind: "S3TriggeredFunction", ..origin() }), vec![]);
    assert_eq!(removal(&Origin { key: ObjectKey::new("media", "daily"), ..origin() }), vec![]);
    // An object that was made again under its name owns what its predecessor made.
    assert_eq!(removal(&Origin { uid: "uid-2".into(), ..origin() }), vec![FunctionStep::Delete]);
}

#[test]
fn a_function_of_another_cluster_with_our_owner_id_is_taken_over() {
    let wanted = desired(&small(), "");
    let mut observed = in_place(&wanted);
    observed.tags.insert(TAG_CLUSTER.into(), "cluster-0".into());
    let tag = FunctionStep::Tag(BTreeMap::from([(TAG_CLUSTER.into(), "cluster-1".into())]));
    let expected = FunctionPlan { steps: vec![tag], adopted: true, ..FunctionPlan::default() };
    assert_eq!(plan(&wanted, Some(&observed)), expected);
}

#[test]
fn a_function_of_another_operator_is_not_taken_over() {
    let wanted = desired(&small(), "");
    let mut observed = in_place(&wanted);
    observed.tags.insert(TAG_OWNER.into(), "ffffffff".into());
    let other = OwnerId::parse("ffffffff").unwrap();
    for adopt in [false, true] {
        let refused =
            plan_function(&wanted, Some(&observed), &BTreeSet::new(), None, &owner(), &origin(), adopt);
        assert_eq!(refused, Err(FunctionConflict::OtherOwner(other.clone())));
    }
}

#[test]
fn a_function_says_for_whom_it_was_made() {
    let made = in_place(&desired(&small(), ""));
    let key = ObjectKey::new("media", "hourly");
    assert_eq!(made.made_for(&owner()), Some(("ScheduledFunction", key)));
    let other = Owner { id: OwnerId::parse("ffffffff").unwrap(), ..owner() };
    assert_eq!(made.made_for(&other), None);
    for tag in owner_keys() {
        let mut unmarked = made.clone();
        unmarked.tags.remove(&tag);
        assert_eq!(unmarked.made_for(&owner()), None, "{tag}");
    }
}
