//! Runs the tables of refused and accepted manifests against the checks in Rust, and against the CRDs' rules without
//! an API server. The end-to-end tests run the same tables against a real API server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use kube::core::cel::{CompiledSchema, ValidationErrors, compile_schema, validate_compiled};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::*;

const TABLES: [&str; 6] = [
    include_str!("../../../../../tests/e2e/refused/accepted_schedules.yaml"),
    include_str!("../../../../../tests/e2e/refused/definitions.yaml"),
    include_str!("../../../../../tests/e2e/refused/s3_triggered_functions.yaml"),
    include_str!("../../../../../tests/e2e/refused/scheduled_functions.yaml"),
    include_str!("../../../../../tests/e2e/refused/scheduler.yaml"),
    include_str!("../../../../../tests/e2e/refused/schedules.yaml"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: String,
    defaults: Map<String, Value>,
    #[serde(default)]
    definition: Map<String, Value>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    spec: Map<String, Value>,
    definition: Option<Map<String, Value>>,
    #[serde(default)]
    refused: Vec<String>,
    /// True if only a real API server can refuse the row.
    #[serde(default)]
    only_by_api_server: bool,
    parses: Option<bool>,
    becomes: Option<String>,
    when: Option<String>,
}

/// The result of the parser, of the Rust checks and of the CEL rules for a spec.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    parses: bool,
    refused: Vec<String>,
    /// Errors of the CEL rules, sorted.
    cel_errors: Vec<String>,
    becomes: Option<String>,
    when: Option<String>,
}

/// The compiled schemas of the CRDs. The compilation takes longer than a validation.
static SCHEMAS: LazyLock<[CompiledSchema; 2]> = LazyLock::new(|| {
    [0, 1].map(|i| {
        let schema = crds()[i].spec.versions[0].schema.clone().unwrap().open_api_v3_schema;
        compile_schema(&serde_json::to_value(schema).unwrap())
    })
});

fn verdict(kind: &str, spec: Value) -> Verdict {
    match kind {
        "ScheduledFunction" => serde_json::from_value(spec).map(scheduled_function).unwrap_or_default(),
        _ => serde_json::from_value(spec).map(s3_triggered_function).unwrap_or_default(),
    }
}

fn scheduled_function(spec: ScheduledFunctionSpec) -> Verdict {
    let schedule = spec.to_schedule().ok();
    Verdict {
        parses: true,
        refused: in_order(spec.check().iter().map(ToString::to_string)),
        cel_errors: cel_errors(&SCHEMAS[0], &spec),
        becomes: schedule.as_ref().map(|schedule| schedule.expression.to_string()),
        when: schedule.as_ref().map(Schedule::in_words),
    }
}

fn s3_triggered_function(spec: S3TriggeredFunctionSpec) -> Verdict {
    Verdict {
        parses: true,
        refused: in_order(spec.check().iter().map(ToString::to_string)),
        cel_errors: cel_errors(&SCHEMAS[1], &spec),
        ..Verdict::default()
    }
}

fn cel_errors(schema: &CompiledSchema, spec: &impl Serialize) -> Vec<String> {
    let errors = validate_compiled(schema, &serde_json::json!({"spec": spec}), None)
        .err()
        .into_iter()
        .flat_map(ValidationErrors::into_vec);
    in_order(errors.map(|error| format!("{}: {}", error.field_path, error.message)))
}

fn in_order(messages: impl Iterator<Item = String>) -> Vec<String> {
    let mut messages: Vec<String> = messages.collect();
    messages.sort();
    messages
}

/// True for an error of the schema. The CEL rules do not report such errors.
fn is_schema_error(refusal: &str) -> bool {
    [": Too long: ", ": Too many: ", ": Unsupported value: ", " in body should be "]
        .iter()
        .any(|words| refusal.contains(words))
}

