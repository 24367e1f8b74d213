//! The resource in question, from the cluster or from manifests.

use std::path::PathBuf;

use kube::{Api, Client};
use lambda_triggers_core::api::{Applied, Backend, check_manifest};
use lambda_triggers_core::explain::Subject;
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::plan::intent::{
    ValidSpec, s3_triggered_function as s3, scheduled_function as scheduled,
};
use lambda_triggers_core::status::Failure;
use serde_json::Value;

use super::reference::Reference;
use crate::aws::AwsReads;
use crate::cli::read_failure::account;
use crate::doctor::owner_id_in;
use crate::error_chain;
use crate::manifests::{self, Manifests};
use crate::network::Network;
use crate::objects::{
    RawS3TriggeredFunction, RawScheduledFunction, Trigger, key_of, read_status, valid_spec,
};
use crate::operator::StartError;

/// The source of the resource.
pub enum Source {
    /// The cluster of the kubeconfig, and the namespace of the resource.
    Cluster(Client, String),
    /// Manifests, and the namespace of those that have none.
    Files(Manifests, Option<String>),
}

impl Source {
    /// The manifests in `paths`, or the cluster without any path.
    pub async fn new(
        paths: &[PathBuf],
        recursive: bool,
        namespace: Option<String>,
        (network, context): (&Network, Option<&str>),
    ) -> Result<Self, StartError> {
        if !paths.is_empty() {
            return Ok(Self::Files(manifests::read(paths, recursive)?, namespace));
        }
        let config = network.kube_config(context).await?;
        let client = Client::try_from(config)?;
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        Ok(Self::Cluster(client, namespace))
    }

    /// Loads a resource.
    pub async fn load(
        &self,
        reference: &Reference,
        owner: Option<OwnerId>,
        aws: &AwsReads,
    ) -> Result<Subject, StartError> {
        let account = account(aws).await?;
        let cluster = match self {
            Self::Cluster(client, _) => Some(client),
            Self::Files(..) => None,
        };
        let of = Settings { owner, cluster, account, region: aws.default_region() };
        if reference.kind == RawScheduledFunction::NAME {
            let object: RawScheduledFunction = self.get(&reference.name).await?;
            let spec = valid_spec(&object)?;
            of.subject(&object, |region, backend| {
                let valid = scheduled::Valid::new(spec, region, backend)?;
                Ok(ValidSpec::Scheduled(Box::new(valid)))
            })
            .await
        } else {
            let object: RawS3TriggeredFunction = self.get(&reference.name).await?;
            let spec = valid_spec(&object)?;
            of.subject(&object, |region, _| Ok(ValidSpec::S3(Box::new(s3::Valid::new(spec, region)?)))).await
        }
    }

    async fn get<K: Trigger>(&self, name: &str) -> Result<K, StartError> {
        match self {
            Self::Cluster(client, namespace) => {
                let read = Api::<K>::namespaced(client.clone(), namespace).get(name).await;
                Ok(read.map_err(|error| {
                    format!("cannot read {} {namespace}/{name}: {}", K::NAME, error_chain(&error))
                })?)
            }
            Self::Files(manifests, namespace) => from_manifests(manifests, namespace.as_deref(), name),
        }
    }
}

/// The resource of a manifest, with the defaults of the API server.
fn from_manifests<K: Trigger>(
    manifests: &Manifests,
    namespace: Option<&str>,
    name: &str,
) -> Result<K, StartError> {
    let text =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let has_namespace = |object: &Value| match (text(object, "/metadata/namespace"), namespace) {
        (Some(found), Some(wanted)) => found == wanted,
        _ => true,
    };
    let is_wanted = |object: &Value| {
        object["kind"] == K::NAME && object["metadata"]["name"] == name && has_namespace(object)
    };
    let found = manifests.triggers.iter().find(|manifest| is_wanted(&manifest.object));
    let found = found.ok_or_else(|| format!("the manifests have no {} {name}", K::NAME))?;
    let mut object = check_manifest(found.object.clone())
        .map_err(|errors| format!("{}:{}: {errors}", found.source.file, found.source.line))?
        .object;
    if text(&object, "/metadata/namespace").is_none() {
        let namespace = namespace.ok_or("the manifest has no namespace: give --namespace")?;
        object["metadata"]["namespace"] = namespace.into();
    }
    // The API server gives a new object a status that the operator has not written.
    object["status"] = Value::Null;
    Ok(serde_json::from_value(object)?)
}

/// The settings of the operator, as far as the caller knows them.
struct Settings<'a> {
    owner: Option<OwnerId>,
    cluster: Option<&'a Client>,
    account: String,
    region: &'a str,
}

impl Settings<'_> {
    async fn subject<K: Trigger>(
        self,
        object: &K,
        spec: impl FnOnce(&str, Backend) -> Result<ValidSpec, Failure>,
    ) -> Result<Subject, StartError> {
        let status = read_status(object);
        let Self { owner, cluster, account, region } = self;
        let owner = match (owner.or_else(|| OwnerId::recorded(&status.applied).pop_first()), cluster) {
            (Some(owner), _) => owner,
            (None, Some(client)) => owner_id_in(client, &[], None).await?,
            (None, None) => return Err("give --owner-id, the owner id of the operator".into()),
        };
        let region = region_of(&status.applied).unwrap_or(region);
        let spec = spec(region, status.backend.unwrap_or_default()).map_err(|failure| failure.message)?;
        Ok(Subject { kind: K::NAME, key: key_of(object), owner, account, spec, status })
    }
}

/// The Region of the recorded resources.
fn region_of(applied: &Applied) -> Option<&str> {
    let Applied { account: _, rules, schedules, notifications, functions, permissions: _ } = applied;
    let rules = rules.iter().map(|rule| &rule.region);
    let schedules = schedules.iter().map(|schedule| &schedule.region);
    let buckets = notifications.iter().map(|notification| &notification.region);
    let functions = functions.iter().map(|function| &function.region);
    rules.chain(schedules).chain(buckets).chain(functions).next().map(String::as_str)
}
