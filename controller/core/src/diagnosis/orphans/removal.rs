//! The commands of the AWS CLI that remove an orphan.

use super::OwnedResource;
use crate::ownership::{OwnerId, target_id};
use crate::shell::shell_word;

impl OwnedResource {
    /// The commands that remove the AWS resource, in their order.
    pub(super) fn removal(&self, owner: &OwnerId) -> Vec<String> {
        let name = shell_word(&self.name(owner));
        match self {
            Self::Rule { region, .. } => vec![
                format!(
                    "aws events remove-targets --region {region} --rule {name} --ids {}",
                    target_id(owner)
                ),
                format!("aws events delete-rule --region {region} --name {name}"),
            ],
            Self::Schedule { region, .. } => {
                let group = owner.group_name();
                vec![format!(
                    "aws scheduler delete-schedule --region {region} --group-name {group} --name {name}"
                )]
            }
            Self::ScheduleGroup { region } => {
                vec![format!("aws scheduler delete-schedule-group --region {region} --name {name}")]
            }
            // S3 takes the whole configuration at each write.
            Self::Entry { bucket, .. } => {
                let place = format!(
                    "--region {} --bucket {} --expected-bucket-owner {}",
                    bucket.region, bucket.name, bucket.owner
                );
                vec![
                    format!(
                        "aws s3api get-bucket-notification-configuration {place} | jq --arg id {name} \
                         'del(.LambdaFunctionConfigurations[] | select(.Id == $id))' > notification.json"
                    ),
                    format!(
                        "aws s3api put-bucket-notification-configuration {place} --notification-configuration \
                         file://notification.json"
                    ),
                ]
            }
            Self::Function { region, .. } => {
                vec![format!("aws lambda delete-function --region {region} --function-name {name}")]
            }
            Self::Statement { function, .. } => {
                let qualifier = function.qualifier.iter().map(|name| format!(" --qualifier {name}"));
                vec![format!(
                    "aws lambda remove-permission --region {} --function-name {} --statement-id {name}{}",
                    function.region,
                    function.with_qualifier(None),
                    qualifier.collect::<String>()
                )]
            }
        }
    }
}
