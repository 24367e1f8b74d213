//! The function of a resource: a named function, or a function that the resource deploys.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{AppliedFunction, FunctionDefinition, PermissionPolicy};
use lambda_triggers_core::arn::FunctionArn;
use lambda_triggers_core::plan::function::{
    ClusterCode, DesiredFunction, FunctionPlan, FunctionStep, ObservedFunction, code_not_found,
    config_map_of_code, conflicting, in_state_failed, not_found, pack, plan_async_invoke, plan_function,
};
use lambda_triggers_core::plan::permission::{Policy, PolicyView};
use lambda_triggers_core::preview::{Problem, Severity, function_changes};
use lambda_triggers_core::status::{Component, Failure, Reason};

use super::declared::Declared;
use super::item::Item;
use super::observer::{Observer, Planned, of};

/// A function as the plan sees it.
pub struct Found {
    pub arn: FunctionArn,
    pub deployed: Vec<AppliedFunction>,
    /// True if the function exists, so that its policy can be read.
    pub exists: bool,
}

impl Observer<'_> {
    /// The function of a resource. Adds the changes of a deployed function.
    pub async fn function(&self, item: &Item, planned: &mut Planned) -> Result<Found, Failure> {
        let declared = &item.declared;
        let arn = declared.function_arn(self.options);
        if let Some(definition) = &declared.spec.function().definition {
            return self.definition(item, definition, arn, planned).await;
        }
        let lambda = self.aws(item).lambda(&arn.region);
        let name = match &declared.spec.function().arn {
            Some(_) => arn.with_qualifier(None).to_string(),
            None => arn.name.clone(),
        };
        let found = lambda.function(&name, arn.qualifier.as_deref(), self.since).await;
        if let Some(function) = found.map_err(of(Component::Function))? {
            let failed = function.failed.map(|why| in_state_failed(&function.arn, &why));
            planned.problems.extend(failed.as_ref().map(Problem::from_failure));
            return Ok(Found { arn, deployed: vec![], exists: true });
        }
        let missing = not_found(&arn.name, arn.qualifier.as_deref(), &arn.region);
        let is_deployed = self.deployed.contains(&(arn.region.clone(), arn.name.clone()));
        if !is_deployed && !self.options.ignored.contains(Reason::FunctionNotFound.as_str()) {
            return Err(missing);
        }
        let mut problem = Problem { severity: Severity::Warning, ..Problem::from_failure(&missing) };
        if is_deployed {
            problem.message += "; another resource of these manifests deploys it first";
        }
        planned.problems.push(problem);
        Ok(Found { arn, deployed: vec![], exists: false })
    }

    /// The plan of a function that the resource deploys.
    async fn definition(
        &self,
        item: &Item,
        definition: &FunctionDefinition,
        arn: FunctionArn,
        planned: &mut Planned,
    ) -> Result<Found, Failure> {
        let code = self.code(&item.declared, definition).await?;
        let lambda = self.aws(item).lambda(&arn.region);
        let observed = lambda.deployed(&arn.name).await.map_err(of(Component::Function))?;
        let tags = observed.as_ref().map(|function| &function.tags);
        let (owner, origin) = (self.owner(tags), self.origin(item, tags));
        let desired = DesiredFunction::from_definition(
            &owner,
            &origin,
            &self.options.default_tags,
            definition,
            code.map(|code| code.archive),
        );
        let recorded = item.recorded.function(&arn.region, &arn.name);
        let set_before: BTreeSet<String> =
            recorded.iter().flat_map(|function| function.tag_keys.iter().cloned()).collect();
        let manages_retries =
            desired.async_invoke.is_some() || recorded.is_some_and(|function| function.async_invoke);
        let plan_from = |observed: Option<&ObservedFunction>| -> Result<FunctionPlan, Failure> {
            let known = self.known_code(item, observed);
            let policy = definition.adoption_policy;
            plan_function(&desired, observed, &set_before, known, &owner, &origin, policy)
                .map_err(|conflict| conflicting(&arn.name, &arn.region, &conflict))
        };
        let mut plan = plan_from(observed.as_ref())?;
        // Lambda takes one update at a time: the code follows the settings in a later reconcile.
        if let Some(observed) = &observed {
            let configuration = desired.configuration.clone();
            let after = plan_from(Some(&ObservedFunction { configuration, ..observed.clone() }))?;
            let is_code = |step: &FunctionStep| matches!(step, FunctionStep::UpdateCode(..));
            if !plan.steps.iter().any(is_code) {
                plan.steps.extend(after.steps.into_iter().filter(is_code));
            }
        }
        let mut invoke = None;
        if manages_retries && observed.is_some() {
            let read = lambda.event_invoke_config(&arn.name).await;
            invoke = read.map_err(of(Component::Function))?;
            plan_async_invoke(&mut plan, desired.async_invoke.as_ref(), invoke.as_ref());
        }
        planned.changes.extend(function_changes(
            &plan.steps,
            (observed.as_ref(), invoke.as_ref()),
            &arn.name,
            &arn.region,
            self.options.secrets,
        ));
        let deployed = AppliedFunction {
            region: arn.region.clone(),
            name: arn.name.clone(),
            tag_keys: desired.tags.keys().cloned().collect(),
            async_invoke: manages_retries,
        };
        Ok(Found { arn, deployed: vec![deployed], exists: observed.is_some() })
    }

    /// The SHA-256 of the code that the operator has sent last. A plan without the cluster takes the present code for it.
    pub fn known_code<'b>(&self, item: &'b Item, observed: Option<&'b ObservedFunction>) -> Option<&'b str> {
        match self.cluster {
            Some(_) => item.existing.as_ref()?.status.function.as_ref()?.code_sha256.as_deref(),
            None => observed.map(|function| function.code_sha256.as_str()),
        }
    }

    /// The code in the manifests or in the cluster as an archive; `None` for code in S3 or in an image.
    async fn code(
        &self,
        declared: &Declared,
        definition: &FunctionDefinition,
    ) -> Result<Option<ClusterCode>, Failure> {
        let Some(name) = config_map_of_code(definition) else { return pack(definition, None) };
        let namespace = &declared.key.namespace;
        let of_namespace = (namespace.clone(), name.to_owned());
        let of_none = (String::new(), name.to_owned());
        let files = self.config_maps.get(&of_namespace).or_else(|| self.config_maps.get(&of_none));
        let files = match (files, self.cluster) {
            (Some(files), _) => files.clone(),
            (None, Some(cluster)) => cluster.files(namespace, name).await?,
            (None, None) => {
                return Err(code_not_found(format!(
                    "spec.function.definition.code.configMap: the ConfigMap {name} is not in the files, so the code is \
                     unknown: give its manifest, too, or --cluster"
                )));
            }
        };
        pack(definition, Some(files))
    }

    /// The policy of a function. A function that does not exist yet has an empty policy.
    pub async fn policy(
        &self,
        item: &Item,
        function: &FunctionArn,
        exists: bool,
    ) -> Result<PolicyView, Failure> {
        if item.declared.spec.function().permission == PermissionPolicy::External {
            return Ok(PolicyView::External);
        }
        if !exists {
            return Ok(PolicyView::Read(Policy::default()));
        }
        let policy = self.read_policy(item, function).await.map_err(of(Component::Permission))?;
        Ok(PolicyView::Read(policy.unwrap_or_default()))
    }
}
