"""Make the folder that is released: .mpy sets, model, wheel, SBOM and checksums. The same sources give the same bytes.

mpy/<arch>/          the application and native module for a stock MicroPython, with a package.json for mip
model/               the default model package
vibnode-*.whl        vibtrain, vibdash and vibnode, with all of the above sets inside
sbom.spdx.json       what all of it is made of
SHA256SUMS           of every file, for sha256sum --check
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import sbom
from mpy_sets import ROOT, SetError, make_sets, version

SETUPTOOLS = "setuptools==84.2.1"  # writes its version into the wheel
# What the wheel is made of, beside the generated files.
SOURCES = (
    "pyproject.toml", "README.md", "LICENSE", "firmware/vibnode", "firmware/cmodules/vib", "training/vib",
    "training/vibtrain", "dashboard/vibdash", "tools/vibtool",
)  # fmt: skip
MODEL_FILES = ("model.toml", "model.bin", "model.ota", "golden.npz")
FALLBACK_EPOCH_S = 1_767_225_600  # 2026-01-01, where no commit tells a time
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.so", "*.o")


def epoch_s() -> int:
    """The time that is stated in all files: the last commit's."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return int(done.stdout) if done.returncode == 0 else FALLBACK_EPOCH_S


def stage(folder: Path, sets: Path) -> None:
    """Lay out in `folder` what the wheel is built from."""
    for name in SOURCES:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copyfile(source, target)
    tool = folder / "tools" / "vibtool"
    shutil.copytree(sets, tool / "mpy")
    for pins in sorted((ROOT / "boards").glob("*/pins.csv")):
        (tool / "boards" / pins.parent.name).mkdir(parents=True)
        for path in (pins, pins.with_name("sensor.toml")):
            shutil.copyfile(path, tool / "boards" / pins.parent.name / path.name)
    shutil.copyfile(ROOT / "boards" / "chips.toml", tool / "boards" / "chips.toml")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def build_wheel(staged: Path, out: Path) -> Path:
    """The wheel of `staged`, in `out`. Raises SetError."""
    constraint = staged.parent / "constraint.txt"
    constraint.write_text(SETUPTOOLS + "\n")
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": str(epoch_s()),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_BUILD_CONSTRAINT": str(constraint),
        "CFLAGS": f"-g0 -ffile-prefix-map={staged}=.",
    }
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(out),
        str(staged),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wheels = list(out.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        words = done.stderr.strip().splitlines() or ["no reason given"]
        raise SetError(f"the wheel was not built: {words[-1]}")
    return wheels[0]


def copy_model(package: Path, folder: Path) -> None:
    """The files of a model package. Raises SetError."""
    folder.mkdir()
    for name in MODEL_FILES:
        if not (package / name).is_file():
            raise SetError(f"{package}: has no {name}; make the package again: vibtrain fit")
        shutil.copyfile(package / name, folder / name)


def checksums(folder: Path) -> str:
    """SHA256SUMS."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files
    )


def make_dist(out: Path, package: Path, compiler: Path) -> None:
    """The release in `out`, which is replaced when all is there. Raises SetError."""
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    new, staged = work / "new", work / "source"
    new.mkdir(parents=True)
    make_sets(compiler, new / "mpy")
    copy_model(package, new / "model")
    stage(staged, new / "mpy")
    build_wheel(staged, new)
    described = sbom.document(new, version(), epoch_s())
    (new / "sbom.spdx.json").write_text(json.dumps(described, indent=1) + "\n")
    (new / "SHA256SUMS").write_text(checksums(new))
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
    shutil.rmtree(work)


def main() -> None:
    """Make it, and say what is in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=ROOT / "build/models/default", help="model package")
    parser.add_argument("--out", type=Path, default=ROOT / "build/dist", help="folder; replaced")
    parser.add_argument(
        "--mpy-cross", type=Path, default=ROOT / "build/mpy-cross/mpy-cross", help="the compiler"
    )
    options = parser.parse_args()
    make_dist(options.out, options.model, options.mpy_cross)
    for path in sorted(options.out.iterdir()):
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) or path.stat().st_size
        print(f"{path.name:<48} {size:>9} bytes")


if __name__ == "__main__":
    try:
        main()
    except SetError as problem:
        sys.exit(f"error: {problem}")
