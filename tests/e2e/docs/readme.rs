//! `README.md` shows what `kubectl get` and `lambda-triggers plan` print for its two manifests.

use lambda_triggers_core::ownership::{ObjectKey, OwnerId};
use lambda_triggers_tests::env;

use super::Page;
use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::AwsView;

/// The rows of a table without the age. Spaces between columns do not count.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('$'));
    let cells = |line| {
        let mut words: Vec<&str> = str::split_whitespace(line).collect();
        words.pop();
        words
    };
    rows.map(cells).collect()
}

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let page = Page::read("README.md");
    let blocks = page.blocks();
    let manifests: Vec<&str> =
        blocks.iter().filter(|block| block.language == "yaml").map(|block| block.text.as_str()).collect();
    let table = blocks.iter().find(|block| block.text.starts_with("$ kubectl get ")).unwrap();
    let (command, expected) = table.text.split_once('\n').unwrap();
    env::test("readme", async |env| {
        for function in ["report", "make-thumbnail"] {
            env.function(function).await;
        }
        let bucket = env.new_bucket("photos").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&manifests.join("---\n").replace("bucket: photos", &format!("bucket: {bucket}"))).await;
        env.until_ready("ScheduledFunction", "nightly-report").await;
        env.until_ready("S3TriggeredFunction", "thumbnails").await;
        let printed = env.shell(command.trim_start_matches("$ ")).await.expect(command);
        assert_eq!(rows(&printed.replace(&bucket, "photos")), rows(expected));

        let plan = blocks.iter().find(|block| block.text.starts_with("$ lambda-triggers plan ")).unwrap();
        let base = manifests.join("---\n").replace("bucket: photos", &format!("bucket: {bucket}"));
        let write = |name: &str, text: &str| {
            let path = env.directory().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let files = [write("base.yaml", &base), write("head.yaml", &base.replace("0 18 * *", "0 17 * *"))];
        let flags = ["--base", &files[0], "-f", &files[1], "--owner-id", OWNER, "-n", env.namespace()];
        let printed = env.lambda_triggers(&[&["plan"], &flags[..]].concat(), &[]).await.stdout;
        let rule = |namespace, owner| {
            ObjectKey::new(namespace, "nightly-report").rule_name(owner, "ScheduledFunction")
        };
        let shown = OwnerId::parse("1a2b3c4d").unwrap();
        let printed = printed
            .replace(&rule(env.namespace(), &owner()), &rule("media", &shown))
            .replace(OWNER, "1a2b3c4d")
            .replace(env.account(), "123456789012")
            .replace(env.namespace(), "media");
        // The next runs depend on the time of the test.
        let is_timeless = |line: &&str| !line.contains("next runs") && !line.starts_with('$');
        let lines = |text: &str| text.lines().filter(is_timeless).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&printed), lines(&plan.text));
    });
}
