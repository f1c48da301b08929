"""The C compiler that a proof needs: asked for first, and what it refuses is told in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner
from vibtrain.cli.main import app
from vibtrain.errors import ConversionError
from vibtrain.packaging import compiler
from vibtrain.workflows import pipeline


def test_no_compiler_is_said_before_any_recording_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    read = []
    monkeypatch.setattr(pipeline, "windows_of", lambda *given: read.append(given))
    done = CliRunner().invoke(app, ["fit", "--simulate", "--out", str(tmp_path / "m")])
    assert done.exit_code == 1 and not read and not (tmp_path / "m").exists()
    assert " ".join(done.output.split()).startswith("error: no C compiler 'no-such-compiler'")


def test_what_a_compiler_refuses_is_one_line(tmp_path: Path) -> None:
    source = tmp_path / "model.c"
    source.write_text("#error nothing\nint a = ;\n")
    with pytest.raises(ConversionError, match=r"^model\.o could not be made: .*error") as refused:
        compiler.make_library({source: []}, [], tmp_path / "model.so")
    assert "\n" not in str(refused.value)


def test_a_proof_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler --with-an-option")
    with pytest.raises(ConversionError, match="no C compiler 'no-such-compiler'"):
        compiler.command()
