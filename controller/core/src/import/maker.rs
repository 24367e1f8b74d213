//! The tool that made a trigger, as far as Ids, tags and the tool's own file show.

use std::fmt;

use crate::api::Tags;
use crate::plan::bucket::{Entry, made_by};

/// CloudFormation sets this tag on most resources of a stack
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html>).
const STACK_TAG: &str = "aws:cloudformation:stack-name";
/// Chalice sets this tag on its functions, with a value such as `version=1.32.0:stage=dev:app=shop`
/// (<https://github.com/aws/chalice/blob/master/chalice/deploy/appgraph.py>).
const CHALICE_TAG: &str = "aws-chalice";

/// A tool that made a trigger. The names are `None` as far as they are not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// Terraform or OpenTofu.
    Terraform {
        /// The address in the state, such as `aws_s3_bucket_notification.photos`.
        address: Option<String>,
    },
    /// Chalice.
    Chalice {
        /// The name of the application.
        app: Option<String>,
        /// The stage.
        stage: Option<String>,
        /// The name of the resource in the deployed file, such as `index-s3event`.
        resource: Option<String>,
    },
    /// Pulumi.
    Pulumi {
        /// The URN of the resource in the stack.
        urn: Option<String>,
    },
    /// CloudFormation, also for CDK and SAM.
    CloudFormation {
        /// The name of the stack.
        stack: Option<String>,
        /// The logical ID.
        resource: Option<String>,
    },
}

impl Maker {
    /// The maker of an entry, by the entry's Id, else by the tags of its function.
    pub(crate) fn of_entry(entry: &Entry, function: Option<&Tags>) -> Option<Self> {
        let by_id = made_by(entry).map(|_| Self::Terraform { address: None });
        by_id.or_else(|| Self::of_tags(function?))
    }

    /// The tool without the name of the resource. One change of the tool can let all of its resources go.
    pub(super) fn tool(&self) -> Self {
        match self {
            Self::Terraform { .. } => Self::Terraform { address: None },
            Self::Pulumi { .. } => Self::Pulumi { urn: None },
            Self::Chalice { app, stage, .. } => {
                Self::Chalice { app: app.clone(), stage: stage.clone(), resource: None }
            }
            Self::CloudFormation { stack, .. } => {
                Self::CloudFormation { stack: stack.clone(), resource: None }
            }
        }
    }

    /// The name of the resource, if known.
    pub(super) fn resource(&self) -> Option<&str> {
        match self {
            Self::Terraform { address: resource }
            | Self::Pulumi { urn: resource }
            | Self::Chalice { resource, .. }
            | Self::CloudFormation { resource, .. } => resource.as_deref(),
        }
    }

    /// The maker of a resource with these tags.
    pub(super) fn of_tags(tags: &Tags) -> Option<Self> {
        if let Some(tag) = tags.get(CHALICE_TAG) {
            let part = |name: &str| {
                let mut parts = tag.split(':').filter_map(|part| part.split_once('='));
                parts.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
            };
            return Some(Self::Chalice { app: part("app"), stage: part("stage"), resource: None });
        }
        let stack = tags.get(STACK_TAG)?.clone();
        Some(Self::CloudFormation { stack: Some(stack), resource: None })
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tool, parts) = match self {
            Self::Terraform { address } => ("Terraform", [("", address), ("", &None), ("", &None)]),
            Self::Pulumi { urn } => ("Pulumi", [("", urn), ("", &None), ("", &None)]),
            Self::Chalice { app, stage, resource } => {
                ("Chalice", [("app ", app), ("stage ", stage), ("", resource)])
            }
            Self::CloudFormation { stack, resource } => {
                ("CloudFormation", [("stack ", stack), ("", resource), ("", &None)])
            }
        };
        f.write_str(tool)?;
        let parts = parts.into_iter().filter_map(|(label, name)| Some((label, name.as_ref()?)));
        parts.into_iter().try_for_each(|(label, name)| write!(f, ", {label}{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_show_chalice_and_cloudformation() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        for (tags, words) in [
            (tags(&[]), None),
            (tags(&[("team", "media")]), None),
            (
                tags(&[("aws-chalice", "version=1.32.0:stage=dev:app=shop")]),
                Some("Chalice, app shop, stage dev"),
            ),
            (tags(&[("aws-chalice", "")]), Some("Chalice")),
            (
                tags(&[("aws:cloudformation:stack-name", "media-prod")]),
                Some("CloudFormation, stack media-prod"),
            ),
        ] {
            let maker = Maker::of_tags(&tags).map(|maker| maker.to_string());
            assert_eq!(maker.as_deref(), words, "{tags:?}");
        }
    }

    #[test]
    fn a_maker_is_described_by_its_known_names() {
        let address = Some("aws_s3_bucket_notification.photos".into());
        assert_eq!(Maker::Terraform { address }.to_string(), "Terraform, aws_s3_bucket_notification.photos");
        let resource = Some("index-s3event".into());
        let maker = Maker::Chalice { app: None, stage: Some("dev".into()), resource };
        assert_eq!(maker.to_string(), "Chalice, stage dev, index-s3event");
    }
}
