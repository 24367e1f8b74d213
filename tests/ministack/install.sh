#!/usr/bin/env bash
# Installs ministack and everything it needs, pinned by hash, into a virtual environment,
# once, and prints the environment's Python. It is kept outside of the repository, by the
# hash of the requirements, so that the next clone on this machine finds it.
# With --check it only says what is missing to install it.
set -euo pipefail
cd "$(dirname "$0")"

interpreter='import sys, ensurepip, venv; assert sys.version_info >= (3, 10); print(sys.version, sys.base_prefix)'
if ! interpreter=$(python3 -c "$interpreter" 2>/dev/null); then
    cat >&2 <<-'MISSING'
	The tests run a local AWS in Python: python3, 3.10 or newer, with venv and pip, is not on PATH.
	  Debian, Ubuntu: apt-get install python3-venv
	  elsewhere: https://www.python.org/downloads/
	MISSING
    exit 1
fi
[[ ${1-} != --check ]] || exit 0

cache=${LAMBDA_TRIGGERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lambda-triggers}
dir=$cache/ministack-$({ cat install.sh requirements.txt && echo "$interpreter"; } | sha256sum | cut -c 1-16)
if [[ ! -e $dir/installed ]]; then
    echo "Installing ministack for the tests (once) ..." >&2
    mkdir -p "$cache"
    python3 -m venv --clear "$dir"
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement requirements.txt >&2
    touch "$dir/installed"
fi
echo "$dir/bin/python"
