"""Experiments: comparisons, sweeps, virtual trials and sensitivity, run into one store (docs/experiments.md)."""
