//! A demo of both resources: the manifests of `examples/` on a real API server and a local AWS.
//!
//! With `KEEP=1`, everything keeps running until Ctrl-C, and the demo prints how to connect.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    Event, EventBridgeConfiguration, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, QueueConfiguration,
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use lambda_triggers_core::api::{FunctionRef, S3TriggeredFunction, ScheduledFunction};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_tests::env::{self, Controller, Invocation, TestEnv};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The owner id of the operator.
const OWNER: &str = "de40de40";
/// The time zone of the examples.
const ZONE: &str = "Europe/Berlin";
const KINDS: &str = "scheduledfunctions,s3triggeredfunctions";

fn main() {
    let keep = std::env::var("KEEP").is_ok_and(|keep| !keep.is_empty() && keep != "0");
    println!("Starting a Kubernetes API server and a local AWS ...");
    env::run("demo", async |w| {
        let examples = Examples::read();
        let before = prepare(&w, &examples).await;
        let role = w.scheduler_role(&owner()).await;
        title("The notification configuration of a bucket with foreign entries:");
        show(&before);

        title(
            "lambda-triggers run, and kubectl apply -f examples/, where two manifests define their functions:",
        );
        let mut controller = w.controller(&["--owner-id", OWNER, "--scheduler-role-arn", &role]);
        // The examples name roles of a placeholder account, here replaced with the account of the test environment. The
        // one-time run is due soon.
        let due = Timestamp::now() + SignedDuration::from_secs(20);
        let due = due.in_tz(ZONE).expect("a bundled zone").strftime("at(%FT%T)").to_string();
        let once = examples.once.spec.schedule.as_deref().unwrap_or_default();
        let manifests = Examples::text().replace("000000000000", w.account()).replace(once, &due);
        print!("{}", w.apply(&manifests).await);
        ready(&w).await;
        title("kubectl get scheduledfunctions,s3triggeredfunctions");
        print!("{}", kubectl(&w, &["get", KINDS]).await);
        title("The bucket's notification configuration now:");
        show(&configuration(&w, &examples).await);

        upload(&w, &examples).await;
        if keep {
            play(&w, &controller, &examples).await;
            return;
        }
        run_once(&w, &examples).await;
        fire(&w, &examples).await;
        run_in_zone(&w, &examples).await;

        title("kubectl delete of all six");
        print!(
            "{}",
            w.kubectl(&["delete", "--filename", "-"], &Examples::text()).await.expect("kubectl delete")
        );
        let after = configuration(&w, &examples).await;
        title("The bucket's notification configuration after that:");
        show(&after);
        assert_eq!(sections(&before), sections(&after), "the bucket's configuration is not what it was");
        println!("\nIt is the same as before.");
        controller.stop().await;
    });
}

fn owner() -> OwnerId {
    OwnerId::parse(OWNER).expect("an owner id")
}

/// The manifests of `examples/`. The demo creates the AWS resources that the manifests name.
struct Examples {
    scheduled: ScheduledFunction,
    triggered: S3TriggeredFunction,
    /// In a time zone, by EventBridge Scheduler.
    zoned: ScheduledFunction,
    /// For one run, by EventBridge Scheduler.
    once: ScheduledFunction,
    /// With a function that the operator deploys.
    complete_scheduled: ScheduledFunction,
    /// With a function that the operator deploys, in the same bucket.
    complete_triggered: S3TriggeredFunction,
}

/// Manifests for EventBridge Scheduler.
const SCHEDULER: [&str; 2] = ["scheduled-function-time-zone.yaml", "one-time-run.yaml"];

/// Manifests with a function definition.
const COMPLETE: [&str; 2] =
    ["functions/inline-scheduled-function.yaml", "functions/inline-s3-triggered-function.yaml"];

impl Examples {
    fn folder() -> String {
        format!("{}/../examples", env!("CARGO_MANIFEST_DIR"))
    }

    /// All manifests as a single text.
    fn text() -> String {
        let files = ["scheduled-function.yaml", "s3-triggered-function.yaml"].into_iter();
        let files = files.chain(SCHEDULER).chain(COMPLETE);
        files.map(Self::source).collect::<Vec<_>>().join("\n---\n")
    }

