use super::*;
use crate::api::{Applied, AppliedFunction, AppliedPermission, AppliedSchedule, KeyFilter};
use crate::ownership::{ObjectKey, bucket_statement_id, rules_statement_id};

const SCHEDULED: &str = "ScheduledFunction";
const S3: &str = "S3TriggeredFunction";
const REGION: &str = "eu-west-1";

fn owner() -> OwnerId {
    OwnerId::parse("1a2b3c4d").unwrap()
}

fn function(name: &str) -> FunctionArn {
    FunctionArn::of_name(name, REGION, "123456789012")
}

fn bucket() -> Bucket {
    Bucket { region: REGION.into(), name: "photos".into(), owner: "123456789012".into() }
}

fn rule(name: &str) -> OwnedResource {
    let name = ObjectKey::new("team", name).rule_name(&owner(), SCHEDULED);
    OwnedResource::Rule { region: REGION.into(), name }
}

fn schedule(name: &str) -> OwnedResource {
    let name = ObjectKey::new("team", name).rule_name(&owner(), SCHEDULED);
    OwnedResource::Schedule { region: REGION.into(), name }
}

fn entry(name: &str, retained: bool) -> OwnedResource {
    let id = ObjectKey::new("team", name).entry_id(&owner(), &KeyFilter::default(), retained);
    OwnedResource::Entry { bucket: bucket(), id }
}

fn deployed(name: &str) -> OwnedResource {
    OwnedResource::Function { region: REGION.into(), name: name.into() }
}

fn statement(name: &str, id: String) -> OwnedResource {
    OwnedResource::Statement { function: function(name), id }
}

/// The claims of two resources of each kind in the namespace `team`.
fn claims(namespaces: Option<&[&str]>) -> Claims {
    let namespaces = namespaces.map(|names| names.iter().map(ToString::to_string).collect());
    let mut claims = Claims::new(namespaces);
    let permission =
        |id: String| AppliedPermission { function_arn: function("report").to_string(), statement_id: id };
    let applied = Applied {
        permissions: vec![
            permission(rules_statement_id(&owner())),
            permission(bucket_statement_id(&owner(), "photos")),
        ],
        functions: vec![AppliedFunction {
            region: REGION.into(),
            name: "named".into(),
            tag_keys: vec![],
            async_invoke: false,
        }],
        schedules: vec![AppliedSchedule { region: REGION.into(), group: "lt".into(), name: "lt".into() }],
        ..Applied::default()
    };
    claims.add(&owner(), SCHEDULED, &ObjectKey::new("team", "live"), &applied);
    claims.add(&owner(), S3, &ObjectKey::new("team", "live"), &Applied::default());
    claims
}

fn check(found: &[OwnedResource], claims: &Claims) -> Vec<Check> {
    check_orphans(&owner(), &found.iter().cloned().collect(), claims)
}

fn count(text: &str) -> Check {
    Check::ok("AWS resources of 1a2b3c4d", format!("belong to resources of the cluster: {text}"))
}

#[test]
fn claimed_resources_are_no_orphans() {
    let own = ObjectKey::new("team", "live").function_name(&owner(), S3);
    let found = [
        rule("live"),
        schedule("live"),
        OwnedResource::ScheduleGroup { region: REGION.into() },
        entry("live", false),
        entry("live", true),
        deployed("named"),
        deployed(&own),
        statement("report", rules_statement_id(&owner())),
        statement("report", bucket_statement_id(&owner(), "photos")),
    ];
    assert_eq!(check(&found, &claims(None)), [count("9")]);
}

