//! A resource while its preview is made.

use jiff::Timestamp;
use lambda_triggers_core::api::{Applied, AppliedFunction, Backend, FunctionDefinition};
use lambda_triggers_core::ownership::Owner;
use lambda_triggers_core::plan::function::DesiredFunction;
use lambda_triggers_core::plan::intent::ValidSpec;
use lambda_triggers_core::plan::intent::s3_triggered_function::Intent;
use lambda_triggers_core::plan::intent::scheduled_function::{Operator, RuleIntent, ScheduleIntent};
use lambda_triggers_core::plan::permission::PolicyView;
use lambda_triggers_core::plan::reach::{check_account, check_owner};
use lambda_triggers_core::plan::rule::RuleView;
use lambda_triggers_core::preview::{Part, Problem, ResourcePreview, Severity};
use lambda_triggers_core::status::{Failure, Reason, pause};

use super::cluster::Existing;
use super::declared::Declared;
use super::observer::Planned;
use super::options::Options;

/// The number of next runs in a preview.
const NEXT_RUNS: usize = 3;

const SUSPENDED: &str = " Suspended: nothing runs until spec.suspend is false.";

/// A resource with what the preview knows of it.
pub struct Item {
    pub declared: Declared,
    pub preview: ResourcePreview,
    pub planned: Planned,
    /// The object in the cluster.
    pub existing: Option<Existing>,
    /// The resources of the object in the cluster, or of the earlier manifest.
    pub recorded: Applied,
    /// True for a resource that the manifests no longer have.
    pub is_gone: bool,
    /// True if the manifest is as in the base.
    pub is_as_before: bool,
    /// True if a failure stops the operator before the trigger.
    pub is_blocked: bool,
    /// True if the entries have no place in the bucket.
    pub is_rejected: bool,
}

impl Item {
    pub fn new(declared: Declared, is_as_before: bool, now: Timestamp) -> Self {
        let mut preview = declared.preview();
        if let ValidSpec::Scheduled(valid) = &declared.spec {
            let suspended = if valid.spec.suspend { SUSPENDED } else { "" };
            preview.schedule = Some(format!("{}{suspended}", valid.schedule.in_words()));
            let is_known = valid.schedule.expression.interval().is_none() && !valid.spec.suspend;
            let next = |from: &Timestamp| valid.schedule.next_run(*from);
            let runs = std::iter::successors(next(&now), next).take(NEXT_RUNS);
            preview.next_runs = runs.filter(|_| is_known).map(|run| run.to_string()).collect();
        }
        Self {
            declared,
            preview,
            planned: Planned::default(),
            existing: None,
            recorded: Applied::default(),
            is_gone: false,
            is_as_before,
            is_blocked: false,
            is_rejected: false,
        }
    }

    /// True if the plan compares the resource with AWS.
    pub fn is_looked_at(&self, options: &Options) -> bool {
        options.all || self.is_gone || !self.is_as_before
    }

    /// True if the operator leaves the object alone.
    pub fn is_paused(&self) -> bool {
        match self.declared.paused_annotation() {
            None => self.existing.as_ref().is_some_and(|existing| existing.is_paused),
            annotation => pause::is_paused(annotation),
        }
    }

    /// Adds a failure.
    pub fn fail(&mut self, failure: &Failure) {
        self.preview.problems.push(Problem::from_failure(failure));
    }

    /// Leaves the trigger and all recorded resources as they are. The function comes before the trigger.
    pub fn block(&mut self) {
        self.is_blocked = true;
        self.planned.changes.retain(|change| matches!(change.part, Part::Function | Part::Tags));
        self.keep_recorded();
    }

    /// Leaves all recorded resources as they are. The permission comes before the entries.
    pub fn reject(&mut self) {
        self.is_rejected = true;
        self.keep_recorded();
    }

    fn keep_recorded(&mut self) {
        self.planned.obsolete = Applied::default();
        self.planned.wanted.merge(&self.recorded);
    }

    /// Checks that the operator finds the recorded resources.
    pub fn check_reach(&self, options: &Options) -> Result<(), Failure> {
        check_owner(&self.recorded, &options.owner)?;
        check_account(&self.recorded, options.account_of(&self.declared.key.namespace))
    }

    /// True if the function does not exist.
    pub fn lacks_function(&self) -> bool {
        self.preview.problems.iter().any(|problem| problem.reason == Reason::FunctionNotFound.as_str())
    }

    /// True if an error shows already that the operator would not apply the resource.
    pub fn is_refused(&self) -> bool {
        self.preview.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// The resources in AWS that a manifest needs.
pub fn needs(declared: &Declared, options: &Options, now: Timestamp) -> Applied {
    let owner = Owner { id: options.owner.clone(), cluster: String::new() };
    let function = declared.function_arn(options);
    let tags_of = |definition: &FunctionDefinition| {
        let (origin, tags) = (declared.origin(String::new()), &options.default_tags);
        DesiredFunction::from_definition(&owner, &origin, tags, definition, None).tags
    };
    let tags = declared.spec.function().definition.as_ref().map(tags_of).unwrap_or_default();
    let of_function = |name| AppliedFunction {
        region: declared.spec.region().to_owned(),
        name,
        tag_keys: tags.keys().cloned().collect(),
        async_invoke: declared
            .spec
            .function()
            .definition
            .as_ref()
            .is_some_and(|one| one.async_invoke.is_some()),
    };
    let deployed: Vec<AppliedFunction> =
        declared.deployed_name(&options.owner).map(of_function).into_iter().collect();
    let none = Applied::default();
    match &declared.spec {
        ValidSpec::S3(valid) => {
            Intent::new(&owner, &declared.key, valid, function, deployed)
                .plan(&none, false, &PolicyView::Unread)
                .wanted
        }
        ValidSpec::Scheduled(valid) => {
            let account = options.account_of(&declared.key.namespace);
            let operator = Operator { owner: &owner, default_tags: &options.default_tags, account };
            let origin = declared.origin(String::new());
            match valid.backend {
                Backend::Rule => {
                    let intent = RuleIntent::new(operator, origin, valid, function, deployed, now);
                    let plan = intent.and_then(|intent| {
                        intent.plan(&none, false, &PolicyView::Unread, &RuleView::Matches)
                    });
                    plan.map(|plan| plan.wanted).unwrap_or_default()
                }
                Backend::Scheduler => {
                    ScheduleIntent::new(operator, &origin, valid, function, deployed, "", now)
                        .plan(&none, None, now)
                        .wanted
                }
            }
        }
    }
}
