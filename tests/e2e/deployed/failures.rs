//! What Lambda refuses, delays or fails, and what becomes of it.

use lambda_triggers_tests::aws_proxy::{Failure, Fault, FaultKind, Pace};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use super::view::{
    S3, SCHEDULED, apply, definition, function, function_name, handler_with, plain, s3, scheduled, sha256,
    until_function, with,
};
use crate::objects::{
    Condition, NO_RESYNC, RESYNC_1S, allow, condition, deny, failed, nothing_is_written_at_rest,
    until_conditions,
};
use crate::support::{AwsView, LIMIT, own};

/// A env with a deployed `ScheduledFunction` `app`, and the name of its function.
async fn deployed(env: &TestEnv) -> String {
    apply(env, &scheduled("app", &definition(env, "app"))).await;
    env.until_ready(SCHEDULED, "app").await;
    function_name(env, SCHEDULED, "app")
}

fn lasts(env: &TestEnv, operation: &str, kind: FaultKind) {
    env.aws_proxy().inject(env.account(), Fault::on(operation, kind).times(usize::MAX));
}

fn progressing(message: &str) -> Vec<Condition> {
    vec![
        condition("Ready", "Unknown", "Progressing", message),
        condition("Reconciling", "True", "Progressing", message),
    ]
}

#[test]
fn a_role_that_cannot_be_assumed_yet_is_waited_for() {
    env::test("new-role", async |env| {
        let _controller = env.controller(&[&NO_RESYNC[..], &["--progress-deadline", "2m"]].concat());
        lasts(&env, "CreateFunction", FaultKind::role_not_ready());
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        let name = function_name(&env, SCHEDULED, "app");
        let message = format!(
            "Lambda cannot assume the role of function {name}; a new role takes a moment to count, so this is tried \
             again; if it stays, see that the role exists and that its trust policy names lambda.amazonaws.com"
        );
        let not_yet = failed("Reconciling", "RoleNotReady", &message, &[], "FunctionReady");
        until_conditions(&env, SCHEDULED, "app", &not_yet).await;
        let tries = || env.aws_proxy().count(env.account(), "CreateFunction");
        env.until(LIMIT, "three tries", async || (tries() >= 3).then_some(())).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));
    });
}

#[test]
fn a_role_that_lacks_a_permission_yet_is_waited_for() {
    env::test("young-role", async |env| {
        let _controller = env.controller(&[&RESYNC_1S[..], &["--progress-deadline", "2m"]].concat());
        let name = function_name(&env, SCHEDULED, "app");
        let role = format!("arn:aws:iam::{}:role/test", env.account());
        let young = "a new role takes a moment to count, so this is tried again; if it stays";
        let cases = [
            (
                FaultKind::role_may_not("CreateNetworkInterface on EC2"),
                format!(
                    "the role of function {name} may not call CreateNetworkInterface on EC2; {young}, allow \
                     ec2:CreateNetworkInterface and the rest of AWSLambdaVPCAccessExecutionRole in the IAM policy of that role"
                ),
            ),
            (
                FaultKind::role_may_not("SendMessage on SQS"),
                format!(
                    "the role of function {name} may not call SendMessage on SQS; {young}, allow sqs:SendMessage in the IAM \
                     policy of that role"
                ),
            ),
            (
                FaultKind::role_unknown_to_kms(&role),
                format!(
                    "KMS makes no grant for the role of function {name}; {young}, see that the role exists and that the KMS \
                     key is enabled"
                ),
            ),
        ];
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 4})))).await;
        for (number, (fault, message)) in cases.into_iter().enumerate() {
            env.until_ready(SCHEDULED, "app").await;
            lasts(&env, "UpdateFunctionConfiguration", fault);
            let change = json!({"timeoutSeconds": 5 + number});
            apply(&env, &scheduled("app", &with(definition(&env, "app"), change))).await;
            let not_yet = failed("Reconciling", "RoleNotReady", &message, &[], "FunctionReady");
            until_conditions(&env, SCHEDULED, "app", &not_yet).await;
            allow(&env);
        }
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn an_image_with_attestations_is_told_of_with_how_to_build_it() {
    env::test("image-index", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let uri = format!("{}.dkr.ecr.{}.amazonaws.com/app:1", env.account(), env::REGION);
        lasts(&env, "CreateFunction", FaultKind::image_is_index(&uri));
        let image = json!({"runtime": null, "handler": null, "code": {"image": {"uri": uri}}});
        apply(&env, &scheduled("app", &with(definition(&env, "app"), image))).await;
        let message = format!(
            "AWS refuses lambda:CreateFunction on function {name} (InvalidParameterValueException): The image manifest, config \
             or layer media type for the source image {uri} is not supported. Lambda takes no image with attestations and none \
             for several platforms: build it for one platform with --provenance=false --sbom=false (docs/functions.md)"
        );
        let refused = failed("Stalled", "AwsRefused", &message, &[], "FunctionReady");
        until_conditions(&env, SCHEDULED, "app", &refused).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn a_role_that_was_made_again_is_led_to_its_runbook() {
    env::test("role-again", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = deployed(&env).await;
        let why = "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the \
                   function's KMS key settings. KMS Exception: UnrecognizedClientExceptionKMS Message: The security token \
                   included in the request is invalid.";
        // Beyond what is tried in the time of this test.
        for _ in 0..1000 {
            env.aws_proxy().fail_function(env.account(), &name, Failure::new("KMSKeyAccessDenied", why));
        }
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 5})))).await;
        let message = format!(
            "Lambda could not update the function {name}, which runs as it was before: {why} Mend what it says; the update is \
             tried again; if the role was deleted and made again, see \
             docs/runbooks.md#a-role-that-was-deleted-and-made-again"
        );
        let fine = ["PermissionReady", "RuleReady"];
        let told = failed("Stalled", "FunctionFailed", &message, &fine, "FunctionReady");
        until_conditions(&env, SCHEDULED, "app", &told).await;
    });
}

