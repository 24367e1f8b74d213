//! Every action of the IAM policy is needed, and the status names each missing action. The operator starts without any
//! permission. The test then grants only the actions that the conditions ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LayerVersionContentInput;
use aws_sdk_s3::primitives::ByteStream;
use lambda_triggers_core::iam::{Feature, Policy, Scope, least_policy};
use lambda_triggers_core::plan::function::archive;
use lambda_triggers_tests::env::{self, REGION, TestEnv};
use serde_json::json;

use crate::deployed::view::{S3, SCHEDULED, apply, definition, handler_with, scheduled, with};
use crate::objects::{RESYNC_1S, conditions, owner};
use crate::support::{AwsView, LIMIT, s3};

/// The maximum time for one step of a test. The operator asks for each action after a second or two.
const STEP_LIMIT: Duration = Duration::from_secs(150);

struct IncrementalPolicy {
    env: TestEnv,
    policy: Policy,
    granted: BTreeSet<String>,
}

impl IncrementalPolicy {
    fn new(env: &TestEnv, features: &[Feature]) -> Self {
        let policy =
            least_policy(&Scope::for_account(env.account(), Some(owner())).with(features.iter().copied()));
        let policy = Self { env: env.clone(), policy, granted: BTreeSet::new() };
        policy.put_policy();
        policy
    }

    fn put_policy(&self) {
        self.env
            .aws_proxy()
            .give_policy(self.env.account(), self.policy.only(|action| self.granted.contains(action)));
    }

    /// Grants the actions in the conditions, until `is_done` is true for all objects.
    async fn grant_until(
        &mut self,
        goal: &str,
        objects: &[(&str, &str)],
        is_done: impl AsyncFn(&TestEnv, &str, &str) -> bool,
    ) {
        let env = self.env.clone();
        env.until(STEP_LIMIT, goal, async || {
            let mut pending = vec![];
            for (kind, name) in objects {
                if !is_done(&env, kind, name).await {
                    pending.push(conditions(&env, kind, name).await);
                }
            }
            let missing = pending.iter().flatten().flat_map(|[.., message]| missing_actions(message));
            for action in missing.collect::<BTreeSet<_>>() {
                if self.granted.insert(action) {
                    self.put_policy();
                }
            }
            if pending.is_empty() { Ok(()) } else { Err(format!("{pending:?}, with {:?}", self.granted)) }
        })
        .await;
    }

    async fn wait_until_ready(&mut self, objects: &[(&str, &str)]) {
        self.grant_until(&format!("{objects:?} to be ready"), objects, async |env, kind, name| {
            let object = env.object(kind, name).await.unwrap_or_default();
            let generation = &object["metadata"]["generation"];
            let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            all.iter().any(|c| {
                c["type"] == "Ready" && c["status"] == "True" && c["observedGeneration"] == *generation
            })
        })
        .await;
    }

    async fn wait_until_deleted(&mut self, objects: &[(&str, &str)]) {
        for (kind, name) in objects {
            self.env.delete(kind, name).await;
        }
        let is_gone = async |env: &TestEnv, kind: &str, name: &str| env.object(kind, name).await.is_none();
        self.grant_until(&format!("{objects:?} to be gone"), objects, is_gone).await;
    }

    /// All actions of the policy.
    fn all(&self) -> BTreeSet<String> {
        self.policy.actions().into_iter().map(Into::into).collect()
    }
}

/// The actions that a message says to allow.
fn missing_actions(message: &str) -> Vec<String> {
    let missing = message.split(": allow ").nth(1).and_then(|rest| rest.split(" in the IAM policy").next());
    let words = missing.unwrap_or_default().split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    words.filter(|word| word.contains(':')).map(Into::into).collect()
}

#[test]
fn triggers_need_every_action_of_their_policy() {
    env::test("iam-triggers", async |env| {
        env.function("report").await;
        let bucket = env.new_bucket("photos").await;
        let mut policy = IncrementalPolicy::new(&env, &[]);
        let controller = env.controller(&RESYNC_1S);
        let both = [(SCHEDULED, "hourly"), (S3, "photos")];
        let hourly = |tags: &str| {
            crate::support::scheduled("hourly", "report", &format!("schedule: rate(1 hour)\ntags: {tags}"))
        };

        env.apply(&hourly("{team: a, stage: test}")).await;
        env.apply(&s3("photos", "report", &bucket, "")).await;
        policy.wait_until_ready(&both).await;
        // A missing events:ListRules appears only in the log; the operator then reads each rule.
        let missing = async || controller.log().contains("cannot list rules").then_some(());
        env.until(LIMIT, "the log to name events:ListRules", missing).await;
        env.apply(&hourly("{team: b}")).await;
        policy.wait_until_ready(&both).await;
        policy.wait_until_deleted(&both).await;

        // The operator calls ListBuckets only after S3 has refused a bucket.
        let never_missing = ["events:ListRules", "s3:ListAllMyBuckets"];
        let needed: BTreeSet<String> =
            policy.all().into_iter().filter(|action| !never_missing.contains(&&**action)).collect();
        assert_eq!(policy.granted, needed);
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        assert_eq!(env.statements("report", None).await, Vec::<String>::new());
    });
}

