"""What was left out of training, and what that changed, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from vibtrain.plain_words import number


def print_dropped(console: Console, reasons: dict[str, str], change: dict[str, dict[str, Any]]) -> None:
    """Print `quality.Dropped.reasons` and what `quality.change` made."""
    if not reasons:
        console.print("Left out: none, no recording has findings.")
        return
    for name, why in reasons.items():
        console.print(f"Left out: {name}: {why}", markup=False, highlight=False, soft_wrap=True)
    table = Table("trained", "warning", "AUC", "recall", "windows over", "false alarms", "faults found")
    for title, figures in change.items():
        table.add_row(
            title,
            str(figures["warning"]),
            *(number(figures[name]) for name in ("window_auc", "recall", "false_alarm_rate")),
            str(figures["false_alarms"]),
            f"{figures['episodes_detected']} of {figures['episodes']}",
        )
    console.print("What that changes, judged on the others:")
    console.print(table)
