//! The import of buckets.

use super::*;

const OPEN: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;

/// An entry of a function: Id, ARN, events, prefix and suffix.
fn entry(id: &str, arn: &str, events: &[&str], [prefix, suffix]: [&str; 2]) -> String {
    element(("CloudFunctionConfiguration", "CloudFunction"), id, arn, events, [prefix, suffix])
}

fn element(
    (element, destination): (&str, &str),
    id: &str,
    arn: &str,
    events: &[&str],
    [prefix, suffix]: [&str; 2],
) -> String {
    let events: String = events.iter().map(|event| format!("<Event>{event}</Event>")).collect();
    let rules: String = [("prefix", prefix), ("suffix", suffix)]
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>"))
        .collect();
    let filter = if rules.is_empty() { rules } else { format!("<Filter><S3Key>{rules}</S3Key></Filter>") };
    format!("<{element}><Id>{id}</Id><{destination}>{arn}</{destination}>{events}{filter}</{element}>")
}

fn observed(entries: &[String]) -> ObservedBucket {
    let xml = format!("{OPEN}{}</NotificationConfiguration>", entries.concat());
    ObservedBucket {
        bucket: Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: ACCOUNT.into() },
        document: Document::parse(&xml).unwrap(),
        functions: BTreeMap::new(),
        listed: None,
    }
}

fn rows(observed: &ObservedBucket) -> Vec<Row> {
    import_bucket(&settings(), &mut Names::default(), observed).iter().map(row).collect()
}

const CREATED: &[&str] = &["s3:ObjectCreated:*"];

#[test]
fn entries_of_one_function_with_equal_events_are_one_resource() {
    let thumb = arn("make-thumbnail");
    let observed = observed(&[
        entry("tf-s3-lambda-1", &thumb, CREATED, ["images/", ".jpg"]),
        entry("tf-s3-lambda-2", &arn("index"), CREATED, ["docs/", ""]),
        entry("tf-s3-lambda-3", &thumb, &["s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"], ["old/", ""]),
        entry("tf-s3-lambda-4", &thumb, CREATED, ["images/", ".png"]),
    ]);
    let terraform = Some("Terraform".to_owned());
    let spec = |function: &str, filters: Value| json!({"function": {"name": function}, "bucket": "photos", "filters": filters, "deletionPolicy": "Retain"});
    let mut removed = spec("make-thumbnail", json!([{"prefix": "old/"}]));
    removed["events"] = json!(["s3:ObjectCreated:Copy", "s3:ObjectRemoved:*"]);
    let images = json!([{"prefix": "images/", "suffix": ".jpg"}, {"prefix": "images/", "suffix": ".png"}]);
    let expected = vec![
        (
            "2 entries (s3:ObjectCreated:*; images/*.jpg, images/*.png)".to_owned(),
            "imported",
            spec("make-thumbnail", images),
            terraform.clone(),
            vec![],
        ),
        (
            "1 entry (s3:ObjectCreated:*; docs/)".to_owned(),
            "imported",
            spec("index", json!([{"prefix": "docs/"}])),
            terraform.clone(),
            vec![],
        ),
        (
            "1 entry (s3:ObjectCreated:Copy, s3:ObjectRemoved:*; old/)".to_owned(),
            "imported",
            removed,
            terraform,
            vec![],
        ),
    ];
    assert_eq!(rows(&observed), expected);
}

#[test]
fn more_than_fifty_entries_become_two_resources() {
    let entries: Vec<String> =
        (0..51).map(|i| entry(&format!("e{i}"), &arn("f"), CREATED, [&format!("{i:02}/"), ""])).collect();
    let findings = import_bucket(&settings(), &mut Names::default(), &observed(&entries));
    let made = findings.iter().filter_map(Finding::manifest);
    let made: Vec<(&str, usize)> = made
        .map(|manifest| (manifest.name(), manifest.object["spec"]["filters"].as_array().map_or(0, Vec::len)))
        .collect();
    assert_eq!(made, [("f", 50), ("f-2", 1)]);
}

#[test]
fn a_manifest_has_a_name_a_namespace_and_its_origin() {
    let observed = observed(&[
        entry("a", &arn("Make_Thumbnail"), CREATED, ["", ""]),
        entry("b", &arn("Make_Thumbnail"), &["s3:ObjectRemoved:*"], ["", ""]),
    ]);
    let findings = import_bucket(&settings(), &mut Names::default(), &observed);
    let yaml: Vec<String> =
        findings.iter().filter_map(Finding::manifest).map(|manifest| manifest.to_yaml().unwrap()).collect();
    let manifest = |id: &str, name: &str, events: &str| {
        format!(
            "# Imported from bucket photos: {id}\napiVersion: lambda-triggers.dev/v1alpha1\n\
             kind: S3TriggeredFunction\nmetadata:\n  name: {name}\n  namespace: media\nspec:\n  bucket: photos\n  \
             deletionPolicy: Retain\n{events}  function:\n    name: Make_Thumbnail\n"
        )
    };
    let removed = "  events:\n  - s3:ObjectRemoved:*\n";
    assert_eq!(yaml, [manifest("a", "make-thumbnail", ""), manifest("b", "make-thumbnail-2", removed)]);
}

