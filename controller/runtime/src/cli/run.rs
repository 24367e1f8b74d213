//! `lambda-triggers run`: flags and start of the operator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::Uri;
use lambda_triggers_core::api::{Backend, Tags, parse_default_tags};
use lambda_triggers_core::ownership::OwnerId;
use lambda_triggers_core::pacing::token_bucket::Rates;
use tracing::info;

use super::values;
use crate::error_chain;
use crate::network::Network;
use crate::operator::{self, Options, StartError};
use crate::reconcile::Settings;
use crate::telemetry::Telemetry;
use crate::telemetry::logs::{self, LogFormat};
use crate::telemetry::server::Server;
use crate::telemetry::traces::Traces;

const EXAMPLES: &str = "\
Examples:
  # Run the operator on a laptop, with a readable log
  lambda-triggers run --log-format text

  # Watch two namespaces only
  lambda-triggers run --namespace team-a,team-b

  # Use EventBridge Scheduler for schedules with a time zone
  lambda-triggers run --scheduler-role-arn arn:aws:iam::123456789012:role/schedules

  # Give each namespace only the AWS resources of a tenancy file
  lambda-triggers run --tenancy-file tenancy.yaml";

/// The flags of the operator.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// Watch only these namespaces, separated by commas; repeatable. The owner id then comes from the operator's own
    /// namespace (default: all namespaces).
    #[arg(long, env = "LAMBDA_TRIGGERS_NAMESPACE", value_name = "NAMES", value_delimiter = ',', value_parser = values::namespace)]
    namespace: Vec<String>,
    /// Eight hex digits at the start of every name that the operator creates in AWS. Set the owner id if a rebuilt
    /// cluster must find its AWS resources again. No other running cluster may use the same owner id (default: from
    /// the cluster).
    #[arg(long, env = "LAMBDA_TRIGGERS_OWNER_ID", value_parser = OwnerId::parse)]
    owner_id: Option<OwnerId>,
    /// AWS Region for resources that specify no Region (default: from the AWS SDK, such as AWS_REGION).
    #[arg(long, env = "LAMBDA_TRIGGERS_REGION")]
    region: Option<String>,
    /// Permit each namespace only the AWS resources in this tenancy file; see docs/tenancy.md. The operator reloads
    /// the file after a change (default: each namespace may use everything that the operator's own credentials
    /// allow).
    #[arg(long, env = "LAMBDA_TRIGGERS_TENANCY_FILE", value_name = "PATH")]
    tenancy_file: Option<PathBuf>,
    /// The role that EventBridge Scheduler assumes to invoke the functions, as an ARN; see docs/schedules.md. The role
    /// is in the operator's account (default: only rules run schedules, and a schedule that needs EventBridge Scheduler
    /// is Stalled).
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_ROLE_ARN", value_name = "ARN", value_parser = values::role_arn)]
    scheduler_role_arn: Option<String>,
    /// The service that runs a schedule without spec.backend, if both services can run the schedule. A change moves the
    /// schedules to the other service.
    #[arg(long, env = "LAMBDA_TRIGGERS_DEFAULT_BACKEND", value_enum, default_value_t = BackendArg::Rule)]
    default_backend: BackendArg,
    /// Reconcile every object again after this time (resync period), such as 10m.
    #[arg(long, env = "LAMBDA_TRIGGERS_RESYNC", default_value = "10m", value_parser = values::duration)]
    resync: Duration,
    /// Cancel a reconcile of an object after this time, and retry.
    #[arg(long, env = "LAMBDA_TRIGGERS_RECONCILE_TIMEOUT", default_value = "2m", value_parser = values::duration)]
    reconcile_timeout: Duration,
    /// Maximum number of calls per second to Lambda, in each account and Region. Calls start at two thirds of this rate.
    /// GetPolicy has its own quota, and a separate limit of the same rate. GetFunction has a separate limit of 100/15 of
    /// the rate. The default is AWS's quota.
    #[arg(long, env = "LAMBDA_TRIGGERS_LAMBDA_RATE", default_value_t = Rates::default().lambda, value_parser = values::rate)]
    lambda_rate: f64,
    /// Maximum number of calls per second to EventBridge, in each account and Region. Calls start at two thirds of this
    /// rate. The default is AWS's quota.
    #[arg(long, env = "LAMBDA_TRIGGERS_EVENTBRIDGE_RATE", default_value_t = Rates::default().events, value_parser = values::rate)]
    eventbridge_rate: f64,
    /// Maximum number of calls per second on schedules of EventBridge Scheduler, in each account and Region. Calls start
    /// at two thirds of this rate. Lists and schedule groups have a separate limit of 1/25 of the rate. The default is
    /// half of AWS's quota in a small Region.
    #[arg(long, env = "LAMBDA_TRIGGERS_SCHEDULER_RATE", default_value_t = Rates::default().scheduler, value_parser = values::rate)]
    scheduler_rate: f64,
    /// Maximum number of calls per second to S3, in each account and Region. Calls start at two thirds of this rate.
    /// AWS publishes no quota.
    #[arg(long, env = "LAMBDA_TRIGGERS_S3_RATE", default_value_t = Rates::default().s3, value_parser = values::rate)]
    s3_rate: f64,
    /// Keep the finalizer of a resource for this time after an unanswered write to the resource's bucket, and after a
    /// start. Until then, such a write may still take effect.
    #[arg(long, env = "LAMBDA_TRIGGERS_WRITE_GRACE_PERIOD", default_value = "30s", value_parser = values::duration)]
    write_grace_period: Duration,
    /// Report a resource as Stalled if a dependency is still missing, denied or in conflict after this time. The time
    /// starts when the operator first sees a generation of the resource. Until then, the resource is Reconciling and
    /// retried every few seconds, because the same rollout may create the dependency.
    #[arg(long, env = "LAMBDA_TRIGGERS_PROGRESS_DEADLINE", default_value = "2m", value_parser = values::duration)]
    progress_deadline: Duration,
    /// Set these tags on every rule and function that the operator creates, such as team=media,cost-centre=42. Tags
    /// of a resource have precedence. The operator rolls out a change, and removes the tags of removed keys from AWS
    /// (default: none).
    #[arg(long, env = "LAMBDA_TRIGGERS_DEFAULT_TAGS", value_name = "KEY=VALUE,...", value_parser = parse_default_tags)]
    default_tags: Option<Tags>,
    /// Serve /metrics, /healthz and /readyz at this address, also on a standby. [::] means IPv4 and IPv6, or only
    /// IPv4 on a machine without IPv6.
    #[arg(long, env = "LAMBDA_TRIGGERS_HTTP_ADDRESS", default_value = "[::]:8080")]
    http_address: SocketAddr,
    /// Format of the log. RUST_LOG selects the lines.
    #[arg(long, env = "LAMBDA_TRIGGERS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    log_format: LogFormat,
    /// Send traces by OTLP over HTTP to this collector, such as http://collector.tracing:4318. OpenTelemetry's own
    /// variables configure the rest, such as OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and
    /// OTEL_RESOURCE_ATTRIBUTES (default: no traces).
    #[arg(long, env = "LAMBDA_TRIGGERS_OTLP_ENDPOINT", value_parser = values::collector)]
    otlp_endpoint: Option<Uri>,
}

