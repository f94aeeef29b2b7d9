"""What results folders of every kind show in the page: words, round numbers, an answer that agrees with the data, what is unfinished or foreign."""

from __future__ import annotations

import json
import re
import shutil
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import solara
from small_page import SMALL, THERAPY, drawn

import testis_abm as ta
from testis_abm.app import compare, results
from testis_abm.app.results import parts, points, sensitivity, studies, sweep, trial
from testis_abm.app.results.parts import csv_of
from testis_abm.app.session import Session
from testis_abm.cli.command import main
from testis_abm.experiments import opened
from testis_abm.experiments.compare_runs import UNPAIRED, Lived, of_runs
from testis_abm.experiments.opened import Folder
from testis_abm.experiments.store import FORMAT
from testis_abm.experiments.swept import Swept
from testis_abm.pictures import arms, plots_screen, rows_screen, sweeps
from testis_abm.pictures.plots import Lines, Series, log_ticks, rounded
from testis_abm.studies import report
from testis_abm.support import files
from testis_abm.support.errors import TestisError

CASE = {
    "title": "Dose & man",
    "man": {"preset": "obese_low_t_e2"},
    "plan": {"baseline": "4 days", "duration": "90 days"},
    "therapy": [THERAPY],
}
OUTPUTS = ["testosterone", "total motile count"]
DOSES = {"from": "0.1 mg", "to": "3 mg", "steps": 4, "scale": "log"}


