//! The JSON Schema of the plan, and the pipelines of docs/plan.md.

use lambda_triggers_core::preview::Preview;
use serde_json::{Value, json};

use super::generated::UPDATE;
use super::{Page, root};

const SCHEMA: &str = "docs/schema/plan-v1alpha1.json";

#[test]
fn the_schema_of_the_plan_is_up_to_date() {
    let mut schema: Value = Preview::schema().into();
    schema["properties"]["apiVersion"] = json!({"const": "cli.lambda-triggers.dev/v1alpha1"});
    schema["properties"]["kind"] = json!({"const": "Plan"});
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    let path = root().join(SCHEMA);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{SCHEMA} is out of date: run `make docs` and commit it");
}

#[test]
fn the_pipelines_are_yaml_and_their_plans_parse() {
    let page = Page::read("docs/plan.md");
    let is_pipeline = |text: &str| text.contains(" plan -f ");
    let pipelines =
        page.blocks().into_iter().filter(|block| block.language == "yaml" && is_pipeline(&block.text));
    let pipelines: Vec<_> = pipelines.collect();
    assert_eq!(pipelines.len(), 3);
    let parser = lambda_triggers::cli::command();
    for pipeline in pipelines {
        let _: Value = serde_saphyr::from_str(&pipeline.text).unwrap();
        let text = pipeline.text.replace("\\\n", " ");
        let plans: Vec<&str> =
            text.lines().filter_map(|line| line.split_once(" plan -f ")).map(|(_, flags)| flags).collect();
        assert!(!plans.is_empty(), "{}", pipeline.text);
        for flags in plans {
            let words = ["lambda-triggers", "plan", "-f"].into_iter().chain(flags.split_whitespace());
            if let Err(error) = parser.clone().try_get_matches_from(words) {
                panic!("{flags}: {error}");
            }
        }
    }
}
