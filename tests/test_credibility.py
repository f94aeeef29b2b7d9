"""The pages on credibility: they agree with their sources, refuse what does not hold, and their verdicts follow from risk and levels."""

from __future__ import annotations

import copy

import numpy as np
import own_scripts
import pandas as pd
import pytest


@pytest.fixture(scope="module", name="script")
def _script():
    return own_scripts.script("make_credibility")


@pytest.fixture(scope="module", name="found")
def _found(script):
    return script.Found()


@pytest.fixture(name="judged")
def _judged(script, found, monkeypatch):
    """Return a copy of the judgements that a test may spoil."""
    monkeypatch.setattr(found, "judged", copy.deepcopy(found.judged))
    return found.judged


def test_pages_are_what_their_sources_give(script, found):
    for path, parts in script.pages(found).items():
        page = path.read_text(encoding="utf-8")
        assert script.filled(path, page, parts) == page, f"{path.name}: run make credibility ARGS=--pages"


def test_every_observation_stands_on_its_page(script, found):
    page = (script.FOLDER / "observations.md").read_text(encoding="utf-8")
    assert page.count("\n| ") == len(found.rows) + found.rows["study"].nunique()
    assert page.count("**no**") == (~found.rows["inside"]).sum() + (found.rows["inside_left"] == False).sum()  # noqa: E712


def test_what_is_judged_has_all_ten_rules_eight_elements_and_evidence_or_a_gap(script, found):
    judged = found.judged
    script.check(judged)
    assert (len(judged["trace"]), len(judged["rule"]), len(judged["factor"]) + len(script.OWN)) == (8, 10, 13)
    for each in judged["context"]:
        for factor in (*judged["factor"], *(each[key] for key in script.OWN)):
            assert factor.get("at") or factor["gap"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda judged: judged["trace"][0]["at"].append("docs/nowhere.md"), "trace Problem formulation: nothing at"),
        (lambda judged: judged["trace"][0]["at"].append("docs/odd.md#nowhere"), "no heading for 'docs/odd.md#nowhere'"),
        (
            lambda judged: judged["rule"][1]["at"].append("make nothing"),
            "rule Use contextually .* no command 'make noth",
        ),
        (lambda judged: judged["rule"][1]["at"].append("testis-abm nothing"), "no command 'testis-abm nothing'"),
        (lambda judged: judged["factor"][0].update(shown="{nothing} tests"), "Software quality .* no figure 'nothing'"),
        (lambda judged: judged["factor"][0].update(gap=""), "level 2 of 3 without a named gap"),
        (lambda judged: judged["factor"][0].update(at=[]), "level 2 without evidence"),
        (lambda judged: judged["context"][0]["output"].update(level=4), "level 4 is none of 0 to 3"),
        (lambda judged: judged["context"][0].update(influence="some"), "influence 'some' is none of low"),
        (lambda judged: judged["context"][0].update(drugs=["aspirin"]), "no drug aspirin"),
        (lambda judged: judged["context"][0].pop("use"), "missing or unknown: use"),
        (lambda judged: judged["rule"][0].update(level="good"), "level 'good' is none of extensive"),
        (lambda judged: judged.update(rules=[]), "missing or unknown: rules"),
    ],
    ids=range(13),
)
def test_what_does_not_hold_is_refused_with_its_place(script, found, judged, spoil, said):
    spoil(judged)
    with pytest.raises(SystemExit, match=r"credibility\.toml.*" + said):
        script.pages(found)


def test_a_figure_that_a_page_no_longer_prints_is_named(script):
    with pytest.raises(SystemExit, match=r"docs/tables\.md: nothing like"):
        script.quoted("tables.md", "no such figure")


def test_the_verdict_follows_from_risk_and_levels(script, judged):
    factors = [{"name": "any", "level": 2}]

    def of(influence, consequence, level=2, **more):
        own = {key: {"level": level} for key in script.OWN}
        return script.verdict({"influence": influence, "consequence": consequence, **own, **more}, factors)

    assert of("low", "medium", 1) == of("medium", "medium") == "supported"
    assert of("medium", "medium", 1) == of("high", "medium") == of("low", "high", 1) == "supported in part"
    assert of("high", "high", 1) == of("medium", "medium", 0) == "not supported"
    assert of("low", "low", 3, refused="no") == "must not be used"
    for each in judged["context"]:
        if "refused" in each:  # and would not be supported without the word
            del each["refused"]
            assert script.verdict(each, judged["factor"]) == "not supported"


