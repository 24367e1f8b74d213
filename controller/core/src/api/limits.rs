//! The limits of strings and lists, which the schemas and the checks behind them share.

/// Characters of a function's name (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
pub(super) const FUNCTION_NAME: usize = 64;
/// Characters of an alias (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>).
pub(super) const QUALIFIER: usize = 128;
/// Characters of an ARN: what that of a function with name and alias can have, and some to spare.
pub(super) const ARN: usize = 300;
/// Characters of a Region's name; the longest one has 15.
pub(super) const REGION: usize = 32;
/// Characters of an account's id, of which only 12 can be right.
pub(super) const ACCOUNT: usize = 32;
/// Characters of a bucket's name (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>);
/// the schema lets more pass, so that whoever writes an ARN there learns what to write instead.
pub(super) const BUCKET: usize = 63;
/// Characters of a prefix or suffix, as of a key.
pub(super) const KEY: usize = 1024;
/// Filters of a resource. A notification configuration holds 100 entries; an API server lets a rule that compares each
/// filter with each cost no more than it does with this many.
pub(super) const FILTERS: usize = 50;
/// Characters of a rule's description (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
pub(super) const DESCRIPTION: usize = 512;
/// Characters of a target's input (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>).
pub(super) const INPUT: usize = 8192;
/// Further attempts of a retry policy (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html>).
pub(super) const MAX_RETRY_ATTEMPTS: i64 = 185;
/// The least age in seconds at which a retry policy may give up.
pub(super) const MIN_EVENT_AGE: i64 = 60;
/// The greatest age in seconds at which a retry policy may give up: a day.
pub(super) const MAX_EVENT_AGE: i64 = 86_400;
/// Tags of a resource: AWS allows 50, of which ten are kept for our own.
pub(super) const TAGS: usize = 40;
/// Characters of a tag's key (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Tag.html>).
pub(super) const TAG_KEY: usize = 128;
/// Characters of a tag's value.
pub(super) const TAG_VALUE: usize = 256;
/// Characters of one field of cron: five such, with the shortest of the sixth, are more than AWS takes in all.
pub(super) const CRON_FIELD: usize = 245;
