"""The command `vibnode`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from vibtrain.cli.extras import needs_extra
from vibtrain.cli.version import version_only

from vibtool import cli_live, cli_model, deploying, facts, flashing, heap, ports, provisioning, sets
from vibtool.errors import ToolError
from vibtool.site_file import MODEL_FILE, SiteFile
from vibtool.terminal import Device, DryRun, Port, Site, Start, console, one_line_errors

if TYPE_CHECKING:
    from vibtool.board import Board

app = typer.Typer(
    help="Set up vibration sensors: flash, deploy and provision a board on a USB cable, try it, record with it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.callback()(version_only)


@app.command("list")
def list_boards(
    ask: Annotated[bool, typer.Option("--ask", help="Interrupt each board and ask what it is.")] = False,
) -> None:
    """The boards on USB."""
    with one_line_errors():
        found = ports.boards()
        if not found:
            console.print("No board on USB. Is the cable one that carries data, not only power?")
            return
        table = Table("port", "USB", "serial number", *(["board", "MicroPython", "vibnode"] if ask else []))
        for port in found:
            table.add_row(port.path, port.what, port.serial_number, *(_asked(port.path) if ask else []))
        console.print(table)


def _asked(port: str) -> list[str]:
    try:
        with ports.board_at(port) as board:
            known = facts.ask(board)
            board.restart()
    except ToolError as error:
        return [str(error).removeprefix(f"{port}: "), "-", "-"]
    return [known.machine, known.version, str(known.said["fw"] or "-")]


@app.command()
def flash(
    firmware: Annotated[
        Path, typer.Argument(help="The .bin of `make firmware`, or MicroPython's own for the chip.")
    ],
    port: Port = None,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase all first: files, credentials, baseline too.")
    ] = False,
    stub: Annotated[
        bool,
        typer.Option(help="--no-stub: use the chip's own loader alone, slower; where flashing breaks off."),
    ] = True,
    reset: Annotated[
        bool,
        typer.Option(help="--no-reset: the chip is in its loader already, by its BOOT and RESET buttons."),
    ] = True,
) -> None:
    """Write firmware to an ESP32, if it is for the chip and flash that are there."""
    with one_line_errors():
        image = flashing.read_image(firmware)
        tool = flashing.Esptool(ports.choose(port), stub, reset)
        with console.status("asking the chip"):
            target = tool.probe()
        flashing.check(tool.port, image, target)
        with console.status(f"writing {firmware.stat().st_size / 1e6:.1f} MB"):
            tool.write(image, erase)
        console.print(
            f"{tool.port}: {target.chip}, {target.flash_mb} MB: {firmware.name} written and compared."
        )


@app.command()
def deploy(
    port: Port = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder of .mpy sets.  \\[default: this package's, or the checkout's build/mpy]"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a main.py of another program.")] = False,
    heap_check: Annotated[
        bool, typer.Option(help="--no-heap-check: go on where the heap looks too small.")
    ] = True,
    start: Start = True,
) -> None:
    """Copy the application and the native module for its instruction set onto a stock MicroPython.

    Its memory is looked at first; where the firmware has a ROMFS, modules go there and run in place.
    """
    with one_line_errors(), ports.board_at(port) as board:
        known = deploying.make_ready(board)
        deploying.refuse_frozen(board.port, known)
        chosen = sets.find(facts.set_for(board.port, known), source)
        image = deploying.rom_image(chosen)
        way = heap.choose(known, len(image))
        if heap_check:
            heap.refuse_too_small(board.port, known, way)
        planned = deploying.plan(board, chosen, force, image if way is heap.ROM else None)
        deploying.check_room(board.port, known, chosen, planned)
        console.print(
            f"{known.machine}, MicroPython {known.version}: set {chosen.arch}, vibnode {chosen.version}, as {way.name}"
        )
        console.print(f"{heap.outlook(known)}.", soft_wrap=True)
        if not dry_run:
            _carry_out(board, chosen, planned)
        _tell_of(planned, dry_run)
        if start and not dry_run:
            board.restart()


def _carry_out(board: Board, chosen: sets.MpySet, planned: deploying.Plan) -> None:
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("copying", total=len(planned.write))
        deploying.carry_out(board, chosen, planned, lambda path: bar.advance(task))


def _tell_of(planned: deploying.Plan, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    console.print(
        f"{len(planned.write)} files {would}written, {len(planned.keep)} were there, "
        f"{len(planned.remove)} out of date {would}removed."
    )


@app.command()
def provision(
    site: Site,
    device: Device = None,
    port: Port = None,
    dry_run: DryRun = False,
    start: Start = True,
) -> None:
    """Make a board one of the site's sensors: configuration, credentials, certificates, key and model."""
    with one_line_errors():
        file = SiteFile(site)
        name = file.choose(device)
        sensor = file.sensor(name)
        with ports.board_at(port) as board:
            provisioning.complete(sensor, facts.ask(board))
            file.check(sensor)
            wanted = provisioning.compare(board, sensor)
            if not dry_run:
                provisioning.keep_key(sensor)
                provisioning.write(board, wanted)
            _tell_provision(name, wanted, dry_run)
            if sensor.new_key and not dry_run:
                console.print(
                    f"A new command key is in {sensor.new_key[0]}: keep it, and keep it to yourself."
                )
            if sensor.device.get("model") == MODEL_FILE and not board.digests([MODEL_FILE]) and not dry_run:
                console.print("There is no model on the board yet: vibnode model push PACKAGE")
            if start and not dry_run:
                board.restart()


def _tell_provision(name: str, wanted: provisioning.Provision, dry_run: bool) -> None:
    for line in wanted.fields:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    for path, data in wanted.files.items():
        if path in wanted.changed:
            console.print(f"{path}: {'would be written' if dry_run else 'written'}, {len(data)} bytes")
    if not wanted.changed:
        console.print(f"{name}: all {len(wanted.files)} files are as they should be.")


app.command()(cli_live.selftest)
app.command()(cli_live.monitor)
app.command()(cli_live.record)
app.add_typer(cli_model.model, name="model")


def main() -> None:
    """Entry point of the command."""
    with needs_extra("vibnode", "tools"):
        app()


if __name__ == "__main__":
    main()
