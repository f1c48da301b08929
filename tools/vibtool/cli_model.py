"""The commands `vibnode model ...`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from vibtool import model_fit, models, ports
from vibtool.errors import ToolError
from vibtool.facts import require_sensor
from vibtool.site_file import TLS_FILES, Sensor, SiteFile, encode
from vibtool.terminal import Port, Start, console, one_line_errors

if TYPE_CHECKING:
    from vibtool.commands import Access

model = typer.Typer(no_args_is_help=True, help="Which model a sensor runs, and a new one for it.")
ORIGINS = {
    "linked": "linked into the firmware",
    "file": "a file on the board",
    "trial": "a file, on trial",
    "reverted": "the one before; the last that was tried was given up",
}


@model.command("info")
def info(port: Port = None, start: Start = True) -> None:
    """The model on the board: name, digest, sensor, thresholds, classes."""
    with one_line_errors(), ports.board_at(port) as board:
        require_sensor(board)
        said = models.info(board)
        if start:
            board.restart()
        if "error" in said:
            raise ToolError(f"{board.port}: {said['error']}")
        table = Table(show_header=False, title=said["name"])
        config = said["config"]
        for name, value in (
            ("digest", said["digest"]),
            ("origin", ORIGINS[said["origin"]]),
            (
                "sensor",
                f"{config['rate_millihz'] / 1000:g} Hz, {config['axes']} axes, {config['lsb_nm_s2']} nm/s² a count",
            ),
            ("window", f"{config['window']} frames, hop {config['hop']}"),
            ("thresholds", f"warning {said['warning']}, alarm {said['alarm']}"),
            ("classes", ", ".join(said["classes"]) or "none"),
        ):
            table.add_row(name, value)
        console.print(table)


@model.command("push")
def push(
    package: Annotated[Path, typer.Argument(help="A model package, a folder that `vibtrain fit` made.")],
    port: Port = None,
    site: Annotated[
        Path | None, typer.Option(help="The site file: send it over the air instead of over the cable.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="With --site: which of its sensors.")] = None,
    broker: Annotated[
        str | None, typer.Option(help="With --site: HOST or HOST:PORT, where it is not the sensors' own.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="With --site: who may give commands; the password is in VIBNODE_MQTT_PASSWORD."),
    ] = None,
    start: Start = True,
) -> None:
    """Give a sensor another model. It tries it first, and goes back by itself where it does not work."""
    with one_line_errors():
        ota = models.read_ota(package)
        if site is None:
            with ports.board_at(port) as board:
                require_sensor(board)
                models.push_by_cable(board, ota)
                if start:
                    board.restart()
        else:
            _over_the_air(SiteFile(site), device, broker, user, ota)
        console.print(
            "The sensor tries the new model; it keeps it after 10 windows and a talk with the broker."
        )


def _over_the_air(
    site: SiteFile, device: str | None, broker: str | None, user: str | None, ota: bytes
) -> None:
    from rich.progress import Progress

    from vibtool.commands import Commander

    name = site.choose(device)
    sensor = site.sensor(name, make_key=False)
    key = site.check_commands(sensor)
    described = model_fit.sensor_of(
        encode(sensor.device)
    )  # None: pins are the board's, and it refuses by itself
    if described is not None:
        model_fit.refuse_unfit(f"{site.path}: devices.{name}", described, model_fit.binary_of(ota))
    with (
        Commander(access(sensor, broker, user), sensor.device["site"], name, key) as commander,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("sending", total=len(ota))
        models.push_over_the_air(commander, ota, lambda sent: bar.update(task, completed=sent))


def access(sensor: Sensor, broker: str | None, user: str | None) -> Access:
    """How to reach the broker of `sensor`, or `broker` in its place, as `user`. Raises ToolError."""
    mqtt = sensor.device["mqtt"]
    host, _, port = (broker or "").partition(":")
    if port and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise ToolError(f"--broker: {broker!r}; accepted: HOST or HOST:PORT")
    has_tls = isinstance(mqtt.get("tls"), dict)
    from vibtool.commands import Access

    return Access(
        host or mqtt["host"],
        int(port or mqtt.get("port") or (8883 if has_tls else 1883)),
        user,
        os.environ.get("VIBNODE_MQTT_PASSWORD"),
        sensor.files[TLS_FILES["ca"]] if has_tls else None,
    )
