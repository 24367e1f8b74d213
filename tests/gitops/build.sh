#!/usr/bin/env bash
# Builds what the tests of the GitOps examples need, once, and prints the directory that holds it: Flux's
# source-controller and kustomize-controller, argodiff, and in crds/ the custom resource definitions of Flux. It is kept
# outside of the repository, by the hash of its sources, so that the next clone on this machine finds it.
# With --check it only says what is missing to build it.
set -euo pipefail
cd "$(dirname "$0")"

cache=${LAMBDA_TRIGGERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lambda-triggers}
dir=$cache/gitops-$(cat build.sh go.mod go.sum argodiff/main.go | sha256sum | cut -c 1-16)
if [[ -x $dir/kustomize-controller ]]; then
    echo "$dir"
    exit
fi

if ! command -v go >/dev/null; then
    echo "The tests of GitOps need Flux's controllers, and go, which builds them, is not on PATH: install Go 1.26 or newer from https://go.dev/dl/." >&2
    exit 1
fi

[[ ${1-} != --check ]] || exit 0

echo "Building Flux's controllers for the tests (once; about five minutes on two cores) ..." >&2
mkdir -p "$cache"
partial=$(mktemp -d "$cache/.gitops-XXXXXX")
trap 'rm -rf "$partial"' EXIT
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
go build -trimpath -ldflags '-s -w' -o "$partial" \
    ./argodiff github.com/fluxcd/source-controller github.com/fluxcd/kustomize-controller
mkdir "$partial/crds"
for controller in source-controller kustomize-controller; do
    module=$(go mod download -json github.com/fluxcd/$controller | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    install -m 644 "$module"/config/crd/bases/*.yaml "$partial/crds"
done
chmod 755 "$partial"
[[ -d $dir ]] || mv "$partial" "$dir" # somebody else may have been first
echo "$dir"