def swept(folder, over, **more):
    table = {"engine": "expected", "outputs": OUTPUTS, "at": ["day 60", "end"], "over": over, **more}
    ta.sweep({**CASE, "sweep": table}, folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def doses(place):
    return swept(place / "doses", {"therapy.1.dose": DOSES}, parameters="plausible", replicates=5)


@pytest.fixture(scope="session")
def grid(place):
    return swept(place / "grid", {"man.bmi": [24, 32, 40], "therapy.1.dose": DOSES, "man.age": [30, 45]})


@pytest.fixture(scope="session")
def mapped(place):
    return swept(place / "mapped", {"man.bmi": [24, 32, 40], "therapy.1.dose": DOSES})


def command(place, kind: str, text: str, *more: str):
    """Return the folder that a command makes of a file."""
    source, folder = place / f"{kind}.toml", place / kind
    source.write_text(text)
    assert main([kind, str(source), "--out", str(folder), "--no-plots", "--workers", "1", *more]) == 0
    return folder


TRIAL = """title = "Few men"
[plan]
baseline = "4 days"
duration = "60 days"
[trial]
men = 24
where = ["sperm concentration < 40 M/mL", "sperm concentration > 0.5 M/mL"]
parameters = "tables"
engine = "expected"
at = ["day 30", "end"]
outputs = ["testosterone", "sperm concentration"]
[[arm]]
name = "control"
therapy = []
[[arm]]
name = "anastrozole"
therapy = [{ drug = "anastrozole", dose = "1 mg", every = "1 day" }]
"""


@pytest.fixture(scope="session")
def tried(place):
    return command(place, "trial", TRIAL)


@pytest.fixture(scope="session")
def ranked(place):
    text = """title = "What decides"
[man]
preset = "obese_low_t_e2"
[plan]
baseline = "4 days"
duration = "60 days"
[[therapy]]
drug = "anastrozole"
dose = "1 mg"
every = "1 day"
[sensitivity]
samples = 4
outputs = ["testosterone"]
[sensitivity.over]
"man.bmi" = { from = 22, to = 42 }
"therapy.1.dose" = { from = "0.25 mg", to = "2 mg", scale = "log" }
"""
    return command(place, "sensitivity", text)


@pytest.fixture(scope="session")
def compared(place):
    text = """title = "Which drug?"
[man]
preset = "obese_low_t_e2"
[tissue]
tubules = 1
[plan]
baseline = "4 days"
duration = "40 days"
replicates = 2
[[arm]]
name = "untreated"
therapy = []
[[arm]]
name = "clomiphene"
therapy = [{ drug = "clomiphene", dose = "25 mg", every = "1 day" }]
[[arm]]
name = "anastrozole"
therapy = [{ drug = "anastrozole", dose = "1 mg", every = "1 day" }]
"""
    return command(place, "compare", text)


@pytest.fixture(scope="session")
def surfaced(place):
    folder = place / "surface"
    ta.surface({**CASE, "plan": {"duration": "30 days"}}, levels=3, sets=2, hold=30).save(folder)
    return folder


@pytest.fixture(scope="session")
def studied(place):
    folder = place / "studies"
    how = ["--sets", "1", "--men", "6", "--repeats", "20", "--no-plots", "--ensemble", "none", "--out", str(folder)]
    assert main(["studies", "run", "shah_2021", *how]) == 0
    return folder


EVERY = ("doses", "mapped", "grid", "tried", "ranked", "compared", "surfaced", "studied")


def shown(folder, kind: str = "", session: Session | None = None) -> str:
    """Return all that a folder shows, as text with the pictures in it."""
    session = session or Session()

    @solara.component
    def Page() -> None:  # noqa: N802
        results.show(session, folder, kind)

    _, rendered = solara.render(Page(), handle_error=False)
    try:
        return "\n".join(_texts(rendered))
    finally:
        rendered.close()


def _texts(rendered):
    seen = set()
    for widget in rendered.find().widgets:
        for inner in _within(widget, seen):
            for name in ("wide", "innerHTML", "children", "field", "label", "svg"):
                value = getattr(inner, name, None)
                yield from (
                    text for text in (value if isinstance(value, list | tuple) else [value]) if isinstance(text, str)
                )
            template = getattr(inner, "template_kwargs", None)
            yield from (str(value) for value in (template or {}).values() if isinstance(value, str | dict))


def _within(widget, seen):
    if id(widget) in seen:
        return
    seen.add(id(widget))
    yield widget
    for child in getattr(widget, "children", ()) or ():
        if hasattr(child, "children") or hasattr(child, "wide") or hasattr(child, "keys"):
            yield from _within(child, seen)


# ---- every kind


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_is_shown_in_words(kind, request):
    folder = request.getfixturevalue(kind)
    text = shown(folder)
    assert "cannot be shown" not in text
    drawings = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert drawings and all(of.count("<svg") == 1 for of in drawings)
    printed = re.sub(r"<[^>]+>", " ", " ".join(drawings))
    for path in ("man.", "therapy.1", "parameters.", "0.310723", "nan", "inf "):
        assert path not in printed, path
    assert str(folder) not in text, "where it lies on the server is nobody's business"


@pytest.mark.parametrize("kind", EVERY)
def test_a_folder_knows_its_kind_and_refuses_another(kind, request):
    found = Folder.of(request.getfixturevalue(kind))
    assert found.kind in opened.KINDS and not found.missing and found.title
    other = next(name for name in opened.KINDS if name != found.kind)
    assert f"holds a {found.kind}, not a {other}" in shown(found.folder, other)


def test_finished_folders_are_read_as_they_were_made(tried, compared, surfaced, studied):
    said = json.loads((tried / "results.json").read_text())["text"]
    assert opened.trial(tried).text().splitlines() == [
        line for line in said if not line.startswith("Research software")
    ]
    said = json.loads((compared / "results.json").read_text())["text"]
    assert opened.comparison(compared).text().splitlines() == [
        line for line in said if not line.startswith("Research software")
    ]
    assert opened.surface(surfaced).text() + "\n" == (surfaced / "summary.txt").read_text()
    assert "of 3 inside" in report.score(report.read(studied))


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("tried", "effects.parquet"),
        ("surfaced", "path.parquet"),
        ("compared", "manifest.json"),
        ("studied", "studies.csv"),
        ("doses", "design.parquet"),
    ],
)
def test_what_is_damaged_is_one_note(kind, file, request, tmp_path):
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / kind)
    (folder / file).write_bytes(b"nothing of ours")
    text = shown(folder)
    assert file in text and "<svg" not in text and str(tmp_path) not in text


