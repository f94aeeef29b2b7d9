"""What a run returns, and how it is stored and summarised."""

# Pictures that a run's folder may hold, and their formats.
FIGURES = ("hormones", "intratesticular", "semen", "tissue", "tubules", "wall")
KINDS = ("png", "svg")
