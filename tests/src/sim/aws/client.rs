//! The clients of AWS in memory. The operator's client passes an interceptor, and the client of other writers does not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lambda_triggers::aws::{Account, Aws, AwsError, EventBridgeApi, LambdaApi, S3Api, SchedulerApi};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::MemoryAws;
use super::errors::Op;
use super::journal::{BaseRead, Writer};
use super::state::{Answer, AwsState};
use crate::sim::fault_injector::{CallInterceptor, Passed, View};

/// A client for one Region.
#[derive(Clone)]
pub(super) struct SimClient {
    pub aws: MemoryAws,
    /// `None` for other writers.
    pub interceptor: Option<CallInterceptor>,
    pub region: String,
    /// Requested once, as in the SDK adapter.
    pub account: Arc<OnceCell<Account>>,
    /// The last read of each bucket, with its time.
    pub reads: Arc<Mutex<BTreeMap<String, (String, Duration)>>>,
}

impl SimClient {
    pub fn reading(&self, action: &'static str, on: impl Into<String>) -> Op {
        Op { by: self.by(), action, on: on.into(), write: false }
    }

    pub fn writing(&self, action: &'static str, on: impl Into<String>) -> Op {
        Op { by: self.by(), action, on: on.into(), write: true }
    }

    fn by(&self) -> Writer {
        if self.interceptor.is_some() { Writer::Operator } else { Writer::Outside }
    }

    /// Records a read of a bucket.
    pub fn record_read(&self, bucket: String, document: String, read_at: Duration) {
        self.reads.lock().insert(bucket, (document, read_at));
    }

    /// The last read of a bucket, as the base of a write that is sent now. `None` for other writers.
    pub fn last_read(&self, bucket: &str) -> Option<BaseRead> {
        self.interceptor.as_ref()?;
        let sent_at = self.aws.lock().start.elapsed();
        let reads = self.reads.lock();
        let (document, read_at) = reads.get(bucket)?.clone();
        Some(BaseRead { document, read_at, sent_at })
    }

    /// Makes a call and converts its outcome.
    pub async fn call<T: Send + 'static>(
        &self,
        op: Op,
        perform: impl Fn(&mut AwsState, View) -> Answer<T> + Send + 'static,
    ) -> Result<T, AwsError> {
        let passed = self.pass(&op, perform).await;
        op.received(passed)
    }

    /// Makes a call.
    pub async fn pass<T: Send + 'static>(
        &self,
        op: &Op,
        perform: impl Fn(&mut AwsState, View) -> Answer<T> + Send + 'static,
    ) -> Passed<Answer<T>> {
        let Some(interceptor) = &self.interceptor else {
            return Passed::Answer(perform(&mut self.aws.lock(), View::Now));
        };
        let (aws, region, call) = (self.aws.clone(), self.region.clone(), op.clone());
        let perform = move |view| {
            let mut state = aws.lock();
            state.rates.take(&call, &region)?;
            perform(&mut state, view)
        };
        interceptor.pass(op.action, &op.on, op.write, perform).await
    }

    fn to(&self, region: &str) -> Arc<Self> {
        Arc::new(Self { region: region.to_owned(), ..self.clone() })
    }
}

#[async_trait]
impl Aws for SimClient {
    fn default_region(&self) -> &str {
        &self.region
    }

    async fn account(&self) -> Result<Account, AwsError> {
        let op = self.reading("sts:GetCallerIdentity", "the operator's credentials");
        let ask = || self.call(op, |state, _| Ok(Account { id: state.account.clone() }));
        self.account.get_or_try_init(ask).await.cloned()
    }

    fn lambda(&self, region: &str) -> Arc<dyn LambdaApi> {
        self.to(region)
    }

    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi> {
        self.to(region)
    }

    fn scheduler(&self, region: &str) -> Arc<dyn SchedulerApi> {
        self.to(region)
    }

    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.to(region)
    }
}
