"""The container's file: no engine is needed to see that what it runs is there, runs as nobody special, and is well."""

import json
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

from lab.rigs.dashboard import DEADLINE_S, eventually

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "dashboard" / "service" / "Containerfile").read_text(encoding="utf-8")
# Instructions, their continued lines joined; comments are none.
STEPS = [
    tuple(line.split(maxsplit=1))
    for line in re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", TEXT)).splitlines()
    if line
]


def last(instruction: str) -> str:
    return [told for name, told in STEPS if name == instruction][-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_is_made_of_what_is_there_and_runs_as_a_user_of_its_own() -> None:
    known = {"FROM", "RUN", "COPY", "USER", "WORKDIR", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    assert {name for name, _ in STEPS} == known | {"ENTRYPOINT", "CMD"}
    extras = re.findall(r"pip install .*\[(\w+)\]", TEXT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras
    assert "-c /source/requirements.lock" in TEXT
    assert (ROOT / "requirements.lock").is_file()
    assert set(extras) <= set(project["optional-dependencies"])
    required = re.search(r"\d+\.\d+", project["requires-python"])
    assert required
    assert all(f"python:{required[0]}-" in told for name, told in STEPS if name == "FROM")
    assert last("USER") == "vibdash"
    assert [name for name, _ in STEPS].index("USER") > max(
        n for n, step in enumerate(STEPS) if step[0] == "RUN"
    )
    installed = [shlex.split(part) for name, told in STEPS if name == "RUN" for part in told.split("&&")]
    assert any("mosquitto" in one and "--no-install-recommends" in one for one in installed)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {".git", "build"} <= set(ignored)


def test_what_it_runs_is_well_by_its_own_check(tmp_path: Path) -> None:
    vibdash = [sys.executable, "-m", "vibdash"]
    assert json.loads(last("ENTRYPOINT")) == ["/opt/vibdash/bin/vibdash"]
    device_port, host_port, page_port = (str(free_port()) for _ in range(3))
    ports = ["--broker-port", device_port, "--host-port", host_port]
    made = subprocess.run(
        [*vibdash, "init", "plant", *ports], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stderr
    command = [one.replace("/site", str(tmp_path)) for one in json.loads(last("CMD"))]
    assert command[-2:] == ["--host", "0.0.0.0"]  # of the container: which host's address, its runner says
    command[-1] = "127.0.0.1"
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert check[0] == "/opt/vibdash/bin/python"
    assert "127.0.0.1:8765/healthz" in check[2]
    check = [sys.executable, check[1], check[2].replace("8765", page_port)]
    assert subprocess.run(check, capture_output=True, timeout=60).returncode != 0
    running = subprocess.Popen(
        [*vibdash, *command, "--port", page_port], cwd=tmp_path, stderr=(tmp_path / "log").open("wb")
    )
    try:
        eventually(
            lambda: subprocess.run(check, capture_output=True, timeout=60).returncode == 0, "it is well"
        )
    finally:
        running.terminate()
        assert running.wait(DEADLINE_S) == 0
