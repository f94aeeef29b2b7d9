"""Print presets, populations, responders and drugs beside what was published, and keep it all as docs/tables.md.

python benchmarks/tables.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "tables.md"
# Script -> heading, what counts as a hit.
TABLES = {
    "men": ("Presets", "A hit lies inside the published range (as printed, mean and SD, or quartiles)."),
    "populations": (
        "Populations",
        "A hit is within 12 % of the published value (correlations within 0.15, contrasts of EMAS within 30 %, retrieval within "
        "10 %), or inside the published range. The clinic's quartiles and correlations are what it was fitted to; the "
        "community is not fitted.",
    ),
    "responders": (
        "Responders to anastrozole",
        "Predictions; what was published stands under them. Nothing is scored.",
    ),
    "drugs": (
        "Drugs",
        "Where an interval was published (in brackets), a hit lies inside; else what is left under treatment is within 1.3 "
        "fold of the published level or share (an unchanged quantity: within 10 points).",
    ),
}


def main() -> None:
    """Run each script, print what it prints, and write the page."""
    parts = [
        "# Presets, populations, responders and drugs beside what was published",
        "Made by `make tables`; not edited by hand. `MISS` marks what does not agree; the reasons are in `docs/model.md`.",
    ]
    for name, (heading, rule) in TABLES.items():
        text = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.rstrip()
        print(text, flush=True)
        parts += [f"## {heading}", rule, f"```\n{text}\n```"]
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"\nWritten: {PAGE}")


if __name__ == "__main__":
    main()