def test_what_is_foreign_is_one_note(tmp_path, doses):
    assert "holds no experiment" in shown(tmp_path)
    (tmp_path / "surface.json").write_text("[]")
    assert "no such file of testis_abm" in shown(tmp_path)
    (tmp_path / "surface.json").unlink()
    manifest = files.unsealed((doses / "manifest.json").read_bytes())
    for change, said in (
        ({"kind": "twins"}, "not shown here"),
        ({"format": FORMAT + 1}, "different version"),
        ({"days": []}, "damaged"),
    ):
        files.write(tmp_path / "manifest.json", files.sealed({**manifest, **change}))
        assert said in shown(tmp_path), said


def test_a_fault_of_a_view_is_one_note_until_something_is_written(tmp_path, doses, monkeypatch):
    folder = shutil.copytree(doses, tmp_path / "doses")
    session, painted, stamps = Session(), parts.painted, []
    monkeypatch.setattr(parts, "painted", lambda *_: stamps[0])  # fails
    monkeypatch.setattr(results, "stamp", lambda _: (session.labs.value.get("at", 0),))

    @solara.component
    def Page() -> None:  # noqa: N802
        results.show(session, folder)

    _, rendered = solara.render(Page(), handle_error=False)
    try:
        assert parts.FAULT in "\n".join(_texts(rendered))
        monkeypatch.setattr(parts, "painted", painted)
        session.labs.value = {"at": 1}
        text = "\n".join(_texts(rendered))
        assert parts.FAULT not in text and "<svg" in text
    finally:
        rendered.close()


def test_a_folder_whose_title_is_none_is_one_note(tmp_path, doses):
    manifest = files.unsealed((doses / "manifest.json").read_bytes())
    folder = shutil.copytree(doses, tmp_path / "doses")
    files.write(folder / "manifest.json", files.sealed({**manifest, "title": "x" * 10_000}))
    assert "at most 200 characters" in shown(folder)


def test_a_folder_that_is_gone_has_no_stamp(tmp_path):
    assert results.stamp(tmp_path / "gone") == ()


def test_large_folders_are_for_the_shell(doses, monkeypatch):
    monkeypatch.setattr(results, "MOST_RUNS", 3)
    assert "more than the page reads (3)" in shown(doses)
    monkeypatch.undo()
    monkeypatch.setattr(sweep, "MOST_POINTS", 2)
    assert "more than the page shows (2)" in shown(doses)


def test_unfinished_folders_show_what_there_is(tmp_path, tried):
    folder = tmp_path / "part"
    over = {"man.bmi": [24, 32, 40], "therapy.1.dose": ["0.5 mg", "1 mg"]}
    ta.sweep(
        {**CASE, "sweep": {"engine": "expected", "outputs": OUTPUTS, "over": over}}, folder, workers=1, shard=(1, 2)
    )
    text = shown(folder)
    assert "3 of 6 runs are done" in text and text.count("ta-none") >= 3 and "ta-cell" in text
    some = shutil.copytree(tried, tmp_path / "trial")
    for path in some.glob("*.parquet"):
        if path.name != "design.parquet":
            path.unlink()
    for path in sorted((some / "parts").iterdir())[1:]:
        path.unlink()
    assert "of 24 runs are done" in shown(some) and "once every man has been followed" in re.sub(
        "come ", "", shown(some)
    )


# ---- sweeps


def _chart(folder, word="total motile count", kind="treated") -> Lines:
    found = Swept.of(folder)
    return sweeps.curves(found, found.spread(word), found.axes[0], word, kind)


