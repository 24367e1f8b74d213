//! The event, the status and the failure of a deployed function.

use super::*;
use crate::api::DeployedFunction;
use crate::plan::function::{event, failure, status};
use crate::status::{Component, EventReason, EventToEmit, Failure, Reason};

fn observed() -> ObservedFunction {
    let function = in_sync(&desired(&small(), "pass"));
    ObservedFunction { last_modified: "2026-11-01T00:00:00Z".into(), ..function }
}

fn steps(steps: Vec<FunctionStep>) -> FunctionPlan {
    FunctionPlan { steps, ..FunctionPlan::default() }
}

fn all_steps() -> Vec<FunctionStep> {
    let wanted = desired(&small(), "pass");
    vec![
        FunctionStep::UpdateCode(wanted.code.clone(), wanted.architecture),
        FunctionStep::UpdateConfiguration(Box::new(wanted.configuration)),
        FunctionStep::Tag(Tags::new()),
        FunctionStep::Untag(BTreeSet::new()),
        FunctionStep::PutConcurrency(1),
        FunctionStep::DeleteConcurrency,
        FunctionStep::PutEventInvokeConfig(EventInvokeConfig::default()),
        FunctionStep::DeleteEventInvokeConfig,
    ]
}

#[test]
fn an_event_names_each_changed_part_of_the_function_once() {
    let (function, create) = (observed(), FunctionStep::Create(Box::new(desired(&small(), "pass"))));
    let parts = "code, settings, tags, reserved concurrency, retries";
    let replacement = vec![FunctionStep::Delete, create.clone()];
    let repair = |note: String| EventToEmit::warning(EventReason::DriftRepaired, note);
    let cases = [
        (Some(&function), steps(vec![]), true, None),
        (
            None,
            steps(vec![create.clone()]),
            true,
            Some(repair("created the function app again, which was deleted".into())),
        ),
        (
            None,
            steps(vec![create]),
            false,
            Some(EventToEmit::normal(EventReason::FunctionCreated, "created the function app")),
        ),
        (
            Some(&function),
            FunctionPlan { adopted: true, ..steps(all_steps()) },
            true,
            Some(EventToEmit::normal(EventReason::Adopted, format!("adopted the function app: {parts}"))),
        ),
        (
            Some(&function),
            steps(all_steps()),
            true,
            Some(repair(format!("reverted a change of the function app: {parts}"))),
        ),
        (
            Some(&function),
            steps(replacement),
            false,
            Some(EventToEmit::normal(
                EventReason::FunctionUpdated,
                "updated the function app: replacement of a function in the state Failed, the whole function",
            )),
        ),
    ];
    for (observed, plan, is_drift, expected) in cases {
        assert_eq!(event("app", observed, &plan, is_drift), expected);
    }
}

#[test]
fn the_status_shows_the_sent_code_and_the_code_of_lambda_otherwise() {
    let (function, archive) = (observed(), zipped("new"));
    let busy = ObservedFunction { update: Update::InProgress, ..function.clone() };
    let sends = |code: CodeSource| steps(vec![FunctionStep::UpdateCode(code, Architecture::X86_64)]);
    let known = || Some("known".to_owned());
    let shows = |code_sha256: Option<&str>| DeployedFunction {
        code_sha256: code_sha256.map(ToOwned::to_owned),
        version: Some("$LATEST".into()),
        last_update: Some("2026-11-01T00:00:00Z".into()),
    };
    let of_s3 = desired(&in_bucket("f.zip"), "").code;
    let image = CodeSource::Image { uri: "uri".into() };
    assert_eq!(
        status(Some(&function), &sends(CodeSource::Archive(archive.clone())), known()),
        shows(Some(&archive.sha256))
    );
    assert_eq!(status(Some(&function), &sends(of_s3), known()), shows(None));
    assert_eq!(status(Some(&function), &sends(image), known()), shows(None));
    assert_eq!(status(Some(&function), &steps(vec![]), known()), shows(Some(&function.code_sha256)));
    assert_eq!(status(Some(&busy), &steps(vec![]), known()), shows(Some("known")));
    let wanted = desired(&small(), "pass");
    let CodeSource::Archive(created) = wanted.code.clone() else { unreachable!() };
    let expected = DeployedFunction { code_sha256: Some(created.sha256), version: None, last_update: None };
    assert_eq!(status(None, &steps(vec![FunctionStep::Create(Box::new(wanted))]), None), expected);
}

#[test]
fn a_failed_function_names_the_cause_and_the_next_step() {
    let name = observed().arn.name;
    let failed = |message: String| Some(Failure::new(Component::Function, Reason::FunctionFailed, message));
    let broken = |why: &str| ObservedFunction { state: FunctionState::Failed(why.into()), ..observed() };
    let in_state = |why: &str, link: &str| {
        failed(format!(
            "Lambda reports the state Failed for the function {name}: {why} Fix the cause. Then change the definition, or delete the function in AWS, and the operator creates the function again{link}"
        ))
    };
    let link = "; if the role was deleted and created again, see docs/runbooks.md#a-role-that-was-deleted-and-created-again";
    assert_eq!(failure(&broken("No image."), &steps(vec![]), false), in_state("No image.", ""));
    for why in ["KMS access was denied.", "KMSAccessDeniedException."] {
        assert_eq!(failure(&broken(why), &steps(vec![]), false), in_state(why, link));
    }
    assert_eq!(failure(&broken("No image."), &steps(all_steps()), false), None);
    let plan = FunctionPlan { failed: Some("No image.".into()), ..steps(vec![]) };
    let expected = failed(format!(
        "Lambda could not update the function {name}, which keeps running as before the update: No image. Fix the cause; the operator tries the update again"
    ));
    assert_eq!(failure(&observed(), &plan, false), expected);
    assert_eq!(failure(&observed(), &plan, true), None);
    assert_eq!(failure(&observed(), &steps(vec![]), false), None);
}

#[test]
fn an_unreadable_environment_names_the_key_and_the_missing_permission() {
    let name = observed().arn.name;
    let unread = |code: &str, key: &str| {
        let mut function = ObservedFunction { environment_unread: Some(code.into()), ..observed() };
        function.configuration.kms_key_arn = key.into();
        failure(&function, &steps(vec![]), false)
    };
    let expected = |code: &str, cure: &str, reason| {
        let message = format!(
            "Lambda does not show the operator the environment of the function {name} ({code}): {cure}. Until then, the operator does not detect drift of the environment alone"
        );
        Some(Failure::new(Component::Function, reason, message))
    };
    let allow = "allow kms:Decrypt with Lambda's own key in the IAM policy of the operator's role";
    assert_eq!(
        unread("AccessDeniedException", ""),
        expected("AccessDeniedException", allow, Reason::AccessDenied)
    );
    let check = "make sure that arn:key exists, is enabled and permits kms:Decrypt to the operator's role";
    assert_eq!(
        unread("KMSDisabledException", "arn:key"),
        expected("KMSDisabledException", check, Reason::AwsRefused)
    );
}
