//! Lookup of the handler's file by each runtime. `validation/cel/definition.rs` has the same rules in CEL.

use super::FunctionDefinition;

/// A family of runtimes with the same lookup of handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuntimeFamily {
    NodeJs,
    Python,
    Ruby,
    Provided,
    Java,
    DotNet,
}

impl RuntimeFamily {
    /// The family of a runtime, or `None` for a runtime with unknown rules.
    pub fn from_runtime(runtime: &str) -> Option<Self> {
        let families = [
            ("nodejs", Self::NodeJs),
            ("python", Self::Python),
            ("ruby", Self::Ruby),
            ("provided", Self::Provided),
            ("java", Self::Java),
            ("dotnet", Self::DotNet),
        ];
        families.into_iter().find(|(prefix, _)| runtime.starts_with(prefix)).map(|(_, family)| family)
    }

    /// The possible paths of the handler's file, usual paths first. The list is empty for a handler that the runtime
    /// cannot parse.
    ///
    /// The interface clients of the runtimes are the source, since Lambda's documentation names only the usual files:
    /// <https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/blob/main/src/UserFunction.js>,
    /// <https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py>,
    /// <https://github.com/aws/aws-lambda-ruby-runtime-interface-client/blob/main/lib/aws_lambda_ric/lambda_handler.rb>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/java-handler.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/csharp-handler.html>.
    fn files(self, handler: &str) -> Vec<String> {
        let with = |module: &str, ends: &[&str]| ends.iter().map(|end| format!("{module}{end}")).collect();
        match self {
            Self::NodeJs => {
                let (folder, name) = handler.split_at(handler.rfind('/').map_or(0, |slash| slash + 1));
                let module = name.split_once('.').map(|(module, _)| format!("{folder}{module}"));
                let ends = [".js", ".mjs", ".cjs", "", "/index.js", "/package.json"];
                module.map_or_else(Vec::new, |module| with(&module, &ends))
            }
            Self::Python => {
                let module = handler.rsplit_once('.').map(|(module, _)| module.replace('.', "/"));
                module.map_or_else(Vec::new, |module| with(&module, &[".py", "/__init__.py"]))
            }
            Self::Ruby => handler.split_once('.').map_or_else(Vec::new, |(module, _)| with(module, &[".rb"])),
            Self::Provided => vec!["bootstrap".into()],
            Self::Java => {
                let class = handler.split("::").next().unwrap_or_default();
                vec![format!("{}.class", class.replace('.', "/"))]
            }
            Self::DotNet => vec![format!("{}.dll", handler.split("::").next().unwrap_or_default())],
        }
    }

    /// Number of usual files, for messages.
    fn usual(self) -> usize {
        match self {
            Self::NodeJs => 3,
            Self::Python | Self::Ruby | Self::Provided | Self::Java | Self::DotNet => 1,
        }
    }
}

/// The usual files of the handler, if `has` is false for every file that the runtime tries. `None` for a handler whose
/// file exists, and for a runtime with unknown rules.
pub fn missing_handler_files(
    definition: &FunctionDefinition,
    has: impl Fn(&str) -> bool,
) -> Option<Vec<String>> {
    let FunctionDefinition { runtime: Some(runtime), handler: Some(handler), .. } = definition else {
        return None;
    };
    let family = RuntimeFamily::from_runtime(runtime)?;
    let mut files = family.files(handler);
    let is_there = files.iter().any(|file| has(file));
    files.truncate(family.usual());
    (!is_there).then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The missing files if the code has only `file`.
    fn missing(runtime: &str, handler: &str, file: &str) -> Option<Vec<String>> {
        let definition = FunctionDefinition {
            runtime: Some(runtime.into()),
            handler: Some(handler.into()),
            ..FunctionDefinition::default()
        };
        missing_handler_files(&definition, |name| name == file)
    }

    #[test]
    fn the_file_of_a_handler_is_found() {
        for (runtime, handler, file) in [
            ("nodejs22.x", "index.handler", "index.js"),
            ("nodejs22.x", "index.handler", "index.mjs"),
            ("nodejs22.x", "index.handler", "index.cjs"),
            ("nodejs22.x", "index.handler", "index"),
            ("nodejs22.x", "index.handler", "index/index.js"),
            ("nodejs22.x", "index.handler", "index/package.json"),
            // The first dot after the folder ends the module, and the rest is a path within the module.
            ("nodejs22.x", "src/v1.2/app.api.handler", "src/v1.2/app.mjs"),
            ("python3.13", "app.handler", "app.py"),
            ("python3.13", "app.handler", "app/__init__.py"),
            ("python3.13", "src.app.handler", "src/app.py"),
            ("python3.13", "src/app.handler", "src/app.py"),
            ("ruby3.4", "app.handler", "app.rb"),
            ("ruby3.4", "lib/app.Api::V1.handler", "lib/app.rb"),
            ("provided.al2023", "anything", "bootstrap"),
            ("java21", "example.App::handle", "example/App.class"),
            ("java21", "example.App", "example/App.class"),
            ("dotnet8", "App::App.Function::Handle", "App.dll"),
            ("dotnet8", "App", "App.dll"),
            ("cobol1", "app.handler", "nothing"),
        ] {
            assert_eq!(missing(runtime, handler, file), None, "{runtime} {handler} {file}");
        }
    }

    #[test]
    fn a_missing_handler_file_lists_the_usual_files() {
        for (runtime, handler, files) in [
            ("nodejs22.x", "index.handler", &["index.js", "index.mjs", "index.cjs"][..]),
            ("nodejs22.x", "src/a.b.handler", &["src/a.js", "src/a.mjs", "src/a.cjs"]),
            ("nodejs22.x", "src.a/handler", &[]),
            ("python3.13", "src.app.handler", &["src/app.py"]),
            ("python3.13", "handler", &[]),
            ("ruby3.4", "app.Api.handler", &["app.rb"]),
            ("ruby3.4", "app", &[]),
            ("provided.al2", "app", &["bootstrap"]),
            ("java21", "example.App::handle", &["example/App.class"]),
            ("dotnet8", "App::App.Function::Handle", &["App.dll"]),
        ] {
            let files = files.iter().map(|file| (*file).to_owned()).collect();
            assert_eq!(missing(runtime, handler, "other"), Some(files), "{runtime} {handler}");
        }
    }

    #[test]
    fn an_image_needs_no_handler_file() {
        assert_eq!(missing_handler_files(&FunctionDefinition::default(), |_| false), None);
    }
}
