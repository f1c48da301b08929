"""A file system in memory, for a board that has none: QEMU's. Once it is mounted, `open` and `import` use it."""

import io
import os
import sys

ENOENT, EEXIST = 2, 17
FOLDER, FILE = 0x4000, 0x8000


class Written:
    """A file that is being written; what was is kept when it is closed."""

    def __init__(self, keep) -> None:
        self._data = b""
        self._keep = keep

    def write(self, data) -> int:
        self._data += data
        return len(data)

    def close(self) -> None:
        self._keep(self._data)


class MemoryFiles:
    """A folder is None, a file its bytes; paths have no slash at either end."""

    def __init__(self) -> None:
        self._at = {"": None}
        self._here = ""

    def mount(self, readonly, mkfs) -> None:
        pass

    def umount(self) -> None:
        pass

    def chdir(self, path) -> None:
        self._here = self._full(path)

    def getcwd(self):
        return "/" + self._here

    def open(self, path, mode):
        path = self._full(path)
        if "r" in mode:
            data = self._entry(path)
            return io.BytesIO(data) if "b" in mode else io.StringIO(data.decode())
        return Written(lambda data: self._at.update({path: data}))

    def stat(self, path):
        entry = self._entry(self._full(path))
        size = 0 if entry is None else len(entry)
        return (FOLDER if entry is None else FILE, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def statvfs(self, path):
        return (512, 512, 2048, 1024, 1024, 0, 0, 0, 0, 255)

    def ilistdir(self, path):
        folder = self._full(path)
        self._entry(folder)
        start = folder + "/" if folder else ""
        names = [name[len(start) :] for name in self._at if name and name.startswith(start)]
        return iter([(name, self.stat("/" + start + name)[0], 0) for name in names if "/" not in name])

    def mkdir(self, path) -> None:
        path = self._full(path)
        if path in self._at:
            raise OSError(EEXIST)
        self._at[path] = None

    def rename(self, old, new) -> None:
        self._at[self._full(new)] = self._at.pop(self._full(old))

    def remove(self, path) -> None:
        self._entry(self._full(path))
        del self._at[self._full(path)]

    def _full(self, path):
        whole = path if path.startswith("/") else self._here + "/" + path
        return whole.strip("/")

    def _entry(self, path):
        if path not in self._at:
            raise OSError(ENOENT)
        return self._at[path]


os.mount(MemoryFiles(), "/flash")
os.chdir("/flash")
sys.path.append("lib")
