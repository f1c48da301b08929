"""An evaluation in the terminal: sentences, then a table of groups."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from vibtrain.plain_words import duration, number, sentences

_HEADS = ("AUC", "AUC", "windows over", "recall", "class acc.", "false alarms", "faults found", "delay")
_UNDER = ("plain", "baseline", "baseline", "baseline", "baseline", "baseline", "baseline", "median")


def print_evaluation(console: Console, summary: dict[str, Any]) -> None:
    """Print what `evaluate.summary` made."""
    table = Table("machine", "rpm", "load", "", *_HEADS)
    table.add_row("", "", "", "", *_UNDER, style="dim")
    for group in summary["groups"]:
        table.add_row(
            group["machine"],
            "" if group["speed_rpm"] is None else f"{group['speed_rpm']:g}",
            group["load"],
            "trained" if group["trained"] else "held out",
            *_cells(group, group["without_baseline"]["window_auc"]),
        )
    table.add_section()
    pooled = "held out" if summary["held_out_conditions"] else "trained"
    table.add_row("all", "", "", pooled, *_cells(summary, summary["without_baseline"]["window_auc"]))
    console.print(table)
    console.print(f"Of {summary['counted']}:", style="bold")
    for sentence in sentences(summary):
        console.print(sentence, markup=False, highlight=False)


def _cells(figures: dict[str, Any], plain_auc: float | None) -> tuple[str, ...]:
    return (
        number(plain_auc),
        number(figures["window_auc"]),
        number(figures["false_alarm_rate"]),
        number(figures["recall"]),
        number(figures["class_accuracy"]),
        f"{figures['false_alarms']} in {duration(figures['healthy_s'])}",
        f"{figures['episodes_detected']} of {figures['episodes']}",
        "-" if figures["delay_s"] is None else duration(figures["delay_s"]),
    )
