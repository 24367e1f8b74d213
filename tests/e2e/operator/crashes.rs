//! The operator is killed or stopped at one of its writes and started again. The result must be the same as without a
//! crash.

use std::collections::BTreeSet;
use std::sync::Arc;

use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::ownership::{ObjectKey, bucket_statement_id};
use lambda_triggers_core::plan::bucket::{Destination, Entry, Filter};
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind, Hook, Then};
use lambda_triggers_tests::env::{self, Controller, TestEnv};
use tokio::sync::Semaphore;

use crate::objects::{NO_RESYNC, owner};
use crate::scheduled::view::{KIND as SCHEDULED, Rules, STATEMENT, plain_rules, rules};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

const S3: &str = "S3TriggeredFunction";

const NOTHING: [&str; 0] = [];

/// Five objects of each kind. Every schedule has its own function. The S3 triggers share a bucket and a function.
struct TenObjects {
    names: Vec<String>,
    bucket: String,
    function: String,
}

impl TenObjects {
    async fn new_in(env: &TestEnv) -> Self {
        let names: Vec<String> = (0..5).map(|number| format!("n{number}")).collect();
        futures::future::join_all(names.iter().map(|name| env.function(name))).await;
        Self { names, bucket: env.new_bucket("shared").await, function: env.function("uploads").await }
    }

    fn manifests(&self) -> String {
        let pair = |name: &String| {
            let filters = format!("filters: [{{prefix: {name}/}}]");
            [scheduled(name, name, "schedule: rate(1 hour)"), s3(name, "uploads", &self.bucket, &filters)]
        };
        self.names.iter().flat_map(pair).collect::<Vec<_>>().join("---\n")
    }

    async fn wait_until_ready(&self, env: &TestEnv) {
        for name in &self.names {
            env.until_ready(SCHEDULED, name).await;
            env.until_ready(S3, name).await;
        }
    }

    async fn wait_until_deleted(&self, env: &TestEnv) {
        for name in &self.names {
            env.until_gone(SCHEDULED, name).await;
            env.until_gone(S3, name).await;
        }
    }

    /// The expected entry of each object, in the order of the names.
    fn entries(&self, env: &TestEnv) -> Vec<Entry> {
        let entry = |name: &String| {
            let filter = KeyFilter { prefix: Some(format!("{name}/")), ..KeyFilter::default() };
            let key = ObjectKey::new(env.namespace(), name);
            Entry {
                destination: Destination::Function,
                arn: self.function.clone(),
                id: Some(key.entry_id(&owner(), &filter, false)),
                events: BTreeSet::from(["s3:ObjectCreated:*".into()]),
                filter: Filter::from(&filter),
            }
        };
        self.names.iter().map(entry).collect()
    }

    /// Checks that all AWS resources exist exactly once, and no other resources.
    async fn assert_in_place(&self, env: &TestEnv) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        assert_eq!(rules(env).await, plain_rules(env, &names).await);
        let mut entries = own(&env.document(&self.bucket).await);
        entries.sort_by(|a, b| a.filter.prefix.cmp(&b.filter.prefix));
        assert_eq!(entries, self.entries(env));
        for name in names {
            assert_eq!(env.statements(name, None).await, [STATEMENT]);
        }
        assert_eq!(env.statements("uploads", None).await, [bucket_statement_id(&owner(), &self.bucket)]);
    }

    /// Checks that the operator has deleted all AWS resources.
    async fn assert_deleted(&self, env: &TestEnv) {
        assert_eq!(rules(env).await, Rules::new());
        assert_eq!(own(&env.document(&self.bucket).await), vec![]);
        for name in self.names.iter().map(String::as_str).chain(["uploads"]) {
            assert_eq!(env.statements(name, None).await, NOTHING, "{name}");
        }
    }
}

/// A write that AWS applies at once, but answers only after [`HeldWrite::answer`].
struct HeldWrite {
    applied: Arc<Semaphore>,
    answered: Arc<Semaphore>,
}

