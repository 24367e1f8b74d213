//! Foreign changes of a bucket's notification configuration between two reads.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Child, Destination, Document, Entry, Synced};
use crate::ownership::OwnerId;

/// The identity of a foreign part.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Name<'a> {
    /// An entry, by destination type and Id.
    Entry(Destination, Option<&'a str>),
    /// An element without an entry, such as EventBridge's.
    Element(&'a str),
}

/// The number of foreign parts that other writers have added, changed or removed since `before`. An entry adopted by
/// the operator counts only if the entry is newer than `before`.
pub fn foreign_changes(owner: &OwnerId, before: &Document, synced: &Synced) -> usize {
    let mut old = parts(owner, before);
    let new = parts(owner, &synced.document);
    let adopted = synced.plan.changes.iter().filter_map(|change| match change {
        Change::Adopted(entry, _) => Some(Name::Entry(entry.destination, entry.id.as_deref())),
        Change::Added(_) | Change::Replaced(_) | Change::Removed(_) => None,
    });
    let new_and_adopted = adopted.filter(|name| old.remove(name).is_none()).count();
    let names: BTreeSet<&Name> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter(|name| old.get(name) != new.get(name)).count() + new_and_adopted
}

/// The foreign parts of a document, with the entries of each name. The XML formatting does not count.
fn parts<'a>(owner: &OwnerId, document: &'a Document) -> BTreeMap<Name<'a>, BTreeSet<&'a Entry>> {
    let mut parts: BTreeMap<Name, BTreeSet<&Entry>> = BTreeMap::new();
    for Child { raw, entry } in &document.children {
        match (entry, element_name(raw)) {
            (Some(entry), _) if entry.own_id(owner).is_some() => {}
            (Some(entry), _) => {
                let name = Name::Entry(entry.destination, entry.id.as_deref());
                parts.entry(name).or_default().insert(entry);
            }
            (None, Some(element)) => drop(parts.entry(Name::Element(element)).or_default()),
            (None, None) => {}
        }
    }
    parts
}

/// The element name of a child; `None` for white space and comments.
fn element_name(raw: &str) -> Option<&str> {
    let name = raw.strip_prefix('<')?.split(|c: char| c.is_whitespace() || "/>".contains(c)).next()?;
    name.starts_with(|c: char| c.is_alphabetic()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ownership::ObjectKey;
    use crate::plan::bucket::BucketPlan;

    fn document(children: &str) -> Document {
        Document::parse(&format!("<NotificationConfiguration>{children}</NotificationConfiguration>"))
            .unwrap()
    }

    fn queue(id: &str, event: &str) -> String {
        format!(
            "<QueueConfiguration><Id>{id}</Id><Queue>arn:aws:sqs:eu-west-1:1:q</Queue><Event>{event}</Event></QueueConfiguration>"
        )
    }

    fn changes(before: &str, after: &str, adopted: &[&Entry]) -> usize {
        let key = ObjectKey::new("media", "thumbs");
        let changes = adopted.iter().map(|entry| Change::Adopted((*entry).clone(), key.clone())).collect();
        let plan = BucketPlan { write: None, changes, rejected: BTreeMap::new() };
        let synced = Synced { document: document(after), plan, lost: vec![], broken: vec![] };
        foreign_changes(&OwnerId::parse("1a2b3c4d").unwrap(), &document(before), &synced)
    }

    #[test]
    fn each_foreign_change_counts_once() {
        let [a, b] = ["a", "b"].map(|id| queue(id, "s3:ObjectCreated:*"));
        let changed = queue("a", "s3:ObjectRemoved:*");
        let events = "<EventBridgeConfiguration/>";
        let own = ObjectKey::new("media", "thumbs").entry_id(
            &OwnerId::parse("1a2b3c4d").unwrap(),
            &crate::api::KeyFilter::default(),
            false,
        );
        let own = queue(&own, "s3:ObjectCreated:*");
        let both = format!("{a}{b}");
        let cases = [
            (both.as_str(), both.clone(), 0),
            // Order, comments and white space do not count.
            (&both, format!("{b} <!-- moved -->{a}"), 0),
            ("", a.clone(), 1),
            (&a, changed.clone(), 1),
            (&a, String::new(), 1),
            (&a, b.clone(), 2),
            ("", events.to_owned(), 1),
            (events, "<EventBridgeConfiguration></EventBridgeConfiguration>".to_owned(), 0),
            ("", own.clone(), 0),
            (&own, String::new(), 0),
        ];
        for (before, after, expected) in cases {
            assert_eq!(changes(before, &after, &[]), expected, "{before} -> {after}");
        }
    }

    #[test]
    fn an_adopted_entry_counts_if_it_is_new() {
        let theirs = queue("theirs", "s3:ObjectCreated:*");
        let entry = document(&theirs).entries().next().unwrap().clone();
        assert_eq!(changes(&theirs, "", &[&entry]), 0);
        assert_eq!(changes("", "", &[&entry]), 1);
    }
}
