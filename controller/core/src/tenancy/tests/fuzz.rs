//! Random tenancy files and resources, decided by a second, naive implementation. The naive implementation reads the
//! file as plain JSON, matches patterns by recursion, and finds ties by trial of names.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// Pattern matching as defined by IAM.
fn like(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            like(&pattern[1..], text)
                || (!text.is_empty() && like(pattern, &text[text.chars().next().unwrap().len_utf8()..]))
        }
        (Some('?'), Some(c)) => like(&pattern[1..], &text[c.len_utf8()..]),
        (Some(p), Some(c)) if p == c => like(&pattern[p.len_utf8()..], &text[c.len_utf8()..]),
        _ => false,
    }
}

fn arn_like(pattern: &str, arn: &str) -> bool {
    let mut pattern = pattern.splitn(6, ':');
    let mut arn = arn.splitn(6, ':');
    (0..6).all(|_| matches!((pattern.next(), arn.next()), (Some(p), Some(a)) if like(p, a)))
}

fn weight(pattern: &str) -> usize {
    pattern.replace(['*', '?'], "").len()
}

fn texts<'a>(tenant: &'a Value, list: &str) -> Vec<&'a str> {
    let list = list.split('.').fold(tenant, |value, key| &value[key]);
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

/// The tenant of the namespace in the file.
fn tenant_of<'a>(file: &'a Value, namespace: &str) -> Option<&'a Value> {
    let all = file["namespaces"].as_object().unwrap();
    if let Some(tenant) = all.get(namespace) {
        return Some(tenant);
    }
    let mut best: Option<(&String, &Value)> = None;
    for (pattern, tenant) in all {
        if pattern.contains(['*', '?']) && like(pattern, namespace) {
            match best {
                Some((other, _)) if weight(other) >= weight(pattern) => {}
                _ => best = Some((pattern, tenant)),
            }
        }
    }
    best.map(|(_, tenant)| tenant)
}

fn naive(file: &Value, namespace: &str, own: &ImplicitGrants, resource: &ResourceRef) -> bool {
    let Some(tenant) = tenant_of(file, namespace) else { return false };
    let by_text = |list: &str, text: &str| texts(tenant, list).iter().any(|pattern| like(pattern, text));
    let by_arn = |list: &str, arn: &str| texts(tenant, list).iter().any(|pattern| arn_like(pattern, arn));
    let deploys = |name: &str| {
        tenant["definitions"].is_object()
            && (own.functions.iter().any(|own| own == name) || by_text("definitions.names", name))
    };
    let by_function = |list: &str, function: &FunctionArn| {
        let is_own = function.account == own.account;
        let (whole, name) = (function.to_string(), function.name.clone());
        let with_qualifier = match &function.qualifier {
            Some(qualifier) => format!("{name}:{qualifier}"),
            None => name.clone(),
        };
        let bare = whole.split(':').take(7).collect::<Vec<_>>().join(":");
        (is_own && deploys(&name))
            || texts(tenant, list).iter().any(|pattern| {
                if pattern.starts_with("arn:") {
                    arn_like(pattern, &whole) || arn_like(pattern, &bare)
                } else {
                    is_own && (like(pattern, &name) || like(pattern, &with_qualifier))
                }
            })
    };
    match resource {
        ResourceRef::Region(region) => tenant.get("regions").is_none() || by_text("regions", region),
        ResourceRef::Function(function) => by_function("functions", function),
        ResourceRef::RuleTarget(function) => by_function("ruleTargets", function),
        ResourceRef::Bucket(name) => by_text("buckets", name),
        ResourceRef::BucketOwner(account) => {
            *account == own.account || texts(tenant, "bucketOwners").contains(&account.as_str())
        }
        ResourceRef::DeadLetterQueue(arn) => by_arn("deadLetterQueues", arn),
        ResourceRef::DeployedFunction(name) => deploys(name),
        ResourceRef::ExecutionRole(arn) => texts(tenant, "definitions.roles").iter().any(|pattern| {
            if pattern.starts_with("arn:") {
                arn_like(pattern, arn)
            } else {
                let prefix = format!("iam::{}:role/", own.account);
                arn.split_once(&prefix).is_some_and(|(before, name)| {
                    before.matches(':').count() == 2 && before.starts_with("arn:") && like(pattern, name)
                })
            }
        }),
        ResourceRef::CodeBucket(name) => by_text("definitions.codeBuckets", name),
        ResourceRef::Image(uri) => by_text("definitions.images", uri),
        ResourceRef::Layer(arn) => by_arn("definitions.layers", arn),
        ResourceRef::Subnet(id) => by_text("definitions.subnets", id),
        ResourceRef::SecurityGroup(id) => by_text("definitions.securityGroups", id),
        ResourceRef::KmsKey(arn) => by_arn("definitions.kmsKeys", arn),
        ResourceRef::ReservedConcurrency(runs) => {
            tenant["definitions"].is_object()
                && i64::from(*runs) <= tenant["definitions"]["reservedConcurrency"].as_i64().unwrap_or(0)
        }
    }
}

