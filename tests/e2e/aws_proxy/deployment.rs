//! Helpers that deploy small functions and read their state.

use std::io::{Cursor, Write};

use aws_sdk_lambda::{
    operation::{
        create_function::builders::CreateFunctionFluentBuilder,
        update_function_code::builders::UpdateFunctionCodeFluentBuilder,
        update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder,
    },
    primitives::Blob,
    types::{FunctionCode, FunctionConfiguration, Runtime},
};
use lambda_triggers_tests::aws_proxy::Pace;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Aws, aws};

/// Source of a function that returns `one`.
pub const ONE: &str = "def handler(event, context):\n    return 'one'\n";
/// Source of a function that returns `two`.
pub const TWO: &str = "def handler(event, context):\n    return 'two'\n";

/// A ZIP archive with one file. The same source always gives the same bytes.
pub fn archive(source: &str) -> Blob {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("index.py", stored).expect("writing to memory");
    zip.write_all(source.as_bytes()).expect("writing to memory");
    Blob::new(zip.finish().expect("writing to memory").into_inner())
}

/// A function's state: `State`, its reason and code, then `LastUpdateStatus`, its reason and code. A field that AWS
/// omits is empty.
pub type Stage = [String; 6];

/// Reads the [`Stage`] from any answer that contains a function configuration.
macro_rules! stage {
    ($configuration:expr) => {{
        let configuration = &$configuration;
        [
            configuration.state().map(|state| state.as_str().to_owned()),
            configuration.state_reason().map(str::to_owned),
            configuration.state_reason_code().map(|code| code.as_str().to_owned()),
            configuration.last_update_status().map(|status| status.as_str().to_owned()),
            configuration.last_update_status_reason().map(str::to_owned),
            configuration.last_update_status_reason_code().map(|code| code.as_str().to_owned()),
        ]
        .map(Option::unwrap_or_default)
    }};
}
pub(crate) use stage;

fn stage_of(fields: [&str; 6]) -> Stage {
    fields.map(str::to_owned)
}

pub fn pending() -> Stage {
    stage_of(["Pending", "The function is being created.", "Creating", "", "", ""])
}

pub fn active() -> Stage {
    stage_of(["Active", "", "", "Successful", "", ""])
}

pub fn updating() -> Stage {
    stage_of(["Active", "", "", "InProgress", "The function is being created.", "Creating"])
}

pub fn creation_failed(reason: &str, code: &str) -> Stage {
    stage_of(["Failed", reason, code, "", "", ""])
}

pub fn update_failed(reason: &str, code: &str) -> Stage {
    stage_of(["Active", "", "", "Failed", reason, code])
}

/// A new account in which function changes take as long as `pace` says.
pub async fn aws_with_pace(pace: Pace) -> Aws {
    let aws = aws().await;
    aws.aws_proxy.slow_functions(&aws.account, pace);
    aws
}

/// A new account in which function changes finish at once.
pub async fn quick_aws() -> Aws {
    aws_with_pace(Pace::Reads(0)).await
}

impl Aws {
    pub fn role(&self) -> String {
        format!("arn:aws:iam::{}:role/test", self.account)
    }

    /// A creation request for a function that returns `one`.
    pub fn creation(&self, name: &str) -> CreateFunctionFluentBuilder {
        self.bare_creation(name)
            .runtime(Runtime::Python312)
            .handler("index.handler")
            .code(FunctionCode::builder().zip_file(archive(ONE)).build())
    }

    /// A creation request with only a name and a role.
    pub fn bare_creation(&self, name: &str) -> CreateFunctionFluentBuilder {
        self.lambda.create_function().function_name(name).role(self.role())
    }

    pub async fn created(&self, name: &str) {
        self.creation(name).send().await.expect("the function is created");
    }

    pub fn code_update(&self, name: &str) -> UpdateFunctionCodeFluentBuilder {
        self.lambda.update_function_code().function_name(name)
    }

    pub fn configuration_update(&self, name: &str) -> UpdateFunctionConfigurationFluentBuilder {
        self.lambda.update_function_configuration().function_name(name)
    }

    pub async fn configuration(&self, name: &str) -> FunctionConfiguration {
        let found = self.lambda.get_function().function_name(name).send().await;
        found.expect("the function is there").configuration.expect("it has a configuration")
    }

    pub async fn stage(&self, name: &str) -> Stage {
        stage!(self.configuration(name).await)
    }

    /// The function's return value.
    pub async fn says(&self, name: &str) -> String {
        let answer = self.lambda.invoke().function_name(name).send().await.expect("it is invoked");
        String::from_utf8_lossy(answer.payload().map(Blob::as_ref).unwrap_or_default()).into_owned()
    }
}