#[test]
fn queues_topics_and_event_bridge_stay() {
    let observed = observed(&[
        element(("QueueConfiguration", "Queue"), "audit", "arn:aws:sqs:eu-west-1:1:q", CREATED, ["a/", ""]),
        element(
            ("TopicConfiguration", "Topic"),
            "tf-s3-topic-1",
            "arn:aws:sns:eu-west-1:1:t",
            CREATED,
            ["b/", ""],
        ),
        "<EventBridgeConfiguration></EventBridgeConfiguration>".into(),
    ]);
    let stays = |part: &str, why: &str, maker: Option<&str>| {
        (part.to_owned(), "stays", json!(why), maker.map(Into::into), vec![])
    };
    let expected = [
        stays(
            "queue entry \"audit\" (s3:ObjectCreated:*, a/)",
            "the operator leaves entries of queues as they are",
            None,
        ),
        stays(
            "topic entry \"tf-s3-topic-1\" (s3:ObjectCreated:*, b/)",
            "the operator leaves entries of topics as they are",
            Some("Terraform"),
        ),
        stays("EventBridge", "events go to EventBridge as before", None),
    ];
    assert_eq!(rows(&observed), expected);
}

#[test]
fn an_alias_another_account_and_another_region_are_named() {
    let there = "arn:aws:lambda:eu-west-1:210987654321:function:index:live";
    let mut found = observed(&[
        entry("a", &format!("{}:live", arn("thumb")), CREATED, ["a/", ""]),
        entry("c", there, CREATED, ["c/", ""]),
    ]);
    found.functions.insert(there.into(), FunctionState::Unknown("access denied".into()));
    let row = |prefix: &str, function: Value, notes: &[&str]| {
        let spec = json!({
            "function": function, "bucket": "photos", "deletionPolicy": "Retain", "filters": [{"prefix": prefix}],
        });
        let part = format!("1 entry (s3:ObjectCreated:*; {prefix})");
        (part, "imported", spec, None, notes.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let mut other = row(
        "c/",
        json!({"arn": there, "permission": "External"}),
        &[
            "its function could not be read: access denied",
            "its function is in another account, which must permit the bucket to invoke it",
        ],
    );
    other.2["bucketOwner"] = json!(ACCOUNT);
    let named = [row("a/", json!({"name": "thumb", "qualifier": "live"}), &[]), other];
    assert_eq!(rows(&found), named);

    let elsewhere = observed(&[entry("a", &arn("thumb"), CREATED, ["", ""])]);
    let settings = ImportSettings { region: "us-east-1".into(), ..settings() };
    let findings = import_bucket(&settings, &mut Names::default(), &elsewhere);
    assert_eq!(super::row(&findings[0]).2["region"], "eu-west-1");
}

#[test]
fn entries_of_an_operator_stay_and_broken_ones_are_not_imported() {
    let key = ObjectKey::new("media", "thumbs");
    let id = key.entry_id(&OwnerId::parse("0a1b2c3d").unwrap(), &crate::api::KeyFilter::default(), false);
    let mut found = observed(&[
        entry(&id, &arn("thumb"), CREATED, ["a/", ""]),
        entry("old", &arn("gone"), CREATED, ["b/", ""]),
        entry("odd", "arn:aws:lambda:eu-west-1:1:layer:x", CREATED, ["c/", ""]),
        entry("new", &arn("thumb"), &["s3:ObjectFrozen:*"], ["d/", ""]),
        entry("latest", &format!("{}:$LATEST", arn("thumb")), CREATED, ["e/", ""]),
        entry("raw", &arn("thumb"), CREATED, ["dt=2026/", ""]),
    ]);
    found.functions.insert(arn("gone"), FunctionState::Missing);
    let expected = [
        ("stays", "an operator with the owner id 0a1b2c3d has it".to_owned()),
        (
            "not imported",
            format!(
                "{} does not exist, so S3 refuses every write that checks the destinations of this bucket; remove \
                 the entry",
                arn("gone")
            ),
        ),
        (
            "not imported",
            "arn:aws:lambda:eu-west-1:1:layer:x is not the ARN of a function; remove the entry".to_owned(),
        ),
        ("not imported", "spec.events[0]: Unsupported value: \"s3:ObjectFrozen:*\"".to_owned()),
        (
            "not imported",
            "the operator writes the ARN without :$LATEST, so it does not adopt this entry: remove :$LATEST from \
             the entry first"
                .to_owned(),
        ),
        (
            "not imported",
            "no key matches its filter, because the filter is not encoded for S3 (prefix \"dt=2026/\", suffix \
             \"\"): encode the filter, or replace the entry by a manifest with the keys as they are"
                .to_owned(),
        ),
    ];
    let rows: Vec<(&str, String)> = rows(&found)
        .into_iter()
        .map(|(_, sign, value, ..)| {
            (sign, value.as_str().unwrap().split(": supported").next().unwrap().to_owned())
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn filters_are_decoded_and_another_spelling_has_a_note() {
    let observed = observed(&[
        entry("a", &arn("f"), CREATED, ["dt%3D2026/a+b", "%2B.csv"]),
        entry("b", &arn("g"), CREATED, ["dt%3d2026/", ""]),
        entry("c", &arn("h"), CREATED, ["at%3D10%253A30/", ""]),
    ]);
    let filters: Vec<(Value, Vec<String>)> = rows(&observed)
        .into_iter()
        .map(|(_, _, spec, _, notes)| (spec["filters"][0].clone(), notes))
        .collect();
    let note =
        "the filter \"dt%3d2026/\" is written \"dt%3D2026/\", which S3's documentation counts as equal";
    let expected = [
        (json!({"prefix": "dt=2026/a b", "suffix": "+.csv"}), vec![]),
        (json!({"prefix": "dt=2026/"}), vec![note.to_owned()]),
        (json!({"prefix": "at=10%3A30/", "literalPercent": true}), vec![]),
    ];
    assert_eq!(filters, expected);
}

#[test]
fn only_the_functions_of_a_file_are_imported() {
    let mut found = observed(&[
        entry("a", &arn("index"), CREATED, ["a/", ""]),
        entry("b", &arn("thumb"), CREATED, ["b/", ""]),
    ]);
    let resource = Some("index-s3event".to_owned());
    let maker = Maker::Chalice { app: None, stage: Some("dev".into()), resource };
    found.listed = Some(ListedEntries::Of(BTreeMap::from([(arn("index"), maker)])));
    let signs: Vec<(&str, Option<String>)> =
        rows(&found).into_iter().map(|(_, sign, _, maker, _)| (sign, maker)).collect();
    let expected = [("imported", Some("Chalice, stage dev, index-s3event".to_owned())), ("stays", None)];
    assert_eq!(signs, expected);
    let stack = Maker::CloudFormation { stack: Some("shop".into()), resource: Some("Photos".into()) };
    found.listed = Some(ListedEntries::All(stack));
    let makers: Vec<Option<String>> = rows(&found).into_iter().map(|(_, _, _, maker, _)| maker).collect();
    assert_eq!(makers, vec![Some("CloudFormation, stack shop, Photos".to_owned()); 2]);
}

#[test]
fn only_the_named_entries_are_imported() {
    let found = observed(&[
        entry("a", &arn("index"), CREATED, ["a/", ""]),
        entry("b", &arn("index"), CREATED, ["b/", ""]),
    ]);
    let mut settings = settings();
    settings.selection.only = BTreeSet::from(["b".to_owned()]);
    let findings = import_bucket(&settings, &mut Names::default(), &found);
    let rows: Vec<Row> = findings.iter().map(row).collect();
    let filters = json!([{"prefix": "b/"}]);
    let spec = json!({"function": {"name": "index"}, "bucket": "photos", "filters": filters, "deletionPolicy": "Retain"});
    let part = |text: &str| text.to_owned();
    let expected = [
        (
            part("function entry \"a\" (s3:ObjectCreated:*, a/)"),
            "stays",
            json!("--only does not name it"),
            None,
            vec![],
        ),
        (part("1 entry (s3:ObjectCreated:*; b/)"), "imported", spec, None, vec![]),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_permission_is_old_once_all_entries_of_its_function_move() {
    let s3 = "s3.amazonaws.com";
    let statements = [
        ("by-hand", s3, "arn:aws:s3:::photos"),
        ("AllowPhotos", s3, "arn:aws:s3:::photos"),
        ("lt-0a1b2c3d-photos", s3, "arn:aws:s3:::photos"),
        ("another", s3, "arn:aws:s3:::photos-archive"),
        ("wide", s3, "arn:aws:s3:::*"),
        ("rule", "events.amazonaws.com", "arn:aws:s3:::photos"),
    ];
    let two = |events: &[&str]| {
        let mut found = observed(&[
            entry("a", &arn("index"), CREATED, ["a/", ""]),
            entry("b", &arn("index"), events, ["b/", ""]),
            entry("c", &arn("thumb"), CREATED, ["c/", ""]),
        ]);
        found.functions = BTreeMap::from([
            (arn("index"), function(&[], &statements)),
            (arn("thumb"), FunctionState::Missing),
        ]);
        old_sids(&import_bucket(&settings(), &mut Names::default(), &found))
    };
    let both = vec!["by-hand".to_owned(), "AllowPhotos".to_owned()];
    assert_eq!(two(&["s3:ObjectRemoved:*"]), [both.clone(), both]);
    // The second entry is not imported, and stays.
    assert_eq!(two(&["s3:ObjectFrozen:*"]), [vec![""; 0]]);
}

#[test]
fn an_unreadable_policy_has_a_note() {
    let mut found = observed(&[entry("a", &arn("index"), CREATED, ["a/", ""])]);
    let statements = Err("AWS denies lambda:GetPolicy".to_owned());
    found.functions.insert(arn("index"), FunctionState::Exists { tags: Tags::new(), statements });
    let note = "the report cannot name the old permission in the policy of its function: AWS denies lambda:GetPolicy";
    assert_eq!(rows(&found)[0].4, [note]);
}

#[test]
fn the_tags_of_the_function_show_the_maker_of_an_entry_without_a_known_id() {
    let mut found = observed(&[entry("generated", &arn("index"), CREATED, ["", ""])]);
    found.functions.insert(arn("index"), function(&[CHALICE], &[]));
    assert_eq!(rows(&found)[0].3.as_deref(), Some("Chalice, app shop, stage dev"));
}

/// A document with disjoint filters, as S3 has it: encoded keys, and events of some kinds.
fn documents() -> impl Strategy<Value = Vec<String>> {
    let part = prop_oneof![Just(String::new()), "[a-z =+%é.:]{0,6}"];
    let events = prop::sample::subsequence(
        vec!["s3:ObjectCreated:Put", "s3:ObjectCreated:Copy", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"],
        1..4,
    );
    let function = prop_oneof![Just("thumb"), Just("thumb:live"), Just("index")];
    let one = (function, events, part.clone(), part);
    prop::collection::vec(one, 0..8).prop_map(|all| {
        let entries = all.into_iter().enumerate().map(|(i, (function, events, prefix, suffix))| {
            let (prefix, suffix) = (format!("{i}/{prefix}"), suffix);
            let encoded = [crate::api::encode_key(&prefix), crate::api::encode_key(&suffix)];
            entry(&format!("e{i}"), &arn(function), &events, [&encoded[0], &encoded[1]])
        });
        entries.collect()
    })
}

proptest! {
    /// The promise of the import: the operator replaces each imported entry, and changes nothing else.
    #[test]
    fn the_operator_adopts_each_imported_entry_and_changes_nothing_else(
        mut entries in documents(),
        queue in any::<bool>(),
    ) {
        let imported = entries.len();
        if queue {
            let queue = ("QueueConfiguration", "Queue");
            entries.insert(0, element(queue, "q", "arn:aws:sqs:eu-west-1:1:q", CREATED, ["queue/", ""]));
        }
        let observed = observed(&entries);
        let findings = import_bucket(&settings(), &mut Names::default(), &observed);
        let owner = Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: String::new() };
        let mut claims = vec![];
        for manifest in findings.iter().filter_map(Finding::manifest) {
            prop_assert!(check_manifest(manifest.object.clone()).is_ok());
            let checked = check_manifest(manifest.object.clone()).unwrap().object;
            let read: Value = serde_saphyr::from_str(&manifest.to_yaml().unwrap()).unwrap();
            prop_assert_eq!(&read, &manifest.object);
            let spec: S3TriggeredFunctionSpec = serde_json::from_value(checked["spec"].clone()).unwrap();
            let name = spec.function.name.clone().unwrap();
            let function = FunctionArn::of_name(&name, "eu-west-1", ACCOUNT);
            let function = function.with_qualifier(spec.function.qualifier.as_deref());
            let key = ObjectKey::new("media", manifest.name());
            let valid = Valid::new(spec, "eu-west-1").unwrap();
            let intent = Intent::new(&owner, &key, &valid, function, vec![]);
            let name = key.name.clone();
            claims.push(Claim { key, created: 0, uid: name, desired: intent.desired });
        }
        let plan = plan_bucket(&observed.document, &owner.id, &claims);
        let adopted = plan.changes.iter().filter(|change| matches!(change, Change::Adopted(..))).count();
        let removed = plan.changes.iter().filter(|change| matches!(change, Change::Removed(_))).count();
        prop_assert_eq!((adopted, removed, plan.rejected.len()), (imported, 0, 0), "{:?}", findings);
        let ids: BTreeSet<String> = claims.iter().map(|claim| claim.key.name.clone()).collect();
        prop_assert_eq!(ids.len(), claims.len());
    }
}
