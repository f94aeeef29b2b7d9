"""Make the tables of docs/performance.md: python scripts/make_performance.py, in some minutes on an idle machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from made_page import filled

import testis_abm
from testis_abm.support import files

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"


def processor() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Run the benchmark, and write what it prints into the page."""
    before = os.getloadavg()[0]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "engine.py"), "--quick"], capture_output=True, text=True, check=True
    )
    cores, load = os.cpu_count() or 1, max(before, os.getloadavg()[0])
    basis = (
        f"Made by `make performance` with testis_abm {testis_abm.__version__}, Python {platform.python_version()}, {cores} cores of "
        f"{processor()}; load average {load:.1f}"
    )
    basis += ": **other work ran beside it**, so times are too long." if load > 1.5 * cores else "."
    made = {"basis": [basis], "engine": ["```", *ran.stdout.rstrip().splitlines(), "```"]}
    files.write(PAGE, filled(PAGE, PAGE.read_text(encoding="utf-8"), made).encode())


if __name__ == "__main__":
    main()
