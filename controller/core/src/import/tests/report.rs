//! The text of reports.

use super::rule::{NOW, rule, target};
use super::*;
use crate::plan::bucket::Bucket;

fn bucket_section() -> Section {
    let entry = |id: &str, function: &str, prefix: &str| {
        format!(
            "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{}</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>{prefix}</Value>\
             </FilterRule></S3Key></Filter></CloudFunctionConfiguration>",
            arn(function)
        )
    };
    let topic = "<TopicConfiguration><Id>tf-s3-topic-1</Id><Topic>arn:aws:sns:eu-west-1:1:t</Topic>\
                 <Event>s3:ObjectRemoved:*</Event></TopicConfiguration>";
    let entries =
        [entry("tf-s3-lambda-1", "thumb", "images/"), entry("x", "index", "docs/"), topic.to_owned()];
    let xml = format!("<NotificationConfiguration>{}</NotificationConfiguration>", entries.concat());
    let s3 = "s3.amazonaws.com";
    let thumb = function(&[], &[("AllowExecutionFromS3Bucket", s3, "arn:aws:s3:::photos")]);
    let index = function(&[CHALICE], &[("5c7e8d9a-uuid", s3, "arn:aws:s3:::photos")]);
    let observed = ObservedBucket {
        bucket: Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: ACCOUNT.into() },
        document: Document::parse(&xml).unwrap(),
        functions: BTreeMap::from([(arn("thumb"), thumb), (arn("index"), index)]),
        listed: None,
    };
    let findings = import_bucket(&settings(), &mut Names::default(), &observed);
    Section { place: Place::Bucket { name: "photos".into(), region: "eu-west-1".into() }, findings }
}

fn report(folder: Option<&str>, sections: Vec<Section>) -> String {
    let (folder, owner_id) = (folder.map(Into::into), folder.map(|_| "1a2b3c4d".into()));
    let format = ManifestFormat::Yaml;
    Report { namespace: "media".into(), owner_id, folder, format, sections }.to_string()
}

