//! Lambda's functions. Each creation and each update takes time.

use std::collections::BTreeSet;

use lambda_triggers_core::api::{Architecture, SnapStart, Tags};
use lambda_triggers_core::plan::function::{
    CodeSource, Configuration, DesiredFunction, EventInvokeConfig, FunctionState as Usable,
    ImageConfiguration, ObservedFunction, Update,
};
use serde_json::json;

use super::errors::Op;
use super::journal::Effect;
use super::policies::{port_arn, unqualified};
use super::requests;
use super::state::{Answer, AwsState};
use crate::aws_proxy::arn::FunctionRef;
use crate::aws_proxy::event_invoke::{event_invoke_config, no_event_invoke_config};
use crate::aws_proxy::function_check::{self, invalid};
use crate::aws_proxy::function_code::{Image, Unread, is_in_registry, no_image, unread};
use crate::aws_proxy::function_state::{Life, Stage};
use crate::aws_proxy::functions::{exists_already, missing, no_tags_there};
use crate::sim::fault_injector::View;

/// A function.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub configuration: Configuration,
    pub architecture: Architecture,
    pub code: Code,
    pub tags: Tags,
    pub reserved_concurrency: Option<i32>,
    pub event_invoke_config: Option<EventInvokeConfig>,
    /// Versions and aliases.
    pub qualifiers: BTreeSet<String>,
    pub life: Life,
    pub last_modified: String,
}

/// The code of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub sha256: String,
    pub image_uri: Option<String>,
}

impl Code {
    fn package_type(&self) -> &'static str {
        if self.image_uri.is_some() { "Image" } else { "Zip" }
    }
}

impl Function {
    fn observed(&self, reference: &FunctionRef) -> ObservedFunction {
        let Self { configuration, architecture, code, tags, reserved_concurrency, .. } = self.clone();
        ObservedFunction {
            arn: port_arn(reference),
            configuration,
            environment_unread: None,
            architecture,
            code_sha256: code.sha256,
            image_uri: code.image_uri,
            tags,
            reserved_concurrency,
            state: match &self.life.stage {
                Stage::Creating(_) => Usable::Pending,
                Stage::CreationFailed(failure) => Usable::Failed(failure.reason.clone()),
                Stage::Updating(_) | Stage::Ready | Stage::UpdateFailed(_) => Usable::Usable,
            },
            update: match &self.life.stage {
                Stage::Updating(_) => Update::InProgress,
                Stage::UpdateFailed(failure) => Update::Failed(failure.reason.clone()),
                Stage::Creating(_) | Stage::CreationFailed(_) | Stage::Ready => Update::Settled,
            },
            version: "$LATEST".into(),
            last_modified: self.last_modified.clone(),
        }
    }
}

impl AwsState {
    pub fn deployed(&self, reference: &FunctionRef, view: View) -> Answer<ObservedFunction> {
        let found = self.functions.seen(reference, view);
        found.map(|function| function.observed(reference)).ok_or_else(|| missing(reference))
    }

    pub fn create_function(
        &mut self,
        op: &Op,
        reference: &FunctionRef,
        desired: &DesiredFunction,
    ) -> Answer<()> {
        let body = requests::creation(desired);
        function_check::creation(&body)?;
        function_check::logging(&body["LoggingConfig"], &body["LoggingConfig"])?;
        self.check_role(&desired.configuration)?;
        if self.functions.get(reference).is_some() {
            return Err(exists_already(&reference.name));
        }
        let DesiredFunction {
            name: _,
            configuration,
            architecture,
            code,
            tags,
            reserved_concurrency: _,
            async_invoke: _,
        } = desired;
        let code = self.code(code, &reference.region)?;
        let created = Function {
            configuration: kept(configuration),
            architecture: *architecture,
            code,
            tags: tags.clone(),
            reserved_concurrency: None,
            event_invoke_config: None,
            qualifiers: BTreeSet::new(),
            life: Life::new(Stage::Creating(self.wishes.change(&self.account, &reference.name))),
            last_modified: self.date(),
        };
        self.functions.set(reference.clone(), Some(created));
        self.note(op, None, Effect::Created);
        Ok(())
    }

    pub fn update_code(
        &mut self,
        op: &Op,
        reference: &FunctionRef,
        code: &CodeSource,
        architecture: Architecture,
    ) -> Answer<()> {
        let function = self.at_rest(reference)?;
        let body = requests::code_update(code, architecture);
        function_check::code_update(&body, function.code.package_type())?;
        let code = self.code(code, &reference.region)?;
        self.update(op, reference, |function| {
            function.code = code;
            function.architecture = architecture;
        })
    }

    pub fn update_configuration(
        &mut self,
        op: &Op,
        reference: &FunctionRef,
        configuration: &Configuration,
    ) -> Answer<()> {
        let function = self.at_rest(reference)?;
        let body = requests::settings(configuration);
        function_check::configuration_update(&body, function.code.package_type())?;
        function_check::logging(&body["LoggingConfig"], &body["LoggingConfig"])?;
        self.check_role(configuration)?;
        self.update(op, reference, |function| function.configuration = kept(configuration))
    }