#[test]
fn schedules_need_every_action_of_their_policy() {
    env::test("iam-schedules", async |env| {
        env.function("report").await;
        let role = env.scheduler_role(&owner()).await;
        let mut policy = IncrementalPolicy::new(&env, &[Feature::Scheduler]);
        let controller = env.controller(&[&RESYNC_1S[..], &["--scheduler-role-arn", &role]].concat());
        let report = |zone: &str| {
            let spec = format!("schedule: 0 18 * * *\ntimeZone: {zone}");
            crate::support::scheduled("report", "report", &spec)
        };
        let one = [(SCHEDULED, "report")];
        env.apply(&report("Europe/Berlin")).await;
        policy.wait_until_ready(&one).await;
        // A missing scheduler:ListSchedules appears only in the log; the operator then reads each schedule.
        let missing = async || controller.log().contains("cannot list schedules").then_some(());
        env.until(LIMIT, "the log to name scheduler:ListSchedules", missing).await;
        env.apply(&report("UTC")).await;
        policy.wait_until_ready(&one).await;
        policy.wait_until_deleted(&one).await;

        let is_for_schedules = |action: &String| action.starts_with("scheduler:") || action == "iam:PassRole";
        let needed: BTreeSet<String> = policy.all().into_iter().filter(is_for_schedules).collect();
        let granted: BTreeSet<String> =
            policy.granted.iter().filter(|action| is_for_schedules(action)).cloned().collect();
        let never_missing = BTreeSet::from(["scheduler:ListSchedules".to_owned()]);
        assert_eq!(granted, &needed - &never_missing);
    });
}

#[test]
fn definitions_need_every_action_of_their_policy() {
    env::test("iam-definitions", async |env| {
        let code = |text: &str| {
            archive(&[("index.py".into(), handler_with(text).into_bytes())].into()).unwrap().bytes
        };
        let builds = env.new_bucket("builds").await;
        for key in ["1.zip", "2.zip"] {
            let put = env.s3().put_object().bucket(&builds).key(key).body(ByteStream::from(code(key)));
            put.send().await.unwrap();
        }
        let layer = LayerVersionContentInput::builder().zip_file(Blob::new(code("layer"))).build();
        env.lambda().publish_layer_version().layer_name("a").content(layer).send().await.unwrap();
        let features = [
            Feature::Definitions,
            Feature::Archives,
            Feature::Images,
            Feature::Layers,
            Feature::Vpc,
            Feature::Kms,
        ];
        let mut policy = IncrementalPolicy::new(&env, &features);
        // The other test covers the actions that triggers need.
        policy.granted = least_policy(&Scope::for_account(env.account(), Some(owner())))
            .actions()
            .into_iter()
            .map(Into::into)
            .collect();
        policy.put_policy();
        let _controller = env.controller(&RESYNC_1S);
        let both = [(SCHEDULED, "app"), (SCHEDULED, "image")];

        let app = with(
            definition(&env, "app"),
            json!({
                "code": {"s3": {"bucket": builds, "key": "1.zip"}},
                "layers": [format!("arn:aws:lambda:{REGION}:{}:layer:a:1", env.account())],
                "vpc": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]},
                "kmsKeyArn": format!("arn:aws:kms:{REGION}:{}:key/1", env.account()),
                "reservedConcurrency": 1,
                "asyncInvoke": {"maximumRetryAttempts": 0},
                "tags": {"team": "a", "stage": "test"},
            }),
        );
        let uri = format!("{}.dkr.ecr.{REGION}.amazonaws.com/invoices:1", env.account());
        let image = json!({"roleArn": format!("arn:aws:iam::{}:role/image", env.account()), "code": {"image": {"uri": uri}}});
        apply(&env, &scheduled("app", &app)).await;
        apply(&env, &scheduled("image", &image)).await;
        policy.wait_until_ready(&both).await;
        let changed = json!({
            "code": {"s3": {"bucket": builds, "key": "2.zip"}},
            "memorySizeMB": 256,
            "reservedConcurrency": null,
            "asyncInvoke": null,
            "tags": {"team": "b"},
        });
        apply(&env, &scheduled("app", &with(app, changed))).await;
        policy.wait_until_ready(&both).await;
        policy.wait_until_deleted(&both).await;

        assert_eq!(policy.granted, policy.all());
        assert_eq!(env.lambda().list_functions().send().await.unwrap().functions().len(), 0);
    });
}
