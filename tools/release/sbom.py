"""What a release is made of, as an SPDX 2.3 document in JSON."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

from mpy_sets import ROOT

SPDX = "SPDX-2.3"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def document(folder: Path, version: str, epoch_s: int) -> dict[str, Any]:
    """The document for all files under `folder`, the same for the same files. `epoch_s`: when it was made."""
    files = [_file(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    whole = hashlib.sha256(
        "".join(file["checksums"][1]["checksumValue"] for file in files).encode()
    ).hexdigest()
    parts = _inside() + _requirements()
    release = _package("Vibnode", version, "MIT", "release")
    release["filesAnalyzed"] = True
    release["packageVerificationCode"] = {"packageVerificationCodeValue": _verification_code(files)}
    return {
        "spdxVersion": SPDX,
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"vibnode-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/vibnode-{version}-{whole[:32]}",
        "creationInfo": {
            "created": dt.datetime.fromtimestamp(epoch_s, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: vibnode-make-dist"],
        },
        "packages": [release, *(part for part, _ in parts)],
        "files": files,
        "relationships": [
            _relationship("SPDXRef-DOCUMENT", "DESCRIBES", release["SPDXID"]),
            *(_relationship(release["SPDXID"], how, part["SPDXID"]) for part, how in parts),
            *(_relationship(release["SPDXID"], "CONTAINS", file["SPDXID"]) for file in files),
        ],
    }


def _inside() -> list[tuple[dict[str, Any], str]]:
    """What of others is inside the files."""
    pins = tomllib.loads((ROOT / "boards" / "pins.toml").read_text())
    name, _, version = pins["python"]["aiomqttc"]["requirement"].partition("==")
    micropython = pins["micropython"]["version"]
    gcc = "GPL-3.0-or-later WITH GCC-exception-3.1"
    return [
        (_package(name, version, "Unlicense", "in-mpy", f"pkg:pypi/{name}@{version}"), "CONTAINS"),
        (_package("MicroPython", micropython, "MIT", "in-native-module"), "STATIC_LINK"),
        (_package("libgcc", None, gcc, "in-native-module"), "STATIC_LINK"),
    ]


def _requirements() -> list[tuple[dict[str, Any], str]]:
    """What the wheel asks pip for, those of its extras too, in the versions that it was tested with."""
    locked = dict(
        line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line
    )
    tested = {_normal(name): version for name, version in locked.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [
        one for name, listed in project["optional-dependencies"].items() if name != "dev" for one in listed
    ]
    found = {}
    for requirement in [*project["dependencies"], *extras]:
        if requirement.startswith(f"{project['name']}["):  # an extra that names others
            continue
        match = _NAME.match(requirement)
        assert match, requirement
        name = match.group()
        version = tested[_normal(name)]
        purl = f"pkg:pypi/{name.lower()}@{version}"
        found[name] = (_package(name, version, "NOASSERTION", "pypi", purl), "DEPENDS_ON")
    return [found[name] for name in sorted(found)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _package(name: str, version: str | None, licence: str, kind: str, purl: str = "") -> dict[str, Any]:
    package = {
        "SPDXID": f"SPDXRef-{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', name)}",
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }
    if version:
        package["versionInfo"] = version
    if purl:
        reference = {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }
        package["externalRefs"] = [reference]
    return package


def _file(path: Path, folder: Path) -> dict[str, Any]:
    data, name = path.read_bytes(), path.relative_to(folder).as_posix()
    sums = {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}
    return {
        "SPDXID": f"SPDXRef-file-{hashlib.sha256(name.encode()).hexdigest()[:16]}",
        "fileName": f"./{name}",
        "checksums": [{"algorithm": kind, "checksumValue": value} for kind, value in sums.items()],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }


def _verification_code(files: list[dict[str, Any]]) -> str:
    """As SPDX 2.3 has it, section 7.9: over the SHA-1 of every file."""
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def _relationship(one: str, how: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}