    pub fn tag_function(
        &mut self,
        op: &Op,
        reference: &FunctionRef,
        change: impl FnOnce(&mut Tags),
    ) -> Answer<()> {
        if reference.qualifier.is_some() {
            return Err(no_tags_there(&reference.arn()));
        }
        self.change(op, reference, |function| {
            let before = json!(function.tags);
            change(&mut function.tags);
            function_check::tags(&json!(function.tags), &before)
        })
    }

    pub fn put_concurrency(&mut self, op: &Op, reference: &FunctionRef, runs: i32) -> Answer<()> {
        let others = self
            .functions
            .iter()
            .filter(|(other, _)| other.region == reference.region && *other != reference);
        let reserved = |function: &Function| u64::try_from(function.reserved_concurrency?).ok();
        let of_others = others.filter_map(|(_, function)| reserved(function)).sum();
        self.change(op, reference, |function| {
            function_check::reservation(&json!(runs), of_others)?;
            function.reserved_concurrency = Some(runs);
            Ok(())
        })
    }

    pub fn delete_concurrency(&mut self, op: &Op, reference: &FunctionRef) -> Answer<()> {
        self.change(op, reference, |function| {
            function.reserved_concurrency = None;
            Ok(())
        })
    }

    pub fn event_invoke_config(&self, reference: &FunctionRef, view: View) -> Answer<EventInvokeConfig> {
        let found = self.functions.seen(reference, view).ok_or_else(|| missing(reference))?;
        found.event_invoke_config.clone().ok_or_else(|| no_event_invoke_config(reference))
    }

    pub fn put_event_invoke_config(
        &mut self,
        op: &Op,
        reference: &FunctionRef,
        config: &EventInvokeConfig,
    ) -> Answer<()> {
        event_invoke_config(&requests::event_invoke_config(config))?;
        self.change(op, reference, |function| {
            function.event_invoke_config = Some(config.clone());
            Ok(())
        })
    }

    pub fn delete_event_invoke_config(&mut self, op: &Op, reference: &FunctionRef) -> Answer<()> {
        self.change(op, reference, |function| {
            let found = function.event_invoke_config.take();
            found.map(drop).ok_or_else(|| no_event_invoke_config(reference))
        })
    }

    /// Deletes a function with its versions, its aliases and all their policies.
    pub fn delete_function(&mut self, op: &Op, reference: &FunctionRef) -> Answer<()> {
        self.functions.get(reference).ok_or_else(|| missing(reference))?;
        self.functions.set(reference.clone(), None);
        self.policies.remove_if(|other| unqualified(other) == *reference);
        self.note(op, None, Effect::Deleted);
        Ok(())
    }

    fn at_rest(&self, reference: &FunctionRef) -> Answer<&Function> {
        let function = self.functions.get(reference).ok_or_else(|| missing(reference))?;
        function.life.check_at_rest(&reference.arn())?;
        Ok(function)
    }

    /// An update that takes time. An update that the test makes fail changes only the state.
    fn update(&mut self, op: &Op, reference: &FunctionRef, update: impl FnOnce(&mut Function)) -> Answer<()> {
        let fails = self.wishes.dooms(&self.account, &reference.name);
        let stage = Stage::Updating(self.wishes.change(&self.account, &reference.name));
        let now = self.date();
        self.change(op, reference, |function| {
            if !fails {
                update(function);
            }
            function.life = Life::new(stage);
            function.last_modified = now;
            Ok(())
        })
    }

    /// A change that takes effect at once.
    fn change(
        &mut self,
        op: &Op,
        reference: &FunctionRef,
        change: impl FnOnce(&mut Function) -> Answer<()>,
    ) -> Answer<()> {
        let mut function = self.functions.get(reference).ok_or_else(|| missing(reference))?.clone();
        change(&mut function)?;
        self.functions.set(reference.clone(), Some(function));
        self.note(op, None, Effect::Changed);
        Ok(())
    }

    fn check_role(&self, configuration: &Configuration) -> Answer<()> {
        if self.unready_roles.contains(&configuration.role) {
            return Err(invalid("The role defined for the function cannot be assumed by Lambda."));
        }
        Ok(())
    }

    /// The code, as Lambda copies the code at deployment.
    fn code(&self, source: &CodeSource, region: &str) -> Answer<Code> {
        match source {
            CodeSource::Archive(archive) => Ok(Code { sha256: archive.sha256.clone(), image_uri: None }),
            CodeSource::S3 { bucket, key, version } => {
                let held = self.buckets.get(bucket).ok_or_else(|| unread(Unread::Bucket))?;
                let object = |version: Option<String>| held.objects.get(&(key.clone(), version));
                let found = object(version.clone()).ok_or_else(|| {
                    let other_version = version.is_some() && object(None).is_some();
                    unread(if other_version { Unread::Version } else { Unread::Key })
                })?;
                Ok(Code { sha256: found.clone(), image_uri: None })
            }
            CodeSource::Image { uri } if is_in_registry(uri, region) => {
                Ok(Code { sha256: Image::new(uri).digest, image_uri: Some(uri.clone()) })
            }
            CodeSource::Image { uri } => Err(no_image(uri)),
        }
    }
}

/// The settings that Lambda stores for the package type of the function: archive or image. Other settings are dropped.
fn kept(configuration: &Configuration) -> Configuration {
    let mut kept = configuration.clone();
    if kept.runtime.is_some() {
        kept.image = ImageConfiguration::default();
    } else {
        kept.snap_start = SnapStart::None;
    }
    kept
}
