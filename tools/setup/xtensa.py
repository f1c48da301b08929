"""Put a C compiler for the ESP32's instruction set together in build/xtensa, from Debian's packages.

Debian compiles for another Xtensa core, without register windows. Its compiler and assembler take the description
of a core from a library, though, which the environment variable XTENSA_GNU_CONFIG names. Such a library is made here
from QEMU's description of a core with windows (de233_fpu), in the form that binutils' headers give. The core lacks
the high-half multiplication that the ESP32 has, so this proves that the code is portable; for speed, a release is
built by Espressif's compiler. (The compiler's own library has the other calling convention: never link it.)

The packages come from the archive that this machine's apt already uses, checked by apt's signatures, but of
Debian 13, whose compiler is the first to know the variable. Nothing is installed: they run from build/xtensa with
their own C library.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from micropython import mirrors, run
from pins import BUILD, SetupError

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
COMPILER_PACKAGES = ["gcc-xtensa-lx106", "binutils-xtensa-lx106", "picolibc-xtensa-lx106-elf"]
LIBRARY_PACKAGES = ["libc6", "libgcc-s1", "libgmp10", "libisl23", "libmpc3", "libmpfr6", "libstdc++6", "libzstd1",
                    "zlib1g"]  # fmt: skip
SOURCES = {"qemu": "*/target/xtensa/core-de233_fpu/*", "binutils": "*/include/*"}

XTENSA = BUILD / "xtensa"
ROOT = XTENSA / "root"
CORE = XTENSA / "core.so"
CORE_SOURCE = Path(__file__).with_name("xtensa_core.c")
PREFIX = ROOT / "usr" / "bin" / "xtensa-lx106-elf-"
STAMP = XTENSA / "ready.txt"


def apt_settings(folder: Path, archives: list[str]) -> Path:
    """Write an apt configuration that has its own lists and caches in `folder`, and return its path."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    signed = f"[signed-by={KEYRING}]"
    lines = [
        f"{kind} {signed} {archive} {SUITE} main\n" for archive in archives for kind in ("deb", "deb-src")
    ]
    (folder / "sources.list").write_text("".join(lines))
    settings = folder / "apt.conf"
    settings.write_text(
        f'Dir::Etc::SourceList "{folder}/sources.list";\nDir::Etc::SourceParts "-";\n'
        f'Dir::State "{folder}/state";\nDir::State::status "{folder}/status";\nDir::Cache "{folder}/cache";\n'
        'APT::Sandbox::User "";\nAcquire::Languages "none";\n'
    )
    return settings


def download(folder: Path) -> None:
    """Fetch the packages and the two sources into `folder`."""
    archives = [archive for archive in mirrors() if archive.rstrip("/").endswith("/debian")]
    if not archives or not KEYRING.exists():
        raise SetupError("no Debian archive in apt's configuration, or no debian-archive-keyring")
    os.environ["APT_CONFIG"] = str(apt_settings(folder, archives[:1]))
    print(
        f"Debian {SUITE}'s Xtensa compiler, and the sources that describe the core: fetching 120 MB",
        flush=True,
    )
    run("apt-get", "-q", "update")
    run("apt-get", "-q", "download", *COMPILER_PACKAGES, *LIBRARY_PACKAGES, cwd=folder)
    run("apt-get", "-q", "source", "--download-only", "--only-source", *SOURCES, cwd=folder)


def unpack(folder: Path) -> None:
    """Unpack the packages into ROOT, and of the sources what is needed into `folder`."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for package in sorted(folder.glob("*.deb")):
        run("dpkg-deb", "--extract", package, ROOT)
    for source, wanted in SOURCES.items():
        archive = next(folder.glob(f"{source}_*.orig.tar.*"))
        run("tar", "--extract", "--file", archive, "--directory", folder, "--wildcards", wanted)


def build_core(folder: Path) -> None:
    """Compile the core's description."""
    headers = next(folder.glob("binutils-*/include"))
    description = next(folder.glob("qemu-*/target/xtensa/core-de233_fpu"))
    run("cc", "-shared", "-fPIC", "-O1", "-w", f"-I{headers}", f"-I{description}", CORE_SOURCE, "-o", CORE)


def wrap_programs() -> None:
    """Put a script in each program's place that runs it with its own loader, libraries and core description."""
    libraries = next((ROOT / "usr" / "lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux*"))
    folders = [ROOT / "usr/bin", *ROOT.glob("usr/lib/xtensa-lx106-elf/bin"), *ROOT.glob("usr/lib/gcc/*/*")]
    for program in [path for folder in folders for path in folder.iterdir()]:
        with program.open("rb") if program.is_file() else open(os.devnull, "rb") as file:
            is_program = file.read(4) == b"\x7fELF" and os.access(program, os.X_OK)
        if not is_program or ".so" in program.name:
            continue
        real = program.with_name(f"{program.name}.real")
        program.rename(real)
        program.write_text(
            f"#!/bin/sh\nXTENSA_GNU_CONFIG='{CORE}' \\\n"
            f"exec '{loader}' --argv0 \"$0\" --library-path '{libraries}' '{real}' \"$@\"\n"
        )
        program.chmod(0o755)


def check() -> None:
    """Raise SetupError unless the compiler makes code with register windows."""
    command = [f"{PREFIX}gcc", "-x", "c", "-dM", "-E", "-"]
    done = subprocess.run(command, input="", text=True, capture_output=True, check=False)
    if done.returncode or "__XTENSA_WINDOWED_ABI__" not in done.stdout:
        raise SetupError(
            f"{PREFIX}gcc: does not compile for register windows; its words: {done.stderr.strip()}"
        )


def main() -> None:
    """Make the compiler, unless it is there."""
    state = f"{ROOT} {CORE_SOURCE.stat().st_mtime_ns} {Path(__file__).stat().st_mtime_ns}\n"
    if STAMP.exists() and STAMP.read_text() == state:
        return
    shutil.rmtree(XTENSA, ignore_errors=True)
    folder = XTENSA / "downloads"
    folder.mkdir(parents=True)
    download(folder)
    unpack(folder)
    build_core(folder)
    shutil.rmtree(folder)
    wrap_programs()
    check()
    STAMP.write_text(state)
    print(f"Xtensa compiler: {PREFIX}gcc")


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"error: no Xtensa compiler: {error}")
