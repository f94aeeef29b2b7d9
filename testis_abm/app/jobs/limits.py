"""What visitors may ask of a server that others use too: of jobs, and of an experiment; the command has no such limits."""

from __future__ import annotations

import os
from dataclasses import dataclass

from testis_abm.choices import CELLS

MOST_RUNNING = 1  # jobs of a visitor at a time; the others of his wait
MOST_KEPT = 20  # jobs of a visitor
MOST_BYTES = 500_000_000  # on disk, of a visitor
MOST_BYTES_OF_ALL = 20_000_000_000  # on disk, of all visitors together: a visitor is whoever asks for a name
MOST_WAITING = 100  # jobs of all visitors that wait
LONGEST_HOURS = 6.0  # of a job before it is stopped; what it has finished is kept
KEPT_DAYS = 30  # of a job that has ended, since then (--keep)
NICE = 10  # priority of a job, so that pages stay quick
MOST_RUNS, MOST_MEN, MOST_ARMS = 20_000, 2_000, 12  # of an experiment, of a trial, of a comparison
# Of all runs together: days that men live, each with his control; and days times Sertoli cells of men of cells.
MOST_MAN_DAYS, MOST_CELL_DAYS = 10_000_000, 2_000_000_000


def places() -> int:
    """Return how many jobs run at a time, of all visitors together."""
    return os.cpu_count() or 1


def workers(here: bool) -> int:
    """Return the worker processes of a job: all cores where only this machine listens (`here`), else a share."""
    return places() if here else min(2, places())


@dataclass(frozen=True)
class Size:
    """How large an experiment is.

    Attributes:
        runs: points x replicates, or men; days: that each lives, baseline and control included.
        engine: "cells" or "expected"; sertoli: cells of the tissue of one run (of men of cells).
    """

    runs: int
    days: int
    engine: str = CELLS
    sertoli: int = 0

    @property
    def man_days(self) -> int:
        """Return days of all runs."""
        return self.runs * self.days

    @property
    def cell_days(self) -> int:
        """Return days x Sertoli cells of all runs; none of mean-field men."""
        return self.man_days * self.sertoli if self.engine == CELLS else 0


def too_large(size: Size, what: str = "runs", most: int = MOST_RUNS) -> str:
    """Return why an experiment of more than `most` runs (called `what`), or too long ones, may not run here, with the limit; "" if it may."""
    if size.runs > most:
        return f"{size.runs:,} {what} are more than this page runs ({most:,})"
    if size.man_days > MOST_MAN_DAYS:
        return (
            f"{size.runs:,} {what} of {size.days:,} days are more than this page runs ({MOST_MAN_DAYS:,} days in all)"
        )
    if size.cell_days > MOST_CELL_DAYS:
        text = f"{size.runs:,} {what} of {size.days:,} days with {size.sertoli:,} Sertoli cells are more than this page runs"
        return f"{text} ({MOST_CELL_DAYS:,} days x Sertoli cells in all); take the mean-field engine, or fewer tubules"
    return ""
