//! The tenancy file: which AWS resources a namespace may reference, and the role for each namespace.

mod refused;
mod reloaded;
mod roles;

use lambda_triggers_tests::env::{Controller, TestEnv};

use crate::objects::{NO_RESYNC, OWNER};
use crate::support::LIMIT;

/// A role in the env's account.
fn role(env: &TestEnv, name: &str) -> String {
    format!("arn:aws:iam::{}:role/{name}", env.account())
}

/// Replaces the tenancy file of the env atomically, and returns its path.
fn write_file(env: &TestEnv, text: &str) -> String {
    let (path, draft) = (env.directory().join("tenancy.yaml"), env.directory().join("draft.yaml"));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, &path).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Starts an operator for the env's namespace with this tenancy file.
fn controller(env: &TestEnv, text: &str) -> Controller {
    let path = write_file(env, text);
    env.controller(&[&NO_RESYNC[..], &["--tenancy-file", &path]].concat())
}

/// A tenancy file with this entry for the env's namespace.
fn file(env: &TestEnv, entry: &str) -> String {
    let entry: String = entry.lines().map(|line| format!("    {line}\n")).collect();
    format!("contact: ask the platform team\nnamespaces:\n  {}:\n{entry}", env.namespace())
}

/// Waits until an object is refused, and returns the condition's type and message.
async fn wait_for_refusal(env: &TestEnv, kind: &str, name: &str) -> (String, String) {
    env.until(LIMIT, &format!("{kind} {name} to be refused"), async || {
        let object = env.object(kind, name).await.ok_or("no such object")?;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let refused = |condition: &&serde_json::Value| {
            condition["reason"] == "NotPermitted"
                && condition["type"].as_str().is_some_and(|kind| !["Ready", "Stalled"].contains(&kind))
        };
        let found = conditions.iter().find(refused).ok_or_else(|| format!("{conditions:?}"))?;
        assert!(conditions.iter().any(|condition| condition["type"] == "Stalled"), "{conditions:?}");
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Ok::<_, String>((text("type"), text("message")))
    })
    .await
}

/// The prefix of the operator's names in AWS.
fn prefix() -> String {
    format!("lt-{OWNER}-")
}
