"""Refusing a tissue that does not fit into memory before it is built."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from testis_abm.errors import TestisError

# Measured (benchmarks/engine.py): all that a model holds for one simulated Sertoli cell and its germ cells, and what
# building needs beside it for a moment.
_BYTES_PER_SERTOLI = 1300
_BUILDING = 1.6


def available() -> int:
    """Return the memory that this process may still take, bytes: of the machine, or of its control group if that is less."""
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free = int(fields["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in fields else free
    group = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):  # no control group, or no limit in it ("max")
        free = min(free, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(0, free)


def check_fits(tubules: int, sertoli_per_tubule: int) -> None:
    """Raise if a tissue of this size does not fit into memory.

    Raises:
        TestisError: with the size that would fit.
    """
    per_tubule = sertoli_per_tubule * _BYTES_PER_SERTOLI * _BUILDING
    free = available()
    if tubules * per_tubule <= free:
        return
    fits = int(free // per_tubule)
    advice = f"tissue.tubules up to {fits}" if fits else "fewer Sertoli cells per tubule"
    raise TestisError(
        f"tissue.tubules: {tubules} sections of {sertoli_per_tubule} Sertoli cells need about "
        f"{tubules * per_tubule / 1e9:.1f} GB of memory to build and {free / 1e9:.1f} GB are free; {advice} would fit"
    )
