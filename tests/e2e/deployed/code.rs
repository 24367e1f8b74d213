//! Each source of code: inline, ConfigMap, S3 and image, and the changes that trigger an update.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use lambda_triggers_core::plan::function::{Archive, archive};
use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::{Value, json};

use super::view::{
    HANDLER, SCHEDULED, apply, definition, function, function_name, handler_with, owner_tags, plain,
    scheduled, sha256, wait_for_function, with,
};
use crate::objects::{
    NO_RESYNC, RESYNC_1S, assert_no_writes_at_rest, event, failed, wait_for_conditions, wait_for_events,
};

fn config_maps(env: &TestEnv) -> Api<ConfigMap> {
    Api::namespaced(env.kube().clone(), env.namespace())
}

async fn create_config_map(env: &TestEnv, name: &str, code: &str) {
    let create_config_map = ConfigMap {
        metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
        data: Some([("index.py".to_owned(), code.to_owned())].into()),
        ..ConfigMap::default()
    };
    config_maps(env).create(&PostParams::default(), &create_config_map).await.unwrap();
}

async fn change_config_map(env: &TestEnv, name: &str, patch: Value) {
    config_maps(env).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

fn definition_with_config_map(env: &TestEnv, name: &str) -> Value {
    with(definition(env, "app"), json!({"code": {"configMap": {"name": name}}}))
}

#[test]
fn a_config_map_change_is_deployed_at_once() {
    env::test("config-map", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        create_config_map(&env, "code", HANDLER).await;
        apply(&env, &scheduled("app", &definition_with_config_map(&env, "code"))).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        assert_eq!(function(&env, &name).await, Some(expected.clone()));

        let code = handler_with("second");
        change_config_map(&env, "code", json!({"data": {"index.py": code}})).await;
        let changed = with(expected.clone(), json!({"codeSha256": sha256(&[("index.py", &code)])}));
        wait_for_function(&env, &name, &changed).await;
        env.until_ready(SCHEDULED, "app").await;

        // Binary data becomes files, too. A removed key removes its file.
        let bytes = ByteString(b"x".to_vec());
        change_config_map(
            &env,
            "code",
            json!({"data": {"index.py": HANDLER}, "binaryData": {"data.bin": bytes}}),
        )
        .await;
        let both = sha256(&[("data.bin", "x"), ("index.py", HANDLER)]);
        wait_for_function(&env, &name, &with(expected.clone(), json!({"codeSha256": both}))).await;
        change_config_map(&env, "code", json!({"binaryData": null})).await;
        wait_for_function(&env, &name, &expected).await;
        env.until_ready(SCHEDULED, "app").await;

        let updated = event("Normal", "FunctionUpdated", format!("updated the function {name}: code"));
        let events = crate::objects::events_of(&env, "app").await;
        assert!(events.contains(&updated), "{events:#?}");
        assert!(events.iter().all(|[_, reason, _]| reason != "DriftRepaired"), "{events:#?}");
    });
}

#[test]
fn a_missing_config_map_is_reported_until_it_exists() {
    env::test("no-config-map", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        apply(&env, &scheduled("app", &definition_with_config_map(&env, "later"))).await;
        let message = format!(
            "there is no ConfigMap later with files in the namespace {}: create it, or name another one in \
             spec.function.definition.code.configMap",
            env.namespace()
        );
        let missing = failed("Stalled", "CodeNotFound", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &missing).await;
        wait_for_events(&env, "app", &[event("Warning", "CodeNotFound", &message)]).await;
        create_config_map(&env, "later", HANDLER).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));

        // A deployed function outlives the ConfigMap, and the status reports the missing ConfigMap.
        config_maps(&env).delete("later", &Default::default()).await.unwrap();
        wait_for_conditions(&env, SCHEDULED, "app", &missing).await;
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));
        assert_eq!(env.events().list_rules().send().await.unwrap().rules().len(), 1);
    });
}

fn zipped(code: &str) -> Archive {
    archive(&[("index.py".to_owned(), code.as_bytes().to_vec())].into()).unwrap()
}

async fn upload(env: &TestEnv, bucket: &str, key: &str, archive: &Archive) -> Option<String> {
    let body = ByteStream::from(archive.bytes.clone());
    env.s3().put_object().bucket(bucket).key(key).body(body).send().await.unwrap().version_id
}

