"""The commands that look at a sensor at work: selftest, monitor, record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vibtool import golden, ports
from vibtool.errors import ToolError
from vibtool.facts import DEVICE_FILE, require_sensor
from vibtool.terminal import Port, Start, console, one_line_errors

if TYPE_CHECKING:
    from vibtool import recording
    from vibtool.board import Board, Message

QUIET_S = 60.0  # of a sensor that is monitored; a window comes several times a second
MARKS = {True: "[green]ok    [/]", False: "[red]FAILED[/]", None: "[dim]-     [/]"}


def selftest(
    port: Port = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long to sample; a rate takes more than 10.")] = 12,
    start: Start = True,
) -> None:
    """Try all that the sensor on the board depends on: arithmetic, sensor, network, time, broker."""
    with one_line_errors(), ports.board_at(port) as board:
        require_sensor(board)
        failed: list[str] = []

        def tell(said: Message) -> None:
            console.print(f"{MARKS[said['ok']]} {said['check']:<14} {escape(said['text'])}", soft_wrap=True)
            if said["ok"] is False:
                failed.append(said["check"])

        with console.status("arithmetic"):
            count, wrong = golden.check(board)
        right = f"{count - len(wrong)} of {count} golden windows to the bit"
        tell({"check": "arithmetic", "ok": not wrong, "text": "; ".join([right, *wrong])})
        with console.status("sensor, network, broker"):
            board.run("selftest", tell, timeout_s=seconds + QUIET_S, path=DEVICE_FILE, seconds=seconds)
        if start:
            board.restart()
        if failed:
            raise ToolError(f"{board.port}: failed: {', '.join(failed)}")


def monitor(
    port: Port = None,
    windows: Annotated[int, typer.Option(min=0, help="End after so many windows; 0: at Ctrl-C.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, a line a window, for a script.")
    ] = False,
    start: Start = True,
) -> None:
    """Show what the sensor sees, live: score, class, levels, and the scores' course."""
    with one_line_errors(), ports.board_at(port) as board:
        require_sensor(board)
        try:
            if as_json:
                _monitor(board, windows, lambda said: print(json.dumps(said), flush=True))
            else:
                _draw(board, windows)
        except KeyboardInterrupt:
            pass
        if start:
            board.restart()


def _draw(board: Board, windows: int) -> None:
    """A table from the first message on: what keeps the sensor from starting is not told under an empty one."""
    from rich.live import Live as Screen

    from vibtool.monitoring import Live

    live = Live()
    screen = Screen(console=console, refresh_per_second=8)

    def take(said: Message) -> None:
        live.take(said)
        screen.update(live.drawing())
        screen.start()

    try:
        _monitor(board, windows, take)
    finally:
        screen.stop()


def _monitor(board: Board, windows: int, take: Callable[[Message], None]) -> None:
    board.run("monitor", take, timeout_s=QUIET_S, path=DEVICE_FILE, windows=windows)


def record(
    out: Annotated[Path, typer.Argument(help="Folder for the Parquet files and their manifest.csv.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="How long in all.")] = 10.0,
    port: Port = None,
    label: Annotated[str, typer.Option(help="healthy, or the fault's name.")] = "healthy",
    machine: Annotated[
        str, typer.Option(help="Its name.  \\[default: the device's own]", show_default=False)
    ] = "",
    session: Annotated[
        str,
        typer.Option(
            help="Mounting or day, so that training can leave one out.  \\[default: today]",
            show_default=False,
        ),
    ] = "",
    speed_rpm: Annotated[float | None, typer.Option(help="Of the shaft.  \\[default: the device's]")] = None,
    load: Annotated[str, typer.Option(help="In your own words.")] = "",
    rate_hz: Annotated[float | None, typer.Option(help="Of the sensor.  \\[default: the model's]")] = None,
    range_g: Annotated[int | None, typer.Option(help="Of the sensor.  \\[default: the model's]")] = None,
    start: Start = True,
) -> None:
    """Record raw samples for training: stretches without a gap, each as long as the board's memory, a file each."""
    from vibtool import recording

    known = recording.Circumstances(label, machine, session, speed_rpm, load)
    with one_line_errors():
        recording.check_folder(out)  # before the sensor is stopped for it
        _record(ports.choose(port), out, seconds, known, (rate_hz, range_g), start)


def _record(
    port: str,
    out: Path,
    seconds: float,
    known: recording.Circumstances,
    wanted: tuple[float | None, int | None],
    start: bool,
) -> None:
    from vibtool import recording

    with ports.board_at(port) as board:
        require_sensor(board)
        done = 0.0
        while seconds - done > 0.001:
            with console.status(f"recording, {done:.1f} of {seconds:g} s"):
                stretch = recording.take(board, *wanted, seconds - done)
            path = recording.write(out, stretch, known)
            done += stretch.seconds
            said = stretch.said
            console.print(
                f"{path}: {len(stretch.counts)} frames at {said['rate_hz']:g} Hz, {stretch.seconds:.2f} s"
            )
        console.print(
            f"Listed in {out / recording.MANIFEST}; train with: vibtrain fit --recordings MANIFEST --out FOLDER"
        )
        if start:
            board.restart()
