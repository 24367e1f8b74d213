//! The resources of the AWS providers of Terraform and of Pulumi, which have the same properties under other names.

use serde_json::Value;

use super::super::bucket::ListedEntries;
use super::super::maker::Maker;
use super::listed::{Listed, ToolFile, region_of};

/// The names of the types and of the properties.
pub(super) struct Names {
    /// The type of the document of a bucket.
    pub notification: &'static str,
    /// The type of a rule.
    pub rule: &'static str,
    /// The type of a schedule.
    pub schedule: &'static str,
    /// The property of a document with its entries of functions.
    pub functions: &'static str,
    /// The property of an entry with the ARN of its function.
    pub function_arn: &'static str,
    /// The property of a rule with its event bus.
    pub bus: &'static str,
    /// The property of a rule with its schedule.
    pub expression: &'static str,
    /// The property of a schedule with its group.
    pub group: &'static str,
}

impl Names {
    /// Adds the trigger of a resource to the file. Resources of other types are left out.
    pub fn read(&self, file: &mut ToolFile, made_by: Maker, kind: &Value, values: &Value) {
        let text = |field: &str| values[field].as_str().filter(|text| !text.is_empty());
        let region = || text("region").map(Into::into).or_else(|| region_of(text("arn")));
        match (kind.as_str(), text("bucket"), text("name")) {
            (Some(kind), Some(bucket), _) if kind == self.notification => {
                let blocks = values[self.functions].as_array().into_iter().flatten();
                let functions: Vec<&str> =
                    blocks.filter_map(|block| block[self.function_arn].as_str()).collect();
                let region = text("region").map(Into::into).or_else(|| region_of(functions.first().copied()));
                let functions = functions.iter().map(|arn| ((*arn).to_owned(), made_by.clone())).collect();
                file.listed.push(Listed::Bucket {
                    name: bucket.into(),
                    region,
                    entries: ListedEntries::Of(functions),
                });
            }
            (Some(kind), _, Some(name)) if kind == self.rule => {
                match (text(self.bus).unwrap_or("default"), text(self.expression)) {
                    ("default", Some(_)) => {
                        file.listed.push(Listed::Rule { name: name.into(), region: region(), made_by });
                    }
                    ("default", None) => file.notes.push(format!("rule {name} has no schedule")),
                    (bus, _) => file.notes.push(format!("rule {name} is on the event bus {bus}")),
                }
            }
            (Some(kind), _, Some(name)) if kind == self.schedule => file.listed.push(Listed::Schedule {
                groups: vec![text(self.group).unwrap_or("default").into()],
                name: name.into(),
                region: region(),
                made_by,
            }),
            _ => {}
        }
    }
}
