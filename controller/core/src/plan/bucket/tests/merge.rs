//! Accepted, rejected and kept entries: cases that the property tests rarely produce.

use std::collections::BTreeMap;

use super::*;
use crate::ownership::retained_id;

fn queue(prefix: &str) -> String {
    foreign("QueueConfiguration", "Queue", "arn:q", Some("q"), "s3:ObjectCreated:*", prefix)
}

/// An entry of another tool for this function.
fn theirs(name: &str, prefix: &str) -> String {
    let arn = function(name);
    foreign("CloudFunctionConfiguration", "CloudFunction", &arn, Some("theirs"), "s3:ObjectCreated:*", prefix)
}

/// Queue entries without conflicts.
fn queues(count: usize) -> Vec<String> {
    let queue = |n| {
        let (id, prefix) = (format!("q-{n}"), format!("queue-{n:03}/"));
        foreign("QueueConfiguration", "Queue", "arn:q", Some(&id), "s3:ObjectCreated:*", &prefix)
    };
    (0..count).map(queue).collect()
}

fn created(name: &str, created: i64, prefixes: &[&str]) -> Claim {
    wants(name, created, "f", "s3:ObjectCreated:*", prefixes)
}

fn many(name: &str, created_at: i64, count: usize) -> Claim {
    let prefixes: Vec<String> = (0..count).map(|n| format!("{name}-{n:03}/")).collect();
    created(name, created_at, &prefixes.iter().map(String::as_str).collect::<Vec<_>>())
}

fn plan(before: &Document, claims: &[&Claim]) -> BucketPlan {
    plan_bucket(before, &owner(), &claims.iter().map(|claim| (*claim).clone()).collect::<Vec<_>>())
}

fn first(document: &Document) -> Entry {
    document.entries().next().unwrap().clone()
}

fn added(claim: &Claim) -> Vec<Change> {
    entries(claim).into_iter().map(Change::Added).collect()
}

fn rejected(plan: &BucketPlan) -> Vec<(&str, Rejection)> {
    plan.rejected.iter().map(|(key, rejection)| (key.name.as_str(), rejection.clone())).collect()
}

#[test]
fn the_hundredth_entry_is_the_last() {
    let one = created("one", 1, &["x/"]);
    let two = created("two", 2, &["y/"]);
    let room = document(&queues(MAX_ENTRIES - 1));
    assert_eq!(plan(&room, &[&one]).changes, added(&one));
    let both = plan(&room, &[&one, &two]);
    assert_eq!((both.changes.clone(), rejected(&both)), (added(&one), vec![("two", Rejection::TooMany)]));
    let full = plan(&document(&queues(MAX_ENTRIES)), &[&one]);
    assert_eq!((full.changes.clone(), rejected(&full)), (vec![], vec![("one", Rejection::TooMany)]));
}

#[test]
fn adopted_and_removed_entries_make_room() {
    let one = created("one", 1, &["x/"]);
    let full = document(&[vec![theirs("f", "x/")], queues(MAX_ENTRIES - 1)].concat());
    let taken = Change::Adopted(first(&full), one.key.clone());
    let expected: Vec<Change> = [taken].into_iter().chain(added(&one)).collect();
    assert_eq!(plan(&full, &[&one]).changes, expected);

    let gone = many("gone", 0, MAX_ENTRIES);
    let full = after(&document(&[]), std::slice::from_ref(&gone));
    let changes = plan(&full, &[&one]).changes;
    let removed = entries(&gone).into_iter().map(Change::Removed);
    assert_eq!(changes.len(), MAX_ENTRIES + 1);
    assert!(removed.chain(added(&one)).all(|change| changes.contains(&change)));
}

#[test]
fn entries_of_a_younger_resource_keep_their_room() {
    let young = many("young", 2, 60);
    let before = after(&document(&queues(38)), std::slice::from_ref(&young));
    let old = |prefixes: &[&str]| created("old", 1, prefixes);
    let fits = old(&["x/", "y/"]);
    assert_eq!(plan(&before, &[&young, &fits]).rejected, [].into());
    let much = old(&["x/", "y/", "z/"]);
    let planned = plan(&before, &[&young, &much]);
    assert_eq!((planned.changes.clone(), rejected(&planned)), (vec![], vec![("old", Rejection::TooMany)]));
    // The room is free after the younger resource desires fewer entries.
    let less = many("young", 2, 59);
    let planned = plan(&before, &[&less, &much]);
    assert_eq!(planned.rejected, [].into());
    assert_eq!(planned.write.unwrap().entries().count(), MAX_ENTRIES);
}

