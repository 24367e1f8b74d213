//! Calls that Lambda refuses, delays or fails, and the operator's reports and retries.

use lambda_triggers_tests::aws_proxy::{Failure, Fault, FaultKind, Pace};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::json;

use super::view::{
    S3, SCHEDULED, apply, definition, function, function_name, handler_with, plain, s3, scheduled, sha256,
    wait_for_function, with,
};
use crate::objects::{
    Condition, NO_RESYNC, RESYNC_1S, allow, assert_no_writes_at_rest, condition, deny, failed,
    wait_for_conditions,
};
use crate::support::{AwsView, LIMIT, own};

/// Deploys the `ScheduledFunction` `app` and returns the name of its function.
async fn deploy_app(env: &TestEnv) -> String {
    apply(env, &scheduled("app", &definition(env, "app"))).await;
    env.until_ready(SCHEDULED, "app").await;
    function_name(env, SCHEDULED, "app")
}

fn inject_until_cleared(env: &TestEnv, operation: &str, kind: FaultKind) {
    env.aws_proxy().inject(env.account(), Fault::on(operation, kind).times(usize::MAX));
}

fn progressing(message: &str) -> Vec<Condition> {
    vec![
        condition("Ready", "Unknown", "Progressing", message),
        condition("Reconciling", "True", "Progressing", message),
    ]
}

#[test]
fn a_role_that_lambda_cannot_assume_yet_is_retried() {
    env::test("new-role", async |env| {
        let _controller = env.controller(&[&NO_RESYNC[..], &["--progress-deadline", "2m"]].concat());
        inject_until_cleared(&env, "CreateFunction", FaultKind::role_not_ready());
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        let name = function_name(&env, SCHEDULED, "app");
        let message = format!(
            "Lambda cannot assume the role of function {name}; a new role needs some seconds to take effect, \
             so the operator tries again; if the error lasts, make sure that the role exists and that its \
             trust policy names lambda.amazonaws.com"
        );
        let role_not_ready = failed("Reconciling", "RoleNotReady", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &role_not_ready).await;
        let attempts = || env.aws_proxy().count(env.account(), "CreateFunction");
        env.until(LIMIT, "three tries", async || (attempts() >= 3).then_some(())).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));
    });
}

