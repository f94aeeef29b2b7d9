"""Published observations as data, and the code that replays them as virtual trials."""

from testis_abm.studies.study import Study, known, load_study

__all__ = ["Study", "known", "load_study"]