#[test]
fn a_denied_call_names_the_action_to_allow() {
    env::test("denied-deploy", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let denied = |action: &str| {
            let message = format!(
                "AWS denies {action} on function {name}: allow {action} in the IAM policy of the operator's role"
            );
            failed("Stalled", "AccessDenied", &message, &[], "FunctionReady")
        };
        deny(&env, "CreateFunction", &name);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        until_conditions(&env, SCHEDULED, "app", &denied("lambda:CreateFunction")).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;

        let changes = [
            (json!({"timeoutSeconds": 5}), "UpdateFunctionConfiguration"),
            (json!({"code": {"inline": {"index.py": handler_with("second")}}}), "UpdateFunctionCode"),
            (json!({"tags": {"team": "a"}}), "TagResource"),
            (json!({"reservedConcurrency": 2}), "PutFunctionConcurrency"),
        ];
        let rules = env.rule_names().await;
        for (change, operation) in changes {
            deny(&env, operation, &name);
            apply(&env, &scheduled("app", &with(definition(&env, "app"), change))).await;
            until_conditions(&env, SCHEDULED, "app", &denied(&format!("lambda:{operation}"))).await;
            // The trigger stays.
            assert_eq!(env.rule_names().await, rules);
            assert_eq!(env.statements(&name, None).await, ["lt-0a1b2c3d-rules"]);
            allow(&env);
            env.until_ready(SCHEDULED, "app").await;
        }
        deny(&env, "DeleteFunction", &name);
        env.delete(SCHEDULED, "app").await;
        let blocked = env.until_condition(SCHEDULED, "app", "Ready", "False").await;
        assert_eq!(blocked["message"].as_str(), Some(denied("lambda:DeleteFunction")[0][3].as_str()));
        allow(&env);
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, None);
    });
}

