"""The tables of docs/injury.md: when a course is back, foci that need room, and a page that holds its parts."""

from __future__ import annotations

import own_scripts
import pandas as pd
import pytest

from testis_abm import TestisError


@pytest.fixture(scope="module", name="script")
def _script():
    return own_scripts.script("make_injury")


def test_a_course_is_back_once_it_stays_there(script):
    days = pd.Series([1.0, 0.2, 0.6, 0.2, 0.6, 0.9], index=[0, 100, 200, 300, 400, 500])
    assert script.when(days, 0.5) == f"{301 / script.MONTH:.0f}"
    assert script.when(days, 0.1) == "-"
    assert script.when(days[:4], 0.5) == f"> {300 / script.MONTH:.0f}"


def test_few_survivors_are_given_room_and_none_are_no_life(script, monkeypatch):
    insult = [{"kind": "cytotoxics", "strength": 9.0, "courses": 3}]
    with pytest.raises(TestisError, match="too small to hold a focus"):
        script.Life(script.case(insult, 60, script.SMALL))
    rooms = {"WIDE": {"tubules": 2, "rows": 3}, "FOCI": {"tubules": 2, "rows": 4}, "RARE": {"tubules": 2, "rows": 5}}
    for name, tissue in rooms.items():
        monkeypatch.setattr(script, name, tissue)
    assert script.with_foci(insult, 60, 1) is None


def test_lesions_and_their_tables_hold_every_part_of_the_page(script):
    page = script.PAGE.read_text(encoding="utf-8")
    made, filled = script.retrieval(), own_scripts.script("made_page").filled
    assert filled(script.PAGE, page, made, whole=False).count("microdissection (200), %") == 1
    shares = [float(line.split("|")[1]) for line in made["retrieval"][2:]]
    found = [line.split("|")[-2].strip() for line in made["retrieval"][2:]]
    assert shares == sorted(shares) and found[0] == "0" and found[-1] == "100"
    with pytest.raises(SystemExit, match="parts and markers differ"):
        filled(script.PAGE, page, {"no such part": []}, whole=False)


def test_stem_cells_in_blocked_niches_are_counted_in_the_mean(script):
    """After 0.7 Gy, which a fifth of the A-pale live through, those of cells and mean field stay together while niches are blocked."""
    of = script.case([{"kind": "irradiation", "dose": "0.7 Gy"}], 150, script.WIDE)
    mean = script.mean_man(of).days["a_pale_per_sertoli"]
    cells = script.Life(of).days["a_pale_per_sertoli"]
    for day in (5, 60, 150):
        assert mean[day] == pytest.approx(cells.loc[day], rel=0.25)
