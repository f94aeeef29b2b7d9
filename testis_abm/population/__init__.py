"""Men as they come: populations over physiologies, cohorts screened by their labs, and the men who could have given labs."""

from testis_abm.choices import POPULATIONS
from testis_abm.population.cohort import Cohort, draw
from testis_abm.population.distribution import Population

__all__ = ["POPULATIONS", "Cohort", "Population", "draw"]
