//! Chalice, as far as triggers are concerned: the resources of an application in AWS, and the deployed file. Names,
//! statements and the order of the calls are those of Chalice 1.34
//! (<https://github.com/aws/chalice/blob/master/chalice/awsclient.py>).

use std::path::PathBuf;

use aws_sdk_eventbridge::types::Target;
use lambda_triggers_tests::env::TestEnv;
use serde_json::{Value, json};

use crate::support::AwsView;

const APP: &str = "shop";
const STAGE: &str = "dev";
const TARGET: &str = "1";

/// An application with its handlers.
pub struct Chalice<'a> {
    env: &'a TestEnv,
    /// The handlers of `app.py`: the name, and the decorator.
    pub handlers: Vec<(&'static str, Decorator)>,
}

/// The decorator of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decorator {
    /// `@app.schedule`, with an expression.
    Schedule(String),
    /// `@app.on_s3_event`, with a bucket, a prefix and a suffix.
    OnS3Event([String; 3]),
    /// `@app.lambda_function`.
    LambdaFunction,
}

impl<'a> Chalice<'a> {
    /// An application that was never deployed.
    pub fn new(env: &'a TestEnv, handlers: Vec<(&'static str, Decorator)>) -> Self {
        Self { env, handlers }
    }

    /// The deployed file.
    pub fn file(&self) -> PathBuf {
        self.env.directory().join(format!(".chalice/deployed/{STAGE}.json"))
    }

    /// The resources in the deployed file.
    pub fn deployed(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).unwrap_or_else(|_| "{}".into());
        let file: Value = serde_json::from_str(&text).unwrap();
        file["resources"].as_array().cloned().unwrap_or_default()
    }

    /// Writes the deployed file.
    pub fn record(&self, resources: &[Value]) {
        std::fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        let file = json!({"backend": "api", "resources": resources, "schema_version": "2.0"});
        std::fs::write(self.file(), file.to_string()).unwrap();
    }

    /// `chalice deploy`: makes all resources of the handlers, and then deletes all others of the deployed file.
    pub async fn deploy(&self) {
        let before = self.deployed();
        let mut resources = vec![];
        for (name, decorator) in &self.handlers {
            let known = before.iter().find(|resource| resource["name"] == *name);
            let known = known.map(|resource| resource["lambda_arn"].as_str().unwrap().to_owned());
            let arn = match known {
                Some(arn) => arn,
                None => self.create_function(name).await,
            };
            resources.push(json!({"name": name, "resource_type": "lambda_function", "lambda_arn": arn}));
            match decorator {
                Decorator::Schedule(expression) => {
                    resources.push(self.create_rule(name, expression, &arn).await);
                }
                Decorator::OnS3Event(parts) => resources.push(self.connect_bucket(name, parts, &arn).await),
                Decorator::LambdaFunction => {}
            }
        }
        let is_left = |old: &&Value| !resources.iter().any(|new| new["name"] == old["name"]);
        for old in before.iter().filter(is_left) {
            self.delete(old).await;
        }
        self.record(&resources);
    }

    async fn create_function(&self, name: &str) -> String {
        let arn = self.env.function(&format!("{APP}-{STAGE}-{name}")).await;
        let tag = format!("version=1.34.0:stage={STAGE}:app={APP}");
        self.env.lambda().tag_resource().resource(&arn).tags("aws-chalice", tag).send().await.unwrap();
        arn
    }

    /// Creates the rule. `PutRule` without a state enables the rule.
    async fn create_rule(&self, name: &str, expression: &str, function: &str) -> Value {
        let rule = format!("{APP}-{STAGE}-{name}-event");
        let events = self.env.events();
        let put = events.put_rule().name(&rule).schedule_expression(expression).send().await.unwrap();
        let target = Target::builder().id(TARGET).arn(function).build().unwrap();
        events.put_targets().rule(&rule).targets(target).send().await.unwrap();
        self.permit(function, "events.amazonaws.com", put.rule_arn().unwrap()).await;
        json!({"name": format!("{name}-event"), "resource_type": "cloudwatch_event", "rule_name": rule})
    }

    /// Replaces the entries of the function by one entry, or adds the entry.
    async fn connect_bucket(&self, name: &str, parts: &[String; 3], function: &str) -> Value {
        let [bucket, prefix, suffix] = parts;
        self.permit(function, "s3.amazonaws.com", &format!("arn:aws:s3:::{bucket}")).await;
        let entry = format!(
            "<CloudFunctionConfiguration><CloudFunction>{function}</CloudFunction><Event>s3:ObjectCreated:*</Event>\
             <Filter><S3Key><FilterRule><Name>Prefix</Name><Value>{prefix}</Value></FilterRule><FilterRule>\
             <Name>Suffix</Name><Value>{suffix}</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration>"
        );
        self.put_bucket_without(bucket, function, &entry).await;
        json!({
            "name": format!("{name}-s3event"), "resource_type": "s3_event", "bucket": bucket, "lambda_arn": function,
        })
    }

    /// Writes the document of a bucket without the entries of a function, and with `more`.
    async fn put_bucket_without(&self, bucket: &str, function: &str, more: &str) {
        let document = self.env.document(bucket).await;
        let of_function = format!("<CloudFunction>{function}</CloudFunction>");
        let kept = document.children.iter().map(|child| child.raw.as_str());
        let kept: String = kept.filter(|raw| !raw.contains(&of_function)).collect();
        let open = r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#;
        let text = format!("{open}{kept}{more}</NotificationConfiguration>");
        self.env.put_document(bucket, &text).await;
    }

    /// Adds a statement, unless the policy has one for this source. Chalice takes a random UUID as Sid.
    async fn permit(&self, function: &str, service: &str, source: &str) {
        if self.sids(function, source).await.is_empty() {
            let sid = format!("2f9f0c5e-8a4b-4c1d-9e37-{:012x}", function.len() * 1000 + source.len());
            let permission = self.env.lambda().add_permission().function_name(function).statement_id(sid);
            let permission = permission.action("lambda:InvokeFunction").principal(service).source_arn(source);
            let account = (service == "s3.amazonaws.com").then(|| self.env.account().to_owned());
            permission.set_source_account(account).send().await.unwrap();
        }
    }

    /// The Sids of the statements for a source.
    async fn sids(&self, function: &str, source: &str) -> Vec<String> {
        let Ok(policy) = self.env.lambda().get_policy().function_name(function).send().await else {
            return vec![];
        };
        let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
        let statements = policy["Statement"].as_array().unwrap().iter();
        let of_source =
            statements.filter(|statement| statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source);
        of_source.map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect()
    }

    async fn delete(&self, resource: &Value) {
        let text = |field: &str| resource[field].as_str().unwrap();
        match text("resource_type") {
            "cloudwatch_event" => {
                let (events, rule) = (self.env.events(), text("rule_name"));
                events.remove_targets().rule(rule).ids(TARGET).send().await.unwrap();
                events.delete_rule().name(rule).send().await.unwrap();
            }
            "s3_event" => {
                let (bucket, function) = (text("bucket"), text("lambda_arn"));
                self.put_bucket_without(bucket, function, "").await;
                for sid in self.sids(function, &format!("arn:aws:s3:::{bucket}")).await {
                    let remove = self.env.lambda().remove_permission().function_name(function);
                    remove.statement_id(sid).send().await.unwrap();
                }
            }
            _ => {
                let delete = self.env.lambda().delete_function().function_name(text("lambda_arn"));
                delete.send().await.unwrap();
            }
        }
    }
}
