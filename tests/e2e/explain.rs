//! `lambda-triggers explain`, as far as it reads AWS. The command writes nothing.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_lambda::config::Region;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use jiff::{SignedDuration, Timestamp};
use lambda_triggers_core::api::KeyFilter;
use lambda_triggers_core::iam::{Command, Scope, command_policy};
use lambda_triggers_core::ownership::{ObjectKey, bucket_statement_id};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use crate::objects::{NO_RESYNC, OWNER, owner};
use crate::support::{AwsView, LIMIT, create_both_triggers, s3, scheduled};

const OPEN: &str = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;
const CLOSE: &str = "</NotificationConfiguration>";

/// Runs `explain` with the policy that `iam-policy --for explain` prints. Returns the exit code and the output.
pub async fn explain(env: &TestEnv, arguments: &[&str]) -> (i32, String) {
    let scope = Scope::for_account(env.account(), Some(owner()));
    env.aws_proxy().give_policy(env.account(), command_policy(Command::Explain, &scope));
    env.aws_proxy().clear_calls(env.account());
    let output = env.lambda_triggers(&[&["explain"], arguments].concat(), &[]).await;
    assert_eq!(output.stderr, "", "{arguments:?}");
    assert_eq!(env.aws_writes(), vec![], "{arguments:?}");
    (output.code.unwrap(), output.stdout)
}

fn function_entry(id: &str, arn: &str, [prefix, suffix]: [&str; 2]) -> String {
    let rule = |name: &str, value: &str| {
        let rule = format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>");
        if value.is_empty() { String::new() } else { rule }
    };
    format!(
        "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{arn}</CloudFunction><Event>s3:ObjectCreated:*</Event>\
         <Filter><S3Key>{}{}</S3Key></Filter></CloudFunctionConfiguration>",
        rule("prefix", prefix),
        rule("suffix", suffix)
    )
}

/// The Id of an entry of `media/thumbnails`.
fn own_id(prefix: &str, suffix: &str) -> String {
    let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let filter = KeyFilter { prefix: part(prefix), suffix: part(suffix), literal_percent: None };
    ObjectKey::new("media", "thumbnails").entry_id(&owner(), &filter, false)
}

/// A bucket with entries of Terraform, of Chalice, of an operator, and for a queue.
async fn shared_bucket(env: &TestEnv) -> String {
    let functions = ["tf", "chalice", "thumb", "gone", "closed"];
    let mut arns = vec![];
    let bucket = env.new_bucket("photos").await;
    for name in functions {
        arns.push(env.function(name).await);
        env.permit_bucket(name, &bucket).await;
    }
    let tag = env.lambda().tag_resource().resource(&arns[1]);
    tag.tags("aws-chalice", "version=1.32.0:stage=dev:app=shop").send().await.unwrap();
    let queue = env.queue("audit").await;
    let entries = [
        function_entry("tf-s3-lambda-1", &arns[0], ["tf/", ".jpg"]),
        function_entry("index", &arns[1], ["index/", ""]),
        function_entry(&own_id("dt=2026/", ""), &arns[2], ["dt%3D2026/", ""]),
        function_entry("old", &arns[3], ["old/", ""]),
        function_entry("closed", &arns[4], ["closed/", ""]),
        format!(
            "<QueueConfiguration><Id>audit</Id><Queue>{queue}</Queue><Event>s3:ObjectRemoved:*</Event>\
             </QueueConfiguration><EventBridgeConfiguration></EventBridgeConfiguration>"
        ),
    ];
    env.put_document(&bucket, &format!("{OPEN}{}{CLOSE}", entries.concat())).await;
    env.lambda().delete_function().function_name("gone").send().await.unwrap();
    let sid = format!("bucket-{bucket}");
    env.lambda().remove_permission().function_name("closed").statement_id(sid).send().await.unwrap();
    bucket
}

