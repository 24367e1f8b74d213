#!/usr/bin/env bash
# Prints what the first run of `make demo` or `make test` builds, about how long that takes on two cores, and how to be
# faster. Prints nothing if everything is built.
# usage: first-run.sh (demo | test) [control-plane]
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
parts=()
[[ $* != *demo* || -d $target/debug ]] || parts+=('lambda-triggers and its dependencies')
[[ $* != *test* || -d $target/simulator ]] || parts+=('lambda-triggers and its dependencies')
if [[ $* == *control-plane* && -z $(tests/controlplane/build.sh --check) ]]; then
    parts+=('a Kubernetes API server. To use a cluster that you have, such as one of kind, set KUBECONFIG. To use a
    downloaded API server, set KUBEBUILDER_ASSETS to the folder that `setup-envtest use -p path` prints')
fi
if [[ $* == *test* && -z $(tests/helm/build.sh --check) ]]; then
    parts+=('helm and promtool')
fi
[[ ${#parts[@]} -gt 0 ]] || exit 0

minutes=12
[[ $* != *test* ]] || minutes=35
echo "The first run takes up to $minutes minutes on two cores, since it builds:"
printf '  - %s\n' "${parts[@]}"
