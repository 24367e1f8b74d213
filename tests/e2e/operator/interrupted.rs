//! Killed or stopped at any of its writes, and started again: the end is as without.

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

const NOBODY: [&str; 0] = [];

/// Five objects of each kind: each schedule has a function of its own, and the others share a bucket and a function.
struct Ten {
    names: Vec<String>,
    bucket: String,
    function: String,
}

impl Ten {
    async fn in_world(env: &TestEnv) -> Self {
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

    async fn until_ready(&self, env: &TestEnv) {
        for name in &self.names {
            env.until_ready(SCHEDULED, name).await;
            env.until_ready(S3, name).await;
        }
    }

    async fn until_gone(&self, env: &TestEnv) {
        for name in &self.names {
            env.until_gone(SCHEDULED, name).await;
            env.until_gone(S3, name).await;
        }
    }

    /// The entry of each object, in the order of their names.
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

    /// Everything is there, once, and nothing else.
    async fn are_in_place(&self, env: &TestEnv) {
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

    /// Nothing is there any more.
    async fn are_gone(&self, env: &TestEnv) {
        assert_eq!(rules(env).await, Rules::new());
        assert_eq!(own(&env.document(&self.bucket).await), vec![]);
        for name in self.names.iter().map(String::as_str).chain(["uploads"]) {
            assert_eq!(env.statements(name, None).await, NOBODY, "{name}");
        }
    }
}

/// A write that has been carried out, and is not answered before [`Held::answer`].
struct Held {
    carried_out: Arc<Semaphore>,
    answered: Arc<Semaphore>,
}

impl Held {
    /// Holds the answer to the write number `number` from now on, beginning with 1.
    fn write(env: &TestEnv, number: usize) -> Self {
        let held = Self { carried_out: Arc::new(Semaphore::new(0)), answered: Arc::new(Semaphore::new(0)) };
        let (carried_out, answered) = (held.carried_out.clone(), held.answered.clone());
        let hook = Hook::after(move |_| {
            let (carried_out, answered) = (carried_out.clone(), answered.clone());
            async move {
                carried_out.add_permits(1);
                let _ = answered.acquire().await;
                Then::GoOn
            }
        });
        env.aws_proxy()
            .inject(env.account(), Fault::on(Fault::ANY_WRITE, FaultKind::Hook(hook)).after(number - 1));
        held
    }

    async fn until_carried_out(&self) {
        let carried_out = tokio::time::timeout(LIMIT, self.carried_out.acquire()).await;
        carried_out.expect("the write came").unwrap().forget();
    }

    fn answer(&self) {
        self.answered.add_permits(1);
    }
}

/// The operator is killed when the write number `number` has been carried out, and started again.
async fn killed_at(env: &TestEnv, controller: &mut Controller, number: usize, act: impl AsyncFnOnce()) {
    let held = Held::write(env, number);
    act().await;
    held.until_carried_out().await;
    controller.kill().await;
    held.answer();
    controller.start();
}

/// Creates ten objects, and deletes them, each time with a kill at the write of this number.
fn killed(number: usize) {
    env::test(&format!("killed-{number}"), async |env| {
        let ten = Ten::in_world(&env).await;
        let mut controller = env.controller(&NO_RESYNC);
        env.aws_proxy().clear_calls(env.account());
        killed_at(&env, &mut controller, number, async || _ = env.apply(&ten.manifests()).await).await;
        ten.until_ready(&env).await;
        ten.are_in_place(&env).await;
        // What was made before the end was found, and is not made again.
        let writes = env.aws_writes();
        let made = ["PutRule", "PutTargets", "AddPermission"].map(|operation| {
            writes.iter().filter(|call| call.operation == operation && call.status < 300).count()
        });
        assert_eq!(made, [5, 5, 6], "{writes:#?}");

        killed_at(&env, &mut controller, number, async || {
            let both = format!("{SCHEDULED},{S3}");
            env.kubectl(&["delete", &both, "--all", "--wait=false"], "").await.expect("kubectl delete");
        })
        .await;
        ten.until_gone(&env).await;
        ten.are_gone(&env).await;
    });
}

#[test]
fn killed_at_the_first_write() {
    killed(1);
}

#[test]
fn killed_at_the_third_write() {
    killed(3);
}

#[test]
fn killed_at_the_fifth_write() {
    killed(5);
}

#[test]
fn killed_at_the_eighth_write() {
    killed(8);
}

#[test]
fn killed_at_the_eleventh_write() {
    killed(11);
}

#[test]
fn stopped_in_the_middle_it_ends_well_and_goes_on_later() {
    env::test("stopped", async |env| {
        let ten = Ten::in_world(&env).await;
        let mut controller = env.controller(&NO_RESYNC);
        env.aws_proxy().clear_calls(env.account());
        let held = Held::write(&env, 4);
        env.apply(&ten.manifests()).await;
        held.until_carried_out().await;
        let (answer, stop) = (async { held.answer() }, controller.stop());
        // The exit code is 0, or this panics.
        tokio::join!(stop, answer);
        controller.start();
        ten.until_ready(&env).await;
        ten.are_in_place(&env).await;
    });
}
