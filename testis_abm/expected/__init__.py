"""The expected man: the same rules for the mean cell of each kind, thousands of men a minute.

Where a question needs many men (populations, a man from his labs, trials, calibration) and not the single cells, the
expectation over cells answers it. It equals the mean of the cells up to what their spread in space does to curved responses.
"""

from testis_abm.expected.course import COLUMNS
from testis_abm.expected.man import ExpectedMan, rest

__all__ = ["COLUMNS", "ExpectedMan", "rest"]
