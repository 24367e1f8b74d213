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
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}")
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
