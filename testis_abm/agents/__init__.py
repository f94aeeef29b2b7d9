"""The agent-based model as Mesa sees it: the model, its cells as agents and sets of them, what is saved of it."""

from testis_abm.support.loading import lazily

# Mesa's spaces bring SciPy's, and networkx; the cells have places of their own.
_SPACES = ("mesa.discrete_space", "mesa.space", "mesa.experimental.continuous_space", "mesa.experimental.meta_agents")
with lazily(*_SPACES):
    import mesa as mesa