def test_a_dose_response_has_intervals_round_ticks_and_an_answer_that_agrees(doses):
    found, chart = Swept.of(doses), _chart(doses)
    assert (
        chart.log
        and chart.axis == "Anastrozole dose (mg)"
        and [one.name for one in chart.series] == ["untreated", "treated"]
    )
    assert np.allclose(chart.x, [0.1, 0.310723, 0.965489, 3.0], rtol=1e-3) and list(chart.names) == [
        "0.1",
        "0.31",
        "0.97",
        "3",
    ]
    treated = chart.series[1]
    assert (
        (treated.low <= treated.middle).all()
        and (treated.middle <= treated.high).all()
        and (treated.low < treated.high).any()
    )
    table = found.spread("total motile count")
    middle = table[table["kind"] == "treated"].set_index("point")["middle"]
    said = sweep.of_lines(chart)
    assert f"highest at {chart.names[int(middle.idxmax())]} mg" in said and "90 %" in said
    ticks = {text.text for text in drawn(plots_screen.lines(chart)).findall(".//{*}text")}
    assert {"0.1", "1"} <= ticks and not any("0.31" in (tick or "") for tick in ticks)


def test_sentences_follow_the_data():
    def lines(levels, x=(0.5, 1.0, 2.0, 4.0), **more):
        none = np.full(len(levels), np.nan)
        names = rounded(list(x)[: len(levels)])
        return Lines(
            "Sperm",
            "M/mL",
            "Dose (mg)",
            np.array(x[: len(levels)]),
            names,
            [Series("treated", 1, np.array(levels, float), none, none)],
            **more,
        )

    assert (
        sweep.of_lines(lines([10, 19, 20, 20.1]))
        == "Sperm is highest at 4 mg (20.1 M/mL) and lowest at 0.5 mg (10.0 M/mL); 89 % of that rise is reached at 1 mg."
    )
    assert (
        sweep.of_lines(lines([20, 15, 10, 5]))
        == "Sperm is highest at 0.5 mg (20.0 M/mL) and lowest at 4 mg (5.00 M/mL)."
    )
    assert "hardly hangs on dose" in sweep.of_lines(lines([10, 10.01, 10, 10.02]))
    assert sweep.of_lines(lines([np.nan] * 4)) == "No point has a level yet."
    assert sweep.of_lines(lines([np.nan, 7, np.nan, np.nan])) == "Sperm: 7.00 M/mL at 1 mg."


def test_a_map_has_words_keys_and_an_answer_that_agrees(mapped):
    found = Swept.of(mapped)
    spread = found.spread("total motile count")
    chart = sweeps.mapped(found, spread, found.axes, "total motile count", sweeps.CHANGE)
    assert chart.names == ("Body mass index (kg/m2)", "Anastrozole dose (mg)") and list(chart.up) == [
        "0.1",
        "0.31",
        "0.97",
        "3",
    ]
    change = spread[spread["kind"] == "change"].set_index("point")["middle"]
    for i, row in enumerate(chart.keys):
        for k, key in enumerate(row):
            assert chart.values[i, k] == pytest.approx(change[int(key)])
    best = found.values(int(change.idxmax()))
    assert f"{change.max():+.0f} % (body mass index {best['man.bmi']:g} kg/m2" in sweep.of_map(chart)
    svg = plots_screen.heat_map(chart)
    assert svg.count("data-at=") == 12 and svg.count('tabindex="0"') == 12
    # The bar of colours holds zero in its middle.
    texts = {text.text: float(text.get("x")) for text in drawn(svg).findall(".//{*}text")}
    assert texts["0"] > 0 and "%" in texts


