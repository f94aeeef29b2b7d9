"""Make the site of the documentation: python scripts/make_docs.py [--out build/docs]. Any fault of a page fails it."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    out = parser.parse_args().out
    began = time.perf_counter()
    if failed := build_main(["-b", "html", "-W", "--keep-going", "-q", "-E", str(ROOT / "docs"), str(out)]):
        return failed
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    print(f"{out / 'index.html'}: {size:.1f} MB in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