#[test]
fn rust_and_cel_give_each_row_its_verdict() {
    for table in TABLES {
        let Table { kind, defaults, definition, rows } = serde_saphyr::from_str(table).unwrap();
        for row in rows {
            let function = row.definition.map(|fields| {
                let mut definition: Map<_, _> = definition.clone().into_iter().chain(fields).collect();
                definition.retain(|_, value| !value.is_null());
                ("function".to_owned(), serde_json::json!({"definition": definition}))
            });
            let spec = defaults.clone().into_iter().chain(row.spec).chain(function).collect();
            let found = verdict(&kind, Value::Object(spec));
            let parses = row.parses.unwrap_or(true);
            let refused =
                if parses && !row.only_by_api_server { in_order(row.refused.into_iter()) } else { vec![] };
            let (of_the_schema, of_cel): (Vec<_>, Vec<_>) =
                refused.iter().cloned().partition(|refusal| is_schema_error(refusal));
            let expected = Verdict {
                parses,
                // The API server does not evaluate the rules of a value that the schema refuses.
                cel_errors: if of_the_schema.is_empty() { of_cel } else { found.cel_errors.clone() },
                refused,
                becomes: row.becomes.or_else(|| found.becomes.clone()),
                when: row.when.or_else(|| found.when.clone()),
            };
            assert_eq!(found, expected, "{}", row.name);
        }
    }
}

#[test]
fn the_length_of_an_input_is_measured_as_json() {
    let spec = |text: String| ScheduledFunctionSpec {
        function: FunctionRef { name: Some("f".into()), ..FunctionRef::default() },
        schedule: Some("rate(1 hour)".into()),
        input: Some(Value::from(text)),
        ..ScheduledFunctionSpec::default()
    };
    assert_eq!(spec("x".repeat(8190)).check(), []);
    let refusal = "write at most 8192 characters of JSON, the limit of EventBridge: the input has 8193";
    let error = FieldError { field: "spec.input".into(), message: refusal.into() };
    assert_eq!(spec("x".repeat(8191)).check(), [error]);
}

#[test]
fn suffixes_that_overlap_after_encoding_are_refused() {
    let spec = |suffixes: &[&str]| S3TriggeredFunctionSpec {
        function: FunctionRef { name: Some("f".into()), ..FunctionRef::default() },
        bucket: "my-bucket".into(),
        events: vec!["s3:ObjectCreated:*".into()],
        filters: suffixes
            .iter()
            .map(|suffix| KeyFilter { suffix: Some((*suffix).into()), ..KeyFilter::default() })
            .collect(),
        ..S3TriggeredFunctionSpec::default()
    };
    let refusal = "write filters that do not overlap after percent-encoding, which is how S3 compares filters: the suffix =.csv becomes %3D.csv, which ends with D.csv";
    let error = FieldError { field: "spec.filters".into(), message: refusal.into() };
    assert_eq!(spec(&["=.csv", "D.csv"]).check(), [error]);
    assert_eq!(spec(&["=.csv", "E.csv"]).check(), []);
}

#[test]
fn input_json_is_parsed_completely() {
    let errors = |text: &str| {
        let spec = ScheduledFunctionSpec {
            function: FunctionRef { name: Some("f".into()), ..FunctionRef::default() },
            schedule: Some("rate(1 hour)".into()),
            input_json: Some(text.into()),
            ..ScheduledFunctionSpec::default()
        };
        spec.check().len()
    };
    for text in ["{}", " {\"a\": null}\n", "[1.0, -2e3]", "\"a\"", "-1", "true", "false", "null"] {
        assert_eq!(errors(text), 0, "{text}");
    }
    // CEL checks only the beginning and the end of the text.
    for text in ["{'a': 1}", "{a: 1}", "{\"a\": }", "[1,]", "{} {}", "1,5", "\"a\"b\""] {
        assert_eq!(errors(text), 1, "{text}");
    }
}

/// Only the Rust check covers `input`, since CEL cannot see a value without a schema.
#[test]
fn input_beside_input_json_is_refused() {
    let spec = ScheduledFunctionSpec {
        function: FunctionRef { name: Some("f".into()), ..FunctionRef::default() },
        schedule: Some("rate(1 hour)".into()),
        input: Some(serde_json::json!({"a": 1})),
        input_json: Some("{}".into()),
        ..ScheduledFunctionSpec::default()
    };
    let message = "set input or inputJson, not both: input is any JSON value written as YAML, and inputJson is JSON text that is sent unchanged";
    assert_eq!(spec.check(), [FieldError { field: "spec".into(), message: message.into() }]);
}

