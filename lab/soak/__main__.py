"""`make soak`: alerts through faults, and the bytes of a healthy day; writes build/soak.json."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from . import run
from .healthy_day import measure

BUILD = Path(__file__).parents[2] / "build"


def main() -> None:
    """Run it, print and write the figures; exit code 1 where an alert was lost, invented or stored twice."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--alerts", type=int, default=10_000, help="at least so many")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, help="of the faults; without it another one each time")
    parser.add_argument("--out", type=Path, default=BUILD / "soak.json")
    options = parser.parse_args()
    if options.alerts < 1 or options.faults < 0:
        parser.error(f"--alerts {options.alerts}, --faults {options.faults}; accepted: 1 and 0, or more")
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"soak: {options.alerts} alerts, {options.faults} faults, seed {seed}", flush=True)
    done = run.soak(BUILD / "soak", options.alerts, options.faults, seed)
    day = measure(BUILD / "healthy-day")
    verdict = done.verdict
    figures = {
        "seed": seed,
        "alerts": verdict.alerts,
        "faults": done.faults.total(),
        "stored": verdict.stored,
        "lost": len(verdict.lost),
        "invented": len(verdict.invented),
        "duplicates_stored": verdict.duplicates_stored,
        "dropped_counted": done.dropped_counted,
        "in_flight_at_a_power_cut": verdict.in_flight,
        "seconds": round(done.seconds),
        "faults_by_kind": dict(sorted(done.faults.items())),
        "healthy_day_reduction": round(day.reduction),
        "healthy_day": day.figures(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    if problems := done.problems():
        sys.exit("error: " + "; ".join(problems))


if __name__ == "__main__":
    main()
