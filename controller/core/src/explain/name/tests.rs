use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::KeyFilter;

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn explain(name: &str) -> Option<NameExplanation> {
    explain_name(name, &Supposition::default())
}

fn supposing(namespace: &str, name: &str) -> Supposition {
    Supposition { resource: Some(ObjectKey::new(namespace, name)), bucket: None }
}

fn named(named: NamedResource, proof: Proof) -> Option<NameExplanation> {
    Some(NameExplanation { owner_id: "1a2b3c4d".into(), named, proof })
}

fn candidate(kind: Option<&'static str>, namespace: &str, name: &str) -> Candidate {
    Candidate { kind, namespace: namespace.into(), name: name.into() }
}

fn rule(candidates: Vec<Candidate>, proof: Proof) -> Option<NameExplanation> {
    named(NamedResource::RuleScheduleOrFunction { candidates }, proof)
}

#[test]
fn a_fixed_name_tells_only_the_operator() {
    assert_eq!(explain("lt-1a2b3c4d"), named(NamedResource::ScheduleGroup, Proof::Form));
    assert_eq!(explain("lt-1a2b3c4d-function"), named(NamedResource::Target, Proof::Form));
    assert_eq!(explain("lt-1a2b3c4d-rules"), named(NamedResource::RulesStatement, Proof::Form));
}

#[test]
fn a_name_of_another_form_is_not_explained() {
    for name in ["", "photos", "lt-", "lt-1a2b3c4", "lt-1a2b3c4d-", "lt-1a2b3c4d-media", "LT-1a2b3c4d-rules"]
    {
        assert_eq!(explain(name), None, "{name}");
    }
    for name in ["lt-1a2b3c4d-media-x-0bf95f74e", "lt-1a2b3c4d-media-x-0BF95F74E9", "lt-1a2b3c4d-0bf95f74e9"]
    {
        assert_eq!(explain(name), None, "{name}");
    }
}

#[test]
fn the_hash_tells_namespace_name_and_kind() {
    for kind in KINDS {
        for (namespace, object) in
            [("media", "thumbnails"), ("team-a", "nightly-report"), ("team", "a-nightly-report")]
        {
            let name = ObjectKey::new(namespace, object).rule_name(&owner(), kind);
            assert_eq!(
                explain(&name),
                rule(vec![candidate(Some(kind), namespace, object)], Proof::Hash),
                "{name}"
            );
        }
    }
    let key = ObjectKey::new("media", "thumb.nails");
    let expected = rule(vec![candidate(Some("ScheduledFunction"), "media", "thumb.nails")], Proof::Hash);
    assert_eq!(explain(&key.rule_name(&owner(), "ScheduledFunction")), expected);
    let function = key.function_name(&owner(), "ScheduledFunction");
    assert_eq!(explain(&function), rule(vec![], Proof::Mismatch));
    assert_eq!(explain_name(&function, &supposing("media", "thumb.nails")), expected);
}

#[test]
fn an_entry_belongs_to_a_resource_with_a_bucket() {
    let key = ObjectKey::new("media", "thumbnails");
    let filter = KeyFilter { suffix: Some(".jpg".into()), ..KeyFilter::default() };
    for retained in [false, true] {
        let candidates = vec![candidate(Some("S3TriggeredFunction"), "media", "thumbnails")];
        let id = key.entry_id(&owner(), &filter, retained);
        assert_eq!(explain(&id), named(NamedResource::Entry { retained, candidates }, Proof::Hash), "{id}");
    }
    let other = key.entry_id(&owner(), &filter, false).replace("thumbnails", "thumbnail");
    let nothing = NamedResource::Entry { retained: false, candidates: vec![] };
    assert_eq!(explain(&other), named(nothing, Proof::Mismatch));
}

#[test]
fn a_cut_name_lists_all_candidates() {
    let key = ObjectKey::new("team-a", "recompute-the-quarterly-figures-of-all-regions");
    let name = key.rule_name(&owner(), "ScheduledFunction");
    assert_eq!(name, "lt-1a2b3c4d-team-a-recompute-the-quarterly-figures-of-d573c4ce36");
    let candidates = [
        ("team", "a-recompute-the-quarterly-figures-of"),
        ("team-a", "recompute-the-quarterly-figures-of"),
        ("team-a-recompute", "the-quarterly-figures-of"),
        ("team-a-recompute-the", "quarterly-figures-of"),
        ("team-a-recompute-the-quarterly", "figures-of"),
        ("team-a-recompute-the-quarterly-figures", "of"),
        ("team-a-recompute-the-quarterly-figures-of", ""),
    ];
    let candidates = candidates.map(|(namespace, name)| candidate(None, namespace, name)).to_vec();
    assert_eq!(explain(&name), rule(candidates, Proof::Open));
    let confirmed = candidate(Some("ScheduledFunction"), &key.namespace, &key.name);
    assert_eq!(
        explain_name(&name, &supposing(&key.namespace, &key.name)),
        rule(vec![confirmed], Proof::Hash)
    );
    let other = supposing("team-a", "recompute-the-quarterly-figures-of-all-countries");
    assert_eq!(explain_name(&name, &other), rule(vec![], Proof::Mismatch));
}

#[test]
fn only_a_supposed_bucket_tells_the_bucket_of_a_statement() {
    let statement = |bucket: Option<&str>, proof| {
        named(NamedResource::BucketStatement { bucket: bucket.map(str::to_owned) }, proof)
    };
    let supposing = |bucket: &str| Supposition { resource: None, bucket: Some(bucket.into()) };
    let sid = bucket_statement_id(&owner(), "photos");
    assert_eq!(explain(&sid), statement(None, Proof::Open));
    assert_eq!(explain_name(&sid, &supposing("photos")), statement(Some("photos"), Proof::Hash));
    assert_eq!(explain_name(&sid, &supposing("logs")), statement(None, Proof::Mismatch));
}

#[test]
fn the_json_has_one_level() {
    let name = ObjectKey::new("media", "thumbnails").rule_name(&owner(), "ScheduledFunction");
    assert_eq!(
        serde_json::to_value(explain(&name)).unwrap(),
        json!({
            "ownerId": "1a2b3c4d",
            "type": "RuleScheduleOrFunction",
            "candidates": [{"kind": "ScheduledFunction", "namespace": "media", "name": "thumbnails"}],
            "proof": "Hash",
        })
    );
}

proptest! {
    /// A short name leads back to its resource. The text of a long name is the beginning of one candidate.
    #[test]
    fn each_name_leads_back(namespace in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name in "[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?") {
        let key = ObjectKey::new(&namespace, &name);
        let aws_name = key.rule_name(&owner(), "ScheduledFunction");
        let explained = explain(&aws_name).unwrap();
        let NamedResource::RuleScheduleOrFunction { candidates } = &explained.named else { panic!("{explained:?}") };
        if namespace.len() + 1 + name.len() <= MAX_READABLE {
            prop_assert_eq!(candidates, &[candidate(Some("ScheduledFunction"), &namespace, &name)]);
            prop_assert_eq!(explained.proof, Proof::Hash);
        } else if namespace.len() < MAX_READABLE - 1 {
            let is_key = |found: &Candidate| found.namespace == namespace && name.starts_with(&found.name);
            prop_assert!(candidates.iter().any(is_key), "{explained:?}");
        } else {
            prop_assert!(candidates.iter().any(|found| namespace.starts_with(&found.namespace)), "{explained:?}");
        }
    }
}
