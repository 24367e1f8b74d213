//! The files in which other tools say what they made. A file names the triggers and their makers. The settings of the
//! triggers come from AWS, since these files leave out some settings.

mod chalice;
mod cloud_formation;
mod listed;
mod provider;
mod pulumi;
mod terraform;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use listed::{Listed, ToolFile};

/// The error for a file of no known tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFile {
    /// The text is no JSON.
    #[error("the file is not JSON; {}", known())]
    NotJson,
    /// The JSON is of no known tool.
    #[error("no known tool writes such JSON; {}", known())]
    UnknownTool,
    /// A plan of Terraform. A plan also shows resources that do not exist.
    #[error("the file is a plan of Terraform; give the output of `terraform show -json` without a plan file")]
    Plan,
    /// A known tool, in another version of its format.
    #[error("{tool} writes this file in the format {found}, and the format {expected} is known")]
    UnknownVersion {
        /// The name of the tool.
        tool: &'static str,
        /// The version in the file.
        found: String,
        /// The known version.
        expected: &'static str,
    },
}

fn known() -> &'static str {
    "give .chalice/deployed/<stage>.json, or the output of `terraform show -json`, of `pulumi stack export` or of `aws \
     cloudformation describe-stack-resources --output json`"
}

/// Reads a file of another tool. `path` is the path of the file, which shows the stage of Chalice.
///
/// # Errors
///
/// The file is of no known tool.
pub fn read_tool_file(path: &str, text: &str) -> Result<ToolFile, UnknownFile> {
    let json: Value = serde_json::from_str(text).map_err(|_| UnknownFile::NotJson)?;
    if json["schema_version"].is_string() && json["resources"].is_array() {
        return chalice::read(path, &json);
    }
    if json["terraform_version"].is_string() && json["values"].is_object() {
        return terraform::read(&json);
    }
    if json["deployment"].is_object() {
        return pulumi::read(&json);
    }
    if json["planned_values"].is_object() {
        return Err(UnknownFile::Plan);
    }
    cloud_formation::read(&json).ok_or(UnknownFile::UnknownTool)
}
