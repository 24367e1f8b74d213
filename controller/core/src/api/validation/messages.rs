//! Error messages. Each message says what to write instead, and is the same in the CRD's rule and in the Rust check.

use std::fmt;

use jiff::civil::DateTime;

use super::limits::RESERVED_VARIABLES;

pub(in crate::api) const ONE_SCHEDULE: &str = "set exactly one of schedule, rate and cron";

pub(in crate::api) const SCHEDULE: &str = "write rate(...), cron(...), at(...) or the five fields of a CronJob, \
     such as rate(1 hour), cron(0 18 ? * MON-FRI *), at(2026-12-24T18:00:00) or 0 18 * * MON-FRI";
pub(in crate::api) const AT: &str = "write at(yyyy-mm-ddThh:mm:ss), such as at(2026-12-24T18:00:00), without \
     an offset or Z: the time zone belongs in timeZone";
pub(in crate::api) const NO_SUCH_TIME: &str =
    "write a date and a time that exist, in the years 1970 to 2199, such as at(2026-12-24T18:00:00)";
pub(in crate::api) const TIME_ZONE_IN_SCHEDULE: &str =
    "remove the time zone from the schedule and write it in timeZone, such as timeZone: Europe/Berlin";
pub(in crate::api) const TIME_ZONE: &str = "write the IANA name of a time zone, such as Europe/Berlin or UTC";
pub(in crate::api) const TIME_ZONE_OF_RATE: &str =
    "remove timeZone, or write cron(...): an interval counts minutes, and no clock change affects it";
pub(in crate::api) const DATE_OF_AT: &str = "remove the date: at(...) runs once, and its own date decides";
pub(in crate::api) const END_BEFORE_START: &str = "write an endDate after startDate";
pub(in crate::api) const EVERY: &str =
    "write the interval as rate(...), such as rate(90 minutes) for @every 90m";
pub(in crate::api) const MACRO: &str =
    "write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually";
pub(in crate::api) const EXPRESSION_TOO_LONG: &str = "write a shorter schedule, with ranges or steps such \
     as 0-30 or 0/2 instead of long lists: AWS accepts at most 256 characters";

pub(in crate::api) const RATE: &str =
    "write rate(value unit), such as rate(5 minutes): a whole number, one space, and minutes, hours or days";
pub(in crate::api) const RATE_TOO_LARGE: &str = "write a smaller number: at most 999999999";

pub(in crate::api) const CRON: &str =
    "write cron(minutes hours day-of-month month day-of-week year), such as cron(0 18 ? * MON-FRI *)";
pub(in crate::api) const FIVE_FIELDS_IN_CRON: &str = "write the year as a sixth field, such as \
     cron(0 18 ? * MON-FRI *), or the five fields of a CronJob without cron(...)";
pub(in crate::api) const ONE_QUESTION_MARK: &str = "write ? in exactly one of day-of-month and day-of-week: \
     cron(0 18 ? * MON-FRI *) for days of the week, cron(0 18 1 * ? *) for days of the month";
pub(in crate::api) const NO_SUCH_DAY: &str = "write a day that exists in one of the months, such as \
     28 for FEB: February has no day 30 or 31, and April, June, September and November have no day 31, so \
     the schedule would never run";
pub(in crate::api) const BOTH_DAYS: &str = "write * in day-of-month or in day-of-week, and create a second \
     ScheduledFunction for the other field: a CronJob runs if either field matches, and AWS has no such \
     schedule";

pub(in crate::api) const MINUTES: &str = "write 0-59, as in 30 or 0,30 or 0-29 or 0/15 or */15 or *";
pub(in crate::api) const HOURS: &str = "write 0-23, as in 18 or 8,18 or 8-17 or 20-2 or 0/6 or */6 or *";
pub(in crate::api) const DAY_OF_MONTH: &str = "write 1-31, as in 1 or 1,15 or 1-7 or 1/2 or *, or L (last \
     day) or LW (last weekday) or 3W (weekday nearest the 3rd) or ?";
