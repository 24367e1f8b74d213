//! Property tests of the function planner's laws, and tables of single cases.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::api::AdoptionPolicy::{Always, IfOwned};
use crate::api::{
    ApplicationLogLevel, Architecture, Code, FunctionDefinition, ImageCode, LogFormat, Logging, S3Code,
    SnapStart, SystemLogLevel, Tags, Tracing, Vpc,
};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, Owner, OwnerId};
use crate::ownership::{Origin, TAG_CLUSTER, TAG_CODE, TAG_UID};

mod desired;
mod ownership;
mod report;

use ownership::removal;

fn owner() -> Owner {
    Owner { id: OwnerId::parse("1a2b3c4d").unwrap(), cluster: "cluster-1".into() }
}

fn origin() -> Origin {
    Origin { kind: "ScheduledFunction", key: ObjectKey::new("media", "hourly"), uid: "uid-1".into() }
}

fn files(text: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("app.py".into(), text.as_bytes().to_vec())])
}

fn zipped(text: &str) -> Archive {
    archive(&files(text)).unwrap()
}

/// The desired function of a definition, with `text` as its code.
fn desired(definition: &FunctionDefinition, text: &str) -> DesiredFunction {
    let in_cluster = definition.code.s3.is_none() && definition.code.image.is_none();
    DesiredFunction::from_definition(
        &owner(),
        &origin(),
        &Tags::new(),
        definition,
        in_cluster.then(|| zipped(text)),
    )
}

fn small() -> FunctionDefinition {
    FunctionDefinition {
        runtime: Some("python3.13".into()),
        handler: Some("app.handler".into()),
        role_arn: "arn:aws:iam::123456789012:role/app".into(),
        memory_size_mb: 128,
        timeout_seconds: 60,
        ephemeral_storage_mb: 512,
        ..FunctionDefinition::default()
    }
}

fn in_bucket(key: &str) -> FunctionDefinition {
    let s3 = S3Code { bucket: "code".into(), key: key.into(), version: None };
    FunctionDefinition { code: Code { s3: Some(s3), ..Code::default() }, ..small() }
}

/// Lambda's hash of code: the real hash for an archive, and an unpredictable hash for other code.
fn code_sha256(code: &CodeSource) -> String {
    match code {
        CodeSource::Archive(archive) => archive.sha256.clone(),
        CodeSource::S3 { key, .. } => format!("hash of {key}"),
        CodeSource::Image { uri } => format!("hash of {uri}"),
    }
}

fn image_uri(code: &CodeSource) -> Option<String> {
    match code {
        CodeSource::Image { uri } => Some(uri.clone()),
        _ => None,
    }
}

/// The observed function after all steps.
fn in_sync(desired: &DesiredFunction) -> ObservedFunction {
    ObservedFunction {
        arn: FunctionArn::parse(&format!("arn:aws:lambda:eu-west-1:123456789012:function:{}", desired.name))
            .unwrap(),
        configuration: desired.configuration.clone(),
        environment_unread: None,
        architecture: desired.architecture,
        code_sha256: code_sha256(&desired.code),
        image_uri: image_uri(&desired.code),
        tags: desired.tags.clone(),
        reserved_concurrency: desired.reserved_concurrency,
        state: FunctionState::Usable,
        update: Update::Settled,
        version: "$LATEST".into(),
        last_modified: String::new(),
    }
}

fn plan(desired: &DesiredFunction, observed: Option<&ObservedFunction>) -> FunctionPlan {
    plan_function(desired, observed, &BTreeSet::new(), None, &owner(), &origin(), IfOwned).unwrap()
}

fn updates(plan: &FunctionPlan) -> usize {
    let is_update = |step: &&FunctionStep| {
        matches!(step, FunctionStep::UpdateCode(..) | FunctionStep::UpdateConfiguration(_))
    };
    plan.steps.iter().filter(is_update).count()
}

