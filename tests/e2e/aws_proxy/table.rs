//! Tables of requests to the AWS proxy and its answers. A row is a name and steps, and has an account of its own. The
//! steps of `setup` run before the steps of each row.
//!
//! A step names an operation and its members, as AWS names them. `defaults.yaml` and the `defaults` of the table add
//! members, and a null removes a member. The operation `proxy` is a [`Control`]. A step may also have:
//! - `refused`: status, code and message of the refusal. A step without this field must succeed.
//! - `answer`: members of the answer. Each named member must have exactly this value; a null means no such member. A
//!   variable in place of the members is the whole answer.
//! - `differs`: members of the answer that must have another value.
//! - `as`: the variable that keeps the answer for later steps.
//! - `by` and `region`: the caller's access key and Region, in place of `$account` and eu-west-1.
//! - `repeat`: how often the step runs.
//! - `eventually`: the step runs until it has its answer, for at most 20 seconds.
//! - `no_answer`: the connection closes, or half a second passes without an answer.
//!
//! A text may contain `$variable`, `$variable.member`, and `${x*65}` for 65 times x. A list may contain
//! `{repeat: 3, of: ..}`. These variables exist at the start:
//! - `$account` and `$other`: the caller's account and another account
//! - `$bucket`, `$function` and `$scratch`: names for a bucket, a function and files, free at the start
//! - `$app`: the ARN of the function
//! - `$number`: the number of the repetition, from 000
//! - `$one` and `$two`: archives of functions that return this word
//! - `$recorder`: the archive of a function that appends events to the file `OUT`. For the event `"count"`, the function
//!   returns the number of events.
//! - `$LATEST`: the same text

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use lambda_triggers_tests::aws_proxy::{AwsProxy, Pace};
use lambda_triggers_tests::env;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::REGION;
use super::control::Control;
use super::request::{Answer, send};
use super::variables::Variables;

/// Rows that run at the same time.
const PARALLEL_ROWS: usize = 8;

/// The longest wait for an answer of a step with `eventually`.
const EVENTUALLY: Duration = Duration::from_secs(20);

/// The wait for an answer of a step with `no_answer`.
const NO_ANSWER: Duration = Duration::from_millis(500);

/// Members of the requests of each operation, and of each `Entry` of a notification configuration.
pub type Defaults = BTreeMap<String, Map<String, Value>>;

static DEFAULTS: LazyLock<Defaults> =
    LazyLock::new(|| serde_saphyr::from_str(include_str!("defaults.yaml")).unwrap());

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    setup: Vec<Value>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    steps: Vec<Value>,
}

#[derive(Deserialize)]
struct Step {
    refused: Option<String>,
    answer: Option<Value>,
    #[serde(default)]
    differs: Map<String, Value>,
    r#as: Option<String>,
    by: Option<String>,
    region: Option<String>,
    repeat: Option<usize>,
    #[serde(default)]
    eventually: bool,
    #[serde(default)]
    no_answer: bool,
    #[serde(flatten)]
    operation: BTreeMap<String, Value>,
}

