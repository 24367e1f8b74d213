//! Property tests of the merge's laws, and single cases.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::api::KeyFilter;
use crate::ownership::{ObjectKey, OwnEntryId, OwnerId};

mod document;
mod merge;
mod messages;
mod verify;

const OPEN: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;
const CLOSE: &str = "</NotificationConfiguration>";

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn function(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")
}

fn document(children: &[String]) -> Document {
    Document::parse(&format!("{OPEN}{}{CLOSE}", children.concat())).unwrap()
}

/// A foreign child as S3 or another tool writes it: capitalized names, an optional Id, and unknown parts.
fn foreign(
    element: &str,
    arn_element: &str,
    arn: &str,
    id: Option<&str>,
    event: &str,
    prefix: &str,
) -> String {
    let id = id.map(|id| format!("<Id>{id}</Id>")).unwrap_or_default();
    let rule = match prefix {
        "" => String::new(),
        prefix => format!(
            "<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>{prefix}</Value></FilterRule></S3Key></Filter>"
        ),
    };
    format!(
        r#"<{element} future="yes">{id}<{arn_element}>{arn}</{arn_element}><Event>{event}</Event>{rule}<New/></{element}>"#
    )
}

/// A resource that desires one entry per prefix.
fn wants(name: &str, created: i64, function_name: &str, event: &str, prefixes: &[&str]) -> Claim {
    let key = ObjectKey::new("media", name);
    let entry = |prefix: &&str| {
        let filter = KeyFilter { prefix: Some((*prefix).into()), ..KeyFilter::default() };
        Entry {
            destination: Destination::Function,
            arn: function(function_name),
            id: Some(key.entry_id(&owner(), &filter, false)),
            events: BTreeSet::from([event.to_owned()]),
            filter: Filter::from(&filter),
        }
    };
    let desired = Desired::Entries(prefixes.iter().map(entry).collect());
    Claim { key: key.clone(), created, uid: format!("uid-{name}"), desired }
}

fn entries(claim: &Claim) -> Vec<Entry> {
    match &claim.desired {
        Desired::Entries(entries) => entries.clone(),
        _ => vec![],
    }
}

/// The conflict of the resource's entry at `index` with another entry.
fn conflict(index: usize, prefix: &str, other: &Entry) -> Conflict {
    let filter = Filter { prefix: prefix.into(), suffix: String::new() };
    Conflict { index, filter, other: other.clone() }
}

/// The document after the plan for `claims`.
fn after(before: &Document, claims: &[Claim]) -> Document {
    plan_bucket(before, &owner(), claims).write.unwrap_or_else(|| before.clone())
}

fn arbitrary_foreign() -> impl Strategy<Value = String> {
    let kinds = [
        ("CloudFunctionConfiguration", "CloudFunction", function("theirs")),
        ("CloudFunctionConfiguration", "CloudFunction", function("f")),
        ("QueueConfiguration", "Queue", "arn:aws:sqs:eu-west-1:123456789012:q".to_owned()),
        ("TopicConfiguration", "Topic", "arn:aws:sns:eu-west-1:123456789012:t".to_owned()),
    ];
    let events =
        select(vec!["s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*", "s3:Unheard:Of"]);
    let prefix = select(vec!["", "a/", "a/b/", "c/", "d/&amp;&lt;"]);
    let entry = (select(kinds.to_vec()), proptest::option::of("[a-zA-Z0-9 ]{1,12}"), events, prefix)
        .prop_map(|((element, arn_element, arn), id, event, prefix)| {
            foreign(element, arn_element, &arn, id.as_deref(), event, prefix)
        });
    let other = select(vec![
        "<EventBridgeConfiguration></EventBridgeConfiguration>".to_owned(),
        "<EventBridgeConfiguration/>".to_owned(),
        "<FutureConfiguration a='1'><X>&#233;</X></FutureConfiguration>".to_owned(),
        "\n  <!-- by hand -->".to_owned(),
    ]);
    prop_oneof![4 => entry, 1 => other]
}

fn arbitrary_claim() -> impl Strategy<Value = Claim> {
    let name = select(vec!["one", "two", "three", "four"]);
    let event = select(vec!["s3:ObjectCreated:*", "s3:ObjectCreated:Copy", "s3:ObjectRemoved:*"]);
    let prefixes = select(vec![vec![""], vec!["a/"], vec!["a/b/", "c/"], vec!["d/", "e/"], vec!["c/"]]);
    let desired = select(vec![
        None,
        None,
        None,
        None,
        Some(Desired::KeepCurrent),
        Some(Desired::None),
        Some(Desired::Retain),
        Some(Desired::Refused("no".into())),
    ]);
    (name, 0..3i64, select(vec!["f", "g"]), event, prefixes, desired).prop_map(
        |(name, created, function, event, prefixes, desired)| {
            let claim = wants(name, created, function, event, &prefixes);
            Claim { desired: desired.unwrap_or(claim.desired), ..claim }
        },
    )
}

