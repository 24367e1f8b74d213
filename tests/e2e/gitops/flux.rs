//! Flux's controllers apply the examples, and the operator reconciles them.

use lambda_triggers_tests::env::{self, TestEnv};
use lambda_triggers_tests::kstatus::is_ready;
use serde_json::{Value, json};

use super::team::{TRIGGERS, Team};
use crate::deployed::view::function_names;
use crate::objects::{RESYNC_1S, versions_of};
use crate::support::{AwsView, LIMIT, own, rule, scheduled};

const KIND: &str = "ScheduledFunction";
const NAME: &str = "every-minute";

/// A repository with a single `ScheduledFunction` and these fields of its spec.
fn single(function: &str, spec: &str) -> Vec<(String, String)> {
    vec![("triggers/trigger.yaml".into(), scheduled(NAME, function, spec))]
}

/// The numbers of rules, entries in the bucket, and statements of both functions.
async fn counts(env: &TestEnv, team: &Team) -> [usize; 4] {
    [
        env.rule_names().await.len(),
        own(&env.document(&team.bucket).await).len(),
        env.statements("every-minute", None).await.len(),
        env.statements("make-thumbnail", None).await.len(),
    ]
}

/// Changes fields of the trigger's spec, like a user in a hurry.
async fn edit(env: &TestEnv, spec: Value) {
    let patch = json!({"spec": spec}).to_string();
    env.kubectl(&["patch", KIND, NAME, "--type=merge", "--patch", &patch], "").await.expect("kubectl patch");
}

async fn generation(env: &TestEnv) -> u64 {
    env.object(KIND, NAME).await.unwrap()["metadata"]["generation"].as_u64().unwrap()
}

/// Waits until the trigger has this generation and is Ready. Returns the spec.
async fn until_generation(env: &TestEnv, expected: u64) -> Value {
    env.until(LIMIT, &format!("{NAME} to be Ready in generation {expected}"), async || {
        let object = env.object(KIND, NAME).await.ok_or("no such object")?;
        let reached = object["metadata"]["generation"] == expected && is_ready(&object);
        if reached { Ok(object["spec"].clone()) } else { Err(object.to_string()) }
    })
    .await
}

