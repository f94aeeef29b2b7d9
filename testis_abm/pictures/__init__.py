"""The figures of a run, one module a figure; only these modules and `draw` import matplotlib."""

FIGURES = ("hormones", "intratesticular", "semen", "tissue", "tubules")
KINDS = ("png", "svg")
