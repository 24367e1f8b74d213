//! The source of a function's code: an archive in the request, an object in S3 or an image.

use std::collections::BTreeMap;

use hyper::{Method, body::Bytes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    arn::is_account,
    call::Request,
    function_check::invalid,
    state::{BucketState, Shared},
    wire::Refusal,
};

/// Characters that stay unescaped in the path of an S3 object.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

type Buckets = BTreeMap<String, BucketState>;

/// The image of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// The URI as sent.
    pub uri: String,
    /// 64 hex digits. No registry exists here: a tag always means the same image, and its digest is the hash of the
    /// URI.
    pub digest: String,
}

impl Image {
    pub fn new(uri: &str) -> Self {
        let of_tag = || {
            let bytes = Sha256::digest(uri.as_bytes());
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let given = uri.split_once("@sha256:").map(|(_, digest)| digest.to_owned());
        Self { uri: uri.to_owned(), digest: given.unwrap_or_else(of_tag) }
    }

    /// The URI with the digest in place of the tag.
    pub fn resolved(&self) -> String {
        let repository = self.uri.split(['@', ':']).next().unwrap_or_default();
        format!("{repository}@sha256:{}", self.digest)
    }
}

/// Refuses a source that is missing, ambiguous, not found, or wrong for the package type. `code` is the member `Code`
/// of `CreateFunction`, or the body of `UpdateFunctionCode`.
///
/// # Errors
/// In Lambda's words. For an unreadable object in S3, the error contains S3's code and message.
pub(super) async fn source(
    shared: &Shared,
    buckets: &Buckets,
    request: &Request,
    code: &Value,
) -> Result<Option<Image>, Refusal> {
    let text = |name: &str| code[name].as_str();
    match (text("ZipFile"), text("S3Bucket"), text("ImageUri")) {
        (Some(_), None, None) => Ok(None),
        (None, Some(bucket), None) => {
            let key = text("S3Key").ok_or_else(missing)?;
            object(shared, buckets, request, (bucket, key, text("S3ObjectVersion"))).await?;
            Ok(None)
        }
        (None, None, Some(uri)) if is_in_registry(uri, &request.region) => Ok(Some(Image::new(uri))),
        (None, None, Some(uri)) => Err(no_image(uri)),
        (None, None, None) => Err(missing()),
        (Some(_), ..) => {
            let why = "Please do not provide other FunctionCode parameters when providing a ZipFile.";
            Err(invalid(why))
        }
        (None, Some(_), Some(_)) => {
            let why = "Please do not provide other FunctionCode parameters when providing an ImageUri.";
            Err(invalid(why))
        }
    }
}

fn missing() -> Refusal {
    invalid("Please provide a source for function code.")
}

/// 400: Lambda refuses the image.
pub(crate) fn no_image(uri: &str) -> Refusal {
    invalid(format!("Source image {uri} is not valid. Provide a valid source image."))
}

/// True if the image is in a private ECR repository in the function's Region. Lambda refuses all other images.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
pub(crate) fn is_in_registry(uri: &str, region: &str) -> bool {
    let Some((host, repository)) = uri.split_once('/') else {
        return false;
    };
    let Some((account, rest)) = host.split_once('.') else {
        return false;
    };
    is_account(account) && rest == format!("dkr.ecr.{region}.amazonaws.com") && !repository.is_empty()
}

/// Refuses an object that does not exist or belongs to another account.
async fn object(
    shared: &Shared,
    buckets: &Buckets,
    request: &Request,
    (bucket, key, version): (&str, &str, Option<&str>),
) -> Result<(), Refusal> {
    let held_by_another = || shared.with_held_buckets(|held| held.contains(bucket));
    let somebody_elses =
        buckets.get(bucket).map_or_else(held_by_another, |known| known.owner != request.account);
    if somebody_elses {
        let text = format!(
            "Your access has been denied by S3, please make sure your request credentials have permission to \
             GetObject for {bucket}/{key}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
        );
        return Err(Refusal::new(403, "AccessDeniedException", text));
    }
    let present = async |path: String| {
        let scope = (request.account.as_str(), request.region.as_str(), "s3");
        let answer = shared.upstream.own(scope, Method::HEAD, &path, &[], Bytes::new()).await?;
        Ok::<_, Refusal>(answer.status().as_u16() != 404)
    };
    let path = format!("/{bucket}/{}", utf8_percent_encode(key, KEY));
    let of_version = |version| format!("{path}?versionId={}", utf8_percent_encode(version, NON_ALPHANUMERIC));
    if present(version.map_or_else(|| path.clone(), of_version)).await? {
        return Ok(());
    }
    Err(unread(if !present(format!("/{bucket}")).await? {
        Unread::Bucket
    } else if version.is_some() && present(path.clone()).await? {
        Unread::Version
    } else {
        Unread::Key
    }))
}

/// The missing part of an S3 object's address.
#[derive(Clone, Copy)]
pub(crate) enum Unread {
    Bucket,
    Key,
    Version,
}

/// 400: S3 does not have the code.
pub(crate) fn unread(what: Unread) -> Refusal {
    let (code, message) = match what {
        Unread::Bucket => ("NoSuchBucket", "The specified bucket does not exist"),
        Unread::Key => ("NoSuchKey", "The specified key does not exist."),
        Unread::Version => ("NoSuchVersion", "The specified version does not exist."),
    };
    invalid(format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"))
}
