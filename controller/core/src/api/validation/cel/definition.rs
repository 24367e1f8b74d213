//! CEL rules of `function.definition`.

use schemars::Schema;
use serde_json::json;

use super::{PARTITION, REGION, one_of, quoted, rule, set};
use crate::api::validation::limits::RESERVED_VARIABLES;
use crate::api::validation::{limits, messages};

/// Rules on combinations of fields.
pub(in crate::api) fn definition(schema: &mut Schema) {
    let image = "has(self.code.image)";
    let both = format!("{image} || (has(self.runtime) && has(self.handler))");
    rule(schema, both, messages::RUNTIME_AND_HANDLER);
    let neither = format!("!{image} || (!has(self.runtime) && !has(self.handler))");
    rule(schema, neither, messages::RUNTIME_OF_IMAGE);
    let layers = "has(self.layers) && self.layers.size() > 0";
    rule(schema, format!("!{image} || !({layers})"), messages::LAYERS_OF_IMAGE);
    rule(schema, format!("!{image} || self.snapStart == 'None'"), messages::SNAP_START_OF_IMAGE);
    let storage = format!("self.ephemeralStorageMB <= {}", limits::MIN_EPHEMERAL_STORAGE);
    rule(schema, format!("{storage} || self.snapStart == 'None'"), messages::SNAP_START_STORAGE);
    // A layer may contain the handler's file, for example with tools that wrap another handler.
    let inline =
        "has(self.code.inline) && self.code.inline.size() > 0 && has(self.runtime) && has(self.handler)";
    for (runtimes, has_file, message) in handler_files() {
        let is_of_family: Vec<String> =
            runtimes.iter().map(|prefix| format!("self.runtime.startsWith('{prefix}')")).collect();
        let is_of_family = is_of_family.join(" || ");
        rule(schema, format!("!({inline} && ({is_of_family})) || ({layers}) || ({has_file})"), message);
    }
}

/// For each family of runtimes: the prefixes of the runtimes' names, a CEL expression, and the message. The
/// expression is true if the inline code has the handler's file. `handler.rs` has the same rules in Rust, with
/// sources.
fn handler_files() -> [(&'static [&'static str], String, &'static str); 5] {
    let any = |module: &str, ends: &[&str]| {
        let ends = ends.iter().map(|end| quoted(end)).collect::<Vec<_>>().join(", ");
        format!("self.handler.contains('.') && [{ends}].exists(end, ({module} + end) in self.code.inline)")
    };
    let python = "self.handler.substring(0, self.handler.lastIndexOf('.')).replace('.', '/')";
    let folder = "self.handler.substring(0, self.handler.lastIndexOf('/') + 1)";
    let name = "self.handler.substring(self.handler.lastIndexOf('/') + 1)";
    let node = format!("{folder} + {name}.split('.')[0]");
    let node = any(&node, &["", ".js", ".mjs", ".cjs", "/index.js", "/package.json"]);
    [
        (&["python"], any(python, &[".py", "/__init__.py"]), messages::PYTHON_HANDLER_FILE),
        (&["nodejs"], format!("{name}.contains('.') && {node}"), messages::NODEJS_HANDLER_FILE),
        (&["ruby"], any("self.handler.split('.')[0]", &[".rb"]), messages::RUBY_HANDLER_FILE),
        (&["provided"], "'bootstrap' in self.code.inline".into(), messages::BOOTSTRAP),
        (&["java", "dotnet"], "false".into(), messages::COMPILED_RUNTIME),
    ]
}

pub(in crate::api) fn defined_name(schema: &mut Schema) {
    matches(schema, limits::ARN, "[a-zA-Z0-9_-]{1,64}", messages::DEFINED_NAME);
}

pub(in crate::api) fn runtime(schema: &mut Schema) {
    matches(schema, limits::RUNTIME, "[a-z]+[a-z0-9.]*", messages::RUNTIME);
}

pub(in crate::api) fn handler(schema: &mut Schema) {
    matches(schema, limits::HANDLER, r"[^\s]+", messages::HANDLER);
}

pub(in crate::api) fn role(schema: &mut Schema) {
    let role = format!("arn:{PARTITION}:iam::[0-9]{{12}}:role/[a-zA-Z0-9_+=,.@/-]+");
    matches(schema, limits::ROLE, &role, messages::ROLE);
}

pub(in crate::api) fn code(schema: &mut Schema) {
    rule(schema, one_of(&["inline", "configMap", "s3", "image"]), messages::ONE_CODE);
}

pub(in crate::api) fn inline(schema: &mut Schema) {
    set(schema, "maxProperties", limits::FILES);
    set(schema, "additionalProperties", json!({"type": "string", "maxLength": limits::INLINE}));
    rule(schema, "self.size() > 0", messages::NO_FILES);
    let length = format!("name.size() <= {}", limits::FILE_NAME);
    let parts = r"name.matches('^[^/\\x00-\\x1f\\\\]+(/[^/\\x00-\\x1f\\\\]+)*$')";
    let dots = "!('/' + name + '/').matches('/[.][.]?/')";
    rule(schema, format!("self.all(name, {length} && {parts} && {dots})"), messages::FILE_NAME);
    rule(schema, "self.all(file, self.all(name, !name.startsWith(file + '/')))", messages::FILE_IS_FOLDER);
    let size = format!("self.map(name, self[name].size()).sum() <= {}", limits::INLINE);
    rule(schema, size, messages::INLINE);
}

