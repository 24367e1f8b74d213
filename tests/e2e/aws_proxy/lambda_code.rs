//! Sources of a function's code, and code updates.

use aws_sdk_lambda::types::{Architecture, FunctionCode, ImageConfig, PackageType, Runtime};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{BucketVersioningStatus, VersioningConfiguration},
};

use super::{
    Aws, code,
    deployment::{ONE, TWO, active, archive, quick_aws},
    refusal, run,
};

/// Base64 of the SHA-256 of the archive of [`ONE`].
const SHA_OF_ONE: &str = "IWo/Ol9lqf0hxuJu/PGgLjCGngndMeqNYYdRN4TYT24=";

fn invalid(why: &str) -> (u16, String, String) {
    (400, "InvalidParameterValueException".to_owned(), why.to_owned())
}

impl Aws {
    /// Uploads an archive to a bucket and returns the object's version.
    async fn upload_code(&self, bucket: &str, key: &str, source: &str) -> Option<String> {
        let body = ByteStream::from(archive(source).into_inner());
        let put = self.s3.put_object().bucket(bucket).key(key).body(body).send().await;
        put.expect("the archive is there").version_id
    }

    fn image(&self, reference: &str) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com/team/app{reference}", self.account, self.region)
    }
}

fn in_s3(bucket: &str, key: &str) -> FunctionCode {
    FunctionCode::builder().s3_bucket(bucket).s3_key(key).build()
}

#[test]
fn code_sha256_identifies_the_code() {
    run(async {
        let aws = quick_aws().await;
        aws.created("hashed").await;
        assert_eq!(aws.configuration("hashed").await.code_sha256(), Some(SHA_OF_ONE));
        let same = aws.code_update("hashed").zip_file(archive(ONE)).send().await.expect("updated");
        assert_eq!(same.code_sha256(), Some(SHA_OF_ONE));
        let other = aws.code_update("hashed").zip_file(archive(TWO)).send().await.expect("updated");
        assert_ne!(other.code_sha256(), Some(SHA_OF_ONE));
        assert_eq!(aws.says("hashed").await, "\"two\"");
    });
}

#[test]
fn a_dry_run_changes_nothing() {
    run(async {
        let aws = quick_aws().await;
        aws.created("dry").await;
        let before = aws.configuration("dry").await;
        aws.code_update("dry")
            .zip_file(archive(TWO))
            .dry_run(true)
            .send()
            .await
            .expect("it would be accepted");
        assert_eq!(aws.configuration("dry").await, before);
        assert_eq!(aws.says("dry").await, "\"one\"");
    });
}

#[test]
fn a_code_update_changes_the_architecture() {
    run(async {
        let aws = quick_aws().await;
        aws.created("ported").await;
        assert_eq!(aws.configuration("ported").await.architectures(), [Architecture::X8664]);
        let update = aws.code_update("ported").zip_file(archive(ONE));
        update.architectures(Architecture::Arm64).send().await.expect("updated");
        assert_eq!(aws.configuration("ported").await.architectures(), [Architecture::Arm64]);
        let update =
            aws.code_update("ported").zip_file(archive(ONE)).architectures(Architecture::from("mips"));
        let (status, name, _) = refusal(update.send().await);
        assert_eq!((status, name.as_str()), (400, "ValidationException"));
    });
}

