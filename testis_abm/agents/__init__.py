"""The agent-based model as Mesa sees it: the model, its cells as agents and sets of them, what is saved of it."""