/// True if two equally specific patterns match the same name of up to five letters.
fn has_tie(file: &Value) -> bool {
    let mut names = vec![String::new()];
    let mut last = names.clone();
    for _ in 0..5 {
        last = last.iter().flat_map(|name| ["a", "b", "-"].map(|letter| format!("{name}{letter}"))).collect();
        names.extend(last.clone());
    }
    let patterns: Vec<&String> =
        file["namespaces"].as_object().unwrap().keys().filter(|name| name.contains(['*', '?'])).collect();
    let tied = |one: &String, other: &String| {
        one != other
            && weight(one) == weight(other)
            && names.iter().any(|name| like(one, name) && like(other, name))
    };
    patterns.iter().any(|one| patterns.iter().any(|other| tied(one, other)))
}

const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];

/// A short word of few letters, so that many patterns match.
fn word() -> impl Strategy<Value = String> {
    "[ab-]{1,3}"
}

fn pattern() -> impl Strategy<Value = String> {
    "[ab*?-]{1,3}"
}

fn region() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["eu-west-1".to_owned(), "us-east-1".into()])
}

fn account() -> impl Strategy<Value = String> {
    proptest::sample::select(ACCOUNTS.map(String::from).to_vec())
}

fn arn(service: &'static str, resource: &'static str) -> impl Strategy<Value = String> {
    (region(), account(), word()).prop_map(move |(region, account, name)| {
        format!("arn:aws:{service}:{region}:{account}:{resource}{name}")
    })
}

fn arn_pattern(service: &'static str, resource: &'static str) -> impl Strategy<Value = String> {
    let component =
        |whole: BoxedStrategy<String>| prop_oneof![Just("*".to_owned()), Just("?*1".into()), whole];
    (component(region().boxed()), component(account().boxed()), pattern(), any::<bool>()).prop_map(
        move |(region, account, name, with_qualifier)| {
            let qualifier = if with_qualifier && resource == "function:" { ":a*" } else { "" };
            format!("arn:aws:{service}:{region}:{account}:{resource}{name}{qualifier}")
        },
    )
}

fn function_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        pattern(),
        (pattern(), pattern()).prop_map(|(name, qualifier)| format!("{name}:{qualifier}")),
        arn_pattern("lambda", "function:"),
    ]
}

fn role_pattern() -> impl Strategy<Value = String> {
    let by_arn =
        (account(), pattern()).prop_map(|(account, name)| format!("arn:*:iam::{account}:role/{name}"));
    prop_oneof![pattern(), by_arn]
}