/// Lambda's behaviour: the function after the steps. Creations and updates stay in progress until [`finish`].
fn apply(steps: &[FunctionStep], observed: Option<ObservedFunction>) -> Option<ObservedFunction> {
    steps.iter().fold(observed, |function, step| match (step, function) {
        (FunctionStep::Delete, _) => None,
        (FunctionStep::Create(desired), None) => {
            let made = in_sync(desired);
            Some(ObservedFunction { state: FunctionState::Pending, reserved_concurrency: None, ..made })
        }
        (step, function) => {
            let mut function = function.expect("a step for a function that is there");
            match step {
                FunctionStep::UpdateCode(code, architecture) => {
                    function.code_sha256 = code_sha256(code);
                    function.image_uri = image_uri(code);
                    function.architecture = *architecture;
                    function.update = Update::InProgress;
                }
                FunctionStep::UpdateConfiguration(configuration) => {
                    function.configuration = (**configuration).clone();
                    function.update = Update::InProgress;
                }
                FunctionStep::Tag(tags) => function.tags.extend(tags.clone()),
                FunctionStep::Untag(keys) => function.tags.retain(|key, _| !keys.contains(key)),
                FunctionStep::PutConcurrency(runs) => function.reserved_concurrency = Some(*runs),
                FunctionStep::DeleteConcurrency => function.reserved_concurrency = None,
                FunctionStep::PutEventInvokeConfig(_) | FunctionStep::DeleteEventInvokeConfig => {}
                FunctionStep::Create(_) | FunctionStep::Delete => {
                    panic!("{step:?} for a function that is there")
                }
            }
            Some(function)
        }
    })
}

/// Lambda finishes the current creation or update.
fn finish(function: ObservedFunction) -> ObservedFunction {
    ObservedFunction { state: FunctionState::Usable, update: Update::Settled, ..function }
}

fn keys(tags: &Tags) -> BTreeSet<String> {
    tags.keys().cloned().collect()
}

prop_compose! {
    fn logging()(json: bool, group in option::of("[a-z]{1,9}"), level: bool) -> Logging {
        Logging {
            format: if json { LogFormat::Json } else { LogFormat::Text },
            log_group: group,
            application_level: (json && level).then_some(ApplicationLogLevel::Warn),
            system_level: (json && level).then_some(SystemLogLevel::Debug),
        }
    }
}

prop_compose! {
    fn settings()(
        (memory_size_mb, timeout_seconds, ephemeral_storage_mb) in (128..10_240, 1..900, 512..10_240),
        environment in btree_map("[a-c]", "[a-z]{0,3}", 0..3),
        tags in btree_map("[a-c]", "[a-z]{0,3}", 0..3),
        layers in vec("[a-z]{3}", 0..3),
        subnet in option::of("[a-z]{3}"),
        (arm, active, snap) in any::<(bool, bool, bool)>(),
        reserved_concurrency in option::of(0..100),
        (description, queue, key) in (option::of("[a-z]{1,5}"), option::of("[a-z]{1,5}"), option::of("[a-z]{1,5}")),
        logging in option::of(logging()),
    ) -> FunctionDefinition {
        FunctionDefinition {
            memory_size_mb,
            timeout_seconds,
            ephemeral_storage_mb,
            environment,
            tags,
            layers,
            vpc: subnet.map(|id| Vpc { subnet_ids: vec![id.clone()], security_group_ids: vec![id] }),
            architecture: if arm { Architecture::Arm64 } else { Architecture::X86_64 },
            tracing: if active { Tracing::Active } else { Tracing::PassThrough },
            snap_start: if snap { SnapStart::PublishedVersions } else { SnapStart::None },
            reserved_concurrency,
            description,
            dead_letter_queue_arn: queue,
            kms_key_arn: key,
            logging,
            ..small()
        }
    }
}

/// Two definitions with the same package type.
fn pairs() -> impl Strategy<Value = [DesiredFunction; 2]> {
    let code = |image: bool, in_bucket: bool, name: String| match (image, in_bucket) {
        (true, _) => Code { image: Some(ImageCode { uri: name, ..ImageCode::default() }), ..Code::default() },
        (_, true) => {
            let s3 = S3Code { bucket: "code".into(), key: name, version: None };
            Code { s3: Some(s3), ..Code::default() }
        }
        _ => Code::default(),
    };
    let one = || (settings(), any::<bool>(), "[a-c]");
    (one(), one(), any::<bool>()).prop_map(move |(a, b, image)| {
        [a, b].map(|(settings, in_bucket, name)| {
            let code = code(image, in_bucket, name.clone());
            desired(&FunctionDefinition { code, ..settings }, &name)
        })
    })
}

