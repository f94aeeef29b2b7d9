"""Print what follows from each preset's physiology beside what was published of such men.

python benchmarks/men.py
"""

from __future__ import annotations

from table import row, show

from testis_abm import parameters
from testis_abm.population import men
from testis_abm.results.report import number


def main() -> None:
    """Run all presets and print the table."""
    for preset in parameters.presets():
        for of in men.findings(preset):
            if of.published is not None:
                row(
                    f"{preset}: {of.label}",
                    f"{of.published.low:g} to {of.published.high:g}",
                    number(of.value),
                    bool(of.fits),
                )
    show()


if __name__ == "__main__":
    main()
