#!/usr/bin/env python3
"""Changes the decisions of controller/core in small ways, one at a time, and sees that the tests notice.

usage: mutants.py [PART]     PART, such as 3/10, is a part of all changes; without it, all are made. any/10 is one of
                             the ten that the code itself chooses.

Ends with 1 where less than 95 % are noticed, and names those that are not. The same code has the same result each time
and everywhere: the laws are tried with the same values, and a change that makes a test run for ever is noticed by the
processor time that it takes, which other work on the machine does not change.
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
# In seconds of processor time. All tests together take less than one.
TEST_LIMIT = 30
# In seconds, so that nothing hangs: what gets there has not been noticed.
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
        # What one change has failed with is not tried on the next.
        "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
    }
    # cargo-mutants works on a copy under a new name each time: what was built of the last one is of no use.
    clean = ["cargo", "clean", "--quiet", "--profile", "mutants", "--package", "lambda-triggers-core"]
    subprocess.run(clean, env=environment, check=True)
    command = ["cargo", "mutants", "--package", "lambda-triggers-core", "--output", str(OUT)]
    command += ["--colors", "never", "--no-times", "--timeout", str(LIMIT), "--build-timeout", str(LIMIT)]
    command += ["--cargo-arg=--config", f"--cargo-arg=target.'cfg(all())'.runner={json.dumps(LIMITED)}"]
    # Each part has some of every file.
    command += ["--shard", part, "--sharding", "round-robin"] if part else []
    ended = subprocess.run(command, env=environment).returncode
    # 2: some were missed; 3: some ran into the time limit.
    if ended not in (0, 2, 3):
        return ended
    return judge(part)


def chosen(parts: int) -> str:
    """One of so many parts, by the text of the decisions: the same wherever the code is the same, and another with each change
    to it, so that in time each has its turn. A change in the tests is as good a reason as one in what they test."""
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