pub(in crate::api) const MONTH: &str =
    "write 1-12 or JAN-DEC, as in 6 or JAN,JUL or JUN-AUG or NOV-FEB or 1/3 or */3 or *";
pub(in crate::api) const DAY_OF_WEEK: &str = "write 1-7 or SUN-SAT (1 is SUN), as in MON or MON,FRI or \
     MON-FRI or *, or only one of L (SAT), 6L (last FRI of the month), 3#2 (second TUE) and ?; write steps \
     as lists, as in MON,WED,FRI";
pub(in crate::api) const YEAR: &str =
    "write 1970-2199, as in 2027 or 2027,2029 or 2027-2030 or 2027/2 or *; ranges must ascend";
pub(in crate::api) const CRONTAB_MINUTES: &str =
    "write 0-59, as in 30 or 0,30 or 0-29 or 0/15 or */15 or *; ranges must ascend";
pub(in crate::api) const CRONTAB_HOURS: &str =
    "write 0-23, as in 18 or 8,18 or 8-17 or 0/6 or */6 or *; ranges must ascend: write 20-2 as 20-23,0-2";
pub(in crate::api) const CRONTAB_MONTH: &str = "write 1-12 or JAN-DEC, as in 6 or JAN,JUL or JUN-AUG or 1/3 \
     or */3 or *; ranges must ascend: write NOV-FEB as NOV-DEC,JAN-FEB";
pub(in crate::api) const CRONTAB_DAY_OF_MONTH: &str =
    "write 1-31, as in 1 or 1,15 or 1-7 or */2 or *; ranges must ascend, and L and W need cron(...)";
pub(in crate::api) const CRONTAB_DAY_OF_WEEK: &str = "write 0-7 or SUN-SAT (0 and 7 are SUN), as in MON or \
     1,5 or MON-FRI or *; ranges must ascend, and L and # need cron(...)";

/// For a value with a known correct form.
pub(in crate::api) fn write(instead: &str) -> String {
    format!("write {instead}")
}

/// For `at(...)` in the hour that a clock change leaves out. `resumes` is the same time on a clock that was not
/// changed.
pub(in crate::api) fn skipped_time(skipped: DateTime, zone: &str, resumes: DateTime) -> String {
    format!("write at({resumes}) or another time that exists: the clocks of {zone} skip {skipped}")
}

/// For a field or form that only EventBridge Scheduler supports, beside `backend: Rule`.
pub(in crate::api) fn needs_scheduler(feature: &str) -> String {
    format!("write backend: Scheduler, or remove backend: a rule of EventBridge has no {feature}")
}

/// For `rate(0 hours)`.
pub(in crate::api) fn rate_of_nothing(unit: &str) -> String {
    format!("write rate(1 {unit}) or more: a rate of 0 never runs")
}

/// For six fields without `cron(...)`.
pub(in crate::api) fn bare_six_fields(text: &str) -> String {
    format!(
        "write cron({text}): six fields are AWS's form and need cron(...), and only the five fields of a CronJob stand alone"
    )
}

/// For one field in a schedule of cron.
pub(in crate::api) fn cron_field(name: &str, text: &str, hint: &str) -> String {
    format!("{name} \"{text}\": {hint}")
}

/// Kubernetes' text for a string over `maxLength`.
pub(in crate::api) fn too_long(limit: usize) -> String {
    format!("Too long: may not be more than {limit} bytes")
}

pub(in crate::api) const ONE_FUNCTION: &str = "set exactly one of name, arn and definition";
pub(in crate::api) const FUNCTION_NAME: &str = "write only the function's name, such as my-function, with 1 \
     to 64 letters, digits, hyphens and underscores: an ARN belongs in arn, an alias or a version in \
     qualifier";
