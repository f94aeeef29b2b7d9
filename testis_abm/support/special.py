"""Special functions of SciPy without the linear algebra and NumPy's tools for tests that they bring in."""

from testis_abm.support.loading import lazily

with lazily("numpy.f2py", "numpy.testing", "scipy.linalg"):
    from scipy.special import bdtr, gammaln, k0, log_ndtr, ndtr, ndtri, pdtr, stdtrit

__all__ = ["bdtr", "gammaln", "k0", "log_ndtr", "ndtr", "ndtri", "pdtr", "stdtrit"]