#[test]
fn code_comes_from_an_s3_object_or_its_version() {
    run(async {
        let aws = quick_aws().await;
        let bucket = format!("code-{}", aws.account);
        aws.bucket(&bucket).await;
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = aws.s3.put_bucket_versioning().bucket(&bucket).versioning_configuration(versioning);
        put.send().await.expect("versions are kept");
        let first = aws.upload_code(&bucket, "builds/a b.zip", ONE).await.expect("a version");
        aws.upload_code(&bucket, "builds/a b.zip", TWO).await;
        let first_version =
            FunctionCode::builder().s3_bucket(&bucket).s3_key("builds/a b.zip").s3_object_version(first);
        aws.creation("stored").code(first_version.build()).send().await.expect("created");
        assert_eq!(aws.configuration("stored").await.code_sha256(), Some(SHA_OF_ONE));
        let latest = aws.code_update("stored").s3_bucket(&bucket).s3_key("builds/a b.zip");
        latest.send().await.expect("updated");
        assert_eq!(aws.says("stored").await, "\"two\"");
        let unknown =
            aws.code_update("stored").s3_bucket(&bucket).s3_key("builds/a b.zip").s3_object_version("none");
        let why = "Error occurred while GetObject. S3 Error Code: NoSuchVersion. S3 Error Message: The specified version does not exist.";
        assert_eq!(refusal(unknown.send().await), invalid(why));
    });
}

#[test]
fn missing_code_is_refused() {
    run(async {
        let (aws, other) = (quick_aws().await, quick_aws().await);
        let (bucket, foreign) = (format!("some-{}", aws.account), format!("foreign-{}", aws.account));
        aws.bucket(&bucket).await;
        other.bucket(&foreign).await;
        other.upload_code(&foreign, "a.zip", ONE).await;
        let no_key = aws.creation("lacking").code(in_s3(&bucket, "none.zip")).send().await;
        let why = "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.";
        assert_eq!(refusal(no_key), invalid(why));
        let no_bucket = aws.creation("lacking").code(in_s3("there-is-no-such-bucket", "a.zip")).send().await;
        let why = "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist";
        assert_eq!(refusal(no_bucket), invalid(why));
        let denied = aws.creation("lacking").code(in_s3(&foreign, "a.zip")).send().await;
        assert_eq!(code(denied), (403, "AccessDeniedException".to_owned()));
        let missing = aws.lambda.get_function().function_name("lacking").send().await;
        assert_eq!(code(missing), (404, "ResourceNotFoundException".to_owned()));
    });
}

#[test]
fn code_has_exactly_one_source() {
    run(async {
        let aws = quick_aws().await;
        aws.created("sourced").await;
        let none = aws.creation("none").code(FunctionCode::builder().build()).send().await;
        assert_eq!(refusal(none), invalid("Please provide a source for function code."));
        let none = aws.code_update("sourced").architectures(Architecture::Arm64).send().await;
        assert_eq!(refusal(none), invalid("Please provide a source for function code."));
        let two =
            aws.code_update("sourced").zip_file(archive(TWO)).s3_bucket("bucket").s3_key("key").send().await;
        let why = "Please do not provide other FunctionCode parameters when providing a ZipFile.";
        assert_eq!(refusal(two), invalid(why));
    });
}

#[test]
fn an_image_is_created_updated_and_deleted() {
    run(async {
        let aws = quick_aws().await;
        let digest = "0123456789abcdef".repeat(4);
        let (tagged, fixed) = (aws.image(":1"), aws.image(&format!("@sha256:{digest}")));
        let settings =
            ImageConfig::builder().command("app.main").entry_point("/run").working_directory("/srv");
        let creation = aws
            .bare_creation("boxed")
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(&tagged).build())
            .image_config(settings.clone().build());
        creation.send().await.expect("created");
        let found = aws.lambda.get_function().function_name("boxed").send().await.expect("read");
        let (configuration, code) =
            (found.configuration().expect("it is there"), found.code().expect("it is there"));
        assert_eq!(code.image_uri(), Some(tagged.as_str()));
        assert_eq!(code.repository_type(), Some("ECR"));
        let first = configuration.code_sha256().unwrap_or_default();
        assert_eq!(code.resolved_image_uri(), Some(aws.image(&format!("@sha256:{first}")).as_str()));
        assert_eq!(first.len(), 64);
        assert_eq!((configuration.runtime(), configuration.handler()), (None, None));
        let response = configuration.image_config_response().expect("always there");
        assert_eq!(response.image_config(), Some(&settings.build()));

        aws.configuration_update("boxed").timeout(9).send().await.expect("updated");
        assert_eq!(aws.configuration("boxed").await.code_sha256(), Some(first));
        aws.code_update("boxed").image_uri(&fixed).send().await.expect("updated");
        assert_eq!(aws.configuration("boxed").await.code_sha256(), Some(digest.as_str()));
        let none = ImageConfig::builder().build();
        aws.configuration_update("boxed").image_config(none).send().await.expect("updated");
        let response = aws.configuration("boxed").await.image_config_response.expect("always there");
        assert_eq!(response.image_config(), None);
        aws.lambda.delete_function().function_name("boxed").send().await.expect("deleted");
        let missing = aws.lambda.get_function().function_name("boxed").send().await;
        assert_eq!(super::code(missing), (404, "ResourceNotFoundException".to_owned()));
    });
}