#[test]
fn a_role_without_a_new_permission_is_retried() {
    env::test("young-role", async |env| {
        let _controller = env.controller(&[&RESYNC_1S[..], &["--progress-deadline", "2m"]].concat());
        let name = function_name(&env, SCHEDULED, "app");
        let role = format!("arn:aws:iam::{}:role/test", env.account());
        let role_hint =
            "a new role needs some seconds to take effect, so the operator tries again; if the error lasts";
        let cases = [
            (
                FaultKind::role_may_not("CreateNetworkInterface on EC2"),
                format!(
                    "the role of function {name} may not call CreateNetworkInterface on EC2; {role_hint}, allow \
                     ec2:CreateNetworkInterface and the rest of AWSLambdaVPCAccessExecutionRole in the IAM policy of that role"
                ),
            ),
            (
                FaultKind::role_may_not("SendMessage on SQS"),
                format!(
                    "the role of function {name} may not call SendMessage on SQS; {role_hint}, allow sqs:SendMessage in the IAM \
                     policy of that role"
                ),
            ),
            (
                FaultKind::role_unknown_to_kms(&role),
                format!(
                    "KMS creates no grant for the role of function {name}; {role_hint}, make sure that the \
                     role exists and that the KMS key is enabled"
                ),
            ),
        ];
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 4})))).await;
        for (number, (fault, message)) in cases.into_iter().enumerate() {
            env.until_ready(SCHEDULED, "app").await;
            inject_until_cleared(&env, "UpdateFunctionConfiguration", fault);
            let change = json!({"timeoutSeconds": 5 + number});
            apply(&env, &scheduled("app", &with(definition(&env, "app"), change))).await;
            let role_not_ready = failed("Reconciling", "RoleNotReady", &message, &[], "FunctionReady");
            wait_for_conditions(&env, SCHEDULED, "app", &role_not_ready).await;
            allow(&env);
        }
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn an_image_with_attestations_is_reported_with_the_remedy() {
    env::test("image-index", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let uri = format!("{}.dkr.ecr.{}.amazonaws.com/app:1", env.account(), env::REGION);
        inject_until_cleared(&env, "CreateFunction", FaultKind::image_is_index(&uri));
        let image = json!({"runtime": null, "handler": null, "code": {"image": {"uri": uri}}});
        apply(&env, &scheduled("app", &with(definition(&env, "app"), image))).await;
        let message = format!(
            "AWS refuses lambda:CreateFunction on function {name} (InvalidParameterValueException): The image \
             manifest, config or layer media type for the source image {uri} is not supported. Lambda accepts \
             no image with attestations or for several platforms: build the image for one platform with \
             --provenance=false --sbom=false (docs/functions.md)"
        );
        let refused = failed("Stalled", "AwsRefused", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &refused).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn a_recreated_role_is_reported_with_its_runbook() {
    env::test("role-again", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = deploy_app(&env).await;
        let why = "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the \
                   function's KMS key settings. KMS Exception: UnrecognizedClientExceptionKMS Message: The security token \
                   included in the request is invalid.";
        // More failures than the operator's retries during this test.
        for _ in 0..1000 {
            env.aws_proxy().fail_function(env.account(), &name, Failure::new("KMSKeyAccessDenied", why));
        }
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 5})))).await;
        let message = format!(
            "Lambda could not update the function {name}, which keeps running as before the update: {why} Fix \
             the cause; the operator tries the update again; if the role was deleted and created again, see \
             docs/runbooks.md#a-role-that-was-deleted-and-created-again"
        );
        let fine = ["PermissionReady", "RuleReady"];
        let failed_update = failed("Stalled", "FunctionFailed", &message, &fine, "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &failed_update).await;
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
        wait_for_conditions(&env, SCHEDULED, "app", &denied("lambda:CreateFunction")).await;
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
            wait_for_conditions(&env, SCHEDULED, "app", &denied(&format!("lambda:{operation}"))).await;
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
fn full_code_storage_is_reported() {
    env::test("storage", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        inject_until_cleared(&env, "CreateFunction", FaultKind::code_storage_exceeded());
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        let name = function_name(&env, SCHEDULED, "app");
        let message = format!(
            "lambda:CreateFunction on function {name} exceeds a quota of AWS: Code storage limit exceeded. \
             Raise the quota, or remove unused resources"
        );
        let full = failed("Stalled", "QuotaExceeded", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &full).await;
        allow(&env);
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn the_operator_waits_for_pending_changes_of_lambda() {
    env::test("slow", async |env| {
        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        let _controller = env.controller(&NO_RESYNC);
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        wait_for_conditions(&env, SCHEDULED, "app", &progressing("Lambda is creating the function")).await;
        let name = function_name(&env, SCHEDULED, "app");
        wait_for_two_reads(&env).await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        env.aws_proxy().finish_functions(env.account());
        env.until_ready(SCHEDULED, "app").await;

        // Two updates: the second update waits for the first.
        let code = handler_with("second");
        let changed = json!({"timeoutSeconds": 5, "code": {"inline": {"index.py": code}}});
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &scheduled("app", &with(definition(&env, "app"), changed))).await;
        let updating = progressing("Lambda is updating the function");
        wait_for_conditions(&env, SCHEDULED, "app", &updating).await;
        wait_for_two_reads(&env).await;
        let updates = || env.aws_writes().into_iter().map(|call| call.operation).collect::<Vec<_>>();
        assert_eq!(updates(), ["UpdateFunctionConfiguration"]);
        env.aws_proxy().finish_functions(env.account());
        env.until(LIMIT, "the code to be sent", async || (updates().len() == 2).then_some(())).await;
        wait_for_two_reads(&env).await;
        assert_eq!(updates(), ["UpdateFunctionConfiguration", "UpdateFunctionCode"]);
        wait_for_conditions(&env, SCHEDULED, "app", &updating).await;
        env.aws_proxy().finish_functions(env.account());
        env.until_ready(SCHEDULED, "app").await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        let changed = json!({"timeoutSeconds": 5, "codeSha256": sha256(&[("index.py", &code)])});
        assert_eq!(function(&env, &name).await, Some(with(expected, changed)));
        assert!(env.aws_proxy().calls(env.account()).iter().all(|call| call.status < 400));
    });
}

/// Waits until the operator has read the function twice more.
async fn wait_for_two_reads(env: &TestEnv) {
    let reads = || env.aws_proxy().count(env.account(), "GetFunction");
    let before = reads();
    env.until(LIMIT, "two more reads", async || (reads() >= before + 2).then_some(())).await;
}

#[test]
fn the_operator_waits_for_a_foreign_update() {
    env::test("busy", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let name = deploy_app(&env).await;
        env.aws_proxy().slow_functions(env.account(), Pace::Held);
        let foreign_update = env.lambda().update_function_configuration().function_name(&name).timeout(9);
        foreign_update.send().await.unwrap();
        env.aws_proxy().clear_calls(env.account());
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 5})))).await;
        wait_for_conditions(&env, SCHEDULED, "app", &progressing("Lambda is updating the function")).await;
        wait_for_two_reads(&env).await;
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
        "Lambda could not update the function {name}, which keeps running as before the update: The key is \
         gone. Fix the cause; the operator tries the update again"
    );
    failed("Stalled", "FunctionFailed", &message, &["PermissionReady", "NotificationReady"], "FunctionReady")
}

