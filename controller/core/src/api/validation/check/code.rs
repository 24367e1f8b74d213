//! Checks of `function.definition.code`.

use std::collections::BTreeMap;

use super::{FieldError, is_account, is_region, messages, over_count, over_length, unless, unless_is};
use crate::api::validation::limits;
use crate::api::{Code, ImageCode, S3Code};

pub(super) fn code(field: &str, code: &Code) -> Vec<FieldError> {
    let Code { inline: files, config_map, s3: archive, image: container } = code;
    let set = [files.is_some(), config_map.is_some(), archive.is_some(), container.is_some()];
    let one = set.into_iter().filter(|set| *set).count() == 1;
    let mut errors: Vec<FieldError> = unless(one, field, messages::ONE_CODE).into_iter().collect();
    errors.extend(files.iter().flat_map(|files| inline(&format!("{field}.inline"), files)));
    errors.extend(config_map.iter().filter_map(|map| {
        let (field, limit) = (format!("{field}.configMap.name"), limits::CONFIG_MAP_NAME);
        unless_is(&field, &map.name, limit, is_dns_subdomain, messages::CONFIG_MAP_NAME)
    }));
    errors.extend(archive.iter().flat_map(|archive| s3(&format!("{field}.s3"), archive)));
    errors.extend(container.iter().flat_map(|container| image(&format!("{field}.image"), container)));
    errors
}

fn inline(field: &str, files: &BTreeMap<String, String>) -> Vec<FieldError> {
    let long = files
        .iter()
        .filter_map(|(name, text)| over_length(&format!("{field}.{name}"), Some(text), limits::INLINE));
    let mut errors: Vec<FieldError> = long.collect();
    errors.extend(over_count(field, files.len(), limits::FILES));
    if !errors.is_empty() {
        return errors;
    }
    let size: usize = files.values().map(|text| text.chars().count()).sum();
    let rules = [
        unless(!files.is_empty(), field, messages::NO_FILES),
        unless(files.keys().all(|name| is_file_name(name)), field, messages::FILE_NAME),
        unless(!files.keys().any(|name| is_folder(name, files)), field, messages::FILE_IS_FOLDER),
        unless(size <= limits::INLINE, field, messages::INLINE),
    ];
    rules.into_iter().flatten().collect()
}

/// True if another file is in a folder with this name.
fn is_folder(name: &str, files: &BTreeMap<String, String>) -> bool {
    let folder = format!("{name}/");
    files.keys().any(|other| other.starts_with(&folder))
}

/// True for a relative path below the folder of the unpacked archive.
fn is_file_name(name: &str) -> bool {
    name.chars().count() <= limits::FILE_NAME
        && name.split('/').all(|part| !["", ".", ".."].contains(&part))
        && !name.contains(|c| c < ' ' || c == '\\')
}

/// True for a DNS subdomain
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>).
pub(in crate::api) fn is_dns_subdomain(name: &str) -> bool {
    let is_edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.split('.').map(str::as_bytes).all(|part| {
        part.first().is_some_and(is_edge)
            && part.last().is_some_and(is_edge)
            && part.iter().all(|b| is_edge(b) || *b == b'-')
    })
}

fn s3(field: &str, archive: &S3Code) -> Vec<FieldError> {
    let S3Code { bucket, key, version } = archive;
    let is_key = |key: &str| !key.is_empty() && !key.starts_with("s3://");
    let version = version.as_ref().and_then(|version| {
        let (field, limit) = (format!("{field}.version"), limits::OBJECT_VERSION);
        unless_is(&field, version, limit, |version| !version.is_empty(), messages::OBJECT_VERSION)
    });
    let bucket = unless_is(&format!("{field}.bucket"), bucket, limits::ARN, is_bucket, messages::CODE_BUCKET);
    let key_field = format!("{field}.key");
    let bytes = unless(key.len() <= limits::KEY, &key_field, messages::CODE_KEY_BYTES);
    let key = unless_is(&key_field, key, limits::KEY, is_key, messages::CODE_KEY);
    bucket.into_iter().chain(key).chain(bytes).chain(version).collect()
}

/// True for a bucket name that Lambda accepts, including legacy names of us-east-1 with up to 63 characters
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html>).
fn is_bucket(name: &str) -> bool {
    (3..=limits::BUCKET).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !name.ends_with('.')
}

fn image(field: &str, image: &ImageCode) -> Vec<FieldError> {
    let ImageCode { uri, entry_point, command, working_directory } = image;
    let uri = unless_is(&format!("{field}.uri"), uri, limits::IMAGE_URI, is_image, messages::IMAGE_URI);
    let folder = over_length(
        &format!("{field}.workingDirectory"),
        working_directory.as_ref(),
        limits::WORKING_DIRECTORY,
    );
    let mut errors: Vec<FieldError> = uri.into_iter().chain(folder).collect();
    errors.extend(words(&format!("{field}.entryPoint"), entry_point));
    errors.extend(words(&format!("{field}.command"), command));
    errors
}

fn words(field: &str, words: &[String]) -> Vec<FieldError> {
    let long = words
        .iter()
        .enumerate()
        .filter_map(|(i, word)| over_length(&format!("{field}[{i}]"), Some(word), limits::WORD));
    over_count(field, words.len(), limits::WORDS).into_iter().chain(long).collect()
}

/// True for `<account>.dkr.ecr.<region>.amazonaws.com/<repository>`, with a tag, a digest, both or neither.
fn is_image(uri: &str) -> bool {
    let Some((registry, image)) = uri.split_once('/') else { return false };
    let (image, digest) = match image.split_once("@sha256:") {
        Some((image, digest)) => (image, Some(digest)),
        None => (image, None),
    };
    let (repository, tag) = match image.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (image, None),
    };
    is_registry(registry)
        && is_repository(repository)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(|digest| digest.len() == 64 && digest.bytes().all(is_lower_hexadecimal))
}

fn is_registry(host: &str) -> bool {
    let parts: Vec<&str> = host.splitn(6, '.').collect();
    let [account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", domain] = parts.as_slice() else {
        return false;
    };
    is_account(account) && is_region(region) && ["com", "com.cn", "eu"].contains(domain)
}

fn is_repository(name: &str) -> bool {
    let is_edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.bytes().next().is_some_and(is_edge) && name.bytes().all(|b| is_edge(b) || b"._/-".contains(&b))
}

fn is_tag(tag: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    (1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']) && tag.bytes().all(is_inner)
}

fn is_lower_hexadecimal(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
