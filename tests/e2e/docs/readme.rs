//! `README.md` shows what `kubectl get` prints for its two manifests.

use lambda_triggers_tests::env;

use super::Page;
use crate::objects::NO_RESYNC;
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
fn kubectl_get_prints_the_table_of_the_readme() {
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
    });
}
