//! Tests of the import, with whole findings.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::{DeletionPolicy, S3TriggeredFunctionSpec, Tags, check_manifest};
use crate::arn::FunctionArn;
use crate::ownership::{ObjectKey, Owner, OwnerId};
use crate::plan::bucket::{Bucket, Change, Claim, Document, plan_bucket};
use crate::plan::intent::s3_triggered_function::{Intent, Valid};
use crate::plan::permission::Statement;
pub(super) use rule::{rule, target};

mod bucket;
mod report;
mod rule;
mod schedule;

const ACCOUNT: &str = "123456789012";

fn settings() -> ImportSettings {
    ImportSettings {
        namespace: "media".into(),
        account: ACCOUNT.into(),
        region: "eu-west-1".into(),
        deletion_policy: DeletionPolicy::Retain,
        selection: Selection::default(),
    }
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}")
}

/// A function with these tags, and with statements in its policy: Sid, service and ARN of the source.
fn function(tags: &[(&str, &str)], statements: &[(&str, &str, &str)]) -> FunctionState {
    let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let statement = |(sid, service, source): &(&str, &str, &str)| Statement {
        id: (*sid).into(),
        principal: (*service).into(),
        source_arn: (*source).into(),
        source_account: None,
    };
    FunctionState::Exists { tags, statements: Ok(statements.iter().map(statement).collect()) }
}

/// The tag of Chalice on a function of the app shop.
const CHALICE: (&str, &str) = ("aws-chalice", "version=1:stage=dev:app=shop");

/// The Sids of the old permissions of each imported part.
fn old_sids(findings: &[Finding]) -> Vec<Vec<String>> {
    let sids = |finding: &Finding| match &finding.outcome {
        Outcome::Imported(imported) => {
            Some(imported.permissions.iter().map(|permission| permission.sid.clone()).collect())
        }
        _ => None,
    };
    findings.iter().filter_map(sids).collect()
}

/// The part, the outcome as a sign with the spec or the reason, the maker and the notes.
type Row = (String, &'static str, Value, Option<String>, Vec<String>);

fn row(finding: &Finding) -> Row {
    let (sign, value) = match &finding.outcome {
        Outcome::Imported(imported) => ("imported", imported.manifest.object["spec"].clone()),
        Outcome::Stays(why) => ("stays", json!(why)),
        Outcome::NotImported(why) => ("not imported", json!(why)),
        Outcome::Unread(why) => ("unread", json!(why)),
    };
    let maker = finding.made_by.as_ref().map(ToString::to_string);
    (finding.part.clone(), sign, value, maker, finding.notes.clone())
}
