//! AWS refuses, fails or does not answer at each write. The result must be the same as without faults.

use std::collections::BTreeMap;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{
    KIND, Rules, STATEMENT, functions, in_place, plain_rules, rule_name, rules, wait_for_rules,
};
use crate::objects::{
    RESYNC_1S, allow, assert_no_writes_at_rest, deny, event, events_of, failed, wait_for_conditions,
};
use crate::support::{AwsView, LIMIT, scheduled};

const NOTHING: [&str; 0] = [];

/// More failures than the SDK's three attempts.
const MORE_THAN_SDK_RETRIES: usize = 4;

/// The faults of a write: a short name, the kind of fault, and the number of times.
fn fault_kinds() -> [(&'static str, FaultKind, usize); 4] {
    [
        ("throttled", FaultKind::Throttle, MORE_THAN_SDK_RETRIES),
        ("failing", FaultKind::Error(500), MORE_THAN_SDK_RETRIES),
        ("down", FaultKind::Error(503), MORE_THAN_SDK_RETRIES),
        ("lost", FaultKind::LostAnswer, 1),
    ]
}

/// An object name and a fault for each write and kind of fault. The fault applies to the object's rule, or to the
/// function with the object's name.
fn objects(env: &TestEnv, writes: &[&str]) -> BTreeMap<String, Fault> {
    let mut objects = BTreeMap::new();
    for write in writes {
        let partial = ("partly", FaultKind::FailedEntry, MORE_THAN_SDK_RETRIES);
        let partial = write.ends_with("Targets").then_some(partial);
        for (fault_name, kind, times) in fault_kinds().into_iter().chain(partial) {
            let name = format!("{}-{fault_name}", write.to_lowercase());
            let resource = if write.ends_with("Permission") { name.clone() } else { rule_name(env, &name) };
            objects.insert(name, Fault::on(write, kind).resource(resource).times(times));
        }
    }
    objects
}

fn plain_manifests(names: &[&str]) -> String {
    let plain_manifests = |name: &&str| scheduled(name, name, "schedule: rate(1 hour)");
    names.iter().map(plain_manifests).collect::<Vec<_>>().join("---\n")
}

async fn wait_until_all_faults_are_used(env: &TestEnv) {
    let pending = || env.aws_proxy().pending_faults(env.account());
    env.until(LIMIT, "all faults to be met", async || match pending() {
        0 => Ok(()),
        left => Err(format!("{left} are left")),
    })
    .await;
}

#[test]
fn faults_during_creation_create_each_rule_once() {
    env::test("faults", async |env| {
        let objects = objects(&env, &["PutRule", "PutTargets", "AddPermission"]);
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        functions(&env, &names).await;
        for fault in objects.values() {
            env.aws_proxy().inject(env.account(), fault.clone());
        }
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain_manifests(&names)).await;
        for name in &names {
            wait_for_conditions(&env, KIND, name, &in_place()).await;
        }
        wait_until_all_faults_are_used(&env).await;
        assert_eq!(rules(&env).await, plain_rules(&env, &names).await);
        for name in &names {
            assert_eq!(env.statements(name, None).await, [STATEMENT], "{name}");
            let events = events_of(&env, name).await;
            assert!(
                events.iter().all(|event| event[1] != "DriftRepaired"),
                "no other tool changed the rule: {events:?}"
            );
        }
        assert_no_writes_at_rest(&env, KIND, &names).await;
    });
}

#[test]
fn faults_during_tagging_update_the_tags() {
    env::test("faults-tags", async |env| {
        let objects = objects(&env, &["TagResource", "UntagResource"]);
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        functions(&env, &names).await;
        let with_tags = |tags: &str| {
            plain_manifests(&names).replace("schedule:", &format!("tags: {{{tags}}}\n  schedule:"))
        };
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&with_tags("team: a, old: x")).await;
        for name in &names {
            env.until_ready(KIND, name).await;
        }
        for fault in objects.values() {
            env.aws_proxy().inject(env.account(), fault.clone());
        }
        env.apply(&with_tags("team: b, new: x")).await;
        let mut expected: Rules = plain_rules(&env, &names).await;
        for rule in expected.values_mut() {
            rule.tags.extend([("team".into(), "b".into()), ("new".into(), "x".into())]);
        }
        wait_for_rules(&env, &expected).await;
        wait_until_all_faults_are_used(&env).await;
        for name in &names {
            wait_for_conditions(&env, KIND, name, &in_place()).await;
        }
        assert_no_writes_at_rest(&env, KIND, &names).await;
    });
}

