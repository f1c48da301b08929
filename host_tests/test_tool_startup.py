"""What the three commands import before they need it: counted, not timed. And what they say where it is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import vibnode
from typer.main import get_command
from vibdash.cli import main as vibdash
from vibtool import cli as vibtool
from vibtrain.cli import main as vibtrain

MODULES = {"vibtrain": "vibtrain.cli.main", "vibdash": "vibdash.cli.main", "vibnode": "vibtool.cli"}
APPS = {"vibtrain": vibtrain.app, "vibdash": vibdash.app, "vibnode": vibtool.app}
HEAVY = {
    *("numpy", "scipy", "pandas", "sklearn", "emlearn", "joblib", "matplotlib", "tomli_w", "platformdirs"),
    *(
        "sqlalchemy",
        "alembic",
        "argon2",
        "nicegui",
        "fastapi",
        "starlette",
        "uvicorn",
        "cryptography",
        "paho",
    ),
    *("pyarrow", "h5py", "serial", "mpremote", "esptool", "aiomqttc", "psycopg", "google", "distributed"),
}
PROBE = """
import importlib, json, sys
given = json.loads(sys.argv[1])

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in given["missing"]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
codes = []
for command in given["commands"]:
    sys.argv = command
    try:
        importlib.import_module(given["module"]).main()
    except SystemExit as ended:
        codes.append(ended.code)
with open(given["out"], "w") as file:
    json.dump({"codes": codes, "modules": sorted({name.partition(".")[0] for name in sys.modules})}, file)
"""


class Ran:
    """What commands of one program said, their exit codes, and the heavy libraries that they imported."""

    def __init__(self, folder: Path, *commands: str, missing: frozenset[str] = frozenset()) -> None:
        name = commands[0].split()[0]
        out = folder / "told.json"
        given = {
            "module": MODULES[name],
            "commands": [command.split() for command in commands],
            "missing": sorted(missing),
            "out": str(out),
        }
        environment = {key: value for key, value in os.environ.items() if key != "COVERAGE_PROCESS_START"}
        done = subprocess.run(
            [sys.executable, "-c", PROBE, json.dumps(given)],
            cwd=folder, capture_output=True, text=True, timeout=120, env=environment,
        )  # fmt: skip
        self.out, self.err = done.stdout, done.stderr
        assert out.exists(), done.stderr
        told = json.loads(out.read_text())
        self.codes, self.heavy = told["codes"], HEAVY & set(told["modules"])


def commands(command: object, path: str) -> Iterator[str]:
    """The paths of `command` and of all below it."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


@pytest.mark.parametrize("name", APPS)
def test_help_of_no_command_imports_anything_heavy(name: str, tmp_path: Path) -> None:
    paths = list(commands(get_command(APPS[name]), name))
    ran = Ran(tmp_path, *(f"{path} --help" for path in paths))
    assert ran.codes == [0] * len(paths) and len(paths) > 8, ran.err
    assert ran.out.count("Usage: ") == len(paths)
    assert ran.heavy == set()


