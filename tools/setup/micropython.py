"""Provide the MicroPython source tree of boards/pins.toml in build/micropython.

Taken in this order: the folder that MICROPYTHON_DIR names (used where it lies), Debian's source package from
the mirror that apt is set up for, a git clone of the tag. Debian's files are checked against their pinned
SHA-256, so the mirror needs no trust, nor any change to the system's apt configuration.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pins import BUILD, SetupError, check_sha256, load_pins

TREE = BUILD / "micropython"
DOWNLOADS = BUILD / "downloads"
APT_HELPER = Path("/usr/lib/apt/apt-helper")


def tree_version(tree: Path) -> str:
    """Return the version that a MicroPython tree states of itself, such as "1.25.0"."""
    header = tree / "py" / "mpconfig.h"
    if not header.is_file():
        raise SetupError(f"{tree}: not a MicroPython source tree, it has no py/mpconfig.h")
    text = header.read_text()
    names = ("MAJOR", "MINOR", "MICRO")
    parts = [re.search(rf"#define MICROPY_VERSION_{name} (\d+)", text) for name in names]
    return ".".join(part.group(1) if part else "?" for part in parts)


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command quietly; raise SetupError with its last words if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise SetupError(f"{command[0]}: not installed") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise SetupError(f"{Path(command[0]).name}: {words[-1] if words else f'exit code {done.returncode}'}")


def mirrors() -> list[str]:
    """Return the package archives that this machine's apt uses, Debian's likeliest first."""
    if not APT_HELPER.exists():
        return []
    columns = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", columns, "Created-By: Packages"]
    listing = subprocess.run(command, text=True, capture_output=True, check=False)
    rows = [line.split() for line in listing.stdout.splitlines()]
    whole = [row[0] for row in rows if len(row) == 3 and row[2] == "main" and "-" not in row[1]]
    return list(dict.fromkeys(whole))


def from_debian(pin: dict[str, Any], tree: Path) -> None:
    """Download, check and unpack Debian's source package into `tree`."""
    archives = mirrors()
    if not archives:
        raise SetupError("no Debian archive in apt's configuration")
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    for name, sha256 in pin["sha256"].items():
        target = DOWNLOADS / name
        if not target.exists():
            download(archives, f"{pin['pool']}/{name}", target)
        check_sha256(target, sha256)
    # The digests above say more than the signature that dpkg-source would look for.
    run("dpkg-source", "--no-check", "--no-copy", "--extract", DOWNLOADS / pin["dsc"], tree)


def download(archives: list[str], path: str, target: Path) -> None:
    """Fetch `path` from the first archive that has it, through apt's own transports and proxies."""
    problem = SetupError(f"{path}: no archive to take it from")
    for archive in archives:
        url = f"{archive.rstrip('/')}/{path}"
        print(f"  {url}", flush=True)
        try:
            # APT::Sandbox::User: the build folder need not be readable for apt's own user.
            run(APT_HELPER, "-o", "APT::Sandbox::User=", "download-file", url, target)
            return
        except SetupError as error:
            problem = error
            target.unlink(missing_ok=True)
    raise problem


def from_git(pin: dict[str, Any], tree: Path) -> None:
    """Clone the pinned tag and the few submodules that our builds use."""
    print(f"  {pin['url']} {pin['tag']}", flush=True)
    run("git", "clone", "--quiet", "--depth", "1", "--branch", pin["tag"], pin["url"], tree)
    run("git", "submodule", "--quiet", "update", "--init", "--depth", "1", *pin["submodules"], cwd=tree)


def provide(pin: dict[str, Any]) -> Path:
    """Return a tree of the pinned version, fetching it when it is not there yet."""
    if TREE.is_dir() and tree_version(TREE) == pin["version"]:
        return TREE
    print(f"MicroPython {pin['version']}: fetching", flush=True)
    partial = TREE.with_suffix(".partial")
    problems = []
    for source, fetch in (("Debian", from_debian), ("git", from_git)):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            fetch(pin[source.lower()], partial)
            if tree_version(partial) != pin["version"]:
                raise SetupError(f"is version {tree_version(partial)}")
        except SetupError as error:
            problems.append(f"{source}: {error}")
            continue
        shutil.rmtree(TREE, ignore_errors=True)
        partial.rename(TREE)
        return TREE
    shutil.rmtree(partial, ignore_errors=True)
    raise SetupError(
        f"MicroPython {pin['version']} cannot be fetched ({'; '.join(problems)}); "
        "set MICROPYTHON_DIR to a source tree of that version"
    )


def forget_other_builds(tree: Path, version: str) -> None:
    """Remove what was built from another tree: make would keep objects newer than this tree's files."""
    stamp = BUILD / "micropython-built-from.txt"
    state = f"{tree.resolve()} {version}\n"
    if stamp.exists() and stamp.read_text() == state:
        return
    for folder in ("firmware", "mpy-cross"):
        shutil.rmtree(BUILD / folder, ignore_errors=True)
    BUILD.mkdir(exist_ok=True)
    stamp.write_text(state)


def main() -> None:
    """Provide the tree and say where it is."""
    pin = load_pins()["micropython"]
    own = os.environ.get("MICROPYTHON_DIR")
    tree = Path(own) if own else provide(pin)
    version = tree_version(tree)
    forget_other_builds(tree, version)
    print(f"MicroPython {version}: {tree}")
    if version != pin["version"]:
        print(f"warning: MICROPYTHON_DIR is version {version}, tested is {pin['version']}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"error: {error}")
