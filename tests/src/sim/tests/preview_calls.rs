//! The number of calls, and the time, of a plan of 1,000 resources with AWS's quotas and a latency of 50 milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lambda_triggers::aws::{AwsClient, AwsReads, NamespaceReads, RateLimiter};
use lambda_triggers::manifests::Manifests;
use lambda_triggers::preview::{Input, Options, preview};
use lambda_triggers_core::api::{Backend, Tags};
use lambda_triggers_core::pacing::token_bucket::Rates;
use lambda_triggers_core::preview::{PlanResult, Preview, Secrets, Summary};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::counts::{KIND, SCHEDULE, apply, calls, schedule, trigger, until_ready};
use super::print_figures;
use crate::sim::aws::RATES;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, owner, simulate};
use crate::sim::workflows;

const SCHEDULES: usize = 300;
const TRIGGERS: usize = 700;
const FUNCTIONS: usize = 100;
const BUCKETS: usize = 10;
/// Half of the latency of a call.
const ONE_WAY: Duration = Duration::from_millis(25);

/// The manifests of all resources. The first ten of each kind differ after the change.
fn objects(is_changed: bool) -> Vec<Value> {
    let schedules = (0..SCHEDULES).map(|number| {
        let mut object = schedule(&format!("s{number}"), &format!("f{}", number % FUNCTIONS));
        if is_changed && number < 10 {
            object["spec"]["schedule"] = json!("rate(2 hours)");
        }
        object
    });
    let triggers = (0..TRIGGERS).map(|number| {
        let (function, bucket) = (format!("f{}", number % FUNCTIONS), format!("bucket-{}", number % BUCKETS));
        let mut object = trigger(&format!("t{number}"), &function, &bucket);
        if is_changed && number < 10 {
            object["spec"]["events"] = json!(["s3:ObjectCreated:Put"]);
        }
        object
    });
    schedules.chain(triggers).collect()
}

fn manifests(objects: &[Value]) -> Manifests {
    let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    Manifests::of_text("-", &text).unwrap()
}

/// The plan, its calls and its time.
async fn plan(sim: &Sim, input: Input, all: bool) -> (Preview, BTreeMap<String, usize>, Duration) {
    let ports = sim.aws.ports(sim.injector.open());
    let aws = AwsReads::new(Arc::new(AwsClient::new(ports, RateLimiter::new(Rates::default()))));
    let options = Options {
        owner: owner(),
        namespace: None,
        region: aws.default_region().into(),
        account: None,
        default_backend: Backend::Rule,
        default_tags: Tags::new(),
        scheduler_role: None,
        tenancy: None,
        ignored: [].into(),
        all,
        secrets: Secrets::Hide,
        progress: None,
    };
    let (before, began) = (sim.injector.count(), Instant::now());
    let planned =
        preview(input, &options, Some(&NamespaceReads::single(aws, owner())), sim.cluster.clock().now())
            .await
            .unwrap();
    (planned, calls(sim, before), began.elapsed())
}

#[test]
fn a_plan_of_a_pull_request_reads_only_what_changes() {
    simulate(
        1,
        |_: &Call| CallFault::Slow(ONE_WAY),
        async |sim| {
            workflows::prepare(&sim);
            for number in 0..FUNCTIONS {
                sim.aws.create_function(&sim.aws.function(&format!("f{number}")));
            }
            for number in 0..BUCKETS {
                sim.aws.create_bucket(&sim.aws.bucket(&format!("bucket-{number}")));
            }
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            objects(false).iter().for_each(|object| apply(&sim, object));
            until_ready(&sim, SCHEDULE, SCHEDULES).await;
            until_ready(&sim, KIND, TRIGGERS).await;
            operator.stop().await;

            let [before, after] = [false, true].map(objects);
            let input =
                || Input { head: manifests(&after), base: Some(manifests(&before)), ..Input::default() };
            let (planned, counts, took) = plan(&sim, input(), false).await;
            print_figures(&format!("plan of 20 changes: {counts:?} in {took:?}"));
            assert_eq!(planned.result, PlanResult::Changes);
            let resources = SCHEDULES + TRIGGERS;
            let changed = Summary { resources, update: 20, unchanged: resources - 20, ..Summary::default() };
            assert_eq!(planned.summary, changed);
            assert!(counts.values().sum::<usize>() <= 80, "{counts:?}");
            assert!(took <= Duration::from_secs(3), "{took:?}");

            // The second plan is another process, which finds the quotas unused.
            sleep(Duration::from_secs(10)).await;
            let input = Input { head: manifests(&before), ..Input::default() };
            let (planned, counts, took) = plan(&sim, input, true).await;
            print_figures(&format!("plan of 1,000 resources: {counts:?} in {took:?}"));
            assert_eq!(planned.result, PlanResult::NoChanges);
            assert_eq!(counts.values().sum::<usize>(), 513, "{counts:?}");
            assert!(took <= Duration::from_secs(10), "{took:?}");
            assert_eq!(sim.aws.throttled(), 0);
        },
    );
}
