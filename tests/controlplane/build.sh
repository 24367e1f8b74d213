#!/usr/bin/env bash
# Builds the control plane and a kubectl of the same version, once, and prints the
# directory that holds them. They are kept outside of the repository, by the hash of
# their sources, so that the next clone on this machine finds them.
# With --check it only says what is missing to build them.
set -euo pipefail
cd "$(dirname "$0")"

cache=${LAMBDA_TRIGGERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lambda-triggers}
dir=$cache/controlplane-$(cat build.sh go.mod go.sum main.go | sha256sum | cut -c 1-16)
if [[ -x $dir/controlplane && -x $dir/kubectl ]]; then
    echo "$dir"
    exit
fi

if ! command -v go >/dev/null; then
    cat >&2 <<-'MISSING'
	The tests need a Kubernetes API server, and go, which builds one, is not on PATH. Either
	  install Go 1.26 or newer from https://go.dev/dl/,
	  or set KUBECONFIG to the kubeconfig of a local cluster, such as one of kind,
	  or set KUBEBUILDER_ASSETS to what `setup-envtest use -p path` prints.
	MISSING
    exit 1
fi

[[ ${1-} != --check ]] || exit 0

# Without its version the server calls itself v0.0.0, and clients misjudge what it can do.
version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
base=k8s.io/component-base/version
ldflags="-s -w -X $base.gitVersion=$version -X $base.gitMajor=$major -X $base.gitMinor=$minor"
ldflags+=" -X k8s.io/client-go/pkg/version.gitVersion=$version"

# go prints the path of each package that it builds, and errors with spaces.
progress() {
    awk -v what="$1" '/ /; !/ / && ++built % 400 == 0 { print "  " what ": " built " of about " total " packages" }' \
        total="$2" >&2
}

echo "Building Kubernetes $version for the tests (once; about five minutes on two cores) ..." >&2
mkdir -p "$cache"
partial=$(mktemp -d "$cache/.controlplane-XXXXXX")
trap 'rm -rf "$partial"' EXIT
export CGO_ENABLED=0 GOFLAGS=-mod=readonly
go build -v -trimpath -ldflags "$ldflags" -o "$partial/controlplane" . 2> >(progress Kubernetes 2500)
go build -v -trimpath -ldflags "$ldflags" -o "$partial/kubectl" k8s.io/kubernetes/cmd/kubectl 2> >(progress kubectl 300)
chmod 755 "$partial"
[[ -d $dir ]] || mv "$partial" "$dir" # somebody else may have been first
echo "$dir"
