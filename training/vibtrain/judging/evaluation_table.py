"""An evaluation in the terminal: sentences, then a table of groups."""

from __future__ import annotations

from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Column, Table

from vibtrain.plain_words import duration, number, sentences, tiles

_HEADS = (
    "AUC without baseline", "AUC", "windows over", "recall", "outside", "class acc.", "false alarms", "faults found",
    "delay",
)  # fmt: skip


def print_evaluation(console: Console, summary: dict[str, Any]) -> None:
    """Print what `evaluate.summary` made."""
    table = Table(Column("machine", overflow="fold"), "rpm", "load", "", *_HEADS)
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
    _print_tiles(console, summary)
    for sentence in sentences(summary):
        console.print(sentence, markup=False, highlight=False)


def _print_tiles(console: Console, figures: dict[str, Any]) -> None:
    shown = [
        Panel(f"[bold]{figure}[/bold]\n{under}", title=title, title_align="left")
        for title, figure, under in tiles(figures)
    ]
    console.print(Columns(shown, equal=True))


def _cells(figures: dict[str, Any], plain_auc: float | None) -> tuple[str, ...]:
    return (
        number(plain_auc),
        number(figures["window_auc"]),
        number(figures["false_alarm_rate"]),
        number(figures["recall"]),
        number(figures["outside_rate"]),
        number(figures["class_accuracy"]),
        f"{figures['false_alarms']} in {duration(figures['healthy_s'])}",
        f"{figures['episodes_detected']} of {figures['episodes']}",
        "-" if figures["delay_s"] is None else duration(figures["delay_s"]),
    )


def print_cross_validation(console: Console, summary: dict[str, Any]) -> None:
    """Print what `crossval.summary` made: a row for each group left out and each baseline."""
    table = Table(Column("left out", overflow="fold"), "baseline", *_HEADS)
    for fold in summary["folds"]:
        table.add_section()
        for baseline_s, figures in fold["baselines"].items():
            if refused := figures.get("refused"):
                console.print(f"{fold['held_out']}: {refused}", style="yellow", markup=False, highlight=False)
                continue
            plain = figures["without_baseline"]["window_auc"]
            table.add_row(fold["held_out"], _baseline(baseline_s), *_cells(figures, plain))
    console.print(table)
    for caveat in sorted({fold["caveat"] for fold in summary["folds"] if fold["caveat"]}):
        console.print(f"But: {caveat}.", style="yellow", markup=False, highlight=False)
    for baseline_s, figures in summary["overall"].items():
        console.print(
            f"\nAll {figures['folds']} folds, baseline {_baseline(baseline_s)}:",
            style="bold",
            highlight=False,
        )
        _print_tiles(console, figures)
        for sentence in sentences(figures):
            console.print(sentence, markup=False, highlight=False)


def _baseline(seconds: str) -> str:
    return duration(float(seconds)) if float(seconds) else "none"


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
