//! The workflows that the operator is put through: each is what users and others do, one step after the other, in a world
//! that is the same at the start of each.

mod env;
mod life;
mod other_writers;
mod play;
mod scheduled;
mod triggered;

use serde_json::{Value, json};

use super::aws::MemoryAws;

pub use env::{FOREIGN, permit, prepare};
pub use play::{RESYNC_PERIOD, Run, rest, result, take, until_orphan_check};

/// The namespace of all objects.
pub const NAMESPACE: &str = "team";
/// What no status, event or log may say: it stands in inputs and environments.
pub const SECRET: &str = "hunter2-do-not-tell";

/// A workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its name, as a failing test prints it.
    pub name: &'static str,
    /// What happens; the operator comes to rest after each step.
    pub steps: Vec<Step>,
    /// The Ids of other tools' entries that it may take over.
    pub takes_over: &'static [&'static str],
}

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody applies these objects, one right after the other.
    Apply(Vec<Value>),
    /// Somebody deletes the object of this kind and name.
    Delete(&'static str, &'static str),
    /// Somebody deletes an object and applies it again as soon as it is gone.
    Recreate(Value),
    /// Somebody applies an object and deletes it at once.
    Brief(Value),
    /// Somebody deletes the namespace.
    DeleteNamespace,
    /// Somebody else changes AWS.
    Outside(fn(&MemoryAws)),
}

/// All workflows.
pub fn all() -> Vec<Workflow> {
    [triggered::all(), scheduled::all(), other_writers::all(), life::all()].concat()
}

/// The workflow of this name.
///
/// # Panics
/// When there is none.
pub fn named(name: &str) -> Workflow {
    let found = all().into_iter().find(|workflow| workflow.name == name);
    found.unwrap_or_else(|| panic!("there is no workflow {name:?}"))
}

fn workflow(name: &'static str, steps: impl Into<Vec<Step>>) -> Workflow {
    Workflow { name, steps: steps.into(), takes_over: &[] }
}

fn apply(object: Value) -> Step {
    Step::Apply(vec![object])
}

const S3: &str = "S3TriggeredFunction";
const SCHEDULED: &str = "ScheduledFunction";

/// An object of ours.
fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "lambda-triggers.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
    })
}

/// A trigger of `resize` by the bucket `photos`, but for what `changes` says.
fn triggered(changes: Value) -> Value {
    let spec = json!({
        "function": {"name": "resize"}, "bucket": "photos", "events": ["s3:ObjectCreated:*"],
        "filters": [{"prefix": "images/", "suffix": ".jpg"}],
    });
    object(S3, "thumbs", with(spec, changes))
}

/// A schedule for `report`, but for what `changes` says.
fn hourly(changes: Value) -> Value {
    let spec = json!({
        "function": {"name": "report"}, "schedule": "rate(1 hour)", "input": {"password": SECRET},
    });
    object(SCHEDULED, "hourly", with(spec, changes))
}

/// The definition of a function that the operator deploys, but for what `changes` says.
fn definition(changes: Value) -> Value {
    let definition = json!({
        "runtime": "python3.13", "handler": "app.handler", "roleArn": "arn:aws:iam::123456789012:role/functions",
        "code": {"inline": {"app.py": "def handler(event, context): pass"}},
        "environment": {"PASSWORD": SECRET}, "tags": {"team": "a"},
    });
    json!({"definition": with(definition, changes)})
}

/// The fields, with others in place of some.
fn with(mut fields: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().into_iter().flatten() {
        fields[field] = value.clone();
    }
    fields
}
