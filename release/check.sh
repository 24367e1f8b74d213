#!/usr/bin/env bash
# Checks that a tag such as v0.2.0 matches every version in the repository, and that CHANGELOG.md has the notes. A wrong
# version in a chart would install the image of another release.
set -euo pipefail
tag=${1:?usage: release/check.sh TAG}
cd "$(dirname "$0")/.."
# An OCI tag may not contain the `+` of build metadata.
if [[ ! $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    echo "the tag $tag is not a version such as v0.2.0" >&2
    exit 1
fi
version=${tag#v}
url=https://github.com/lambda-triggers/lambda-triggers
failed=0
while IFS='|' read -r file text; do
    grep --quiet --line-regexp --fixed-strings -e "$text" "$file" && continue
    echo "$file has no line '$text'" >&2
    failed=1
done <<EOT
Cargo.toml|version = "$version"
charts/lambda-triggers/Chart.yaml|version: $version
charts/lambda-triggers/Chart.yaml|appVersion: $version
charts/lambda-triggers/Chart.yaml|      image: ghcr.io/lambda-triggers/lambda-triggers:$tag
charts/lambda-triggers/Chart.yaml|          url: $url/releases/tag/$tag
charts/lambda-triggers-crds/Chart.yaml|version: $version
charts/lambda-triggers-crds/Chart.yaml|appVersion: $version
examples/gitops/argocd/application.yaml|    targetRevision: $tag
examples/gitops/flux/operator.yaml|  ref: {tag: $tag}
EOT
release/notes.sh "$version" >/dev/null || failed=1
exit "$failed"
