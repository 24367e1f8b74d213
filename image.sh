#!/usr/bin/env bash
# Builds the container image without a daemon, and prints the path of the archive. `docker load`, `podman load` and
# `skopeo copy` read the archive. The same commit gives the same image. If a tool is missing, the script names the tool
# and exits with 0, since most contributors do not need the image. With --binary, the script builds only the binary of
# the image and prints its path.
set -euo pipefail
cd "$(dirname "$0")"

arch=$(uname -m)
target=$arch-unknown-linux-musl
limit=$((20 * 1024 * 1024))
skip() {
    echo "skipped: the image needs $1" >&2
    exit 0
}
[[ ${1-} == --binary ]] || command -v buildah >/dev/null || skip 'buildah: apt-get install buildah'
command -v musl-gcc >/dev/null || skip 'a C compiler for musl: apt-get install musl-tools'
certificates=/etc/ssl/certs/ca-certificates.crt
[[ -e $certificates ]] || skip "$certificates: apt-get install ca-certificates"
rustup target add "$target" >/dev/null 2>&1 || skip "the target $target: rustup target add $target"

# The binary must not contain paths of the build machine: builds would not be reproducible.
export RUSTFLAGS="--remap-path-prefix=$PWD=/src --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export CC_${target//-/_}=musl-gcc
cargo build --locked --quiet --profile image --package lambda-triggers --target "$target"
binary=target/$target/image/lambda-triggers
if [[ ${1-} == --binary ]]; then
    echo "$binary"
    exit 0
fi

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$binary" "$certificates" "$context"
archive=target/lambda-triggers-image.tar
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
rm -f "$archive"
# The last stage of the Dockerfile, with the binary from above in place of the first stage.
sed -n '/^FROM scratch/,$p' Dockerfile | sed 's/--from=build //' >"$context/Dockerfile"
buildah build --quiet --isolation chroot --storage-driver vfs --root "$context/storage" --runroot "$context/run" \
    --timestamp "$(git log -1 --format=%ct 2>/dev/null || echo 0)" \
    --build-arg BINARY=lambda-triggers --build-arg CERTIFICATES=ca-certificates.crt \
    --ignorefile /dev/null --tag "lambda-triggers:v$version" "$context" >/dev/null
buildah push --quiet --storage-driver vfs --root "$context/storage" --runroot "$context/run" \
    "lambda-triggers:v$version" "docker-archive:$archive:ghcr.io/lambda-triggers/lambda-triggers:v$version"
size=$(stat -c %s "$archive")
if ((size > limit)); then
    echo "the image has $size bytes, more than $limit" >&2
    exit 1
fi
echo "$archive ($((size / 1024)) KiB)"
