#!/usr/bin/env bash
# Prints the notes of a GitHub release: the section of a version in CHANGELOG.md. The version `Unreleased` prints the
# notes of the next release. A second argument names another changelog.
set -euo pipefail
version=${1:?usage: release/notes.sh VERSION [CHANGELOG]}
changelog=${2:-$(dirname "$0")/../CHANGELOG.md}
[[ $version == Unreleased ]] && ref=main || ref=v$version

# GitHub shows each line break of the notes, so the lines of a paragraph or of a list item are joined.
section=$(awk -v heading="## [$version]" '
    function flush() { if (text != "") print text; text = "" }
    /^## / || /^\[[^]]*\]: / { flush(); inside = index($0, heading) == 1; next }
    !inside { next }
    /^ *```/ { flush(); print; fenced = !fenced; next }
    fenced { print; next }
    /^$/ { flush(); print; next }
    /^#/ || /^ *[-*] / { flush(); text = $0; next }
    { line = $0; if (text != "") sub(/^ +/, "", line); text = text (text == "" ? "" : " ") line }
    END { flush() }' "$changelog" | sed '/./,$!d')
if [[ -z $section ]]; then
    echo "$changelog has no section [$version], or the section is empty" >&2
    exit 1
fi
# A link to a page of the repository needs an absolute URL outside of the repository.
sed -E "s|\]\(([^():]+)\)|](https://github.com/lambda-triggers/lambda-triggers/blob/$ref/\1)|g" <<<"$section"
