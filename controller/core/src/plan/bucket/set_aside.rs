//! [`SetAside`]: a resource whose entries S3 refuses. The bucket's worker writes the entries of the other resources.

use std::time::Duration;

use super::{Desired, Document, Entry};
use crate::ownership::OwnerId;

/// The backoff after the first refusal; doubled with each further refusal.
const MIN_BACKOFF: Duration = Duration::from_secs(600);
/// The maximum backoff.
const MAX_BACKOFF: Duration = Duration::from_secs(86_400);

/// A refusal of a resource's entries, with the state in which S3 refused the entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetAside {
    /// The refused entries.
    pub desired: Desired,
    /// The foreign entries of the bucket at the refusal.
    pub foreign: Vec<Entry>,
    /// S3's words.
    pub why: String,
    /// The number of refusals of the same entries.
    pub refusals: u32,
}

impl SetAside {
    /// True if S3 may accept the entries now: the desired entries or the foreign entries have changed, or the backoff
    /// has passed. `age` is the time since the refusal.
    pub fn is_due(&self, desired: &Desired, foreign: &[Entry], age: Duration) -> bool {
        let doubled = MIN_BACKOFF.saturating_mul(2u32.saturating_pow(self.refusals.saturating_sub(1)));
        self.desired != *desired || self.foreign != foreign || age >= doubled.min(MAX_BACKOFF)
    }
}

/// The foreign entries of a document, in order.
pub fn foreign_entries(document: &Document, owner: &OwnerId) -> Vec<Entry> {
    document.entries().filter(|entry| entry.own_id(owner).is_none()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Destination, Filter};
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry {
            destination: Destination::Queue,
            arn: "arn:q".into(),
            id: Some(id.into()),
            events: BTreeSet::new(),
            filter: Filter::default(),
        }
    }

    #[test]
    fn a_refused_resource_is_tried_again_after_a_change_or_the_backoff() {
        let desired = Desired::Entries(vec![entry("own")]);
        let aside = |refusals| SetAside {
            desired: desired.clone(),
            foreign: vec![entry("theirs")],
            why: "no".into(),
            refusals,
        };
        let foreign = [entry("theirs")];
        assert!(!aside(1).is_due(&desired, &foreign, Duration::ZERO));
        assert!(aside(1).is_due(&Desired::Entries(vec![entry("new")]), &foreign, Duration::ZERO));
        assert!(aside(1).is_due(&desired, &[], Duration::ZERO));
        for (refusals, minutes) in [(1, 10), (2, 20), (3, 40), (8, 1_280), (9, 1_440), (u32::MAX, 1_440)] {
            let backoff = Duration::from_secs(minutes * 60);
            assert!(!aside(refusals).is_due(&desired, &foreign, backoff - Duration::from_secs(1)));
            assert!(aside(refusals).is_due(&desired, &foreign, backoff));
        }
    }

    #[test]
    fn only_entries_of_other_tools_are_foreign() {
        let owner = OwnerId::parse("1a2b3c4d").unwrap();
        let id = crate::ownership::ObjectKey::new("media", "thumbs").entry_id(
            &owner,
            &crate::api::KeyFilter::default(),
            false,
        );
        let mut document = Document::parse("<NotificationConfiguration/>").unwrap();
        let children = [entry("b"), entry(&id), entry("a")].map(super::super::Child::from_entry);
        document.children.extend(children);
        assert_eq!(foreign_entries(&document, &owner), [entry("b"), entry("a")]);
    }
}