pub(in crate::api) fn config_map_name(schema: &mut Schema) {
    let part = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";
    matches(schema, limits::CONFIG_MAP_NAME, &format!("{part}([.]{part})*"), messages::CONFIG_MAP_NAME);
}

pub(in crate::api) fn code_bucket(schema: &mut Schema) {
    matches(schema, limits::ARN, "[a-zA-Z0-9._-]{2,62}[a-zA-Z0-9_-]", messages::CODE_BUCKET);
}

pub(in crate::api) fn code_key(schema: &mut Schema) {
    set(schema, "maxLength", limits::KEY);
    rule(schema, "self != '' && !self.startsWith('s3://')", messages::CODE_KEY);
    rule(schema, format!("bytes(self).size() <= {}", limits::KEY), messages::CODE_KEY_BYTES);
}

pub(in crate::api) fn object_version(schema: &mut Schema) {
    set(schema, "maxLength", limits::OBJECT_VERSION);
    rule(schema, "self != ''", messages::OBJECT_VERSION);
}

pub(in crate::api) fn image_uri(schema: &mut Schema) {
    let registry = format!("[0-9]{{12}}[.]dkr[.]ecr(-fips)?[.]{REGION}[.]amazonaws[.](com|com[.]cn|eu)");
    let image = "[a-z0-9][a-z0-9._/-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?";
    matches(schema, limits::IMAGE_URI, &format!("{registry}/{image}"), messages::IMAGE_URI);
}

pub(in crate::api) fn words(schema: &mut Schema) {
    set(schema, "maxItems", limits::WORDS);
    set(schema, "items", json!({"type": "string", "maxLength": limits::WORD}));
}

pub(in crate::api) fn environment(schema: &mut Schema) {
    set(schema, "maxProperties", limits::VARIABLES);
    set(schema, "additionalProperties", json!({"type": "string", "maxLength": limits::ENVIRONMENT}));
    rule(schema, "self.all(name, name.matches('^[a-zA-Z][a-zA-Z0-9_]+$'))", messages::VARIABLE);
    let reserved = RESERVED_VARIABLES.map(quoted).join(", ");
    rule(schema, format!("![{reserved}].exists(name, name in self)"), &messages::reserved_variables());
    // {"NAME":"value","NAME":"value"}: six further characters for each variable, and one more in all.
    let json = "self.map(name, name.size() + bytes(self[name]).size() + 6).sum() + 1";
    rule(schema, format!("{json} <= {}", limits::ENVIRONMENT), messages::ENVIRONMENT);
}

pub(in crate::api) fn subnet_ids(schema: &mut Schema) {
    list(schema, limits::SUBNETS, limits::NETWORK_ID, "subnet-[0-9a-z]+", messages::SUBNETS);
    rule(schema, "self.size() > 0", messages::NO_SUBNETS);
}

pub(in crate::api) fn security_group_ids(schema: &mut Schema) {
    list(schema, limits::SECURITY_GROUPS, limits::NETWORK_ID, "sg-[0-9a-zA-Z]+", messages::SECURITY_GROUPS);
    rule(schema, "self.size() > 0", messages::NO_SECURITY_GROUPS);
}

pub(in crate::api) fn layers(schema: &mut Schema) {
    let layer = format!("arn:{PARTITION}:lambda:{REGION}:[0-9]{{12}}:layer:[a-zA-Z0-9_-]{{1,140}}:[0-9]+");
    list(schema, limits::LAYERS, limits::ARN, &layer, messages::LAYER);
}

pub(in crate::api) fn function_dead_letter(schema: &mut Schema) {
    let arn = format!("arn:{PARTITION}:(sqs|sns):{REGION}:[0-9]{{12}}:[a-zA-Z0-9_-]{{1,256}}");
    matches(schema, limits::QUEUE_OR_TOPIC, &arn, messages::FUNCTION_DEAD_LETTER);
}

pub(in crate::api) fn kms_key(schema: &mut Schema) {
    let arn = format!("arn:{PARTITION}:kms:{REGION}:[0-9]{{12}}:key/[a-zA-Z0-9-]+");
    matches(schema, limits::ARN, &arn, messages::KMS_KEY);
}

pub(in crate::api) fn async_invoke(schema: &mut Schema) {
    let any = "has(self.maximumRetryAttempts) || has(self.maximumEventAgeSeconds)";
    rule(schema, any, messages::NO_ASYNC_INVOKE);
}

pub(in crate::api) fn logging(schema: &mut Schema) {
    let levels = "has(self.applicationLevel) || has(self.systemLevel)";
    rule(schema, format!("self.format == 'JSON' || !({levels})"), messages::LOG_LEVELS);
}

pub(in crate::api) fn log_group(schema: &mut Schema) {
    matches(schema, limits::LOG_GROUP, "[a-zA-Z0-9._/#-]+", messages::LOG_GROUP);
}

/// Adds a rule that the whole string matches the pattern.
fn matches(schema: &mut Schema, longest: usize, pattern: &str, message: &str) {
    set(schema, "maxLength", longest);
    rule(schema, format!("self.matches({})", quoted(&format!("^{pattern}$"))), message);
}

/// Adds a rule that each whole string of a list matches the pattern.
fn list(schema: &mut Schema, most: usize, longest: usize, pattern: &str, message: &str) {
    set(schema, "maxItems", most);
    let mut item = schemars::json_schema!({"type": "string"});
    matches(&mut item, longest, pattern, message);
    set(schema, "items", item.to_value());
}
