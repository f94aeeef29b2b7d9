"""A change of structure moves no number (see golden.py)."""

from __future__ import annotations

import json

import pytest
from golden import CASES, FILE, differences

KEPT = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_numbers_stay(name):
    assert not list(differences(name, KEPT[name])), (
        "a number moved; if it is meant to: python tests/golden.py, and say so"
    )


def test_both_engines_are_the_same_man():
    assert KEPT["reference engine"] == KEPT["compiled engine"]
