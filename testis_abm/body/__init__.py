"""The body: hormonal axis, binding, drugs, safety."""

from testis_abm import _compile  # noqa: F401  (names the cache of compiled rules before any is decorated)
