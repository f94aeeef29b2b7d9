"""The testis: cells, fields between them, and the rules that move them."""