#[test]
fn an_entry_of_another_function_is_not_adopted() {
    let before = document(&[theirs("g", "a/")]);
    let one = created("one", 1, &["a/b/"]);
    let planned = plan(&before, &[&one]);
    let expected = vec![("one", Rejection::Foreign(conflict(0, "a/b/", &first(&before))))];
    assert_eq!((planned.changes.clone(), rejected(&planned)), (vec![], expected));
}

#[test]
fn an_entry_of_another_operator_is_not_adopted() {
    let id = "lt-ffffffff-media-thumbs-0123456789-abcdef";
    let of = |element: &str, child: &str, arn: &str, id: &str| {
        document(&[foreign(element, child, arn, Some(id), "s3:ObjectCreated:*", "a/")])
    };
    let function_entry = |id: &str| of("CloudFunctionConfiguration", "CloudFunction", &function("f"), id);
    let one = created("one", 1, &["a/"]);
    let other = OwnerId::parse("ffffffff").unwrap();
    for id in [id.to_owned(), retained_id(id), "lt-ffffffff-by-a-later-release".to_owned()] {
        let before = function_entry(&id);
        let planned = plan(&before, &[&one]);
        let rejection = Rejection::OtherOwner(other.clone(), conflict(0, "a/", &first(&before)));
        assert_eq!((planned.changes.clone(), rejected(&planned)), (vec![], vec![("one", rejection)]));
    }
    // Operators create only function entries.
    let queue = of("QueueConfiguration", "Queue", "arn:q", id);
    let rejection = Rejection::Foreign(conflict(0, "a/", &first(&queue)));
    assert_eq!(rejected(&plan(&queue, &[&one])), [("one", rejection)]);
    for id in ["lt-ffffffff", "lt-fffffff-x", "lt-1a2b3c4d-by-hand"] {
        let before = function_entry(id);
        assert_eq!(plan(&before, &[&one]).changes[0], Change::Adopted(first(&before), one.key.clone()));
    }
}

#[test]
fn entries_with_different_events_or_keys_coexist() {
    let before = document(&[queue("a/")]);
    for beside in [
        wants("one", 1, "f", "s3:ObjectRemoved:*", &["a/"]),
        wants("one", 1, "f", "s3:ObjectCreated:*", &["b/"]),
    ] {
        assert_eq!(plan(&before, &[&beside]).changes, added(&beside));
    }
}

#[test]
fn a_conflict_names_the_field_of_the_spec() {
    let other = first(&document(&[queue("a/")]));
    let field = |index: usize, prefix: &str| conflict(index, prefix, &other).field();
    assert_eq!(field(0, "a/"), "spec.filters[0] (a/)");
    assert_eq!(field(2, "dt%3D1/"), "spec.filters[2] (dt=1/)");
    assert_eq!(field(0, ""), "spec.filters (all keys)");
}

/// Otherwise, the older resource would later get its entries and push out the younger resource.
#[test]
fn a_younger_resource_does_not_adopt_what_blocks_an_older_one() {
    let before = document(&[theirs("f", "a/"), queue("q/")]);
    let blocked = Rejection::Foreign(conflict(1, "q/", before.entries().nth(1).unwrap()));
    for (old, young, prefix) in [
        // The older resource conflicts only with the foreign entry, only with the younger resource, or with neither.
        (created("old", 1, &["a/x/", "q/"]), created("young", 2, &["a/y/"]), "a/y/"),
        (created("old", 1, &["b/x/", "q/"]), created("young", 2, &["a/", "b/"]), "a/"),
    ] {
        let foreign = Rejection::Foreign(conflict(0, prefix, &first(&before)));
        let planned = plan(&before, &[&old, &young]);
        assert_eq!(planned.changes, vec![]);
        assert_eq!(rejected(&planned), [("old", blocked.clone()), ("young", foreign)]);
    }
    let (old, young) = (created("old", 1, &["c/", "q/"]), created("young", 2, &["a/", "b/"]));
    let planned = plan(&before, &[&old, &young]);
    assert_eq!(rejected(&planned), [("old", blocked)]);
    assert!(planned.changes.contains(&Change::Adopted(first(&before), young.key)));
}

