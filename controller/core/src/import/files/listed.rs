//! The triggers that a file lists.

use std::collections::BTreeMap;

use super::super::bucket::ListedEntries;
use super::super::maker::Maker;

/// The content of a file, as far as it concerns triggers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFile {
    /// The triggers, in the order of the file.
    pub listed: Vec<Listed>,
    /// Triggers of the file that cannot be looked up, with the reasons.
    pub notes: Vec<String>,
}

/// A trigger in a file. A Region is `None` if the file does not show the Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Entries of a bucket.
    Bucket {
        /// The name of the bucket.
        name: String,
        /// The Region of the bucket.
        region: Option<String>,
        /// The entries.
        entries: ListedEntries,
    },
    /// A rule of the default event bus.
    Rule {
        /// The name of the rule.
        name: String,
        /// The Region of the rule.
        region: Option<String>,
        /// The maker.
        made_by: Maker,
    },
    /// A schedule of EventBridge Scheduler.
    Schedule {
        /// The groups that may have the schedule, in the order of the search.
        groups: Vec<String>,
        /// The name of the schedule.
        name: String,
        /// The Region of the schedule.
        region: Option<String>,
        /// The maker.
        made_by: Maker,
    },
}

impl ToolFile {
    /// Adds entries of a function in a bucket.
    pub(super) fn add_entries(&mut self, bucket: &str, region: Option<&str>, function: &str, maker: Maker) {
        let known = self.listed.iter_mut().find_map(|listed| match listed {
            Listed::Bucket { name, entries: ListedEntries::Of(functions), .. } if name == bucket => {
                Some(functions)
            }
            _ => None,
        });
        match known {
            Some(functions) => drop(functions.insert(function.into(), maker)),
            None => self.listed.push(Listed::Bucket {
                name: bucket.into(),
                region: region.map(Into::into),
                entries: ListedEntries::Of(BTreeMap::from([(function.into(), maker)])),
            }),
        }
    }
}

/// The Region in an ARN.
pub(super) fn region_of(arn: Option<&str>) -> Option<String> {
    arn?.split(':').nth(3).filter(|region| !region.is_empty()).map(Into::into)
}
