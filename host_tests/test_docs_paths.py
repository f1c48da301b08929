"""What the Markdown files name is there: files, folders, links, headings, modules that are to be run. And the pages
that are read from beginning to end keep to short paragraphs and to the lines of the code."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = {"build", "__pycache__"}
PATH_ENDS = re.compile(
    r"/$|\.(py|c|h|def|mk|cmake|toml|md|json|csv|svg|png|css|html|npz|bin|ota|mpy|db|parquet)$"
)
# What is named but not in the tree, because a command or a person makes it.
MADE_BY = {
    "vibtrain fit": ("model.toml", "model.bin", "model.c", "model.ota", "golden.npz"),
    "vibtrain report, search, simulate": ("r.html", "report.html", "s.json", "plant/*", "truth.csv"),
    "vibdash": ("vibdash.db", "vibdash.toml", "ca/", "mosquitto/", "devices/NAME/*", "alerts.*"),
    "vibnode provision": ("device.json",),
    "a person": ("site.toml",),
    "make": ("build/*", "vib.mpy"),
    "MicroPython, ESP-IDF": ("idf.py", "ESP32_GENERIC*.bin"),
}
LONGEST_LINE, LONGEST_PARAGRAPH = 110, 90
READ_THROUGH = (
    "docs/DESIGN.md",
    "docs/TRIED.md",
    "docs/GLOSSARY.md",
    "docs/QUESTIONS.md",
    "CONTRIBUTING.md",
    "firmware/vibnode/README.md",
    "training/README.md",
    "dashboard/README.md",
    "lab/README.md",
)


@functools.cache
def tree() -> tuple[str, ...]:
    """Every file and folder of ours, as a path from the root; a folder ends with a slash."""
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if NOT_OURS.isdisjoint(parts) and not (parts[0].startswith(".") and parts[0] != ".ci"):
            found.append("/".join(parts) + ("/" if path.is_dir() else ""))
    return tuple(found)


PAGES = [name for name in tree() if name.endswith(".md") and name != "CHANGELOG.md"]
each_page = pytest.mark.parametrize("page", PAGES)


def text_and_code(page: str) -> tuple[str, str]:
    """A page's running text, and its blocks of code: fenced or indented by four."""
    text, code, fenced = [], [], False
    for line in (ROOT / page).read_text().splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or re.match(r" {4}\S", line):
            code.append(line)
        else:
            text.append(line)
    return "\n".join(text), "\n".join(code)


def named_paths(page: str) -> Iterator[str]:
    """Words in code that can only be a path: by their suffix, the slash at their end, or one of our folders."""
    text, code = text_and_code(page)
    folders = tuple(name for name in tree() if name.count("/") == 1 and name.endswith("/"))
    for span in re.findall(r"`([^`\n]+)`", text):
        for word in span.split():
            word = word.rstrip(".,:;)")
            by_itself = PATH_ENDS.search(word) and not word.startswith(("/", ".", "-"))
            if re.fullmatch(r"[\w.*<>/-]+", word) and (by_itself or word.startswith(folders)):
                yield word
    for word in code.split():
        if re.fullmatch(r"[\w./-]+", word) and word.startswith(folders):
            yield word


def is_made(path: str) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for made in MADE_BY.values() for pattern in made)


def is_there(path: str) -> bool:
    """Whether a path of the tree is this one or ends with it; `*` and `<NAME>` stand for anything."""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    whole = (name.rstrip("/") for name in tree() if name.endswith("/") or not path.endswith("/"))
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, "*/" + pattern) for name in whole)


@each_page
def test_what_is_named_is_there(page: str) -> None:
    assert [path for path in named_paths(page) if not is_made(path) and not is_there(path)] == []


def test_the_map_of_the_flat_firmware_has_every_file() -> None:
    page = "firmware/vibnode/README.md"
    named = set(named_paths(page))
    files = {path.name for path in (ROOT / page).parent.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert files - named == set()


@each_page
def test_modules_that_are_to_be_run_are_there(page: str) -> None:
    for module in re.findall(r"python -m\s+((?:lab|vib\w+)[\w.]*)", (ROOT / page).read_text()):
        path = module.replace(".", "/")
        assert is_there(path + ".py") or is_there(path + "/__main__.py"), module


def heading_anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: str) -> None:
    text, _ = text_and_code(page)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in heading_anchors(path), target


def test_no_exemption_is_left_over() -> None:
    named = {path for page in PAGES for path in named_paths(page)}
    patterns = [pattern for made in MADE_BY.values() for pattern in made]
    assert [pattern for pattern in patterns if not fnmatch.filter(named, pattern)] == []


def paragraphs(page: str) -> Iterator[str]:
    """Paragraphs and list items of the running text; headings, tables and pictures are none."""
    text, _ = text_and_code(page)
    for block in re.split(r"\n\s*\n|\n(?=- |\d+\. )", text):
        lines = [line for line in block.splitlines() if not re.match(r"\s*(\||#|!\[)", line)]
        if lines:
            yield " ".join(lines)


@pytest.mark.parametrize("page", READ_THROUGH)
def test_paragraphs_are_short(page: str) -> None:
    long = {p[:60]: len(p.split()) for p in paragraphs(page) if len(p.split()) > LONGEST_PARAGRAPH}
    assert long == {}


@pytest.mark.parametrize("page", READ_THROUGH)
def test_lines_are_no_longer_than_those_of_the_code(page: str) -> None:
    lines = (ROOT / page).read_text().splitlines()
    assert [f"{n}: {line}" for n, line in enumerate(lines, 1) if len(line) > LONGEST_LINE] == []
