//! The ways in: the operator's, through its interceptor, and everybody else's, past it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lambda_triggers::aws::{Account, Aws, AwsError, DeploymentApi, EventBridgeApi, LambdaApi, S3Api};
use tokio::sync::OnceCell;

use super::MemoryAws;
use super::errors::Op;
use super::journal::{Look, Writer};
use super::state::{Answer, AwsState};
use crate::sim::fault_injector::{CallInterceptor, Passed, View};

/// One way in, to one Region.
#[derive(Clone)]
pub(super) struct SimClient {
    pub world: MemoryAws,
    /// None for everybody but the operator.
    pub interceptor: Option<CallInterceptor>,
    pub region: String,
    /// Asked for once, as the SDK adapter does.
    pub account: Arc<OnceCell<Account>>,
    /// What was last read of each bucket, and when it was told.
    pub looks: Arc<Mutex<BTreeMap<String, (String, Duration)>>>,
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

    /// Remembers what was read of a bucket.
    pub fn looked(&self, bucket: String, document: String, told: Duration) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket, (document, told));
    }

    /// What was last read of a bucket, as the ground of a write that is sent now; none but for the operator.
    pub fn last_look(&self, bucket: &str) -> Option<Look> {
        self.interceptor.as_ref()?;
        let sent = self.world.lock().start.elapsed();
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (document, told) = looks.get(bucket)?.clone();
        Some(Look { document, told, sent })
    }

    /// Makes a call and reads its answer.
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
            return Passed::Answer(perform(&mut self.world.lock(), View::Now));
        };
        let (world, region, call) = (self.world.clone(), self.region.clone(), op.clone());
        let perform = move |view| {
            let mut state = world.lock();
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

    fn deployments(&self, region: &str) -> Arc<dyn DeploymentApi> {
        self.to(region)
    }

    fn eventbridge(&self, region: &str) -> Arc<dyn EventBridgeApi> {
        self.to(region)
    }

    fn s3(&self, region: &str) -> Arc<dyn S3Api> {
        self.to(region)
    }
}
