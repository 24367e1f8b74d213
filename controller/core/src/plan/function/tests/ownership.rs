//! Ownership of functions, with and without tags.

use super::*;
use crate::ownership::{TAG_OWNER, Unmarked};

#[test]
fn only_the_object_s_own_function_is_removed() {
    let wanted = desired(&small(), "");
    assert_eq!(plan_function_removal(None, &keys(&wanted.tags), true, None, &owner(), &origin()), Ok(vec![]));
    let removal = |origin: &Origin| removal(&in_sync(&wanted), origin);
    assert_eq!(removal(&origin()), Ok(vec![FunctionStep::Delete]));
    assert_eq!(removal(&Origin { kind: "S3TriggeredFunction", ..origin() }), Ok(vec![]));
    assert_eq!(removal(&Origin { key: ObjectKey::new("media", "daily"), ..origin() }), Ok(vec![]));
    // A recreated object owns the function of its predecessor.
    assert_eq!(removal(&Origin { uid: "uid-2".into(), ..origin() }), Ok(vec![FunctionStep::Delete]));
}

/// The removal of a function without a record and without the name of the definition.
pub(super) fn removal(function: &ObservedFunction, origin: &Origin) -> Result<Vec<FunctionStep>, Unmarked> {
    plan_function_removal(Some(function), &BTreeSet::new(), false, None, &owner(), origin)
}

#[test]
fn a_recorded_function_without_tags_is_repaired_and_removed() {
    let wanted = desired(&small(), "");
    let untagged = ObservedFunction { tags: Tags::new(), ..in_sync(&wanted) };
    let known = Some(untagged.code_sha256.as_str());
    let recorded = keys(&wanted.tags);
    let plan = |set_before, known| {
        plan_function(&wanted, Some(&untagged), set_before, known, &owner(), &origin(), IfOwned)
    };
    let steps = vec![FunctionStep::Tag(wanted.tags.clone())];
    assert_eq!(plan(&recorded, known), Ok(FunctionPlan { steps, ..FunctionPlan::default() }));
    let not_ours = FunctionConflict::NotOurs { key: origin().key, owner: "1a2b3c4d".into() };
    for (set_before, known) in [(&recorded, None), (&recorded, Some("other code")), (&BTreeSet::new(), known)]
    {
        assert_eq!(plan(set_before, known), Err(not_ours.clone()), "{set_before:?} {known:?}");
    }

    let removal = |set_before: &BTreeSet<String>, named, known| {
        plan_function_removal(Some(&untagged), set_before, named, known, &owner(), &origin())
    };
    let owner_tag = Tags::from([(TAG_OWNER.into(), "1a2b3c4d".into())]);
    let expected = vec![FunctionStep::Tag(owner_tag), FunctionStep::Delete];
    assert_eq!(removal(&recorded, true, known), Ok(expected));
    let unmarked = Err(Unmarked::new(&owner(), &origin()));
    assert_eq!(removal(&recorded, false, known), unmarked);
    assert_eq!(removal(&recorded, true, Some("other code")), unmarked);
    assert_eq!(removal(&BTreeSet::new(), true, known), unmarked);
    assert_eq!(removal(&BTreeSet::new(), true, None), Ok(vec![]));
}

#[test]
fn a_failed_function_is_tagged_before_its_deletion() {
    let wanted = desired(&small(), "");
    let broken = FunctionState::Failed("A subnet is gone.".into());
    let untagged = ObservedFunction { tags: Tags::new(), state: broken, ..in_sync(&wanted) };
    let known = Some(untagged.code_sha256.as_str());
    let new = desired(&FunctionDefinition { timeout_seconds: 5, ..small() }, "");
    let recorded = keys(&wanted.tags);
    let plan = |observed| {
        plan_function(&new, Some(observed), &recorded, known, &owner(), &origin(), IfOwned).unwrap().steps
    };
    assert_eq!(plan(&untagged), vec![FunctionStep::Tag(new.tags.clone())]);
    let tagged = ObservedFunction { tags: new.tags.clone(), ..untagged.clone() };
    assert_eq!(plan(&tagged), vec![FunctionStep::Delete, FunctionStep::Create(Box::new(new.clone()))]);
}

#[test]
fn a_function_that_is_kept_loses_only_own_tags() {
    let wanted = desired(&in_bucket("a.zip"), "");
    let mut function = in_sync(&wanted);
    function.tags.insert("team".into(), "a".into());
    let release = |function: &ObservedFunction| plan_function_release(function, &owner(), &origin());
    let after = apply(&release(&function), Some(function.clone())).unwrap();
    assert_eq!(after.tags, Tags::from([("team".into(), "a".into())]));
    assert_eq!(release(&after), vec![]);
    // A person may have removed some of the tags.
    function.tags.remove(TAG_OWNER);
    let after = apply(&release(&function), Some(function.clone())).unwrap();
    assert_eq!(after.tags, Tags::from([("team".into(), "a".into())]));
    // Another owner has adopted the function.
    function.tags.insert(TAG_OWNER.into(), "ffffffff".into());
    assert_eq!(release(&function), vec![]);
}

#[test]
fn a_function_of_the_same_owner_in_another_cluster_is_adopted() {
    let wanted = desired(&small(), "");
    let mut observed = in_sync(&wanted);
    observed.tags.insert(TAG_CLUSTER.into(), "cluster-0".into());
    let tag = FunctionStep::Tag(BTreeMap::from([(TAG_CLUSTER.into(), "cluster-1".into())]));
    let expected = FunctionPlan { steps: vec![tag], adopted: true, ..FunctionPlan::default() };
    assert_eq!(plan(&wanted, Some(&observed)), expected);
}

#[test]
fn a_function_of_another_operator_is_not_adopted() {
    let wanted = desired(&small(), "");
    let mut observed = in_sync(&wanted);
    observed.tags.insert(TAG_OWNER.into(), "ffffffff".into());
    let other = OwnerId::parse("ffffffff").unwrap();
    for adoption_policy in [IfOwned, Always] {
        let refused = plan_function(
            &wanted,
            Some(&observed),
            &BTreeSet::new(),
            None,
            &owner(),
            &origin(),
            adoption_policy,
        );
        assert_eq!(refused, Err(FunctionConflict::OtherOwner(other.clone())));
    }
}

#[test]
fn tags_name_the_object_of_a_function() {
    let made = in_sync(&desired(&small(), ""));
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
