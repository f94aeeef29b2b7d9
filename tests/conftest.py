"""What the tests share: complete parameters, the reference man, a blood that does not change."""

from __future__ import annotations

import pytest

from testis_abm import parameters
from testis_abm.physiology import complete
from testis_abm.tissue.tissue import BloodInput

NORMAL_BLOOD = BloodInput(lh_activity=1.0, fsh_iu_l=4.0, free_testosterone=1.0, inhibitor=0.0, back_pressure=0.0)


@pytest.fixture(scope="session")
def values() -> dict[str, float]:
    """Return every parameter at its default."""
    return complete(parameters.values())


@pytest.fixture(scope="session")
def fertile() -> dict[str, float]:
    """Return the physiology of the reference man."""
    return {name: field.value for name, field in parameters.physiology().items()}
