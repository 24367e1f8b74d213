//! The commands of `docs/cli.md` that explain AWS print what the page shows.

use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::iam::{Command, Scope, command_policy};
use lambda_triggers_core::ownership::{ObjectKey, OwnerId};
use lambda_triggers_tests::env::{self, TestEnv};

use super::Page;
use super::commands::words_after;
use crate::explain::count;
use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::{AwsView, scheduled};

/// The sections of the page that need AWS.
pub const SECTIONS: [&str; 4] = ["Explain a resource", "The last day", "Explain a key", "Explain a bucket"];

/// The owner id and the namespace of the page.
const SHOWN: (&str, &str) = ("1a2b3c4d", "media");

/// The names in AWS that contain a hash: a rule, and the Id of an entry.
fn hashed(owner: &OwnerId, namespace: &str) -> [String; 2] {
    let filter =
        KeyFilter { prefix: Some("images/".into()), suffix: Some(".jpg".into()), literal_percent: None };
    let rule = ObjectKey::new(namespace, "nightly-report").rule_name(owner, "ScheduledFunction");
    [rule, ObjectKey::new(namespace, "thumbnails").entry_id(owner, &filter, false)]
}

/// The output for the names of the page. The times, and the runs due by the day of the week, are left out, and spaces between
/// columns are one space.
fn as_shown(env: &TestEnv, bucket: &str, output: &str) -> String {
    let mut text = output.replace(bucket, "photos");
    let shown = OwnerId::parse(SHOWN.0).unwrap();
    for (own, shown) in hashed(&owner(), env.namespace()).into_iter().zip(hashed(&shown, SHOWN.1)) {
        text = text.replace(&own, &shown);
    }
    // The namespaces of tests are long, and an Id has only the beginning of a long name.
    let text = text.replace("a resource with a long name", "media/thumbnails");
    let text = text.replace(OWNER, SHOWN.0).replace(env.namespace(), SHOWN.1);
    without_times(&text)
}

fn without_times(text: &str) -> String {
    let line = |line: &str| {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let end = ["since ", "next runs "].iter().find_map(|start| Some(words.find(start)? + start.len()));
        let words = &words[..end.unwrap_or(words.len())];
        // Each "(last: Thu 2026-11-26 18:00 UTC)".
        let counts =
            words.split("(last: ").map(|part| part.split_once(" UTC)").map_or(part, |(_, rest)| rest));
        let words = counts.collect::<String>();
        match words.split_once(" due, ") {
            Some((start, end)) => format!("{} {end}", &start[..start.find(": ").unwrap_or_default()]),
            None => words,
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_print_what_the_page_shows() {
    let page = Page::read("docs/cli.md");
    let blocks = page.blocks();
    let pairs = blocks.windows(2).filter(|pair| {
        SECTIONS.contains(&pair[1].heading.as_str()) && pair[0].language == "sh" && pair[1].language == "text"
    });
    let pairs: Vec<_> = pairs.map(|pair| (pair[0].text.clone(), pair[1].text.clone())).collect();
    assert_eq!(pairs.len(), SECTIONS.len());
    env::test("docs-explain", async |env| {
        env.function("report").await;
        env.function("make-thumbnail").await;
        let (bucket, queue) = (env.new_bucket("photos").await, env.queue("audit").await);
        let entry = format!(
            "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><QueueConfiguration>\
             <Id>audit</Id><Queue>{queue}</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>\
             </NotificationConfiguration>"
        );
        env.put_document(&bucket, &entry).await;
        let filters = "filters:\n- prefix: images/\n  suffix: .jpg";
        let objects = [
            scheduled("nightly-report", "report", "schedule: 0 18 * * MON-FRI"),
            crate::support::s3("thumbnails", "make-thumbnail", &bucket, filters),
        ];
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&objects.join("---\n")).await;
        env.until_ready("ScheduledFunction", "nightly-report").await;
        env.until_ready("S3TriggeredFunction", "thumbnails").await;
        let [rule, _] = hashed(&owner(), env.namespace());
        count(&env, "AWS/Events", ["RuleName", &rule], &[("TriggeredRules", 1.0)]).await;
        let sums = [("AsyncEventsReceived", 1.0), ("Invocations", 3.0), ("Errors", 3.0)];
        count(&env, "AWS/Lambda", ["FunctionName", "report"], &sums).await;
        let scope = Scope::for_account(env.account(), Some(owner()));
        env.aws_proxy().give_policy(env.account(), command_policy(Command::Explain, &scope));
        for (command, shown) in pairs {
            let line =
                command.replace("photos", &bucket).replace("-n media", &format!("-n {}", env.namespace()));
            let words = words_after(&line, "lambda-triggers ");
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let printed = env.lambda_triggers(&words, &[]).await.expect(&command);
            let printed = as_shown(&env, &bucket, &printed);
            // The page may show only the end.
            assert!(
                printed.ends_with(&without_times(&shown)),
                "docs/cli.md must show this after {command}\n{printed}"
            );
        }
    });
}