proptest! {
    #[test]
    fn every_state_converges_with_one_update_at_a_time(
        [wanted, before] in pairs(),
        is_there: bool,
        state in select(vec![FunctionState::Usable, FunctionState::Pending, FunctionState::Failed("a subnet is gone".into())]),
        update in select(vec![Update::Settled, Update::InProgress, Update::Failed("the key is gone".into())]),
        foreign in btree_map("foreign-[a-c]", "[a-z]{0,3}", 0..3),
    ) {
        let before_tags = keys(&before.tags);
        let mut observed = is_there.then(|| ObservedFunction { state, update, ..in_sync(&before) });
        if let Some(function) = &mut observed {
            function.tags.extend(foreign.clone());
        }
        // The hash that the status records after each update.
        let mut known = None;
        let mut reconciles = 0;
        loop {
            let plan = plan_function(
                &wanted, observed.as_ref(), &before_tags, known.as_deref(), &owner(), &origin(), IfOwned,
            ).unwrap();
            let busy = observed.as_ref().is_some_and(ObservedFunction::is_busy);
            prop_assert!(updates(&plan) <= usize::from(!busy), "{plan:#?}");
            if plan.steps.is_empty() && !plan.wait {
                break;
            }
            let was_recreated = plan.steps.contains(&FunctionStep::Delete);
            observed = apply(&plan.steps, observed).map(finish);
            known = observed.as_ref().map(|function| function.code_sha256.clone());
            if was_recreated && let Some(function) = &mut observed {
                function.tags.extend(foreign.clone());
            }
            reconciles += 1;
            prop_assert!(reconciles <= 4, "{plan:#?}");
        }
        let mut expected = in_sync(&wanted);
        if is_there {
            expected.tags.extend(foreign);
        }
        let found = observed.expect("it is there");
        // A failed function in sync is reported and kept.
        let ended = ObservedFunction { state: FunctionState::Usable, update: Update::Settled, ..found };
        prop_assert_eq!(ended, expected);
    }

    #[test]
    fn a_function_in_sync_has_an_empty_plan([wanted, _] in pairs(), foreign in btree_map("foreign-[a-c]", "[a-z]", 0..3)) {
        let mut observed = in_sync(&wanted);
        observed.tags.extend(foreign);
        let before = keys(&wanted.tags);
        let known = Some(observed.code_sha256.as_str());
        let plan = plan_function(&wanted, Some(&observed), &before, known, &owner(), &origin(), IfOwned);
        prop_assert_eq!(plan, Ok(FunctionPlan::default()));
    }

    #[test]
    fn a_function_of_another_object_is_not_touched(
        [wanted, before] in pairs(),
        changed in select(owner_keys()),
        other in "[a-z]{1,5}",
    ) {
        let mut observed = in_sync(&before);
        observed.tags.insert(changed, other);
        let refused = plan_function(&wanted, Some(&observed), &BTreeSet::new(), None, &owner(), &origin(), IfOwned);
        let conflict = FunctionConflict::NotOurs { key: origin().key, owner: "1a2b3c4d".into() };
        prop_assert_eq!(refused, Err(conflict));
        prop_assert_eq!(removal(&observed, &origin()), Ok(vec![]));
        let adopted =
            plan_function(&wanted, Some(&observed), &BTreeSet::new(), None, &owner(), &origin(), Always).unwrap();
        prop_assert!(adopted.adopted);
        let ours = apply(&adopted.steps, Some(observed)).unwrap();
        prop_assert_eq!(removal(&ours, &origin()), Ok(vec![FunctionStep::Delete]));
    }

    #[test]
    fn equal_files_give_equal_archives(
        files in btree_map("[a-z]{1,8}\\.py", vec(any::<u8>(), 0..64), 1..5),
        other in btree_map("[a-z]{1,8}\\.py", vec(any::<u8>(), 0..64), 1..5),
    ) {
        let first = archive(&files).unwrap();
        prop_assert_eq!(&first, &archive(&files.clone()).unwrap());
        prop_assert_eq!(files == other, first == archive(&other).unwrap());
    }
}

/// The keys of the tags that decide about ownership.
fn owner_keys() -> Vec<String> {
    let tags = desired(&small(), "").tags;
    tags.into_keys().filter(|key| key != TAG_UID && key != TAG_CLUSTER).collect()
}

#[test]
fn the_archive_format_is_stable() {
    // A change of the archive format would update every deployed function.
    let archive = zipped("def handler(event, context): pass\n");
    assert_eq!(
        (archive.bytes.len(), archive.sha256.as_str()),
        (144, "CzJGQqaQ1UOh7UZfttcEhgksN+gwIaHC3e4l/QjfVnY=")
    );
}

