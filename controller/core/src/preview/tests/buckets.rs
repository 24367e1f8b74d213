//! The previews of buckets.

use super::*;

const OPEN: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;

fn bucket() -> Bucket {
    Bucket { region: REGION.into(), name: "photos".into(), owner: "123456789012".into() }
}

fn arn(function: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{function}")
}

fn document(children: &str) -> Document {
    Document::parse(&format!("{OPEN}{children}</NotificationConfiguration>")).unwrap()
}

fn xml(id: &str, function: &str, event: &str) -> String {
    format!(
        "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{}</CloudFunction><Event>{event}</Event></CloudFunctionConfiguration>",
        arn(function)
    )
}

fn queue(id: &str) -> String {
    format!(
        "<QueueConfiguration><Id>{id}</Id><Queue>arn:aws:sqs:eu-west-1:123456789012:audit</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>"
    )
}

fn id(name: &str) -> String {
    ObjectKey::new("media", name).entry_id(&owner(), &KeyFilter::default(), false)
}

/// A member with one entry for all keys.
fn member(name: &str, function: &str, event: &str) -> Member {
    let entry = Entry {
        destination: Destination::Function,
        arn: arn(function),
        id: Some(id(name)),
        events: BTreeSet::from([event.to_owned()]),
        filter: Filter::default(),
    };
    Member { key: ObjectKey::new("media", name), desired: Desired::Entries(vec![entry]), created: None }
}

fn preview(
    document: &Document,
    members: &[Member],
) -> (BucketPreview, BTreeMap<ObjectKey, Vec<PlannedChange>>, BTreeMap<ObjectKey, Failure>) {
    preview_bucket(&bucket(), document, &owner(), &Members::Some(members.to_vec()))
}

fn entry(
    id: &str,
    arn: String,
    event: &str,
    owner: EntryOwner,
    resource: Option<&str>,
    action: EntryAction,
) -> EntryPreview {
    EntryPreview {
        id: Some(id.into()),
        arn,
        events: BTreeSet::from([event.to_owned()]),
        keys: "all keys".into(),
        owner,
        made_by: None,
        resource: resource.map(Into::into),
        action,
    }
}

#[test]
fn a_bucket_shows_each_entry_and_what_becomes_of_it() {
    const CREATED: &str = "s3:ObjectCreated:*";
    let other = ObjectKey::new("other", "x").entry_id(&owner(), &KeyFilter::default(), false);
    let before = document(&format!(
        "{}{}{}<EventBridgeConfiguration/>",
        queue("audit"),
        xml("tf", "thumbs", CREATED),
        xml(&other, "index", "s3:ObjectTagging:*")
    ));
    let (shown, changes, failures) = preview(&before, &[member("thumbs", "thumbs", CREATED)]);
    let audit = "arn:aws:sqs:eu-west-1:123456789012:audit";
    let thumbs = ObjectKey::new("media", "thumbs");
    let expected = BucketPreview {
        name: "photos".into(),
        region: REGION.into(),
        write: true,
        entries_before: 3,
        entries_after: 3,
        event_bridge: true,
        test_events: vec![audit.into()],
        entries: vec![
            entry("audit", audit.into(), "s3:ObjectRemoved:*", EntryOwner::Others, None, EntryAction::None),
            entry(&other, arn("index"), "s3:ObjectTagging:*", EntryOwner::Operator, None, EntryAction::None),
            entry(
                &id("thumbs"),
                arn("thumbs"),
                CREATED,
                EntryOwner::Operator,
                Some("media/thumbs"),
                EntryAction::Create,
            ),
            entry(
                "tf",
                arn("thumbs"),
                CREATED,
                EntryOwner::Others,
                Some("media/thumbs"),
                EntryAction::TakeOver,
            ),
        ],
    };
    assert_eq!(shown, expected);
    let words = "bucket photos: all keys, s3:ObjectCreated:* -> thumbs";
    let expected = vec![
        change(Part::Entry, ChangeAction::Create, &id("thumbs"), words, vec![]),
        change(Part::Entry, ChangeAction::TakeOver, "tf", words, vec![]),
    ];
    assert_eq!((changes, failures), (BTreeMap::from([(thumbs, expected)]), BTreeMap::new()));
}

#[test]
fn entries_in_place_are_no_change() {
    let before = document(&format!("{}{}", queue("audit"), xml(&id("a"), "f", "s3:ObjectCreated:*")));
    let (shown, changes, failures) = preview(&before, &[member("a", "f", "s3:ObjectCreated:*")]);
    assert_eq!((shown.write, shown.test_events.len(), changes.len(), failures.len()), (false, 0, 0, 0));
    let gone = Member { desired: Desired::None, ..member("a", "f", "s3:ObjectCreated:*") };
    let (shown, changes, _) = preview(&before, &[gone]);
    assert_eq!((shown.write, shown.entries_before, shown.entries_after), (true, 2, 1));
    assert_eq!(changes[&ObjectKey::new("media", "a")][0].action, ChangeAction::Delete);
}

#[test]
fn two_new_members_in_conflict_both_fail() {
    let [a, b] = ["a", "b"].map(|name| member(name, name, "s3:ObjectCreated:*"));
    let [key_a, key_b] = ["a", "b"].map(|name| ObjectKey::new("media", name));
    let (shown, changes, failures) = preview(&document(""), &[a.clone(), b.clone()]);
    let reasons: Vec<(&ObjectKey, Reason)> =
        failures.iter().map(|(key, failure)| (key, failure.reason)).collect();
    assert_eq!(reasons, [(&key_a, Reason::HeldByOther), (&key_b, Reason::HeldByOther)]);
    for (key, other) in [(&key_a, "media/b"), (&key_b, "media/a")] {
        let message = &failures[key].message;
        assert!(
            message.contains(&format!("belongs to {other}")) && message.ends_with("not known here"),
            "{message}"
        );
    }
    assert_eq!((shown.write, shown.entries, changes), (false, vec![], BTreeMap::new()));
    // The member with an entry in the bucket is the older one.
    let before = document(&xml(&id("b"), "b", "s3:ObjectCreated:*"));
    let (_, changes, failures) = preview(&before, &[a, b]);
    assert_eq!(failures.keys().collect::<Vec<_>>(), [&key_a]);
    assert!(!failures[&key_a].message.contains("not known here"));
    assert_eq!(changes, BTreeMap::new());
}

