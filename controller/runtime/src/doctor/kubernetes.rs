//! Checks of the cluster: the connection, the CRDs, and the operator's RBAC.

use futures::future::join_all;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use lambda_triggers_core::api::crds;
use lambda_triggers_core::diagnosis::Check;
use lambda_triggers_core::ownership::OwnerId;

use super::Options;
use super::operator::Running;
use super::owner_id::check_owner;
use super::resources::Resources;
use crate::error_chain;
use crate::network::Network;
use crate::operator::{CLUSTER, RBAC_RULES, RbacRule, RbacScope, identity};

const API_SERVER: &str = "API server";
const GROUP_VERSION: &str = "lambda-triggers.dev/v1alpha1";

/// The cluster, as far as the user may read it.
#[derive(Debug)]
pub struct Cluster {
    /// The owner ID, if known.
    pub owner: Option<OwnerId>,
    /// The resources of the watched namespaces, or the reason why they cannot be listed.
    pub resources: Result<Resources, String>,
    /// True if the user is a service account in the operator's namespace, as in the operator's pod.
    pub is_operator: Option<bool>,
}

/// Runs the checks of the cluster.
pub async fn examine(options: &Options, network: &Network) -> (Vec<Check>, Cluster) {
    let (mut checks, client) = match connect(options, network).await {
        Ok((check, client)) => (vec![check], client),
        Err(check) => {
            let skipped = ["CRDs", "RBAC", "owner id"];
            let skipped = skipped.map(|name| Check::skipped(name, "the API server cannot be reached"));
            let resources = Err("the API server cannot be reached".into());
            let cluster = Cluster { owner: options.owner_id.clone(), resources, is_operator: None };
            return ([check].into_iter().chain(skipped).collect(), cluster);
        }
    };
    for crd in crds() {
        checks.push(check_crd(&client, &crd).await);
    }
    let own = own_namespace(options, &client);
    let resources = Resources::list(&client, &options.namespaces).await.map_err(|error| error_chain(&error));
    let (owner_check, known) = check_owner(options, &client, &own, resources.as_ref().ok()).await;
    let places = RBAC_RULES.iter().flat_map(|right| {
        let places = places(right.place, &options.namespaces, &own, known.as_ref());
        places.into_iter().map(move |place| (right, place))
    });
    let rights = places.map(|(right, place)| permission(&client, right, place));
    checks.extend(join_all(rights).await);
    checks.push(owner_check);
    let running = Running { client: &client, options, own: &own };
    let (operator, namespace) = match &known {
        Some(owner) => running.examine(owner).await,
        None => (vec![], None),
    };
    checks.extend(operator);
    let cluster = Cluster {
        owner: known,
        resources,
        is_operator: is_operator(options, &client, namespace.as_ref().unwrap_or(&own)).await,
    };
    (checks, cluster)
}

/// True if the user is a service account in the operator's namespace. Impersonation does not change the AWS credentials.
pub async fn is_operator(options: &Options, client: &Client, own: &str) -> Option<bool> {
    if options.as_user.is_some() {
        return Some(false);
    }
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok()?;
    let user = review.status?.user_info?.username?;
    Some(user.starts_with(&format!("system:serviceaccount:{own}:")))
}

/// Connects to the API server.
pub async fn connect(options: &Options, network: &Network) -> Result<(Check, Client), Check> {
    let no_config = |error: &(dyn std::error::Error + 'static)| {
        Check::failed(
            API_SERVER,
            format!(
                "no usable kubeconfig, and not in a pod: {}; set KUBECONFIG, or run doctor in the operator's \
                 pod",
                error_chain(error)
            ),
        )
    };
    let config = network.kube_config(options.context.as_deref()).await;
    let mut config = config.map_err(|error| no_config(&error))?;
    config.auth_info.impersonate.clone_from(&options.as_user);
    let url = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| no_config(&error))?;
    match client.apiserver_version().await {
        Ok(version) => {
            Ok((Check::ok(API_SERVER, format!("Kubernetes {} at {url}", version.git_version)), client))
        }
        Err(kube::Error::Api(status)) => Err(Check::failed(
            API_SERVER,
            format!(
                "{url} rejects the credentials ({}: {}); renew the credentials of the kubeconfig or the pod",
                status.code, status.message
            ),
        )),
        Err(error) => Err(Check::failed(
            API_SERVER,
            format!(
                "{url} does not answer: {}; make sure that the kubeconfig's current context is the intended \
                 cluster, and that the cluster runs",
                error_chain(&error)
            ),
        )),
    }
}

/// The operator's namespace: the namespace of the impersonated service account, if any.
pub fn own_namespace(options: &Options, client: &Client) -> String {
    let of_account = options.as_user.as_deref().and_then(|user| user.strip_prefix("system:serviceaccount:"));
    let of_account =
        of_account.and_then(|account| account.split_once(':')).map(|(namespace, _)| namespace.into());
    of_account.unwrap_or_else(|| client.default_namespace().into())
}

