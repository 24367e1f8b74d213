//! Settings of a function: defaults, updates, resets and limits.

use aws_sdk_lambda::{
    operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder as Update,
    primitives::Blob,
    types::{
        ApplicationLogLevel, DeadLetterConfig, Environment, EphemeralStorage, FunctionConfiguration,
        LogFormat, LoggingConfig, Runtime, SnapStart, SnapStartApplyOn, SystemLogLevel, TracingConfig,
        TracingMode, VpcConfig,
    },
};

use super::{
    Aws,
    deployment::{ONE, archive, quick_aws},
    refusal, run,
};

/// All settings of a function that its owner can set.
#[derive(Clone, Debug, Default, PartialEq)]
struct Settings {
    runtime: String,
    handler: String,
    description: String,
    memory: i32,
    timeout: i32,
    storage: i32,
    environment: Option<Vec<(String, String)>>,
    layers: Vec<String>,
    subnets: Option<Vec<String>>,
    security_groups: Option<Vec<String>>,
    tracing: String,
    dead_letters: Option<String>,
    key: Option<String>,
    snap_start: String,
    /// Format, group, application level and system level.
    logging: [String; 4],
}

impl Settings {
    fn from_configuration(configuration: &FunctionConfiguration) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let environment = configuration.environment().and_then(|environment| environment.variables());
        let mut environment: Option<Vec<_>> =
            environment.map(|all| all.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
        environment.iter_mut().for_each(|all| all.sort());
        let vpc = configuration.vpc_config();
        let logging = configuration.logging_config().expect("always there");
        Self {
            runtime: text(configuration.runtime().map(Runtime::as_str)),
            handler: text(configuration.handler()),
            description: text(configuration.description()),
            memory: configuration.memory_size().unwrap_or_default(),
            timeout: configuration.timeout().unwrap_or_default(),
            storage: configuration.ephemeral_storage().map(EphemeralStorage::size).unwrap_or_default(),
            environment,
            layers: configuration.layers().iter().map(|layer| text(layer.arn())).collect(),
            subnets: vpc.map(|vpc| vpc.subnet_ids().to_vec()),
            security_groups: vpc.map(|vpc| vpc.security_group_ids().to_vec()),
            tracing: text(
                configuration.tracing_config().and_then(|tracing| tracing.mode()).map(TracingMode::as_str),
            ),
            dead_letters: configuration
                .dead_letter_config()
                .and_then(|config| config.target_arn())
                .map(Into::into),
            key: configuration.kms_key_arn().map(Into::into),
            snap_start: text(
                configuration.snap_start().and_then(|snap| snap.apply_on()).map(SnapStartApplyOn::as_str),
            ),
            logging: [
                text(logging.log_format().map(LogFormat::as_str)),
                text(logging.log_group()),
                text(logging.application_log_level().map(ApplicationLogLevel::as_str)),
                text(logging.system_log_level().map(SystemLogLevel::as_str)),
            ],
        }
    }

    /// The settings of a function that was created with only the required fields.
    fn standard(name: &str) -> Self {
        Self {
            runtime: "python3.12".into(),
            handler: "index.handler".into(),
            memory: 128,
            timeout: 3,
            storage: 512,
            tracing: "PassThrough".into(),
            snap_start: "None".into(),
            logging: ["Text".into(), format!("/aws/lambda/{name}"), String::new(), String::new()],
            ..Self::default()
        }
    }

    /// The settings of [`Aws::full`].
    fn full(aws: &Aws) -> Self {
        Self {
            description: "all of it".into(),
            memory: 256,
            timeout: 60,
            storage: 512,
            environment: Some(vec![("NAME".into(), "value".into())]),
            layers: vec![aws.layer(1)],
            subnets: Some(vec!["subnet-1".into()]),
            security_groups: Some(vec!["sg-1".into()]),
            tracing: "Active".into(),
            dead_letters: Some(aws.queue()),
            key: Some(aws.key()),
            snap_start: "PublishedVersions".into(),
            logging: ["JSON", "/own/group", "WARN", "INFO"].map(Into::into),
            ..Self::standard("")
        }
    }
}

