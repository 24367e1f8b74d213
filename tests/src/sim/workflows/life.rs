//! Deletions of objects, and new objects with the same names.

use serde_json::json;

use super::{S3, SCHEDULED, Step, Workflow, apply, definition, hourly, triggered, workflow};

pub(super) fn all() -> Vec<Workflow> {
    let retained = json!({"deletionPolicy": "Retain"});
    let own = |name| json!({"function": definition(json!({"functionName": name}))});
    vec![
        workflow(
            "life: an S3 trigger is recreated",
            [apply(triggered(json!({}))), Step::Recreate(triggered(json!({})))],
        ),
        workflow(
            "life: a schedule is recreated",
            [apply(hourly(json!({}))), Step::Recreate(hourly(json!({})))],
        ),
        workflow(
            "life: a deployed function is recreated",
            [apply(hourly(own("own"))), Step::Recreate(hourly(own("own")))],
        ),
        workflow(
            "life: an S3 trigger is recreated elsewhere",
            [apply(triggered(json!({}))), Step::Recreate(triggered(json!({"bucket": "archive"})))],
        ),
        workflow(
            "life: an S3 trigger is retained",
            [apply(triggered(json!({}))), apply(triggered(retained.clone())), Step::Delete(S3, "thumbs")],
        ),
        workflow(
            "life: a schedule is retained and created again",
            [apply(hourly(retained)), Step::Delete(SCHEDULED, "hourly"), apply(hourly(json!({})))],
        ),
        workflow(
            "life: a namespace is deleted",
            [Step::Apply(vec![triggered(own("thumbs")), hourly(json!({}))]), Step::DeleteNamespace],
        ),
        workflow(
            "life: an object is deleted at once",
            [Step::Brief(triggered(json!({}))), Step::Brief(hourly(json!({})))],
        ),
    ]
}