pub(in crate::api) const FUNCTION_ARN: &str =
    "write the ARN of a Lambda function, such as arn:aws:lambda:eu-west-1:123456789012:function:my-function";
pub(in crate::api) const QUALIFIER: &str = "write an alias or a version of the function, such as live or 7";
pub(in crate::api) const QUALIFIER_TWICE: &str =
    "remove qualifier, or the alias or version at the end of arn: both select the code that runs";
pub(in crate::api) const QUALIFIER_BESIDE_DEFINITION: &str =
    "remove qualifier: with definition, the latest code runs, and no version or alias";
pub(in crate::api) const LATEST: &str = "remove $LATEST: without an alias or a version the latest code \
     runs, and AWS stores no permissions for $LATEST";

pub(in crate::api) const REGION: &str = "write the name of an AWS Region, such as eu-west-1";
pub(in crate::api) const REGION_OF_ARN: &str =
    "remove region, or write the Region of function.arn: a trigger must be in the Region of its function";

pub(in crate::api) const DEAD_LETTER_QUEUE: &str = "write the ARN of a standard SQS queue, such as \
     arn:aws:sqs:eu-west-1:123456789012:my-queue: EventBridge accepts no other dead-letter target";

pub(in crate::api) const TAG_KEY_LENGTH: &str = "write keys of 1 to 128 characters";
pub(in crate::api) const AWS_TAG_KEY: &str =
    "write keys that do not begin with aws:, such as team: AWS reserves keys with this prefix";
pub(in crate::api) const RESERVED_TAG_KEY: &str = "write keys that do not begin with lambda-triggers.dev/, \
     such as team: the operator marks its resources with keys of this prefix";
pub(in crate::api) const TAG_CHARACTERS: &str =
    "write keys and values of letters, digits, spaces and _ . : / = + - @";

pub(in crate::api) const BUCKET: &str = "write only the bucket's name, such as my-bucket, without an ARN or \
     s3://: 3 to 63 lower-case letters, digits, hyphens and dots, with a letter or digit at both ends";
pub(in crate::api) const LEGACY_BUCKET: &str = "write 3 to 63 lower-case letters, digits, hyphens and dots, \
     with a letter or digit at both ends, such as my-bucket: only old buckets of us-east-1 may have other \
     names, and this resource is in another Region";
pub(in crate::api) const DIRECTORY_BUCKET: &str =
    "write the name of a general purpose bucket: S3 has no event notifications for directory buckets";
pub(in crate::api) const ACCESS_POINT_ALIAS: &str =
    "write the name of the bucket behind the access point: S3 keeps event notifications with the bucket";
pub(in crate::api) const BUCKET_OWNER: &str =
    "write the 12 digits of the account that owns the bucket, in quotes, such as \"123456789012\"";
pub(in crate::api) const NO_EVENTS: &str =
    "write at least one event, or remove events for the default s3:ObjectCreated:*";
pub(in crate::api) const EVENTS_MEET: &str = "write each event once: a name that ends in * includes all \
     names with the same beginning, so s3:ObjectCreated:* includes s3:ObjectCreated:Put";
pub(in crate::api) const EMPTY_FILTER: &str =
    "write a prefix or a suffix, such as images/ or .jpg, or remove filters for the whole bucket";
pub(in crate::api) const WILDCARD: &str =
    "remove *: S3 compares * literally, so write images/ for images/*, and .jpg for *.jpg";
pub(in crate::api) const FILTERS_MEET: &str = "write filters so that no key matches two of them, such as \
     images/ and logs/: S3 refuses two filters if one prefix begins with the other prefix and one suffix \
     ends with the other suffix, such as images/ and images/2024/";

pub(in crate::api) const FILTERS_MEET_ENCODED: &str = "write filters that do not overlap after \
     percent-encoding, which is how S3 compares filters: the suffix =.csv becomes %3D.csv, which ends with \
     D.csv";