fn fail_next_update(env: &TestEnv, name: &str) {
    env.aws_proxy().fail_function(env.account(), name, Failure::new("InvalidKey", "The key is gone."));
}

#[test]
fn a_failed_update_is_reported_and_retried_and_keeps_the_trigger() {
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
            // More failures than the operator's retries during this test.
            for _ in 0..1000 {
                fail_next_update(&env, &name);
            }
            let changed = with(definition(&env, "app"), change.clone());
            apply(&env, &s3("app", &bucket, &changed)).await;
            wait_for_conditions(&env, S3, "app", &update_failed(&name)).await;
            assert_eq!(function(&env, &name).await, Some(plain(&env, S3, "app", &name).await));
            assert_eq!(own(&env.document(&bucket).await), entries);
            // The old definition needs no update, so it ends the failure.
            apply(&env, &s3("app", &bucket, &definition(&env, "app"))).await;
            env.until_ready(S3, "app").await;
            assert_eq!(own(&env.document(&bucket).await), entries);
        });
    }
}

#[test]
fn a_failed_update_succeeds_on_retry() {
    env::test("update-retried", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = deploy_app(&env).await;
        fail_next_update(&env, &name);
        let code = handler_with("second");
        let changed = with(definition(&env, "app"), json!({"code": {"inline": {"index.py": &code}}}));
        apply(&env, &scheduled("app", &changed)).await;
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        let expected = with(expected, json!({"codeSha256": sha256(&[("index.py", &code)])}));
        wait_for_function(&env, &name, &expected).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn a_changed_definition_recreates_a_function_with_a_failed_creation() {
    env::test("creation-fails", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let failure = Failure::new("InvalidSubnet", "The subnet is gone.");
        env.aws_proxy().fail_function(env.account(), &name, failure);
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"timeoutSeconds": 5})))).await;
        let message = format!(
            "Lambda reports the state Failed for the function {name}: The subnet is gone. Fix the cause. Then \
             change the definition, or delete the function in AWS, and the operator creates the function again"
        );
        let lost = failed("Stalled", "FunctionFailed", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &lost).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));
        assert_eq!(env.statements(&name, None).await, ["lt-0a1b2c3d-rules"]);
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}

#[test]
fn a_rename_during_creation_leaves_no_orphan() {
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
fn an_unreadable_environment_is_reported_and_not_rewritten() {
    env::test("undecryptable", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let key = format!("arn:aws:kms:{}:{}:key/1", env::REGION, env.account());
        let encrypted = with(definition(&env, "app"), json!({"kmsKeyArn": key}));
        apply(&env, &scheduled("app", &encrypted)).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        env.aws_proxy().deny_decryption(env.account(), true);
        let message = format!(
            "Lambda does not show the operator the environment of the function {name} (AccessDeniedException): \
             allow kms:Decrypt with {key} in the IAM policy of the operator's role. Until then, the operator \
             does not detect drift of the environment alone"
        );
        let fine = ["PermissionReady", "RuleReady"];
        let unreadable = failed("Stalled", "AccessDenied", &message, &fine, "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &unreadable).await;
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;

        // Other changes are deployed, and the object can be deleted.
        apply(&env, &scheduled("app", &with(encrypted.clone(), json!({"timeoutSeconds": 7})))).await;
        let updates = || env.aws_proxy().count(env.account(), "UpdateFunctionConfiguration");
        env.until(LIMIT, "the update", async || (updates() == 1).then_some(())).await;
        wait_for_conditions(&env, SCHEDULED, "app", &unreadable).await;
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