/// Claims of different resources.
fn arbitrary_claims() -> impl Strategy<Value = Vec<Claim>> {
    proptest::collection::vec(arbitrary_claim(), 0..5).prop_map(|mut claims| {
        let mut seen = BTreeSet::new();
        claims.retain(|claim| seen.insert(claim.key.clone()));
        claims
    })
}

/// A document with foreign children, and with the entries of earlier claims.
fn arbitrary_document() -> impl Strategy<Value = Document> {
    (proptest::collection::vec(arbitrary_foreign(), 0..6), arbitrary_claims())
        .prop_map(|(children, earlier)| after(&document(&children), &earlier))
}

/// The texts of all foreign children, in order, except adopted entries.
fn foreign_text(document: &Document, plan: &BucketPlan) -> Vec<String> {
    let taken =
        |entry: &Entry| plan.changes.iter().any(|c| matches!(c, Change::Adopted(taken, _) if taken == entry));
    let is_own =
        |entry: &Entry| entry.id.as_deref().is_some_and(|id| OwnEntryId::parse(&owner(), id).is_some());
    let foreign =
        document.children.iter().filter(|c| c.entry.as_ref().is_none_or(|e| !is_own(e) && !taken(e)));
    foreign.map(|child| child.raw.clone()).collect()
}

proptest! {
    #[test]
    fn a_parsed_document_prints_as_the_same_text(children in proptest::collection::vec(arbitrary_foreign(), 0..6)) {
        let xml = format!("<?xml version=\"1.0\"?>\n{OPEN}{}{CLOSE}\n", children.concat());
        prop_assert_eq!(Document::parse(&xml).unwrap().to_xml(), xml);
    }

    #[test]
    fn planning_after_applying_is_empty(before in arbitrary_document(), claims in arbitrary_claims()) {
        let first = plan_bucket(&before, &owner(), &claims);
        let written = Document::parse(&first.write.clone().unwrap_or(before).to_xml()).unwrap();
        let again = plan_bucket(&written, &owner(), &claims);
        prop_assert_eq!(again, BucketPlan { write: None, changes: vec![], rejected: first.rejected });
    }

    #[test]
    fn foreign_parts_are_identical(before in arbitrary_document(), claims in arbitrary_claims()) {
        let plan = plan_bucket(&before, &owner(), &claims);
        let written = plan.write.clone().unwrap_or_else(|| before.clone());
        prop_assert_eq!(foreign_text(&written, &plan), foreign_text(&before, &plan));
    }

    #[test]
    fn only_entries_of_the_same_function_are_adopted(
        before in arbitrary_document(),
        claims in arbitrary_claims(),
    ) {
        let plan = plan_bucket(&before, &owner(), &claims);
        for change in &plan.changes {
            if let Change::Adopted(entry, by) = change {
                let claim = claims.iter().find(|claim| claim.key == *by).unwrap();
                prop_assert!(!plan.rejected.contains_key(by));
                prop_assert!(entries(claim).iter().any(|own| own.arn == entry.arn));
                prop_assert_eq!(entry.destination, Destination::Function);
            }
        }
    }

    #[test]
    fn the_order_of_resources_does_not_matter(before in arbitrary_document(), claims in arbitrary_claims()) {
        let reversed: Vec<Claim> = claims.iter().rev().cloned().collect();
        prop_assert_eq!(plan_bucket(&before, &owner(), &claims), plan_bucket(&before, &owner(), &reversed));
    }

    #[test]
    fn accepted_resources_have_exactly_their_desired_entries(before in arbitrary_document(), claims in arbitrary_claims()) {
        let plan = plan_bucket(&before, &owner(), &claims);
        let written = plan.write.unwrap_or(before);
        for claim in claims.iter().filter(|claim| !plan.rejected.contains_key(&claim.key)) {
            let base_name = claim.key.base_name(&owner());
            let of_claim = |entry: &&Entry| {
                entry.id.as_deref().and_then(|id| OwnEntryId::parse(&owner(), id)).is_some_and(|id| id.base_name == base_name)
            };
            let has: BTreeSet<Entry> = written.entries().filter(of_claim).cloned().collect();
            match &claim.desired {
                Desired::Entries(entries) => prop_assert_eq!(has, entries.iter().cloned().collect()),
                Desired::None => prop_assert_eq!(has, BTreeSet::new()),
                Desired::Retain => prop_assert!(has.iter().all(|e| e.id.as_ref().unwrap().ends_with("-retained"))),
                Desired::KeepCurrent => {}
                Desired::Refused(_) => prop_assert!(false, "a refused resource is rejected"),
            }
        }
    }

    #[test]
    fn entries_in_place_plan_the_same_as_current_entries(before in arbitrary_document(), claims in arbitrary_claims()) {
        let rejected = plan_bucket(&before, &owner(), &claims).rejected;
        let document = after(&before, &claims);
        for claim in &claims {
            let Desired::Entries(desired) = &claim.desired else { continue };
            let is_in_place = are_in_place(&document, &owner(), &claim.key, desired);
            prop_assert!(is_in_place || rejected.contains_key(&claim.key));
            let desired = |other: &Claim| match other.key == claim.key {
                true => claim.desired.clone(),
                false => Desired::KeepCurrent,
            };
            let current: Vec<Claim> =
                claims.iter().map(|other| Claim { desired: desired(other), ..other.clone() }).collect();
            let plan = plan_bucket(&document, &owner(), &current);
            prop_assert!(!is_in_place || (plan.write.is_none() && plan.rejected.is_empty()));
        }
    }

    #[test]
    fn a_deletion_restores_the_original_document(children in proptest::collection::vec(arbitrary_foreign(), 0..6)) {
        let before = document(&children);
        let claim = wants("one", 0, "nobody-else-has-it", "s3:ObjectCreated:Post", &["x/", "y/"]);
        let with = after(&before, std::slice::from_ref(&claim));
        let gone = Claim { desired: Desired::None, ..claim };
        prop_assert_eq!(after(&with, &[gone]).to_xml(), before.to_xml());
        prop_assert_eq!(after(&with, &[]).to_xml(), before.to_xml());
    }
}

