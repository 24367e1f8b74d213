//! The table of refused and accepted manifests, on the checks in Rust and on the CRDs' rules without an API server.
//!
//! The end-to-end tests hold the same table against a real one.

use std::sync::LazyLock;

use kube::core::cel::{CompiledSchema, ValidationErrors, compile_schema, validate_compiled};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::*;

const TABLES: [&str; 4] = [
    include_str!("../../../../tests/e2e/refused/accepted_schedules.yaml"),
    include_str!("../../../../tests/e2e/refused/s3_triggered_functions.yaml"),
    include_str!("../../../../tests/e2e/refused/scheduled_functions.yaml"),
    include_str!("../../../../tests/e2e/refused/schedules.yaml"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: String,
    defaults: Map<String, Value>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    spec: Map<String, Value>,
    #[serde(default)]
    refused: Vec<String>,
    parses: Option<bool>,
    becomes: Option<String>,
    when: Option<String>,
}

/// What this program makes of a spec.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    parses: bool,
    refused: Vec<String>,
    /// What the rules in CEL say, in order.
    by_rules: Vec<String>,
    becomes: Option<String>,
    when: Option<String>,
}

/// The schemas of the CRDs, made ready once: that takes longer than to ask them.
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
    let expression = spec.expression().ok();
    Verdict {
        parses: true,
        refused: in_order(spec.check().iter().map(ToString::to_string)),
        by_rules: by_rules(&SCHEMAS[0], &spec),
        becomes: expression.as_ref().map(ToString::to_string),
        when: expression.as_ref().map(Expression::in_words),
    }
}

fn s3_triggered_function(spec: S3TriggeredFunctionSpec) -> Verdict {
    Verdict {
        parses: true,
        refused: in_order(spec.check().iter().map(ToString::to_string)),
        by_rules: by_rules(&SCHEMAS[1], &spec),
        ..Verdict::default()
    }
}

fn by_rules(schema: &CompiledSchema, spec: &impl Serialize) -> Vec<String> {
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

/// Whether a refusal comes from the schema, which CEL does not see.
fn is_of_the_schema(refusal: &str) -> bool {
    [": Too long: ", ": Too many: ", ": Unsupported value: ", " in body should be "]
        .iter()
        .any(|words| refusal.contains(words))
}

#[test]
fn each_row_of_the_table_gets_its_verdict() {
    for table in TABLES {
        let Table { kind, defaults, rows } = serde_saphyr::from_str(table).unwrap();
        for row in rows {
            let spec = defaults.clone().into_iter().chain(row.spec).collect();
            let found = verdict(&kind, Value::Object(spec));
            let parses = row.parses.unwrap_or(true);
            let refused = if parses { in_order(row.refused.into_iter()) } else { vec![] };
            let (of_the_schema, of_the_rules): (Vec<_>, Vec<_>) =
                refused.iter().cloned().partition(|refusal| is_of_the_schema(refusal));
            let expected = Verdict {
                parses,
                // Where the schema refuses a value, its rules are not asked.
                by_rules: if of_the_schema.is_empty() { of_the_rules } else { found.by_rules.clone() },
                refused,
                becomes: row.becomes.or_else(|| found.becomes.clone()),
                when: row.when.or_else(|| found.when.clone()),
            };
            assert_eq!(found, expected, "{}", row.name);
        }
    }
}

#[test]
fn an_input_is_measured_as_the_json_that_aws_gets() {
    let spec = |text: String| ScheduledFunctionSpec {
        function: FunctionRef { name: Some("f".into()), ..FunctionRef::default() },
        schedule: Some("rate(1 hour)".into()),
        input: Some(Value::from(text)),
        ..ScheduledFunctionSpec::default()
    };
    assert_eq!(spec("x".repeat(8190)).check(), []);
    let refusal = "write at most 8192 characters of JSON, the limit of EventBridge: these are 8193";
    let problem = Problem { field: "spec.input".into(), message: refusal.into() };
    assert_eq!(spec("x".repeat(8191)).check(), [problem]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The rules in CEL and the grammar in Rust are two texts; this is what holds them together.
    #[test]
    fn the_rules_refuse_what_the_grammar_refuses(
        fields in prop::collection::vec("[*?L]|[0-9]{1,2}|[0-9]{1,2}[-/#][0-9]{1,2}|[0-9*/,LW-]{1,5}|(MON|sat|JAN|dec)(-SUN|-Wed|-JUL|#2|L)?", 5..7),
        year in "\\*|20[0-9]{2}(-20[0-9]{2}|/[0-9]{1,3})?",
    ) {
        let fields = fields.join(" ");
        for schedule in [fields.clone(), format!("cron({fields})"), format!("cron({fields} {year})")] {
            let spec = serde_json::json!({"function": {"name": "f"}, "schedule": schedule});
            let found = verdict("ScheduledFunction", spec);
            prop_assert_eq!(found.refused.is_empty(), found.by_rules.is_empty(), "{}: {:?}", schedule, found);
        }
    }
}
