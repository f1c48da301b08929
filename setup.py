"""What pyproject.toml cannot say: files from beside the packages that an installed package carries inside."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Where in the installed packages, from which folder, and which files. A checkout is used as it is.
CARRIED = {
    "vib/core": (
        "firmware/cmodules/vib",
        ("vib*.c", "vib*.h", "vib*.def"),
    ),  # a converted model includes vib.h
    "vibtool/boards": ("boards", ("chips.toml", "*/pins.csv", "*/sensor.toml")),
}


class BuildPy(build_py):
    """Packages, and what they carry."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._carried():
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(source), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        carried = [] if self.editable_mode else [str(target) for _, target in self._carried()]
        return [*super().get_outputs(include_bytecode), *carried]

    def _carried(self) -> list[tuple[Path, Path]]:
        return [
            (path, Path(self.build_lib, inside, path.relative_to(ROOT / folder)))
            for inside, (folder, patterns) in CARRIED.items()
            for pattern in patterns
            for path in sorted((ROOT / folder).glob(pattern))
        ]


setup(cmdclass={"build_py": BuildPy})