#[test]
fn the_examples_are_accepted() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut checked = BTreeSet::new();
    for folder in [examples.clone(), examples.join("functions")] {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        for file in files.filter(|file| file.is_file()) {
            let documents: Vec<Value> =
                serde_saphyr::from_multiple(&std::fs::read_to_string(&file).unwrap()).unwrap();
            for document in documents {
                let kind = document["kind"].as_str().unwrap();
                if ["ScheduledFunction", "S3TriggeredFunction"].contains(&kind) {
                    let found = verdict(kind, document["spec"].clone());
                    assert_eq!(
                        (found.parses, found.refused, found.cel_errors),
                        (true, vec![], vec![]),
                        "{file:?}"
                    );
                    checked.insert(document["metadata"]["name"].as_str().unwrap().to_owned());
                }
            }
        }
    }
    let examples = [
        "evening-report",
        "every-minute",
        "heartbeat",
        "list-documents",
        "make-previews",
        "make-thumbnail",
        "migration",
        "monthly-invoices",
        "working-day",
    ];
    assert_eq!(checked, examples.map(str::to_owned).into());
}

#[test]
fn every_time_zone_is_accepted() {
    for name in jiff::tz::TimeZoneDatabase::bundled().available() {
        let spec = ScheduledFunctionSpec {
            function: FunctionRef { name: Some("f".into()), ..FunctionRef::default() },
            schedule: Some("0 18 * * *".into()),
            time_zone: Some(name.to_string()),
            ..ScheduledFunctionSpec::default()
        };
        assert_eq!(spec.check(), [], "{name}");
    }
}

fn with_definition(
    code: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
) -> ScheduledFunctionSpec {
    let definition = FunctionDefinition {
        runtime: Some("python3.13".into()),
        handler: Some("app.handler".into()),
        role_arn: "arn:aws:iam::123456789012:role/my-function".into(),
        code: Code { inline: Some(code), ..Code::default() },
        memory_size_mb: 128,
        timeout_seconds: 60,
        ephemeral_storage_mb: 512,
        environment,
        ..FunctionDefinition::default()
    };
    ScheduledFunctionSpec {
        function: FunctionRef { definition: Some(definition), ..FunctionRef::default() },
        schedule: Some("rate(1 hour)".into()),
        ..ScheduledFunctionSpec::default()
    }
}

fn single_entry(name: &str, text: String) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), text)])
}

#[test]
fn inline_files_share_one_size_limit() {
    let verdict_on = |text: String| {
        let files = [single_entry("app.py", text), single_entry("lib.py", "x".into())]
            .into_iter()
            .flatten()
            .collect();
        scheduled_function(with_definition(files, BTreeMap::new()))
    };
    let refusal = "spec.function.definition.code.inline: write at most 1 MiB of text in all, and put more into an archive in S3 or into an image".to_owned();
    let (fits, exceeds) = (verdict_on("x".repeat(1_048_575)), verdict_on("x".repeat(1_048_576)));
    assert_eq!((fits.refused, fits.cel_errors), (vec![], vec![]));
    assert_eq!((exceeds.refused, exceeds.cel_errors), (vec![refusal.clone()], vec![refusal]));
}