#[test]
fn a_rejected_resource_keeps_entries_without_conflict() {
    let current = created("one", 2, &["a/", "b/"]);
    let bystander = created("two", 3, &["c/"]);
    let before = after(&document(&[queue("q/")]), &[current.clone(), bystander.clone()]);
    let now = created("one", 2, &["q/"]);
    let planned = plan(&before, &[&now, &bystander]);
    assert_eq!(planned.changes, vec![]);
    let rejection = Rejection::Foreign(conflict(0, "q/", &first(&before)));
    assert_eq!(rejected(&planned), [("one", rejection.clone())]);

    let older = created("older", 1, &["a/x/"]);
    let planned = plan(&before, &[&now, &bystander, &older]);
    let removed = Change::Removed(entries(&current)[0].clone());
    assert_eq!(planned.changes, [vec![removed], added(&older)].concat());
    assert_eq!(rejected(&planned), [("one", rejection)]);
}

#[test]
fn a_changed_own_entry_is_replaced_in_its_position() {
    let one = created("one", 1, &["a/"]);
    let before = after(&document(&[queue("q/")]), std::slice::from_ref(&one));
    let changed = wants("one", 1, "g", "s3:ObjectCreated:Put", &["a/"]);
    let planned = plan(&before, &[&changed]);
    assert_eq!(planned.changes, vec![Change::Replaced(entries(&changed)[0].clone())]);
    assert_eq!(planned.write, Some(after(&document(&[queue("q/")]), &[changed])));
    assert_eq!(plan(&before, &[&one]), BucketPlan { write: None, changes: vec![], rejected: [].into() });
}

/// The operator creates only function entries.
#[test]
fn a_queue_entry_with_an_own_id_is_foreign() {
    let one = created("one", 1, &["a/"]);
    let id = entries(&one)[0].id.clone();
    let queue = foreign("QueueConfiguration", "Queue", "arn:q", id.as_deref(), "s3:ObjectRemoved:*", "q/");
    let before = document(std::slice::from_ref(&queue));
    assert_eq!(plan(&before, &[]).write, None);
    let planned = plan(&before, &[&one]);
    assert_eq!(planned.changes, added(&one));
    assert_eq!(planned.write.unwrap().children[0].raw, queue);
}

#[test]
fn kept_and_retained_entries_win_against_younger_resources() {
    let current = created("one", 1, &["a/"]);
    let before = after(&document(&[]), std::slice::from_ref(&current));
    let young = created("young", 2, &["a/b/"]);
    let keeps = Claim { desired: Desired::KeepCurrent, ..current.clone() };
    let held =
        |entry: Entry| vec![("young", Rejection::HeldBy(current.key.clone(), conflict(0, "a/b/", &entry)))];
    let planned = plan(&before, &[&keeps, &young]);
    assert_eq!((planned.write.clone(), rejected(&planned)), (None, held(entries(&current)[0].clone())));

    let retains = Claim { desired: Desired::Retain, ..current.clone() };
    let planned = plan(&before, &[&retains, &young]);
    let id = retained_id(entries(&current)[0].id.as_deref().unwrap());
    let retained = Entry { id: Some(id), ..entries(&current)[0].clone() };
    let changes = vec![Change::Removed(entries(&current)[0].clone()), Change::Added(retained.clone())];
    assert_eq!((planned.changes.clone(), rejected(&planned)), (changes, held(retained)));
}

#[test]
fn a_plan_for_some_resources_keeps_the_entries_of_the_others() {
    let some = |before: &Document, claims: &[Claim]| plan_bucket_of_some(before, &owner(), claims);
    let unknown = created("unknown", 0, &["x/"]);
    let before = after(&document(&[queue("q/")]), std::slice::from_ref(&unknown));
    // A plan for all resources removes the entry, since its resource does not exist.
    let removed = Change::Removed(entries(&unknown).remove(0));
    assert_eq!(plan_bucket(&before, &owner(), &[]).changes, [removed]);
    let nothing = BucketPlan { write: None, changes: vec![], rejected: BTreeMap::new() };
    assert_eq!(some(&before, &[]), nothing);
    let other = created("other", 1, &["y/"]);
    assert_eq!(some(&before, std::slice::from_ref(&other)).changes, added(&other));
    let conflicting = created("conflicting", 1, &["x/a/"]);
    let holder = ObjectKey::new("", unknown.key.base_name(&owner()));
    let held = Rejection::HeldBy(holder, conflict(0, "x/a/", &entries(&unknown)[0]));
    assert_eq!(rejected(&some(&before, std::slice::from_ref(&conflicting))), [("conflicting", held)]);
    // The plan still changes the entries of the resources that it knows.
    let moved = created("unknown", 0, &["z/"]);
    assert_eq!(
        some(&before, std::slice::from_ref(&moved)).changes,
        [Change::Removed(entries(&unknown).remove(0)), added(&moved).remove(0)]
    );
}