#[test]
fn a_new_s3_key_or_version_deploys_new_code() {
    env::test("code-in-s3", async |env| {
        let bucket = crate::support::AwsView::new_bucket(&env, "code").await;
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let call = env.s3().put_bucket_versioning().bucket(&bucket).versioning_configuration(versioning);
        call.send().await.unwrap();
        let [first, second, third] = ["first", "second", "third"].map(|text| zipped(&handler_with(text)));
        upload(&env, &bucket, "app-1.zip", &first).await;
        let version = upload(&env, &bucket, "app-2.zip", &second).await.expect("the bucket keeps versions");
        upload(&env, &bucket, "app-2.zip", &third).await;

        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let mut tags = vec![];
        for (s3, code) in [
            (json!({"bucket": bucket, "key": "app-1.zip"}), &first),
            (json!({"bucket": bucket, "key": "app-2.zip", "version": version}), &second),
            (json!({"bucket": bucket, "key": "app-2.zip"}), &third),
        ] {
            let desired = with(definition(&env, "app"), json!({"code": {"s3": s3}}));
            apply(&env, &scheduled("app", &desired)).await;
            env.until_ready(SCHEDULED, "app").await;
            let mut found = function(&env, &name).await.unwrap();
            let tag = found["tags"].as_object_mut().unwrap().remove("lambda-triggers.dev/code");
            let expected = with(
                plain(&env, SCHEDULED, "app", &name).await,
                json!({"codeSha256": code.sha256, "tags": owner_tags(&env, SCHEDULED, "app").await}),
            );
            assert_eq!(found, expected);
            tags.push(tag.expect("the code has a tag").to_string());
            assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "{tags:?}");

        // The operator replaces code that another tool deployed.
        let other = zipped("def handler(event, context): pass\n");
        let call = env.lambda().update_function_code().function_name(&name);
        call.zip_file(aws_sdk_lambda::primitives::Blob::new(other.bytes)).send().await.unwrap();
        env.until(crate::support::LIMIT, "the code to be the third again", async || {
            let found = function(&env, &name).await?;
            (found["codeSha256"] == third.sha256).then_some(())
        })
        .await;

        // The change from S3 to inline code removes the tag.
        apply(&env, &scheduled("app", &definition(&env, "app"))).await;
        env.until_ready(SCHEDULED, "app").await;
        assert_eq!(function(&env, &name).await, Some(plain(&env, SCHEDULED, "app", &name).await));
    });
}

#[test]
fn missing_code_in_s3_is_reported() {
    env::test("no-object", async |env| {
        let bucket = crate::support::AwsView::new_bucket(&env, "code").await;
        let _controller = env.controller(&RESYNC_1S);
        let s3 = json!({"bucket": bucket, "key": "app.zip"});
        apply(&env, &scheduled("app", &with(definition(&env, "app"), json!({"code": {"s3": s3}})))).await;
        let name = function_name(&env, SCHEDULED, "app");
        let message = format!(
            "Lambda does not find a dependency of function {name}: Error occurred while GetObject. S3 Error \
             Code: NoSuchKey. S3 Error Message: The specified key does not exist. Create the dependency, or \
             name another one in spec.function.definition"
        );
        let refused = failed("Stalled", "CodeNotFound", &message, &[], "FunctionReady");
        wait_for_conditions(&env, SCHEDULED, "app", &refused).await;
        upload(&env, &bucket, "app.zip", &zipped(HANDLER)).await;
        env.until_ready(SCHEDULED, "app").await;
    });
}