#[test]
fn a_bucket_shows_each_entry_with_its_maker_and_what_is_broken() {
    env::test("explain-bucket", async |env| {
        let bucket = shared_bucket(&env).await;
        let (id, account) = (own_id("dt=2026/", ""), env.account().to_owned());
        let (code, json) = explain(&env, &["bucket", &bucket, "--output", "json"]).await;
        let explained: Value = serde_json::from_str(&json).unwrap();
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:{account}:function:{name}");
        let entry = |id: &str, name: &str, keys: &str, made_by: Value| {
            serde_json::json!({
                "id": id, "destination": format!("function {name}"), "arn": arn(name),
                "events": ["s3:ObjectCreated:*"], "keys": keys, "madeBy": made_by,
            })
        };
        let tool = |name: &str| serde_json::json!({"type": "Tool", "name": name});
        let unknown = serde_json::json!({"type": "Unknown"});
        let operator = serde_json::json!({
            "type": "Operator", "ownerId": OWNER, "resource": "media/thumbnails", "retained": false,
        });
        let queue = serde_json::json!({
            "id": "audit", "destination": "queue audit", "arn": format!("arn:aws:sqs:eu-west-1:{account}:audit"),
            "events": ["s3:ObjectRemoved:*"], "keys": "all keys", "madeBy": unknown,
        });
        let of_function = |entry: &&Value| entry["destination"].as_str().unwrap().starts_with("function ");
        let entries = explained["entries"].as_array().unwrap();
        let functions: Vec<Value> = entries.iter().filter(of_function).cloned().collect();
        let expected = [
            entry("tf-s3-lambda-1", "tf", "tf/*.jpg", tool("Terraform")),
            entry("index", "chalice", "index/", tool("Chalice, app shop, stage dev")),
            entry(&id, "thumb", "dt=2026/", operator),
            entry("old", "gone", "old/", unknown.clone()),
            entry("closed", "closed", "closed/", unknown.clone()),
        ];
        assert_eq!(functions, expected);
        assert!(entries.contains(&queue), "{json}");
        assert_eq!((entries.len(), &explained["eventBridge"]), (6, &Value::Bool(true)));
        let expected = [
            format!(
                "function entry \"old\" (s3:ObjectCreated:*, old/): {} does not exist, so S3 refuses every write that \
                 checks the destinations of this bucket; remove the entry",
                arn("gone")
            ),
            "function entry \"closed\" (s3:ObjectCreated:*, closed/): the policy of function closed has no statement \
             that surely lets this bucket invoke it: see `aws lambda get-policy --function-name closed`"
                .to_owned(),
        ];
        assert_eq!(explained["problems"], serde_json::json!(expected));
        assert_eq!(code, 0);

        let empty = env.new_bucket("empty").await;
        let expected = format!("bucket      {empty}, eu-west-1\nentries     0 of 100\nEventBridge off\n");
        assert_eq!(explain(&env, &["bucket", &empty]).await, (1, expected));
    });
}

