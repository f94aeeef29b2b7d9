"""What a scenario may ask before the first day: doses, pairs of therapies, long texts; from file, Python and page."""

from __future__ import annotations

import base64
import json
import zlib
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import testis_abm as ta
from testis_abm import parameters
from testis_abm.app import draft, share
from testis_abm.cli.command import main
from testis_abm.scenario import Therapy
from testis_abm.scenario.scenario import alike
from testis_abm.scenario.schedule import MOST_DOSES
from testis_abm.support.errors import ScenarioError

HOURLY = {"drug": "hcg", "dose": "1 IU", "every": "1 hour"}
TOO_MANY = {
    "plan": {"duration": "3600 days"},
    "tissue": {"tubules": 1, "sertoli_per_tubule": 1},
    "therapy": [HOURLY] * 50,
}
ALTERNATING = [
    {
        "drug": ("anastrozole", "letrozole")[k % 2],
        "dose": "1 mg",
        "every": "1 day",
        "from": f"day {k}",
        "until": f"day {k + 1}",
    }
    for k in range(960)
]


def linked(tables: dict) -> str:
    return "#s=1" + base64.urlsafe_b64encode(zlib.compress(json.dumps(tables).encode(), 9)).decode().rstrip("=")


def test_too_many_doses_are_told_in_one_line_wherever_they_come_from(tmp_path, capsys):
    told = f"4,320,000 doses are too many; allowed: up to {MOST_DOSES:,}"
    with pytest.raises(ScenarioError, match=told) as error:
        ta.load(TOO_MANY)
    assert len(str(error.value).splitlines()) == 1
    assert len(linked(TOO_MANY)) < 300
    with pytest.raises(ScenarioError, match=told):
        share.from_link(linked(TOO_MANY))
    path = tmp_path / "many.toml"
    row = '[[therapy]]\ndrug = "hcg"\ndose = "1 IU"\nevery = "1 hour"\n'
    path.write_text('[plan]\nduration = "3600 days"\n' + 50 * row)
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()
    with pytest.raises(ScenarioError, match=told):
        share.from_upload("many.toml", path.read_bytes())


def test_too_many_past_doses_are_told():
    with pytest.raises(ScenarioError, match="history: 3,506,400 doses are too many"):
        ta.load({"man": {"history": ["hcg 1 IU every 1 hour for 3652.5 days"] * 40}})


def test_a_pump_of_twenty_five_years_is_a_scenario():
    assert ta.load({"plan": {"duration": "9131 days"}, "therapy": [HOURLY]}).therapy[0].dose_count == 9131 * 24


def test_doses_are_counted_without_being_listed(monkeypatch):
    monkeypatch.setattr(Therapy, "dose_days", lambda _: pytest.fail("listed"))
    with pytest.raises(ScenarioError, match="too many"):
        ta.load(TOO_MANY)
    therapy = ta.load({"plan": {"duration": "60 days"}, "therapy": [HOURLY]}).therapy[0]
    assert (therapy.dose_count, therapy.last_effect_day) == (1440, 60.0)


@given(some.floats(1 / 24, 400), some.floats(0, 300), some.floats(0.01, 400))
def test_the_count_of_doses_is_that_of_their_days(every, begins, length):
    therapy = Therapy("hcg", "100 IU", every=f"{every} days", from_=f"day {begins}", until=f"day {begins + length}")
    assert therapy.dose_count == len(therapy.dose_days())


@pytest.mark.parametrize("excluding", [False, True])
def test_checking_therapies_takes_as_many_steps_as_there_are_therapies(monkeypatch, excluding):
    """A pairwise check asked 460,000 times when each of 960 therapies ends."""
    asked = 0
    real = Therapy.last_effect_day.fget

    def counted(therapy):
        nonlocal asked
        asked += 1
        return real(therapy)

    rows = [dict(row) for row in ALTERNATING]
    if excluding:
        for k, row in enumerate(rows):
            row["drug"], row["dose"] = (("leuprolide", "1 mg"), ("gonadorelin", "5 ug"))[k % 2]
    monkeypatch.setattr(Therapy, "last_effect_day", property(counted))
    if excluding:
        with pytest.raises(ScenarioError, match="cannot be combined"):
            ta.load({"plan": {"duration": "961 days"}, "therapy": rows})
    else:
        assert len(ta.load({"plan": {"duration": "961 days"}, "therapy": rows}).therapy) == 960
    assert asked <= 4 * len(rows)