#[test]
fn a_new_image_uri_or_image_setting_is_deployed() {
    env::test("image", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let name = function_name(&env, SCHEDULED, "app");
        let registry = format!("{}.dkr.ecr.{}.amazonaws.com", env.account(), env::REGION);
        let image = |tag: &str, settings: Value| {
            let image = with(json!({"uri": format!("{registry}/app:{tag}")}), settings);
            let code = json!({"runtime": null, "handler": null, "code": {"image": image}});
            with(definition(&env, "app"), code)
        };
        let image_settings =
            json!({"entryPoint": ["/bin/app"], "command": ["app.handler", "-v"], "workingDirectory": "/srv"});
        let expected_settings =
            json!({"entryPoint": ["/bin/app"], "command": ["app.handler", "-v"], "workingDirectory": "/srv"});
        for (definition, tag, expected_settings) in [
            (image("1", json!({})), 1, json!({})),
            (image("1", image_settings.clone()), 1, expected_settings.clone()),
            (image("2", image_settings), 2, expected_settings),
            (image("2", json!({})), 2, json!({})),
        ] {
            apply(&env, &scheduled("app", &definition)).await;
            env.until_ready(SCHEDULED, "app").await;
            let found = function(&env, &name).await.unwrap();
            let mut expected = with(plain(&env, SCHEDULED, "app", &name).await, expected_settings);
            for (field, value) in [
                ("packageType", json!("Image")),
                ("runtime", Value::Null),
                ("handler", Value::Null),
                ("imageUri", json!(format!("{registry}/app:{tag}"))),
                // The test has no registry: the AWS proxy invents the digest of a tag.
                ("codeSha256", found["codeSha256"].clone()),
            ] {
                expected[field] = value;
            }
            assert_eq!(found, expected);
            assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
        }
    });
}

#[test]
fn a_config_map_without_the_handlers_file_is_reported() {
    env::test("no-handler", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let other = ConfigMap {
            metadata: ObjectMeta { name: Some("code".into()), ..ObjectMeta::default() },
            data: Some([("app.py".to_owned(), HANDLER.to_owned())].into()),
            ..ConfigMap::default()
        };
        config_maps(&env).create(&PostParams::default(), &other).await.unwrap();
        apply(&env, &scheduled("app", &definition_with_config_map(&env, "code"))).await;
        let without = |cure: &str| {
            let message = format!(
                "the ConfigMap code has no file index.py, in which python3.12 looks for the handler index.handler: {cure}"
            );
            failed("Stalled", "CodeNotFound", &message, &[], "FunctionReady")
        };
        let add = "add that file, or name an existing file in spec.function.definition.handler";
        wait_for_conditions(&env, SCHEDULED, "app", &without(add)).await;

        let archive = ByteString(zipped(HANDLER).bytes);
        change_config_map(&env, "code", json!({"data": null, "binaryData": {"code.zip": archive}})).await;
        let unpack = "its key code.zip is an archive, which Lambda does not unpack; put the files themselves into the \
                      ConfigMap, or the archive into S3 and name it in code.s3";
        wait_for_conditions(&env, SCHEDULED, "app", &without(unpack)).await;
        assert_eq!(super::view::function_names(&env).await, Vec::<String>::new());

        change_config_map(&env, "code", json!({"data": {"index.py": HANDLER}, "binaryData": null})).await;
        env.until_ready(SCHEDULED, "app").await;
        let name = function_name(&env, SCHEDULED, "app");
        let expected = plain(&env, SCHEDULED, "app", &name).await;
        assert_eq!(function(&env, &name).await, Some(expected.clone()));

        // The running function keeps its code.
        change_config_map(&env, "code", json!({"data": {"index.py": null, "app.py": HANDLER}})).await;
        wait_for_conditions(&env, SCHEDULED, "app", &without(add)).await;
        assert_eq!(function(&env, &name).await, Some(expected));
    });
}

#[test]
fn a_handler_outside_the_code_causes_a_warning() {
    env::test("handler-in-layer", async |env| {
        let _controller = env.controller(&RESYNC_1S);
        let content = aws_sdk_lambda::types::LayerVersionContentInput::builder()
            .zip_file(aws_sdk_lambda::primitives::Blob::new(zipped(HANDLER).bytes))
            .build();
        let published = env.lambda().publish_layer_version().layer_name("wrap").content(content).send().await;
        let layer = published.unwrap().layer_version_arn.unwrap();
        let wrapped = with(definition(&env, "app"), json!({"handler": "wrap.handler", "layers": [layer]}));
        apply(&env, &scheduled("app", &wrapped)).await;
        env.until_ready(SCHEDULED, "app").await;
        let warning = event(
            "Warning",
            "HandlerNotFound",
            "code.inline has no file wrap.py, in which python3.12 looks for the handler wrap.handler: the function runs only if \
             one of its layers holds that file",
        );
        let events = crate::objects::events_of(&env, "app").await;
        assert!(events.contains(&warning), "{events:#?}");
        assert_no_writes_at_rest(&env, SCHEDULED, &["app"]).await;
    });
}