#[test]
fn a_function_keeps_its_package_type() {
    run(async {
        let aws = quick_aws().await;
        aws.created("zipped").await;
        let image = FunctionCode::builder().image_uri(aws.image(":1")).build();
        let boxed = aws.bare_creation("boxed").package_type(PackageType::Image).code(image.clone());
        boxed.send().await.expect("created");
        let before = (aws.configuration("zipped").await, aws.configuration("boxed").await);
        let to_image = aws.code_update("zipped").image_uri(aws.image(":2")).send().await;
        let why = "Please don't provide ImageUri when updating a function with packageType Zip.";
        assert_eq!(refusal(to_image), invalid(why));
        let to_zip = aws.code_update("boxed").zip_file(archive(ONE)).send().await;
        let why = "Please provide ImageUri when updating a function with packageType Image.";
        assert_eq!(refusal(to_zip), invalid(why));
        let why = "Please don't provide Runtime or Handler or Layer when the intended function PackageType is Image.";
        let with_handler = aws.configuration_update("boxed").handler("index.handler").send().await;
        assert_eq!(refusal(with_handler), invalid(why));
        let with_image_config =
            aws.configuration_update("zipped").image_config(ImageConfig::builder().build());
        let why = "Please don't provide ImageConfig when the intended function PackageType is Zip.";
        assert_eq!(refusal(with_image_config.send().await), invalid(why));
        assert_eq!((aws.configuration("zipped").await, aws.configuration("boxed").await), before);
        let without_package_type = aws.bare_creation("unsaid").code(image).send().await;
        let why =
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        assert_eq!(refusal(without_package_type), invalid(why));
    });
}

#[test]
fn an_image_must_be_in_the_registry_of_the_region() {
    run(async {
        let aws = quick_aws().await;
        let other_region_image = format!("{}.dkr.ecr.us-east-1.amazonaws.com/app:1", aws.account);
        for uri in ["python:3.12", "public.ecr.aws/lambda/python:3.12", &other_region_image] {
            let code = FunctionCode::builder().image_uri(uri).build();
            let creation = aws.bare_creation("boxed").package_type(PackageType::Image).code(code);
            let why = format!("Source image {uri} is not valid. Provide a valid source image.");
            assert_eq!(refusal(creation.send().await), invalid(&why));
        }
    });
}

#[test]
fn a_published_version_keeps_its_code() {
    run(async {
        let aws = quick_aws().await;
        aws.created("published").await;
        let stale = aws.lambda.publish_version().function_name("published").code_sha256("other").send().await;
        assert_eq!(code(stale), (400, "InvalidParameterValueException".to_owned()));
        let version = aws.lambda.publish_version().function_name("published").code_sha256(SHA_OF_ONE);
        assert_eq!(version.send().await.expect("published").version(), Some("1"));
        let update = aws.code_update("published").zip_file(archive(TWO)).send().await.expect("updated");
        assert_ne!(update.code_sha256(), Some(SHA_OF_ONE));
        let old =
            aws.lambda.get_function_configuration().function_name("published").qualifier("1").send().await;
        let old = old.expect("the version is there");
        assert_eq!((old.code_sha256(), old.runtime()), (Some(SHA_OF_ONE), Some(&Runtime::Python312)));
        assert_eq!(aws.stage("published").await, active());
    });
}
