"""The questions that are asked before a command goes out."""

from __future__ import annotations

import math
from typing import Any

from nicegui import ui

from vibdash.wording import STEPS_PER_OCTAVE

THRESHOLDS = (  # field, what it is, unit of the number that is typed
    ("warning", "Warning at", "times from healthy"),
    ("alarm", "Alarm at", "times from healthy"),
    ("dwell_windows", "Raise a warning after", "windows"),
    ("alarm_dwell_windows", "Raise an alarm after", "windows"),
    ("clear_windows", "Clear after", "windows"),
)


async def confirm(question: str, word: str) -> bool:
    """Ask; return whether the answer was yes."""
    with ui.dialog() as dialog, ui.card().classes("question"):
        ui.label(question)
        _draw_answers(dialog, word, lambda: True)
    answer = await dialog
    dialog.delete()
    return bool(answer)


async def ask_for_number(question: str, what: str, usual: int, limits: tuple[int, int]) -> float | None:
    """Ask for a whole number; return what was typed, None if it was called off."""
    low, high = limits
    with ui.dialog() as dialog, ui.card().classes("question"):
        ui.label(question)
        # Without min and max: the field would turn 900 into 500 without a word.
        number = ui.number(what, value=usual, step=1).props("dense outlined")
        ui.label(f"{low} to {high}").classes("detail")
        _draw_answers(dialog, "Send", lambda: number.value)
    answer = await dialog
    dialog.delete()
    return int(answer) if isinstance(answer, float) and answer.is_integer() else answer


async def ask_for_repair(usual: int) -> tuple[int, str] | None:
    """Ask what was done to a machine; return the windows to learn it from and the note, None if it was called off."""
    with ui.dialog() as dialog, ui.card().classes("question"):
        ui.label(
            "The machine was repaired: its alerts end, and the sensor learns it anew. The baseline until now is kept."
        )
        note = ui.textarea("What was done, for the machine's record").props("dense outlined autogrow")
        windows = ui.number("Windows", value=usual, step=1).props("dense outlined")
        _draw_answers(dialog, "Repaired", lambda: (windows.value, note.value or ""))
    answer = await dialog
    dialog.delete()
    if not isinstance(answer, (list, tuple)):
        return None
    count, said = answer
    return int(count) if isinstance(count, float) and count.is_integer() else count, str(said)


async def ask_for_thresholds() -> dict[str, Any] | None:
    """Ask for the thresholds to be changed; return the command's fields, None if it was called off."""
    with ui.dialog() as dialog, ui.card().classes("question"):
        ui.label("Thresholds: what is left empty stays as it is")
        boxes = {name: _number_box(f"{what}, {unit}") for name, what, unit in THRESHOLDS}
        low, high = _number_box("Velocity warning, mm/s"), _number_box("Velocity alarm, mm/s")
        own = ui.checkbox("All back to the model's own").props("dense")

        def fields() -> dict[str, Any]:
            if own.value:
                return dict.fromkeys([*boxes, "velocity_limits_mm_s"])
            typed = {name: box.value for name, box in boxes.items() if box.value is not None}
            given: dict[str, Any] = {name: _as_field(name, value) for name, value in typed.items()}
            if low.value is not None or high.value is not None:
                given["velocity_limits_mm_s"] = [low.value, high.value]
            return given

        _draw_answers(dialog, "Send", fields)
    answer = await dialog
    dialog.delete()
    return answer if isinstance(answer, dict) else None


def _number_box(label: str) -> ui.number:
    return ui.number(label).props("dense outlined")


def _as_field(name: str, value: float) -> int:
    """Return a number as the device takes it: a distance from healthy is a score, 256 steps a doubling."""
    if name in ("warning", "alarm"):
        return round(STEPS_PER_OCTAVE * math.log2(value)) if value > 0 else 0
    return int(value)


def _draw_answers(dialog: ui.dialog, word: str, answer: Any) -> None:
    with ui.element("div").classes("answers"):
        ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat dense no-caps").classes("act")
        ui.button(word, on_click=lambda: dialog.submit(answer())).props("outline dense no-caps").classes(
            "act"
        )
