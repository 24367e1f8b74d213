//! [`Bisection`]: finds the resources whose entries S3 refuses.
//!
//! S3 refuses a whole document for one entry, and the answer names no entry. The bisection halves the new and changed
//! resources of a refused document. Each accepted half is written at once, and a resource is at fault if S3 refuses the
//! resource alone. For one resource at fault among `n` resources, S3 sees about `2 log2(n)` further documents.
//!
//! S3 accepted the unchanged entries before. The bisection never leaves out an unchanged entry, since a working trigger
//! would miss events.

use std::collections::{BTreeMap, BTreeSet};

use super::{BucketPlan, Change, Claim, Desired, Entry};
use crate::ownership::{ObjectKey, OwnerId};

/// The search for the resources at fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bisection {
    /// The undecided groups. The next document has the entries of the last group and of the accepted resources.
    groups: Vec<Group>,
    accepted: BTreeSet<ObjectKey>,
    /// The resources at fault, with S3's words.
    refused: BTreeMap<ObjectKey, String>,
    /// S3's last refusal.
    why: String,
}

/// Resources without a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    keys: Vec<ObjectKey>,
    /// True if S3 refuses the group, so that a part of the group is at fault.
    is_refused: bool,
}

impl Bisection {
    /// True if a group has no verdict yet.
    pub fn is_running(&self) -> bool {
        !self.groups.is_empty()
    }

    /// The resources at fault, with S3's words.
    pub fn refused(&self) -> &BTreeMap<ObjectKey, String> {
        &self.refused
    }

    /// S3 refused the last document. `suspects` are the new and changed resources of the document.
    pub fn on_refused(&mut self, suspects: Vec<ObjectKey>, why: String) {
        self.why = why;
        match self.groups.last_mut() {
            Some(group) => group.is_refused = true,
            None => {
                self.accepted.clear();
                self.groups.push(Group { keys: suspects, is_refused: true });
            }
        }
        self.halve();
    }

    /// The document shows the accepted entries of the last group.
    pub fn on_accepted(&mut self) {
        self.accepted.extend(self.groups.pop().into_iter().flat_map(|group| group.keys));
    }

    /// Halves refused groups until the last group has no verdict. A refused group of one resource is at fault.
    fn halve(&mut self) {
        while let Some(mut group) = self.groups.pop_if(|group| group.is_refused) {
            if group.keys.len() < 2 {
                self.refused.extend(group.keys.into_iter().map(|key| (key, self.why.clone())));
                continue;
            }
            let second_half = group.keys.split_off(group.keys.len() / 2);
            self.groups.push(Group { keys: second_half, is_refused: false });
            self.groups.push(Group { keys: group.keys, is_refused: false });
        }
    }

    /// The claims for the next document. Resources at fault and resources without a verdict keep their current entries.
    pub fn claims(&self, claims: &[Claim]) -> Vec<Claim> {
        let is_tried = |key: &ObjectKey| {
            self.groups.last().is_none_or(|group| group.keys.contains(key) || self.accepted.contains(key))
        };
        let desired = |claim: &Claim| match (&claim.desired, self.refused.get(&claim.key)) {
            (Desired::Entries(_) | Desired::Retain, Some(why)) => Desired::Refused(why.clone()),
            (Desired::Entries(_) | Desired::Retain, None) if !is_tried(&claim.key) => Desired::KeepCurrent,
            (desired, _) => desired.clone(),
        };
        claims.iter().map(|claim| Claim { desired: desired(claim), ..claim.clone() }).collect()
    }
}

/// The resources with new or changed entries in the plan.
pub(super) fn suspects(plan: &BucketPlan, claims: &[Claim], owner: &OwnerId) -> Vec<ObjectKey> {
    let base_name = |entry: &Entry| entry.own_id(owner).map(|id| id.base_name);
    let changed: BTreeSet<String> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Added(entry) | Change::Replaced(entry) => base_name(entry),
            Change::Adopted(_, key) => Some(key.base_name(owner)),
            Change::Removed(_) => None,
        })
        .collect();
    let makes = |claim: &&Claim| matches!(claim.desired, Desired::Entries(_) | Desired::Retain);
    let keys = claims.iter().filter(makes).map(|claim| claim.key.clone());
    keys.filter(|key| changed.contains(&key.base_name(owner))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ObjectKey {
        ObjectKey::new("media", format!("t{number:03}"))
    }

    fn claims(count: usize) -> Vec<Claim> {
        let claim = |number| Claim {
            key: key(number),
            created: 0,
            uid: number.to_string(),
            desired: Desired::Entries(vec![]),
        };
        (0..count).map(claim).collect()
    }

    /// The resources with entries in the next document.
    fn tried(bisection: &Bisection, claims: &[Claim]) -> Vec<ObjectKey> {
        let claims = bisection.claims(claims).into_iter();
        let tried = claims.filter(|claim| matches!(claim.desired, Desired::Entries(_)));
        tried.map(|claim| claim.key).collect()
    }

    /// Runs a bisection against an S3 that refuses these resources. Returns the number of documents.
    fn documents(count: usize, bad: &[usize]) -> usize {
        let (claims, bad) = (claims(count), bad.iter().copied().map(key).collect::<Vec<_>>());
        let mut bisection = Bisection::default();
        let mut documents = 0;
        loop {
            let tried = tried(&bisection, &claims);
            documents += 1;
            let culprit = tried.iter().find(|key| bad.contains(key));
            match culprit {
                Some(culprit) => bisection.on_refused(tried.clone(), format!("refused {}", culprit.name)),
                None if bisection.is_running() => bisection.on_accepted(),
                None => break,
            }
        }
        assert_eq!(bisection.refused().keys().cloned().collect::<Vec<_>>(), bad);
        let why = |(key, why): (&ObjectKey, &String)| assert_eq!(*why, format!("refused {}", key.name));
        bisection.refused().iter().for_each(why);
        documents
    }

    #[test]
    fn one_resource_at_fault_needs_a_logarithmic_number_of_documents() {
        for (count, most) in [(1, 2), (2, 4), (3, 6), (10, 10), (50, 14), (100, 16)] {
            let worst = (0..count).map(|bad| documents(count, &[bad])).max();
            assert!(worst <= Some(most), "{count} resources: {worst:?} documents");
        }
    }

    #[test]
    fn several_resources_at_fault_are_found() {
        for bad in [&[][..], &[0, 1], &[0, 99], &[3, 50, 51, 98]] {
            let documents = documents(100, bad);
            assert!(documents <= 2 + 14 * bad.len(), "{bad:?}: {documents} documents");
        }
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(documents(100, &all), 200);
    }

    #[test]
    fn a_resource_that_only_leaves_is_no_suspect() {
        let mut claims = claims(2);
        claims[0].desired = Desired::None;
        claims[1].desired = Desired::KeepCurrent;
        let mut bisection = Bisection::default();
        bisection.on_refused(vec![key(0), key(1)], "no".into());
        assert_eq!(bisection.claims(&claims), claims);
    }
}
