//! From a function as it is to the function as it should be.

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

/// A function as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFunction {
    /// Its ARN, without a qualifier.
    pub arn: FunctionArn,
    /// Its settings.
    pub configuration: Configuration,
    /// Lambda's code for why it does not show the variables of the environment, if it does not: for one, since the caller
    /// may not decrypt them (<https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html>).
    pub environment_unread: Option<String>,
    /// Instruction set.
    pub architecture: Architecture,
    /// SHA-256 of the code in base64.
    pub code_sha256: String,
    /// The image's URI, if it is one.
    pub image_uri: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Runs at a time that are kept for it.
    pub reserved_concurrency: Option<i32>,
    /// Whether it can be invoked.
    pub state: FunctionState,
    /// How the last update went.
    pub update: Update,
    /// The version that was described, `$LATEST`.
    pub version: String,
    /// When it was last changed, as Lambda writes it.
    pub last_modified: String,
}

impl ObservedFunction {
    /// Whether Lambda is at work on it, and takes no update.
    pub fn is_busy(&self) -> bool {
        self.state == FunctionState::Pending || self.update == Update::InProgress
    }

    /// The kind and the key of the object that it was made for by this owner; none if it was made by others.
    pub fn made_for(&self, owner: &Owner) -> Option<(&str, ObjectKey)> {
        let tag = |key: &str| self.tags.get(key).map(String::as_str);
        let key = ObjectKey::new(tag(TAG_NAMESPACE)?, tag(TAG_NAME)?);
        (tag(TAG_OWNER)? == owner.id.to_string()).then_some((tag(TAG_KIND)?, key))
    }
}

/// Whether a function can be invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionState {
    /// It is being made.
    Pending,
    /// It can be: active, or asleep and woken by the next run, or of a kind that we do not know.
    Usable,
    /// It could not be made, for this reason.
    Failed(String),
}

/// How the last update of a function went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Well, or there was none.
    Settled,
    /// It is under way.
    InProgress,
    /// Badly, for this reason: what ran before runs still.
    Failed(String),
}

/// A write to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionStep {
    /// Create it, with its tags.
    Create(Box<DesiredFunction>),
    /// Set its code and instruction set.
    UpdateCode(CodeSource, Architecture),
    /// Set all of its settings.
    UpdateConfiguration(Box<Configuration>),
    /// Set tags.
    Tag(Tags),
    /// Remove tags.
    Untag(BTreeSet<String>),
    /// Keep so many runs at a time for it.
    PutConcurrency(i32),
    /// Keep none.
    DeleteConcurrency,
    /// Replace the configuration of asynchronous invocations.
    PutEventInvokeConfig(EventInvokeConfig),
    /// Delete the configuration of asynchronous invocations.
    DeleteEventInvokeConfig,
    /// Delete it.
    Delete,
}

impl FunctionStep {
    /// Whether the steps bring a function to other default tags, and do nothing else.
    pub fn are_rollout(steps: &[Self], default_tags: &Tags, spec: &Tags) -> bool {
        let is_rollout = |step: &Self| match step {
            Self::Tag(tags) => is_rollout(Some(tags), None, default_tags, spec),
            Self::Untag(keys) => is_rollout(None, Some(keys), default_tags, spec),
            _ => false,
        };
        !steps.is_empty() && steps.iter().all(is_rollout)
    }

    /// Whether Lambda is at work for a while after it was told to.
    pub fn is_awaited(&self) -> bool {
        matches!(self, Self::Create(_) | Self::UpdateCode(..) | Self::UpdateConfiguration(_))
    }
}

/// The steps for a function.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FunctionPlan {
    /// The writes, in order.
    pub steps: Vec<FunctionStep>,
    /// Whether more is to be done once Lambda has finished what it is doing.
    pub wait: bool,
    /// Whether it was somebody else's, or another cluster's, before.
    pub adopted: bool,
    /// Why Lambda did not manage the last update, where that is still to be done: the steps try again.
    pub failed: Option<String>,
}

/// Why a function of the wanted name is not touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionConflict {
    /// Its tags do not say that it was made for the object by this operator.
    #[error(
        "its tags do not say that it was made for {key} by the operator with owner id {owner}; write another \
         functionName, or write adoptionPolicy: Always to adopt it"
    )]
    NotOurs {
        /// The object that wanted it.
        key: ObjectKey,
        /// Our owner id.
        owner: String,
    },
    /// An operator with another owner id made it: adopting it would set two operators against each other.
    #[error(
        "the operator with owner id {0} made it; write another functionName, delete the resource there, or, if that \
         operator runs no more, remove the tag {TAG_OWNER} from the function and write adoptionPolicy: Always"
    )]
    OtherOwner(OwnerId),
    /// It is deployed for another object, and adopting it would set two definitions against each other.
    #[error(
        "it is deployed for the {kind} {key}; write another functionName, or take the definition out there"
    )]
    Held {
        /// The kind of that object.
        kind: String,
        /// That object.
        key: ObjectKey,
    },
    /// Code in an archive cannot become an image, nor the reverse.
    #[error(
        "Lambda cannot change a function from an archive to an image, or back; write another functionName, and the \
         old function goes when the new one is in place"
    )]
    PackageType,
}

/// What makes a function so.
///
/// `set_before` are the keys of the tags that we set, of which those are removed that are wanted no more.
/// `known_code` is the SHA-256 that Lambda told when the wanted code was last in place: for code in a bucket there is
/// nothing else to compare.
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
    // One that could not be made takes no update
    // (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html): nothing is lost with it. A function without our
    // owner tag gets the tag first, and is deleted at the next look.
    let marked = observed.tags.contains_key(TAG_OWNER);
    if ours && marked && matches!(observed.state, FunctionState::Failed(_)) && (code || configuration) {
        let steps = [FunctionStep::Delete].into_iter().chain(create(desired)).collect();
        return Ok(FunctionPlan { steps, wait: true, adopted, failed: None });
    }
    let mut steps = vec![];
    // Lambda takes one update at a time, and each takes it a while: the other one follows when that is done.
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

/// The steps that leave a function to its user. The operator's tags go, since a later definition must not take the
/// function. Another owner's tags stay.
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

/// The owner of a function. Code with the hash from the status is a trace.
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

/// An environment that cannot be read is not counted: each look would find a difference, and write.
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
            // An update that failed may have been this one: its tag is there, and its code is not.
            let failed = matches!(observed.update, Update::Failed(_));
            other_source || failed || known_code.is_some_and(|known| known != observed.code_sha256)
        }
    };
    other_code || observed.architecture != desired.architecture
}

/// Tags, but for the one of the code as long as that is still to follow.
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
    // Old tags go first: a function with 50 tags has no room for new ones.
    unset.into_iter().chain(set).collect()
}

fn concurrency_step(desired: &DesiredFunction, observed: &ObservedFunction) -> Option<FunctionStep> {
    if desired.reserved_concurrency == observed.reserved_concurrency {
        return None;
    }
    Some(desired.reserved_concurrency.map_or(FunctionStep::DeleteConcurrency, FunctionStep::PutConcurrency))
}
