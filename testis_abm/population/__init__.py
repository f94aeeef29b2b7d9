"""Men: populations over physiologies, screened cohorts, and virtual patients who match laboratory values."""

from testis_abm.choices import POPULATIONS
from testis_abm.population.cohort import Cohort, draw
from testis_abm.population.distribution import Population

__all__ = ["POPULATIONS", "Cohort", "Population", "draw"]
