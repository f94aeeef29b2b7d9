"""The app with a search of few virtual patients: its pages are under test, not its statistics."""

from __future__ import annotations

import sys

from testis_abm.app import matching
from testis_abm.cli.command import main
from testis_abm.population import search, twin

SMALL = {"_FEWEST": 3, "_MOST": 5, "_DRAWS": 250, "_CARRIED": 30.0, "GOOD_SIZE": 60.0, "LEAST_SIZE": 5.0, "WORST_SHAPE": 9.0}

if __name__ == "__main__":
    for name, value in SMALL.items():
        for module in (search, twin):
            if hasattr(module, name):
                setattr(module, name, value)
    matching.MEN = 20
    sys.exit(main())
