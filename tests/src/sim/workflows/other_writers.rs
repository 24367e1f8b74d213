//! Drift: other writers change AWS resources of the operator, and the operator repairs the drift.

use futures::FutureExt;
use lambda_triggers_core::ownership::{ObjectKey, OwnerId, bucket_statement_id, rules_statement_id};
use lambda_triggers_core::plan::bucket::Bucket;
use serde_json::json;

use super::env::{FOREIGN, put};
use super::{NAMESPACE, S3, SCHEDULED, Step, Workflow, apply, definition, hourly, triggered, workflow};
use crate::sim::aws::{MemoryAws, REGION};
use crate::sim::run::owner;

pub(super) fn all() -> Vec<Workflow> {
    let s3 =
        |name, drift: fn(&MemoryAws)| workflow(name, [apply(triggered(json!({}))), Step::Outside(drift)]);
    let schedule =
        |name, drift: fn(&MemoryAws)| workflow(name, [apply(hourly(json!({}))), Step::Outside(drift)]);
    let own = definition(json!({"functionName": "own"}));
    vec![
        s3("drift: the entry is removed", |aws| put(aws, "photos", FOREIGN)),
        s3("drift: the bucket's statement is removed", |aws| {
            aws.remove_statement(&aws.function("resize"), &bucket_statement_id(&owner(), "photos"));
        }),
        schedule("drift: the rule is deleted", |aws| aws.delete_rule(&rule(&owner()))),
        schedule("drift: the rule is disabled", |aws| {
            let settings = aws.snapshot().rules.into_values().next().map(|rule| rule.settings);
            let Some(mut settings) = settings else { return };
            settings.enabled = false;
            let name = rule(&owner());
            aws.outside().eventbridge(REGION).put_rule(&name, &settings, &Default::default()).now_or_never();
        }),
        schedule("drift: the target is removed", |aws| {
            let targets: Vec<String> =
                aws.snapshot().rules.into_values().flat_map(|rule| rule.targets.into_keys()).collect();
            aws.outside().eventbridge(REGION).remove_targets(&rule(&owner()), &targets).now_or_never();
        }),
        schedule("drift: the rules' statement is removed", |aws| {
            aws.remove_statement(&aws.function("report"), &rules_statement_id(&owner()));
        }),
        workflow(
            "outside: another account takes the bucket's name, and the object is deleted",
            [apply(triggered(json!({}))), Step::Outside(take_name), Step::Delete(S3, "thumbs")],
        ),
        workflow(
            "drift: the bucket's function is deleted and created again",
            [apply(triggered(json!({}))), Step::Outside(without_resize), Step::Outside(with_resize)],
        ),
        workflow(
            "drift: the schedule's function is deleted and created again",
            [
                apply(hourly(json!({}))),
                Step::Outside(|aws| aws.delete_function(&aws.function("report"))),
                Step::Outside(|aws| aws.create_function(&aws.function("report"))),
            ],
        ),
        workflow(
            "drift: the rule's tags are removed, and its object is deleted",
            [
                apply(hourly(json!({}))),
                Step::Outside(|aws| {
                    let tags = aws.snapshot().rules.into_values().flat_map(|rule| rule.tags.into_keys());
                    let tags: Vec<String> = tags.collect();
                    aws.outside().eventbridge(REGION).untag_rule(&rule(&owner()), &tags).now_or_never();
                }),
                Step::Delete(SCHEDULED, "hourly"),
            ],
        ),
        workflow(
            "drift: a deployed function is deleted",
            [
                apply(hourly(json!({"function": own}))),
                Step::Outside(|aws| aws.delete_function(&aws.function("own"))),
            ],
        ),
    ]
}

fn rule(owner: &OwnerId) -> String {
    ObjectKey::new(NAMESPACE, "hourly").rule_name(owner, "ScheduledFunction")
}

fn take_name(aws: &MemoryAws) {
    let taken = Bucket { owner: "999999999999".into(), ..aws.bucket("photos") };
    aws.delete_bucket("photos");
    aws.create_bucket(&taken);
}

fn without_resize(aws: &MemoryAws) {
    aws.delete_function(&aws.function("resize"));
}

fn with_resize(aws: &MemoryAws) {
    aws.create_function(&aws.function("resize"));
}
