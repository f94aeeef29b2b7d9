"""Put the ensemble of a calibration into the package's sources, where it is that of every prediction.

    python scripts/ship_ensemble.py CALIBRATION_FOLDER

The folder is that of `testis-abm calibrate --out CALIBRATION_FOLDER`. Its ensemble is checked before it replaces the
old one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from testis_abm.studies.ensemble import FILE, read
from testis_abm.support import files
from testis_abm.support.errors import TestisError


def main() -> None:
    """Check and copy."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1]) / FILE.name
    try:
        ensemble = read(source)
        files.write(FILE, source.read_bytes())
    except TestisError as error:
        sys.exit(str(error))
    print(f"{len(ensemble)} parameter sets in {FILE}; run scripts/make_validation.py and the tests")


if __name__ == "__main__":
    main()
