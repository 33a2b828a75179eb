"""Disks that are full, small or read-only: mounted, or a limit where nothing may be."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_BALLAST = "ballast"


class SmallDisk:
    """A file system of its own at ``path``, of so many bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no room for another byte."""
        with (self.path / _BALLAST).open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Take back what :meth:`fill` has done."""
        (self.path / _BALLAST).unlink()

    def read_only(self, *, is_so: bool = True) -> None:
        _mount("-o", f"remount,{'ro' if is_so else 'rw'}", str(self.path))


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one; the test is skipped where this process may not."""
    path.mkdir(parents=True, exist_ok=True)
    try:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk of our own may not be mounted here")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)  # noqa: S603, S607 - our own mount


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)  # noqa: S603, S607 - our own words


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let writes fail that would make a file of this process larger than so many bytes.

    The kernel's error is another than that of a full disk (EFBIG), and is
    raised wherever that one would be.
    """
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, but for lock files."""
    return {
        os.path.relpath(path, folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }
