//! The plan of the imported manifests: only the hand-over may be left.

use std::fmt::Write;

use jiff::Timestamp;
use lambda_triggers_core::api::{Backend, Tags};
use lambda_triggers_core::import::Report;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::preview::{ChangeAction, Preview, Secrets, Severity};
use lambda_triggers_core::status::{Component, Reason};

use crate::aws::{AwsReads, NamespaceReads};
use crate::manifests::Manifests;
use crate::operator::StartError;
use crate::preview::{Input, Options, preview};

/// Plans the manifests of the report. Returns what is left beside the hand-over, one line each, or nothing.
///
/// # Errors
///
/// The manifests cannot be read back, or AWS does not accept the credentials.
pub async fn plan(
    report: &Report,
    owner: OwnerId,
    region: String,
    scheduler_role: Option<String>,
    aws: &AwsReads,
) -> Result<String, StartError> {
    let options = Options {
        owner,
        namespace: Some(report.namespace.clone()),
        region,
        account: None,
        default_backend: Backend::Rule,
        default_tags: Tags::new(),
        scheduler_role,
        tenancy: None,
        // The report says that the operator needs the role.
        ignored: [Reason::SchedulerRoleMissing.as_str().to_owned()].into(),
        all: true,
        secrets: Secrets::Hide,
        progress: None,
    };
    let input = Input { head: Manifests::of_text("import", &report.manifests_text()?)?, ..Input::default() };
    let aws = NamespaceReads::single(aws.clone(), options.owner.clone());
    let planned = preview(input, &options, Some(&aws), Timestamp::now()).await;
    let planned = planned.map_err(|error| error.failure_for_person(Component::Function).message)?;
    Ok(beside_the_hand_over(&planned))
}

/// The problems, and the changes that neither create nor take over.
fn beside_the_hand_over(preview: &Preview) -> String {
    let mut lines = String::new();
    for resource in &preview.resources {
        let problems = resource.problems.iter().filter(|problem| problem.severity != Severity::Warning);
        for problem in problems {
            let _ = writeln!(lines, "{}: {}: {}", resource.title(), problem.reason, problem.message);
        }
        let is_hand_over = |action| matches!(action, ChangeAction::Create | ChangeAction::TakeOver);
        for change in resource.changes.iter().filter(|change| !is_hand_over(change.action)) {
            let _ = writeln!(lines, "{}: {} {:?}", resource.title(), change.id, change.action);
        }
    }
    lines
}