fn list(of: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Option<Value>> {
    proptest::option::of(proptest::collection::vec(of, 0..3).prop_map(|texts| json!(texts))).boxed()
}

/// A JSON object with random optional fields.
fn object(fields: Vec<(&'static str, BoxedStrategy<Option<Value>>)>) -> BoxedStrategy<Value> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let named = move |values: Vec<Option<Value>>| {
        let fields = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(fields.collect::<Map<_, _>>())
    };
    values.prop_map(named).boxed()
}

fn tenant() -> BoxedStrategy<Value> {
    let definitions = object(vec![
        ("names", list(pattern())),
        ("roles", list(role_pattern())),
        ("codeBuckets", list(pattern())),
        ("images", list(pattern().prop_map(|name| format!("r/{name}")))),
        ("layers", list(arn_pattern("lambda", "layer:"))),
        ("subnets", list(pattern())),
        ("securityGroups", list(pattern())),
        ("kmsKeys", list(arn_pattern("kms", "key/"))),
        ("reservedConcurrency", proptest::option::of((0..3).prop_map(|runs| json!(runs))).boxed()),
    ]);
    object(vec![
        ("regions", list(prop_oneof![Just("eu-*".to_owned()), region()])),
        ("buckets", list(pattern())),
        ("bucketOwners", list(account())),
        ("functions", list(function_pattern())),
        ("ruleTargets", list(function_pattern())),
        ("deadLetterQueues", list(arn_pattern("sqs", ""))),
        ("definitions", proptest::option::of(definitions).boxed()),
    ])
}

fn file() -> impl Strategy<Value = Value> {
    let name = prop_oneof![pattern(), word()];
    proptest::collection::btree_map(name, tenant(), 0..4)
        .prop_map(|namespaces| json!({"namespaces": namespaces}))
}

fn function_arn() -> impl Strategy<Value = FunctionArn> {
    (arn("lambda", "function:"), proptest::option::of(word()))
        .prop_map(|(arn, qualifier)| FunctionArn::parse(&arn).unwrap().with_qualifier(qualifier.as_deref()))
}

fn resource() -> BoxedStrategy<ResourceRef> {
    let role = (account(), word()).prop_map(|(account, name)| format!("arn:aws:iam::{account}:role/{name}"));
    prop_oneof![
        region().prop_map(ResourceRef::Region),
        function_arn().prop_map(ResourceRef::Function),
        function_arn().prop_map(ResourceRef::RuleTarget),
        word().prop_map(ResourceRef::Bucket),
        account().prop_map(ResourceRef::BucketOwner),
        arn("sqs", "").prop_map(ResourceRef::DeadLetterQueue),
        word().prop_map(ResourceRef::DeployedFunction),
        role.prop_map(ResourceRef::ExecutionRole),
        word().prop_map(ResourceRef::CodeBucket),
        word().prop_map(|name| ResourceRef::Image(format!("r/{name}"))),
        arn("lambda", "layer:").prop_map(ResourceRef::Layer),
        word().prop_map(ResourceRef::Subnet),
        word().prop_map(ResourceRef::SecurityGroup),
        arn("kms", "key/").prop_map(ResourceRef::KmsKey),
        (0..4).prop_map(ResourceRef::ReservedConcurrency),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn both_implementations_agree(
        file in file(),
        requests in proptest::collection::vec((word(), resource()), 1..24),
        own_function in word(),
    ) {
        match Tenancy::parse(&file.to_string()) {
            Err(error) => prop_assert!(has_tie(&file), "{error}"),
            Ok(tenancy) => {
                prop_assert!(!has_tie(&file));
                let own = ImplicitGrants { account: ACCOUNTS[0].into(), functions: vec![own_function] };
                for (namespace, resource) in requests {
                    let permitted = tenancy.authorize(&namespace, &own, &resource).is_ok();
                    prop_assert_eq!(permitted, naive(&file, &namespace, &own, &resource), "{} {}", namespace, resource);
                }
            }
        }
    }

    #[test]
    fn patterns_match_as_in_iam(pattern in "[ab*?é]{0,8}", text in "[abé]{0,8}") {
        prop_assert_eq!(Pattern::new(&*pattern).matches(&text), like(&pattern, &text));
    }

    #[test]
    fn random_text_never_panics(text in ".{0,200}") {
        drop(Tenancy::parse(&text));
    }
}
