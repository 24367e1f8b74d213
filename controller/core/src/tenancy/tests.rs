use super::*;
use crate::api::{Backend, FunctionDefinition, S3TriggeredFunctionSpec, ScheduledFunctionSpec};
use crate::arn::FunctionArn;
use crate::ownership::Origin;
use crate::ownership::{ObjectKey, Owner, OwnerId};
use crate::plan::function::DesiredFunction;

mod fields;
mod fuzz;

const FILE: &str = r#"
contact: ask the platform team
namespaces:
  media:
    role: {arn: "arn:aws:iam::123456789012:role/triggers/media", externalId: cluster-1/media}
    regions: [eu-*]
    buckets: [media-*]
    bucketOwners: ["210987654321"]
    functions: [media-*, "shared:live", "arn:aws:lambda:*:210987654321:function:public-*"]
    ruleTargets: [media-*]
    deadLetterQueues: ["arn:aws:sqs:*:123456789012:media-*"]
    definitions:
      names: [media-made-*]
      roles: [lambda/media-*, "arn:aws:iam::210987654321:role/lent"]
      codeBuckets: [builds]
      images: ["123456789012.dkr.ecr.eu-west-1.amazonaws.com/media/*"]
      layers: ["arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsights*"]
      subnets: [subnet-1]
      securityGroups: [sg-?]
      kmsKeys: ["arn:aws:kms:eu-west-1:123456789012:key/*"]
      reservedConcurrency: 5
    contact: ask media's own platform engineer
  team-*:
    buckets: ["*"]
  team-a-*: {}
"#;

fn tenancy() -> Tenancy {
    Tenancy::parse(FILE).unwrap()
}

fn own() -> ImplicitGrants {
    ImplicitGrants {
        account: "123456789012".into(),
        functions: vec!["lt-1a2b3c4d-media-it-0123456789".into()],
    }
}

fn function(arn: &str) -> FunctionArn {
    FunctionArn::parse(&format!("arn:aws:lambda:eu-west-1:{arn}")).unwrap()
}

fn permitted(namespace: &str, resource: ResourceRef) -> bool {
    tenancy().authorize(namespace, &own(), &resource).is_ok()
}