def test_of_more_axes_two_are_shown_and_cells_are_means(grid):
    found = Swept.of(grid)
    spread = found.spread("testosterone")
    chart = sweeps.mapped(found, spread, found.axes[:2], "testosterone", "treated")
    assert not any(key for row in chart.keys for key in row)
    points_of = found.manifest["design"]["points"]
    here = [k for k, point in enumerate(points_of) if point[0] == 24 and point[1] == "0.1 mg"]
    levels = spread[spread["kind"] == "treated"].set_index("point")["middle"]
    assert len(here) == 2 and chart.values[0, 0] == pytest.approx(levels[here].mean() * 28.84, rel=1e-6)
    assert "mean over what else was varied" in shown(grid)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1, 0.176273, 0.310723], ["0.1", "0.18", "0.31"]),
        ([22, 26.5], ["22", "26.5"]),
        ([1000, 2500.0], ["1,000", "2,500"]),
        ([100.0, 100.4], ["100", "100.4"]),
    ],
)
def test_names_of_places_are_as_short_as_they_can_be(values, said):
    assert rounded(values) == said


@pytest.mark.parametrize("ends", [(0.1, 3.0), (0.02, 300.0), (1.0, 1.5), (7.0, 8.0)])
def test_ticks_of_a_logarithmic_axis_lie_on_it(ends):
    ticks = log_ticks(*ends)
    assert len(ticks) >= 2 and ticks == sorted(ticks) and ends[0] * 0.99 <= ticks[0] and ticks[-1] <= ends[1] * 1.01


def test_a_click_loads_the_scenario_of_its_point(mapped):
    session, found = Session(), Swept.of(mapped)
    points.load(session, mapped, "7")
    kind, said = session.notice.value
    values = found.values(7)
    assert kind == "info" and "body mass index 32 kg/m2, anastrozole dose 3 mg" in said
    form = session.draft.value
    assert form["man"]["bmi"] == values["man.bmi"] and form["therapy"][0]["dose"] == values["therapy.1.dose"]
    before = session.draft.value
    for wrong in ("12", "-1", "1.5", "x", "", "9" * 30):
        points.load(session, mapped, wrong)
        assert session.notice.value[0] == "error" and session.draft.value is before, wrong


def test_a_click_on_an_arm_loads_it_and_nothing_else(compared, tried):
    assert points.scenario_of(compared, "clomiphene").therapy[0].drug == "clomiphene"
    with pytest.raises(TestisError, match="is no part of it"):
        points.scenario_of(compared, "letrozole")
    with pytest.raises(TestisError, match="scenarios of their own"):
        points.scenario_of(tried, "control")


# ---- other kinds


def test_the_answer_of_a_comparison_is_its_largest_change(compared):
    from testis_abm.app.results.compare import all_outcomes, answer, by_arm

    found = opened.comparison(compared)
    assert found.arms == ("untreated", "clomiphene", "anastrozole") and found.plausible is not None
    rows = found.effects[found.effects["output"] == "testosterone"].set_index("arm")["change_pct"]
    said = answer(found, "testosterone")
    assert (
        said.startswith(f"Testosterone rises most in {rows.idxmax()}: {rows.max():+.1f} % (95 %")
        and "plausible models" in said
        and "against untreated" in said
    )
    table = by_arm(found, "testosterone")
    assert list(table.index) == list(found.arms) and table.loc["untreated", "change"] == "reference"
    assert set(all_outcomes(found)) == {*found.arms}
    assert arms.colours(found) == {"untreated": 0, "clomiphene": 1, "anastrozole": 2}
    chart = arms.changes(found, "testosterone", keys=True)
    assert [row.key for _, of in chart.groups for row in of] == ["clomiphene", "anastrozole"]
    (panel,) = arms.panels(found, ["testosterone"])
    assert [curve.name for curve in panel.curves] == ["untreated", "clomiphene", "anastrozole"] and panel.days == (
        0.0,
        40.0,
    )


