#!/usr/bin/env python3
"""Changes the decisions of controller/core in small ways, one at a time, and checks that a test fails.

usage: mutants.py [PART]     PART, such as 3/10, selects a part of all changes; the default is all changes. any/10
                             selects one of ten parts by a hash of the code.

Exits with 1 if the tests notice less than 95 % of the changes, and names the changes that no test notices. The same
code gives the same result on every run and machine. Property tests try the same values. A change that makes a test run
forever is noticed by its processor time, which does not depend on the load of the machine.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tomllib

LEAST = 0.95
CONFIGURATION = pathlib.Path(".cargo/mutants.toml")
OUT = pathlib.Path("target/mutants")
# Seconds of processor time. All tests together take less than a second.
TEST_LIMIT = 30
# Seconds, to prevent a hang. A change that reaches the limit counts as not noticed.
LIMIT = 900
LIMITED = ["sh", "-c", f'ulimit -t {TEST_LIMIT} && exec "$0" "$@"']


def main(part: str | None) -> int:
    if part and part.startswith("any/"):
        part = chosen(int(part.removeprefix("any/")))
    OUT.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "CARGO_TARGET_DIR": str((OUT / "build").resolve()),
        "PROPTEST_CASES": "64",
        "PROPTEST_RNG_SEED": "1",
        # A failing value of one change must not be tried on the next change.
        "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
    }
    # cargo-mutants works on a copy with a new path each time, so the last build of the crate is useless.
    clean = ["cargo", "clean", "--quiet", "--profile", "mutants", "--package", "lambda-triggers-core"]
    subprocess.run(clean, env=environment, check=True)
    command = ["cargo", "mutants", "--package", "lambda-triggers-core", "--output", str(OUT)]
    command += ["--colors", "never", "--no-times", "--timeout", str(LIMIT), "--build-timeout", str(LIMIT)]
    command += ["--cargo-arg=--config", f"--cargo-arg=target.'cfg(all())'.runner={json.dumps(LIMITED)}"]
    # Each part has changes of every file.
    command += ["--shard", part, "--sharding", "round-robin"] if part else []
    ended = subprocess.run(command, env=environment).returncode
    # 2: missed changes; 3: changes that reached the time limit.
    if ended not in (0, 2, 3):
        return ended
    return judge(part)


def chosen(parts: int) -> str:
    """Chooses a part by a hash of the code under mutation and of its tests. The same code gives the same part. Each
    change of the code gives a new part, so all parts run over time."""
    globs = tomllib.loads(CONFIGURATION.read_text())["examine_globs"]
    folders = [pathlib.Path(glob.removesuffix("/**")) for glob in globs]
    files = sorted(path for folder in folders for path in folder.rglob("*.rs"))
    text = b"".join(path.as_posix().encode() + b"\0" + path.read_bytes() + b"\0" for path in files)
    return f"{int(hashlib.sha256(text).hexdigest(), 16) % parts}/{parts}"


def judge(part: str | None) -> int:
    outcomes = json.loads((OUT / "mutants.out" / "outcomes.json").read_text())
    missed = [
        outcome["scenario"]["Mutant"]["name"]
        for outcome in outcomes["outcomes"]
        if outcome["summary"] in ("MissedMutant", "Timeout")
    ]
    noticed = outcomes["caught"]
    tried = noticed + len(missed)
    rate = noticed / max(tried, 1)
    what = f"part {part}, as in `make mutants MUTANTS={part}`" if part else "all"
    print(f"mutants ({what}): {tried} changes, {noticed} noticed, {rate:.1%}; {LEAST:.0%} are asked")
    for name in missed:
        print(f"not noticed: {name}")
    return 0 if tried and rate >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