impl Aws {
    async fn settings(&self, name: &str) -> Settings {
        Settings::from_configuration(&self.configuration(name).await)
    }

    /// A layer in another account.
    fn layer(&self, number: usize) -> String {
        format!("arn:aws:lambda:{}:999999999999:layer:layer-{number}:1", self.region)
    }

    fn queue(&self) -> String {
        format!("arn:aws:sqs:{}:{}:failures", self.region, self.account)
    }

    fn key(&self) -> String {
        format!("arn:aws:kms:{}:{}:key/1", self.region, self.account)
    }

    /// Creates a function with every setting.
    async fn full(&self, name: &str) {
        let creation = self
            .creation(name)
            .description("all of it")
            .memory_size(256)
            .timeout(60)
            .environment(variables(&[("NAME", "value")]))
            .layers(self.layer(1))
            .vpc_config(vpc(&["subnet-1"], &["sg-1"]))
            .tracing_config(TracingConfig::builder().mode(TracingMode::Active).build())
            .dead_letter_config(DeadLetterConfig::builder().target_arn(self.queue()).build())
            .kms_key_arn(self.key())
            .snap_start(SnapStart::builder().apply_on(SnapStartApplyOn::PublishedVersions).build());
        let logging = LoggingConfig::builder()
            .log_format(LogFormat::Json)
            .log_group("/own/group")
            .application_log_level(ApplicationLogLevel::Warn);
        creation.logging_config(logging.build()).send().await.expect("created");
    }
}

fn variables(pairs: &[(&str, &str)]) -> Environment {
    let all = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Environment::builder().set_variables(Some(all)).build()
}

fn vpc(subnets: &[&str], groups: &[&str]) -> VpcConfig {
    let owned = |list: &[&str]| Some(list.iter().map(|id| (*id).to_owned()).collect());
    VpcConfig::builder().set_subnet_ids(owned(subnets)).set_security_group_ids(owned(groups)).build()
}

fn storage(size: i32) -> EphemeralStorage {
    EphemeralStorage::builder().size(size).build().expect("a size is given")
}

fn format(format: LogFormat) -> LoggingConfig {
    LoggingConfig::builder().log_format(format).build()
}

#[test]
fn omitted_settings_have_the_defaults_of_aws() {
    run(async {
        let aws = quick_aws().await;
        aws.created("bare").await;
        assert_eq!(aws.settings("bare").await, Settings::standard("bare"));
        let raw = aws.raw("lambda", "GET", "/2015-03-31/functions/bare/configuration", "").await;
        let absent = [
            "\"Environment\"",
            "\"Layers\"",
            "VpcConfig",
            "DeadLetterConfig",
            "KMSKeyArn",
            "StateReason",
            "StatusReason",
        ];
        assert!(absent.iter().all(|member| !raw.body.contains(member)), "{}", raw.body);
    });
}

#[test]
fn every_setting_is_returned_as_written() {
    run(async {
        let aws = quick_aws().await;
        aws.full("full").await;
        assert_eq!(aws.settings("full").await, Settings::full(&aws));
        let snap_start = SnapStart::builder().apply_on(SnapStartApplyOn::None).build();
        let update =
            aws.configuration_update("full").ephemeral_storage(storage(10_240)).snap_start(snap_start);
        update.send().await.expect("updated");
        let expected = Settings { storage: 10_240, snap_start: "None".into(), ..Settings::full(&aws) };
        assert_eq!(aws.settings("full").await, expected);
    });
}

#[test]
fn lists_show_the_same_settings_as_reads() {
    run(async {
        let aws = quick_aws().await;
        aws.full("full").await;
        aws.created("bare").await;
        let read = [aws.configuration("bare").await, aws.configuration("full").await];
        let listed = aws.lambda.list_functions().send().await.expect("listed");
        assert_eq!(listed.functions(), read);
    });
}