#[test]
fn full_code_storage_is_told_of() {
    env::test("storage", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        lasts(&env, "CreateFunction", FaultKind::code_storage_exceeded());
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        let name = function_name(&env, SCHEDULED, "app");
        let message = format!(
            "lambda:CreateFunction on function {name} exceeds a quota of AWS: Code storage limit exceeded. Raise the \
             quota, or remove what is not needed"
        );
        let full = failed("Stalled", "QuotaExceeded", &message, &[], "FunctionReady");
        until_conditions(&env, SCHEDULED, "app", &full).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn lambda_is_waited_for_and_never_hurried() {
    env::test("slow", async |env| {
        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        let _controller = env.controller(&NO_RESYNC);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        until_conditions(&env, SCHEDULED, "app", &progressing("Lambda is making the function")).await;
        let name = function_name(&env, SCHEDULED, "app");
        looked_at(&env).await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        env.aws_proxy().finish_functions(env.account());
        env.until_ready(SCHEDULED, "app").await;

        // Two updates: the second one waits for the first.
        let code = handler_with("second");
        let changed = json!({"timeoutSeconds": 5, "code": {"inline": {"index.py": code}}});
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &scheduled("app", &with(definition(&env, "app"), changed))).await;
        let updating = progressing("Lambda is updating the function");
        until_conditions(&env, SCHEDULED, "app", &updating).await;
        looked_at(&env).await;
        let updates = || env.aws_writes().into_iter().map(|call| call.operation).collect::<Vec<_>>();
        assert_eq!(updates(), ["UpdateFunctionConfiguration"]);
        env.aws_proxy().finish_functions(env.account());
        env.until(LIMIT, "the code to be sent", async || (updates().len() == 2).then_some(())).await;
        looked_at(&env).await;
        assert_eq!(updates(), ["UpdateFunctionConfiguration", "UpdateFunctionCode"]);
        until_conditions(&env, SCHEDULED, "app", &updating).await;
        env.aws_proxy().finish_functions(env.account());
        env.until_ready(SCHEDULED, "app").await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        let changed = json!({"timeoutSeconds": 5, "codeSha256": sha256(&[("index.py", &code)])});
        assert_eq!(function(&env, &name).await, Some(with(expected, changed)));
        assert!(env.aws_proxy().calls(env.account()).iter().all(|call| call.status < 400));
    });
}

/// The operator looks at the function twice more.
async fn looked_at(env: &TestEnv) {
    let looks = || env.aws_proxy().count(env.account(), "GetFunction");
    let before = looks();
    env.until(LIMIT, "two more looks", async || (looks() >= before + 2).then_some(())).await;
}

#[test]
fn somebody_elses_update_is_waited_for() {
    env::test("busy", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let name = deployed(&env).await;
        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        let by_hand = env.lambda().update_function_configuration().function_name(&name).timeout(9);
        by_hand.send().await.unwrap();
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 5})))).await;
        until_conditions(&env, SCHEDULED, "app", &progressing("Lambda is updating the function")).await;
        looked_at(&env).await;
        assert_eq!(env.aws_writes(), vec![]);
        env.aws_proxy().slow_functions(env.account(), Pace::default());
        env.aws_proxy().finish_functions(env.account());
        env.until_ready(SCHEDULED, "app").await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        assert_eq!(function(&env, &name).await, Some(with(expected, json!({"timeoutSeconds": 5}))));
    });
}

fn update_failed(name: &str) -> Vec<Condition> {
    let message = format!(
        "Lambda could not update the function {name}, which runs as it was before: The key is gone. Mend what it \
         says; the update is tried again"
    );
    failed("Stalled", "FunctionFailed", &message, &["PermissionReady", "NotificationReady"], "FunctionReady")
}

fn doom(env: &TestEnv, name: &str) {
    env.aws_proxy().fail_function(env.account(), name, Failure::new("InvalidKey", "The key is gone."));
}

#[test]
fn an_update_that_fails_is_told_of_and_tried_again_while_the_trigger_stays() {
    for change in
        [json!({"timeoutSeconds": 5}), json!({"code": {"inline": {"index.py": handler_with("second")}}})]
    {
        env::test("update-fails", async |env| {
            let bucket = env.new_bucket("photos").await;
            let _controller = env.controller(&RESYNC_1S);
            apply(&env, &s3("app", &bucket, &definition(&env, "app"))).await;
            env.until_ready(S3, "app").await;
            let name = function_name(&env, S3, "app");
            let entries = own(&env.document(&bucket).await);
            // Beyond what is tried in the time of this test.
            for _ in 0..1000 {
                doom(&env, &name);
            }
            let changed = with(definition(&env, "app"), change.clone());
            apply(&env, &s3("app", &bucket, &changed)).await;
            until_conditions(&env, S3, "app", &update_failed(&name)).await;
            assert_eq!(function(&env, &name).await, Some(plain(&env, S3, "app", &name).await));
            assert_eq!(own(&env.document(&bucket).await), entries);
            // The wish of the old definition ends it.
            apply(&env, &s3("app", &bucket, &definition(&env, "app"))).await;
            env.until_ready(S3, "app").await;
            assert_eq!(own(&env.document(&bucket).await), entries);
        });
    }
}

