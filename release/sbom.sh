#!/usr/bin/env bash
# Writes the SBOM of the image into a file, in the format CycloneDX: the crates of the binary for this machine. The same
# commit gives the same SBOM. Needs cargo-cyclonedx.
set -euo pipefail
mkdir -p "$(dirname "${1:?usage: release/sbom.sh FILE}")"
file=$(realpath "$1")
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

# The workspace without tests and their dependencies. Their features would add crates that the binary does not contain.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive HEAD Cargo.toml Cargo.lock rust-toolchain.toml controller | tar --extract --directory "$folder"
sed -i '/^members = /s/, "tests"//' "$folder/Cargo.toml"
sed -i '/^\[dev-dependencies\]$/,/^$/d' "$folder"/controller/*/Cargo.toml
(cd "$folder" && cargo cyclonedx --manifest-path controller/runtime/Cargo.toml --describe binaries --format json \
    --spec-version 1.5 --target "$(uname -m)-unknown-linux-musl")
# The SBOM must not contain paths of the build machine, like the binary.
sed "s|$folder|/src|g" "$folder/controller/runtime/lambda-triggers_bin.cdx.json" >"$file"