#[test]
fn an_orphan_has_its_resource_and_the_commands_of_its_removal() {
    let other = "us-east-1".to_owned();
    let found = [
        rule("gone"),
        schedule("gone"),
        OwnedResource::ScheduleGroup { region: other.clone() },
        entry("gone", false),
        OwnedResource::Function { region: other, name: "named".into() },
        statement("other", rules_statement_id(&owner())),
        statement("report", bucket_statement_id(&owner(), "videos")),
        OwnedResource::Statement {
            function: function("report").with_qualifier(Some("live")),
            id: rules_statement_id(&owner()),
        },
        rule("live"),
    ];
    let failed = |name: &str, why: &str, commands: &[&str]| Check {
        commands: commands.iter().map(ToString::to_string).collect(),
        ..Check::failed(name, format!("is an orphan: {why}"))
    };
    let retain = "; deletionPolicy: Retain leaves it on purpose";
    let place = "--region eu-west-1 --bucket photos --expected-bucket-owner 123456789012";
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function";
    assert_eq!(
        check(&found, &claims(None)),
        [
            failed(
                "rule lt-1a2b3c4d-team-gone-cc03146d9a in eu-west-1",
                &format!("its name tells ScheduledFunction team/gone, which does not exist{retain}"),
                &[
                    "aws events remove-targets --region eu-west-1 --rule lt-1a2b3c4d-team-gone-cc03146d9a --ids \
                     lt-1a2b3c4d-function",
                    "aws events delete-rule --region eu-west-1 --name lt-1a2b3c4d-team-gone-cc03146d9a",
                ]
            ),
            failed(
                "schedule lt-1a2b3c4d-team-gone-cc03146d9a in eu-west-1",
                &format!("its name tells ScheduledFunction team/gone, which does not exist{retain}"),
                &["aws scheduler delete-schedule --region eu-west-1 --group-name lt-1a2b3c4d --name \
                   lt-1a2b3c4d-team-gone-cc03146d9a"]
            ),
            failed(
                "schedule group lt-1a2b3c4d in us-east-1",
                "no resource of the cluster has a schedule in it; the command also deletes all its schedules",
                &["aws scheduler delete-schedule-group --region us-east-1 --name lt-1a2b3c4d"]
            ),
            failed(
                "entry lt-1a2b3c4d-team-gone-159ab367d7-374708 in bucket photos",
                "its name tells S3TriggeredFunction team/gone, which does not exist",
                &[
                    &format!(
                        "aws s3api get-bucket-notification-configuration {place} | jq --arg id \
                         lt-1a2b3c4d-team-gone-159ab367d7-374708 'del(.LambdaFunctionConfigurations[] | select(.Id == $id))' > \
                         notification.json"
                    ),
                    &format!(
                        "aws s3api put-bucket-notification-configuration {place} --notification-configuration \
                         file://notification.json"
                    ),
                ]
            ),
            failed(
                "function named in us-east-1",
                "no resource of the cluster needs it",
                &["aws lambda delete-function --region us-east-1 --function-name named"]
            ),
            failed(
                "statement lt-1a2b3c4d-rules in the policy of other",
                &format!("no resource of the cluster needs it{retain}"),
                &[&format!(
                    "aws lambda remove-permission --region eu-west-1 --function-name {arn}:other --statement-id \
                     lt-1a2b3c4d-rules"
                )]
            ),
            failed(
                "statement lt-1a2b3c4d-bucket-f844cc5ffc7bc339 in the policy of report",
                &format!("no resource of the cluster needs it{retain}"),
                &[&format!(
                    "aws lambda remove-permission --region eu-west-1 --function-name {arn}:report --statement-id \
                     lt-1a2b3c4d-bucket-f844cc5ffc7bc339"
                )]
            ),
            failed(
                "statement lt-1a2b3c4d-rules in the policy of report:live",
                &format!("no resource of the cluster needs it{retain}"),
                &[&format!(
                    "aws lambda remove-permission --region eu-west-1 --function-name {arn}:report --statement-id \
                     lt-1a2b3c4d-rules --qualifier live"
                )]
            ),
            count("1"),
        ]
    );
}

#[test]
fn the_policy_of_an_orphaned_function_goes_with_the_function() {
    let found = [deployed("old"), statement("old", rules_statement_id(&owner()))];
    let names: Vec<String> = check(&found, &claims(None)).into_iter().map(|check| check.name).collect();
    assert_eq!(names, ["function old in eu-west-1", "AWS resources of 1a2b3c4d"]);
}

#[test]
fn a_retained_entry_is_no_orphan() {
    let left = count("0; entries that deletionPolicy: Retain has left: 1");
    assert_eq!(check(&[entry("gone", true)], &claims(None)), [left]);
}

#[test]
fn resources_of_other_namespaces_are_not_judged() {
    let found = [rule("gone"), statement("other", rules_statement_id(&owner())), rule("live")];
    let unknown = |count: usize| {
        let message = format!(
            "{count} AWS resources are not judged: they may belong to namespaces that could not be listed; allow list of \
             both kinds in all namespaces, or use your own kubeconfig"
        );
        Check::skipped("other namespaces", message)
    };
    assert_eq!(check(&found, &claims(Some(&["ops"]))), [count("1"), unknown(2)]);
    let checks = check(&found, &claims(Some(&["ops", "team"])));
    assert_eq!(checks[0].name, check(&[rule("gone")], &claims(None))[0].name);
    assert_eq!(checks[1..], [count("1"), unknown(1)]);
}

#[test]
fn a_cut_name_tells_the_beginning_of_the_resource() {
    let long = "recompute-the-quarterly-figures-of-all-regions";
    let why = |found| {
        let message = check(&[found], &claims(None)).remove(0).message;
        message.split(": ").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    let cut = "its name tells the resource team-recompute-the-quarterly-figures-of-a (namespace and name, cut), which \
               does not exist";
    assert_eq!([why(rule(long)), why(entry(long, false))], [cut, cut]);
}

#[test]
fn a_name_with_the_hash_of_a_resource_is_own() {
    let name = |key: &str| ObjectKey::new("team", key).rule_name(&owner(), SCHEDULED);
    let long = "recompute-the-quarterly-figures-of-all-regions";
    assert!(is_own_name(&owner(), &name("report")) && is_own_name(&owner(), &name(long)));
    let foreign = name("report").replace("lt-1a2b3c4d", "lt-ffffffff");
    for other in ["lt-1a2b3c4d-report", "lt-1a2b3c4d-team-report-0123456789", "lt-1a2b3c4d-rules", &foreign] {
        assert!(!is_own_name(&owner(), other), "{other}");
    }
}