/// Checks that a CRD exists and matches the CRD of this version.
async fn check_crd(client: &Client, wanted: &CustomResourceDefinition) -> Check {
    let name = wanted.name_any();
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = "apply the CRDs of this version: lambda-triggers crds | kubectl apply --server-side -f -";
    match api.get_opt(&name).await {
        Ok(Some(found)) if same(&found, wanted) => Check::ok(&name, "exists, in this version"),
        Ok(Some(_)) => Check::failed(
            &name,
            format!("is of another version than this program: fields may be missing or rejected; {apply}"),
        ),
        Ok(None) => Check::failed(&name, format!("does not exist; {apply}")),
        // Neither users nor the operator need the permission to read CRDs.
        Err(kube::Error::Api(status)) if status.code == 403 => served(client, &name, apply).await,
        Err(error) => Check::failed(&name, format!("cannot be read: {}", error_chain(&error))),
    }
}

/// Looks for a resource in API discovery, which every user can read.
async fn served(client: &Client, name: &str, apply: &str) -> Check {
    let plural = name.split('.').next().unwrap_or_default();
    match client.list_api_group_resources(GROUP_VERSION).await {
        Ok(list) if list.resources.iter().any(|resource| resource.name == plural) => Check::ok(
            name,
            "exists; a check of the version needs the permission to get customresourcedefinitions",
        ),
        Ok(_) => Check::failed(name, format!("does not exist; {apply}")),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            Check::failed(name, format!("does not exist; {apply}"))
        }
        Err(error) => Check::failed(name, format!("cannot be checked: {}", error_chain(&error))),
    }
}

/// Compares the versions of two CRDs. The API server adds defaults to a CRD, but not to the versions.
fn same(found: &CustomResourceDefinition, wanted: &CustomResourceDefinition) -> bool {
    let shape = |version: &CustomResourceDefinitionVersion| {
        serde_json::to_value((&version.schema, &version.additional_printer_columns, &version.subresources))
            .ok()
    };
    wanted.spec.versions.iter().all(|wanted| {
        let found = found.spec.versions.iter().find(|found| found.name == wanted.name && found.served);
        found.is_some_and(|found| shape(found) == shape(wanted))
    })
}

/// A place of an RBAC rule.
struct Place<'a> {
    /// The namespace; `None` for all namespaces.
    namespace: Option<&'a str>,
    /// The name of the only object.
    object: Option<String>,
    /// The place in words.
    words: String,
}

/// The places of an RBAC scope. A role can name the objects of the owner in the operator's namespace.
fn places<'a>(
    scope: RbacScope,
    watched: &'a [String],
    own: &'a str,
    owner: Option<&OwnerId>,
) -> Vec<Place<'a>> {
    let within = |namespace: &'a str, object| {
        let words = format!(" in the namespace {namespace}");
        Place { namespace: Some(namespace), object, words }
    };
    match scope {
        RbacScope::Watched if watched.is_empty() => {
            vec![Place { namespace: None, object: None, words: " in all namespaces".into() }]
        }
        RbacScope::Watched => watched.iter().map(|namespace| within(namespace, None)).collect(),
        RbacScope::OwnNamespace => vec![within(own, owner.map(OwnerId::object_name))],
        // RBAC treats a Namespace as an object inside of the namespace, so a Role in the namespace can grant `get`.
        RbacScope::Identity => {
            let name = identity(watched, own);
            vec![Place { namespace: Some(name), object: Some(name.into()), words: format!(" {name}") }]
        }
    }
}

async fn permission(client: &Client, right: &RbacRule, place: Place<'_>) -> Check {
    let RbacRule { group, resource, verbs, place: _, why } = right;
    let Place { namespace, object, words } = place;
    let object = object.as_deref();
    let on = match group.is_empty() {
        true => (*resource).to_owned(),
        false => format!("{resource} of {group}"),
    };
    let what = format!("{} {on}{words}", verbs.join(", "));
    let reviews = verbs.iter().map(|verb| {
        // A role cannot restrict the creation of an object to a name.
        is_allowed(client, right, verb, namespace, object.filter(|_| *verb != "create"))
    });
    let mut denied = vec![];
    for (verb, answer) in verbs.iter().zip(join_all(reviews).await) {
        match answer {
            Ok(true) => {}
            Ok(false) => denied.push(*verb),
            Err(error) => {
                return Check::failed(what, format!("cannot be checked: {}", error_chain(&error)));
            }
        }
    }
    if denied.is_empty() {
        return Check::ok(what, *why);
    }
    let role = if namespace.is_none() || object == Some(CLUSTER) { "ClusterRole" } else { "Role" };
    Check::failed(
        what,
        format!(
            "{} is denied, but needed {why}; add the permission to the operator's {role}, and make sure that \
             the {role} is bound",
            denied.join(", ")
        ),
    )
}

async fn is_allowed(
    client: &Client,
    right: &RbacRule,
    verb: &str,
    namespace: Option<&str>,
    object: Option<&str>,
) -> Result<bool, kube::Error> {
    let (resource, subresource) = match right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (right.resource, None),
    };
    let attributes = ResourceAttributes {
        group: Some(right.group.into()),
        resource: Some(resource.into()),
        subresource,
        verb: Some(verb.into()),
        namespace: namespace.map(Into::into),
        name: object.map(Into::into),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
