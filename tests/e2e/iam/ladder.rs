//! Every action of the policy is needed, and whoever lacks one is told its name: an operator begins with no right at all,
//! and gets those alone that its resources ask for in their conditions.

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

/// The longest way up from one step to the next, each right in it asked for after a second or two.
const CLIMB: Duration = Duration::from_secs(150);

struct Ladder {
    env: TestEnv,
    policy: Policy,
    given: BTreeSet<String>,
}

impl Ladder {
    fn new(env: &TestEnv, uses: &[Feature]) -> Self {
        let policy =
            least_policy(&Scope::for_account(env.account(), Some(owner())).with(uses.iter().copied()));
        let ladder = Self { env: env.clone(), policy, given: BTreeSet::new() };
        ladder.give();
        ladder
    }

    fn give(&self) {
        self.env
            .aws_proxy()
            .give_policy(self.env.account(), self.policy.only(|action| self.given.contains(action)));
    }

    /// Gives what the objects ask for until all are as `wanted`.
    async fn climb(
        &mut self,
        wanted: &str,
        objects: &[(&str, &str)],
        there: impl AsyncFn(&TestEnv, &str, &str) -> bool,
    ) {
        let env = self.env.clone();
        env.until(CLIMB, wanted, async || {
            let mut seen = vec![];
            for (kind, name) in objects {
                if !there(&env, kind, name).await {
                    seen.push(conditions(&env, kind, name).await);
                }
            }
            let asked = seen.iter().flatten().flat_map(|[.., message]| rights(message));
            for right in asked.collect::<BTreeSet<_>>() {
                if self.given.insert(right) {
                    self.give();
                }
            }
            if seen.is_empty() { Ok(()) } else { Err(format!("{seen:?}, with {:?}", self.given)) }
        })
        .await;
    }

    async fn until_ready(&mut self, objects: &[(&str, &str)]) {
        self.climb(&format!("{objects:?} to be ready"), objects, async |env, kind, name| {
            let object = env.object(kind, name).await.unwrap_or_default();
            let generation = &object["metadata"]["generation"];
            let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            all.iter().any(|c| {
                c["type"] == "Ready" && c["status"] == "True" && c["observedGeneration"] == *generation
            })
        })
        .await;
    }

    async fn until_gone(&mut self, objects: &[(&str, &str)]) {
        for (kind, name) in objects {
            self.env.delete(kind, name).await;
        }
        let gone = async |env: &TestEnv, kind: &str, name: &str| env.object(kind, name).await.is_none();
        self.climb(&format!("{objects:?} to be gone"), objects, gone).await;
    }

    /// The actions of the policy, but for those on nobody's behalf here.
    fn all(&self) -> BTreeSet<String> {
        self.policy.actions().into_iter().map(Into::into).collect()
    }
}

/// The actions that a message says to allow.
fn rights(message: &str) -> Vec<String> {
    let asked = message.split(": allow ").nth(1).and_then(|rest| rest.split(" in the IAM policy").next());
    let words = asked.unwrap_or_default().split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    words.filter(|word| word.contains(':')).map(Into::into).collect()
}

#[test]
fn triggers_need_each_right_of_their_policy_and_ask_for_it() {
    env::test("iam-triggers", async |env| {
        env.function("report").await;
        let bucket = env.new_bucket("photos").await;
        let mut ladder = Ladder::new(&env, &[]);
        let controller = env.controller(&RESYNC_1S);
        let both = [(SCHEDULED, "hourly"), (S3, "photos")];
        let hourly = |tags: &str| {
            crate::support::scheduled("hourly", "report", &format!("schedule: rate(1 hour)\ntags: {tags}"))
        };

        env.apply(&hourly("{team: a, stage: test}")).await;
        env.apply(&s3("photos", "report", &bucket, "")).await;
        ladder.until_ready(&both).await;
        // Whoever may not list rules is told so in the log alone, and each rule is asked for.
        let asked = async || controller.log().contains("cannot list rules").then_some(());
        env.until(LIMIT, "the right to list rules to be asked for", asked).await;
        env.apply(&hourly("{team: b}")).await;
        ladder.until_ready(&both).await;
        ladder.until_gone(&both).await;

        // The right to list buckets is used after S3 has refused a bucket.
        let not_asked = ["events:ListRules", "s3:ListAllMyBuckets"];
        let needed: BTreeSet<String> =
            ladder.all().into_iter().filter(|right| !not_asked.contains(&&**right)).collect();
        assert_eq!(ladder.given, needed);
        assert_eq!(env.rule_names().await, Vec::<String>::new());
        assert_eq!(env.statements("report", None).await, Vec::<String>::new());
    });
}

#[test]
fn definitions_need_each_right_of_their_policy_and_ask_for_it() {
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
        let uses = [
            Feature::Definitions,
            Feature::Archives,
            Feature::Images,
            Feature::Layers,
            Feature::Vpc,
            Feature::Kms,
        ];
        let mut ladder = Ladder::new(&env, &uses);
        // What triggers need is the other test's.
        ladder.given = least_policy(&Scope::for_account(env.account(), Some(owner())))
            .actions()
            .into_iter()
            .map(Into::into)
            .collect();
        ladder.give();
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
        ladder.until_ready(&both).await;
        let changed = json!({
            "code": {"s3": {"bucket": builds, "key": "2.zip"}},
            "memorySizeMB": 256,
            "reservedConcurrency": null,
            "asyncInvoke": null,
            "tags": {"team": "b"},
        });
        apply(&env, &scheduled("app", &with(app, changed))).await;
        ladder.until_ready(&both).await;
        ladder.until_gone(&both).await;

        assert_eq!(ladder.given, ladder.all());
        assert_eq!(env.lambda().list_functions().send().await.unwrap().functions().len(), 0);
    });
}
