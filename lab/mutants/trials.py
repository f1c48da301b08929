"""Trying mutants: in copies of the repository, so that nobody's sources are touched, one at a time in each."""

from __future__ import annotations

import os
import queue
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome

from .mutations import Mutant
from .targets import ROOT, Target

SOURCE_ROOTS = ("firmware", "training", "dashboard", "tools", "host_tests", ".")
# What a mutant may take over the tests' own time before it counts as hanging; the machine may be busy with other work.
TIMES_AS_LONG, AND_S = 10, 20
IN_MEMORY = Path("/dev/shm")  # the outbox waits for the medium at each alert
PYTEST = ("-m", "pytest", "-x", "-q", "-o", "addopts=", "-o", "timeout=", "-p", "no:cacheprovider")


class TrialFailure(Exception):
    """The trials would show nothing; one line says why."""


class Copy:
    """A copy of all that git knows or would add, in a folder, to change files in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        built = [str(path.relative_to(ROOT)) for path in (ROOT / "training" / "vib").glob("*.so")]
        for name in (*listed.stdout.decode().split("\0"), *built):
            if name and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def outcome(self, target: Target, code: str, timeout_s: float) -> tuple[str, str]:
        """Run the tests on `code` in place of the target: `killed`, `hung` or `survived`, and what they printed."""
        file = self.folder / target.file
        original = file.read_text()
        try:
            file.write_text(code)
            return self.run(target, timeout_s)
        finally:
            file.write_text(original)

    def run(self, target: Target, timeout_s: float) -> tuple[str, str]:
        """Run the tests on what is there."""
        path = ":".join(str(self.folder / root) for root in SOURCE_ROOTS)
        tests = [f"host_tests/{name}" for name in target.tests]
        only = ["-k", target.only] if target.only else []
        command = ["env", "-C", str(self.folder), f"PYTHONPATH={path}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"]
        command += [f"TMPDIR={IN_MEMORY}"] if IN_MEMORY.is_dir() else []
        command += [sys.executable, *PYTEST, *only, *tests]
        outcome, output = run_tests(shlex.join(command), timeout_s)
        if outcome == TestOutcome.INCOMPETENT:
            raise TrialFailure(f"{target.file}: pytest did not start: {output.strip().splitlines()[-1]}")
        if output == "timeout":
            return "hung", ""
        return str(outcome.value).lower(), output


def time_needed_s(target: Target, copy: Copy) -> float:
    """How long the tests take. Raises TrialFailure where they fail, or do not read the file that would be changed."""
    begun = time.monotonic()
    outcome, output = copy.run(target, 600)
    took_s = time.monotonic() - begun
    if outcome != "survived":
        raise TrialFailure(f"{target.file}: its tests fail on the code as it is:\n{output}")
    if copy.outcome(target, "raise ImportError('changed on purpose')\n", 600)[0] != "killed":
        raise TrialFailure(f"{target.file}: its tests do not import it")
    return took_s


def tried(
    target: Target, mutants: list[Mutant], copies: list[Copy], told: Callable[[Mutant, str], None]
) -> list[tuple[Mutant, str]]:
    """Each mutant with its outcome, in order; `told` is called as they come."""
    timeout_s = time_needed_s(target, copies[0]) * TIMES_AS_LONG + AND_S
    free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutant: Mutant) -> tuple[Mutant, str]:
        copy = free.get()
        try:
            outcome, _ = copy.outcome(target, mutant.code, timeout_s)
        finally:
            free.put(copy)
        told(mutant, outcome)
        return mutant, outcome

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, mutants))


def processors() -> int:
    """How many copies are worth having."""
    return len(os.sched_getaffinity(0))