#[test]
fn a_failed_member_gets_no_entries_in_place_of_another_one() {
    // The youngest member would get its entries if the plan left out the two undecided ones.
    let [a, b, c] = ["a", "b", "c"].map(|name| member(name, name, "s3:ObjectCreated:*"));
    let d = member("d", "d", "s3:ObjectRemoved:*");
    let (shown, changes, failures) = preview(&document(""), &[a, b, c, d]);
    assert_eq!(failures.len(), 3);
    assert_eq!(changes.keys().collect::<Vec<_>>(), [&ObjectKey::new("media", "d")]);
    let created = entry(
        &id("d"),
        arn("d"),
        "s3:ObjectRemoved:*",
        EntryOwner::Operator,
        Some("media/d"),
        EntryAction::Create,
    );
    assert_eq!(shown.entries, [created]);
}

#[test]
fn the_older_of_two_known_members_holds_its_entries() {
    let aged = |name: &str, at| Member {
        created: Some(Creation { at, uid: name.into() }),
        ..member(name, name, "s3:ObjectCreated:*")
    };
    let failed = |members: Vec<Member>| {
        let members = Members::All(members);
        let (_, changes, failures) = preview_bucket(&bucket(), &document(""), &owner(), &members);
        let names = |keys: Vec<&ObjectKey>| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
        assert!(
            failures.values().all(|failure| !failure.message.ends_with("not known here")),
            "{failures:?}"
        );
        (names(changes.keys().collect()), names(failures.keys().collect()))
    };
    let of = |placed: &str, failed: &str| (vec![placed.to_owned()], vec![failed.to_owned()]);
    assert_eq!(failed(vec![aged("a", 20), aged("b", 10)]), of("b", "a"));
    assert_eq!(failed(vec![aged("a", 10), aged("b", 10)]), of("a", "b"));
    assert_eq!(failed(vec![member("a", "a", "s3:ObjectCreated:*"), aged("b", 10)]), of("b", "a"));
}

#[test]
fn an_entry_without_a_resource_is_removed_if_all_resources_are_known() {
    let before = document(&xml(&id("unknown"), "g", "s3:ObjectCreated:*"));
    let (shown, changes, _) = preview_bucket(&bucket(), &before, &owner(), &Members::All(vec![]));
    let gone = entry(
        &id("unknown"),
        arn("g"),
        "s3:ObjectCreated:*",
        EntryOwner::Operator,
        None,
        EntryAction::Delete,
    );
    assert_eq!((shown.entries, changes), (vec![gone], BTreeMap::new()));
}

#[test]
fn an_entry_of_an_unknown_resource_holds_its_place() {
    let before = document(&xml(&id("unknown"), "g", "s3:ObjectCreated:*"));
    let (shown, changes, failures) = preview(&before, &[member("a", "g", "s3:ObjectCreated:Put")]);
    assert_eq!((shown.write, changes.len()), (false, 0));
    let base_name = ObjectKey::new("media", "unknown").base_name(&owner());
    let failure = &failures[&ObjectKey::new("media", "a")];
    assert_eq!(failure.reason, Reason::HeldByOther);
    let holder = format!("belongs to another resource of this operator ({base_name}-...)");
    assert!(failure.message.contains(&holder), "{}", failure.message);
}

#[test]
fn the_removal_of_an_orphan_entry_is_a_change() {
    let orphan = xml(&id("gone"), "gone", "s3:ObjectCreated:*");
    let (bucket, ..) = preview_bucket(&bucket(), &document(&orphan), &owner(), &Members::All(vec![]));
    let preview = Preview::new(against(), vec![], vec![bucket]);
    assert_eq!(preview.summary, Summary { orphans: 1, ..Summary::default() });
    assert_eq!(preview.result, PlanResult::Changes);
}

#[test]
fn a_resource_with_an_entry_in_place_is_not_new() {
    let Member { key, desired: Desired::Entries(all_keys), .. } = member("a", "f", "s3:ObjectCreated:*")
    else {
        unreachable!()
    };
    let filter = KeyFilter { suffix: Some(".jpg".into()), ..KeyFilter::default() };
    let jpg = Entry { id: Some(key.entry_id(&owner(), &filter, false)), ..all_keys[0].clone() };
    let jpg = Entry { events: BTreeSet::from(["s3:ObjectRemoved:*".to_owned()]), ..jpg };
    let desired = Desired::Entries(vec![all_keys[0].clone(), jpg]);
    let member = Member { key: key.clone(), desired, created: None };
    for (document, expected) in [
        (document(""), Action::Create),
        (document(&xml(&id("a"), "f", "s3:ObjectCreated:*")), Action::Update),
        (document(&xml(&id("b"), "f", "s3:ObjectAcl:Put")), Action::Create),
    ] {
        let (bucket, changes, _) = preview(&document, std::slice::from_ref(&member));
        let mut resource = ResourcePreview::new("S3TriggeredFunction", &key, source());
        resource.changes = changes.into_values().flatten().collect();
        resource.decide(false, false, &[bucket]);
        assert_eq!(resource.action, expected, "{document:?}");
    }
}