/// Runs all rows of a table, and reports all differences at the end.
pub fn assert_rows(yaml: &str) {
    let table: Value = serde_saphyr::from_str(yaml).unwrap();
    let table: Table = serde_json::from_value(table).unwrap();
    let differences: Vec<String> = env::block_on(
        stream::iter(&table.rows)
            .map(|row| table.run(row))
            .buffered(PARALLEL_ROWS)
            .filter_map(async |result| result.err())
            .collect(),
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

impl Table {
    async fn run(&self, row: &Row) -> Result<(), String> {
        let mut runner = Runner::new(&self.defaults).await;
        for (index, step) in self.setup.iter().chain(&row.steps).enumerate() {
            let result = runner.run_step(step).await;
            result.map_err(|why| format!("{}, step {} {step}: {why}", row.name, index + 1))?;
        }
        Ok(())
    }
}

/// The state of one row.
pub struct Runner {
    pub proxy: &'static AwsProxy,
    pub account: String,
    defaults: Defaults,
    pub variables: Variables,
}

impl Runner {
    /// A runner with new accounts. The defaults replace the shared defaults of an operation.
    pub async fn new(defaults: &Defaults) -> Self {
        let defaults = DEFAULTS.clone().into_iter().chain(defaults.clone()).collect();
        let (proxy, variables) = (env::aws_proxy().await, Variables::new());
        let account = variables.text("$account").unwrap();
        proxy.slow_functions(&account, Pace::Reads(0));
        Self { proxy, account, defaults, variables }
    }

    /// Runs the steps of a list.
    pub async fn run_steps(&mut self, yaml: &str) {
        let steps: Vec<Value> = serde_saphyr::from_str(yaml).unwrap();
        for step in &steps {
            self.run_step(step).await.unwrap_or_else(|why| panic!("{step}: {why}"));
        }
    }

    async fn run_step(&mut self, step: &Value) -> Result<(), String> {
        let step: Step = serde_json::from_value(step.clone()).map_err(|error| error.to_string())?;
        for number in 0..step.repeat.unwrap_or(1) {
            self.variables.count(number);
            let started = Instant::now();
            while let Err(why) = self.run_once(&step).await {
                if !step.eventually || started.elapsed() > EVENTUALLY {
                    return Err(why);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    async fn run_once(&mut self, step: &Step) -> Result<(), String> {
        let caller = self.variables.text(step.by.as_deref().unwrap_or("$account"))?;
        let region = step.region.as_deref().unwrap_or(REGION);
        let Some((operation, members)) =
            step.operation.first_key_value().filter(|_| step.operation.len() == 1)
        else {
            return Err("a step has one operation".to_owned());
        };
        if operation == "proxy" {
            return Control::parse(&self.variables.fill(members)?)?.apply(self.proxy, &caller).await;
        }
        let answer = self.request((&caller, region), operation, members);
        if step.no_answer {
            return match tokio::time::timeout(NO_ANSWER, answer).await {
                Ok(Ok(Some(_))) => Err("an answer came".to_owned()),
                Ok(Err(why)) => Err(why),
                _ => Ok(()),
            };
        }
        let answer = answer.await?.ok_or_else(|| "the connection closed".to_owned())?;
        self.check(step, &answer)?;
        if let Some(name) = &step.r#as {
            self.variables.insert(name, answer.value);
        }
        Ok(())
    }

    /// Sends a request with the defaults of its operation; `None` if the connection closes.
    pub async fn request(
        &self,
        (access_key, region): (&str, &str),
        operation: &str,
        members: &Value,
    ) -> Result<Option<Answer>, String> {
        let mut members = self.with_defaults(operation, members)?;
        if let (Some(Value::Array(entries)), "PutBucketNotificationConfiguration") =
            (members.get_mut("Entries"), operation)
        {
            for entry in entries {
                *entry = self.with_defaults("Entry", entry)?.into();
            }
        }
        let names = [
            ("Bucket", self.variables.text("$bucket")?),
            ("FunctionName", self.variables.text("$function")?),
        ];
        let names = names.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Ok(send(self.proxy, (access_key, region), operation, members, names).await)
    }

    fn with_defaults(&self, operation: &str, members: &Value) -> Result<Map<String, Value>, String> {
        let Value::Object(members) = members else { return Err(format!("{members} has no members")) };
        let defaults = self.defaults.get(operation).cloned().unwrap_or_default();
        let members =
            self.variables.fill(&Value::Object(defaults.into_iter().chain(members.clone()).collect()))?;
        Ok(members.as_object().cloned().unwrap_or_default())
    }

    fn check(&self, step: &Step, answer: &Answer) -> Result<(), String> {
        let refused = step.refused.as_deref().map(|refused| self.variables.text(refused)).transpose()?;
        if answer.refusal != refused {
            return Err(format!("the refusal is {:?}", answer.refusal));
        }
        for (name, value) in &step.differs {
            if self.variables.fill(value)? == answer.value[name] {
                return Err(format!("{name} does not differ"));
            }
        }
        let Some(expected) = &step.answer else { return Ok(()) };
        let filled = self.variables.fill(expected)?;
        let Value::Object(members) = expected else {
            return if filled == answer.value {
                Ok(())
            } else {
                Err(format!("the answer is {}", answer.value))
            };
        };
        match members.keys().find(|name| parse_like(&filled[*name], &answer.value[*name]) != filled[*name]) {
            Some(name) => Err(format!("{name} is {}", answer.value[name])),
            None => Ok(()),
        }
    }
}

/// Parses a text as JSON if the expected value is an object: a policy is JSON in a text.
fn parse_like(expected: &Value, found: &Value) -> Value {
    let parsed =
        found.as_str().filter(|_| expected.is_object()).and_then(|text| serde_json::from_str(text).ok());
    parsed.unwrap_or_else(|| found.clone())
}
