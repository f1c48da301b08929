"""The battery's voltage, with a stand-in for the board's converter."""

from __future__ import annotations

import sys
import types

import pytest
from vibnode import battery


class Converter:
    """Of an ESP32: 1.85 V at the pin, if it is told to measure so much."""

    ATTN_11DB = 3

    def __init__(self, pin: int, atten: int = 0) -> None:
        if pin == 6:
            raise ValueError("invalid pin")
        self._atten = atten

    def read_uv(self) -> int:
        return 1_850_000 if self._atten == self.ATTN_11DB else 950_000


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = types.ModuleType("machine")
    machine.ADC = Converter  # type: ignore[attr-defined]
    machine.Pin = int  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "machine", machine)


def test_the_divider_is_reckoned_in_and_the_whole_range_used(board: None) -> None:
    found = battery.open_battery({"adc_pin": 34, "ratio": 2})
    assert found is not None and found.millivolts() == 3700


def test_a_pin_that_cannot_measure_is_told_and_keeps_nothing_from_running(
    board: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert battery.open_battery({"adc_pin": 6, "ratio": 2}) is None
    assert "vibnode: battery: adc_pin 6: this board does not measure there" in capsys.readouterr().out


def test_a_computer_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert battery.open_battery(None) is None
    assert battery.open_battery({"adc_pin": 34, "ratio": 2}) is None
    assert "adc_pin 34" in capsys.readouterr().out
