"""The command `testis-abm`."""

from testis_abm.cli.command import main

__all__ = ["main"]