#[test]
fn concurrency_is_set_after_the_creation() {
    let wanted = desired(&FunctionDefinition { reserved_concurrency: Some(0), ..small() }, "");
    let steps = vec![FunctionStep::Create(Box::new(wanted.clone())), FunctionStep::PutConcurrency(0)];
    assert_eq!(plan(&wanted, None), FunctionPlan { steps, wait: true, ..FunctionPlan::default() });
}

#[test]
fn only_code_and_settings_are_awaited() {
    let wanted = desired(&small(), "one");
    let awaited = [
        FunctionStep::Create(Box::new(wanted.clone())),
        FunctionStep::UpdateCode(wanted.code, wanted.architecture),
        FunctionStep::UpdateConfiguration(Box::new(wanted.configuration)),
    ];
    let done_at_once = [
        FunctionStep::Tag(wanted.tags),
        FunctionStep::Untag(["team".to_owned()].into()),
        FunctionStep::PutConcurrency(1),
        FunctionStep::DeleteConcurrency,
        FunctionStep::Delete,
    ];
    assert!(awaited.iter().all(FunctionStep::is_awaited));
    assert!(!done_at_once.iter().any(FunctionStep::is_awaited));
}

#[test]
fn changed_default_tags_do_not_override_the_definition() {
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    };
    let definition = FunctionDefinition { tags: tags(&[("team", "a")]), ..small() };
    let with = |defaults: &Tags| {
        DesiredFunction::from_definition(&owner(), &origin(), defaults, &definition, Some(zipped("")))
    };
    let (old, new) = (tags(&[("team", "x"), ("stage", "test")]), tags(&[("cost", "7")]));
    let observed = in_sync(&with(&old));
    assert_eq!((observed.tags["team"].as_str(), observed.tags["stage"].as_str()), ("a", "test"));
    let set_before = keys(&observed.tags);
    let plan =
        plan_function(&with(&new), Some(&observed), &set_before, None, &owner(), &origin(), IfOwned).unwrap();
    let steps = vec![
        FunctionStep::Untag(BTreeSet::from(["stage".to_owned()])),
        FunctionStep::Tag(tags(&[("cost", "7")])),
    ];
    assert_eq!(plan, FunctionPlan { steps: steps.clone(), ..FunctionPlan::default() });
    let are_rollout = |steps: &[FunctionStep]| FunctionStep::are_rollout(steps, &new, &definition.tags);
    assert!(are_rollout(&steps));
    assert!(are_rollout(&steps[1..]));
    assert!(!are_rollout(&[]));
    assert!(!are_rollout(&[FunctionStep::Tag(tags(&[("team", "a")]))]));
    assert!(!are_rollout(&[steps[0].clone(), FunctionStep::PutConcurrency(1)]));
}

#[test]
fn settings_are_updated_before_code() {
    let wanted = desired(&FunctionDefinition { timeout_seconds: 5, ..small() }, "new");
    let mut observed = in_sync(&desired(&small(), "old"));
    let settings = FunctionStep::UpdateConfiguration(Box::new(wanted.configuration.clone()));
    let first = plan(&wanted, Some(&observed));
    assert_eq!(first, FunctionPlan { steps: vec![settings], wait: true, ..FunctionPlan::default() });
    observed = apply(&first.steps, Some(observed)).unwrap();
    assert_eq!(plan(&wanted, Some(&observed)), FunctionPlan { wait: true, ..FunctionPlan::default() });
    let code = FunctionStep::UpdateCode(wanted.code.clone(), Architecture::X86_64);
    let expected = FunctionPlan { steps: vec![code], wait: true, ..FunctionPlan::default() };
    assert_eq!(plan(&wanted, Some(&finish(observed))), expected);
}

#[test]
fn code_in_s3_is_compared_by_its_tag() {
    let (wanted, old) = (desired(&in_bucket("b.zip"), ""), desired(&in_bucket("a.zip"), ""));
    let tag = FunctionStep::Tag(BTreeMap::from([(TAG_CODE.into(), wanted.tags[TAG_CODE].clone())]));
    let code = FunctionStep::UpdateCode(wanted.code.clone(), Architecture::X86_64);
    let expected = FunctionPlan { steps: vec![code.clone(), tag], wait: true, ..FunctionPlan::default() };
    assert_eq!(plan(&wanted, Some(&in_sync(&old))), expected);

    // The tag waits for the code, or a crash between both steps would hide the old code.
    let slow = DesiredFunction {
        configuration: Configuration { timeout: 5, ..wanted.configuration.clone() },
        ..wanted.clone()
    };
    let settings = FunctionStep::UpdateConfiguration(Box::new(slow.configuration.clone()));
    let expected = FunctionPlan { steps: vec![settings], wait: true, ..FunctionPlan::default() };
    assert_eq!(plan(&slow, Some(&in_sync(&old))), expected);

    // Foreign code is detected by its hash.
    let known = |sha256: &str| {
        let observed = in_sync(&wanted);
        plan_function(&wanted, Some(&observed), &BTreeSet::new(), Some(sha256), &owner(), &origin(), IfOwned)
            .unwrap()
    };
    assert_eq!(known("hash of b.zip"), FunctionPlan::default());
    assert_eq!(
        known("hash of other.zip"),
        FunctionPlan { steps: vec![code], wait: true, ..FunctionPlan::default() }
    );
}