#[test]
fn a_key_shows_the_entries_of_the_bucket_and_of_manifests() {
    env::test("explain-key", async |env| {
        let bucket = shared_bucket(&env).await;
        let manifest = format!(
            "apiVersion: lambda-triggers.dev/v1alpha1\nkind: S3TriggeredFunction\nmetadata: {{name: thumbnails}}\n\
             spec:\n  function: {{name: thumb}}\n  bucket: {bucket}\n  filters:\n  - prefix: dt=2026/\n"
        );
        let capitals = manifest.replace("thumbnails", "capitals").replace("prefix: dt=2026/", "suffix: .JPG");
        let manifest = format!("{manifest}---\n{capitals}");
        let path = env.directory().join("triggers.yaml");
        std::fs::write(&path, &manifest).unwrap();
        let path = path.display().to_string();
        let id = own_id("dt=2026/", "");
        let columns = |rows: &[[&str; 5]]| {
            let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap();
            let line = |row: &[&str; 5]| {
                let cells: Vec<String> =
                    row.iter().enumerate().map(|(at, cell)| format!("{cell:<0$}", width(at))).collect();
                format!("{}\n", cells.join("   ").trim_end())
            };
            rows.iter().map(line).collect::<Vec<_>>().join("            ")
        };
        let head = ["event", "destination", "keys", "Id", "made by"];
        let own = format!("media/thumbnails (operator {OWNER})");
        let created = ["s3:ObjectCreated:*", "function thumb", "dt=2026/", &id, &own];
        let removed = ["s3:ObjectRemoved:*", "queue audit", "all keys", "audit", "unknown"];

        let object = |key: &str| format!("s3://{bucket}/{key}");
        let special = object("dt=2026/a b+c.JPG");
        let (code, text) = explain(&env, &["key", &special]).await;
        let expected = format!(
            "key         dt=2026/a b+c.JPG, in bucket {bucket}\n\
             in events   dt%3D2026/a+b%2Bc.JPG; decode it, such as with unquote_plus in Python\n\
             runs        {}",
            columns(&[head, created, removed])
        );
        assert_eq!((code, text), (0, expected));

        let files = ["--filename", &path, "--namespace", "media"];
        let with_files = [&["key", &special], &files[..]].concat();
        let (_, text) = explain(&env, &with_files).await;
        let new = ["s3:ObjectCreated:*", "function thumb", "*.JPG", "", "media/capitals (not in the bucket)"];
        assert!(text.ends_with(&columns(&[head, created, new, removed])), "{text}");

        let (code, text) = explain(&env, &["key", &object("tf/a.JPG")]).await;
        let expected = format!(
            "key         tf/a.JPG, in bucket {bucket}\n\
             in events   tf/a.JPG\n\
             runs        nothing for s3:ObjectCreated:*, the events of an upload\n            {}\
             nearly      function tf, tf/*.jpg, Terraform: upper and lower case differ, and S3 compares the case\n",
            columns(&[head, removed])
        );
        assert_eq!((code, text), (0, expected));

        let offline = ["key", &object("tf/a.jpg"), "--offline", "--filename", &path];
        let (code, text) = explain(&env, &offline).await;
        assert_eq!(code, 1, "{text}");
        assert_eq!(env.aws_proxy().calls(env.account()), []);
    });
}

#[test]
fn the_cluster_names_the_resource_of_a_cut_name() {
    env::test("explain-cluster", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let bucket = create_both_triggers(&env).await;
        env.apply(&s3("waiting", "nowhere", &bucket, "filters: [{suffix: .jpg}]")).await;
        env.until_condition("S3TriggeredFunction", "waiting", "Ready", "False").await;
        let scope = Scope::for_account(env.account(), Some(owner()));
        env.aws_proxy().give_policy(env.account(), command_policy(Command::Explain, &scope));
        let run = async |arguments: &[&str]| {
            let kubeconfig = env.kubeconfig().display().to_string();
            let command = [&["explain"], arguments].concat();
            let output = env.lambda_triggers(&command, &[("KUBECONFIG", &kubeconfig)]).await;
            assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{arguments:?}");
            output.stdout
        };
        let namespace = env.namespace();
        let (cut, whole) =
            ("a resource with a long name (operator", format!("{namespace}/thumbnails (operator"));
        let object = format!("s3://{bucket}/a.jpg");
        for command in [["bucket", &bucket], ["key", &object]] {
            let text = run(&command).await;
            assert!(text.contains(cut) && !text.contains(&whole), "{text}");
            let text = run(&[&command[..], &["--cluster"]].concat()).await;
            assert!(text.contains(&whole) && !text.contains(cut), "{text}");
        }
        let text = run(&["key", &object, "--cluster"]).await;
        assert!(text.contains(&format!("{namespace}/waiting (not in the bucket)\n")), "{text}");
    });
}

