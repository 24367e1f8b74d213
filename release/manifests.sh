#!/usr/bin/env bash
# Writes the manifests of a release into a folder: crds.yaml with the CRDs, and install.yaml with the CRDs, the namespace
# and the operator, for an installation without Helm. Needs `helm` to render the chart.
set -euo pipefail
command -v helm >/dev/null || {
    echo 'helm is not on PATH: https://helm.sh/docs/intro/install/' >&2
    exit 1
}
mkdir -p "${1:?usage: release/manifests.sh FOLDER}"
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version: //p' charts/lambda-triggers/Chart.yaml)

cat crds/*.yaml >"$folder/crds.yaml"

# Helm does not manage the objects of install.yaml, so the labels and annotations of Helm would be wrong.
{
    cat <<EOT
# lambda-triggers v$version, without Helm: kubectl apply --filename install.yaml
---
apiVersion: v1
kind: Namespace
metadata:
  name: lambda-triggers
EOT
    helm template lambda-triggers charts/lambda-triggers --namespace lambda-triggers --no-hooks --set crds.keep=false |
        sed -e '/^ *app\.kubernetes\.io\/managed-by: Helm$/d' -e '/^ *helm\.sh\/chart: /d' -e '/^# Source: /d'
} >"$folder/install.yaml"