    fn source(file: &str) -> String {
        let path = PathBuf::from(Self::folder()).join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn read() -> Self {
        Self {
            scheduled: Self::manifest("scheduled-function.yaml"),
            triggered: Self::manifest("s3-triggered-function.yaml"),
            zoned: Self::manifest(SCHEDULER[0]),
            once: Self::manifest(SCHEDULER[1]),
            complete_scheduled: Self::manifest(COMPLETE[0]),
            complete_triggered: Self::manifest(COMPLETE[1]),
        }
    }

    fn manifest<T: DeserializeOwned>(file: &str) -> T {
        serde_saphyr::from_str(&Self::source(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn bucket(&self) -> &str {
        &self.triggered.spec.bucket
    }

    fn scheduled_function(&self) -> &str {
        named(&self.scheduled.spec.function)
    }

    fn triggered_function(&self) -> &str {
        named(&self.triggered.spec.function)
    }

    /// The functions that exist before the triggers.
    fn functions(&self) -> BTreeSet<&str> {
        let by_scheduler = [&self.zoned, &self.once].map(|object| named(&object.spec.function));
        by_scheduler.into_iter().chain([self.scheduled_function(), self.triggered_function()]).collect()
    }

    /// A key that matches the first filter.
    fn key(triggered: &S3TriggeredFunction) -> String {
        let filter = triggered.spec.filters.first().cloned().unwrap_or_default();
        format!("{}demo{}", filter.prefix.unwrap_or_default(), filter.suffix.unwrap_or_default())
    }
}

fn named(function: &FunctionRef) -> &str {
    function.name.as_deref().expect("the example names its function")
}

/// Creates the functions and the bucket. The bucket notifies a queue, a function and EventBridge.
async fn prepare(w: &TestEnv, examples: &Examples) -> GetBucketNotificationConfigurationOutput {
    for function in examples.functions() {
        w.function(function).await;
    }
    let bucket = examples.bucket();
    w.create_bucket(bucket).await;

    let theirs = w.function("somebody-elses-function").await;
    w.permit_bucket(&theirs, bucket).await;
    let queue = QueueConfiguration::builder()
        .id("somebody-elses-queue")
        .queue_arn(w.queue("somebody-elses-queue").await)
        .events(Event::S3ObjectRestoreCompleted)
        .build();
    let function = LambdaFunctionConfiguration::builder()
        .id("somebody-elses-function")
        .lambda_function_arn(theirs)
        .events(Event::S3ObjectRemoved)
        .build();
    let configuration = NotificationConfiguration::builder()
        .queue_configurations(queue.expect("queue and events are set"))
        .lambda_function_configurations(function.expect("function and events are set"))
        .event_bridge_configuration(EventBridgeConfiguration::builder().build())
        .build();
    let put = w.s3().put_bucket_notification_configuration().bucket(bucket);
    let put = put.notification_configuration(configuration).send().await;
    put.unwrap_or_else(|error| panic!("writing the configuration of {bucket}: {error:?}"));
    self::configuration(w, examples).await
}

async fn configuration(w: &TestEnv, examples: &Examples) -> GetBucketNotificationConfigurationOutput {
    let get = w.s3().get_bucket_notification_configuration().bucket(examples.bucket()).send().await;
    get.unwrap_or_else(|error| panic!("reading the configuration of {}: {error:?}", examples.bucket()))
}

/// All sections of the configuration, without the metadata of the answer.
fn sections(configuration: &GetBucketNotificationConfigurationOutput) -> impl PartialEq + std::fmt::Debug {
    (
        configuration.queue_configurations(),
        configuration.topic_configurations(),
        configuration.lambda_function_configurations(),
        configuration.event_bridge_configuration(),
    )
}

/// The configuration as readable text, with a line for each entry.
fn facts(configuration: &GetBucketNotificationConfigurationOutput) -> Vec<String> {
    let queues = configuration.queue_configurations().iter();
    let queues = queues.map(|q| entry("queue", q.id(), q.queue_arn(), q.events(), q.filter()));
    let topics = configuration.topic_configurations().iter();
    let topics = topics.map(|t| entry("topic", t.id(), t.topic_arn(), t.events(), t.filter()));
    let functions = configuration.lambda_function_configurations().iter();
    let functions =
        functions.map(|f| entry("function", f.id(), f.lambda_function_arn(), f.events(), f.filter()));
    let event_bridge = configuration.event_bridge_configuration().map(|_| "EventBridge  on".to_owned());
    queues.chain(topics).chain(functions).chain(event_bridge).collect()
}

fn entry(
    kind: &str,
    id: Option<&str>,
    arn: &str,
    events: &[Event],
    filter: Option<&NotificationConfigurationFilter>,
) -> String {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    let events: Vec<&str> = events.iter().map(Event::as_str).collect();
    let rules = filter
        .and_then(NotificationConfigurationFilter::key)
        .map(|key| key.filter_rules())
        .unwrap_or_default();
    let rules = rules.iter().filter_map(|rule| rule.value());
    let filter: Vec<&str> = rules.collect();
    let (events, filter, id) = (events.join(" "), filter.join(" … "), id.unwrap_or("-"));
    format!("{kind:<11}  {name:<24}  {events:<26}  {filter:<16}  Id {id}")
}

fn show(configuration: &GetBucketNotificationConfigurationOutput) {
    for line in facts(configuration) {
        println!("  {line}");
    }
}

async fn ready(w: &TestEnv) {
    let args = ["wait", "--for=condition=Ready", "--timeout=60s", "--all", KINDS];
    progress("waiting for Ready", kubectl(w, &args)).await;
}

async fn upload(w: &TestEnv, examples: &Examples) {
    let key = Examples::key(&examples.triggered);
    title(&format!("Upload {key}; {} is invoked:", examples.triggered_function()));
    put(w, examples, &key).await;
    let function = examples.triggered_function();
    let seen = async || w.invocations(function).into_iter().find(|run| run.event["Records"].is_array());
    let invocation = w.until(Duration::from_secs(60), "an invocation by the upload", seen);
    println!("  {}", summary(&progress("waiting for the invocation", invocation).await));

    let key = Examples::key(&examples.complete_triggered);
    let name = deployed(w, "S3TriggeredFunction", &examples.complete_triggered.name_any()).await;
    title(&format!("Upload {key}; {name}, which the operator deployed, is invoked and prints:"));
    put(w, examples, &key).await;
    println!("  {}", progress("waiting for the invocation", printed(w, &name)).await);
}

async fn put(w: &TestEnv, examples: &Examples, key: &str) {
    let put = w.s3().put_object().bucket(examples.bucket()).key(key).body(ByteStream::from_static(b"demo"));
    put.send().await.unwrap_or_else(|error| panic!("uploading {key}: {error:?}"));
}

/// The name of the function that the operator deployed for an object.
async fn deployed(w: &TestEnv, kind: &str, name: &str) -> String {
    let object = w.object(kind, name).await.unwrap_or_else(|| panic!("{kind} {name} is gone"));
    text(&object["status"]["functionName"]).to_owned()
}

/// The first line that a deployed function prints.
async fn printed(w: &TestEnv, function: &str) -> String {
    let seen = async || w.printed(function).await.into_iter().next();
    w.until(Duration::from_secs(100), "a line that the function prints", seen).await
}

async fn fire(w: &TestEnv, examples: &Examples) {
    let (function, schedule) = (examples.scheduled_function(), &examples.scheduled.spec.schedule);
    title(&format!("{function} is invoked by its schedule, {}:", schedule.as_deref().unwrap_or_default()));
    let seen = async || w.invocations(function).into_iter().find(|run| run.event["Records"].is_null());
    let invocation = w.until(Duration::from_secs(100), "an invocation by the schedule", seen);
    println!("  {}", summary(&progress("waiting for the next full minute of the rule", invocation).await));

    let name = deployed(w, "ScheduledFunction", &examples.complete_scheduled.name_any()).await;
    title(&format!("{name}, which the operator deployed, is also invoked and prints:"));
    println!("  {}", progress("waiting for the invocation", printed(w, &name)).await);
}

/// Waits for the one-time run, and shows that the object is completed.
async fn run_once(w: &TestEnv, examples: &Examples) {
    let function = named(&examples.once.spec.function);
    title(&format!("{function} is invoked once, and its schedule is deleted:"));
    let seen = async || w.invocations(function).into_iter().next();
    let invocation = w.until(Duration::from_secs(60), "the one-time run", seen);
    println!("  {}", progress("waiting for the one-time run", invocation).await.event);
    let name = examples.once.name_any();
    let args = ["wait", "--for=jsonpath={.status.conditions[0].reason}=Completed", "--timeout=60s"];
    kubectl(w, &[&args[..], &["scheduledfunction", &name]].concat()).await;
    print!("{}", kubectl(w, &["get", "scheduledfunction", &name]).await);
}

/// Moves the clock of the local EventBridge Scheduler to the next run in the time zone.
async fn run_in_zone(w: &TestEnv, examples: &Examples) {
    let function = named(&examples.zoned.spec.function);
    let schedule = examples.zoned.spec.to_schedule().expect("the schedule of an example");
    let due = schedule.next_run(Timestamp::now()).expect("the next run of an example");
    let local = due.in_tz(ZONE).expect("a bundled zone");
    title(&format!("It is {} in AWS now, and {function} is invoked:", local.strftime("%A, %H:%M in %Q")));
    let window = SignedDuration::from_mins(schedule.window_minutes.unwrap_or_default().into());
    w.aws_proxy().advance_scheduler(w.account(), due + window).await;
    let seen = async || w.invocations(function).into_iter().next();
    let invocation = w.until(Duration::from_secs(60), "an invocation by the schedule", seen);
    println!("  {}", summary(&progress("waiting for the invocation", invocation).await));
}

/// Keeps everything running until Ctrl-C, and shows each new invocation.
async fn play(w: &TestEnv, controller: &Controller, examples: &Examples) {
    let namespace = ["config", "set-context", "--current", "--namespace", w.namespace()];
    kubectl(w, &namespace).await;
    title("Everything keeps running until Ctrl-C. To try it, in another terminal:");
    let kubectl = w.kubectl_program().parent().filter(|folder| folder.is_absolute());
    let path = kubectl.map(|folder| format!(" PATH={}:$PATH", folder.display())).unwrap_or_default();
    println!("export KUBECONFIG={}{path}", w.kubeconfig().display());
    println!(
        "export AWS_ENDPOINT_URL={} AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY=test AWS_REGION={}",
        w.aws_endpoint(),
        w.account(),
        env::REGION
    );
    if let Some(address) = controller.http_address() {
        println!("curl http://{address}/metrics");
    }
    title("Invocations from now on:");
    let functions = examples.functions();
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        _ = interrupted => {}
        () = follow(w, &functions) => {}
    }
}

async fn follow(w: &TestEnv, functions: &BTreeSet<&str>) {
    let mut shown: Vec<usize> = functions.iter().map(|function| w.invocations(function).len()).collect();
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        for (function, shown) in functions.iter().zip(&mut shown) {
            for invocation in w.invocations(function).split_off(*shown) {
                println!("  {function}: {}", summary(&invocation));
                *shown += 1;
            }
        }
    }
}

/// A readable summary of an event.
fn summary(invocation: &Invocation) -> String {
    let event = &invocation.event;
    let record = &event["Records"][0];
    match (&record["eventName"], &event["detail-type"]) {
        (Value::String(name), _) => {
            format!(
                "{name} {}/{}",
                text(&record["s3"]["bucket"]["name"]),
                text(&record["s3"]["object"]["key"])
            )
        }
        (_, Value::String(kind)) => format!("{kind} at {}", text(&event["time"])),
        _ => event.to_string(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn kubectl(w: &TestEnv, args: &[impl AsRef<str>]) -> String {
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    w.kubectl(&args, "").await.expect(&format!("kubectl {}", args.join(" ")))
}

fn title(text: &str) {
    println!("\n{text}");
}

/// Shows the awaited event and the elapsed seconds on a line that disappears at the end.
async fn progress<T>(what: &str, future: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let terminal = std::io::stdout().is_terminal();
    if !terminal {
        println!("  ({what} ...)");
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut future = std::pin::pin!(future);
    loop {
        tokio::select! {
            value = &mut future => {
                if terminal {
                    print!("\r\x1b[K");
                }
                return value;
            }
            _ = tick.tick() => {
                if terminal {
                    print!("\r\x1b[K  {what} ... {} s", start.elapsed().as_secs());
                    // A closed terminal must not stop the demo.
                    let _ = std::io::stdout().flush();
                }
            }
        }
    }
}
