"""The command with searches of few virtual patients, for a server whose pages are tested."""

from __future__ import annotations

import sys

from few_men import few_models, shrink

from testis_abm.cli.command import main

if __name__ == "__main__":
    shrink()
    few_models()
    sys.exit(main())
