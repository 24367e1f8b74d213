//! Imports that fail, or that cannot read everything.

use lambda_triggers_tests::env;

use super::import;
use crate::support::AwsView;

#[test]
fn a_bucket_that_cannot_be_read_does_not_stop_the_others() {
    env::test("import-missing", async |env| {
        let bucket = env.new_bucket("photos").await;
        let imported = import(&env, &["bucket", "no-such-bucket", &bucket]).await;
        assert!(!imported.success);
        assert_eq!(imported.manifests, "");
        let lines: Vec<&str> = imported.report.lines().collect();
        let photos = format!("bucket {bucket}, eu-west-1");
        assert_eq!(lines[0], "bucket no-such-bucket, eu-west-1");
        assert_eq!(lines[1..3], ["  ?  notification configuration", "     not read: it does not exist"]);
        assert_eq!(lines[3..], [&photos, "  nothing", "", "There is nothing to import."]);
    });
}

#[test]
fn an_existing_file_is_not_replaced_without_force() {
    env::test("import-force", async |env| {
        let function = env.function("index").await;
        let bucket = env.new_bucket("photos").await;
        env.permit_bucket("index", &bucket).await;
        let document = format!(
            r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CloudFunctionConfiguration>
            <CloudFunction>{function}</CloudFunction><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration>
            </NotificationConfiguration>"#
        );
        env.put_document(&bucket, &document).await;
        let folder = env.directory().join("triggers");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("index.yaml");
        std::fs::write(&file, "mine").unwrap();
        let report = env.directory().join("report.txt");
        let (out, report_file) = (folder.to_str().unwrap(), report.to_str().unwrap());
        let arguments = ["bucket", &bucket, "--out", out, "--report", report_file];
        let refused = import(&env, &arguments).await;
        let message = format!("lambda-triggers: {} exists; give --force to replace it\n", file.display());
        assert_eq!((refused.success, refused.report), (false, message));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");

        let imported = import(&env, &[&arguments[..], &["--force"]].concat()).await.complete();
        assert_eq!((imported.manifests.as_str(), imported.report.as_str()), ("", ""));
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("# Imported from bucket "));
        assert!(std::fs::read_to_string(&report).unwrap().starts_with("bucket "));
    });
}

#[test]
fn a_file_of_no_known_tool_is_an_error_before_any_call() {
    env::test("import-unknown", async |env| {
        let path = env.directory().join("main.tf");
        std::fs::write(&path, "resource \"aws_s3_bucket\" \"photos\" {}").unwrap();
        let refused = import(&env, &["from", path.to_str().unwrap()]).await;
        let message = format!(
            "lambda-triggers: {}: the file is not JSON; give .chalice/deployed/<stage>.json, or the output of \
             `terraform show -json`, of `pulumi stack export` or of `aws cloudformation describe-stack-resources \
             --output json`\n",
            path.display()
        );
        assert_eq!((refused.success, refused.report), (false, message));
        assert_eq!(env.aws_proxy().calls(env.account()), []);
    });
}
