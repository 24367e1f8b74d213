#!/usr/bin/env bash
# Writes the archives of the command-line tool: `release/archives.sh TAG FOLDER BINARY...`. A binary has the name
# lambda-triggers-OS-ARCH. Each archive has the binary, the license, the manual pages and the completion scripts. The same
# binaries give the same archives. Needs GNU tar, and a binary for this machine.
set -euo pipefail
if (($# < 3)); then
    echo 'usage: release/archives.sh TAG FOLDER BINARY...' >&2
    exit 1
fi
tag=$1
mkdir -p "$2"
folder=$(realpath "$2")
shift 2
repository=$(realpath "$(dirname "$0")/..")
case $(uname -m) in
    x86_64) own=linux-amd64 ;;
    aarch64) own=linux-arm64 ;;
    *) own=linux-$(uname -m) ;;
esac

content=$(mktemp -d)
trap 'rm -rf "$content"' EXIT
for binary in "$@"; do
    [[ $binary != *-"$own" ]] || install -m 755 "$binary" "$content/own"
done
if [[ ! -e $content/own ]]; then
    echo "no binary has the name lambda-triggers-$own, which prints the pages and the scripts" >&2
    exit 1
fi
mkdir "$content/man" "$content/completions"
"$content/own" man --dir "$content/man"
"$content/own" completion bash >"$content/completions/lambda-triggers.bash"
"$content/own" completion zsh >"$content/completions/_lambda-triggers"
"$content/own" completion fish >"$content/completions/lambda-triggers.fish"
"$content/own" completion powershell >"$content/completions/lambda-triggers.ps1"
# kubectl runs this file, so it must be executable.
"$content/own" completion kubectl >"$content/completions/kubectl_complete-lambda_triggers"
chmod 755 "$content/completions/kubectl_complete-lambda_triggers"
cp "$repository/LICENSE" "$content"

time=$(git -C "$repository" log -1 --format=%ct 2>/dev/null || echo 0)
for binary in "$@"; do
    # An artifact of a workflow loses the permission to execute.
    install -m 755 "$binary" "$content/lambda-triggers"
    platform=$(basename "$binary")
    platform=${platform#lambda-triggers-}
    tar --create --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode='u+rw,go=rX' \
        --directory "$content" LICENSE completions lambda-triggers man |
        gzip --no-name --best >"$folder/lambda-triggers-$tag-$platform.tar.gz"
done
