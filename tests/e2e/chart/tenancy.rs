//! The chart's value `tenancy`: the operator reads the rendered ConfigMap.

use lambda_triggers_core::api::S3TriggeredFunctionSpec;
use lambda_triggers_core::tenancy::{ImplicitGrants, ResourceRef, Tenancy, references_of_s3};
use lambda_triggers_tests::env;
use serde_json::Value;

use super::{matrix, read, rendered, template};

/// The tenancy that the operator reads from a chart with these values.
async fn tenancy(values: &str) -> Tenancy {
    let config_map = rendered(values, "tenancy").await;
    Tenancy::parse(config_map["data"]["tenancy.yaml"].as_str().unwrap()).unwrap()
}

#[test]
fn the_operator_reads_the_rendered_tenancy() {
    env::block_on(async {
        let (_, everything) = matrix().into_iter().find(|(name, _)| name == "everything-values").unwrap();
        let tenancy = tenancy(&everything).await;
        let own = ImplicitGrants { account: "123456789012".into(), functions: vec![] };
        let permitted =
            |namespace: &str, resource: ResourceRef| tenancy.authorize(namespace, &own, &resource).is_ok();
        // An account number keeps its leading zero.
        assert!(permitted("media", ResourceRef::BucketOwner("012345678901".into())));
        assert!(permitted("media", ResourceRef::ReservedConcurrency(10)));
        assert!(permitted("team-a", ResourceRef::Bucket("any".into())));
        assert!(!permitted("other", ResourceRef::Bucket("any".into())));
    });
}

#[test]
fn an_invalid_tenancy_is_refused_before_the_install() {
    env::block_on(async {
        for (wrong, message) in [
            ("{namespaces: {media: {bucket: [photos]}}}", "bucket"),
            ("{namespaces: {media: {bucketOwners: [210987654321]}}}", "bucketOwners"),
            ("{namespaces: {media: {role: {externalId: cluster-1}}}}", "arn"),
            ("{namespaces: {Media: {}}}", "Media"),
            ("{contact: reference Ada}", "namespaces"),
        ] {
            let refused = template(&format!("tenancy: {wrong}"), &[]).await.unwrap_err();
            assert!(refused.contains(message), "{wrong}: {refused}");
        }
    });
}

/// The code blocks of a language in a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documentation_shows_the_actual_refusal() {
    env::block_on(async {
        let page = read("docs/tenancy.md");
        let yaml = blocks(&page, "yaml");
        let tenancy = tenancy(&yaml[0]).await;
        let object: Value = serde_saphyr::from_str(&yaml[1]).unwrap();
        let spec: S3TriggeredFunctionSpec = serde_json::from_value(object["spec"].clone()).unwrap();
        let own = ImplicitGrants { account: "123456789012".into(), functions: vec![] };
        let refused = references_of_s3(&spec, "eu-west-1", &own).into_iter().filter_map(|reference| {
            let refusal = tenancy.authorize("media", &own, &reference.resource).err()?;
            Some(format!("{}: {refusal}", reference.field))
        });
        let printed = page.split("```\n").find(|text| text.starts_with("spec.bucket: ")).unwrap().trim_end();
        assert_eq!(refused.collect::<Vec<_>>(), [printed]);
    });
}
