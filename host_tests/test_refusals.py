"""Refusals speak one dialect: what, its value, "accepted:" and what is. Older ones are found, by file and line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (
    "firmware/vibnode",
    "dashboard/vibdash",
    "training/vib",
    "training/vibtrain",
    "tools/vibtool",
    "lab",
)
OLDER = re.compile(
    r"\baccepted (are|is|by|after)\b|[^;] accepted: "
    r"|[:;,] needs?:? "
    r"|^needs? (a|an|at|one|some|it|only|e\.g\.|\w+://|\d)"
    r"|\bmust be\b|\bhas to be\b|\ballowed:? |\bvalid (are|is|values)\b|\bchoose from\b"
)


def said(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The texts of a program but for its docstrings, f-strings with {} for each value."""
    passed_over = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr):
                passed_over.add(id(first.value))
        elif isinstance(node, ast.JoinedStr):
            passed_over.update(map(id, node.values))
            parts = [str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values]
            yield node.lineno, "".join(parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            yield node.lineno, node.value


def older(source: str) -> list[tuple[int, str]]:
    """Line and text of every refusal in an older dialect."""
    return [(line, text) for line, text in said(ast.parse(source)) if OLDER.search(text)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_refusals_speak_one_dialect(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in files
        for line, text in older(path.read_text())
    ]
    assert not found, "\n".join(["say what, its value; accepted: what is", *found])


@pytest.mark.parametrize(
    "text",
    [
        'f"{name} is {value}: need a list of at most {most}"',
        'f"{path}: rate_hz {rate_hz:g}, accepted are rates up to {highest} Hz"',
        '"site: is not set; need it in vibdash.toml"',
        '"need mqtt://[user:password@]host[:port]"',
        'f"{name} must be 1 to 3"',
        'f"field {key}: {text!r}, accepted: a number"',
        'f"{takes} bytes, accepted by --max-flash: up to {most}"',
    ],
)
def test_the_older_dialects_are_found(text: str) -> None:
    assert older(f"raise ValueError({text})")


def test_the_one_dialect_is_passed() -> None:
    assert not older('raise ValueError(f"{name}: {value!r}; accepted: 1 to {most}")')
    assert not older('"""A check that must be true."""')
