"""Scores by file: build/mutants.json, and the table of docs/TESTING.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .mutations import Mutant
from .targets import ROOT, TARGETS

RESULTS = ROOT / "build" / "mutants.json"
DOCUMENT = ROOT / "docs" / "TESTING.md"
BEGIN, END = "<!-- made by make mutants ACCEPT=1: begin -->", "<!-- end -->"
GOAL = 0.9


@dataclass(frozen=True)
class Score:
    """`mutants` made of a file, how many of them tests noticed, `hung` of those by not ending; `seconds` it took."""

    mutants: int
    noticed: int
    hung: int
    seconds: float

    @property
    def share(self) -> float:
        """Of the mutants, how many were noticed, 0 to 1."""
        return self.noticed / self.mutants


def write(file: str, result: Score, survived: Iterable[Mutant], path: Path = RESULTS) -> None:
    """Put a file's result among those of the others."""
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    lines = [{"line": m.line, "where": m.where, "was": m.was, "becomes": m.becomes} for m in survived]
    results[file] = asdict(result) | {"score": round(result.share, 4), "survivors": lines}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def scores(path: Path = RESULTS) -> dict[str, Score]:
    """What was measured last of every file."""
    results = json.loads(path.read_text()) if path.exists() else {}
    names = Score.__dataclass_fields__
    return {file: Score(**{name: result[name] for name in names}) for file, result in results.items()}


def survived_last(file: str, mutants: int, path: Path = RESULTS) -> set[tuple[str, str, str]] | None:
    """The identities of those that survived last; None where the file was not measured, or had not as many mutants."""
    results = json.loads(path.read_text()) if path.exists() else {}
    if results.get(file, {}).get("mutants") != mutants:
        return None
    return {(one["where"], one["was"], one["becomes"]) for one in results[file]["survivors"]}


def table(measured: dict[str, Score]) -> str:
    """A row a file, in the order of the targets."""
    rows = ["| file | tests | mutants | noticed | score |", "| --- | --- | --- | --- | --- |"]
    for target in TARGETS:
        one = measured.get(target.file)
        if one:
            tests = ", ".join(f"`{name}`" for name in target.tests)
            rows.append(f"| `{target.file}` | {tests} | {one.mutants} | {one.noticed} | {one.share:.1%} |")
    minutes = sum(one.seconds for one in measured.values()) / 60
    total = sum(one.mutants for one in measured.values())
    return "\n".join([*rows, "", f"{total} mutants in {minutes:.0f} minutes."])


def into_document(text: str, made: str) -> str:
    """`text` with the table between its marks. Raises ValueError where there are none."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"{DOCUMENT.name}: no place for the table; accepted: {BEGIN} and {END}")
    return text.split(BEGIN)[0] + f"{BEGIN}\n\n{made}\n\n{END}" + text.split(END, 1)[1]
