//! The table of refused manifests: what `kubectl apply` answers to each, and that the rest is accepted.
//!
//! `refused/` holds the rows, each a spec that is put over its file's defaults, or a definition of a function that is
//! put over its file's definition, where a null takes a field away. A refusal is written as the checks in
//! Rust report it, `<field>: <message>`; the API server puts the refused value between the two. The unit tests of the
//! API hold the same rows against those checks.

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
            let mut definition = over(&self.definition, fields);
            definition.retain(|_, value| !value.is_null());
            ("function".to_owned(), json!({"definition": definition}))
        });
        let spec: Map<String, Value> =
            over(&self.defaults, &row.spec).into_iter().chain(definition).collect();
        json!({
            "apiVersion": "lambda-triggers.dev/v1alpha1",
            "kind": self.kind,
            "metadata": {"name": "x"},
            "spec": spec,
        })
        .to_string()
    }

    /// Applies each row; all that went otherwise than the table says is told at the end.
    async fn holds(&self, env: &TestEnv) {
        let mut wrong = String::new();
        for row in &self.rows {
            let manifest = self.manifest(row);
            let answer = match row.refused.as_slice() {
                [] => accepted(env, &manifest).await,
                refused => compare(refused, &env.refused(&manifest).await),
            };
            if let Err(found) = answer {
                let _ = writeln!(wrong, "{}: {:?} was expected, but: {found}", row.name, row.refused);
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

fn over(defaults: &Map<String, Value>, fields: &Map<String, Value>) -> Map<String, Value> {
    defaults.clone().into_iter().chain(fields.clone()).collect()
}

async fn accepted(env: &TestEnv, manifest: &str) -> Result<(), String> {
    let output = env.kubectl(&["apply", "--dry-run=server", "--filename", "-"], manifest).await;
    if output.success { Ok(()) } else { Err(output.stderr) }
}

fn compare(refused: &[String], answer: &str) -> Result<(), String> {
    let mut lines: Vec<&str> = lines_of(answer);
    for refusal in refused {
        let Some(found) = lines.iter().position(|line| says(line, refusal)) else {
            return Err(answer.to_owned());
        };
        lines.remove(found);
    }
    if lines.is_empty() { Ok(()) } else { Err(answer.to_owned()) }
}

/// What kubectl's answer consists of: after `The ... "x" is invalid:`, one complaint on the same line, or several with
/// a line and a `*` each.
fn lines_of(answer: &str) -> Vec<&str> {
    let complaints = answer.split_once(" is invalid: ").map_or(answer, |(_, complaints)| complaints);
    complaints
        .lines()
        .map(|line| line.strip_prefix("* ").unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.contains("some validation rules were not checked"))
        .collect()
}

/// Whether a line is `<field>: Invalid value: ...: <message>` for a refusal `<field>: <message>`, or ends with it.
fn says(line: &str, refusal: &str) -> bool {
    let same_field = |(field, message): (&str, &str)| {
        line.starts_with(&format!("{field}: ")) && line.ends_with(&format!(": {message}"))
    };
    line.ends_with(&format!(": {refusal}"))
        || refusal.split_once(": ").is_some_and(same_field)
        || line == refusal
}

#[test]
fn each_refused_schedule_is_answered_with_what_to_write() {
    env::test("refused-schedules", async |env| {
        Table::read(include_str!("refused/schedules.yaml")).holds(&env).await;
    });
}

#[test]
fn each_form_of_a_schedule_is_accepted() {
    env::test("accepted-schedules", async |env| {
        Table::read(include_str!("refused/accepted_schedules.yaml")).holds(&env).await;
    });
}

#[test]
fn each_refused_scheduled_function_is_answered_with_what_to_write() {
    env::test("refused-scheduled", async |env| {
        Table::read(include_str!("refused/scheduled_functions.yaml")).holds(&env).await;
    });
}

#[test]
fn each_refused_s3_triggered_function_is_answered_with_what_to_write() {
    env::test("refused-s3", async |env| {
        Table::read(include_str!("refused/s3_triggered_functions.yaml")).holds(&env).await;
    });
}

#[test]
fn each_refused_definition_is_answered_with_what_to_write() {
    env::test("refused-definitions", async |env| {
        Table::read(include_str!("refused/definitions.yaml")).holds(&env).await;
    });
}
