"""Put together what a stock MicroPython needs to become a sensor: a folder for each instruction set, build/mpy/<arch>.

Each holds the application as .mpy files, the native module and a package.json, from which MicroPython's own `mip`
installs it as well as `vibnode deploy` does.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "mpy"
NATIVE = ROOT / "build" / "natmod"
APPLICATION = ROOT / "firmware" / "vibnode"
FROZEN = ROOT / "build" / "frozen"
MAIN = ROOT / "firmware" / "main.py"


class SetError(Exception):
    """A set cannot be made. Its text is one line."""


def version() -> str:
    """The application's version."""
    for statement in ast.parse((APPLICATION / "__init__.py").read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__":
            return str(ast.literal_eval(statement.value))
    raise SetError("firmware/vibnode/__init__.py states no __version__")


def sources() -> Iterator[tuple[Path, str]]:
    """Every Python file of the application and what it needs, and its name as a module's file."""
    for path in sorted(APPLICATION.rglob("*.py")):
        if path.name != "__main__.py":  # for the unix port
            yield path, path.relative_to(APPLICATION.parent).as_posix()
    for path in sorted(FROZEN.glob("*.py")):
        yield path, path.name


def compile_application(compiler: Path, folder: Path) -> list[str]:
    """Compile into `folder`; the names of the files, relative to it. Raises SetError."""
    made = []
    for path, name in sources():
        out = folder / Path(name).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [str(compiler), "-s", name, "-o", str(out), str(path)], capture_output=True, text=True
        )
        if done.returncode:
            raise SetError(f"{name}: {(done.stderr.strip().splitlines() or ['not compiled'])[-1]}")
        made.append(out.relative_to(folder).as_posix())
    return made


def architectures() -> list[str]:
    """The instruction sets whose native module is built."""
    return sorted(path.parent.name for path in NATIVE.glob("*/vib.mpy"))


def make_set(arch: str, application: Path, names: list[str], folder: Path) -> None:
    """The set of `arch` in `folder`, which is written anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(application / name, folder / name)
    shutil.copyfile(NATIVE / arch / "vib.mpy", folder / "vib.mpy")
    shutil.copyfile(MAIN, folder / "main.py")
    package = {
        "urls": [[name, name] for name in sorted([*names, "vib.mpy"])],
        "deps": [],
        "version": version(),
    }
    (folder / "package.json").write_text(json.dumps(package, indent=1) + "\n")


def make_sets(compiler: Path, out: Path, wanted: list[str] | None = None) -> list[str]:
    """All sets, or those `wanted`, under `out`; their names. Raises SetError."""
    chosen = wanted or architectures()
    for arch in chosen:
        if not (NATIVE / arch / "vib.mpy").exists():
            raise SetError(f"{arch}: no build/natmod/{arch}/vib.mpy; build it with: make natmod ARCH={arch}")
    if not chosen:
        raise SetError("no native module is built; build them with: make natmod")
    application = out / "application"
    shutil.rmtree(application, ignore_errors=True)
    names = compile_application(compiler, application)
    for arch in chosen:
        make_set(arch, application, names, out / arch)
    shutil.rmtree(application)
    return chosen


def main() -> None:
    """Make them, and say how large they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--mpy-cross", type=Path, default=ROOT / "build/mpy-cross/mpy-cross", help="the compiler"
    )
    options = parser.parse_args()
    for arch in make_sets(options.mpy_cross, OUT):
        files = [path for path in (OUT / arch).rglob("*") if path.suffix in (".mpy", ".py")]
        total = sum(path.stat().st_size for path in files)
        print(f"build/mpy/{arch}: {len(files)} files, {total} bytes")


if __name__ == "__main__":
    try:
        main()
    except SetError as problem:
        sys.exit(f"error: {problem}")
