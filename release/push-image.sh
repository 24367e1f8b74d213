#!/usr/bin/env bash
# Pushes one archive for each platform, as one image for all platforms: `release/push-image.sh NAME TAG ARCHIVE...`.
# Prints the image with its digest. The tag appears only after all platforms are in the registry. Needs `crane`.
set -euo pipefail
if (($# < 3)); then
    echo 'usage: release/push-image.sh NAME TAG ARCHIVE...' >&2
    exit 1
fi
name=$1 tag=$2
shift 2

manifests=()
for archive in "$@"; do
    digest=$(crane digest --tarball "$archive")
    crane push "$archive" "$name@$digest" >/dev/null
    manifests+=(--manifest "$name@$digest")
done
# The manifests in an archive of Docker have Docker's media types, and so has their index.
crane index append --docker-empty-base "${manifests[@]}" --tag "$name:$tag"
