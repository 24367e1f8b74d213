//! The reference to a resource, such as `schedfn/nightly-report`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use lambda_triggers_core::api::crds;

/// A kind and a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The kind, such as `ScheduledFunction`.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// Parses a reference. The kind is any name of the CRD, in any case and with or without the group, as in kubectl.
pub fn parse(text: &str) -> Result<Reference, String> {
    let wrong =
        || "write the kind and the name, such as schedfn/nightly-report or s3fn/thumbnails".to_owned();
    let (kind, name) = text.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
    let kind = kind.to_lowercase();
    let names_kind = |crd: &CustomResourceDefinition| {
        let names = &crd.spec.names;
        let short = names.short_names.iter().flatten();
        let all = [Some(&names.kind), Some(&names.plural), names.singular.as_ref()].into_iter().flatten();
        let resource = kind.strip_suffix(&format!(".{}", crd.spec.group)).unwrap_or(&kind);
        let resource = resource.split('.').next().unwrap_or_default();
        all.chain(short).any(|known| known.to_lowercase() == resource)
    };
    let crd = crds().into_iter().find(names_kind).ok_or_else(wrong)?;
    Ok(Reference { kind: crd.spec.names.kind, name: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_kubectl_is_a_kind() {
        let parsed = |text: &str| parse(text).map(|reference| (reference.kind, reference.name)).ok();
        for kind in [
            "schedfn",
            "ScheduledFunction",
            "scheduledfunction",
            "scheduledfunctions",
            "scheduledfunctions.lambda-triggers.dev",
            "scheduledfunctions.v1alpha1.lambda-triggers.dev",
        ] {
            let expected = Some(("ScheduledFunction".to_owned(), "report.v2".to_owned()));
            assert_eq!(parsed(&format!("{kind}/report.v2")), expected, "{kind}");
        }
        for kind in ["s3fn", "s3triggeredfunctions", "S3TriggeredFunction"] {
            let expected = Some(("S3TriggeredFunction".to_owned(), "x".to_owned()));
            assert_eq!(parsed(&format!("{kind}/x")), expected, "{kind}");
        }
        for wrong in ["schedfn", "schedfn/", "/x", "pod/x", "functions/x"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
