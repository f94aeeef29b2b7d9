"""`python -m testis_abm.cli` is the command `testis-abm`."""

import sys

from testis_abm.cli import main

if __name__ == "__main__":
    sys.exit(main())
