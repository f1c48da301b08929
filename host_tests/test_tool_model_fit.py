"""A model and a sensor are compared before a byte is written, by the device's own code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from board_on_pty import UnixBoard
from test_tool_provision import FITS, MODEL, provision
from test_tool_provision import board as board
from test_tool_provision import site as site
from vibnode_fixtures import vibnode
from vibtool import model_fit
from vibtool.errors import ToolError

from lab.rigs.firmware_model import model_bin, model_ota

SENSOR = {"driver": "adxl345", "bus": "spi", "sck": 6, "mosi": 7, "miso": 5, "cs": 10}
UNFIT = [
    ({"rate_millihz": 5_000_000}, "200, 400, 800, 1600, 3200 Hz; the model was made for 5000 Hz"),
    ({"lsb_nm_s2": 598_206}, "adxl345's lsb_nm_s2 is"),
    ({"axes": 1}, "the sensor's axes is 3; accepted: 1"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "words"), UNFIT)
def test_provision_writes_nothing_where_they_do_not_fit(
    site: Path, board: UnixBoard, changed: dict[str, int], words: str
) -> None:
    (site.parent / "model.bin").write_bytes(model_bin(FITS | changed))
    refused = provision(site, board)
    assert refused.code == 1 and refused.err.count("\n") == 1
    assert (
        f"site.toml: devices.motor-1: {site.parent / 'model.bin'}: " in refused.err and words in refused.err
    )
    assert not list(board.folder.iterdir()) and not (site.parent / "keys").exists()


@pytest.mark.parametrize(("changed", "words"), UNFIT)
def test_push_copies_nothing_where_they_do_not_fit(
    tmp_path: Path, board: UnixBoard, changed: dict[str, int], words: str
) -> None:
    device = {"site": "s", "device": "d", "sensor": SENSOR, "mqtt": {"host": "h"}, "model": "model.bin"}
    (board.folder / "device.json").write_text(json.dumps(device))
    (board.folder / "model.bin").write_bytes(MODEL)
    (board.folder / "lib").mkdir()
    (tmp_path / "model.ota").write_bytes(model_ota(FITS | changed))
    before = {path.name for path in board.folder.iterdir()}
    refused = vibnode("model", "push", tmp_path / "model.ota", "--port", board.port)
    assert refused.code == 1 and words in refused.err, refused.err
    assert {path.name for path in board.folder.iterdir()} == before


def test_nothing_is_sent_over_the_air_where_they_do_not_fit(site: Path) -> None:
    """Before the broker is asked for, which is not there."""
    (site.parent / "model.ota").write_bytes(model_ota(FITS | UNFIT[0][0]))
    text = site.read_text().replace('{ env = "WIFI_PASSWORD" }', '"wlan-secret-1"')
    site.write_text(text.replace('{ file = "keys/motor-1.key" }', f'"{"ab" * 32}"'))
    refused = vibnode("model", "push", site.parent / "model.ota", "--site", site)
    assert refused.code == 1 and UNFIT[0][1] in refused.err, refused.err


def test_what_fits_passes_and_what_is_no_model_does_not() -> None:
    sensor = model_fit.sensor_of(
        json.dumps({"site": "s", "device": "d", "sensor": SENSOR, "mqtt": {"host": "h"}}).encode()
    )
    assert sensor is not None
    model_fit.refuse_unfit("here", sensor, MODEL)
    assert model_fit.binary_of(model_ota(FITS, digest="00112233aabbccdd")) == MODEL
    with pytest.raises(ToolError, match=r"^here: .+"):
        model_fit.refuse_unfit("here", sensor, b"VIBM" + bytes(50))
    assert model_fit.sensor_of(b"{") is None
    one_axis = {**sensor, "orientation": ["+z"]}
    model_fit.refuse_unfit("here", one_axis, model_bin(FITS | {"axes": 1}))
