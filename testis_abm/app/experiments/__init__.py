"""Experiments of the page: a form of each kind, which a job runs (app/jobs), and what they brought."""

from testis_abm.app.experiments.view import Experiments

__all__ = ["Experiments"]
