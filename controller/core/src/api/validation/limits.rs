//! Maximum and minimum sizes of strings, lists and numbers, for the CRDs and for the checks in Rust.

/// Characters of a function's name (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
pub(in crate::api) const FUNCTION_NAME: usize = 64;
/// Characters of an alias (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>).
pub(in crate::api) const QUALIFIER: usize = 128;
/// Characters of a function's ARN, including name and alias, with a margin.
pub(in crate::api) const ARN: usize = 300;
/// Characters of a Region's name. The longest current name has 15.
pub(in crate::api) const REGION: usize = 32;
/// Characters of an account id. A valid id has 12. The schema permits more, so that the rule's message is shown.
pub(in crate::api) const ACCOUNT: usize = 32;
/// Characters of a bucket's name (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
/// The schema permits more, so that a user who writes an ARN sees the rule's message.
pub(in crate::api) const BUCKET: usize = 63;
/// Characters of a bucket's name in us-east-1 from before March 2018, from the same page.
pub(in crate::api) const LEGACY_BUCKET: usize = 255;
/// Bytes of a prefix or suffix, like a key
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>). The percent-encoded bytes count: no
/// AWS document says whether S3 counts before or after the decoding of a filter.
pub(in crate::api) const KEY: usize = 1024;
/// Filters of a resource. A notification configuration has at most 100 entries. The rule that compares all pairs of
/// filters would exceed the API server's cost limit with more filters.
pub(in crate::api) const FILTERS: usize = 50;
/// Characters of a rule's description (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>).
pub(in crate::api) const DESCRIPTION: usize = 512;
/// Characters of a target's input (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>).
pub(in crate::api) const INPUT: usize = 8192;
/// Further attempts of a retry policy (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html>).
pub(in crate::api) const MAX_RETRY_ATTEMPTS: i64 = 185;
/// Minimum of a retry policy's event age, in seconds.
pub(in crate::api) const MIN_EVENT_AGE: i64 = 60;
/// Maximum of a retry policy's event age, in seconds: a day.
pub(in crate::api) const MAX_EVENT_AGE: i64 = 86_400;
/// Retries of an asynchronous invocation
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>).
pub(in crate::api) const MAX_ASYNC_RETRY_ATTEMPTS: i64 = 2;
/// Maximum event age of asynchronous invocations, in seconds: six hours. The minimum is [`MIN_EVENT_AGE`].
pub(in crate::api) const MAX_ASYNC_EVENT_AGE: i64 = 21_600;
/// Tags of a resource. AWS allows 50, and ten are reserved for the operator's tags.
pub(in crate::api) const TAGS: usize = 40;
/// Characters of a tag's key (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Tag.html>).
pub(in crate::api) const TAG_KEY: usize = 128;
/// Characters of a tag's value.
pub(in crate::api) const TAG_VALUE: usize = 256;
/// Characters of a time zone's name
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>).
pub(in crate::api) const TIME_ZONE: usize = 50;
/// Minutes of a flexible time window
/// (<https://docs.aws.amazon.com/scheduler/latest/APIReference/API_FlexibleTimeWindow.html>).
pub(in crate::api) const MAX_TIME_WINDOW: i64 = 1440;
/// Characters of one field of cron. With a longer field, the expression would exceed EventBridge's limit.
pub(in crate::api) const CRON_FIELD: usize = 245;
/// Characters of a runtime's name. The longest current name has 15.
pub(in crate::api) const RUNTIME: usize = 64;
/// Characters of a handler (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>). The page is
/// also the source of the limits below without a URL.
pub(in crate::api) const HANDLER: usize = 128;
/// Characters of a role's ARN. The path alone can have 512
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub(in crate::api) const ROLE: usize = 640;
/// Characters of a function's description.
pub(in crate::api) const FUNCTION_DESCRIPTION: usize = 256;
/// Minimum memory of a function in MB (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub(in crate::api) const MIN_MEMORY_SIZE: i64 = 128;
/// Maximum memory of a function in MB.
pub(in crate::api) const MAX_MEMORY_SIZE: i64 = 10_240;
/// Minimum timeout of a run in seconds.
pub(in crate::api) const MIN_TIMEOUT: i64 = 1;
/// Maximum timeout of a run in seconds.
pub(in crate::api) const MAX_TIMEOUT: i64 = 900;
/// Minimum size of `/tmp` in MB.
pub(in crate::api) const MIN_EPHEMERAL_STORAGE: i64 = 512;
/// Maximum size of `/tmp` in MB.
pub(in crate::api) const MAX_EPHEMERAL_STORAGE: i64 = 10_240;
/// Bytes of all environment variables as JSON, which is Lambda's measure.
pub(in crate::api) const ENVIRONMENT: usize = 4096;
/// Environment variables. A name has at least two characters, so more variables never fit into 4 KB of JSON.
pub(in crate::api) const VARIABLES: usize = 511;
/// Characters of the ARN of a queue or topic. A queue's name has up to 80 characters, a topic's name up to 256.
pub(in crate::api) const QUEUE_OR_TOPIC: usize = 340;
/// Layers of a function (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub(in crate::api) const LAYERS: usize = 5;
/// Subnets of a function.
pub(in crate::api) const SUBNETS: usize = 16;
/// Security groups of a function.
pub(in crate::api) const SECURITY_GROUPS: usize = 5;
/// Characters of the id of a subnet or security group. Current ids have up to 24.
pub(in crate::api) const NETWORK_ID: usize = 64;
/// Characters of a log group's name.
pub(in crate::api) const LOG_GROUP: usize = 512;
/// Files of inline code. With more files, the rule on file names would exceed the API server's cost limit.
pub(in crate::api) const FILES: usize = 100;
/// Characters of a file's name.
pub(in crate::api) const FILE_NAME: usize = 255;
/// Characters of all inline files. A ConfigMap has the same limit in bytes, and an object in etcd has at most 1.5 MiB. A
/// rule that counts bytes would exceed the API server's cost limit.
pub(in crate::api) const INLINE: usize = 1_048_576;
/// Characters of a ConfigMap's name
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>).
pub(in crate::api) const CONFIG_MAP_NAME: usize = 253;
/// Characters of an object's version in S3.
pub(in crate::api) const OBJECT_VERSION: usize = 1024;
/// Characters of an image's URI. A repository's name has up to 256 characters, a tag up to 128.
pub(in crate::api) const IMAGE_URI: usize = 512;
/// Items of an image's entry point or command.
pub(in crate::api) const WORDS: usize = 1500;
/// Characters of one item of an entry point or command.
pub(in crate::api) const WORD: usize = 4096;
/// Characters of an image's working directory.
pub(in crate::api) const WORKING_DIRECTORY: usize = 1000;

/// The environment variables that Lambda sets and refuses in a configuration
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>). Two
/// more reserved variables begin with an underscore, which no valid name has.
pub(in crate::api) const RESERVED_VARIABLES: [&str; 16] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];