pub(in crate::api) const PERCENT_ENCODED: &str = "write keys without encoding, such as dt=2026/ for \
     dt%3D2026/, and a space for + or %20: the operator encodes keys for S3; if the keys themselves contain \
     a percent sign before two hex digits, set literalPercent: true in this filter";
pub(in crate::api) const KEY_CHARACTERS: &str = "remove control characters except tabs and line ends, and \
     remove U+FFFE and U+FFFF: S3 stores filters as XML 1.0, which does not allow these characters";
pub(in crate::api) const KEY_BYTES: &str = "write at most 1024 bytes after percent-encoding, the form that \
     S3 stores: = and + count as 3 bytes, é as 6, 日 as 9";

pub(in crate::api) const ONE_INPUT: &str = "set input or inputJson, not both: input is any JSON value \
     written as YAML, and inputJson is JSON text that is sent unchanged";
pub(in crate::api) const INPUT_JSON: &str = r#"write JSON, such as '{"report": "daily", "limit": null}', with double quotes around names and strings"#;

/// For an input over its limit.
pub(in crate::api) fn input_too_long(length: usize, limit: usize) -> String {
    format!("write at most {limit} characters of JSON, the limit of EventBridge: the input has {length}")
}

/// Kubernetes' text for a list or map over the limit.
pub(in crate::api) fn too_many(count: usize, limit: usize) -> String {
    format!("Too many: {count}: must have at most {limit} items")
}

/// Kubernetes' text for a value outside of an enumeration. `value` is the printed value.
pub(in crate::api) fn unsupported(value: &str, supported: &[impl fmt::Debug]) -> String {
    let supported: Vec<String> = supported.iter().map(|name| format!("{name:?}")).collect();
    format!("Unsupported value: {value}: supported values: {}", supported.join(", "))
}

pub(in crate::api) const DEFINED_NAME: &str =
    "write a name of 1 to 64 letters, digits, hyphens and underscores, such as my-function, not an ARN";
pub(in crate::api) const RUNTIME: &str =
    "write AWS's name of a runtime, such as python3.13, nodejs22.x or provided.al2023";
pub(in crate::api) const HANDLER: &str = "write the handler that Lambda calls, without spaces, such as \
     app.handler for the function handler in app.py";
pub(in crate::api) const RUNTIME_AND_HANDLER: &str =
    "write runtime and handler, such as python3.13 and app.handler: only an image contains both";
pub(in crate::api) const RUNTIME_OF_IMAGE: &str = "remove runtime and handler: an image contains both, and \
     code.image.command can name another handler, such as [app.handler]";
pub(in crate::api) const PYTHON_HANDLER_FILE: &str =
    "write a handler whose file is in code.inline: app.handler calls handler in app.py";
pub(in crate::api) const NODEJS_HANDLER_FILE: &str = "write a handler whose file is in code.inline: \
     index.handler calls handler in index.js, index.mjs or index.cjs";
pub(in crate::api) const RUBY_HANDLER_FILE: &str =
    "write a handler whose file is in code.inline: app.handler calls handler in app.rb";
pub(in crate::api) const BOOTSTRAP: &str =
    "add the file bootstrap to code.inline: with a provided.* runtime, Lambda starts this file";
pub(in crate::api) const COMPILED_RUNTIME: &str = "put the code into an archive in S3 or into an image: \
     java and dotnet run compiled code, which code.inline cannot contain";
pub(in crate::api) const ROLE: &str =
    "write the ARN of an IAM role, such as arn:aws:iam::123456789012:role/my-function";
pub(in crate::api) const LAYERS_OF_IMAGE: &str = "remove layers, and build the image with the files of the \
     layers: an image contains all files of the function";
pub(in crate::api) const SNAP_START_OF_IMAGE: &str =
    "remove snapStart, or put the code into an archive: Lambda takes no snapshots of images";
pub(in crate::api) const SNAP_START_STORAGE: &str =
    "remove snapStart, or set ephemeralStorageMB to 512: Lambda takes no snapshots with more storage";

