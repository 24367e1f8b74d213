//! A stranger moves an application of Chalice and a bucket of Terraform by the steps of the reports alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lambda_triggers_tests::env::{self, TestEnv};

use crate::import::chalice::{Chalice, Decorator};
use crate::import::{Imported, import, permit_import, permit_operator};
use crate::objects::NO_RESYNC;
use crate::scheduled::view::{rule_name, rules};
use crate::support::{AwsView, LIMIT, own};

/// The functions of Chalice.
const NIGHTLY: &str = "shop-dev-nightly";
const INDEX: &str = "shop-dev-index";

/// The function of Terraform.
const THUMB: &str = "make-thumbnail";

/// The statement of Terraform's documentation of `aws_s3_bucket_notification`.
const TERRAFORM_SID: &str = "AllowExecutionFromS3Bucket";

/// A bucket with the document of Terraform: an entry for a function, beside a queue and a topic of others.
async fn terraform(env: &TestEnv) -> String {
    let thumb = env.function(THUMB).await;
    let bucket = env.new_bucket("photos").await;
    let permission = env.lambda().add_permission().function_name(THUMB).statement_id(TERRAFORM_SID);
    let permission = permission.action("lambda:InvokeFunction").principal("s3.amazonaws.com");
    permission.source_arn(format!("arn:aws:s3:::{bucket}")).send().await.unwrap();
    let (queue, topic) = (env.queue("audit").await, env.topic("uploads").await);
    let rule = |name: &str, value: &str| {
        format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>")
    };
    let filter = rule("Prefix", "images/") + &rule("Suffix", ".jpg");
    let document = format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TopicConfiguration><Id>uploads</Id>\
         <Topic>{topic}</Topic><Event>s3:ObjectRemoved:*</Event></TopicConfiguration><QueueConfiguration><Id>audit</Id>\
         <Queue>{queue}</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key>{}</S3Key></Filter></QueueConfiguration>\
         <CloudFunctionConfiguration><Id>tf-s3-lambda-20261127120000000000000001</Id><CloudFunction>{thumb}\
         </CloudFunction><Event>s3:ObjectCreated:*</Event><Filter><S3Key>{filter}</S3Key></Filter>\
         </CloudFunctionConfiguration></NotificationConfiguration>",
        rule("Prefix", "audit/")
    );
    env.put_document(&bucket, &document).await;
    bucket
}

/// The elements of the queue and of the topic, as S3 sends them.
async fn foreign(env: &TestEnv, bucket: &str) -> Vec<String> {
    let children = env.document(bucket).await.children.into_iter().map(|child| child.raw);
    children.filter(|raw| !raw.contains("<CloudFunction>")).collect()
}

/// Objects that were put into both buckets.
struct Uploads<'a> {
    env: &'a TestEnv,
    buckets: [(&'static str, &'a str, &'static str); 2],
    count: AtomicUsize,
}

impl Uploads<'_> {
    /// Puts an object into each bucket.
    async fn put(&self) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        for (_, bucket, key) in self.buckets {
            let key = key.replace('N', &format!("{number:03}"));
            let put = self.env.s3().put_object().bucket(bucket).key(key);
            put.body(ByteStream::from_static(b"x")).send().await.unwrap();
        }
    }

    /// Waits until the functions have received each object once.
    async fn until_each_ran_once(&self) {
        for (function, _, key) in self.buckets {
            let numbers = 0..self.count.load(Ordering::Relaxed);
            let expected: Vec<String> =
                numbers.map(|number| key.replace('N', &format!("{number:03}"))).collect();
            self.env
                .until(LIMIT, "a run for each object", async || {
                    let runs = self.env.invocations(function).into_iter();
                    let key = |run: env::Invocation| {
                        run.event["Records"][0]["s3"]["object"]["key"].as_str().unwrap().to_owned()
                    };
                    let mut keys: Vec<String> = runs.map(key).collect();
                    keys.sort();
                    if keys == expected { Ok(()) } else { Err(format!("{keys:?}")) }
                })
                .await;
        }
    }
}

/// The stranger, who follows the steps.
struct Stranger<'a> {
    env: &'a TestEnv,
    chalice: Chalice<'a>,
    uploads: &'a Uploads<'a>,
}

