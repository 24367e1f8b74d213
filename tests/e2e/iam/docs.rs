//! `docs/iam.md`, `docs/plan.md` and `docs/schedules.md` show the printed policies. `docs/iam.md` documents every action.

use lambda_triggers_core::iam::{Feature, actions};
use lambda_triggers_tests::env;

const PAGE: &str = include_str!("../../../docs/iam.md");
const COMMAND: &str = "lambda-triggers iam-policy ";

/// The commands in a page that print a policy, each with the JSON block after the command.
fn policies_in_page(page: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut blocks = page.split("```").skip(1).step_by(2).peekable();
    let mut found = vec![];
    while let Some(block) = blocks.next() {
        let Some(arguments) = block.trim_start_matches("sh").trim().strip_prefix(COMMAND) else { continue };
        let next = blocks.peek().and_then(|next| next.strip_prefix("json"));
        found.push((arguments, next.unwrap_or_else(|| panic!("no JSON after {block}")).trim()));
    }
    found
}

#[test]
fn the_pages_show_the_printed_policies() {
    let pages = [PAGE, include_str!("../../../docs/plan.md")];
    let policies_in_pages: Vec<_> = pages.into_iter().flat_map(policies_in_page).collect();
    assert_eq!(policies_in_pages.len(), 3);
    env::test("iam-docs", async |env| {
        for (arguments, json) in policies_in_pages {
            let command: Vec<_> =
                COMMAND.split_whitespace().skip(1).chain(arguments.split_whitespace()).collect();
            let printed = env.lambda_triggers(&command, &[]).await.expect("lambda-triggers iam-policy");
            assert!(printed.trim() == json, "a page must show this after {command:?}:\n{printed}");
        }
    });
}

#[test]
fn the_page_about_schedules_shows_the_printed_trust_policy() {
    const PAGE: &str = include_str!("../../../docs/schedules.md");
    env::test("iam-docs-schedules", async |env| {
        let command = ["iam-policy", "--for", "scheduler-role-trust", "--account", "123456789012"];
        let command = [&command[..], &["--owner-id", "1a2b3c4d"]].concat();
        let printed = env.lambda_triggers(&command, &[]).await.expect("lambda-triggers iam-policy");
        assert!(
            PAGE.contains(&format!("```json\n{printed}```\n")),
            "docs/schedules.md must show:\n{printed}"
        );
    });
}

#[test]
fn the_page_documents_each_action() {
    let table = |feature: Feature| {
        let rows = actions().iter().filter(|action| action.feature == feature);
        let row = |action: &lambda_triggers_core::iam::Action| {
            format!("| `{}` | {} | {} |\n", action.name, action.why, action.without)
        };
        format!("| action | why | without it |\n|---|---|---|\n{}", rows.map(row).collect::<String>())
    };
    for feature in Feature::ALL {
        let table = table(feature);
        assert!(PAGE.contains(&table), "docs/iam.md must contain this table:\n{table}");
    }
}
