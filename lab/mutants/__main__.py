"""`make mutants`: change the code on purpose, and fail where no test notices and survivors.toml does not say why."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from . import report, survivors
from .mutations import Mutant, mutants
from .survivors import Survivor
from .targets import ROOT, TARGETS, Target
from .trials import Copy, TrialFailure, processors, tried

FOLDER = ROOT / "build" / "mutants"
NEW = FOLDER / "unlisted.toml"  # what may go into the list of survivors, with a reason


def main() -> int:
    """Returns the exit code."""
    asked = _arguments()
    chosen = [one for one in TARGETS if one.file.endswith(asked.file)]
    try:
        if not chosen:
            names = ", ".join(Path(one.file).name for one in TARGETS)
            raise TrialFailure(f"FILE={asked.file}: no such target; accepted: the end of a path, of {names}")
        listed = survivors.read()
        FOLDER.mkdir(parents=True, exist_ok=True)
        NEW.write_text("")
        copies = [Copy(FOLDER / str(number)) for number in range(asked.jobs)]
        bad = [line for target in chosen for line in _complaints(target, copies, listed, asked.again)]
    except (TrialFailure, survivors.ListError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    made = report.table(report.scores())
    print(f"\n{made}\n")
    if asked.accept:
        report.DOCUMENT.write_text(report.into_document(report.DOCUMENT.read_text(), made))
    for line in bad:
        print(line, file=sys.stderr)
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--file", default="", help="only files whose path ends so, such as outbox.py")
    parser.add_argument("--jobs", type=int, default=processors(), help="mutants that are tried at once")
    parser.add_argument(
        "--again", action="store_true", help="try only those that survived the last time; counts nothing"
    )
    parser.add_argument("--accept", action="store_true", help="put the scores into docs/TESTING.md")
    return parser.parse_args()


def _complaints(target: Target, copies: list[Copy], listed: list[Survivor], again: bool) -> list[str]:
    """Try the mutants of a file; what is wrong, in lines for a person."""
    begun = time.monotonic()
    made = list(mutants((ROOT / target.file).read_text()))
    alive_before = report.survived_last(target.file, len(made)) if again else None
    chosen = made if alive_before is None else [one for one in made if one.identity in alive_before]
    print(f"{target.file}: {len(chosen)} of {len(made)} mutants", flush=True)
    trials = tried(target, chosen, copies, _tell)
    alive = [mutant for mutant, outcome in trials if outcome == "survived"]
    hung = sum(outcome == "hung" for _, outcome in trials)
    result = report.Score(len(made), len(made) - len(alive), hung, round(time.monotonic() - begun, 1))
    if alive_before is not None:
        last = report.scores()[target.file]
        result = replace(result, hung=hung + last.hung, seconds=round(result.seconds + last.seconds, 1))
    report.write(target.file, result, alive)
    print(f"{target.file}: {result.noticed} of {result.mutants} noticed, {result.share:.1%}", flush=True)
    return _wrong(target.file, result, alive, listed)


def _wrong(file: str, result: report.Score, alive: list[Mutant], listed: list[Survivor]) -> list[str]:
    new = survivors.unlisted(file, alive, listed)
    NEW.write_text(NEW.read_text() + "".join(survivors.as_entry(file, one) + "\n" for one in new))
    name = survivors.LIST.name
    bad = [
        f"error: {file}:{one.line}: no test notices {one.becomes!r}, and {name} does not say why"
        for one in new
    ]
    if result.share < report.GOAL:
        bad.append(f"error: {file}: score {result.share:.1%}; accepted: {report.GOAL:.0%} or more")
    return bad + [
        f"error: {name}: {file}: {one.becomes!r} in {one.where!r} does not survive; take it out"
        for one in survivors.outdated(file, alive, listed)
    ]


def _tell(mutant: Mutant, outcome: str) -> None:
    if outcome != "killed":
        print(f"  {mutant.line}: {outcome}: {mutant.becomes}", flush=True)


sys.exit(main())
