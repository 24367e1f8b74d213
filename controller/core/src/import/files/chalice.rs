//! The deployed file of Chalice, `.chalice/deployed/<stage>.json`
//! (<https://github.com/aws/chalice/blob/master/chalice/deploy/models.py>). The file has neither the filters nor the
//! schedules.

use std::path::Path;

use serde_json::Value;

use super::super::maker::Maker;
use super::UnknownFile;
use super::listed::{Listed, ToolFile, region_of};

const VERSION: &str = "2.0";

/// Reads the file. The name of the file is the stage.
pub(super) fn read(path: &str, json: &Value) -> Result<ToolFile, UnknownFile> {
    let version = json["schema_version"].as_str().unwrap_or_default();
    if version != VERSION {
        return Err(UnknownFile::UnknownVersion {
            tool: "Chalice",
            found: version.into(),
            expected: VERSION,
        });
    }
    let stage = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let resources = json["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    // All resources of a stage are in one Region.
    let region = resources.iter().find_map(|resource| region_of(resource["lambda_arn"].as_str()));
    let mut file = ToolFile::default();
    for resource in resources {
        let text = |field: &str| resource[field].as_str();
        let resource = text("name").map(Into::into);
        let made_by = Maker::Chalice { app: None, stage: stage.clone(), resource };
        match (text("resource_type"), text("bucket"), text("lambda_arn"), text("rule_name")) {
            (Some("s3_event"), Some(bucket), Some(function), _) => {
                file.add_entries(bucket, region.as_deref(), function, made_by);
            }
            (Some("cloudwatch_event"), _, _, Some(rule)) => {
                file.listed.push(Listed::Rule { name: rule.into(), region: region.clone(), made_by });
            }
            _ => {}
        }
    }
    Ok(file)
}
