//! The steps from the observed function to the desired function, and the ownership checks before any step.

use std::collections::BTreeSet;

use super::{CodeSource, Configuration, DesiredFunction, EventInvokeConfig};
use crate::api::{AdoptionPolicy, Architecture, Tags};
use crate::arn::FunctionArn;
use crate::ownership::{
    Evidence, Origin, Ownership, TAG_CLUSTER, TAG_CODE, TAG_KIND, TAG_NAME, TAG_NAMESPACE, TAG_OWNER,
    Unmarked, missing_owner_tag, own_keys, ownership,
};
use crate::ownership::{ObjectKey, Owner, OwnerId};
use crate::plan::tags::is_rollout;

/// An observed function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFunction {
    /// The ARN without a qualifier.
    pub arn: FunctionArn,
    /// The current settings.
    pub configuration: Configuration,
    /// Lambda's error code if the environment variables are unreadable, for example because the caller may not
    /// decrypt the variables (<https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html>).
    pub environment_unread: Option<String>,
    /// The instruction set.
    pub architecture: Architecture,
    /// The SHA-256 of the code in base64.
    pub code_sha256: String,
    /// The image URI; `None` for an archive.
    pub image_uri: Option<String>,
    /// All current tags, foreign tags included.
    pub tags: Tags,
    /// The reserved concurrency.
    pub reserved_concurrency: Option<i32>,
    /// The result of the creation.
    pub state: FunctionState,
    /// The result of the last update.
    pub update: Update,
    /// The described version, normally `$LATEST`.
    pub version: String,
    /// The time of the last change, as text from Lambda.
    pub last_modified: String,
}

impl ObservedFunction {
    /// True if Lambda is creating or updating the function. Lambda rejects updates in the meantime.
    pub fn is_busy(&self) -> bool {
        self.state == FunctionState::Pending || self.update == Update::InProgress
    }

    /// Kind and key of the object that this owner deployed the function for; `None` for a foreign function.
    pub fn made_for(&self, owner: &Owner) -> Option<(&str, ObjectKey)> {
        let tag = |key: &str| self.tags.get(key).map(String::as_str);
        let key = ObjectKey::new(tag(TAG_NAMESPACE)?, tag(TAG_NAME)?);
        (tag(TAG_OWNER)? == owner.id.to_string()).then_some((tag(TAG_KIND)?, key))
    }
}

/// The state of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionState {
    /// Lambda is creating the function.
    Pending,
    /// The function is invocable: active, inactive until the next invocation, or in an unknown state.
    Usable,
    /// The creation has failed, with this reason.
    Failed(String),
}

/// The result of a function's last update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The last update was successful, or the function had no update.
    Settled,
    /// An update is in progress.
    InProgress,
    /// The last update has failed, with this reason. The previous code and settings stay active.
    Failed(String),
}

/// A write to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionStep {
    /// Create the function, with tags.
    Create(Box<DesiredFunction>),
    /// Set the code and the instruction set.
    UpdateCode(CodeSource, Architecture),
    /// Replace all settings.
    UpdateConfiguration(Box<Configuration>),
    /// Set tags.
    Tag(Tags),
    /// Remove tags.
    Untag(BTreeSet<String>),
    /// Set the reserved concurrency.
    PutConcurrency(i32),
    /// Remove the reserved concurrency.
    DeleteConcurrency,
    /// Replace the configuration of asynchronous invocations.
    PutEventInvokeConfig(EventInvokeConfig),
    /// Delete the configuration of asynchronous invocations.
    DeleteEventInvokeConfig,
    /// Delete the function.
    Delete,
}

impl FunctionStep {
    /// True if the steps only apply changed default tags.
    pub fn are_rollout(steps: &[Self], default_tags: &Tags, spec: &Tags) -> bool {
        let is_rollout = |step: &Self| match step {
            Self::Tag(tags) => is_rollout(Some(tags), None, default_tags, spec),
            Self::Untag(keys) => is_rollout(None, Some(keys), default_tags, spec),
            _ => false,
        };
        !steps.is_empty() && steps.iter().all(is_rollout)
    }

    /// True if Lambda executes the step asynchronously, so that a later read must wait for the result.
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Create(_) | Self::UpdateCode(..) | Self::UpdateConfiguration(_))
    }
}

/// The steps for a function.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FunctionPlan {
    /// The writes, in order.
    pub steps: Vec<FunctionStep>,
    /// True if a later reconcile must continue after Lambda has finished.
    pub wait: bool,
    /// True if the plan adopts a foreign function or a function from another cluster.
    pub adopted: bool,
    /// The reason of Lambda's last failed update if the update is still needed. The steps retry the update.
    pub failed: Option<String>,
}

