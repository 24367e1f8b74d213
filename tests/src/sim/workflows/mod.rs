//! The workflows: steps of users and other writers, in a prepared environment. Tests run each workflow with and without
//! faults.

mod env;
mod life;
mod other_writers;
mod play;
mod scheduled;
mod scheduler;
mod triggered;

use std::time::Duration;

use serde_json::{Value, json};

use super::aws::MemoryAws;

pub use env::{FOREIGN, permit, prepare};
pub use play::{RESYNC_PERIOD, Run, perform, result, until_idle, until_orphan_check};

/// The namespace of all objects.
pub const NAMESPACE: &str = "team";
/// The secret that no status, event or log line may show. Inputs and environments contain the secret.
pub const SECRET: &str = "hunter2-do-not-tell";

/// A workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The name, which a failed test prints.
    pub name: &'static str,
    /// The steps. The operator becomes idle after each step.
    pub steps: Vec<Step>,
    /// The Ids of foreign entries that the operator may adopt.
    pub adopts: &'static [&'static str],
}

/// A step of a user or of another writer.
#[derive(Clone, Debug)]
pub enum Step {
    /// A user applies these objects in quick succession.
    Apply(Vec<Value>),
    /// A user deletes the object of this kind and name.
    Delete(&'static str, &'static str),
    /// A user deletes an object, and applies the object again after the deletion.
    Recreate(Value),
    /// A user applies an object and deletes the object at once.
    Brief(Value),
    /// A user deletes the namespace.
    DeleteNamespace,
    /// Another writer changes AWS.
    Outside(fn(&MemoryAws)),
    /// Nobody does anything until this time after the start of the run.
    Wait(Duration),
}

/// All workflows.
pub fn all() -> Vec<Workflow> {
    [triggered::all(), scheduled::all(), scheduler::all(), other_writers::all(), life::all()].concat()
}

/// The workflow with this name.
///
/// # Panics
/// If no workflow has this name.
pub fn named(name: &str) -> Workflow {
    let found = all().into_iter().find(|workflow| workflow.name == name);
    found.unwrap_or_else(|| panic!("there is no workflow {name:?}"))
}

fn workflow(name: &'static str, steps: impl Into<Vec<Step>>) -> Workflow {
    Workflow { name, steps: steps.into(), adopts: &[] }
}

fn apply(object: Value) -> Step {
    Step::Apply(vec![object])
}

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";

/// An object of one of our CRDs.
fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
    })
}

/// A trigger of `resize` by the bucket `photos`, with these changes.
fn triggered(changes: Value) -> Value {
    let spec = json!({
        "function": {"name": "resize"}, "bucket": "photos", "events": ["s3:ObjectCreated:*"],
        "filters": [{"prefix": "images/", "suffix": ".jpg"}],
    });
    object(S3, "thumbs", with(spec, changes))
}

/// A schedule for `report`, with these changes.
fn hourly(changes: Value) -> Value {
    let spec = json!({
        "function": {"name": "report"}, "schedule": "rate(1 hour)", "input": {"password": SECRET},
    });
    object(SCHEDULED, "hourly", with(spec, changes))
}

/// A `definition` of a function, with these changes.
fn definition(changes: Value) -> Value {
    let definition = json!({
        "runtime": "python3.13", "handler": "app.handler", "roleArn": "arn:aws:iam::123456789012:role/functions",
        "code": {"inline": {"app.py": "def handler(event, context): pass"}},
        "environment": {"PASSWORD": SECRET}, "tags": {"team": "a"},
    });
    json!({"definition": with(definition, changes)})
}

/// The fields, with some values replaced.
fn with(mut fields: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().into_iter().flatten() {
        fields[field] = value.clone();
    }
    fields
}
