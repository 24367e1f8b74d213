//! Validation of manifests: the table of refused and accepted manifests, checked with `kubectl apply`.
//!
//! The rows are in `refused/`. A row is a spec that overrides the defaults of its file, or a function definition that
//! overrides the definition of its file; a null removes a field. A refusal is written like the errors of the Rust
//! validation, `<field>: <message>`; the API server inserts the refused value between the two. The unit tests of the
//! API check the same rows with the Rust validation.

use std::fmt::Write;

use lambda_triggers_tests::env::{self, TestEnv};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Table {
    kind: String,
    defaults: Map<String, Value>,
    #[serde(default)]
    definition: Map<String, Value>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    #[serde(default)]
    spec: Map<String, Value>,
    definition: Option<Map<String, Value>>,
    #[serde(default)]
    refused: Vec<String>,
}

impl Table {
    fn read(yaml: &str) -> Self {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn manifest(&self, row: &Row) -> String {
        let definition = row.definition.as_ref().map(|fields| {
            let mut definition = override_fields(&self.definition, fields);
            definition.retain(|_, value| !value.is_null());
            ("function".to_owned(), json!({"definition": definition}))
        });
        let spec: Map<String, Value> =
            override_fields(&self.defaults, &row.spec).into_iter().chain(definition).collect();
        json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1",
            "kind": self.kind,
            "metadata": {"name": "x"},
            "spec": spec,
        })
        .to_string()
    }

    /// Applies each row, and reports all differences to the table at the end.
    async fn assert_rows(&self, env: &TestEnv) {
        let mut differences = String::new();
        for row in &self.rows {
            let manifest = self.manifest(row);
            let answer = match row.refused.as_slice() {
                [] => check_accepted(env, &manifest).await,
                refused => check_refused(refused, &env.refused(&manifest).await),
            };
            if let Err(found) = answer {
                let _ = writeln!(differences, "{}: {:?} was expected, but: {found}", row.name, row.refused);
            }
        }
        assert!(differences.is_empty(), "{differences}");
    }
}

fn override_fields(defaults: &Map<String, Value>, fields: &Map<String, Value>) -> Map<String, Value> {
    defaults.clone().into_iter().chain(fields.clone()).collect()
}

async fn check_accepted(env: &TestEnv, manifest: &str) -> Result<(), String> {
    let output = env.kubectl(&["apply", "--dry-run=server", "--filename", "-"], manifest).await;
    if output.success { Ok(()) } else { Err(output.stderr) }
}

fn check_refused(refused: &[String], answer: &str) -> Result<(), String> {
    let mut lines: Vec<&str> = error_lines(answer);
    for refusal in refused {
        let Some(found) = lines.iter().position(|line| matches_refusal(line, refusal)) else {
            return Err(answer.to_owned());
        };
        lines.remove(found);
    }
    if lines.is_empty() { Ok(()) } else { Err(answer.to_owned()) }
}

/// The errors in the answer of kubectl. After `The ... "x" is invalid:`, a single error follows on the same line, and
/// several errors follow on lines that begin with `*`. The function skips `Duplicate value`: the API server adds this
/// error for lists of type `set`, and the tables hold the errors of the rules.
fn error_lines(answer: &str) -> Vec<&str> {
    let errors = answer.split_once(" is invalid: ").map_or(answer, |(_, errors)| errors);
    errors
        .lines()
        .map(|line| line.strip_prefix("* ").unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.contains("some validation rules were not checked"))
        .filter(|line| !line.contains(": Duplicate value: "))
        .collect()
}

/// True if the line is `<field>: Invalid value: ...: <message>` for the refusal `<field>: <message>`, or ends with the
/// refusal.
fn matches_refusal(line: &str, refusal: &str) -> bool {
    let same_field = |(field, message): (&str, &str)| {
        line.starts_with(&format!("{field}: ")) && line.ends_with(&format!(": {message}"))
    };
    line.ends_with(&format!(": {refusal}"))
        || refusal.split_once(": ").is_some_and(same_field)
        || line == refusal
}

#[test]
fn invalid_schedules_are_refused_with_the_remedy() {
    env::test("refused-schedules", async |env| {
        Table::read(include_str!("refused/schedules.yaml")).assert_rows(&env).await;
    });
}

#[test]
fn valid_schedules_are_accepted() {
    env::test("accepted-schedules", async |env| {
        Table::read(include_str!("refused/accepted_schedules.yaml")).assert_rows(&env).await;
    });
}

#[test]
fn fields_of_eventbridge_scheduler_are_refused_with_the_remedy() {
    env::test("refused-scheduler", async |env| {
        Table::read(include_str!("refused/scheduler.yaml")).assert_rows(&env).await;
    });
}

#[test]
fn invalid_scheduled_functions_are_refused_with_the_remedy() {
    env::test("refused-scheduled", async |env| {
        Table::read(include_str!("refused/scheduled_functions.yaml")).assert_rows(&env).await;
    });
}

#[test]
fn invalid_s3_triggered_functions_are_refused_with_the_remedy() {
    env::test("refused-s3", async |env| {
        Table::read(include_str!("refused/s3_triggered_functions.yaml")).assert_rows(&env).await;
    });
}

#[test]
fn invalid_definitions_are_refused_with_the_remedy() {
    env::test("refused-definitions", async |env| {
        Table::read(include_str!("refused/definitions.yaml")).assert_rows(&env).await;
    });
}