#[test]
fn the_command_follows_a_bucket_to_its_region() {
    env::test("explain-region", async |env| {
        let there = env.s3().config().to_builder().region(Region::new("eu-central-1")).build();
        let client = aws_sdk_s3::Client::from_conf(there);
        let location = BucketLocationConstraint::from("eu-central-1");
        let location = CreateBucketConfiguration::builder().location_constraint(location).build();
        let bucket = env.bucket("abroad");
        client.create_bucket().bucket(&bucket).create_bucket_configuration(location).send().await.unwrap();
        let expected = format!("bucket      {bucket}, eu-central-1\nentries     0 of 100\nEventBridge off\n");
        assert_eq!(explain(&env, &["bucket", &bucket]).await, (1, expected));
    });
}

#[test]
fn a_resource_shows_its_parts_and_what_is_missing() {
    env::test("explain-resource", async |env| {
        env.function("report").await;
        let bucket = env.new_bucket("photos").await;
        let canary = "canary-7f3a";
        let manifests = [
            scheduled("hourly", "report", &format!("schedule: rate(1 hour)\ninput: {{token: {canary}}}")),
            s3("photos", "report", &bucket, ""),
        ];
        let mut controller = env.controller(&NO_RESYNC);
        env.apply(&manifests.join("---\n")).await;
        env.until_ready("ScheduledFunction", "hourly").await;
        env.until_ready("S3TriggeredFunction", "photos").await;
        let namespace = env.namespace().to_owned();
        let key = |name: &str| ObjectKey::new(&namespace, name);
        let rule = key("hourly").rule_name(&owner(), "ScheduledFunction");
        let tree = async |resource: &str| {
            let (code, text) = explain(&env, &["resource", resource]).await;
            assert!(!text.contains(canary), "{text}");
            let (head, tree) = text.split_once('\n').unwrap();
            (code, head.split(", since ").next().unwrap().to_owned(), tree.to_owned())
        };
        let (code, head, lines) = tree("schedfn/hourly").await;
        let expected = format!(
            "├─ function       report: exists\n\
             ├─ permission     lt-{OWNER}-rules: lets the rules lt-{OWNER}-* invoke the function, 1 rule needs it\n\
             ├─ rule           {rule}: enabled, rate(1 hour)\n\
             │  └─ target      lt-{OWNER}-function: invokes report, input is set, up to 185 retries in 24 h, no \
             dead-letter queue\n\
             ├─ runs           Every hour.\n\
             └─ next runs      unknown: AWS does not tell when the first interval began\n"
        );
        assert_eq!(head, format!("ScheduledFunction {namespace}/hourly   Ready: Applied"));
        assert_eq!((code, lines), (0, expected.clone()));
        // The manifest needs no cluster.
        let path = env.directory().join("hourly.yaml");
        std::fs::write(&path, &manifests[0]).unwrap();
        let flags = ["--filename", path.to_str().unwrap(), "--owner-id", OWNER, "--namespace", &namespace];
        let command = [&["resource", "scheduledfunctions.lambda-triggers.dev/hourly"], &flags[..]].concat();
        let head = format!("ScheduledFunction {namespace}/hourly   the operator has not reported on it\n");
        assert_eq!(explain(&env, &command).await, (0, head + &expected));

        controller.stop().await;
        env.events().disable_rule().name(&rule).send().await.unwrap();
        let sid = format!("lt-{OWNER}-rules");
        env.lambda().remove_permission().function_name("report").statement_id(&sid).send().await.unwrap();
        let (_, _, lines) = tree("ScheduledFunction/hourly").await;
        let missing = format!(
            "├─ permission   ! {sid}: missing, so the rules lt-{OWNER}-* may not invoke the function"
        );
        let disabled =
            format!("├─ rule         ! {rule}: disabled, and spec.suspend is false, rate(1 hour)\n");
        assert!(lines.contains(&missing) && lines.contains(&disabled), "{lines}");

        let (_, head, lines) = tree("s3fn/photos").await;
        let sid = bucket_statement_id(&owner(), &bucket);
        let entry = key("photos").entry_id(&owner(), &KeyFilter::default(), false);
        let expected = format!(
            "├─ function       report: exists\n\
             ├─ permission     {sid}: lets bucket {bucket} invoke the function, 1 resource needs it\n\
             └─ bucket         {bucket}: 1 entry in all\n   \
                └─ entry       {entry}: all keys, s3:ObjectCreated:*\n"
        );
        assert_eq!(head, format!("S3TriggeredFunction {namespace}/photos   Ready: Applied"));
        assert_eq!(lines, expected);
        env.lambda().delete_function().function_name("report").send().await.unwrap();
        let (_, _, lines) = tree("s3fn/photos").await;
        assert!(
            lines.starts_with("├─ function     ! report: does not exist in eu-west-1\n└─ bucket         "),
            "{lines}"
        );
    });
}

