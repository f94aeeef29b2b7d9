"""Experiments: comparisons, sweeps, virtual trials and sensitivity, run as independent tasks into one store (docs/experiments.md)."""