/// The reason why the planner does not touch an existing function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionConflict {
    /// The tags do not prove that this operator created the function for the object.
    #[error(
        "its tags do not name {key} and the owner id {owner}; choose another functionName, or set \
         adoptionPolicy: Always to adopt it"
    )]
    NotOurs {
        /// The object that needs the function.
        key: ObjectKey,
        /// The owner id of this operator.
        owner: String,
    },
    /// An operator with another owner id created the function. After an adoption, both operators would revert each
    /// other's changes.
    #[error(
        "it belongs to the operator with owner id {0}; choose another functionName, or delete the resource \
         there. If that operator no longer runs, remove the tag {TAG_OWNER} from the function and set \
         adoptionPolicy: Always"
    )]
    OtherOwner(OwnerId),
    /// The function is deployed for another object. After an adoption, two definitions would revert each other's
    /// changes.
    #[error(
        "it is deployed for the {kind} {key}; choose another functionName, or remove the definition there"
    )]
    Held {
        /// The kind of the other object.
        kind: String,
        /// The key of the other object.
        key: ObjectKey,
    },
    /// Lambda cannot change the package type of a function between archive and image.
    #[error(
        "Lambda cannot change a function from an archive to an image, or back; choose another functionName. \
         The operator deletes the old function after the new function is in place"
    )]
    PackageType,
}

/// The steps from the observed to the desired function.
///
/// `set_before` contains the keys of the tags that the operator has set. Keys in `set_before` without a desired tag
/// are removed. `known_code` is Lambda's SHA-256 at the last time that the desired code was deployed. For code in S3,
/// no other comparison is possible.
pub fn plan_function(
    desired: &DesiredFunction,
    observed: Option<&ObservedFunction>,
    set_before: &BTreeSet<String>,
    known_code: Option<&str>,
    owner: &Owner,
    origin: &Origin,
    adoption_policy: AdoptionPolicy,
) -> Result<FunctionPlan, FunctionConflict> {
    let Some(observed) = observed else {
        return Ok(FunctionPlan { steps: create(desired), wait: true, ..FunctionPlan::default() });
    };
    let ours = owned_by(observed, set_before, true, known_code, owner, origin) == Ownership::Ours;
    let made_by = observed.tags.get(TAG_OWNER).and_then(|tag| OwnerId::parse(tag).ok());
    if let Some(other) = made_by.filter(|made_by| *made_by != owner.id) {
        return Err(FunctionConflict::OtherOwner(other));
    }
    if !ours && adoption_policy == AdoptionPolicy::IfOwned {
        return Err(FunctionConflict::NotOurs { key: origin.key.clone(), owner: owner.id.to_string() });
    }
    if observed.image_uri.is_some() != matches!(desired.code, CodeSource::Image { .. }) {
        return Err(FunctionConflict::PackageType);
    }
    let busy = observed.is_busy();
    let code = code_differs(desired, observed, known_code);
    let configuration = configuration_differs(desired, observed);
    let cluster_is_other = observed.tags.get(TAG_CLUSTER).is_some_and(|cluster| *cluster != owner.cluster);
    let adopted = !ours || cluster_is_other;
    // Lambda accepts no update of a function whose creation failed
    // (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html). A deletion loses nothing. A function
    // without the owner tag first gets the tag, and the next reconcile deletes the function.
    let marked = observed.tags.contains_key(TAG_OWNER);
    if ours && marked && matches!(observed.state, FunctionState::Failed(_)) && (code || configuration) {
        let steps = [FunctionStep::Delete].into_iter().chain(create(desired)).collect();
        return Ok(FunctionPlan { steps, wait: true, adopted, failed: None });
    }
    let mut steps = vec![];
    // Lambda processes one update at a time. The second update follows in a later reconcile.
    let takes_updates = !busy && !matches!(observed.state, FunctionState::Failed(_));
    if takes_updates && configuration {
        steps.push(FunctionStep::UpdateConfiguration(Box::new(desired.configuration.clone())));
    } else if takes_updates && code {
        steps.push(FunctionStep::UpdateCode(desired.code.clone(), desired.architecture));
    }
    let code_follows = code && (busy || configuration);
    steps.extend(tag_steps(desired, observed, set_before, code_follows));
    steps.extend(concurrency_step(desired, observed));
    let failed = match &observed.update {
        Update::Failed(why) if code || configuration => Some(why.clone()),
        _ => None,
    };
    Ok(FunctionPlan { steps, wait: busy || code || configuration, adopted, failed })
}

fn create(desired: &DesiredFunction) -> Vec<FunctionStep> {
    let create = FunctionStep::Create(Box::new(desired.clone()));
    let concurrency = desired.reserved_concurrency.map(FunctionStep::PutConcurrency);
    let async_invoke = desired.async_invoke.as_ref().map(EventInvokeConfig::from_spec);
    let async_invoke = async_invoke.map(FunctionStep::PutEventInvokeConfig);
    [create].into_iter().chain(concurrency).chain(async_invoke).collect()
}

