//! The problems of a plan as annotations of GitHub Actions
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>).

use lambda_triggers_core::preview::{Preview, Severity};

/// A line for each problem, which GitHub shows beside the line of the manifest.
pub fn render(preview: &Preview) -> String {
    let lines = preview.resources.iter().flat_map(|resource| {
        resource.problems.iter().map(|problem| {
            let level = match problem.severity {
                Severity::Error => "error",
                Severity::Unknown | Severity::Warning => "warning",
            };
            let file = property(&resource.source.file);
            let line = problem.line.unwrap_or(resource.source.line);
            let message = data(&format!("{}: {}", resource.title(), problem.message));
            format!("::{level} file={file},line={line},title={}::{message}\n", property(&problem.reason))
        })
    });
    lines.collect()
}

/// A message, with the characters escaped that end a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, with the separators escaped, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
