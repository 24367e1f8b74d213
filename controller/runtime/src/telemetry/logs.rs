//! Logs on standard error, as JSON or as text. Each line of a reconcile contains the object and the object's
//! generation.

use std::fmt;
use std::io::IsTerminal;

use clap::ValueEnum;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::{Map, Value};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::traces::Traces;

/// The format of logs.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, for log collectors.
    Json,
    /// Plain text, for people.
    Text,
}

/// Starts logging. The environment variable `RUST_LOG` selects the lines, by default `info`
/// (<https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html#directives>). `traces`
/// receives the spans.
pub fn start(format: LogFormat, traces: Option<&Traces>) {
    tracing_subscriber::registry().with(lines(format)).with(traces.map(Traces::layer)).init();
}

/// Prints the calls of a command to AWS.
pub fn print_calls() {
    let calls = layer().without_time().with_target(false).with_level(false).with_writer(std::io::stderr);
    let filter = EnvFilter::new("off,lambda_triggers::aws=debug");
    tracing_subscriber::registry().with(calls.with_filter(filter)).init();
}

fn lines(format: LogFormat) -> impl Layer<Registry> {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = chosen.and(filter_fn(is_logged));
    match format {
        LogFormat::Json => json(std::io::stderr).with_filter(filter).boxed(),
        LogFormat::Text => {
            let layer = layer().with_ansi(std::io::stderr().is_terminal());
            layer.with_writer(std::io::stderr).with_filter(filter).boxed()
        }
    }
}

/// Writes each event as a line of JSON, with the fields of all enclosing spans.
pub fn json<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    layer().fmt_fields(JsonFields::new()).event_format(JsonLine).with_writer(writer)
}

/// Drops the spans of kube and the SDK, which repeat the fields of the operator's spans at length.
fn is_logged(metadata: &Metadata<'_>) -> bool {
    !metadata.is_span() || metadata.target().starts_with("lambda_triggers")
}

/// A line of JSON. Fields of spans and of the event are on the same level, so that a collector finds `object` in one
/// place.
struct JsonLine;

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(formatted) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.extend(object(&formatted.fields));
            }
        }
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        fields.extend(object(&own));

        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let line = line(&time, metadata, &fields).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn line(
    time: &str,
    metadata: &Metadata<'_>,
    fields: &Map<String, Value>,
) -> Result<String, serde_json::Error> {
    let mut json = vec![];
    let mut serializer = serde_json::Serializer::new(&mut json);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", time)?;
    map.serialize_entry("level", metadata.level().as_str())?;
    map.serialize_entry("target", metadata.target())?;
    for (name, value) in fields {
        map.serialize_entry(name, value)?;
    }
    map.end()?;
    Ok(String::from_utf8_lossy(&json).into_owned())
}