#[test]
fn a_failed_update_is_retried_if_still_needed() {
    let why = "The key is gone.";
    let failed =
        |function: ObservedFunction| ObservedFunction { update: Update::Failed(why.into()), ..function };
    let wanted = desired(&small(), "new");
    let code = FunctionStep::UpdateCode(wanted.code.clone(), Architecture::X86_64);
    let again =
        |code| FunctionPlan { steps: vec![code], wait: true, failed: Some(why.into()), adopted: false };
    assert_eq!(plan(&wanted, Some(&failed(in_sync(&desired(&small(), "old"))))), again(code));
    assert_eq!(plan(&wanted, Some(&failed(in_sync(&wanted)))), FunctionPlan::default());

    // After a failed update, the planner cannot know whether code from S3 is deployed.
    let wanted = desired(&in_bucket("b.zip"), "");
    let code = FunctionStep::UpdateCode(wanted.code.clone(), Architecture::X86_64);
    assert_eq!(plan(&wanted, Some(&failed(in_sync(&wanted)))), again(code));
}

#[test]
fn a_function_with_failed_creation_is_recreated() {
    let failed = |text| {
        let made = in_sync(&desired(&small(), text));
        ObservedFunction { state: FunctionState::Failed("A subnet is gone.".into()), ..made }
    };
    let wanted = desired(&small(), "new");
    let steps = vec![FunctionStep::Delete, FunctionStep::Create(Box::new(wanted.clone()))];
    let expected = FunctionPlan { steps, wait: true, ..FunctionPlan::default() };
    assert_eq!(plan(&wanted, Some(&failed("old"))), expected);
    assert_eq!(plan(&wanted, Some(&failed("new"))), FunctionPlan::default());
}

#[test]
fn an_archive_cannot_become_an_image() {
    let image = ImageCode { uri: "app:1".into(), ..ImageCode::default() };
    let definition = FunctionDefinition { code: Code { image: Some(image), ..Code::default() }, ..small() };
    let observed = in_sync(&desired(&small(), ""));
    let refused = plan_function(
        &desired(&definition, ""),
        Some(&observed),
        &BTreeSet::new(),
        None,
        &owner(),
        &origin(),
        IfOwned,
    );
    assert_eq!(refused, Err(FunctionConflict::PackageType));
}

#[test]
fn an_unreadable_environment_is_no_difference() {
    let variables = |value: &str| Tags::from([("STAGE".to_owned(), value.to_owned())]);
    let wanted = desired(&FunctionDefinition { environment: variables("test"), ..small() }, "one");
    let mut hidden = in_sync(&wanted);
    hidden.configuration.environment = BTreeMap::new();
    hidden.environment_unread = Some("AccessDeniedException".into());
    assert_eq!(plan(&wanted, Some(&hidden)), FunctionPlan::default());
    // An update for another setting sends all settings, including the environment.
    hidden.configuration.timeout = 7;
    let update = FunctionStep::UpdateConfiguration(Box::new(wanted.configuration.clone()));
    assert_eq!(
        plan(&wanted, Some(&hidden)),
        FunctionPlan { steps: vec![update], wait: true, ..FunctionPlan::default() }
    );
}

#[test]
fn a_function_is_busy_during_creation_and_update() {
    let is_busy =
        |state, update| ObservedFunction { state, update, ..in_sync(&desired(&small(), "")) }.is_busy();
    assert!(is_busy(FunctionState::Pending, Update::Settled));
    assert!(is_busy(FunctionState::Usable, Update::InProgress));
    assert!(is_busy(FunctionState::Pending, Update::InProgress));
    assert!(!is_busy(FunctionState::Usable, Update::Settled));
    assert!(!is_busy(FunctionState::Failed("why".into()), Update::Failed("why".into())));
}