pub(in crate::api) const ONE_CODE: &str = "set exactly one of inline, configMap, s3 and image";
pub(in crate::api) const NO_FILES: &str = "write at least one file, such as app.py";
pub(in crate::api) const FILE_NAME: &str = "write file names such as app.py or lib/util.py: at most 255 \
     characters, relative to the code's folder, with / between the parts, and without the parts . and ..";
pub(in crate::api) const FILE_IS_FOLDER: &str = "rename the file whose name is also the folder of another \
     file, such as lib beside lib/util.py: Lambda cannot unpack both";
pub(in crate::api) const INLINE: &str =
    "write at most 1 MiB of text in all, and put more into an archive in S3 or into an image";
pub(in crate::api) const CONFIG_MAP_NAME: &str = "write the name of a ConfigMap in this resource's \
     namespace, such as my-code: lower-case letters, digits, hyphens and dots";
pub(in crate::api) const CODE_BUCKET: &str =
    "write only the bucket's name, such as my-bucket, without an ARN or s3://: the key belongs in key";
pub(in crate::api) const CODE_KEY: &str = "write the key of an archive, such as functions/report.zip";
pub(in crate::api) const CODE_KEY_BYTES: &str = "write at most 1024 bytes of UTF-8, the limit of S3 for a key: \
     é counts as 2 bytes, 日 as 3";
pub(in crate::api) const OBJECT_VERSION: &str = "write the version of the object, or remove version to use \
     the latest version at each update of the function";
pub(in crate::api) const IMAGE_URI: &str = "write the URI of an image in ECR, such as \
     123456789012.dkr.ecr.eu-west-1.amazonaws.com/my-image:1.2, without https://: Lambda accepts images \
     from no other registry";

pub(in crate::api) const VARIABLE: &str = "write names that begin with a letter and continue with one or \
     more letters, digits and underscores, such as TABLE_NAME";
pub(in crate::api) const ENVIRONMENT: &str = "write at most 4096 bytes of variables in all, measured as \
     JSON, and keep more in Parameter Store or in S3";
pub(in crate::api) const SUBNETS: &str = "write the ids of subnets, such as subnet-0bb1c79de3example";
pub(in crate::api) const NO_SUBNETS: &str =
    "write at least one subnet, such as subnet-0bb1c79de3example, or remove vpc";
pub(in crate::api) const SECURITY_GROUPS: &str =
    "write the ids of security groups, such as sg-0c9f7b1c8eexample";
pub(in crate::api) const NO_SECURITY_GROUPS: &str =
    "write at least one security group, such as sg-0c9f7b1c8eexample, or remove vpc";
pub(in crate::api) const LAYER: &str =
    "write the ARN of a version of a layer, such as arn:aws:lambda:eu-west-1:123456789012:layer:my-layer:3";
pub(in crate::api) const FUNCTION_DEAD_LETTER: &str =
    "write the ARN of a standard SQS queue or SNS topic, such as arn:aws:sqs:eu-west-1:123456789012:my-queue";
pub(in crate::api) const KMS_KEY: &str = "write the ARN of a KMS key, such as \
     arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, not of an alias, which \
     does not identify the key";
pub(in crate::api) const NO_ASYNC_INVOKE: &str =
    "set maximumRetryAttempts, maximumEventAgeSeconds or both, or remove asyncInvoke for Lambda's defaults";
pub(in crate::api) const LOG_LEVELS: &str =
    "set format: JSON, or remove applicationLevel and systemLevel: Lambda filters only JSON logs";
pub(in crate::api) const LOG_GROUP: &str =
    "write a log group's name of 1 to 512 letters, digits and _ - / . #, such as /my-team/my-function";

/// For environment variables that Lambda sets.
pub(in crate::api) fn reserved_variables() -> String {
    format!("remove the variables that Lambda sets: {}", RESERVED_VARIABLES.join(", "))
}