impl Stranger<'_> {
    /// Carries out all steps of a report, with an upload after each.
    async fn follow(&mut self, imported: &Imported) {
        let steps = imported.report.lines().skip_while(|line| !line.starts_with("To hand over"));
        for step in steps.map(str::trim).take_while(|line| *line != "To check the result:") {
            self.carry_out(step).await;
            self.uploads.put().await;
        }
    }

    async fn carry_out(&mut self, step: &str) {
        let quoted = || step.split('"').nth(1).unwrap();
        let handler = |name: &str| name.strip_suffix("-s3event").unwrap_or(name).to_owned();
        match step {
            _ if step.starts_with("kubectl ") => drop(self.env.shell(step).await.expect(step)),
            _ if step.starts_with("aws ") => self.aws(step).await,
            // Both commands change only Terraform's state.
            _ if step.starts_with("terraform state ") => {}
            "chalice deploy --stage dev" => self.chalice.deploy().await,
            _ if step.ends_with(" out of the resources in .chalice/deployed/dev.json") => {
                let kept =
                    self.chalice.deployed().into_iter().filter(|resource| resource["name"] != quoted());
                self.chalice.record(&kept.collect::<Vec<_>>());
            }
            _ if step.starts_with("replace @app.") && step.contains("by @app.lambda_function(name=") => {
                let decorated = self.chalice.handlers.iter_mut().find(|(name, _)| *name == handler(quoted()));
                decorated.unwrap_or_else(|| panic!("{step}")).1 = Decorator::LambdaFunction;
            }
            _ if step.starts_with("delete the aws_lambda_permission with the statement_id ") => {
                let remove = self.env.lambda().remove_permission().function_name(THUMB);
                remove.statement_id(quoted()).send().await.unwrap();
            }
            _ if step.starts_with("remove spec.suspend of ") => {
                let path = step.rsplit_once(" from ").unwrap().1;
                let manifest = std::fs::read_to_string(path).unwrap();
                let changed = manifest.replace("  suspend: true\n", "");
                assert_ne!(changed, manifest);
                std::fs::write(path, changed).unwrap();
            }
            _ if step.starts_with("change over ") => wait_for_quiet_time(step).await,
            _ => assert!(is_prose(step), "nobody knows how to carry out: {step}"),
        }
    }

    /// Carries out a command of the AWS CLI.
    async fn aws(&self, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let value = |flag: &str| {
            let place = words.iter().position(|word| *word == flag);
            words[place.unwrap_or_else(|| panic!("{command} has no {flag}")) + 1]
        };
        assert_eq!(value("--region"), env::REGION);
        match words[1..3] {
            ["events", "disable-rule"] => {
                drop(self.env.events().disable_rule().name(value("--name")).send().await.unwrap())
            }
            ["lambda", "remove-permission"] => {
                let remove = self.env.lambda().remove_permission().function_name(value("--function-name"));
                remove.statement_id(value("--statement-id")).send().await.unwrap();
            }
            _ => panic!("{command}"),
        }
    }
}

/// Waits until a time without a run begins, which must not be over.
async fn wait_for_quiet_time(step: &str) {
    let time = |text: &str| {
        let text = text.trim().strip_suffix(" UTC").unwrap().split_once(' ').unwrap().1.replace(' ', "T");
        format!("{text}:00Z").parse::<Timestamp>().unwrap()
    };
    let first = step.strip_prefix("change over ").unwrap();
    let (from, until) = match first.strip_prefix("between ") {
        Some(times) => times.split_once(" and ").map(|(from, until)| (time(from), time(until))).unwrap(),
        None => (Timestamp::now(), time(first.strip_prefix("before ").unwrap())),
    };
    let wait = from.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
    tokio::time::sleep(wait.unsigned_abs()).await;
    assert!(Timestamp::now() < until, "{step} is over");
}

/// True for lines that explain, and for the lines of a file.
fn is_prose(step: &str) -> bool {
    const BEGINNINGS: [&str; 17] = [
        "To hand over the ",
        "1. ",
        "2. ",
        "3. ",
        "4. ",
        "bucket ",
        "rule ",
        "made by ",
        "so no event ",
        "next runs: ",
        "Terraform 1.7 or later: put this block in the place of the resource, and apply:",
        "or delete the resource from the configuration",
        "give the handler the parameters event and context; ",
        "without a decorator, ",
        "in the other order, ",
        "chalice deploy enables each old rule again",
        "or between ",
    ];
    let block =
        ["removed {", "from = ADDRESS", "lifecycle {", "destroy = false", "}", "find the ADDRESS:", ""];
    block.contains(&step) || BEGINNINGS.iter().any(|beginning| step.starts_with(beginning))
}