/// The steps that delete a function. A function of another owner stays, whatever its name.
///
/// `named` is true if the object defines a function of this name. `set_before` and `known_code` are as for
/// [`plan_function`].
///
/// # Errors
/// [`Unmarked`] for a function of unknown ownership.
pub fn plan_function_removal(
    observed: Option<&ObservedFunction>,
    set_before: &BTreeSet<String>,
    named: bool,
    known_code: Option<&str>,
    owner: &Owner,
    origin: &Origin,
) -> Result<Vec<FunctionStep>, Unmarked> {
    let Some(observed) = observed else { return Ok(vec![]) };
    match owned_by(observed, set_before, named, known_code, owner, origin) {
        Ownership::Ours => {
            let tag = missing_owner_tag(&observed.tags, owner).map(FunctionStep::Tag);
            Ok(tag.into_iter().chain([FunctionStep::Delete]).collect())
        }
        Ownership::Unknown => Err(Unmarked::new(owner, origin)),
        Ownership::Foreign => Ok(vec![]),
    }
}

/// The steps that leave a function to its user. The operator's tags are removed, because a later definition must not
/// own the function by its old tags. Tags of another owner stay.
pub fn plan_function_release(
    observed: &ObservedFunction,
    owner: &Owner,
    origin: &Origin,
) -> Vec<FunctionStep> {
    let keys: BTreeSet<String> = own_keys(&observed.tags).collect();
    let evidence = Evidence { recorded: true, named: true, trace: true };
    let is_foreign = ownership(&observed.tags, owner, origin, evidence) == Ownership::Foreign;
    if is_foreign || keys.is_empty() { vec![] } else { vec![FunctionStep::Untag(keys)] }
}

/// The owner of a function. Code with the recorded hash is a trace.
fn owned_by(
    function: &ObservedFunction,
    set_before: &BTreeSet<String>,
    named: bool,
    known_code: Option<&str>,
    owner: &Owner,
    origin: &Origin,
) -> Ownership {
    let evidence = Evidence {
        recorded: set_before.contains(TAG_OWNER),
        named,
        trace: known_code == Some(function.code_sha256.as_str()),
    };
    ownership(&function.tags, owner, origin, evidence)
}

/// Unreadable environment variables count as equal. Otherwise, every resync would see a difference and write.
fn configuration_differs(desired: &DesiredFunction, observed: &ObservedFunction) -> bool {
    let mut seen = observed.configuration.clone();
    if observed.environment_unread.is_some() {
        seen.environment.clone_from(&desired.configuration.environment);
    }
    seen != desired.configuration
}

fn code_differs(desired: &DesiredFunction, observed: &ObservedFunction, known_code: Option<&str>) -> bool {
    let other_code = match &desired.code {
        CodeSource::Archive(archive) => archive.sha256 != observed.code_sha256,
        CodeSource::Image { uri } => observed.image_uri.as_ref() != Some(uri),
        CodeSource::S3 { .. } => {
            let other_source = observed.tags.get(TAG_CODE) != desired.tags.get(TAG_CODE);
            // The failed update may be the update to the desired code: the tag is then new, but the code is old.
            let failed = matches!(observed.update, Update::Failed(_));
            other_source || failed || known_code.is_some_and(|known| known != observed.code_sha256)
        }
    };
    other_code || observed.architecture != desired.architecture
}

/// The steps for tags. The code tag waits until the code update, or a crash between both would hide the old code.
fn tag_steps(
    desired: &DesiredFunction,
    observed: &ObservedFunction,
    set_before: &BTreeSet<String>,
    code_follows: bool,
) -> Vec<FunctionStep> {
    let DesiredFunction { tags, .. } = desired;
    let waits = |tag: &str| code_follows && tag == TAG_CODE;
    let set: Tags = tags
        .iter()
        .filter(|(tag, value)| observed.tags.get(*tag) != Some(value) && !waits(tag))
        .map(|(tag, value)| (tag.clone(), value.clone()))
        .collect();
    let stale = |tag: &&String| observed.tags.contains_key(*tag) && !tags.contains_key(*tag);
    let unset: BTreeSet<String> = set_before.iter().filter(stale).cloned().collect();
    let set = (!set.is_empty()).then_some(FunctionStep::Tag(set));
    let unset = (!unset.is_empty()).then_some(FunctionStep::Untag(unset));
    // Untag first: a function with 50 tags has no room for new tags.
    unset.into_iter().chain(set).collect()
}

fn concurrency_step(desired: &DesiredFunction, observed: &ObservedFunction) -> Option<FunctionStep> {
    if desired.reserved_concurrency == observed.reserved_concurrency {
        return None;
    }
    Some(desired.reserved_concurrency.map_or(FunctionStep::DeleteConcurrency, FunctionStep::PutConcurrency))
}
