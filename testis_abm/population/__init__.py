"""Men as they come: populations over physiologies, cohorts screened by their labs, and the men who could have given labs."""

from testis_abm.population.cohort import Cohort, draw
from testis_abm.population.distribution import Population
from testis_abm.support.guard import POPULATIONS

__all__ = ["POPULATIONS", "Cohort", "Population", "draw"]
