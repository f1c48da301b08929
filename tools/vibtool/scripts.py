"""The scripts of on_device/, sent to a board and run there: each has a function `run`, which prints JSON lines."""

from __future__ import annotations

from importlib.resources import files


def source(name: str, **arguments: object) -> str:
    """The script `name` with a call of its ``run(**arguments)`` at the end."""
    text = files("vibtool").joinpath("on_device", f"{name}.py").read_text()
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    return f"{text}\nrun({given})\n"