/// The values of `--default-backend`.
#[derive(ValueEnum, Clone, Copy, Debug)]
#[value(rename_all = "PascalCase")]
pub enum BackendArg {
    /// A rule of EventBridge.
    Rule,
    /// A schedule of EventBridge Scheduler.
    Scheduler,
}

impl From<BackendArg> for Backend {
    fn from(backend: BackendArg) -> Self {
        match backend {
            BackendArg::Rule => Self::Rule,
            BackendArg::Scheduler => Self::Scheduler,
        }
    }
}

/// Runs the operator until a signal.
pub fn run(args: RunArgs) -> Result<(), StartError> {
    let RunArgs {
        namespace,
        owner_id,
        region,
        tenancy_file,
        scheduler_role_arn,
        default_backend,
        resync,
        reconcile_timeout,
        lambda_rate,
        eventbridge_rate,
        scheduler_rate,
        s3_rate,
        write_grace_period,
        progress_deadline,
        default_tags,
        http_address,
        log_format,
        otlp_endpoint,
    } = args;
    let network = Network::from_env()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stop = runtime.block_on(async { operator::stop_on_signal() })?;
    let collector = otlp_endpoint.as_ref();
    let traces =
        collector.map(|collector| Traces::to(collector, &network, runtime.handle().clone())).transpose();
    let traces =
        traces.map_err(|error| format!("cannot send traces to --otlp-endpoint: {}", error_chain(&*error)))?;
    logs::start(log_format, traces.as_ref());
    if let Some(collector) = collector {
        info!(%collector, "sending traces");
    }
    for (variable, value) in network.shown() {
        info!(variable, value, "using the network settings of the environment");
    }
    let settings = Settings {
        resync,
        timeout: reconcile_timeout,
        write_grace_period,
        progress_deadline,
        default_tags: default_tags.unwrap_or_default(),
        scheduler_role: scheduler_role_arn,
        default_backend: default_backend.into(),
        ..Settings::default()
    };
    let rates =
        Rates { lambda: lambda_rate, events: eventbridge_rate, scheduler: scheduler_rate, s3: s3_rate };
    let telemetry = Telemetry::default();
    let ended = runtime.block_on(async {
        let server = Server::start(http_address, telemetry.clone()).await?;
        let namespaces = values::distinct(namespace);
        let options = Options { namespaces, owner_id, region, tenancy_file, rates, settings, telemetry };
        let ended = operator::run(options, network, stop).await;
        // The server stops last, and finishes the answers in flight.
        server.stop().await;
        ended
    });
    if let Some(traces) = traces {
        traces.end();
    }
    // A DNS lookup blocks a thread, and would delay the end of the process.
    runtime.shutdown_background();
    ended
}