impl HeldWrite {
    /// Holds the answer to the write `number`, counted from 1.
    fn hold(env: &TestEnv, number: usize) -> Self {
        let held_write = Self { applied: Arc::new(Semaphore::new(0)), answered: Arc::new(Semaphore::new(0)) };
        let (applied, answered) = (held_write.applied.clone(), held_write.answered.clone());
        let hook = Hook::after(move |_| {
            let (applied, answered) = (applied.clone(), answered.clone());
            async move {
                applied.add_permits(1);
                let _ = answered.acquire().await;
                Then::GoOn
            }
        });
        env.aws_proxy()
            .inject(env.account(), Fault::on(Fault::ANY_WRITE, FaultKind::Hook(hook)).after(number - 1));
        held_write
    }

    async fn wait_until_applied(&self) {
        let applied = tokio::time::timeout(LIMIT, self.applied.acquire()).await;
        applied.expect("the write came").unwrap().forget();
    }

    fn answer(&self) {
        self.answered.add_permits(1);
    }
}

/// Kills the operator after AWS has applied the write `number`, and starts the operator again.
async fn with_crash_at(
    env: &TestEnv,
    controller: &mut Controller,
    number: usize,
    action: impl AsyncFnOnce(),
) {
    let held_write = HeldWrite::hold(env, number);
    action().await;
    held_write.wait_until_applied().await;
    controller.kill().await;
    env.delete_leases().await;
    held_write.answer();
    controller.start();
}

/// Creates ten objects and deletes them, and kills the operator at the write `number` of both steps.
fn test_crashes_at(number: usize) {
    env::test(&format!("killed-{number}"), async |env| {
        let ten = TenObjects::new_in(&env).await;
        let mut controller = env.controller(&NO_RESYNC);
        env.aws_proxy().clear_calls(env.account());
        with_crash_at(&env, &mut controller, number, async || _ = env.apply(&ten.manifests()).await).await;
        ten.wait_until_ready(&env).await;
        ten.assert_in_place(&env).await;
        // The restarted operator finds the existing resources and creates no resource twice.
        let writes = env.aws_writes();
        let created = ["PutRule", "PutTargets", "AddPermission"].map(|operation| {
            writes.iter().filter(|call| call.operation == operation && call.status < 300).count()
        });
        assert_eq!(created, [5, 5, 6], "{writes:#?}");

        with_crash_at(&env, &mut controller, number, async || {
            let both = format!("{SCHEDULED},{S3}");
            env.kubectl(&["delete", &both, "--all", "--wait=false"], "").await.expect("kubectl delete");
        })
        .await;
        ten.wait_until_deleted(&env).await;
        ten.assert_deleted(&env).await;
    });
}

#[test]
fn ten_objects_survive_a_crash_at_the_first_write() {
    test_crashes_at(1);
}

#[test]
fn ten_objects_survive_a_crash_at_the_third_write() {
    test_crashes_at(3);
}

#[test]
fn ten_objects_survive_a_crash_at_the_fifth_write() {
    test_crashes_at(5);
}

#[test]
fn ten_objects_survive_a_crash_at_the_eighth_write() {
    test_crashes_at(8);
}

#[test]
fn ten_objects_survive_a_crash_at_the_eleventh_write() {
    test_crashes_at(11);
}

#[test]
fn a_stopped_operator_continues_after_its_restart() {
    env::test("stopped", async |env| {
        let ten = TenObjects::new_in(&env).await;
        let mut controller = env.controller(&NO_RESYNC);
        env.aws_proxy().clear_calls(env.account());
        let held_write = HeldWrite::hold(&env, 4);
        env.apply(&ten.manifests()).await;
        held_write.wait_until_applied().await;
        let (answer, stop) = (async { held_write.answer() }, controller.stop());
        // `stop` panics if the exit code is not 0.
        tokio::join!(stop, answer);
        controller.start();
        ten.wait_until_ready(&env).await;
        ten.assert_in_place(&env).await;
    });
}
