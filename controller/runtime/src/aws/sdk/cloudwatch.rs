//! CloudWatch through the SDK, for `lambda-triggers explain resource --history`. The operator never calls CloudWatch, so
//! CloudWatch is no AWS port.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric as SdkMetric, MetricDataQuery, MetricStat};
use jiff::Timestamp;
use lambda_triggers_core::explain::{Count, Metric};
use lambda_triggers_core::operations as op;

use crate::aws::AwsError;

/// The seconds of one value. AWS sends the metrics of its services each minute.
const PERIOD: i32 = 60;

/// CloudWatch in one Region.
pub struct SdkCloudWatch {
    client: Client,
}

impl SdkCloudWatch {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the sums of up to 500 metrics from `since` to `until`, in the order of `metrics`. AWS keeps the values of
    /// single minutes for 15 days
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
    ///
    /// # Errors
    /// The role lacks the permission, or AWS does not answer.
    pub async fn counts(
        &self,
        metrics: Vec<Metric>,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Count>, AwsError> {
        let refused = |e| AwsError::from_sdk(op::GET_METRICS.action, "the metrics of the last day", e);
        let time = |time: Timestamp| DateTime::from_secs(time.as_second());
        let queries = metrics.iter().enumerate().map(|(index, metric)| query(&id(index), metric)).collect();
        let call = self.client.get_metric_data().set_metric_data_queries(Some(queries));
        let mut pages = call.start_time(time(since)).end_time(time(until)).into_paginator().send();
        let mut counts: Vec<Count> =
            metrics.into_iter().map(|metric| Count { metric, sum: 0, last: None }).collect();
        while let Some(page) = pages.next().await {
            for result in page.map_err(refused)?.metric_data_results() {
                let is_own = |(index, _): &(usize, &mut Count)| result.id() == Some(&id(*index));
                let Some((_, count)) = counts.iter_mut().enumerate().find(is_own) else { continue };
                let values = result.timestamps().iter().zip(result.values());
                for (minute, value) in values.filter(|(_, value)| **value > 0.0) {
                    count.sum += value.round() as usize;
                    count.last = count.last.max(Timestamp::from_second(minute.secs()).ok());
                }
            }
        }
        Ok(counts)
    }
}

/// The Id of a query. An Id begins with a lowercase letter.
fn id(index: usize) -> String {
    format!("m{index}")
}

fn query(id: &str, metric: &Metric) -> MetricDataQuery {
    let dimension = |(name, value): (&&str, &String)| Dimension::builder().name(*name).value(value).build();
    let dimensions = metric.dimensions.iter().map(dimension).collect();
    let metric = SdkMetric::builder().namespace(metric.namespace).metric_name(metric.name);
    let metric = metric.set_dimensions(Some(dimensions)).build();
    let stat = MetricStat::builder().metric(metric).period(PERIOD).stat("Sum").build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}
