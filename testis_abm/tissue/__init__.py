"""The testis: cells, fields between them, and the rules that move them."""

from testis_abm import _compile  # noqa: F401  (names the cache of compiled rules before any is decorated)
