//! Checks for the handler's file in code from the cluster.

use std::collections::BTreeMap;

use crate::api::{FunctionDefinition, missing_handler_files};

/// The first bytes of a zip archive (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.7).
const ZIP_SIGNATURE: &[u8] = b"PK\x03\x04";

/// A handler without a file in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingHandler {
    /// The function cannot run. The message contains a fix.
    Nowhere(String),
    /// The function can run only if a layer contains the file.
    UnlessInLayer(String),
}

/// Searches `files` for the handler's file. The files come from a ConfigMap, or are inline code if `config_map` is
/// `None`.
pub fn missing_handler(
    definition: &FunctionDefinition,
    config_map: Option<&str>,
    files: &BTreeMap<String, Vec<u8>>,
) -> Option<MissingHandler> {
    let expected = missing_handler_files(definition, |file| files.contains_key(file))?;
    let FunctionDefinition { runtime, handler, layers, .. } = definition;
    let (runtime, handler) = (runtime.as_deref().unwrap_or_default(), handler.as_deref().unwrap_or_default());
    let place = config_map.map_or_else(|| "code.inline".to_owned(), |name| format!("the ConfigMap {name}"));
    if expected.is_empty() {
        let message = format!(
            "the handler {handler} is not valid for {runtime}: write <file>.<function>, such as app.handler, \
             in spec.function.definition.handler"
        );
        return Some(MissingHandler::Nowhere(message));
    }
    let wanted = one_of(&expected);
    if !layers.is_empty() {
        let message = format!(
            "{place} has no file {wanted}, in which {runtime} looks for the handler {handler}: the function runs only if one \
             of its layers holds that file"
        );
        return Some(MissingHandler::UnlessInLayer(message));
    }
    let archive = files.iter().find(|(_, content)| content.starts_with(ZIP_SIGNATURE)).map(|(name, _)| name);
    let cure = match (config_map, archive) {
        (Some(_), Some(archive)) => format!(
            "its key {archive} is an archive, which Lambda does not unpack; put the files themselves into the ConfigMap, or \
             the archive into S3 and name it in code.s3"
        ),
        (Some(_), None) if expected.iter().all(|file| file.contains('/')) => {
            "a key of a ConfigMap cannot contain /; write a handler without a folder, or use code.inline or code.s3"
                .to_owned()
        }
        _ => "add that file, or name an existing file in spec.function.definition.handler"
            .to_owned(),
    };
    let message =
        format!("{place} has no file {wanted}, in which {runtime} looks for the handler {handler}: {cure}");
    Some(MissingHandler::Nowhere(message))
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(names: &[String]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(runtime: &str, handler: &str) -> FunctionDefinition {
        FunctionDefinition {
            runtime: Some(runtime.into()),
            handler: Some(handler.into()),
            ..FunctionDefinition::default()
        }
    }

    fn missing(runtime: &str, handler: &str, name: &str, content: &[u8]) -> Option<MissingHandler> {
        let files = BTreeMap::from([(name.to_owned(), content.to_vec())]);
        missing_handler(&definition(runtime, handler), Some("my-code"), &files)
    }

    fn nowhere(message: &str) -> Option<MissingHandler> {
        Some(MissingHandler::Nowhere(message.into()))
    }

    #[test]
    fn a_handler_with_its_file_is_valid() {
        assert_eq!(missing("nodejs22.x", "index.handler", "index.mjs", b"x"), None);
        // A data file may be an archive.
        let files = BTreeMap::from([
            ("app.py".to_owned(), b"x".to_vec()),
            ("data.zip".to_owned(), ZIP_SIGNATURE.to_vec()),
        ]);
        assert_eq!(missing_handler(&definition("python3.13", "app.handler"), Some("my-code"), &files), None);
    }

    #[test]
    fn a_missing_handler_file_is_named() {
        assert_eq!(
            missing("nodejs22.x", "index.handler", "app.mjs", b"x"),
            nowhere(
                "the ConfigMap my-code has no file index.js, index.mjs or index.cjs, in which nodejs22.x looks \
                 for the handler index.handler: add that file, or name an existing file in \
                 spec.function.definition.handler"
            )
        );
        assert_eq!(
            missing("provided.al2023", "app", "app", b"PK"),
            nowhere(
                "the ConfigMap my-code has no file bootstrap, in which provided.al2023 looks for the handler \
                 app: add that file, or name an existing file in spec.function.definition.handler"
            )
        );
    }

    #[test]
    fn an_archive_in_a_config_map_is_rejected() {
        assert_eq!(
            missing("python3.13", "app.handler", "code.zip", b"PK\x03\x04..."),
            nowhere(
                "the ConfigMap my-code has no file app.py, in which python3.13 looks for the handler app.handler: its key code.zip is an archive, which Lambda does not unpack; put the files themselves into the ConfigMap, or the archive into S3 and name it in code.s3"
            )
        );
    }

    #[test]
    fn a_config_map_cannot_contain_folders() {
        assert_eq!(
            missing("python3.13", "src.app.handler", "app.py", b"x"),
            nowhere(
                "the ConfigMap my-code has no file src/app.py, in which python3.13 looks for the handler src.app.handler: a key of a ConfigMap cannot contain /; write a handler without a folder, or use code.inline or code.s3"
            )
        );
    }

    #[test]
    fn a_handler_of_the_wrong_form_is_rejected() {
        assert_eq!(
            missing("python3.13", "handler", "handler.py", b"x"),
            nowhere(
                "the handler handler is not valid for python3.13: write <file>.<function>, such as \
                 app.handler, in spec.function.definition.handler"
            )
        );
    }

    #[test]
    fn a_layer_may_contain_the_handler() {
        let definition = FunctionDefinition {
            layers: vec!["arn:aws:lambda:eu-west-1:123456789012:layer:my-layer:3".into()],
            ..definition("nodejs22.x", "/opt/nodejs/wrap.handler")
        };
        let files = BTreeMap::from([("index.mjs".to_owned(), b"x".to_vec())]);
        let message = "code.inline has no file /opt/nodejs/wrap.js, /opt/nodejs/wrap.mjs or /opt/nodejs/wrap.cjs, in which nodejs22.x looks for the handler /opt/nodejs/wrap.handler: the function runs only if one of its layers holds that file";
        let found = missing_handler(&definition, None, &files);
        assert_eq!(found, Some(MissingHandler::UnlessInLayer(message.into())));
    }
}