#[test]
fn a_schedule_shows_its_group_and_its_role() {
    env::test("explain-schedule", async |env| {
        env.function("report").await;
        let role = env.scheduler_role(&owner()).await;
        let _controller = env.controller(&[&NO_RESYNC[..], &["--scheduler-role-arn", &role]].concat());
        let spec = "schedule: 0 18 * * *\ntimeZone: Europe/Berlin\nflexibleTimeWindowMinutes: 5";
        env.apply(&scheduled("zoned", "report", spec)).await;
        env.until_ready("ScheduledFunction", "zoned").await;
        let name = ObjectKey::new(env.namespace(), "zoned").rule_name(&owner(), "ScheduledFunction");
        let (code, text) = explain(&env, &["resource", "schedfn/zoned"]).await;
        let expected = format!(
            "├─ function       report: exists\n\
             ├─ schedule       lt-{OWNER}/{name}: enabled, cron(0 18 * * ? *), in Europe/Berlin, within 5 minutes\n\
             │  └─ target      report: invokes report, input is set, by role schedules, up to 185 retries in 24 h, no \
             dead-letter queue\n\
             ├─ runs           At 18:00 Europe/Berlin, within 5 minutes.\n└─ next runs      "
        );
        assert!(text.contains(&expected), "{text}");
        assert_eq!(code, 0);
    });
}

/// Counts in CloudWatch for one dimension, one hour ago. Returns the minute as the command shows it.
pub async fn count(env: &TestEnv, namespace: &str, dimension: [&str; 2], sums: &[(&str, f64)]) -> String {
    let at = Timestamp::now() - SignedDuration::from_hours(1);
    let dimension = Dimension::builder().name(dimension[0]).value(dimension[1]).build();
    let datum = |(metric, sum): &(&str, f64)| {
        let time = DateTime::from_secs(at.as_second());
        let datum = MetricDatum::builder().metric_name(*metric).dimensions(dimension.clone());
        datum.value(*sum).timestamp(time).build()
    };
    let data = sums.iter().map(datum).collect();
    let put = env.cloudwatch().put_metric_data().namespace(namespace).set_metric_data(Some(data));
    put.send().await.unwrap();
    at.strftime("%a %F %R UTC").to_string()
}

