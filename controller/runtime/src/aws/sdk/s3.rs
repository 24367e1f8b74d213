//! S3 notification configurations through the SDK, as raw XML.
//!
//! The SDK's types drop unknown elements and attributes, and a PUT replaces the whole document. Foreign entries would
//! lose the dropped parts. The SDK therefore only signs, sends and classifies errors. Interceptors read and write the
//! raw body.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_sdk_s3::types::NotificationConfiguration;
use lambda_triggers_core::operations as op;
use lambda_triggers_core::plan::bucket::Bucket;
use parking_lot::Mutex;

use crate::aws::{AwsError, AwsErrorKind, S3Api, S3Reads, Validation};

/// S3 in one Region.
pub struct SdkS3 {
    client: Client,
}

impl SdkS3 {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl S3Reads for SdkS3 {
    async fn get(&self, bucket: &Bucket) -> Result<String, AwsError> {
        let on = || format!("bucket {bucket}");
        let received = Received::default();
        self.client
            .get_bucket_notification_configuration()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .customize()
            .interceptor(received.clone())
            .send()
            .await
            .map_err(|e| AwsError::from_sdk(op::GET_NOTIFICATION.action, on(), e))?;
        let body = received.take();
        String::from_utf8(body)
            .map_err(|e| AwsError::unexpected(AwsErrorKind::Invalid, op::GET_NOTIFICATION.action, on(), e))
    }

    async fn get_of_any_owner(&self, bucket: &Bucket) -> Result<(), AwsError> {
        let call = self.client.get_bucket_notification_configuration().bucket(&bucket.name);
        let error = |e| AwsError::from_sdk(op::GET_NOTIFICATION.action, format!("bucket {bucket}"), e);
        call.send().await.map(drop).map_err(error)
    }

    async fn is_own_bucket(&self, bucket: &Bucket) -> Result<bool, AwsError> {
        // Accounts with more than 10,000 buckets must list by page.
        let mut pages =
            self.client.list_buckets().prefix(&bucket.name).into_paginator().page_size(1000).send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| AwsError::from_sdk(op::LIST_BUCKETS.action, "all buckets", e))?;
            if page.buckets().iter().any(|own| own.name() == Some(&bucket.name)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl S3Api for SdkS3 {
    async fn put(&self, bucket: &Bucket, xml: String, validation: Validation) -> Result<(), AwsError> {
        // A retry after a lost answer could be a second write in flight.
        let once = aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled());
        self.client
            .put_bucket_notification_configuration()
            .bucket(&bucket.name)
            .expected_bucket_owner(&bucket.owner)
            .notification_configuration(NotificationConfiguration::builder().build())
            .set_skip_destination_validation((validation == Validation::SkipDestinations).then_some(true))
            .customize()
            .config_override(once)
            .interceptor(Send { xml })
            .send()
            .await
            .map(drop)
            .map_err(|e| AwsError::from_sdk(op::PUT_NOTIFICATION.action, format!("bucket {bucket}"), e))
    }
}

/// Records the body of the response.
#[derive(Clone, Debug, Default)]
struct Received {
    body: Arc<Mutex<Vec<u8>>>,
}

impl Received {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.body.lock())
    }
}

impl Intercept for Received {
    fn name(&self) -> &'static str {
        "ReceivedDocument"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.body.lock() = body.to_vec();
        Ok(())
    }
}

/// Replaces the body of the request with the document, before the request is signed.
#[derive(Debug)]
struct Send {
    xml: String,
}

impl Intercept for Send {
    fn name(&self) -> &'static str {
        "SendDocument"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.xml.len().to_string());
        *request.body_mut() = SdkBody::from(self.xml.as_str());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_sdk_s3::config::{BehaviorVersion, Region};

    use super::*;

    /// Records the URI of a request, and stops the request.
    #[derive(Clone, Debug, Default)]
    struct Destination(Arc<Mutex<String>>);

    impl Intercept for Destination {
        fn name(&self) -> &'static str {
            "Destination"
        }

        fn modify_before_transmit(
            &self,
            context: &mut BeforeTransmitInterceptorContextMut<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            *self.0.lock() = context.request().uri().to_owned();
            Err("not sent".into())
        }
    }

    #[tokio::test]
    async fn only_a_bucket_with_a_legacy_name_is_addressed_by_path() {
        let sent = Destination::default();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .interceptor(sent.clone());
        let notifications = SdkS3::new(Client::from_conf(config.build()));
        let long = "b".repeat(255);
        for (name, host) in [
            ("photos", "https://photos.s3.us-east-1.amazonaws.com/?notification"),
            ("Photos", "https://s3.us-east-1.amazonaws.com/Photos/?notification"),
            ("my_photos", "https://s3.us-east-1.amazonaws.com/my_photos/?notification"),
            (&long, &format!("https://s3.us-east-1.amazonaws.com/{long}/?notification")),
        ] {
            let bucket =
                Bucket { region: "us-east-1".into(), name: name.into(), owner: "123456789012".into() };
            notifications.get(&bucket).await.unwrap_err();
            assert_eq!(*sent.0.lock(), *host, "{name}");
        }
    }
}