/// A rule that is due at the next minute, and three minutes later.
fn two_minutes() -> (String, [Timestamp; 2]) {
    let minute =
        Timestamp::from_second((Timestamp::now() + 20.seconds()).as_second() / 60 * 60 + 60).unwrap();
    let due = [minute, minute + 3.minutes()];
    let mut minutes = due.map(|due| due.as_second() / 60 % 60);
    minutes.sort_unstable();
    (format!("cron({},{} * * * ? *)", minutes[0], minutes[1]), due)
}

#[test]
fn a_stranger_with_a_chalice_app_and_a_terraform_bucket_moves_both_with_the_printed_commands_alone() {
    // The rule has its runs in real time, so the test takes four to five minutes.
    env::run("import-hand-over", async |env| {
        let photos = terraform(&env).await;
        let uploads_bucket = env.new_bucket("uploads").await;
        let (expression, [first, _]) = two_minutes();
        let on_s3_event = [uploads_bucket.clone(), "in/".into(), ".csv".into()];
        let handlers =
            vec![("nightly", Decorator::Schedule(expression)), ("index", Decorator::OnS3Event(on_s3_event))];
        let chalice = Chalice::new(&env, handlers);
        chalice.deploy().await;
        let before = foreign(&env, &photos).await;
        assert_eq!(before.len(), 2);
        let buckets = [(INDEX, &*uploads_bucket, "in/N.csv"), (THUMB, &*photos, "images/N.jpg")];
        let uploads = Uploads { env: &env, buckets, count: AtomicUsize::new(0) };
        uploads.put().await;
        uploads.until_each_ran_once().await;
        let _controller = env.controller(&NO_RESYNC);

        let folder = |name: &str| env.directory().join(name).display().to_string();
        let of_terraform = import(&env, &["bucket", &photos, "--out", &folder("photos")]).await.complete();
        // The minute of the old rule's run may have no change.
        let until_first = first.duration_since(Timestamp::now()).max(SignedDuration::ZERO).unsigned_abs();
        env.until(until_first + LIMIT, "a run of the old rule", async || env.invocations(NIGHTLY).pop())
            .await;
        let file = chalice.file().display().to_string();
        let of_chalice = import(&env, &["from", &file, "--out", &folder("shop")]).await.complete();
        let mut stranger = Stranger { env: &env, chalice, uploads: &uploads };
        stranger.follow(&of_terraform).await;
        stranger.follow(&of_chalice).await;
        uploads.until_each_ran_once().await;

        // Each due time has one run: the first of the old rule, the second of the new one.
        let new = rule_name(&env, "shop-dev-nightly-event");
        let expected = ["shop-dev-nightly-event", &*new]
            .map(|rule| format!("arn:aws:events:eu-west-1:{}:rule/{rule}", env.account()));
        let runs = env
            .until(Duration::from_secs(240), "a run of the new rule", async || {
                let runs = env.invocations(NIGHTLY);
                if runs.len() > 1 { Ok(runs) } else { Err(runs.len()) }
            })
            .await;
        let runs: Vec<&str> = runs.iter().map(|run| run.event["resources"][0].as_str().unwrap()).collect();
        assert_eq!(runs, expected);

        // Nothing is left of the old tools, and nothing of others has changed.
        assert_eq!(foreign(&env, &photos).await, before);
        for bucket in [&photos, &uploads_bucket] {
            let document = env.document(bucket).await;
            let functions = document.entries().filter(|entry| entry.arn.contains(":lambda:")).count();
            assert_eq!((functions, own(&document).len()), (1, 1), "{bucket}");
        }
        assert_eq!(rules(&env).await.into_keys().collect::<Vec<_>>(), [new]);
        for function in [NIGHTLY, INDEX, THUMB] {
            let sids = env.statements(function, None).await;
            assert!(sids.len() == 1 && sids[0].starts_with("lt-"), "{function}: {sids:?}");
        }
        let left = stranger.chalice.deployed();
        assert!(left.iter().all(|resource| resource["resource_type"] == "lambda_function"), "{left:?}");
        stranger.chalice.deploy().await;

        for (report, resources) in [(&of_terraform, "1 resource says"), (&of_chalice, "2 resources say")] {
            let check =
                report.report.lines().map(str::trim).find(|line| line.starts_with("lambda-triggers plan"));
            let words: Vec<&str> = check.unwrap().split(' ').skip(1).collect();
            permit_import(&env);
            let plan = env.lambda_triggers(&words, &[]).await;
            permit_operator(&env);
            assert_eq!((plan.code, &*plan.stderr), (Some(0), ""), "{}", plan.stdout);
            assert!(
                plan.stdout.ends_with(&format!("No changes: AWS is as {resources}.\n")),
                "{}",
                plan.stdout
            );
        }
        uploads.until_each_ran_once().await;
    });
}