#[test]
fn the_history_shows_the_runs_of_the_last_day() {
    env::test("explain-history", async |env| {
        env.function("report").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("daily", "report", "schedule: 0 18 * * *")).await;
        env.until_ready("ScheduledFunction", "daily").await;
        let rule = ObjectKey::new(env.namespace(), "daily").rule_name(&owner(), "ScheduledFunction");
        count(&env, "AWS/Events", ["RuleName", &rule], &[("TriggeredRules", 1.0)]).await;
        // The counts of other rules do not count.
        count(&env, "AWS/Events", ["RuleName", "other"], &[("FailedInvocations", 5.0)]).await;
        let sums = [("AsyncEventsReceived", 1.0), ("Invocations", 2.0), ("Errors", 1.0)];
        let at = count(&env, "AWS/Lambda", ["FunctionName", "report"], &sums).await;
        let command = ["resource", "schedfn/daily", "--history"];
        let (code, text) = explain(&env, &command).await;
        let (_, day) = text.split_once("└─ last day       since ").unwrap();
        let (_, parts) = day.split_once('\n').unwrap();
        let expected = format!(
            "   ├─ rule        {rule}: 1 run was due, fired once (last: {at})\n   \
                └─ function  ! report: 1 event received (last: {at}), ran 2 times (last: {at}), 1 run failed (last: \
             {at}): the log of the function has the error\n"
        );
        assert_eq!((code, parts), (0, &*expected));

        let (_, json) = explain(&env, &[&command[..], &["--output", "json"]].concat()).await;
        let explained: Value = serde_json::from_str(&json).unwrap();
        let counts = explained["history"]["counts"].as_array().unwrap();
        let sums: Vec<_> =
            counts.iter().map(|count| (count["name"].as_str().unwrap(), &count["sum"])).collect();
        let expected = serde_json::json!([1, 0, 1, 2, 1, 0, 0]);
        assert_eq!(sums.iter().map(|(_, sum)| (*sum).clone()).collect::<Value>(), expected, "{sums:?}");

        // Without the permission, the rest of the tree is there.
        let scope = Scope::for_account(env.account(), Some(owner()));
        let policy = command_policy(Command::Explain, &scope);
        let policy = policy.only(|action| action != "cloudwatch:GetMetricData");
        env.aws_proxy().give_policy(env.account(), policy);
        let output = env.lambda_triggers(&[&["explain"], &command[..]].concat(), &[]).await;
        let denied = format!("   ├─ rule      ? {rule}: 1 run was due, not read: ");
        let text = output.stdout;
        assert!(text.contains(&denied) && text.contains("cloudwatch:GetMetricData"), "{text}");
        assert!(text.contains("├─ function       report: exists\n"), "{text}");
    });
}

#[test]
fn the_watch_prints_each_change_once() {
    env::test("explain-watch", async |env| {
        env.function("report").await;
        let _controller = env.controller(&NO_RESYNC);
        env.apply(&scheduled("hourly", "report", "schedule: rate(1 hour)")).await;
        env.until_ready("ScheduledFunction", "hourly").await;
        let output = env.directory().join("watch.txt");
        let command =
            format!("exec lambda-triggers explain resource schedfn/hourly --watch > '{}'", output.display());
        let seen = async |text: &str| {
            env.until(LIMIT, text, async || {
                let printed = std::fs::read_to_string(&output).unwrap_or_default();
                if printed.contains(text) { Ok(printed) } else { Err(printed) }
            })
            .await
        };
        let change = async {
            seen("enabled, rate(1 hour)").await;
            env.apply(&scheduled("hourly", "report", "schedule: rate(2 hours)")).await;
            seen("enabled, rate(2 hours)").await
        };
        let printed = tokio::select! {
            printed = change => printed,
            _ = env.shell(&command) => panic!("the watch ended"),
        };
        assert_eq!(printed.matches("enabled, rate(1 hour)").count(), 1, "{printed}");
    });
}

#[test]
fn a_resource_that_is_not_there_is_an_error() {
    env::test("explain-missing", async |env| {
        let output = env.lambda_triggers(&["explain", "resource", "schedfn/nowhere"], &[]).await;
        let expected = format!(
            "lambda-triggers: cannot read ScheduledFunction {}/nowhere: scheduledfunctions.lambda-triggers.dev \
             \"nowhere\" not found\n",
            env.namespace()
        );
        assert_eq!((output.code, output.stdout.as_str(), output.stderr), (Some(1), "", expected));
    });
}
