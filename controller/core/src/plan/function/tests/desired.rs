//! The desired function, setting by setting.

use super::*;

#[test]
fn overrides_of_image_settings_are_kept() {
    let image = ImageCode {
        uri: "app:1".into(),
        entry_point: vec!["/bin/run".into()],
        command: vec!["app.handler".into()],
        working_directory: Some("/srv".into()),
    };
    let definition = FunctionDefinition { code: Code { image: Some(image), ..Code::default() }, ..small() };
    let expected = ImageConfiguration {
        entry_point: vec!["/bin/run".into()],
        command: vec!["app.handler".into()],
        working_directory: "/srv".into(),
    };
    assert_eq!(desired(&definition, "").configuration.image, expected);
}

#[test]
fn log_levels_need_json_logs() {
    let logging = |logging| desired(&FunctionDefinition { logging, ..small() }, "").configuration.logging;
    let name = desired(&small(), "").name;
    let text = LoggingConfiguration {
        format: LogFormat::Text,
        log_group: format!("/aws/lambda/{name}"),
        application_level: None,
        system_level: None,
    };
    assert_eq!(logging(None), text);
    let json = LoggingConfiguration {
        format: LogFormat::Json,
        application_level: Some(ApplicationLogLevel::Info),
        system_level: Some(SystemLogLevel::Info),
        ..text
    };
    assert_eq!(logging(Some(Logging { format: LogFormat::Json, ..Logging::default() })), json);
}

#[test]
fn the_function_name_defaults_to_the_object_name() {
    let named = FunctionDefinition { function_name: Some("report".into()), ..small() };
    assert_eq!(function_name(&named, &owner().id, &origin()), "report");
    let made = origin().key.function_name(&owner().id, origin().kind);
    assert_eq!(function_name(&small(), &owner().id, &origin()), made);
}

#[test]
fn the_debug_text_of_an_archive_is_short() {
    let archive = zipped("text");
    assert_eq!(format!("{archive:?}"), format!("Archive({} bytes, {})", archive.bytes.len(), archive.sha256));
}
