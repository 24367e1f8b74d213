//! The orphans in AWS. Resources that no longer exist have left the orphans behind.

mod places;
mod search;

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::Client;
use lambda_triggers_core::diagnosis::{Check, Claims, check_orphans};
use lambda_triggers_core::ownership::OwnerId;

use super::kubernetes::{connect, is_operator, own_namespace};
use super::owner_id::check_owner;
use super::resources::Resources;
use super::{Options, aws};
use crate::aws::Aws;
use crate::error_chain;
use crate::network::Network;
use crate::operator::{find_owner, identity};
use places::{Needs, Places};
use search::Search;

const ORPHANS: &str = "orphans";

/// Finds the orphans of the operator in the account of the credentials.
pub async fn examine(options: &Options, network: Network) -> Vec<Check> {
    let skipped = |why: &str| Check::skipped(ORPHANS, format!("{why}, so nothing is judged"));
    let (api_server, client) = match connect(options, &network).await {
        Ok(connected) => connected,
        Err(failed) => return vec![failed, skipped("the resources of the cluster are not known")],
    };
    let own = own_namespace(options, &client);
    let listed = Listing::read(&client, &options.namespaces).await;
    let resources = listed.as_ref().ok().map(|listing| &listing.resources);
    let (owner_check, owner) = check_owner(options, &client, &own, resources).await;
    let mut checks = vec![api_server, owner_check];
    let Some(owner) = owner else {
        checks.push(skipped("the owner id is not known"));
        return checks;
    };
    checks.extend(other_clusters(options, &client, &own).await);
    let before = match listed {
        Ok(listing) => listing,
        Err(why) => {
            let message = format!("cannot be listed: {why}; allow list of both kinds in all namespaces");
            checks
                .extend([Check::failed("resources", message), skipped("resources are missing in the list")]);
            return checks;
        }
    };
    let is_operator = is_operator(options, &client, &own).await;
    let (aws_checks, connected) = aws::connect(options, network, is_operator).await;
    checks.extend(aws_checks);
    let Some((sdk, caller)) = connected else {
        checks.push(skipped("AWS cannot be called"));
        return checks;
    };
    let needs = Needs::new(&owner, &caller.account, sdk.default_region(), Timestamp::now());
    let places = Places::new(options, &before.resources, &needs);
    let mut claims = before.claims(&owner, &needs);
    let mut search = Search::new(sdk, &owner, &caller.account, claims.clone());
    search.run(&places).await;
    // A resource that is created during the search must not lose what it gets meanwhile.
    match Listing::read(&client, &options.namespaces).await {
        Ok(after) => {
            checks.push(after.check());
            after.add_claims(&mut claims, &owner, &needs);
            let (found, searched) = search.end();
            checks.extend(searched);
            checks.extend(check_orphans(&owner, &found, &claims));
        }
        Err(why) => checks.push(skipped(&format!("resources cannot be listed again: {why}"))),
    }
    checks
}

/// Warns if the owner id is not the cluster's own: an operator of another cluster may use the AWS resources.
async fn other_clusters(options: &Options, client: &Client, own: &str) -> Option<Check> {
    let given = options.owner_id.as_ref()?;
    let derived = find_owner(client, identity(&options.namespaces, own), None).await;
    if derived.is_ok_and(|owner| owner.id == *given) {
        return None;
    }
    let message = format!(
        "the owner id {given} is not of this cluster: make sure that no operator of another cluster uses it, or its AWS \
         resources look like orphans"
    );
    Some(Check::skipped("other clusters", message))
}

/// The resources of the cluster.
struct Listing {
    resources: Resources,
    /// The listed namespaces; `None` for all.
    namespaces: Option<BTreeSet<String>>,
}

impl Listing {
    /// Lists the resources of all namespaces, or of the watched namespaces if RBAC denies more.
    async fn read(client: &Client, watched: &[String]) -> Result<Self, String> {
        match Resources::list(client, &[]).await {
            Ok(resources) => Ok(Self { resources, namespaces: None }),
            Err(kube::Error::Api(status)) if status.code == 403 && !watched.is_empty() => {
                let resources =
                    Resources::list(client, watched).await.map_err(|error| error_chain(&error))?;
                Ok(Self { resources, namespaces: Some(watched.iter().cloned().collect()) })
            }
            Err(error) => Err(error_chain(&error)),
        }
    }

    fn check(&self) -> Check {
        let place = match &self.namespaces {
            None => "all namespaces".into(),
            Some(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("the namespaces {} alone", names.join(", "))
            }
        };
        Check::ok("resources", format!("{} in {place}", self.resources.all().count()))
    }

    fn claims(&self, owner: &OwnerId, needs: &Needs) -> Claims {
        let mut claims = Claims::new(self.namespaces.clone());
        self.add_claims(&mut claims, owner, needs);
        claims
    }

    fn add_claims(&self, claims: &mut Claims, owner: &OwnerId, needs: &Needs) {
        for (kind, key, applied) in needs.of(&self.resources) {
            claims.add(owner, kind, &key, &applied);
        }
    }
}