def test_the_answer_of_a_trial_has_interval_p_and_responders(tried):
    found = opened.trial(tried)
    row = found.effects[found.effects["column"] == found.outcome].iloc[0]
    said = trial.answer(found)
    assert f"{row['difference_pct']:+.0f} %" in said or f"{row['difference_pct']:+.1f} %" in said
    assert ("does not differ beyond chance" in said) == (row["p"] >= 0.05) and "of the men randomised" in said.lower()
    bars = trial.waterfall(found)
    assert sum(len(changes) for *_, changes in bars.arms) == len(found.men) == 24
    seen = trial.visits(found)
    assert list(seen.x) == [0.0, 30.0, 60.0] and [one.colour for one in seen.series] == [0, 1]
    flow = trial.flow(found)
    assert flow["randomised"].astype(int).sum() == 24 and "24 randomised" in trial._assessed(found)
    assert found.assessed >= 24
    assert len(trial.outcomes(found)) == 2 * found.effects["column"].nunique()
    drawn(rows_screen.waterfall(bars)), drawn(plots_screen.lines(trial.power(found)))


def test_no_line_begins_with_the_percent_of_a_figure():
    from testis_abm.app.widgets import unbroken

    assert (
        unbroken("by 38 % (90 % over): +10 to +54 %; of %") == "by 38\u00a0% (90\u00a0% over): +10 to +54\u00a0%; of %"
    )


def test_a_ranking_of_levels_in_place_of_changes_says_so(ranked):
    from testis_abm.experiments.sensitivity import LEVEL, indices

    table, (case,) = indices(ranked), opened.arms_of(ranked).values()
    said = sensitivity.answer(table.assign(quantity=f"million{LEVEL}"), "morris", case)
    assert (
        " when treated hangs most on " in said and " million)" in said and said.endswith("so that levels are ranked.")
    )
    assert "levels are ranked" not in sensitivity.answer(table.assign(quantity="% change"), "morris", case)


def test_a_trial_is_analysed_once_its_tables_are_there(tried, tmp_path):
    assert trial._analysed(opened.Folder(tried, "trial", "Trial"))
    assert not trial._analysed(opened.Folder(tmp_path, "trial", "Trial"))


def test_the_answer_of_a_ranking_is_its_first_input(ranked):
    from testis_abm.experiments.sensitivity import indices

    table, (case,) = indices(ranked), opened.arms_of(ranked).values()
    first = sweeps.title_of(table["input"].iloc[0], case)
    assert parts.lowered(first) in sensitivity.answer(table, "morris", case)
    labels = [row.label for _, rows in sensitivity.bars(table, "morris", case).groups for row in rows]
    assert set(labels) == {"Body mass index", "Anastrozole dose"} and labels[0] == first


def _observed(**change):
    row = {
        "citation": "A 2020",
        "n": 9,
        "label": "LH",
        "kind": "change",
        "observed": 50.0,
        "beyond": "",
        "predicted": 40.0,
        "low": 20.0,
        "high": 60.0,
        "unit": "%",
        "inside": True,
        "sign": True,
        "ends": 90.0,
    }
    return {**row, **change}


def test_studies_stand_on_one_axis_and_the_outside_is_named():
    table = pd.DataFrame(
        [
            _observed(),
            _observed(label="FSH", observed=90.0, inside=False),
            _observed(
                label="T", kind="level", unit="nmol/L", observed=8.0, predicted=16.0, low=12.0, high=20.0, inside=False
            ),
            _observed(label="none", predicted=np.nan, low=np.nan, high=np.nan, sign=None),
        ]
    )
    said = studies.answer(table)
    assert (
        said.startswith("1 of 3 observations lie inside")
        and "FSH (observed 90.0 %, predicted 40.0 %)" in said
        and "right in 3 of 3" in said
    )
    first, second = studies.changes(table), studies.ratios(table)
    assert [row.label for _, of in first.groups for row in of] == ["LH", "FSH"] and not first.log
    (level,) = [row for _, of in second.groups for row in of]
    assert second.log and second.zero == 1.0 and (level.middle, level.seen, level.inside) == (1.0, 0.5, False)
    root = drawn(rows_screen.rows(first))
    marks = [mark.get("class") for mark in root.findall(".//{*}path")]
    assert marks == ["ta-mark", "ta-mark ta-outside"]
    circles = [float(circle.get("cx")) for circle in root.findall(".//{*}circle")]
    assert circles[0] == circles[1], "the same prediction stands at the same place"


