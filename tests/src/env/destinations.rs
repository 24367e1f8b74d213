//! Queues and topics for foreign entries: S3 accepts only destinations that exist.

use super::TestEnv;
use super::aws::REGION;

impl TestEnv {
    /// Creates an SQS queue and returns its ARN.
    pub async fn queue(&self, name: &str) -> String {
        self.query("sqs", &format!("Action=CreateQueue&QueueName={name}&Version=2012-11-05")).await;
        format!("arn:aws:sqs:{REGION}:{}:{name}", self.account())
    }

    /// Creates an SNS topic and returns its ARN.
    pub async fn topic(&self, name: &str) -> String {
        self.query("sns", &format!("Action=CreateTopic&Name={name}&Version=2010-03-31")).await;
        format!("arn:aws:sns:{REGION}:{}:{name}", self.account())
    }

    /// A call of AWS's query protocol.
    pub(super) async fn query(&self, service: &str, form: &str) {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.call(service, &headers, form).await.unwrap_or_else(|refused| panic!("{refused}"));
    }
}
