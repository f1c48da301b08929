"""The mutants that no test notices, each with the reason why none has to: survivors.toml."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .mutations import Mutant

LIST = Path(__file__).with_name("survivors.toml")
FIELDS = ("file", "where", "was", "becomes", "reason")


class ListError(Exception):
    """The list is not as it should be; one line says where."""


@dataclass(frozen=True)
class Survivor:
    """`where`, `was` and `becomes` as in Mutant; `reason` is a person's."""

    file: str
    where: str
    was: str
    becomes: str
    reason: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """Mutant's."""
        return self.where, self.was, self.becomes


def read(path: Path = LIST) -> list[Survivor]:
    """The list. Raises ListError."""
    try:
        entries = tomllib.loads(path.read_text()).get("survivor", [])
    except tomllib.TOMLDecodeError as error:
        raise ListError(f"{path.name}: {error}") from None
    for number, entry in enumerate(entries, 1):
        if set(entry) != set(FIELDS) or not str(entry.get("reason", "")).strip():
            raise ListError(
                f"{path.name}: entry {number}: fields {sorted(entry)}; accepted: {', '.join(FIELDS)}, none empty"
            )
    return [Survivor(**entry) for entry in entries]


def unlisted(file: str, survived: Iterable[Mutant], listed: Iterable[Survivor]) -> list[Mutant]:
    """Survivors that the list does not know."""
    known = {one.identity for one in listed if one.file == file}
    return [mutant for mutant in survived if mutant.identity not in known]


def outdated(file: str, survived: Iterable[Mutant], listed: Iterable[Survivor]) -> list[Survivor]:
    """Entries of the list that a test notices by now, or that cannot be made any more."""
    found = {mutant.identity for mutant in survived}
    return [one for one in listed if one.file == file and one.identity not in found]


def as_entry(file: str, mutant: Mutant) -> str:
    """A survivor as the list has it, its reason left empty."""
    values = (file, mutant.where, mutant.was, mutant.becomes, "")
    lines = [f"{name} = {json.dumps(value)}" for name, value in zip(FIELDS, values, strict=True)]
    return "\n".join(["[[survivor]]", *lines])
