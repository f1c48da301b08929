"""Install the system packages that a group of packages.toml needs: `packages.py build|demo|qemu|bench|fuzz|test`.

Quick when all is there. On Debian and its kin, missing ones are installed when this runs as root or sudo asks
for no password; otherwise one message names the command to run, and the exit code is 1.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

Package = dict[str, Any]

PACKAGES = Path(__file__).with_name("packages.toml")
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def has_header(header: str, compiler: str, flags: list[str]) -> bool:
    """Tell whether `compiler` finds `header`."""
    if not shutil.which(compiler):
        return False
    command = [compiler, *flags, "-E", "-x", "c", "-", "-o", os.devnull]
    done = subprocess.run(command, input=f"#include <{header}>\n", text=True, capture_output=True)
    return done.returncode == 0


def is_present(probe: dict[str, Any]) -> bool:
    """Tell whether what a probe of packages.toml looks for is there."""
    if "program" in probe:
        return shutil.which(probe["program"], path=SEARCH_PATH) is not None
    if "python" in probe:
        return importlib.util.find_spec(probe["python"]) is not None
    if "python_header" in probe:
        return Path(sysconfig.get_paths()["include"], probe["python_header"]).exists()
    return has_header(probe["header"], probe["compiler"], probe.get("flags", []))


def packages_of(groups: dict[str, Any], name: str) -> list[Package]:
    """Return the packages of a group after those of the groups that it needs, each once."""
    found: list[Package] = []
    for needed in groups[name]["needs"]:
        found += packages_of(groups, needed)
    found += groups[name]["package"]
    return [package for index, package in enumerate(found) if package not in found[:index]]


def missing_packages(groups: dict[str, Any], name: str) -> list[Package]:
    """Return what this machine lacks of a group."""
    on_debian = shutil.which("apt-get") is not None
    return [
        package
        for package in packages_of(groups, name)
        if (on_debian or not package.get("only_on_debian")) and not is_present(package["probe"])
    ]


def as_root() -> list[str] | None:
    """Return what to put before a command to run it as root, None if only a password would do."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def install(names: list[str], prefix: list[str]) -> None:
    """Install Debian packages; the lists are fetched first, since a fresh machine has none."""
    # Another installation may be running: wait for it rather than fail.
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=600"]
    subprocess.run([*apt, "update"], check=False)
    if subprocess.run([*apt, "install", "-y", "--no-install-recommends", *names], check=False).returncode:
        sys.exit(f"error: apt-get could not install {' '.join(names)}; its message is above")


def main() -> None:
    """Bring the machine to what the group named on the command line needs."""
    with PACKAGES.open("rb") as file:
        groups = tomllib.load(file)["group"]
    if len(sys.argv) != 2 or sys.argv[1] not in groups:
        sys.exit(f"usage: {Path(sys.argv[0]).name} {'|'.join(groups)}")
    group = sys.argv[1]
    missing = missing_packages(groups, group)
    if not missing:
        return
    names = [package["debian"] for package in missing]
    what = ", ".join(f"{package['debian']} ({package['why']})" for package in missing)
    print(f"missing for {groups[group]['title']}: {what}", flush=True)
    if not shutil.which("apt-get"):
        sys.exit("error: please install these (the names are Debian's) with this system's package manager")
    prefix = as_root()
    if prefix is None:
        command = f"sudo apt-get update && sudo apt-get install {' '.join(names)}"
        sys.exit(f"error: not root, so please run: {command}")
    install(names, prefix)
    still = [package["debian"] for package in missing_packages(groups, group)]
    if still:
        sys.exit(f"error: installed, yet not found: {', '.join(still)}")


if __name__ == "__main__":
    main()
