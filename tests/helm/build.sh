#!/usr/bin/env bash
# Builds what the tests of the chart and of the GitOps examples need, once, and prints the directory that holds it:
# helm, promtool, argohealth, and in crds/ the custom resource definitions of the Prometheus operator. It is kept
# outside of the repository, by the hash of its sources, so that the next clone on this machine finds it.
# With --check it only says what is missing to build it.
set -euo pipefail
cd "$(dirname "$0")"

cache=${LAMBDA_TRIGGERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lambda-triggers}
dir=$cache/helm-$(cat build.sh go.mod go.sum argohealth/main.go | sha256sum | cut -c 1-16)
if [[ -e $dir/helm ]]; then
    echo "$dir"
    exit
fi

if ! command -v go >/dev/null; then
    echo 'The tests of the chart need helm, and go, which builds it, is not on PATH: install Go 1.26 or newer from https://go.dev/dl/.' >&2
    exit 1
fi

[[ ${1-} != --check ]] || exit 0

echo "Building helm and promtool for the tests (once; about three minutes on two cores) ..." >&2
mkdir -p "$cache"
partial=$(mktemp -d "$cache/.helm-XXXXXX")
trap 'rm -rf "$partial"' EXIT
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
# promtool reads rules here, and discovers no targets.
go build -trimpath -tags remove_all_sd -ldflags '-s -w' -o "$partial" \
    ./argohealth helm.sh/helm/v4/cmd/helm github.com/prometheus/prometheus/cmd/promtool
operator=$(go mod download -json github.com/prometheus-operator/prometheus-operator |
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
mkdir "$partial/crds"
install -m 644 "$operator"/example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}.yaml "$partial/crds"
chmod 755 "$partial"
[[ -d $dir ]] || mv "$partial" "$dir" # somebody else may have been first
echo "$dir"