#[test]
fn faults_during_deletion_delete_the_rule() {
    env::test("faults-deletion", async |env| {
        let objects = objects(&env, &["RemoveTargets", "DeleteRule", "RemovePermission"]);
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        functions(&env, &names).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain_manifests(&names)).await;
        for name in &names {
            env.until_ready(KIND, name).await;
        }
        for fault in objects.values() {
            env.aws_proxy().inject(env.account(), fault.clone());
        }
        env.kubectl(&["delete", KIND, "--all", "--wait=false"], "").await.expect("kubectl delete");
        for name in &names {
            env.until_gone(KIND, name).await;
        }
        wait_until_all_faults_are_used(&env).await;
        assert_eq!(rules(&env).await, Rules::new());
        for name in &names {
            assert_eq!(env.statements(name, None).await, NOTHING, "{name}");
        }
    });
}

#[test]
fn a_denied_call_is_reported_until_it_is_allowed() {
    let calls = [
        ("AddPermission", "lambda:AddPermission", &[][..], "PermissionReady"),
        ("PutRule", "events:PutRule", &["FunctionReady", "PermissionReady"], "RuleReady"),
        ("PutTargets", "events:PutTargets", &["FunctionReady", "PermissionReady"], "RuleReady"),
    ];
    env::test("denied", async |env| {
        let names: Vec<String> = calls.iter().map(|call| call.0.to_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        functions(&env, &names).await;
        let is_lambda_action = |action: &str| action.starts_with("lambda:");
        for (name, (call, action, ..)) in names.iter().zip(calls) {
            let resource = if is_lambda_action(action) { (*name).to_owned() } else { rule_name(&env, name) };
            deny(&env, call, &resource);
        }
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain_manifests(&names)).await;
        for (name, (_, action, fine, part)) in names.iter().zip(calls) {
            let on = if is_lambda_action(action) {
                format!("function {name}")
            } else {
                format!("rule {}", rule_name(&env, name))
            };
            let or_external = match part {
                "PermissionReady" => {
                    "; if another tool manages the function's policy, set spec.function.permission to External"
                }
                _ => "",
            };
            let message = format!(
                "AWS denies {action} on {on}: allow {action} in the IAM policy of the operator's role{or_external}"
            );
            wait_for_conditions(&env, KIND, name, &failed("Stalled", "AccessDenied", &message, fine, part))
                .await;
            let events = events_of(&env, name).await;
            assert_eq!(events, [event("Warning", "AccessDenied", message)], "{name}");
        }
        allow(&env);
        for name in &names {
            wait_for_conditions(&env, KIND, name, &in_place()).await;
        }
        assert_eq!(rules(&env).await, plain_rules(&env, &names).await);
    });
}

#[test]
fn a_full_policy_is_reported_with_the_remedy() {
    env::test("full-policy", async |env| {
        env.function("thumbs").await;
        let full = FaultKind::refuse(
            400,
            "PolicyLengthExceededException",
            "The final policy size is bigger than the limit.",
        );
        env.aws_proxy().inject(env.account(), Fault::on("AddPermission", full).times(usize::MAX));
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&scheduled("thumbs", "thumbs", "schedule: rate(1 hour)")).await;
        let message = "lambda:AddPermission: the policy of function thumbs is full: AWS does not raise the \
                       limit of 20,480 bytes. Remove statements that are not needed (aws lambda get-policy, \
                       remove-permission), or name an alias in spec.function, because an alias has its own \
                       policy";
        let full = failed("Stalled", "QuotaExceeded", message, &[], "PermissionReady");
        wait_for_conditions(&env, KIND, "thumbs", &full).await;
        allow(&env);
        env.until_ready(KIND, "thumbs").await;
    });
}