#[test]
fn an_empty_document_gets_the_entry() {
    let empty =
        Document::parse(r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>"#)
            .unwrap();
    let claim = wants("one", 0, "f", "s3:ObjectCreated:*", &["a&b/"]);
    let id = entries(&claim)[0].id.clone().unwrap();
    let expected = format!(
        "{OPEN}<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{}</CloudFunction>\
         <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>a%26b/</Value>\
         </FilterRule></S3Key></Filter></CloudFunctionConfiguration>{CLOSE}",
        function("f")
    );
    assert_eq!(after(&empty, &[claim]).to_xml(), expected);
}

#[test]
fn the_older_resource_wins_a_conflict() {
    let old = wants("old", 1, "f", "s3:ObjectCreated:*", &["a/"]);
    let young = wants("young", 2, "g", "s3:ObjectCreated:Put", &["a/b/"]);
    let plan = plan_bucket(&document(&[]), &owner(), &[young.clone(), old.clone()]);
    let rejection = Rejection::HeldBy(old.key.clone(), conflict(0, "a/b/", &entries(&old)[0]));
    assert_eq!(plan.rejected, [(young.key, rejection)].into());
    assert_eq!(plan.changes, vec![Change::Added(entries(&old)[0].clone())]);
}

#[test]
fn a_foreign_queue_entry_wins_a_conflict() {
    let queue = foreign("QueueConfiguration", "Queue", "arn:q", None, "s3:ObjectCreated:*", "");
    let claim = wants("one", 1, "f", "s3:ObjectCreated:Put", &["a/"]);
    let before = document(&[queue]);
    let plan = plan_bucket(&before, &owner(), std::slice::from_ref(&claim));
    let rejection = Rejection::Foreign(conflict(0, "a/", before.entries().next().unwrap()));
    assert_eq!(plan, BucketPlan { write: None, changes: vec![], rejected: [(claim.key, rejection)].into() });
}

#[test]
fn a_foreign_entry_of_the_same_function_is_adopted() {
    let theirs = foreign(
        "CloudFunctionConfiguration",
        "CloudFunction",
        &function("f"),
        Some("chalice"),
        "s3:ObjectCreated:*",
        "a/",
    );
    let claim = wants("one", 1, "f", "s3:ObjectCreated:Put", &["a/"]);
    let before = document(&[theirs]);
    let plan = plan_bucket(&before, &owner(), std::slice::from_ref(&claim));
    let taken = Change::Adopted(before.entries().next().unwrap().clone(), claim.key.clone());
    assert_eq!(plan.changes, vec![taken, Change::Added(entries(&claim)[0].clone())]);
}

#[test]
fn a_resource_without_a_request_keeps_its_entries() {
    let (one, two) = (
        wants("one", 1, "f", "s3:ObjectCreated:*", &["a/"]),
        wants("two", 1, "f", "s3:ObjectCreated:*", &["b/"]),
    );
    let with_both = after(&document(&[]), &[one.clone(), two.clone()]);
    let known = |claim: &Claim| CachedResource {
        key: claim.key.clone(),
        created: claim.created,
        uid: claim.uid.clone(),
        may_have_entries: true,
    };
    let restarted = claims(vec![known(&one)], &Default::default());
    let plan = plan_bucket(&with_both, &owner(), &restarted);
    assert_eq!(plan.changes, vec![Change::Removed(entries(&two)[0].clone())]);
}

#[test]
fn only_exactly_the_desired_entries_are_in_place() {
    let claim = wants("a", 1, "f", "s3:ObjectCreated:*", &["x/", "y/"]);
    let document = after(&document(&[]), &[claim.clone(), wants("b", 2, "f", "s3:ObjectCreated:*", &["z/"])]);
    let are_in_place = |claim: &Claim| are_in_place(&document, &owner(), &claim.key, &entries(claim));
    assert!(are_in_place(&claim));
    for (name, function, event, prefixes) in [
        ("a", "f", "s3:ObjectCreated:*", &["x/"][..]),
        ("a", "f", "s3:ObjectCreated:*", &["x/", "y/", "z/"]),
        ("a", "f", "s3:ObjectCreated:Put", &["x/", "y/"]),
        ("a", "g", "s3:ObjectCreated:*", &["x/", "y/"]),
        ("b", "f", "s3:ObjectCreated:*", &[]),
        ("c", "f", "s3:ObjectCreated:*", &["x/", "y/"]),
    ] {
        assert!(
            !are_in_place(&wants(name, 1, function, event, prefixes)),
            "{name} {function} {event} {prefixes:?}"
        );
    }
    // A resource without entries, such as a suspended one.
    assert!(are_in_place(&wants("c", 1, "f", "s3:ObjectCreated:*", &[])));
    // Retained entries belong to nobody.
    let retained = Claim { desired: Desired::Retain, ..claim.clone() };
    let document = after(&document, &[retained]);
    assert!(!super::are_in_place(&document, &owner(), &claim.key, &entries(&claim)));
}

#[test]
fn a_resource_that_does_not_name_the_bucket_has_a_claim_only_by_request() {
    let one = wants("one", 1, "f", "s3:ObjectCreated:*", &["a/"]);
    let Claim { key, created, uid, desired } = one.clone();
    let elsewhere =
        || vec![CachedResource { key: key.clone(), created, uid: uid.clone(), may_have_entries: false }];
    assert_eq!(claims(elsewhere(), &[(uid.clone(), desired)].into()), vec![one]);
    assert_eq!(claims(elsewhere(), &Default::default()), vec![]);
}

#[test]
fn a_refused_resource_keeps_its_entries() {
    let one = wants("one", 1, "f", "s3:ObjectCreated:*", &["a/"]);
    let with = after(&document(&[]), std::slice::from_ref(&one));
    let refused = Claim { desired: Desired::Refused("no".into()), ..one.clone() };
    let rejected = [(one.key, Rejection::Refused("no".into()))].into();
    let expected = BucketPlan { write: None, changes: vec![], rejected };
    assert_eq!(plan_bucket(&with, &owner(), &[refused]), expected);
}

#[test]
fn a_recreated_object_owns_its_retained_entry() {
    let one = wants("one", 1, "f", "s3:ObjectCreated:*", &["a/"]);
    let with = after(&document(&[]), std::slice::from_ref(&one));
    let retained = after(&with, &[Claim { desired: Desired::Retain, ..one.clone() }]);
    assert_eq!(plan_bucket(&retained, &owner(), &[]).write, None);
    let back = after(&retained, std::slice::from_ref(&one));
    assert_eq!(back.to_xml(), with.to_xml());
}

#[test]
fn more_than_a_hundred_entries_are_rejected() {
    let prefixes: Vec<String> = (0..MAX_ENTRIES).map(|n| format!("{n:03}/")).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let old = wants("old", 1, "f", "s3:ObjectCreated:*", &prefixes[1..]);
    let young = wants("young", 2, "f", "s3:ObjectCreated:*", &["x/", "y/"]);
    let plan = plan_bucket(&document(&[]), &owner(), &[old, young.clone()]);
    assert_eq!(plan.rejected, [(young.key, Rejection::TooMany)].into());
    assert_eq!(plan.changes.len(), MAX_ENTRIES - 1);
}

#[test]
fn verification_finds_missing_and_lost_entries() {
    let queue = foreign("QueueConfiguration", "Queue", "arn:q", Some("q"), "s3:ObjectRemoved:*", "");
    let before = document(&[queue]);
    let one = wants("one", 1, "f", "s3:ObjectCreated:*", &["a/"]);
    let plan = plan_bucket(&before, &owner(), std::slice::from_ref(&one));
    let written = plan.write.clone().unwrap();
    assert_eq!(verify(&before, &plan.changes, &written), Verification::default());
    let queue = before.entries().next().unwrap().clone();
    let added = Change::Added(entries(&one)[0].clone());
    assert_eq!(
        verify(&before, &plan.changes, &document(&[])),
        Verification { missing: vec![added], lost: vec![queue] }
    );
}