def _rows(drug: str, begins: int, length: int) -> Therapy:
    known = parameters.drugs()[drug]
    return Therapy(
        drug,
        f"{known.regimen[0].dose} {known.dose_unit}",
        every="1 day",
        from_=f"day {begins}",
        until=f"day {begins + length}",
    )


DRUGS = some.sampled_from(["anastrozole", "letrozole", "leuprolide", "goserelin", "gonadorelin", "acyline", "hcg"])


@settings(deadline=None)
@given(some.lists(some.builds(_rows, DRUGS, some.integers(0, 40), some.integers(1, 15)), max_size=7))
def test_of_therapies_that_meet_none_is_missed(therapies):
    known = parameters.drugs()
    meet = [
        (one.drug, other.drug)
        for one, other in combinations(therapies, 2)
        if one.drug != other.drug and one.first_day < other.last_effect_day and other.first_day < one.last_effect_day
    ]
    acting_alike = {frozenset(pair) for pair in meet if known[pair[0]].action == known[pair[1]].action}
    assert {frozenset(note.split(" act alike")[0].split(" and ")) for note in alike(tuple(therapies))} == acting_alike
    excluded = any(known[a].excludes.get(b) or known[b].excludes.get(a) for a, b in meet)
    try:
        ta.Scenario(plan={"duration": "60 days"}, therapy=therapies)
        refused = False
    except ScenarioError as error:
        assert "cannot be combined" in str(error)
        refused = True
    assert refused == excluded


@pytest.mark.parametrize(
    "tables, at",
    [
        (
            {"plan": {"duration": "3600 days", "replicates": 2}, "tissue": {"tubules": 1}, "therapy": [HOURLY]},
            ("therapy",),
        ),
        (
            {"plan": {"duration": "9 years", "replicates": 50}, "tissue": {"tubules": 1, "sertoli_per_tubule": 1}},
            ("plan",),
        ),
        (
            {
                "plan": {"duration": "3600 days"},
                "tissue": {"tubules": 1, "sertoli_per_tubule": 1},
                "therapy": [{**HOURLY, "every": "1 day", "when": " and ".join(["LH > 1 IU/L"] * 30)}],
            },
            ("therapy",),
        ),
        ({"man": {"history": ["hcg 1 IU every 1 hour for 3650 days"]}, "plan": {"replicates": 3}}, ("therapy",)),
    ],
)
def test_doses_and_rows_are_too_many_for_the_page_before_they_are_for_the_command(tables, at):
    said = draft.understood(draft.of(ta.load(tables)))
    assert said.scenario is not None and "testis-abm run" in said.at(*at)


@pytest.mark.parametrize(
    "tables",
    [
        {"therapy": [{"drug": "hcg", "dose": "1 IU", "every": "1 day", "when": "LH > 1 IU/L" + " " * 100_000 + "x"}]},
        {"therapy": [{"drug": "hcg", "dose": "1 IU", "every": "1 day", "when": " " * 100_000 + "1"}]},
        {"man": {"history": ["hcg " + "1" * 100_000]}},
        {"man": {"history": ["hcg 1 IU every " + "1" * 100_000]}},
        {"parameters": {f"axis.lh_ref{k}": 1 for k in range(5000)}},
    ],
)
def test_a_long_text_is_refused_at_once(tables):
    """Each took minutes: patterns that try every part of a run, and a search for the nearest of many names."""
    with pytest.raises(ScenarioError):
        ta.load(tables)


def test_spaces_in_a_condition_say_nothing():
    rows = [
        {"drug": "hcg", "dose": "1 IU", "every": "1 day", "when": when} for when in ("LH > 1 IU/L", " LH  >1   IU/L\n")
    ]
    one, other = ta.load({"therapy": rows}).therapy
    assert one.when == other.when