#[test]
fn an_update_that_failed_once_is_mended_by_the_next() {
    env::test("update-mended", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = deployed(&env).await;
        doom(&env, &name);
        let code = handler_with("second");
        let changed = with(definition(&env, "app"), json!({"code": {"inline": {"index.py": &code}}}));
        apply(&env, &scheduled("app", &changed)).await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        let expected = with(expected, json!({"codeSha256": sha256(&[("index.py", &code)])}));
        until_function(&env, &name, &expected).await;
        env.until_ready(SCHEDULED, "app").await;
        nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn a_function_that_could_not_be_made_is_made_anew_by_a_better_definition() {
    env::test("creation-fails", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let failure = Failure::new("InvalidSubnet", "The subnet is gone.");
        env.aws_proxy().fail_function(env.account(), &name, failure);
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 5})))).await;
        let message = format!(
            "Lambda could not make the function {name} work: The subnet is gone. Mend what it says; then change the \
             definition, or delete the function in AWS, and it is created again"
        );
        let lost = failed("Stalled", "FunctionFailed", &message, &[], "FunctionReady");
        until_conditions(&env, SCHEDULED, "app", &lost).await;
        nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));
        assert_eq!(env.statements(&name, None).await, ["lt-0a1b2c3d-rules"]);
        nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn a_definition_that_changes_while_the_function_is_made_leaves_nothing_behind() {
    env::test("renamed-early", async |env| {
        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        let _controller = env.controller(&RESYNC_1S);
        let named = |name: &str| with(definition(&env, "app"), json!({"functionName": name}));
        for name in ["one", "two"] {
            apply(&env, &scheduled("app", &named(name))).await;
            env.until(LIMIT, name, async || function(&env, name).await).await;
        }
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(super::view::function_names(&env).await, Vec::<String>::new());
    });
}

#[test]
fn an_environment_that_may_not_be_read_is_told_of_and_not_written_again() {
    env::test("undecryptable", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let key = format!("arn:aws:kms:{}:{}:key/1", env::REGION, env.account());
        let encrypted = with(definition(&env, "app"), json!({"kmsKeyArn": key}));
        apply(&env, &scheduled("app", &encrypted)).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        env.aws_proxy().deny_decryption(env.account(), true);
        let message = format!(
            "Lambda does not show the operator the environment of the function {name} (AccessDeniedException): allow \
             kms:Decrypt with {key} in the IAM policy of the operator's role; until then, nobody notices where the \
             environment alone is not as the definition says"
        );
        let fine = ["PermissionReady", "RuleReady"];
        let unread = failed("Stalled", "AccessDenied", &message, &fine, "FunctionReady");
        until_conditions(&env, SCHEDULED, "app", &unread).await;
        nothing_is_written_at_rest(&env, SCHEDULED, &["app"]).await;

        // What else changes is rolled out, and nothing keeps the object from being deleted.
        apply(&env, &scheduled("app", &with(encrypted.clone(), json!({"timeoutSeconds": 7})))).await;
        let updates = || env.aws_proxy().count(env.account(), "UpdateFunctionConfiguration");
        env.until(LIMIT, "the update", async || (updates() == 1).then_some(())).await;
        until_conditions(&env, SCHEDULED, "app", &unread).await;
        env.aws_proxy().deny_decryption(env.account(), false);
        env.until_ready(SCHEDULED, "app").await;
        let expected =
            with(plain(&env, SCHEDULED, "app", &name).await, json!({"timeoutSeconds": 7, "kmsKeyArn": key}));
        assert_eq!(function(&env, &name).await, Some(expected));
        env.aws_proxy().deny_decryption(env.account(), true);
        env.delete(SCHEDULED, "app").await;
        env.until_gone(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, None);
    });
}