#[test]
fn the_report_of_a_bucket_has_each_entry_and_the_steps() {
    let expected = "\
bucket photos, eu-west-1
  -> S3TriggeredFunction media/thumb, in triggers/thumb.yaml
     1 entry (s3:ObjectCreated:*; images/)
     made by Terraform
  -> S3TriggeredFunction media/index, in triggers/index.yaml
     1 entry (s3:ObjectCreated:*; docs/)
     made by Chalice, app shop, stage dev
  =  topic entry \"tf-s3-topic-1\" (s3:ObjectRemoved:*, all keys)
     made by Terraform
     stays: the operator leaves entries of topics as they are

To hand over the entries, in this order:
1. Let the other tools go. Otherwise they write their own document again.
   bucket photos, made by Terraform:
     find the ADDRESS:
     terraform state list | grep aws_s3_bucket_notification
     Terraform 1.7 or later: put this block in the place of the resource, and apply:
       removed {
         from = ADDRESS
         lifecycle {
           destroy = false
         }
       }
     or delete the resource from the configuration, and run:
     terraform state rm ADDRESS
     it also made topic entry \"tf-s3-topic-1\" (s3:ObjectRemoved:*, all keys): they stay, and no tool manages them
   bucket photos, made by Chalice, app shop, stage dev:
     take \"NAME-s3event\" out of the resources in .chalice/deployed/dev.json
     replace @app.on_s3_event in app.py by @app.lambda_function(name=\"NAME\")
     give the handler the parameters event and context; the event is then a dict
     without a decorator, chalice deploy deletes the function
     in the other order, it removes the operator's entries and permissions, too
2. Apply the manifests. The operator replaces each entry in one write,
   so no event is missed, and none runs twice.
     kubectl apply --filename triggers
     kubectl wait --filename triggers --for condition=Ready --timeout 5m
3. Remove the permissions that only the old entries needed.
   made by Terraform:
     delete the aws_lambda_permission with the statement_id \"AllowExecutionFromS3Bucket\", and apply
   made by Chalice, app shop, stage dev:
     aws lambda remove-permission --function-name index --statement-id 5c7e8d9a-uuid --region eu-west-1

To check the result:
     lambda-triggers plan --filename triggers --namespace media --owner-id 1a2b3c4d
";
    assert_eq!(report(Some("triggers"), vec![bucket_section()]), expected);
}

fn rules_section() -> Section {
    let mut names = Names::default();
    let address = Some("module.x[\"a\"].aws_cloudwatch_event_rule.nightly".into());
    let mut nightly =
        rule("nightly", "cron(0 18 ? * MON-FRI *)", vec![target("a", &arn("f")), target("b", &arn("g"))]);
    nightly.made_by = Some(Maker::Terraform { address });
    let mut off = rule("off", "rate(1 hour)", vec![target("a", &arn("f"))]);
    off.rule.settings.enabled = false;
    let mut hidden = rule("secret", "rate(1 hour)", vec![target("a", &arn("f"))]);
    if let Some(target) = &mut hidden.rule.targets[0].1 {
        target.input = Some("{\"password\":\"canary\"}".into());
    }
    let refused = rule("odd", "rate(1 hours)", vec![target("a", &arn("f"))]);
    let rules = [nightly, off, hidden, refused];
    let now = NOW.parse().unwrap();
    let findings = rules.iter().flat_map(|rule| import_rule(&settings(), &mut names, rule, now)).collect();
    Section { place: Place::Rules { region: "eu-west-1".into() }, findings }
}

#[test]
fn the_report_of_rules_has_the_hand_over_of_each_rule() {
    let expected = "\
rules, eu-west-1
  -> ScheduledFunction media/nightly
     rule nightly (cron(0 18 ? * MON-FRI *)), target f
     made by Terraform, module.x[\"a\"].aws_cloudwatch_event_rule.nightly
  -> ScheduledFunction media/nightly-2
     rule nightly (cron(0 18 ? * MON-FRI *)), target g
     made by Terraform, module.x[\"a\"].aws_cloudwatch_event_rule.nightly
  -> ScheduledFunction media/off
     rule off (rate(1 hour)), target f
  -> ScheduledFunction media/secret
     rule secret (rate(1 hour)), target f
  !  rule odd (rate(1 hours))
     not imported: spec.schedule: Invalid value: \"rate(1 hours)\": write rate(1 hour)

To hand over the schedules, in this order:
1. Apply the manifests. They are suspended, so nothing runs twice.
     kubectl apply --filename manifests.yaml
     kubectl wait --filename manifests.yaml --for condition=Ready --timeout 5m
2. Change over from each old schedule, at a time without a run.
   rule nightly:
     next runs: Fri 2026-11-27 18:00 UTC, Mon 2026-11-30 18:00 UTC
     change over before Fri 2026-11-27 17:59 UTC
     or between Fri 2026-11-27 18:01 UTC and Mon 2026-11-30 17:59 UTC
     remove spec.suspend of ScheduledFunction nightly from manifests.yaml
     remove spec.suspend of ScheduledFunction nightly-2 from manifests.yaml
     kubectl apply --filename manifests.yaml
     kubectl wait --filename manifests.yaml --for condition=Ready --timeout 5m
     aws events disable-rule --name nightly --region eu-west-1
   rule off is disabled, so off stays suspended
   rule secret:
     the interval begins again, so one interval is shorter or longer
     remove spec.suspend of ScheduledFunction secret from manifests.yaml
     kubectl apply --filename manifests.yaml
     kubectl wait --filename manifests.yaml --for condition=Ready --timeout 5m
     aws events disable-rule --name secret --region eu-west-1
3. Let the other tools go.
   rule off, rule secret, made by an unknown tool:
     no tool is known; if a tool made the old rule, delete it there, otherwise:
     aws events remove-targets --rule off --ids a --region eu-west-1
     aws events delete-rule --name off --region eu-west-1
     aws events remove-targets --rule secret --ids a --region eu-west-1
     aws events delete-rule --name secret --region eu-west-1
   rule nightly, made by Terraform:
     delete module.x[\"a\"].aws_cloudwatch_event_rule.nightly and its aws_cloudwatch_event_target
     then apply, once for all of them:
     terraform apply
     terraform apply enables each old rule again that is still in the configuration

To check the result:
     lambda-triggers plan --filename manifests.yaml --namespace media --owner-id OWNER_ID
";
    let text = report(None, vec![rules_section()]);
    assert_eq!(text, expected);
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn the_report_as_json_has_the_findings_the_steps_and_the_check() {
    let (folder, owner_id) = (Some("triggers/".into()), Some("1a2b3c4d".into()));
    let format = ManifestFormat::Json;
    let report =
        Report { namespace: "media".into(), owner_id, folder, format, sections: vec![bucket_section()] };
    let mut json = report.to_json();
    let findings = json!([
        {
            "part": "1 entry (s3:ObjectCreated:*; images/)", "madeBy": "Terraform", "outcome": "Imported",
            "manifest": {"kind": "S3TriggeredFunction", "name": "thumb", "file": "triggers/thumb.json"}, "notes": [],
        },
        {
            "part": "1 entry (s3:ObjectCreated:*; docs/)", "madeBy": "Chalice, app shop, stage dev",
            "outcome": "Imported", "notes": [],
            "manifest": {"kind": "S3TriggeredFunction", "name": "index", "file": "triggers/index.json"},
        },
        {
            "part": "topic entry \"tf-s3-topic-1\" (s3:ObjectRemoved:*, all keys)", "madeBy": "Terraform",
            "outcome": "Stays", "reason": "the operator leaves entries of topics as they are", "notes": [],
        },
    ]);
    let steps = json["steps"].take();
    let expected = json!({
        "namespace": "media", "steps": null,
        "sections": [{"kind": "Bucket", "name": "photos", "region": "eu-west-1", "findings": findings}],
        "check": "lambda-triggers plan --filename triggers/ --namespace media --owner-id 1a2b3c4d",
    });
    assert_eq!(json, expected);
    let list: Value = serde_json::from_str(&report.manifests_text().unwrap()).unwrap();
    let objects: Vec<&Value> = report.manifests().map(|manifest| &manifest.object).collect();
    assert_eq!(list, json!({"apiVersion": "v1", "kind": "List", "items": objects}));
    let [steps] = steps.as_array().unwrap().as_slice() else { panic!("{steps}") };
    assert_eq!(steps[0], json!({"depth": 0, "text": "To hand over the entries, in this order:"}));
    let apply = json!({"depth": 2, "command": "kubectl apply --filename triggers/"});
    assert!(steps.as_array().unwrap().contains(&apply), "{steps}");
}

#[test]
fn a_report_without_manifests_has_no_steps() {
    let finding = Finding {
        part: "notification configuration".into(),
        made_by: None,
        outcome: Outcome::Unread("access denied".into()),
        notes: vec![],
    };
    let place = |name: &str| Place::Bucket { name: name.into(), region: "eu-west-1".into() };
    let sections = vec![
        Section { place: place("denied"), findings: vec![finding] },
        Section { place: place("empty"), findings: vec![] },
        Section { place: Place::File { path: "dev.json".into() }, findings: vec![] },
        Section { place: Place::Schedules { region: "eu-west-1".into() }, findings: vec![] },
    ];
    let (namespace, format) = ("media".into(), ManifestFormat::Yaml);
    let report = Report { namespace, owner_id: None, folder: None, format, sections };
    let expected = "\
bucket denied, eu-west-1
  ?  notification configuration
     not read: access denied
bucket empty, eu-west-1
  nothing
file dev.json
  nothing
schedules of EventBridge Scheduler, eu-west-1
  nothing

There is nothing to import.
";
    assert_eq!(report.to_string(), expected);
    assert!(!report.is_complete());
}

#[test]
fn each_tool_lets_go_of_the_triggers_that_its_file_names() {
    let mut section = bucket_section();
    let chalice = |resource: &str| Maker::Chalice {
        app: None,
        stage: Some("prod".into()),
        resource: Some(resource.into()),
    };
    let stack = |resource: &str| Maker::CloudFormation {
        stack: Some("shop".into()),
        resource: Some(resource.into()),
    };
    let urn =
        "urn:pulumi:dev::shop::aws:s3/bucket:Bucket$aws:s3/bucketNotification:BucketNotification::photos";
    section.findings[0].made_by = Some(Maker::Pulumi { urn: Some(urn.into()) });
    let text = report(None, vec![section.clone()]);
    let delete = format!("     pulumi state delete '{urn}'\n");
    assert!(text.contains(&delete), "{text}");
    let permission =
        "delete the aws.lambda.Permission with the statementId \"AllowExecutionFromS3Bucket\", and update";
    assert!(text.contains(permission), "{text}");
    section.findings[0].made_by = Some(stack("Photos"));
    section.findings[1].made_by = Some(chalice("index-s3event"));
    let mut rules = rules_section();
    rules.findings[0].made_by = Some(chalice("report-event"));
    rules.findings.remove(1);
    rules.findings[1].made_by = Some(stack("Nightly"));
    let text = report(None, vec![section, rules]);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for line in [
        "take \"index-s3event\" out of the resources in .chalice/deployed/prod.json",
        "replace @app.on_s3_event in app.py by @app.lambda_function(name=\"index\")",
        "set DeletionPolicy: Retain on Photos, and deploy",
        "take the AWS::Lambda::Permission of \"AllowExecutionFromS3Bucket\" out of the template, and deploy",
        "replace @app.schedule in app.py by @app.lambda_function(name=\"report\")",
        "chalice deploy --stage prod",
        "take Nightly out of the template, and deploy: that deletes the old rule",
    ] {
        assert!(lines.contains(&line), "{line}\n{text}");
    }
}

/// A deployment for one rule would enable the other old rules again.
#[test]
fn a_tool_lets_all_of_its_rules_go_in_one_deployment() {
    let made_by = |maker: fn(&str) -> Maker| {
        let names = ["daily", "hourly"];
        let mut names_in_use = Names::default();
        let findings = names.iter().flat_map(|name| {
            let mut found = rule(name, "rate(1 day)", vec![target("a", &arn("f"))]);
            found.made_by = Some(maker(name));
            import_rule(&settings(), &mut names_in_use, &found, NOW.parse().unwrap())
        });
        let findings = findings.collect();
        let text =
            report(None, vec![Section { place: Place::Rules { region: "eu-west-1".into() }, findings }]);
        let (_, step) = text.split_once("3. Let the other tools go.\n").unwrap();
        let (step, _) = step.split_once("\n\n").unwrap();
        step.lines().map(|line| line.trim().to_owned()).collect::<Vec<String>>()
    };
    let chalice = made_by(|name| Maker::Chalice {
        app: None,
        stage: Some("dev".into()),
        resource: Some(format!("{name}-event")),
    });
    let expected = [
        "rule daily, rule hourly, made by Chalice, stage dev:",
        "replace @app.schedule in app.py by @app.lambda_function(name=\"daily\")",
        "replace @app.schedule in app.py by @app.lambda_function(name=\"hourly\")",
        "give the handler the parameters event and context; the event is then a dict",
        "without a decorator, chalice deploy deletes the function",
        "chalice deploy --stage dev",
        "chalice deploy enables each old rule again that still has its decorator",
    ];
    assert_eq!(chalice, expected);
    let terraform =
        made_by(|name| Maker::Terraform { address: Some(format!("aws_cloudwatch_event_rule.{name}")) });
    let expected = [
        "rule daily, rule hourly, made by Terraform:",
        "delete aws_cloudwatch_event_rule.daily and its aws_cloudwatch_event_target",
        "delete aws_cloudwatch_event_rule.hourly and its aws_cloudwatch_event_target",
        "then apply, once for all of them:",
        "terraform apply",
        "terraform apply enables each old rule again that is still in the configuration",
    ];
    assert_eq!(terraform, expected);
    let pulumi = made_by(|name| Maker::Pulumi { urn: Some(format!("urn:pulumi:dev::shop::rule::{name}")) });
    let expected = [
        "rule daily, rule hourly, made by Pulumi:",
        "delete urn:pulumi:dev::shop::rule::daily from the program",
        "delete urn:pulumi:dev::shop::rule::hourly from the program",
        "then update, once for all of them:",
        "pulumi up",
    ];
    assert_eq!(pulumi, expected);
}

/// Inputs that the import keeps, and inputs that the check of the manifest refuses.
#[test]
fn the_input_of_a_schedule_is_in_no_report() {
    let long = format!("\"{}\"", "canary".repeat(2000));
    for (input, is_imported) in [
        ("\"canary\"", true),
        ("{\"a\":{\"b\":\"canary\"}}", true),
        ("{\"a\":null,\"b\":\"canary\"}", true),
        ("{\"canary\"", false),
        ("canary", false),
        (long.as_str(), false),
        (&format!("[null,{long}]"), false),
    ] {
        for (expression, is_valid) in [("rate(1 day)", true), ("rate(1 days)", false)] {
            let mut found = rule("nightly", expression, vec![target("a", &arn("f"))]);
            if let Some(target) = &mut found.rule.targets[0].1 {
                target.input = Some(input.into());
            }
            let findings = import_rule(&settings(), &mut Names::default(), &found, NOW.parse().unwrap());
            let manifests = findings.iter().filter(|finding| finding.manifest().is_some()).count();
            assert_eq!(manifests == 1, is_imported && is_valid, "{input}: {findings:?}");
            let place = Place::Rules { region: "eu-west-1".into() };
            let text = report(None, vec![Section { place, findings }]);
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
