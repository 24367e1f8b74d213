//! The check after a write, for each kind of change.

use super::*;

fn own() -> Entry {
    entries(&wants("one", 1, "f", "s3:ObjectCreated:*", &["a/"]))[0].clone()
}

fn own_before() -> Entry {
    entries(&wants("one", 1, "g", "s3:ObjectCreated:*", &["a/"]))[0].clone()
}

fn of(entries: &[&Entry]) -> Document {
    let mut document = document(&[]);
    document.children.extend(entries.iter().map(|entry| Child::from_entry((*entry).clone())));
    document
}

#[test]
fn a_change_is_visible_or_missing() {
    let theirs = Entry { id: Some("theirs".into()), ..own() };
    let key = ObjectKey::new("media", "one");
    let (before, after) = (own_before(), own());
    let cases = [
        (Change::Added(own()), vec![], vec![&after]),
        (Change::Replaced(own()), vec![&before], vec![&after]),
        (Change::Removed(own()), vec![&after], vec![]),
        // The entry is still present, in an older version.
        (Change::Removed(own()), vec![&before], vec![]),
        (Change::Adopted(theirs.clone(), key), vec![&theirs], vec![]),
    ];
    for (change, not_yet, done) in cases {
        let seen = |found: &[&Entry]| verify(&of(&not_yet), std::slice::from_ref(&change), &of(found));
        let missing = Verification { missing: vec![change.clone()], lost: vec![] };
        assert_eq!(seen(&not_yet), missing, "{change:?}");
        assert_eq!(seen(&done), Verification::default(), "{change:?}");
    }
}

#[test]
fn a_missing_foreign_entry_is_lost() {
    let queue = |id: Option<&str>| {
        document(&[foreign("QueueConfiguration", "Queue", "arn:q", id, "s3:ObjectRemoved:*", "")])
    };
    let change = Change::Added(own());
    for id in [None, Some("theirs"), own().id.as_deref()] {
        let before = queue(id);
        let lost = before.entries().next().unwrap().clone();
        let seen = |after: &Document| verify(&before, std::slice::from_ref(&change), after);
        let mut both = before.clone();
        both.children.extend(of(&[&own()]).children);
        assert_eq!(seen(&both), Verification::default(), "{id:?}");
        let expected = Verification { missing: vec![], lost: vec![lost.clone()] };
        assert_eq!(seen(&of(&[&own()])), expected, "{id:?}");
        let expected = Verification { missing: vec![change.clone()], lost: vec![lost] };
        assert_eq!(seen(&of(&[])), expected, "{id:?}");
    }
}

/// A foreign queue entry may have the Id of a removed own entry.
#[test]
fn a_queue_entry_with_an_own_id_is_foreign() {
    let queue =
        foreign("QueueConfiguration", "Queue", "arn:q", own().id.as_deref(), "s3:ObjectRemoved:*", "");
    let removed = [Change::Removed(own())];
    assert_eq!(verify(&of(&[&own()]), &removed, &document(&[queue])), Verification::default());
}
