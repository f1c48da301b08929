"""What a value in a configuration has to look like, and how one is read and its defaults filled in.

A check takes the value and returns None where it is accepted, else what would be. MicroPython and the host run the
same ones.
"""

import json

NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
HEX_CHARACTERS = "0123456789abcdefABCDEF"
REQUIRED = object()  # in place of a default
SECRETS = ("command_key", "password")


class ConfigError(Exception):
    """Something in a configuration is not acceptable. Its text is one line for the user."""


def read_json(path: str) -> dict:
    """The object in the JSON file `path`. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    try:
        value, end = json.loads(
            "[" + raw.decode() + ",0]"
        )  # MicroPython alone would take an object cut short
        if end != 0:
            raise ValueError("cut short")
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: holds {type(value).__name__}; accepted: an object in braces")
    return value


def fill(path: str, section: str, given: dict, fields: dict) -> dict:
    """`given` checked against `fields`, with defaults filled in. Raises ConfigError for the first fault.

    `fields`: key -> (default or REQUIRED, check).
    """
    for key in given:
        if key not in fields:
            meant = nearest(key, fields)
            hint = f" (did you mean {meant}?)" if meant else ""
            raise ConfigError(
                f"{path}: {section}{key}: no such field{hint}; accepted: {', '.join(sorted(fields))}"
            )
    filled = {}
    for key, (default, check) in fields.items():
        if key not in given and default is not REQUIRED:
            filled[key] = default
            continue
        if key not in given:
            raise ConfigError(f"{path}: {section}{key}: is missing; accepted: {check(None)}")
        accepted = check(given[key])
        if accepted:
            shown = without_secrets({key: given[key]})[key]
            raise ConfigError(
                f"{path}: {section}{key}: {shown if key in SECRETS else repr(shown)}; accepted: {accepted}"
            )
        filled[key] = given[key]
    return filled


def without_secrets(value):
    """A copy of `value` that can be shown: what stands under a secret's key, at any depth, is "a secret"."""
    if isinstance(value, dict):
        return {key: "a secret" if key in SECRETS else without_secrets(value[key]) for key in value}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def beside(path: str, relative: str) -> str:
    """`relative` as seen from the folder of the file `path`."""
    if relative.startswith("/") or "/" not in path:
        return relative
    return path.rpartition("/")[0] + "/" + relative


def name(value) -> "str | None":
    """Check a site or device name."""
    ok = isinstance(value, str) and 1 <= len(value) <= 32 and value[0] != "-"
    if ok and all(c in NAME_CHARACTERS for c in value):
        return None
    return "1 to 32 of a-z, 0-9 and '-', not beginning with '-'"


def text(longest: int, shortest: int = 1):
    """A check for a text of so many bytes."""

    def check(value):
        if isinstance(value, str) and shortest <= len(value.encode()) <= longest:
            return None
        return f"a text of {shortest} to {longest} bytes"

    return check


def whole(low: int, high: int, unit: str = ""):
    """A check for an integer; `unit` is said in the refusal."""

    def check(value):
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"a whole number from {low} to {high}" + (unit and f", in {unit}")

    return check


def number(low: float, high: float, unit: str = ""):
    """A check for an integer or a float; `unit` is said in the refusal."""

    def check(value):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"a number from {low:g} to {high:g}" + (unit and f", in {unit}")

    return check


def hex_digits(count: int):
    """A check for a text of `count` hex digits. Its refusal does not repeat the value, which is a secret."""

    def check(value):
        if isinstance(value, str) and len(value) == count and all(c in HEX_CHARACTERS for c in value):
            return None
        return f"{count} hex digits"

    return check


def one_of(choices):
    """A check for one of some texts."""

    def check(value):
        if value in choices:
            return None
        meant = nearest(value, choices) if isinstance(value, str) else None
        return "one of: " + ", ".join(choices) + (f" (did you mean {meant}?)" if meant else "")

    return check


def boolean(value):
    """A check for true or false."""
    return None if isinstance(value, bool) else "true or false"


def optional(check):
    """The same check, but null is accepted too."""

    def check_or_null(value):
        accepted = None if value is None else check(value)
        return accepted and accepted + ", or null"

    return check_or_null


def table(value):
    """A check for an object in braces."""
    return None if isinstance(value, dict) else "an object in braces"


def limits(value):
    """A check for [warning, alarm] in mm/s."""
    if isinstance(value, list) and len(value) == 2 and all(number(0.01, 1000)(v) is None for v in value):
        return None if value[0] < value[1] else "[warning, alarm] with warning under alarm"
    return "[warning, alarm], two numbers from 0.01 to 1000, in mm/s"


def nearest(word: str, choices) -> "str | None":
    """The one of `choices` that `word` is most likely a slip of, None where none is near."""
    best, least = None, 1 + max(1, len(word) // 3)
    for choice in sorted(choices):
        slips = 1 if choice.startswith(word + "_") else _slips(word.lower(), choice.lower())
        if slips < least:
            best, least = choice, slips
    return best


def _slips(a: str, b: str) -> int:
    """How many letters have to be put in, taken out, changed or swapped with the next to make `a` into `b`."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i in range(len(a)):
        new = [i + 1]
        for j in range(len(b)):
            slips = min(row[j] + (a[i] != b[j]), row[j + 1] + 1, new[j] + 1)
            if i and j and a[i] == b[j - 1] and a[i - 1] == b[j]:
                slips = min(slips, before[j - 1] + 1)
            new.append(slips)
        before, row = row, new
    return row[-1]