def test_coverage_of_what_lies_at_known_places(script):
    normal = np.random.default_rng(1).standard_normal(20_000)
    rows = pd.DataFrame(
        {"observed": np.where(normal > 0, 3 * normal, normal), "predicted": 0.0, "low": -1.96, "high": 5.88}
    )
    rows["inside"] = rows["observed"].between(rows["low"], rows["high"])
    assert script.coverage(rows) == pytest.approx({50: 50, 80: 80, 95: 95}, abs=1.0)
    never = pd.DataFrame({"observed": [15.0], "predicted": np.inf, "low": 28.0, "high": np.inf, "inside": False})
    assert script.coverage(pd.concat([rows, never]))[50] == script.coverage(rows)[50]


def test_an_interval_of_the_area_under_the_curve(script):
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"base": 1.0, "reported": np.where(rng.random(400) < 0.5, 2.0, 1.0)})
    score = pd.Series(rng.standard_normal(400) + (rows["reported"] > 1.5))
    centre, low, high = script.area(score, rows)
    assert low < 0.76 < high and high - low < 0.11  # two normals, an SD apart
    assert script.area(-score, rows)[0] == pytest.approx(1.0 - centre)
    assert script.auc(np.array([1.0, 1.0]), np.array([True, False])) == 0.5


def test_numbers_that_changed_put_the_stored_validation_out_of_date(script, found, monkeypatch):
    assert "out of date" not in "\n".join(script.state(found)) or found.outdated
    now = script.numbers()
    now["parameters/model/axis.toml"]["axis.lh_floor"] *= 2.0
    now["studies"]["studies/mine.toml"] = "new"
    monkeypatch.setattr(script, "numbers", lambda: now)
    monkeypatch.setattr(found, "changed", script.changed())
    said = "\n".join(script.state(found))
    assert (
        found.outdated
        and "changed: `axis.lh_floor`" in said
        and "`studies/mine.toml`" in said
        and "**The stored" in said
    )


def test_replays_that_moved_are_named(script, found, monkeypatch):
    moved = found.replays.assign(apart=np.where(found.replays["study"] == "shah_2021", np.inf, 0.0))
    monkeypatch.setattr(found, "replays", moved)
    assert found.outdated and "3 of 39 predictions are not those that are stored (`shah_2021`)" in "\n".join(
        script.state(found)
    )


def test_numbers_of_a_table_are_values_without_their_ranges(script, tmp_path):
    for folder in ("parameters", "studies"):
        (tmp_path / folder).mkdir()
    row = '[a.b]\nvalue = 2\nrange = [1, 3]\nsource = "x"\n[c]\nlist = [1, 5]\nflag = true\n'
    (tmp_path / "parameters" / "one.toml").write_text(row, encoding="utf-8")
    (tmp_path / "studies" / "calibration.toml").write_text("[spread]\nLH = 0.3\n", encoding="utf-8")
    (tmp_path / "studies" / "ensemble.csv").write_text("weight\n1\n", encoding="utf-8")
    found = script.numbers(tmp_path)
    assert found["parameters/one.toml"] == {"a.b": 2.0, "c.list.1": 1.0, "c.list.2": 5.0}
    assert found["spread"] == {"spread.LH": 0.3} and len(found["studies"]) == 2


def test_pages_of_other_programs_are_named(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "HUB", tmp_path / "credibility.md")
    for name, told in {
        "credibility": "1.0 (00000000000000aa)",
        "here": "1.0 (00000000000000aa)",
        "old": "1.0 (00000000000000bb): 3 studies",
        "bare": "1.0, Python 3.13",
    }.items():
        page = f"# {name}\n\nMade by `make {name}` (`a.py`) with testis_abm {told}.\n"
        (tmp_path / f"{name}.md").write_text(page, encoding="utf-8")
    (tmp_path / "written.md").write_text("# By hand\n", encoding="utf-8")
    told = script.of_pages("1.0 (00000000000000aa)", moved=False)
    assert "1 of 3 name another program" in told[0] and "None of the numbers" in told[0]
    assert [line.split(" | ")[-1] for line in told[4:]] == ["not told |", "this program |", "another program |"]
    assert "Some of the numbers" in script.of_pages("2", moved=True)[0]
