//! `lambda-triggers plan`: what the operator would change in AWS for the manifests in files.

mod args;
mod destination;
mod format;
mod github;
mod markdown;
mod progress;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::process::ExitCode;

use jiff::Timestamp;
use kube::Client;
use lambda_triggers_core::diagnosis::check_owner_id;
use lambda_triggers_core::preview::{ChangeAction, EntryAction, EntryOwner, PlanResult, Preview, Secrets};
use lambda_triggers_core::status::Component;

use super::output;
use crate::aws::{AwsReads, NamespaceReads};
use crate::manifests;
use crate::network::Network;
use crate::operator::{CLUSTER, StartError, find_owner, read_tenancy};
use crate::preview::{Cluster, Input, Options, preview};
use args::FailOn;
pub use args::PlanArgs;
use destination::Format;

/// Plans, and prints the plan.
pub fn run(args: PlanArgs) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outputs = args.output.clone();
    let shown = Shown {
        title: args.title.clone(),
        max_bytes: args.max_bytes,
        unchanged: args.show_unchanged,
        quiet: args.quiet,
    };
    let (codes, fail_on) = ((args.changes_exit_code, args.allow_unknown), args.fail_on.clone());
    let connection = args.connection.clone();
    let preview = runtime.block_on(connection.calls.within(plan(args)))??;
    for to in &outputs {
        let text = match to.format {
            Format::Text => text::render(&preview, &shown),
            Format::Markdown => markdown::render(&preview, &shown),
            Format::Json => output::json("Plan", &preview)?,
            Format::Github => github::render(&preview),
        };
        to.write(&text)?;
    }
    Ok(exit_code(&preview, codes, &fail_on))
}

/// What the renderers show.
#[derive(Clone, Debug)]
struct Shown {
    title: String,
    max_bytes: usize,
    unchanged: bool,
    quiet: bool,
}

async fn plan(args: PlanArgs) -> Result<Preview, StartError> {
    let head = manifests::read(&args.filename, args.recursive)?;
    let base = match args.base.as_slice() {
        [] => None,
        base => Some(manifests::read(base, args.recursive)?),
    };
    let tenancy = match &args.tenancy_file {
        Some(path) => {
            Some(read_tenancy(path).map_err(|why| format!("the tenancy file {}: {why}", path.display()))?)
        }
        None => None,
    };
    if tenancy.is_some() && args.offline && args.account.is_none() {
        return Err("--offline with a tenancy file needs --account, the account of the operator".into());
    }
    let network = if args.offline { None } else { Some(Network::from_env()?) };
    let (cluster, default_namespace) = match network.as_ref().filter(|_| args.cluster) {
        Some(network) => {
            let config = network.kube_config(args.connection.context.as_deref()).await?;
            let client = Client::try_from(config)?;
            let namespace = client.default_namespace().to_owned();
            (Some(read_cluster(client, &args).await?), Some(namespace))
        }
        None => (None, None),
    };
    let owner = cluster.as_ref().map(|cluster| cluster.owner.id.clone()).or(args.owner_id);
    let owner = owner.ok_or("give --owner-id, the owner id of the operator, or --cluster")?;
    let role = args.scheduler_role_arn.as_deref();
    let aws = match (network, &tenancy) {
        (None, _) => None,
        (Some(network), Some(tenancy)) if args.assume_roles => {
            let place = (network, args.region.clone());
            Some(NamespaceReads::load(place, owner.clone(), tenancy, role).await?)
        }
        (Some(network), _) => {
            let own = AwsReads::load(network, args.region.clone()).await?;
            Some(NamespaceReads::single(own, owner.clone()))
        }
    };
    let region = aws.as_ref().map(|aws| aws.own().default_region().to_owned()).or(args.region);
    let secrets = if args.show_values { Secrets::Show } else { Secrets::Hide };
    let options = Options {
        owner,
        namespace: args.namespace.or(default_namespace),
        region: region.unwrap_or_default(),
        account: args.account,
        default_backend: args.default_backend.into(),
        default_tags: args.default_tags.unwrap_or_default(),
        scheduler_role: args.scheduler_role_arn,
        tenancy,
        ignored: args.ignore.into_iter().collect::<BTreeSet<_>>(),
        all: args.all || base.is_none(),
        secrets,
        progress: progress::progress().filter(|_| !args.quiet),
    };
    let planned = preview(Input { head, base, cluster }, &options, aws.as_ref(), Timestamp::now()).await;
    progress::clear();
    Ok(planned.map_err(|error| error.failure_for_person(Component::Function).message)?)
}

async fn read_cluster(client: Client, args: &PlanArgs) -> Result<Cluster, StartError> {
    let identity = args.operator_namespace.as_deref().unwrap_or(CLUSTER);
    let owner = find_owner(&client, identity, args.owner_id.clone()).await?;
    let cluster = Cluster::read(client, owner, args.selector.as_deref()).await?;
    if args.owner_id.is_none() && args.operator_namespace.is_none() {
        check_owner_id(&cluster.owner.id, &cluster.recorded_owners(), Some("--operator-namespace"))?;
    }
    Ok(cluster)
}

/// The exit code: 0 without changes, the code for changes, and 1 for everything that needs a person.
fn exit_code(preview: &Preview, (changes, allow_unknown): (u8, bool), fail_on: &[FailOn]) -> ExitCode {
    let is_met = |what: &FailOn| match what {
        FailOn::Deletions => has(preview, ChangeAction::Delete) || preview.summary.delete > 0,
        FailOn::Takeovers => has(preview, ChangeAction::TakeOver),
        FailOn::Drift => preview.summary.drift > 0,
        FailOn::Others => preview.buckets.iter().any(|bucket| {
            let is_foreign = |owner| owner != EntryOwner::Operator;
            bucket.write
                && bucket
                    .entries
                    .iter()
                    .any(|entry| is_foreign(entry.owner) && entry.action == EntryAction::None)
        }),
        FailOn::Empty => preview.resources.is_empty(),
    };
    let has_changes = preview.summary.create + preview.summary.update + preview.summary.delete > 0;
    match preview.result {
        PlanResult::Problems => ExitCode::FAILURE,
        PlanResult::Incomplete if !allow_unknown => ExitCode::FAILURE,
        _ if fail_on.iter().any(is_met) => ExitCode::FAILURE,
        _ if has_changes => ExitCode::from(changes),
        _ => ExitCode::SUCCESS,
    }
}

fn has(preview: &Preview, action: ChangeAction) -> bool {
    preview.resources.iter().flat_map(|resource| &resource.changes).any(|change| change.action == action)
}
