#!/usr/bin/env bash
# Prints the manifest of the kubectl plugin for krew, from the checksums of the archives: `release/krew.sh TAG CHECKSUMS`
# (https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/). krew links the binary as kubectl-lambda_triggers.
set -euo pipefail
if (($# != 2)); then
    echo 'usage: release/krew.sh TAG CHECKSUMS' >&2
    exit 1
fi
tag=$1
url=https://github.com/lambda-triggers/lambda-triggers
cat <<EOT
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: lambda-triggers
spec:
  version: $tag
  homepage: $url
  shortDescription: Plan and import triggers of AWS Lambda
  description: |
    lambda-triggers is a Kubernetes operator that runs AWS Lambda functions on
    schedules and S3 events. This plugin is its command line:

    - plan shows what the operator would change in AWS for manifests.
    - import writes manifests for the triggers of Terraform, Chalice and others.
    - explain explains a schedule, and a name in AWS.
    - doctor checks what the operator needs in the cluster and in AWS.

    The plugin changes nothing in AWS.
  caveats: |
    plan, import and doctor use your AWS credentials, such as those of
    AWS_PROFILE. The documentation is in $url/tree/$tag/docs.
  platforms:
EOT
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
    os=${platform%/*} arch=${platform#*/}
    archive=lambda-triggers-$tag-$os-$arch.tar.gz
    # sha256sum writes a `*` before the name of a binary file.
    sum=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$2")
    if [[ -z $sum ]]; then
        echo "$2 has no checksum of $archive" >&2
        exit 1
    fi
    cat <<EOT
  - selector:
      matchLabels:
        os: $os
        arch: $arch
    uri: $url/releases/download/$tag/$archive
    sha256: "$sum"
    bin: lambda-triggers
EOT
done
