"""No secret is ever said: passwords and keys are planted in every shape, and what is printed is searched for them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_on_pty import UnixBoard
from test_tool_provision import board as board
from test_tool_provision import facts
from vibnode import config
from vibnode.checks import SECRETS, ConfigError
from vibnode_fixtures import vibnode
from vibtool import provisioning
from vibtool.errors import ToolError
from vibtool.site_file import SiteFile

PLANTED = "planted-94e1"
# What may stand under a secret's key, and what may stand around it.
UNDER = (
    PLANTED,
    {"text": PLANTED},
    [PLANTED],
    {"file": [PLANTED]},
    {"env": {"deep": PLANTED}},
    [[PLANTED, 3]],
)
SITE: dict[str, Any] = {
    "site": "works-2",
    "mqtt": {"host": "broker.example", "user": "motor-1", "password": PLANTED},
    "wifi": {"ssid": "machines", "password": PLANTED},
    "defaults": {"sensor": {"driver": "adxl345", "bus": "spi"}},
    "devices": {"motor-1": {"command_key": "ab" * 32}},
}


def around(secret: dict[str, Any]) -> Iterator[Any]:
    """Shapes with the table `secret` somewhere in them."""
    yield from (secret, [secret], {"other": secret}, [[secret], 1], {"a": [{"b": secret}]})


def shapes() -> list[Any]:
    """Every secret's key, over everything, within everything; and what holds no secret."""
    secret = [shape for key in SECRETS for under in UNDER for shape in around({key: under})]
    return [None, {}, [], 3, "text", *secret]


def test_differences_of_any_two_shapes_say_no_secret() -> None:
    """A section removed, set, changed, or become something else."""
    made = shapes()
    for old in made:
        for new in made:
            for before, after in (({"wifi": old}, {"wifi": new}), ({"password": old}, {"password": new})):
                lines = provisioning.differences(before, after)
                assert PLANTED not in "\n".join(lines)
                assert lines or old == new or not (old or new)


def test_a_section_that_goes_is_told_field_by_field() -> None:
    old = {"wifi": {"ssid": "machines", "password": PLANTED}}
    told = ["wifi.password: removed (not shown)", 'wifi.ssid: "machines" -> null']
    assert provisioning.differences(old, {}) == told
    assert provisioning.differences({"wifi": {}}, {}) == ["wifi: {} -> null"]


def places(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every value in `table`."""
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def with_value(table: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of `table` with `value` at `path`."""
    made = inner = copy.deepcopy(table)
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def test_no_refusal_of_a_site_file_says_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("")
    refused = 0
    for place in places(SITE):
        for shape in shapes():
            file = SiteFile(path)
            file._document = with_value(SITE, place, shape)
            try:
                sensor = file.sensor(file.choose("motor-1"))
                provisioning.complete(sensor, facts("ESP32C3 module with ESP32C3"))
                file.check(sensor)
            except ToolError as error:
                assert PLANTED not in str(error), (place, shape)
                refused += 1
    assert refused > 500


def test_no_refusal_of_the_device_says_a_secret(tmp_path: Path) -> None:
    """What it prints on its console where its configuration is faulty."""
    path = tmp_path / "device.json"
    device = {
        **{key: SITE[key] for key in ("site", "mqtt", "wifi")},
        "device": "motor-1",
        "sensor": {"driver": "replay", "playlist": "p.json"},
        "command_key": "ab" * 32,
        "duty": {"every_s": 60, "for_s": 20},
    }
    path.write_text(json.dumps(device))
    config.load(str(path))
    refused = 0
    for place in places(device):
        for shape in shapes():
            path.write_text(json.dumps(with_value(device, place, shape)))
            try:
                config.load(str(path))
            except ConfigError as error:
                assert PLANTED not in str(error), (place, shape)
                refused += 1
    assert refused > 500


@pytest.mark.parametrize("section", ["wifi", "mqtt.password", "command_key"])
def test_what_is_taken_from_a_board_is_not_said(section: str, tmp_path: Path, board: UnixBoard) -> None:
    """Through the command itself: the password of a section that the site file no longer has."""
    key = "c0ffee" * 10 + "beef"
    lines = {
        "wifi": '[wifi]\nssid = "machines"\npassword = {env = "PLANTED"}\n',
        "mqtt.password": 'mqtt = {user = "motor-1", password = {env = "PLANTED"}}\n',
        "command_key": f'command_key = "{key}"\n',
    }
    text = 'site = "works-2"\n[mqtt]\nhost = "broker.example"\n{}[devices.motor-1]\n{}{}'
    text += 'model = "model.bin"\nsensor = {{driver = "replay", playlist = "p.json"}}\n'
    site = tmp_path / "site.toml"
    said = ""
    for given in (lines, {**lines, section: ""}):
        site.write_text(text.format(*given.values()))
        done = vibnode("provision", site, "--port", board.port, env={**os.environ, "PLANTED": PLANTED})
        assert done.code == 0, done.err
        said += done.out + done.err
    assert f"{section}{'.password' if section == 'wifi' else ''}: removed (not shown)" in said
    assert PLANTED not in said and key not in said