@pytest.mark.parametrize("name", APPS)
def test_each_says_its_version(name: str, tmp_path: Path) -> None:
    ran = Ran(tmp_path, f"{name} --version")
    assert ran.codes == [0] and ran.out == f"{vibnode.__version__}\n" and ran.heavy == set()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("vibtrain cr", "crossval"), ("vibdash device ren", "renew"), ("vibnode model pu", "push")],
)
def test_each_completes_what_is_typed_in_a_shell(typed: str, offered: str, tmp_path: Path) -> None:
    words = typed.split()
    asked = {
        f"_{words[0].upper()}_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    program = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run([program], env=os.environ | asked, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == [offered], done.stderr


NUMPY = {"numpy", "tomli_w"}  # of what reads configurations and manifests


@pytest.mark.parametrize(
    ("command", "may", "words"),
    [
        ("vibtrain nope", set(), "No such command"),
        ("vibtrain fit --nope", set(), "No such option"),
        (
            "vibtrain fit --out m --config nope",
            NUMPY | {"platformdirs"},
            "configuration 'nope': no such file",
        ),
        ("vibtrain fit --out m --recordings nope.csv", NUMPY | {"platformdirs"}, "nope.csv: cannot be read"),
        ("vibtrain evaluate nope", NUMPY | {"platformdirs"}, "no such file; accepted: a model package"),
        ("vibtrain report nope --out x.html", NUMPY | {"platformdirs"}, "accepted: a model package"),
        ("vibtrain crossval --by speed --config nope", NUMPY | {"platformdirs"}, "no such file"),
        ("vibtrain search --config nope", NUMPY | {"platformdirs"}, "no such file"),
        ("vibtrain data info nope", {"numpy", "platformdirs"}, "data set 'nope' is unknown"),
        ("vibtrain data check nope", NUMPY | {"platformdirs"}, "data set 'nope' is unknown"),
        ("vibdash nope", set(), "No such command"),
        ("vibdash run --nope", set(), "No such option"),
        ("vibdash --in nope run", set(), "there is no vibdash.toml"),
        ("vibdash device list", set(), "no site here"),
        ("vibdash device add pump", set(), "no site here"),
        ("vibdash check", set(), "none is here"),
        ("vibdash init Nope", set(), "accepted: 1 to 32"),
        ("vibdash export nope a.csv", set(), "table: nope; accepted: one of"),
        ("vibnode nope", set(), "No such command"),
        ("vibnode flash nope.bin", set(), "nope.bin: cannot be read"),
        ("vibnode provision nope.toml", set(), "nope.toml: cannot be read"),
        ("vibnode model push nope", set(), "nope: cannot be read"),
        ("vibnode deploy --port nope", {"serial", "mpremote", "platformdirs"}, "nope: there is no such port"),
        ("vibnode record out --port nope", {"serial", "mpremote", "platformdirs"}, "there is no such port"),
    ],
)
def test_an_error_imports_no_more_than_it_takes_to_see_it(
    command: str, may: set[str], words: str, tmp_path: Path
) -> None:
    ran = Ran(tmp_path, command)
    assert ran.codes[0] and words in " ".join(ran.err.split()), ran.err
    assert "Traceback" not in ran.err
    assert ran.heavy <= may, ran.heavy - may


# All that `pip install vibnode` alone does not bring.
EXTRAS = frozenset(HEAVY - {"numpy"})


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("vibtrain fit --out m", "train"),
        ("vibtrain fit --out m --simulate", "train"),
        ("vibtrain search", "train"),
        ("vibtrain data list", "train"),
        ("vibtrain evaluate m", "train"),
        ("vibtrain report m --out r.html", "report"),
        ("vibdash init plant", "dashboard"),
        ("vibdash run", "dashboard"),
        ("vibdash page", "dashboard"),
        ("vibdash user list", "dashboard"),
        ("vibdash export alert a.csv", "dashboard"),
        ("vibdash score x --model m", "dashboard"),
        ("vibnode list", "tools"),
        ("vibnode deploy --port nope", "tools"),
        ("vibnode record out --port nope", "parquet"),
        ("vibnode monitor", "tools"),
    ],
)
def test_without_its_extra_a_command_says_which_one_it_wants(
    command: str, extra: str, tmp_path: Path
) -> None:
    ran = Ran(tmp_path, command, missing=EXTRAS)
    assert ran.codes == [1] and f"pip install 'vibnode[{extra}]'" in ran.err, ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert not (tmp_path / "plant").exists() and not (tmp_path / "m").exists()


def test_a_fault_of_ours_is_not_taken_for_a_missing_extra() -> None:
    """Half a library: no extra would bring the other half."""
    script = (
        "from vibtrain.cli.extras import needs_extra\nwith needs_extra('vibtrain', 'train'): import json.nope"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "Traceback" in done.stderr and "json.nope" in done.stderr
