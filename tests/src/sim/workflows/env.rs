//! The environment before the first step of each workflow.

use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::ownership::{ObjectKey, TAG_OWNER};
use lambda_triggers_core::plan::bucket::Bucket;
use serde_json::{Value, json};

use super::NAMESPACE;
use crate::sim::aws::{ACCOUNT, MemoryAws, SCHEDULER_ROLE};
use crate::sim::run::{Sim, owner};

/// A Region that is not the operator's Region.
pub const FAR: &str = "us-east-1";

/// The foreign entries of the bucket `photos`. The document has all types of entries, with elements, attributes and
/// white space that an SDK would lose.
pub const FOREIGN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/" xmlns:x='urn:later' x:later = "1">
  <!-- by hand: do not reformat -->
  <TopicConfiguration   x:new="yes"  ><Id>tópic &amp; more</Id><Topic>arn:aws:sns:eu-west-1:123456789012:news</Topic>
	<Event>s3:ReducedRedundancyLostObject</Event></TopicConfiguration>
  <QueueConfiguration><Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.csv</Value></FilterRule><FilterRule><Name>Prefix</Name><Value>in/ &#x20;</Value></FilterRule></S3Key></Filter><Later>x &lt; y</Later><Id>uploads</Id><Event>s3:ObjectCreated:Post</Event><Queue>arn:aws:sqs:eu-west-1:123456789012:uploads</Queue></QueueConfiguration>
  <CloudFunctionConfiguration><Id>lt-ffffffff-media-thumbs-0123456789-abcdef</Id><CloudFunction>arn:aws:lambda:eu-west-1:123456789012:function:theirs</CloudFunction><Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration>

  <EventBridgeConfiguration  />
  <TableConfiguration><Table>t</Table></TableConfiguration>
</NotificationConfiguration>"#;

/// Prepares the environment of a workflow. The buckets are `photos` with foreign entries, `archive`, and `far` in
/// another Region. The functions are `resize`, `report` and `theirs`; the first two exist in both Regions. EventBridge
/// Scheduler has schedules of other owners. Stale reads also see this environment.
///
/// # Panics
/// If AWS refuses a foreign entry.
pub fn prepare(sim: &Sim) {
    let Sim { aws, cluster, .. } = sim;
    cluster.create_namespace(NAMESPACE);
    aws.create_bucket(&aws.bucket("photos"));
    aws.create_bucket(&aws.bucket("archive"));
    aws.create_bucket(&Bucket { region: FAR.into(), name: "far".into(), owner: ACCOUNT.into() });
    for name in ["resize", "report", "theirs"] {
        aws.create_function(&aws.function(name));
    }
    for name in ["resize", "report"] {
        aws.create_function(&FunctionArn { region: FAR.into(), ..aws.function(name) });
    }
    permit(aws, "theirs", "theirs-in");
    put(aws, "photos", FOREIGN);
    add_foreign_schedules(aws);
    aws.settle();
}

/// Creates a group with a schedule of another owner, and a schedule of a user outside all groups.
fn add_foreign_schedules(aws: &MemoryAws) {
    let tags = json!([{"Key": TAG_OWNER, "Value": "ffffffff"}]);
    let theirs = "lt-ffffffff-team-hourly-0123456789";
    let by_user = ObjectKey::new(NAMESPACE, "hourly").rule_name(&owner(), "ScheduledFunction");
    for (action, members) in [
        ("scheduler:CreateScheduleGroup", json!({"Name": "lt-ffffffff", "Tags": tags})),
        ("scheduler:CreateSchedule", foreign_schedule(aws, "lt-ffffffff", theirs)),
        ("scheduler:CreateSchedule", foreign_schedule(aws, "default", &by_user)),
    ] {
        aws.write_scheduler(action, &members).unwrap_or_else(|error| panic!("{error:?}"));
    }
}

/// The members of a schedule that never runs during a test.
pub(super) fn foreign_schedule(aws: &MemoryAws, group: &str, name: &str) -> Value {
    json!({
        "Name": name, "GroupName": group, "ScheduleExpression": "cron(0 0 1 1 ? 2199)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": aws.function("theirs").to_string(), "RoleArn": SCHEDULER_ROLE},
    })
}

/// Permits the bucket `photos` to invoke a function, as another writer.
pub fn permit(aws: &MemoryAws, function: &str, sid: &str) {
    let function = aws.function(function);
    let statement: Value = json!({
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": function.to_string(),
        "Condition": {
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"}, "StringEquals": {"AWS:SourceAccount": ACCOUNT},
        },
    });
    aws.put_statement(&function, &statement).unwrap_or_else(|error| panic!("{error:?}"));
}

/// Writes a bucket's document, as another writer.
pub fn put(aws: &MemoryAws, bucket: &str, xml: &str) {
    aws.put_notification(bucket, xml).unwrap_or_else(|error| panic!("{error:?}"));
}
