//! The number of calls for sixty resources: thirty schedules, and thirty triggers of one bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::counts::{KIND, SCHEDULE, apply, calls, schedule, trigger, until_ready};
use super::print_figures;
use crate::sim::aws::RATES;
use crate::sim::fault_injector::{Call, CallFault};
use crate::sim::run::{Sim, simulate};
use crate::sim::workflows::{self, NAMESPACE};

/// The functions of the sixty resources.
#[derive(Clone, Copy, Debug)]
enum Functions {
    /// Each resource names a function of its own, which exists.
    Own,
    /// All resources name one function.
    One,
    /// Each resource defines its function.
    Defined,
}

/// The calls by operation.
type Calls = BTreeMap<String, usize>;

/// The calls that create the resources, look at all of them again after a restart, and delete them.
fn sixty(functions: Functions) -> [Calls; 3] {
    simulate(
        1,
        |_: &Call| CallFault::Pass,
        async |sim| {
            workflows::prepare(&sim);
            let objects = objects(&sim, functions);
            sim.aws.limit_calls(&RATES);
            let operator = sim.start();
            sleep(Duration::from_secs(1)).await;
            let before = sim.injector.count();
            objects.iter().for_each(|object| apply(&sim, object));
            until_ready(&sim, SCHEDULE, 30).await;
            until_ready(&sim, KIND, 30).await;
            sleep(Duration::from_secs(10)).await;
            let create = calls(&sim, before);
            operator.stop().await;

            let (before, changes) = (sim.injector.count(), sim.cluster.journal().len());
            let operator = sim.start();
            sleep(Duration::from_secs(60)).await;
            let restart = calls(&sim, before);
            assert_eq!(sim.cluster.journal_from(changes), []);

            let before = sim.injector.count();
            for object in &objects {
                let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
                sim.cluster
                    .delete(kind, NAMESPACE, name)
                    .unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
            }
            let are_gone =
                |sim: &Sim| sim.cluster.objects(KIND).is_empty() && sim.cluster.objects(SCHEDULE).is_empty();
            sim.until("all resources are gone", are_gone).await;
            let delete = calls(&sim, before);
            operator.stop().await;
            assert_eq!(sim.aws.throttled(), 0);
            let steps = [create, restart, delete];
            print_figures(&format!(
                "calls for sixty resources, {functions:?}: {:?}",
                steps.each_ref().map(sum)
            ));
            steps
        },
    )
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The sum of all calls.
fn sum(calls: &Calls) -> usize {
    calls.values().sum()
}

/// The manifests, and the existing functions in AWS.
fn objects(sim: &Sim, functions: Functions) -> Vec<Value> {
    let make = |number: usize| {
        let name = |kind: &str| match functions {
            Functions::One => "f".to_owned(),
            Functions::Own | Functions::Defined => format!("{kind}-f{number}"),
        };
        let (of_schedule, of_trigger) = (name("s"), name("t"));
        let mut pair = [
            schedule(&format!("s{number}"), &of_schedule),
            trigger(&format!("t{number}"), &of_trigger, "archive"),
        ];
        match functions {
            Functions::Own | Functions::One => {
                for function in [of_schedule, of_trigger] {
                    sim.aws.create_function(&sim.aws.function(&function));
                }
            }
            Functions::Defined => {
                for object in &mut pair {
                    object["spec"]["function"] = json!({"definition": {
                        "runtime": "python3.13", "handler": "app.handler",
                        "roleArn": "arn:aws:iam::123456789012:role/runs",
                        "code": {"inline": {"app.py": "def handler(event, context): pass"}},
                    }});
                }
            }
        }
        pair
    };
    (0..30).flat_map(make).collect()
}

/// The sums of the calls. The goals are in `docs/architecture.md`.
fn assert_sums(functions: Functions, expected: [usize; 3]) {
    let steps = sixty(functions);
    assert_eq!(steps.each_ref().map(sum), expected, "{steps:#?}");
}

#[test]
fn sixty_resources_with_functions_of_their_own() {
    assert_sums(Functions::Own, [127, 94, 124]);
}

#[test]
fn sixty_resources_of_one_function() {
    assert_sums(Functions::One, [69, 35, 65]);
}

#[test]
fn sixty_resources_that_define_functions() {
    assert_sums(Functions::Defined, [248, 154, 183]);
}