/// The trigger's rule in AWS: the expression, and whether the rule is enabled.
async fn rule_of_trigger(env: &TestEnv) -> (String, bool) {
    let [name] = env.rule_names().await.try_into().unwrap();
    let rule = rule(env.events(), &name).await.unwrap();
    (rule.expression, rule.enabled)
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn an_apply_waits_until_the_operator_has_made_the_resources_ready() {
    env::test_on_own_cluster("flux-wait", async |env| {
        let team = Team::start(&env).await;
        let revision = team.commit(&team.examples()).await;
        // No operator runs yet, so the apply fails after the timeout. Flux waits for at least 30 seconds.
        team.apply(json!({"dependsOn": null, "timeout": "30s"})).await;
        let message = team.until_failed("HealthCheckFailed").await;
        assert!(message.contains("timeout waiting for: ["), "{message}");
        for (kind, name) in TRIGGERS {
            let expected = format!("{kind}/{}/{name} status: 'InProgress'", env.namespace());
            assert!(message.contains(&expected), "{message}");
        }
        assert_eq!(env.rule_names().await, Vec::<String>::new());

        let _controller = env.controller(&RESYNC_1S);
        team.until_applied(&revision).await;
        for (kind, name) in TRIGGERS {
            let object = env.object(kind, name).await.unwrap();
            assert!(is_ready(&object), "{object}");
        }
        assert_eq!(counts(&env, &team).await, [2, 2, 1, 1]);
    });
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn a_broken_resource_fails_the_apply_at_once() {
    env::test_on_own_cluster("flux-broken", async |env| {
        let team = Team::start(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        team.commit(&single("nowhere", "schedule: rate(1 hour)")).await;
        // The example's timeout is longer than the limit of this test's waits.
        team.apply(json!({"dependsOn": null})).await;
        let message = team.until_failed("HealthCheckFailed").await;
        let resource = format!("{KIND}/{}/{NAME}", env.namespace());
        let expected = format!("failed early due to stalled resources: [{resource} status: 'Failed']");
        assert!(message.ends_with(&expected), "{message}");
        let stalled = env.until_condition(KIND, NAME, "Stalled", "True").await;
        assert_eq!(stalled["reason"], "FunctionNotFound");

        let revision = team.commit(&single("every-minute", "schedule: rate(1 hour)")).await;
        team.until_applied(&revision).await;
        assert_eq!(rule_of_trigger(&env).await, ("rate(1 hour)".into(), true));
    });
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn a_prune_leaves_nothing_in_aws() {
    env::test_on_own_cluster("flux-prune", async |env| {
        let team = Team::start(&env).await;
        let before = function_names(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        team.apply_files(&team.examples()).await;
        assert_eq!(counts(&env, &team).await, [2, 2, 1, 1]);
        assert_eq!(function_names(&env).await.len(), before.len() + 1);

        let mut files = team.examples();
        files.retain(|(path, _)| !path.contains("s3-triggered-function"));
        team.commit(&files).await;
        env.until_gone("S3TriggeredFunction", "make-thumbnail").await;
        assert_eq!(counts(&env, &team).await, [2, 0, 1, 0]);

        team.delete().await;
        for (kind, name) in TRIGGERS {
            env.until_gone(kind, name).await;
        }
        assert_eq!(counts(&env, &team).await, [0, 0, 0, 0]);
        assert_eq!(function_names(&env).await, before);
    });
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn five_intervals_write_nothing() {
    env::test_on_own_cluster("flux-rest", async |env| {
        let team = Team::start(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        team.apply_files(&team.examples()).await;
        let names = |kind: &str| -> Vec<&str> {
            TRIGGERS.iter().filter(|trigger| trigger.0 == kind).map(|trigger| trigger.1).collect()
        };
        let versions = async || {
            let mut versions = vec![];
            for kind in [KIND, "S3TriggeredFunction"] {
                versions.extend(versions_of(&env, kind, &names(kind)).await);
            }
            let arguments =
                ["get", "configmaps", "--output", "jsonpath={.items[*].metadata.resourceVersion}"];
            versions.push(env.kubectl(&arguments, "").await.expect("kubectl get"));
            versions
        };
        let before = versions().await;
        env.aws_proxy().clear_calls(env.account());
        team.until_reconciled(5).await;
        assert_eq!(env.aws_writes(), vec![]);
        assert_eq!(versions().await, before);
    });
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn a_manual_edit_is_put_back() {
    env::test_on_own_cluster("flux-edit", async |env| {
        let team = Team::start(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        team.apply_files(&single("every-minute", "schedule: rate(1 hour)")).await;
        let before = generation(&env).await;
        // The field is in Git.
        edit(&env, json!({"schedule": "rate(2 hours)"})).await;
        let spec = until_generation(&env, before + 2).await;
        assert_eq!(spec["schedule"], "rate(1 hour)");
        assert_eq!(rule_of_trigger(&env).await, ("rate(1 hour)".into(), true));
        // The field is not in Git.
        edit(&env, json!({"suspend": true})).await;
        let spec = until_generation(&env, before + 4).await;
        assert_eq!(spec["suspend"], false);
        assert_eq!(rule_of_trigger(&env).await, ("rate(1 hour)".into(), true));
        // Nor is an annotation.
        let paused = async || {
            let object = env.object(KIND, NAME).await.unwrap();
            !object["metadata"]["annotations"]["lambda-triggers.dev/paused"].is_null()
        };
        let pause = ["annotate", KIND, NAME, "lambda-triggers.dev/paused=true"];
        env.kubectl(&pause, "").await.expect("kubectl annotate");
        env.until(LIMIT, "the annotation to be removed", async || (!paused().await).then_some(())).await;
        // Flux ignores this field manager.
        let keep = [&pause[..], &["--field-manager=flux-client-side-apply"]].concat();
        env.kubectl(&keep, "").await.expect("kubectl annotate");
        team.until_reconciled(2).await;
        assert!(paused().await);
    });
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn a_suspended_kustomization_keeps_a_manual_edit() {
    env::test_on_own_cluster("flux-suspend", async |env| {
        let team = Team::start(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        team.apply_files(&single("every-minute", "schedule: rate(1 hour)")).await;
        team.patch(json!({"suspend": true})).await;
        let skipped = || team.flux.log().matches("Reconciliation is suspended for this object").count();
        let until_skipped = async |count: usize| {
            let what = format!("{count} skipped reconciles");
            env.until(LIMIT, &what, async || (skipped() >= count).then_some(())).await;
        };
        until_skipped(1).await;
        let before = generation(&env).await;
        edit(&env, json!({"schedule": "rate(2 hours)"})).await;
        let count = skipped();
        team.request_reconcile("now").await;
        until_skipped(count + 1).await;
        assert_eq!(until_generation(&env, before + 1).await["schedule"], "rate(2 hours)");
        assert_eq!(rule_of_trigger(&env).await, ("rate(2 hours)".into(), true));

        team.patch(json!({"suspend": false})).await;
        assert_eq!(until_generation(&env, before + 2).await["schedule"], "rate(1 hour)");
    });
}

#[test]
#[ignore = "make gitops: needs Flux's controllers"]
fn a_trigger_that_git_suspends_is_ready() {
    env::test_on_own_cluster("flux-suspended", async |env| {
        let team = Team::start(&env).await;
        let _controller = env.controller(&RESYNC_1S);
        team.apply_files(&single("every-minute", "schedule: rate(1 hour)\nsuspend: true")).await;
        assert_eq!(rule_of_trigger(&env).await, ("rate(1 hour)".into(), false));
        let revision = team.commit(&single("every-minute", "schedule: rate(1 hour)")).await;
        team.until_applied(&revision).await;
        assert_eq!(rule_of_trigger(&env).await, ("rate(1 hour)".into(), true));
    });
}
