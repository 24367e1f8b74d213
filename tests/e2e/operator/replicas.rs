//! Two replicas: the leader works, the standby replaces a stopped or killed leader, and a former leader writes nothing.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use lambda_triggers_tests::aws_proxy::{Fault, FaultKind, Hook, Then};
use lambda_triggers_tests::env::{self, TestEnv};
use tokio::sync::Notify;

use crate::objects::{NO_RESYNC, OWNER};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";
const GET: &str = "GetBucketNotificationConfiguration";
const PUT: &str = "PutBucketNotificationConfiguration";

/// Waits for a leader other than `before`, and returns its identity.
async fn leader(env: &TestEnv, limit: Duration, before: Option<&str>) -> String {
    let leases: Api<Lease> = Api::namespaced(env.kube().clone(), env.namespace());
    env.until(limit, "another leader", async || {
        let lease = leases.get(&format!("lambda-triggers-{OWNER}")).await.ok()?;
        let holder = lease.spec?.holder_identity?;
        (before != Some(holder.as_str())).then_some(holder)
    })
    .await
}

#[test]
fn a_standby_replaces_a_killed_and_a_stopped_leader() {
    env::test("replicas", async |env| {
        env.function("hourly").await;
        let mut first = env.controller(&NO_RESYNC);
        let one = leader(&env, LIMIT, None).await;
        let mut second = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "hourly", "schedule: rate(1 hour)")).await;
        env.until_ready(SCHEDULED, "hourly").await;
        first.kill().await;
        // The lease expires after fifteen seconds without a renewal. The standby checks the lease every two seconds.
        let two = leader(&env, Duration::from_secs(20), Some(&one)).await;
        env.apply(&scheduled("second", "hourly", "schedule: rate(2 hours)")).await;
        env.until_ready(SCHEDULED, "second").await;

        first.start();
        env.until(LIMIT, "the standby", async || first.log().contains("waiting to lead").then_some(())).await;
        second.stop().await;
        leader(&env, Duration::from_secs(3), Some(&two)).await;
        for name in ["hourly", "second"] {
            env.delete(SCHEDULED, name).await;
            env.until_gone(SCHEDULED, name).await;
        }
        assert_eq!(env.rule_names().await, Vec::<String>::new());
    });
}

/// The operator is suspended between its read and its write of a bucket for longer than its lease, and then resumed.
#[test]
fn a_leader_resumed_after_its_lease_writes_nothing() {
    env::test("frozen", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        let (read_started, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (started, resumed) = (read_started.clone(), resume.clone());
        let hold = Hook::before(move |_| {
            let (started, resumed) = (started.clone(), resumed.clone());
            async move {
                started.notify_one();
                resumed.notified().await;
                Then::GoOn
            }
        });
        env.aws_proxy().inject(env.account(), Fault::on(GET, FaultKind::Hook(hold)));
        let mut first = env.controller(&NO_RESYNC);
        let one = leader(&env, LIMIT, None).await;
        env.apply(&s3("thumbs", "thumbs", &bucket, "")).await;
        read_started.notified().await;
        first.pause();
        let _second = env.controller(&NO_RESYNC);
        leader(&env, Duration::from_secs(25), Some(&one)).await;
        env.until_ready(S3, "thumbs").await;
        env.delete(S3, "thumbs").await;
        env.until_gone(S3, "thumbs").await;
        let writes = env.aws_proxy().count(env.account(), PUT);

        resume.notify_one();
        first.resume();
        let ended = env.until(LIMIT, "the end of the first", async || first.ended()).await;
        assert!(!ended.success(), "{ended}");
        assert!(first.log().contains("the Lease was not renewed"), "{}", first.log());
        assert_eq!(env.aws_proxy().count(env.account(), PUT), writes);
        assert_eq!(own(&env.document(&bucket).await), []);
    });
}