def test_tables_to_take_home_are_exact_and_no_formula():
    rows = pd.DataFrame({"=name": ["=1+1", "\t=1", "plain"], "level": [1 / 3, 2.0, np.nan]})
    text = csv_of(rows).decode()
    again = pd.read_csv(StringIO(text))
    assert again["level"][0] == 1 / 3 and next(iter(again)) == "'=name"
    assert list(again.iloc[:, 0]) == ["'=1+1", "'\t=1", "plain"]


def test_names_in_pictures_are_text_and_not_markup():
    evil = '"><script>alert(1)</script>'
    none = np.full(1, np.nan)
    lines = Lines(evil, evil, evil, np.ones(1), [evil], [Series(evil, 1, np.ones(1), none, none)], keys=[evil])
    rows = rows_screen.Rows(evil, evil, [(evil, [rows_screen.Row(evil, 1.0, 0.5, 2.0, key=evil, detail=evil)])])
    men = rows_screen.Waterfall(evil, [(evil, 1, np.array([10.0, -20.0]))])
    for svg in (plots_screen.lines(lines), rows_screen.rows(rows), rows_screen.waterfall(men), arms.legend({evil: 1})):
        assert "<script" not in svg


# ---- arms that the page kept


@pytest.fixture(scope="session")
def runs():
    case = {**SMALL, "plan": {"baseline": "4 days", "duration": "30 days", "replicates": 2, "seed": 1}}
    one, other = (
        ta.run({**case, "title": drug, "therapy": [{**THERAPY, "drug": drug, "dose": dose}]})
        for drug, dose in (("anastrozole", "1 mg"), ("clomiphene", "25 mg"))
    )
    man = ta.run({**case, "title": "another", "man": {"preset": "fertile"}})
    return one, other, man


@pytest.mark.slow
def test_kept_arms_are_compared_with_the_untreated_man_and_with_one_another(runs):
    one, other, man = runs
    lived = compare.arms_of((("A", one), ("B", other)))
    assert list(lived) == ["untreated", "A", "B"]
    found = of_runs(lived)
    levels = found.effects[found.effects["output"] == "testosterone"].set_index("arm")
    from testis_abm.results.summary import summarise

    row = summarise(one).query("column == 'testosterone_nmol_l'").iloc[0]
    assert levels.loc["A", ["change_pct", "low_pct", "high_pct"]].tolist() == pytest.approx(
        [row["change_pct"], row["low_pct"], row["high_pct"]]
    )
    assert levels.loc["A", "plausible_low_pct"] == pytest.approx(row["plausible_low_pct"])
    assert set(found.why) == {"A", "B"} and not found.left_out
    # Against another treatment: pairs, but no reason and no plausible models of the untreated man.
    against = of_runs({"B": lived["B"], "A": lived["A"]})
    assert not against.why and against.plausible is None and np.isfinite(against.effects["low_pct"]).any()
    # Another man: means alone.
    mixed = of_runs({"A": lived["A"], "M": Lived(man, "treated")})
    assert (
        mixed.left_out == {"M": UNPAIRED}
        and mixed.effects["low_pct"].isna().all()
        and np.isfinite(mixed.effects["change_pct"]).any()
    )
    with pytest.raises(TestisError, match="two or more"):
        of_runs({"A": lived["A"]})


def test_men_who_are_compared_are_told_apart(runs):
    one, _, man = runs
    lived = compare.arms_of((("mine", one), ("yours", man)))
    assert list(lived) == ["untreated (mine)", "untreated (yours)", "mine", "yours"]
    assert len(compare.arms_of(tuple((f"arm {k}", one) for k in range(7)))) == 8
