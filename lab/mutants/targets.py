"""What is changed, and which tests have to notice: those of the file alone, seconds at most, no emulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Target:
    """`file`: what is changed, under the repository's root. `tests`: files of host_tests. `only`: pytest's -k."""

    file: str
    tests: tuple[str, ...]
    only: str = ""


TARGETS = (
    Target("firmware/vibnode/detector.py", ("test_firmware_detector.py",)),
    Target("firmware/vibnode/outbox.py", ("test_firmware_outbox.py",)),
    Target("firmware/vibnode/commands.py", ("test_firmware_command_queue.py",)),
    Target("firmware/vibnode/signing.py", ("test_firmware_signing.py",)),
    Target("firmware/vibnode/model_file.py", ("test_firmware_model_file.py",)),
    Target("dashboard/vibdash/access/guard.py", ("test_dashboard_guard.py",)),
    Target("dashboard/vibdash/access/accounts.py", ("test_dashboard_accounts.py",), only="not postgresql"),
    Target(
        "dashboard/vibdash/ingest/occurrences.py", ("test_dashboard_occurrences.py",), only="not postgresql"
    ),
    Target("training/vib/__init__.py", ("test_core_batches.py",)),
)
