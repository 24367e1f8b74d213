//! Validation of manifests: the table of refused and accepted manifests, checked with `kubectl apply`.
//!
//! The rows are in `refused/`. A row is a spec that overrides the defaults of its file, or a function definition that
//! overrides the definition of its file; a null removes a field. A refusal is written like the errors of the Rust
//! validation, `<field>: <message>`; the API server inserts the refused value between the two. The unit tests of the
//! API check the same rows with the Rust validation.
//!
//! Each answer of the API server is also compared with `check_manifest`, which checks a manifest without a cluster.

use std::fmt::Write;

use lambda_triggers_core::api::{CheckedManifest, check_manifest};
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

    fn manifest(&self, row: &Row) -> Value {
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
    }

    /// Applies each row, and reports all differences to the table at the end.
    async fn assert_rows(&self, env: &TestEnv) {
        let mut differences = String::new();
        for row in &self.rows {
            let manifest = self.manifest(row);
            let answer = match row.refused.as_slice() {
                [] => check_accepted(env, manifest).await,
                refused => check_refused(env, manifest, refused).await,
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

/// Compares the object of the API server with the object of `check_manifest`.
async fn check_accepted(env: &TestEnv, manifest: Value) -> Result<(), String> {
    let args = ["apply", "--dry-run=server", "--output", "json", "--filename", "-"];
    let output = env.kubectl(&args, &manifest.to_string()).await;
    if !output.success {
        return Err(output.stderr);
    }
    let stored: Value = serde_json::from_str(&output.stdout).unwrap();
    let CheckedManifest { object } =
        check_manifest(manifest).map_err(|errors| format!("offline: {errors}"))?;
    let fields = |object: &Value| (object["spec"].clone(), object["status"].clone());
    let (online, offline) = (fields(&stored), fields(&object));
    if online == offline { Ok(()) } else { Err(format!("{online:?}, and offline: {offline:?}")) }
}

async fn check_refused(env: &TestEnv, manifest: Value, refused: &[String]) -> Result<(), String> {
    let answer = env.refused(&manifest.to_string()).await;
    compare_with_offline(manifest, &answer)?;
    let mut lines = error_lines(&answer);
    // The tables hold the errors of the rules. The API server adds this error for lists of type `set`.
    lines.retain(|line| !line.contains(": Duplicate value: "));
    for refusal in refused {
        let Some(found) = lines.iter().position(|line| matches_refusal(line, refusal)) else {
            return Err(answer.clone());
        };
        lines.remove(found);
    }
    if lines.is_empty() { Ok(()) } else { Err(answer) }
}

fn compare_with_offline(manifest: Value, answer: &str) -> Result<(), String> {
    let offline = check_manifest(manifest).map_or_else(|errors| errors.to_string(), |_| "accepted".into());
    let is_same = error_lines(answer) == error_lines(&offline);
    if is_same { Ok(()) } else { Err(format!("{answer}, and offline: {offline}")) }
}

/// The errors in an answer of kubectl or of `check_manifest`, sorted. After `The ... "x" is invalid:`, a single error
/// follows on the same line, and several errors follow on lines that begin with `*`.
///
/// The function removes what `check_manifest` writes in another way on purpose:
///
/// - kubectl's words around the API server's answer, and `<nil>` for the path of the whole object
/// - the error that rules were not checked
/// - the suggestion of `check_manifest` for an unknown field
/// - the value of `inputJson`, which may hold secrets
fn error_lines(answer: &str) -> Vec<String> {
    let of_decoding = answer.split_once("strict decoding error: ").map(|(_, errors)| errors.split(", "));
    let errors = answer.split_once(" is invalid: ").map_or(answer, |(_, errors)| errors);
    let mut lines: Vec<String> = of_decoding
        .map_or_else(|| errors.lines().collect::<Vec<_>>(), Iterator::collect)
        .into_iter()
        .map(|line| line.strip_prefix("* ").unwrap_or(line))
        .map(|line| line.strip_prefix("<nil>: ").unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.contains("some validation rules were not checked"))
        .map(|line| line.split_once(" (did you mean ").map_or(line, |(line, _)| line))
        .map(|line| match line.split_once("write JSON") {
            Some((_, message)) => format!("spec.inputJson: Invalid value: write JSON{message}"),
            None => line.to_owned(),
        })
        .collect();
    lines.sort();
    lines
}

/// True if the line is `<field>: Invalid value: ...: <message>` for the refusal `<field>: <message>`, or is the refusal
/// without kubectl's words.
fn matches_refusal(line: &str, refusal: &str) -> bool {
    let same_field = |(field, message): (&str, &str)| {
        line.starts_with(&format!("{field}: ")) && line.ends_with(&format!(": {message}"))
    };
    refusal.ends_with(line) || refusal.split_once(": ").is_some_and(same_field)
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

#[test]
fn other_refused_manifests_have_the_same_answer_without_a_cluster() {
    env::test("refused-manifests", async |env| {
        let manifests: Vec<Value> = serde_saphyr::from_str(include_str!("refused/manifests.yaml")).unwrap();
        let mut differences = String::new();
        for fields in manifests {
            let mut manifest =
                json!({"apiVersion": "lambda-triggers.dev/v1alpha1", "metadata": {"name": "x"}});
            manifest.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let answer = env.refused(&manifest.to_string()).await;
            if let Err(found) = compare_with_offline(manifest, &answer) {
                let _ = writeln!(differences, "{found}");
            }
        }
        assert!(differences.is_empty(), "{differences}");
    });
}
