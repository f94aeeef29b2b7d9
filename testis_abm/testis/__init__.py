"""The testis: machinery that runs the rules over many cells, over plain agents, or over the mean cell of each kind."""