#[test]
fn the_size_of_the_environment_is_measured_as_json() {
    let errors = |value: String| {
        with_definition(single_entry("app.py", String::new()), single_entry("TABLE", value)).check()
    };
    let refusal = "write at most 4096 bytes of variables in all, measured as JSON, and keep more in Parameter Store or in S3";
    let error = FieldError { field: "spec.function.definition.environment".into(), message: refusal.into() };
    // {"TABLE":"..."} adds twelve characters to the value. A quote has two characters as JSON, and an umlaut two bytes.
    assert_eq!(errors("x".repeat(4084)), []);
    for value in ["x".repeat(4085), "\"".repeat(2043), "ü".repeat(2043)] {
        assert_eq!(errors(value), std::slice::from_ref(&error));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Compares the grammar in CEL with the grammar in Rust.
    #[test]
    fn cel_and_rust_refuse_the_same_schedules(
        fields in prop::collection::vec("[*?L]|[0-9]{1,2}|[0-9]{1,2}[-/#][0-9]{1,2}|[0-9*/,LW-]{1,5}|(MON|sat|JAN|dec)(-SUN|-Wed|-JUL|#2|L)?", 5..7),
        year in "\\*|20[0-9]{2}(-20[0-9]{2}|/[0-9]{1,3})?",
    ) {
        let fields = fields.join(" ");
        for schedule in [fields.clone(), format!("cron({fields})"), format!("cron({fields} {year})")] {
            let spec = serde_json::json!({"function": {"name": "f"}, "schedule": schedule});
            let found = verdict("ScheduledFunction", spec);
            prop_assert_eq!(found.refused.is_empty(), found.cel_errors.is_empty(), "{}: {:?}", schedule, found);
        }
    }

    /// Compares the rules on dates and on the form of a time zone's name, with strings that are nearly valid. The CEL
    /// of the test knows no time zones, so only the form decides.
    #[test]
    fn cel_and_rust_refuse_the_same_dates_and_names_of_time_zones(
        year in "(19[67]|20[0-3]|21[09]|220)[0-9]", month in "0[0-9]|1[0-3]", day in "[0-3][0-9]", time in "[0-2][0-9](:[0-6][05]){1,2}",
        end in "[)]|Z[)]|", zone in "[A-Za-z+]{0,2}(/?[A-Za-z0-9_+-]{0,2}){0,2}|Loca[a-z]",
    ) {
        let spec = serde_json::json!({
            "function": {"name": "f"}, "schedule": format!("at({year}-{month}-{day}T{time}{end}"), "timeZone": zone,
        });
        let found = verdict("ScheduledFunction", spec.clone());
        prop_assert_eq!(found.refused, found.cel_errors, "{}", spec);
    }

    /// Compares the checks of a definition in CEL and in Rust, with strings that are nearly valid.
    #[test]
    fn cel_and_rust_refuse_the_same_definitions(
        uri in "[0-9]{12,13}[.]dkr[.]ecr[.]eu-west-1[.]amazonaws[.](com|de)/[a-zA-Z]?[a-z._/-]{1,3}(:[a-z.-]{0,2})?(@sha256:[0-9a-f]{64})?",
        account in "[0-9]{11,13}",
        name in "[a-z0-9@:/. ]{0,4}",
        file in "[a./\\\\\t ]{0,5}",
        family in "nodejs|python|ruby|provided|java|dotnet|go",
        handler in "[a./]{1,5}",
        end in "|[.](js|mjs|cjs|py|rb|ts)|/index[.]js|/__init__[.]py",
    ) {
        let arn = |service, resource| format!("arn:aws:{service}:eu-west-1:{account}:{resource}{name}");
        let role = format!("arn:aws:iam::{account}:role/{name}");
        let of_image = serde_json::json!({"roleArn": role, "code": {"image": {"uri": uri}}});
        let of_files = serde_json::json!({
            "roleArn": role, "code": {"inline": {file.clone(): ""}}, "runtime": format!("nodejs{name}"), "handler": name,
        });
        let of_handler = serde_json::json!({
            "roleArn": role, "code": {"inline": {format!("a{end}"): "", file: ""}}, "runtime": family, "handler": handler,
        });
        let of_map = serde_json::json!({
            "roleArn": role, "code": {"configMap": {"name": name}}, "runtime": "python3.13", "handler": "app.handler",
            "layers": [arn("lambda", "layer:l:")], "deadLetterQueueArn": arn("sns", "q"), "kmsKeyArn": arn("kms", "key/"),
            "functionName": name, "logging": {"logGroup": name}, "environment": {name.clone(): ""},
            "vpc": {"subnetIds": [format!("subnet-{name}")], "securityGroupIds": [format!("sg-{name}")]},
        });
        for definition in [of_image, of_files, of_handler, of_map] {
            let spec = serde_json::json!({"function": {"definition": definition}, "schedule": "rate(1 hour)"});
            let found = verdict("ScheduledFunction", spec.clone());
            prop_assert!(found.parses);
            prop_assert_eq!(found.refused, found.cel_errors, "{}", spec);
        }
    }
}
