//! Workflows of an `S3TriggeredFunction`: changes of each field, and moves to other buckets, functions and Regions.

use serde_json::{Value, json};

use super::env::{FAR, FOREIGN, permit, put};
use super::{S3, SCHEDULED, Step, Workflow, apply, definition, object, triggered, with, workflow};
use crate::sim::aws::MemoryAws;

pub(super) fn all() -> Vec<Workflow> {
    let changed = |name, changes| workflow(name, [apply(triggered(json!({}))), apply(triggered(changes))]);
    vec![
        workflow("s3: create and delete", [apply(triggered(json!({}))), Step::Delete(S3, "thumbs")]),
        changed("s3: change the events", json!({"events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:Put"]})),
        changed("s3: change the filters", json!({"filters": [{"prefix": "images/"}, {"prefix": "raw/"}]})),
        workflow(
            "s3: suspend and resume",
            [json!({}), json!({"suspend": true}), json!({})].map(|changes| apply(triggered(changes))),
        ),
        changed("s3: move to another bucket", json!({"bucket": "archive"})),
        changed("s3: move to another function", json!({"function": {"name": "report"}})),
        changed("s3: move to another Region", json!({"bucket": "far", "region": FAR})),
        deployed(
            "s3: deploy, change the code and delete",
            json!({"code": {"inline": {"app.py": "changed"}}}),
        ),
        deployed(
            "s3: deploy, change the settings and delete",
            json!({"memorySizeMB": 512, "tags": {"team": "b"}}),
        ),
        workflow(
            "s3: replace a deployed function by an existing function",
            [apply(triggered(json!({"function": definition(json!({}))}))), apply(triggered(json!({})))],
        ),
        Workflow {
            adopts: &["chalice"],
            ..workflow(
                "s3: adopt another tool's entry",
                [Step::Outside(chalice), apply(triggered(json!({})))],
            )
        },
        workflow(
            "s3: two objects conflict, and the older object is deleted",
            [
                apply(triggered(json!({}))),
                apply(named("younger", json!({"filters": [{"prefix": "images/"}]}))),
                Step::Delete(S3, "thumbs"),
            ],
        ),
        ten(),
        refused(),
        workflow(
            "s3: another kind with the same name",
            [
                apply(triggered(json!({}))),
                Step::Delete(S3, "thumbs"),
                apply(object(
                    SCHEDULED,
                    "thumbs",
                    json!({"function": {"name": "resize"}, "schedule": "rate(1 day)"}),
                )),
            ],
        ),
    ]
}

fn named(name: &str, changes: Value) -> Value {
    let mut object = triggered(changes);
    object["metadata"]["name"] = name.into();
    object
}

/// Ten objects on one bucket, created at once. Then half of the objects change, and then the namespace is deleted.
fn ten() -> Workflow {
    let one = |n: usize, events: Value| {
        named(&format!("trigger-{n}"), json!({"events": events, "filters": [{"prefix": format!("in/{n}/")}]}))
    };
    let all = (0..10).map(|n| one(n, json!(["s3:ObjectCreated:*"]))).collect();
    let some = (0..5).map(|n| one(n, json!(["s3:ObjectRemoved:*"]))).collect();
    workflow("s3: ten on one bucket", [Step::Apply(all), Step::Apply(some), Step::DeleteNamespace])
}

/// Three objects on one bucket. S3 refuses the entry of one object.
fn refused() -> Workflow {
    let at = |name: &str, prefix: &str| named(name, json!({"filters": [{"prefix": prefix}]}));
    workflow(
        "s3: an entry that S3 refuses, beside others",
        [
            Step::Outside(|aws| aws.refuse_prefix("refused/")),
            apply(at("a", "a/")),
            Step::Apply(vec![at("bad", "refused/"), at("c", "c/")]),
            apply(at("a", "changed/")),
            Step::Delete(S3, "c"),
            apply(at("bad", "accepted/")),
            apply(at("bad", "refused/")),
            Step::Delete(S3, "bad"),
        ],
    )
}

fn deployed(name: &'static str, changes: Value) -> Workflow {
    let function = |changes| json!({"function": definition(with(json!({"functionName": "own"}), changes))});
    let steps = [json!({}), changes].map(|changes| apply(triggered(function(changes))));
    workflow(name, [steps.to_vec(), vec![Step::Delete(S3, "thumbs")]].concat())
}

/// Writes an entry of another tool for the same function and keys.
fn chalice(aws: &MemoryAws) {
    permit(aws, "resize", "chalice-in");
    let entry = "<CloudFunctionConfiguration><Id>chalice</Id><CloudFunction>arn:aws:lambda:eu-west-1:123456789012:function:resize\
        </CloudFunction><Event>s3:ObjectCreated:Put</Event></CloudFunctionConfiguration>";
    put(aws, "photos", &FOREIGN.replace("<EventBridge", &format!("{entry}<EventBridge")));
}
