"""`make fuzz`: the harnesses side by side, each its share of the executions; what they find is kept in build/fuzz."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import harness

FOLDER = Path(__file__).parents[2] / "build" / "fuzz"
SHARES = {"model": 10, "stream": 10, "lanes": 1}  # of the executions; one of the last takes as long as ten


def main() -> None:
    """Run until all executions are done, or end with exit code 1 and the report of what failed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, required=True, help="executions in total")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0: another one each time")
    options = parser.parse_args()
    failed = False
    try:
        programs = {name: harness.build(name, FOLDER / name) for name in harness.NAMES}
    except harness.FuzzFailure as failure:
        sys.exit(f"error: {failure}")
    share = -(-options.runs // sum(SHARES.values()))
    running = {
        name: harness.start(program, name, FOLDER / name, share * SHARES[name], options.seed)
        for name, program in programs.items()
    }
    for name, run in running.items():
        try:
            done = harness.finish(run, FOLDER / name)
        except harness.FuzzFailure as failure:
            print(f"{name}: FAILED, {failure}")
            failed = True
            continue
        print(
            f"{name}: {done.executions} executions clean, {done.per_second} a second, {done.edges} edges reached, "
            f"{done.inputs} inputs kept"
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
