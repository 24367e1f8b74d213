#!/usr/bin/env python3
"""Changes the decisions in plan/ in small ways, one at a time, and sees that the tests notice.

usage: mutants.py [SHARD]     SHARD, such as 0/10, is a part of all changes; without it, all are made.

Names those that are not noticed, and ends with 1 where less than 95 % of all are. A part is too small to judge by: one that
is missed there is three in a hundred.
"""

import json
import os
import pathlib
import subprocess
import sys

LEAST = 0.95
OUT = pathlib.Path("target/mutants")


def main(shard: str | None) -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    command = ["cargo", "mutants", "--package", "lambda-triggers-core", "--output", str(OUT), "--jobs", "2"]
    command += ["--colors", "never", "--no-times", "--cargo-arg", "--locked"]
    # A change that makes a pure function run for ever is noticed by that.
    command += ["--timeout", "60"]
    command += ["--shard", shard] if shard else []
    # A law that a change breaks, it breaks in few cases.
    environment = os.environ | {"PROPTEST_CASES": "64"}
    environment["CARGO_TARGET_DIR"] = str((OUT / "build").resolve())
    ended = subprocess.run(command, env=environment).returncode
    # 2: some were missed; 3: some ran into the time limit.
    if ended not in (0, 2, 3):
        return ended
    outcomes = json.loads((OUT / "mutants.out" / "outcomes.json").read_text())
    noticed = outcomes["caught"] + outcomes["timeout"]
    tried = noticed + outcomes["missed"]
    rate = noticed / max(tried, 1)
    part = f" (part {shard})" if shard else ""
    print(f"mutants{part}: {tried} changes, {noticed} noticed, {rate:.1%}; of all, {LEAST:.0%} are asked")
    return 0 if tried and (shard or rate >= LEAST) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
