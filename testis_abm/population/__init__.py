"""Men: populations over physiologies, screened cohorts, and virtual patients who match laboratory values."""

from testis_abm.population.cohort import Cohort, draw
from testis_abm.population.distribution import Population
from testis_abm.support.guard import POPULATIONS

__all__ = ["POPULATIONS", "Cohort", "Population", "draw"]