#[test]
fn an_update_keeps_omitted_settings() {
    run(async {
        let aws = quick_aws().await;
        aws.full("kept").await;
        aws.configuration_update("kept").timeout(61).send().await.expect("updated");
        assert_eq!(aws.settings("kept").await, Settings { timeout: 61, ..Settings::full(&aws) });
        aws.code_update("kept").zip_file(archive(ONE)).send().await.expect("updated");
        assert_eq!(aws.settings("kept").await, Settings { timeout: 61, ..Settings::full(&aws) });
    });
}

#[test]
fn an_empty_value_resets_a_setting() {
    run(async {
        let aws = quick_aws().await;
        aws.full("reset").await;
        let update = aws
            .configuration_update("reset")
            .description("")
            .environment(variables(&[]))
            .set_layers(Some(vec![]))
            .vpc_config(vpc(&[], &[]))
            .tracing_config(TracingConfig::builder().mode(TracingMode::PassThrough).build())
            .dead_letter_config(DeadLetterConfig::builder().target_arn("").build())
            .kms_key_arn("")
            .snap_start(SnapStart::builder().apply_on(SnapStartApplyOn::None).build())
            .logging_config(
                LoggingConfig::builder().log_format(LogFormat::Text).log_group("/aws/lambda/reset").build(),
            );
        update.memory_size(128).timeout(3).send().await.expect("updated");
        // Lambda shows a removed VPC as an empty configuration.
        let expected =
            Settings { subnets: Some(vec![]), security_groups: Some(vec![]), ..Settings::standard("reset") };
        assert_eq!(aws.settings("reset").await, expected);
    });
}

#[test]
fn a_variable_may_be_empty() {
    run(async {
        let aws = quick_aws().await;
        aws.creation("empty").environment(variables(&[("EMPTY", "")])).send().await.expect("created");
        let expected = Settings {
            environment: Some(vec![("EMPTY".into(), String::new())]),
            ..Settings::standard("empty")
        };
        assert_eq!(aws.settings("empty").await, expected);
    });
}

#[test]
fn log_levels_exist_only_with_json_logs() {
    run(async {
        let aws = quick_aws().await;
        aws.created("logs").await;
        let update = |logging| async {
            aws.configuration_update("logs").logging_config(logging).send().await.expect("updated");
            aws.settings("logs").await.logging
        };
        let group = "/aws/lambda/logs";
        assert_eq!(update(format(LogFormat::Json)).await, ["JSON", group, "INFO", "INFO"]);
        let level = LoggingConfig::builder().system_log_level(SystemLogLevel::Debug).build();
        assert_eq!(update(level).await, ["JSON", group, "INFO", "DEBUG"]);
        let other = LoggingConfig::builder().log_group("/own").build();
        assert_eq!(update(other).await, ["JSON", "/own", "INFO", "DEBUG"]);
        assert_eq!(update(format(LogFormat::Text)).await, ["Text", "/own", "", ""]);
        let level = LoggingConfig::builder().system_log_level(SystemLogLevel::Debug).build();
        let refused = refusal(aws.configuration_update("logs").logging_config(level).send().await);
        assert_eq!((refused.0, refused.1.as_str()), (400, "InvalidParameterValueException"));
    });
}

