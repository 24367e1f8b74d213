//! AWS refuses, fails or keeps silent, at each write: the end is the same.

use std::collections::BTreeMap;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env::{self, TestEnv};

use super::view::{KIND, Rules, STATEMENT, functions, in_place, plain_rules, rule_name, rules, until_rules};
use crate::objects::{
    RESYNC_1S, allow, deny, event, events_of, failed, nothing_is_written_at_rest, until_conditions,
};
use crate::support::{AwsView, LIMIT, scheduled};

const NOBODY: [&str; 0] = [];

/// What the SDK does not get past by itself: it tries three times.
const OFTEN: usize = 4;

/// What may go wrong with a write, by a short name, and how often.
fn mishaps() -> [(&'static str, FaultKind, usize); 4] {
    [
        ("throttled", FaultKind::Throttle, OFTEN),
        ("failing", FaultKind::Error(500), OFTEN),
        ("down", FaultKind::Error(503), OFTEN),
        ("lost", FaultKind::LostAnswer, 1),
    ]
}

/// An object for each of the writes and mishaps; the faults wait for its rule, or for its function of the same name.
fn objects(env: &TestEnv, writes: &[&str]) -> BTreeMap<String, Fault> {
    let mut objects = BTreeMap::new();
    for write in writes {
        let partly = ("partly", FaultKind::FailedEntry, OFTEN);
        let partly = write.ends_with("Targets").then_some(partly);
        for (mishap, kind, times) in mishaps().into_iter().chain(partly) {
            let name = format!("{}-{mishap}", write.to_lowercase());
            let resource = if write.ends_with("Permission") { name.clone() } else { rule_name(env, &name) };
            objects.insert(name, Fault::on(write, kind).resource(resource).times(times));
        }
    }
    objects
}

fn plain(names: &[&str]) -> String {
    let plain = |name: &&str| scheduled(name, name, "schedule: rate(1 hour)");
    names.iter().map(plain).collect::<Vec<_>>().join("---\n")
}

async fn until_all_faults_were_met(env: &TestEnv) {
    let pending = || env.aws_proxy().pending_faults(env.account());
    env.until(LIMIT, "all faults to be met", async || match pending() {
        0 => Ok(()),
        left => Err(format!("{left} are left")),
    })
    .await;
}

#[test]
fn whatever_happens_to_a_write_a_rule_comes_into_being_once() {
    env::test("faults", async |env| {
        let objects = objects(&env, &["PutRule", "PutTargets", "AddPermission"]);
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        functions(&env, &names).await;
        for fault in objects.values() {
            env.aws_proxy().inject(env.account(), fault.clone());
        }
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain(&names)).await;
        for name in &names {
            until_conditions(&env, KIND, name, &in_place()).await;
        }
        until_all_faults_were_met(&env).await;
        assert_eq!(rules(&env).await, plain_rules(&env, &names).await);
        for name in &names {
            assert_eq!(env.statements(name, None).await, [STATEMENT], "{name}");
            let told = events_of(&env, name).await;
            assert!(
                told.iter().all(|told| told[1] != "DriftRepaired"),
                "nobody else changed anything: {told:?}"
            );
        }
        nothing_is_written_at_rest(&env, KIND, &names).await;
    });
}

#[test]
fn whatever_happens_to_a_write_tags_change() {
    env::test("faults-tags", async |env| {
        let objects = objects(&env, &["TagResource", "UntagResource"]);
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        functions(&env, &names).await;
        let with_tags =
            |tags: &str| plain(&names).replace("schedule:", &format!("tags: {{{tags}}}\n  schedule:"));
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
        until_rules(&env, &expected).await;
        until_all_faults_were_met(&env).await;
        for name in &names {
            until_conditions(&env, KIND, name, &in_place()).await;
        }
        nothing_is_written_at_rest(&env, KIND, &names).await;
    });
}

#[test]
fn whatever_happens_to_a_write_a_deleted_rule_goes() {
    env::test("faults-deletion", async |env| {
        let objects = objects(&env, &["RemoveTargets", "DeleteRule", "RemovePermission"]);
        let names: Vec<&str> = objects.keys().map(String::as_str).collect();
        functions(&env, &names).await;
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain(&names)).await;
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
        until_all_faults_were_met(&env).await;
        assert_eq!(rules(&env).await, Rules::new());
        for name in &names {
            assert_eq!(env.statements(name, None).await, NOBODY, "{name}");
        }
    });
}

#[test]
fn a_denied_call_is_named_until_it_is_allowed() {
    let calls = [
        ("GetFunction", "lambda:GetFunction", &[][..], "FunctionReady"),
        ("GetPolicy", "lambda:GetPolicy", &["FunctionReady"], "PermissionReady"),
        ("AddPermission", "lambda:AddPermission", &["FunctionReady"], "PermissionReady"),
        ("DescribeRule", "events:DescribeRule", &["FunctionReady"], "RuleReady"),
        ("PutRule", "events:PutRule", &["FunctionReady", "PermissionReady"], "RuleReady"),
        ("PutTargets", "events:PutTargets", &["FunctionReady", "PermissionReady"], "RuleReady"),
    ];
    env::test("denied", async |env| {
        let names: Vec<String> = calls.iter().map(|call| call.0.to_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        functions(&env, &names).await;
        let of_lambda = |action: &str| action.starts_with("lambda:");
        for (name, (call, action, ..)) in names.iter().zip(calls) {
            let resource = if of_lambda(action) { (*name).to_owned() } else { rule_name(&env, name) };
            deny(&env, call, &resource);
        }
        let _controller = env.controller(&RESYNC_1S);
        env.apply(&plain(&names)).await;
        for (name, (_, action, fine, part)) in names.iter().zip(calls) {
            let on = if of_lambda(action) {
                format!("function {name}")
            } else {
                format!("rule {}", rule_name(&env, name))
            };
            let or_external = match part {
                "PermissionReady" => {
                    "; where others manage the function's policy, set spec.function.permission to External"
                }
                _ => "",
            };
            let message = format!(
                "AWS denies {action} on {on}: allow {action} in the IAM policy of the operator's role{or_external}"
            );
            until_conditions(&env, KIND, name, &failed("Stalled", "AccessDenied", &message, fine, part))
                .await;
            let events = events_of(&env, name).await;
            assert_eq!(events, [event("Warning", "AccessDenied", message)], "{name}");
        }
        allow(&env);
        for name in &names {
            until_conditions(&env, KIND, name, &in_place()).await;
        }
        assert_eq!(rules(&env).await, plain_rules(&env, &names).await);
    });
}

#[test]
fn a_policy_that_is_full_is_told_of_with_what_helps() {
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
        let message = "lambda:AddPermission: the policy of function thumbs is full; AWS takes 20,480 bytes and raises this for \
                       nobody: remove statements that are not needed (aws lambda get-policy, remove-permission), or name an \
                       alias in spec.function, which has a policy of its own";
        let full = failed("Stalled", "QuotaExceeded", message, &["FunctionReady"], "PermissionReady");
        until_conditions(&env, KIND, "thumbs", &full).await;
        allow(&env);
        env.until_ready(KIND, "thumbs").await;
    });
}
