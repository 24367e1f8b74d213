//! Validation of manifests: the table of refused and accepted manifests, checked with `kubectl apply`.
//!
//! The rows are in `refused/`. A row is a spec or a function definition, and overrides the one at the top of its file. A
//! null removes a field. A refusal is written like the errors of the Rust
//! validation, `<field>: <message>`; the API server inserts the refused value between the two. The unit tests of the
//! API check the same rows with the Rust validation.
//!
//! Each answer of the API server is also compared with `check_manifest`, which checks a manifest without a cluster, and
//! with `lambda-triggers plan --offline`.

use std::collections::BTreeMap;
use std::fmt::Write;

use lambda_triggers_core::api::{CheckedManifest, check_manifest};
use lambda_triggers_tests::env::{self, TestEnv};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::objects::OWNER;

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
        let mut answers = vec![];
        for row in &self.rows {
            let manifest = self.manifest(row);
            let answer = match row.refused.as_slice() {
                [] => check_accepted(env, &manifest).await.map(|()| String::new()),
                refused => check_refused(env, &manifest, refused).await,
            };
            match answer {
                Ok(answer) => answers.push((manifest, answer)),
                Err(found) => {
                    let (name, refused) = (&row.name, &row.refused);
                    let _ = writeln!(differences, "{name}: {refused:?} was expected, but: {found}");
                }
            }
        }
        assert!(differences.is_empty(), "{differences}");
        assert_planned(env, &answers).await;
    }
}

fn override_fields(defaults: &Map<String, Value>, fields: &Map<String, Value>) -> Map<String, Value> {
    defaults.clone().into_iter().chain(fields.clone()).collect()
}

/// Compares the object of the API server with the object of `check_manifest`.
async fn check_accepted(env: &TestEnv, manifest: &Value) -> Result<(), String> {
    let args = ["apply", "--dry-run=server", "--output", "json", "--filename", "-"];
    let output = env.kubectl(&args, &manifest.to_string()).await;
    if !output.success {
        return Err(output.stderr);
    }
    let stored: Value = serde_json::from_str(&output.stdout).unwrap();
    let CheckedManifest { object } =
        check_manifest(manifest.clone()).map_err(|errors| format!("offline: {errors}"))?;
    let fields = |object: &Value| (object["spec"].clone(), object["status"].clone());
    let (online, offline) = (fields(&stored), fields(&object));
    if online == offline { Ok(()) } else { Err(format!("{online:?}, and offline: {offline:?}")) }
}

/// Returns the answer of the API server.
async fn check_refused(env: &TestEnv, manifest: &Value, refused: &[String]) -> Result<String, String> {
    let answer = env.refused(&manifest.to_string()).await;
    compare_with_offline(manifest.clone(), &answer)?;
    let mut lines = error_lines(&answer);
    // The tables hold the errors of the rules. The API server adds this error for lists of type `set`.
    lines.retain(|line| !line.contains(": Duplicate value: "));
    for refusal in refused {
        let Some(found) = lines.iter().position(|line| matches_refusal(line, refusal)) else {
            return Err(answer.clone());
        };
        lines.remove(found);
    }
    if lines.is_empty() { Ok(answer) } else { Err(answer) }
}

/// Plans the manifests without AWS, and compares each refusal with the answer of the API server. An accepted manifest
/// has an empty answer.
async fn assert_planned(env: &TestEnv, answers: &[(Value, String)]) {
    // The plan refuses a second resource of the same name.
    let named = answers.iter().enumerate().map(|(index, (manifest, answer))| {
        let mut manifest = manifest.clone();
        if answer.is_empty() {
            manifest["metadata"]["name"] = format!("x{index}").into();
        }
        // JSON permits this character, and YAML wants its escape.
        format!("{manifest}\n---\n").replace('\u{fffe}', "\\ufffe")
    });
    let path = env.directory().join("manifests.yaml");
    std::fs::write(&path, named.collect::<String>()).unwrap();
    let path = path.display().to_string();
    let flags = ["--filename", &path, "--owner-id", OWNER, "--namespace", env.namespace()];
    // The API server permits the names of old buckets, which are in us-east-1, for a resource without a Region.
    let region = ["--region", "us-east-1"];
    let command = [&["plan", "--offline", "--output", "json"], &flags[..], &region].concat();
    let plan: Value = serde_json::from_str(&env.lambda_triggers(&command, &[]).await.stdout).unwrap();
    let mut planned: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for resource in plan["resources"].as_array().unwrap() {
        let line = usize::try_from(resource["source"]["line"].as_u64().unwrap()).unwrap();
        let problems = resource["problems"].as_array().cloned().unwrap_or_default();
        let refusals = problems.iter().filter(|problem| problem["reason"] == "InvalidSpec");
        let messages: Vec<&str> = refusals.map(|problem| problem["message"].as_str().unwrap()).collect();
        let text = messages.join("\n").replace("strict decoding error: ", "");
        planned.insert((line - 1) / 2, error_lines(&text));
    }
    let expected: BTreeMap<usize, Vec<String>> =
        answers.iter().map(|(_, answer)| error_lines(answer)).enumerate().collect();
    assert_eq!(planned, expected);
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
        let (mut differences, mut answers) = (String::new(), vec![]);
        for fields in manifests {
            let mut manifest =
                json!({"apiVersion": "lambda-triggers.dev/v1alpha1", "metadata": {"name": "x"}});
            manifest.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let answer = env.refused(&manifest.to_string()).await;
            if let Err(found) = compare_with_offline(manifest.clone(), &answer) {
                let _ = writeln!(differences, "{found}");
            }
            answers.push((manifest, answer));
        }
        assert!(differences.is_empty(), "{differences}");
        assert_planned(&env, &answers).await;
    });
}