#[test]
fn settings_out_of_range_are_refused() {
    run(async {
        let aws = quick_aws().await;
        aws.created("ranged").await;
        let before = aws.configuration("ranged").await;
        let layers =
            |numbers: std::ops::Range<usize>| Some(numbers.map(|number| aws.layer(number)).collect());
        let long = "x".repeat(257);
        let large = "x".repeat(4096);
        let twice = vec![aws.layer(1), aws.layer(1)];
        let tracing = TracingConfig::builder().mode(TracingMode::from("Sometimes")).build();
        let validation = "ValidationException";
        let invalid = "InvalidParameterValueException";
        let update = || aws.configuration_update("ranged");
        let wrong: Vec<(Update, &str, &str)> = vec![
            (update().memory_size(127), validation, "Value '127' at 'memorySize'"),
            (update().memory_size(10_241), validation, "Value '10241' at 'memorySize'"),
            (update().timeout(0), validation, "Value '0' at 'timeout'"),
            (update().timeout(901), validation, "Value '901' at 'timeout'"),
            (update().ephemeral_storage(storage(511)), validation, "Value '511' at 'ephemeralStorage.size'"),
            (
                update().ephemeral_storage(storage(10_241)),
                validation,
                "Value '10241' at 'ephemeralStorage.size'",
            ),
            (update().description(long), validation, "at 'description'"),
            (update().handler("x".repeat(129)), validation, "at 'handler'"),
            (update().role("admin"), validation, "Value 'admin' at 'role'"),
            (update().kms_key_arn("alias/own"), validation, "Value 'alias/own' at 'kMSKeyArn'"),
            (update().tracing_config(tracing), validation, "Value 'Sometimes' at 'tracingConfig.mode'"),
            (update().environment(variables(&[("1ST", "x")])), validation, "at 'environment.variables'"),
            (update().environment(variables(&[("A", "x")])), validation, "at 'environment.variables'"),
            (
                update().environment(variables(&[("WITH-DASH", "x")])),
                validation,
                "at 'environment.variables'",
            ),
            (
                update().environment(variables(&[("AWS_REGION", "x")])),
                invalid,
                "used in this request: AWS_REGION",
            ),
            (
                update().environment(variables(&[("_HANDLER", "x")])),
                invalid,
                "used in this request: _HANDLER",
            ),
            (update().environment(variables(&[("LARGE", &large)])), invalid, "exceeded the 4KB limit"),
            (update().set_layers(layers(0..6)), invalid, "Cannot reference more than 5 layers."),
            (update().set_layers(Some(twice)), invalid, "Two different versions of the same layer"),
            (update().vpc_config(vpc(&["subnet-1"], &[])), invalid, "must coexist or be both empty list"),
            (update().vpc_config(vpc(&[], &["sg-1"])), invalid, "must coexist or be both empty list"),
        ];
        for (update, name, text) in wrong {
            let (status, code, message) = refusal(update.send().await);
            assert_eq!((status, code.as_str()), (400, name), "{text}");
            assert!(message.contains(text), "{message:?} does not contain {text:?}");
        }
        assert_eq!(aws.configuration("ranged").await, before);
        let most =
            update().memory_size(10_240).timeout(900).description("x".repeat(256)).set_layers(layers(0..5));
        most.send().await.expect("the limits themselves are allowed");
    });
}

#[test]
fn a_creation_requires_runtime_handler_and_valid_fields() {
    run(async {
        let aws = quick_aws().await;
        let mandatory =
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        let zip = || aws.creation("lacking");
        let wrong = [
            (zip().set_runtime(None), "InvalidParameterValueException", mandatory),
            (zip().set_handler(None), "InvalidParameterValueException", mandatory),
            (zip().role("arn:aws:iam::1:role/x"), "ValidationException", "at 'role'"),
            (zip().memory_size(64), "ValidationException", "Value '64' at 'memorySize'"),
            (zip().function_name("x".repeat(65)), "ValidationException", "at 'functionName'"),
            (zip().function_name("with.dot"), "ValidationException", "Value 'with.dot' at 'functionName'"),
        ];
        for (creation, name, text) in wrong {
            let (status, code, message) = refusal(creation.send().await);
            assert_eq!((status, code.as_str()), (400, name), "{text}");
            assert!(message.contains(text), "{message:?} does not contain {text:?}");
        }
        let no_archive = aws.code_update("lacking").zip_file(Blob::new("text")).send().await;
        assert_eq!(refusal(no_archive).0, 404, "nothing was created");
    });
}