#[test]
fn only_resources_in_the_lists_are_permitted() {
    let cases = [
        (true, ResourceRef::Region("eu-west-1".into())),
        (false, ResourceRef::Region("us-east-1".into())),
        (true, ResourceRef::Bucket("media-photos".into())),
        (false, ResourceRef::Bucket("photos".into())),
        (false, ResourceRef::Bucket("amedia-photos".into())),
        (true, ResourceRef::BucketOwner("123456789012".into())),
        (true, ResourceRef::BucketOwner("210987654321".into())),
        (false, ResourceRef::BucketOwner("111111111111".into())),
        (true, ResourceRef::Function(function("123456789012:function:media-x"))),
        (true, ResourceRef::Function(function("123456789012:function:media-x:live"))),
        // A name stands for a function in the namespace's own account.
        (false, ResourceRef::Function(function("210987654321:function:media-x"))),
        (true, ResourceRef::Function(function("123456789012:function:shared:live"))),
        (false, ResourceRef::Function(function("123456789012:function:shared"))),
        (false, ResourceRef::Function(function("123456789012:function:shared:7"))),
        (true, ResourceRef::Function(function("210987654321:function:public-x:7"))),
        (false, ResourceRef::Function(function("210987654321:function:private"))),
        (true, ResourceRef::RuleTarget(function("123456789012:function:media-x"))),
        (false, ResourceRef::RuleTarget(function("123456789012:function:shared:live"))),
        (true, ResourceRef::DeadLetterQueue("arn:aws:sqs:eu-west-1:123456789012:media-dead".into())),
        (false, ResourceRef::DeadLetterQueue("arn:aws:sns:eu-west-1:123456789012:media-dead".into())),
        // A namespace may invoke and schedule the functions that the namespace deploys.
        (true, ResourceRef::DeployedFunction("media-made-1".into())),
        (true, ResourceRef::DeployedFunction("lt-1a2b3c4d-media-it-0123456789".into())),
        (false, ResourceRef::DeployedFunction("lt-1a2b3c4d-media-other-0123456789".into())),
        (false, ResourceRef::DeployedFunction("media-x".into())),
        (true, ResourceRef::RuleTarget(function("123456789012:function:lt-1a2b3c4d-media-it-0123456789"))),
        (true, ResourceRef::RuleTarget(function("123456789012:function:media-made-1:live"))),
        (false, ResourceRef::RuleTarget(function("210987654321:function:media-made-1"))),
        (true, ResourceRef::ExecutionRole("arn:aws:iam::123456789012:role/lambda/media-app".into())),
        (false, ResourceRef::ExecutionRole("arn:aws:iam::123456789012:role/media-app".into())),
        (false, ResourceRef::ExecutionRole("arn:aws:iam::210987654321:role/lambda/media-app".into())),
        (true, ResourceRef::ExecutionRole("arn:aws:iam::210987654321:role/lent".into())),
        (true, ResourceRef::CodeBucket("builds".into())),
        // The list of trigger buckets does not cover code buckets.
        (false, ResourceRef::CodeBucket("media-photos".into())),
        (true, ResourceRef::Image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/media/app:1".into())),
        (false, ResourceRef::Image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1".into())),
        (
            true,
            ResourceRef::Layer(
                "arn:aws:lambda:eu-west-1:580247275435:layer:LambdaInsightsExtension:1".into(),
            ),
        ),
        (
            false,
            ResourceRef::Layer(
                "arn:aws:lambda:eu-west-1:111111111111:layer:LambdaInsightsExtension:1".into(),
            ),
        ),
        (true, ResourceRef::Subnet("subnet-1".into())),
        (false, ResourceRef::Subnet("subnet-12".into())),
        (true, ResourceRef::SecurityGroup("sg-1".into())),
        (false, ResourceRef::SecurityGroup("sg-12".into())),
        (true, ResourceRef::KmsKey("arn:aws:kms:eu-west-1:123456789012:key/1".into())),
        (false, ResourceRef::KmsKey("arn:aws:kms:eu-west-1:210987654321:key/1".into())),
        (true, ResourceRef::ReservedConcurrency(5)),
        (false, ResourceRef::ReservedConcurrency(6)),
    ];
    for (expected, resource) in cases {
        assert_eq!(permitted("media", resource.clone()), expected, "{resource}");
    }
}

#[test]
fn the_most_specific_pattern_applies_to_a_namespace() {
    let bucket = || ResourceRef::Bucket("photos".into());
    assert!(permitted("team-b", bucket()));
    assert!(!permitted("team-a-1", bucket()), "team-a-* is more specific than team-*");
    assert!(!permitted("teams", bucket()));
    assert!(!permitted("media", bucket()), "an exact name has precedence over patterns");
    assert!(
        permitted("team-b", ResourceRef::Region("us-east-1".into())),
        "a tenant without Regions may use all Regions"
    );
    assert!(!permitted("team-b", ResourceRef::DeployedFunction(own().functions.remove(0))));
    assert!(!permitted("team-b", ResourceRef::ReservedConcurrency(0)));
}

#[test]
fn a_refusal_shows_the_list_and_the_contact() {
    let refusal = |namespace: &str, resource: ResourceRef| {
        tenancy().authorize(namespace, &own(), &resource).unwrap_err().to_string()
    };
    assert_eq!(
        refusal("media", ResourceRef::Bucket("photos".into())),
        "namespace media may not use bucket photos: namespaces.media.buckets in the tenancy file permits \
         media-*; ask media's own platform engineer"
    );
    assert_eq!(
        refusal("team-a-1", ResourceRef::Function(function("123456789012:function:f"))),
        "namespace team-a-1 may not use function arn:aws:lambda:eu-west-1:123456789012:function:f: \
         namespaces.team-a-*.functions in the tenancy file permits nothing; ask the platform team"
    );
    assert_eq!(
        refusal("team-a-1", ResourceRef::DeployedFunction("f".into())),
        "namespace team-a-1 may not use the name f for a deployed function: namespaces.team-a-*.definitions in \
         the tenancy file permits nothing; ask the platform team"
    );
    let names = refusal("media", ResourceRef::DeployedFunction("f".into()));
    assert!(
        names.contains("namespaces.media.definitions.names in the tenancy file permits media-made-*"),
        "{names}"
    );
    assert_eq!(
        refusal("other", ResourceRef::Bucket("photos".into())),
        "the tenancy file has no entry for namespace other, so its resources may not use anything in AWS; ask \
         the platform team"
    );
    let long = Tenancy::parse("namespaces: {a: {buckets: [aaa, bbb, ccc, ddd, eee, fff, ggg]}}").unwrap();
    assert_eq!(
        long.authorize("a", &own(), &ResourceRef::Bucket("x".into())).unwrap_err().to_string(),
        "namespace a may not use bucket x: namespaces.a.buckets in the tenancy file permits aaa, bbb, ccc, \
         ddd, eee and 2 more"
    );
}

#[test]
fn an_object_may_reference_the_functions_with_its_generated_names() {
    let (owner, key) = (OwnerId::parse("1a2b3c4d").unwrap(), ObjectKey::new("media", "it"));
    let kinds = ["ScheduledFunction", "S3TriggeredFunction"];
    let functions = kinds.map(|kind| key.function_name(&owner, kind)).to_vec();
    assert_eq!(
        ImplicitGrants::for_object("123456789012", &owner, &key, &kinds),
        ImplicitGrants { account: "123456789012".into(), functions }
    );
}

#[test]
fn an_external_id_has_two_characters_or_more() {
    let parse = |id: &str| {
        let role = format!("{{arn: 'arn:aws:iam::123456789012:role/a', externalId: '{id}'}}");
        Tenancy::parse(&format!("namespaces: {{media: {{role: {role}}}}}")).map(|_| ())
    };
    assert!(parse("ab").is_ok());
    assert!(parse("a").unwrap_err().to_string().contains("namespaces.media.role.externalId"));
}

#[test]
fn roles_are_listed_with_their_namespaces() {
    let tenancy = tenancy();
    let role = Role {
        arn: "arn:aws:iam::123456789012:role/triggers/media".into(),
        external_id: Some("cluster-1/media".into()),
    };
    assert_eq!(tenancy.roles().collect::<Vec<_>>(), [("media", &role)]);
    assert_eq!(role.account(), "123456789012");
    assert_eq!(tenancy.tenant("media").and_then(|tenant| tenant.role.as_ref()), Some(&role));
    assert_eq!(tenancy.tenant("other"), None);
}

#[test]
fn an_invalid_file_is_rejected_with_the_position() {
    let cases = [
        ("", "unexpected end of input"),
        ("contact: us", "namespaces"),
        ("namespaces: []", "line 1"),
        ("namespaces:\n  media:\n    bucket: [photos]\n", "bucket"),
        ("namespaces:\n  media:\n    bucket: [photos]\n", "line 3"),
        ("namespaces:\n  media: {}\nothers: {}\n", "others"),
        ("namespaces:\n  media: {}\n  media: {buckets: ['*']}\n", "line 3"),
        (
            "namespaces:\n  media: {role: {arn: 'arn:aws:iam::123456789012:role/a', externalID: x}}\n",
            "externalID",
        ),
        (
            "namespaces:\n  media: {role: {arn: media}}\n",
            "namespaces.media.role.arn: \"media\" is not a valid role ARN",
        ),
        (
            "namespaces:\n  media: {role: {arn: 'arn:aws:iam::123456789012:role/*'}}\n",
            "namespaces.media.role.arn: \"arn:aws:iam::123456789012:role/*\" is not a valid role ARN",
        ),
        (
            "namespaces:\n  media: {role: {arn: 'arn:aws:iam::123456789012:role/a', externalId: '%%'}}\n",
            "namespaces.media.role.externalId: must have 2 to 1,224",
        ),
        (
            "namespaces:\n  media: {buckets: [a, photos/]}\n",
            "namespaces.media.buckets[1]: \"photos/\" is not a valid bucket name",
        ),
        (
            "namespaces:\n  media: {bucketOwners: ['*']}\n",
            "namespaces.media.bucketOwners[0]: \"*\" is not a valid account id",
        ),
        (
            "namespaces:\n  media: {functions: [a:b:c]}\n",
            "namespaces.media.functions[0]: \"a:b:c\" is not a valid function",
        ),
        (
            "namespaces:\n  media: {functions: ['arn:aws:sqs:eu-west-1:123456789012:function:f']}\n",
            "namespaces.media.functions[0]: ",
        ),
        (
            "namespaces:\n  media: {regions: [Ireland]}\n",
            "namespaces.media.regions[0]: \"Ireland\" is not a valid Region",
        ),
        ("namespaces:\n  media: {deadLetterQueues: ['*']}\n", "namespaces.media.deadLetterQueues[0]: "),
        (
            "namespaces:\n  media: {definitions: {roles: ['*:*']}}\n",
            "namespaces.media.definitions.roles[0]: ",
        ),
        (
            "namespaces:\n  media: {definitions: {images: ['*']}}\n",
            "namespaces.media.definitions.images[0]: ",
        ),
        (
            "namespaces:\n  media: {definitions: {reservedConcurrency: -1}}\n",
            "namespaces.media.definitions.reservedConcurrency: is less than 0",
        ),
        ("namespaces:\n  Media: {}\n", "namespaces.Media: is not a valid namespace name"),
        ("namespaces:\n  a*: {}\n  '*b': {}\n", "can match the same namespace as namespaces.a*"),
    ];
    for (text, expected) in cases {
        let error = Tenancy::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn json_and_quoted_accounts_are_accepted() {
    let owner = |text: &str| Tenancy::parse(text).map(|t| t.tenant("a").unwrap().bucket_owners.clone());
    assert_eq!(owner("namespaces: {a: {bucketOwners: ['012345678901']}}").unwrap(), ["012345678901"]);
    assert_eq!(
        owner(r#"{"namespaces": {"a": {"bucketOwners": ["012345678901"]}}}"#).unwrap(),
        ["012345678901"]
    );
    assert!(Tenancy::parse("namespaces: {}").is_ok(), "a file without namespaces is valid");
}

fn spec_references<T>(
    yaml: &str,
    references: impl Fn(&T, &str, &ImplicitGrants) -> Vec<Reference>,
) -> Vec<String>
where
    T: serde::de::DeserializeOwned,
{
    let spec: T = serde_saphyr::from_str(yaml).unwrap();
    references(&spec, "eu-west-1", &own())
        .into_iter()
        .map(|reference| format!("{} {}", reference.field, reference.resource))
        .collect()
}

#[test]
fn all_resources_of_a_spec_are_referenced() {
    let scheduled = |yaml: &str| {
        spec_references::<ScheduledFunctionSpec>(yaml, |spec, region, own| {
            references_of_scheduled(spec, Backend::Rule, region, own)
        })
    };
    let s3 = |yaml: &str| spec_references::<S3TriggeredFunctionSpec>(yaml, references_of_s3);
    let f = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    assert_eq!(
        scheduled("{function: {name: f, qualifier: live}, schedule: rate(1 day), deadLetterQueueArn: q}"),
        [
            "spec.region Region eu-west-1".to_owned(),
            format!("spec.function.name function {f}:live"),
            format!("spec.function.name function {f}:live as the target of a schedule"),
            "spec.deadLetterQueueArn dead-letter queue q".into(),
        ]
    );
    let theirs = "arn:aws:lambda:eu-west-1:210987654321:function:f:7";
    assert_eq!(
        s3(&format!("{{function: {{arn: '{theirs}'}}, bucket: b}}")),
        [
            "spec.function.arn Region eu-west-1".to_owned(),
            format!("spec.function.arn function {theirs}"),
            "spec.bucket bucket b".into(),
            "spec.function.arn a bucket of account 210987654321".into(),
        ]
    );
    assert_eq!(
        s3("{function: {name: f}, bucket: b, bucketOwner: '111111111111', region: eu-west-1}"),
        [
            "spec.region Region eu-west-1".to_owned(),
            format!("spec.function.name function {f}"),
            "spec.bucket bucket b".into(),
            "spec.bucketOwner a bucket of account 111111111111".into(),
        ]
    );
    assert_eq!(
        scheduled("{function: {definition: {roleArn: r, code: {inline: {a: b}}}}, schedule: rate(1 day)}"),
        [
            "spec.region Region eu-west-1",
            "spec.function.definition.functionName the name lt-1a2b3c4d-media-it-0123456789 for a deployed \
             function",
            "spec.function.definition.roleArn role r for a function",
        ]
    );
}

/// The authorization layer must check the same resources as the check of the spec.
#[test]
fn definition_references_match_the_settings_for_lambda() {
    let full = "
        functionName: media-made-1
        roleArn: r
        code: CODE
        layers: [l1, l2]
        vpc: {subnetIds: [s1, s2], securityGroupIds: [g]}
        kmsKeyArn: k
        deadLetterQueueArn: q
        reservedConcurrency: 3";
    for code in ["{s3: {bucket: b, key: k}}", "{image: {uri: u}}"] {
        let definition: FunctionDefinition = serde_saphyr::from_str(&full.replace("CODE", code)).unwrap();
        let origin =
            Origin { kind: "ScheduledFunction", key: ObjectKey::new("media", "it"), uid: String::new() };
        let owner =
            Owner { id: crate::ownership::OwnerId::parse("1a2b3c4d").unwrap(), cluster: String::new() };
        let desired =
            DesiredFunction::from_definition(&owner, &origin, &Default::default(), &definition, None);
        let mut sent = references_of_configuration(&desired.configuration);
        sent.extend(references_of_code(&desired.code));
        sent.push(ResourceRef::DeployedFunction(desired.name));
        sent.extend(desired.reserved_concurrency.map(ResourceRef::ReservedConcurrency));
        let spec = ScheduledFunctionSpec {
            function: crate::api::FunctionRef { definition: Some(definition), ..Default::default() },
            ..serde_saphyr::from_str("{function: {}}").unwrap()
        };
        let mut referenced: Vec<ResourceRef> =
            references_of_scheduled(&spec, Backend::Rule, "eu-west-1", &own())
                .into_iter()
                .map(|reference| reference.resource)
                .collect();
        referenced.retain(|resource| !matches!(resource, ResourceRef::Region(_)));
        let sorted = |references: Vec<ResourceRef>| {
            let mut texts: Vec<String> = references.iter().map(ToString::to_string).collect();
            texts.sort();
            texts
        };
        assert_eq!(sorted(sent), sorted(referenced));
    }
}
