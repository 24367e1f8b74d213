//! All entries of a bucket, and what is broken.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entry::ExplainedEntry;
use crate::arn::FunctionArn;
use crate::import::{FunctionState, working_filter};
use crate::ownership::ObjectKey;
use crate::plan::bucket::{Bucket, Destination, Document, Entry, MAX_ENTRIES};
use crate::plan::permission::{Policy, Statement};

/// A function that an entry invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFunction {
    /// The state.
    pub state: FunctionState,
    /// The policy, or the reason of a failed read. `None` for a function that does not exist.
    pub policy: Option<Result<Policy, String>>,
}

/// A bucket with all of its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketExplanation {
    /// The name.
    pub bucket: String,
    /// The Region.
    pub region: String,
    /// The entries, in the order of the notification configuration.
    pub entries: Vec<ExplainedEntry>,
    /// The maximum number of entries.
    pub max_entries: usize,
    /// True if the bucket also sends its events to EventBridge.
    pub event_bridge: bool,
    /// Entries that run nothing, and entries that block a change of the bucket.
    pub problems: Vec<String>,
    /// Parts that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

impl BucketExplanation {
    /// True if the bucket sends an event to somebody.
    pub fn is_found(&self) -> bool {
        !self.entries.is_empty() || self.event_bridge
    }
}

/// Explains the notification configuration of a bucket. `functions` are the functions of the entries, by ARN, and `known`
/// the resources that may have made the entries.
pub fn explain_bucket(
    bucket: &Bucket,
    document: &Document,
    functions: &BTreeMap<String, EntryFunction>,
    known: &[&ObjectKey],
) -> BucketExplanation {
    let (mut entries, mut problems, mut unread) = (vec![], vec![], vec![]);
    for entry in document.entries() {
        let function = functions.get(&entry.arn).filter(|_| entry.destination == Destination::Function);
        let state = function.map(|function| &function.state);
        entries.push(ExplainedEntry::of(entry, state.and_then(FunctionState::tags), known));
        let policy = function.and_then(|function| function.policy.as_ref());
        let permission = || not_permitted(bucket, entry, policy?.as_ref().ok()?);
        let problem = working_filter(entry, state).err().or_else(permission);
        problems.extend(problem.map(|problem| format!("{}: {problem}", entry.describe())));
        let failed = match (state, policy) {
            (Some(FunctionState::Unknown(why)), _) | (_, Some(Err(why))) => Some(why),
            _ => None,
        };
        unread.extend(failed.map(|why| format!("{}: {why}", entry.describe())));
    }
    BucketExplanation {
        bucket: bucket.name.clone(),
        region: bucket.region.clone(),
        entries,
        max_entries: MAX_ENTRIES,
        event_bridge: document.has_event_bridge(),
        problems,
        unread,
    }
}

