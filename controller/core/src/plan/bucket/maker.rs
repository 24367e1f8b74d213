//! The tool that made a foreign entry, as far as the Id of the entry shows.

use super::{Destination, Entry};

/// The tool that made an entry. `None` for an Id that shows no tool. A name of a tool is a hint for messages, and no
/// proof: anyone may write any Id.
///
/// Terraform's `aws_s3_bucket_notification` generates Ids with these prefixes
/// (<https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/s3_bucket_notification>).
pub fn made_by(entry: &Entry) -> Option<&'static str> {
    let prefix = match entry.destination {
        Destination::Function => "tf-s3-lambda-",
        Destination::Queue => "tf-s3-queue-",
        Destination::Topic => "tf-s3-topic-",
    };
    entry.id.as_deref().is_some_and(|id| id.starts_with(prefix)).then_some("Terraform")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::bucket::Filter;

    #[test]
    fn the_id_of_an_entry_shows_terraform() {
        for (destination, id, maker) in [
            (Destination::Function, Some("tf-s3-lambda-20260101000000000000000001"), Some("Terraform")),
            (Destination::Queue, Some("tf-s3-queue-20260101000000000000000001"), Some("Terraform")),
            (Destination::Topic, Some("tf-s3-topic-20260101000000000000000001"), Some("Terraform")),
            (Destination::Queue, Some("tf-s3-lambda-20260101000000000000000001"), None),
            (Destination::Function, Some("audit"), None),
            (Destination::Function, None, None),
        ] {
            let entry = Entry {
                destination,
                arn: "arn:aws:lambda:eu-west-1:123456789012:function:f".into(),
                id: id.map(Into::into),
                events: BTreeSet::new(),
                filter: Filter::default(),
            };
            assert_eq!(made_by(&entry), maker, "{id:?}");
        }
    }
}
