"""Refusing a tissue that does not fit into memory before it is built."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from testis_abm.support.errors import TestisError

# Measured for each Sertoli cell and its germ cells: a man holds 1,000 bytes and a picture of him 400; the rest is for
# segments that grow. Drawing the fields of a picture takes some for a moment, whatever the size.
_MAN, _PICTURE, _DRAWING = 1200, 500, 200_000_000
# Address space that the memory of threads reserves and never uses.
_RESERVED = 250_000_000


def available() -> int:
    """Return the memory that this process may still take, bytes: of the machine, its control groups and its own limit."""
    free = psutil.virtual_memory().available
    free = min(free, free_in_groups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"), free))
    process = psutil.Process()
    if hasattr(process, "rlimit"):  # not on macOS and Windows
        limit, _ = process.rlimit(psutil.RLIMIT_AS)
        if limit != psutil.RLIM_INFINITY:
            free = min(free, limit - process.memory_info().vms - _RESERVED)
    return int(max(0, free))


def free_in_groups(own: Path, groups: Path, free: int) -> int:
    """Return the least of `free` and what the control groups of this process, one in another, leave to it, bytes.

    Args:
        own: the file that names its groups (/proc/self/cgroup); groups: where they lie (/sys/fs/cgroup).
        free: known to be free otherwise.
    """
    for line in own.read_text().splitlines() if own.exists() else []:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, files = groups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top, files = groups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inmost = top / path.lstrip("/")
        for group in (inmost, *inmost.parents[: len(inmost.parts) - len(top.parts)]):
            with contextlib.suppress(OSError, ValueError):  # no such group here, or no limit in it ("max")
                limit, taken = (int((group / name).read_text()) for name in files[:2])
                kept = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                free = min(free, limit - taken + int(kept.get(files[2], 0)))  # files in the cache give way
    return free


def check_fits(tubules: int, rows: int, sertoli_per_tubule: int, men: int = 1, pictures: int = 0) -> None:
    """Raise if so many men with tissues of this size, and pictures of them, do not fit into memory together.

    A picture shows one of the `rows` sections of each tubule.

    Raises:
        TestisError: with the size that would fit.
    """
    per_tubule = sertoli_per_tubule * (rows * men * _MAN + pictures * _PICTURE)
    beside, free = _DRAWING if pictures else 0, available()
    need = tubules * per_tubule + beside
    if need <= free:
        return
    fits = int((free - beside) // per_tubule)
    advice = f"tissue.tubules up to {fits}" if fits > 0 else "fewer rows or Sertoli cells per tubule"
    held = f" for {men} men at a time" if men > 1 else ""
    raise TestisError(
        f"tissue.tubules: {tubules} tubules of {rows} rows of {sertoli_per_tubule} Sertoli cells{held} need about "
        f"{need / 1e9:.1f} GB of memory to build and {free / 1e9:.1f} GB are free; {advice} would fit"
    )