/// The problem of an entry whose function does not permit the bucket to invoke it. S3 checks the permission only at a
/// write of the configuration.
fn not_permitted(bucket: &Bucket, entry: &Entry, policy: &Policy) -> Option<String> {
    let function = FunctionArn::parse(&entry.arn)?;
    let wanted = Statement {
        id: String::new(),
        principal: "s3.amazonaws.com".into(),
        source_arn: format!("arn:{}:s3:::{bucket}", function.partition),
        source_account: Some(bucket.owner.clone()),
    };
    let is_permitted = policy.permitted_by(&wanted).is_some();
    (!is_permitted).then(|| {
        format!(
            "the policy of function {} has no statement that surely lets this bucket invoke it: see `aws lambda \
             get-policy --function-name {}`",
            function.short(),
            function.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Tags;
    use crate::explain::EntryMaker;

    const ACCOUNT: &str = "123456789012";

    fn function(name: &str) -> String {
        format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}")
    }

    fn entry(id: &str, suffix: &str) -> String {
        format!(
            "<CloudFunctionConfiguration><Id>{id}</Id><CloudFunction>{}</CloudFunction>\
             <Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>suffix</Name><Value>{suffix}</Value>\
             </FilterRule></S3Key></Filter></CloudFunctionConfiguration>",
            function(id)
        )
    }

    fn policy(bucket: &str) -> Policy {
        let text = format!(
            r#"{{"Statement": [{{"Sid": "a", "Effect": "Allow", "Principal": {{"Service": "s3.amazonaws.com"}},
                "Action": "lambda:InvokeFunction", "Resource": "x",
                "Condition": {{"ArnLike": {{"AWS:SourceArn": "arn:aws:s3:::{bucket}"}}}}}}]}}"#
        );
        Policy::parse(&text, None).unwrap()
    }

    #[test]
    fn broken_entries_have_their_reasons() {
        let exists = || FunctionState::Exists { tags: Tags::new(), statements: Ok(vec![]) };
        let functions: BTreeMap<String, EntryFunction> = [
            ("good", exists(), Some(Ok(policy("photos")))),
            ("closed", exists(), Some(Ok(policy("archive")))),
            ("gone", FunctionState::Missing, None),
            ("plain", exists(), Some(Ok(policy("photos")))),
            ("hidden", FunctionState::Unknown("AWS denies lambda:GetFunction".into()), None),
            ("secret", exists(), Some(Err("AWS denies lambda:GetPolicy".into()))),
        ]
        .into_iter()
        .map(|(name, state, policy)| (function(name), EntryFunction { state, policy }))
        .collect();
        let children: String = [
            entry("good", ".a"),
            entry("closed", ".b"),
            entry("gone", ".c"),
            entry("plain", "=.d"),
            entry("hidden", ".e"),
            entry("secret", ".f"),
            "<EventBridgeConfiguration/>".into(),
        ]
        .concat();
        let document = format!("<NotificationConfiguration>{children}</NotificationConfiguration>");
        let bucket = Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: ACCOUNT.into() };
        let explained = explain_bucket(&bucket, &Document::parse(&document).unwrap(), &functions, &[]);
        let of = |id: &str, keys: &str| format!("function entry \"{id}\" (s3:ObjectCreated:*, {keys}): ");
        assert_eq!(
            explained.problems,
            [
                of("closed", "*.b")
                    + "the policy of function closed has no statement that surely lets this bucket invoke it: see \
                       `aws lambda get-policy --function-name closed`",
                of("gone", "*.c")
                    + &function("gone")
                    + " does not exist, so S3 refuses every write that checks the destinations of this bucket; \
                       remove the entry",
                of("plain", "*=.d")
                    + "no key matches its filter, because the filter is not encoded for S3 (prefix \"\", suffix \
                       \"=.d\"): encode the filter, or replace the entry by a manifest with the keys as they are",
            ]
        );
        assert_eq!(
            explained.unread,
            [
                of("hidden", "*.e") + "AWS denies lambda:GetFunction",
                of("secret", "*.f") + "AWS denies lambda:GetPolicy"
            ]
        );
        let good = ExplainedEntry {
            id: Some("good".into()),
            destination: "function good".into(),
            arn: Some(function("good")),
            events: ["s3:ObjectCreated:*".into()].into(),
            keys: "*.a".into(),
            made_by: EntryMaker::Unknown,
        };
        assert_eq!(explained.entries[0], good);
        assert_eq!((explained.entries.len(), explained.max_entries, explained.event_bridge), (6, 100, true));
        assert!(explained.is_found());
    }

    #[test]
    fn a_bucket_without_entries_has_nothing_to_find() {
        let bucket = Bucket { region: "eu-west-1".into(), name: "photos".into(), owner: ACCOUNT.into() };
        let found = |children: &str| {
            let document = format!("<NotificationConfiguration>{children}</NotificationConfiguration>");
            explain_bucket(&bucket, &Document::parse(&document).unwrap(), &BTreeMap::new(), &[]).is_found()
        };
        assert!(!found(""));
        assert!(found("<EventBridgeConfiguration/>"));
        assert!(found(&entry("x", ".a")));
    }
}
