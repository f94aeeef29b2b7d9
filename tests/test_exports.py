"""Exports for other tools: read back by the formats' own libraries, they say what the model said; bad input writes nothing."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.cli import main
from testis_abm.exports import export_cells, export_film, export_parameters, export_petab, export_sbml, export_tracks
from testis_abm.exports.equations import equations
from testis_abm.exports.table import COLUMNS, parameter_table
from testis_abm.exports.target import days_of
from testis_abm.exports.tracks import cell_tracks
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.treat import Treatment

DAYS = 60


def scenario(days: int = DAYS, **more):
    tissue = {"tubules": 2, "rows": 1, "sertoli_per_tubule": 12}
    therapy = [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]
    plan = {"baseline": 0, "duration": days, "replicates": 1}
    man = {"preset": "obese_low_t_e2"}
    return ta.load({"man": man, "tissue": tissue, "plan": plan, "therapy": therapy, **more})


@pytest.fixture(scope="module")
def tracks():
    return cell_tracks(scenario(), days="0:20")


# ---- parameters


def test_parameters_read_back_equal_to_the_tables(tmp_path):
    table = parameter_table()
    csv = pd.read_csv(
        export_parameters(tmp_path / "all.csv"), keep_default_na=False, na_values={"value": "", "low": "", "high": ""}
    )
    pd.testing.assert_frame_equal(csv, table, check_dtype=False)
    rows = json.loads(export_parameters(tmp_path / "all.json").read_text())["parameters"]
    assert [tuple(row) for row in rows] == [COLUMNS] * len(table)
    by_name = {(row["table"], row["name"]): row for row in rows}
    assert len(by_name) == len(rows)
    for name, of in parameters.load().items():
        row = by_name["model", name]
        assert (row["value"], row["unit"], row["low"], row["high"]) == (of.value, of.unit, of.low, of.high)
        assert (row["source"], row["confidence"], row["note"]) == (of.source, of.confidence, of.note)
    for drug in parameters.drugs().values():
        assert all(by_name["drug", of.name]["value"] == of.value for of in drug.numbers.values())
    assert {name.split(".")[0] for table, name in by_name if table == "man"} <= set(parameters.presets())


# ---- tracks


def test_a_cell_keeps_its_number_while_it_lives_and_goes_through_its_steps_in_order(tracks):
    steps = {name: k for k, name in enumerate(parameters_steps())}
    germ = tracks[tracks["kind"] == "germ"]
    assert not tracks.duplicated(["day", "id"]).any()
    assert (tracks.groupby("id")["lineage"].nunique() == 1).all()
    assert (tracks.groupby(["kind", "lineage"])["id"].nunique() == 1).all()
    seen = germ.groupby("id")["day"].agg(["min", "max", "count"])
    assert (seen["max"] - seen["min"] + 1 == seen["count"]).all()  # nobody is gone for a day
    order = germ.assign(k=germ["step"].map(steps)).sort_values(["id", "day"])
    assert (order.groupby("id")["k"].diff().dropna() >= 0).all()
    assert order.groupby("id")["k"].nunique().max() >= 3  # leptotene, zygotene, pachytene
    body = tracks[tracks["kind"] != "germ"]
    assert body.groupby("id")[["x_um", "y_um", "z_um"]].nunique().eq(1).all().all()


def parameters_steps():
    from testis_abm.biology import steps

    return steps.NAMES


def test_tracks_for_simularium_read_back_equal(tmp_path, tracks):
    pytest.importorskip("simulariumio")
    path = export_tracks(scenario(), tmp_path / "tracks.simularium", days="0:20")
    read = json.loads(path.read_text())
    info, bundle = read["trajectoryInfo"], read["spatialData"]["bundleData"]
    names = {int(key): of["name"] for key, of in info["typeMapping"].items()}
    assert info["totalSteps"] == len(bundle) == 21
    assert {of["geometry"]["color"].upper() for of in info["typeMapping"].values()} <= colours()
    xyz = tracks[["x_um", "y_um", "z_um"]].to_numpy()
    middle = 0.5 * (xyz.min(axis=0) + xyz.max(axis=0))
    for day, frame in enumerate(bundle):
        rows = np.array(frame["data"]).reshape(-1, 11)
        mine = tracks[tracks["day"] == day]
        assert rows[:, 1].tolist() == mine["id"].tolist()
        np.testing.assert_allclose(rows[:, 3:6] + middle, mine[["x_um", "y_um", "z_um"]], atol=0.0051)
        np.testing.assert_allclose(rows[:, 9], mine["radius_um"])
        shown = [names[int(kind)] for kind in rows[:, 2]]
        assert {name for name, step in zip(shown, mine["step"]) if step == "pachytene"} <= {"pachytene"}


def colours():
    from testis_abm.pictures.steps import LEYDIG, SERTOLI, STEPS

    return {look.fill.upper() for look in (*STEPS, SERTOLI, LEYDIG)}


def test_tracks_as_table_read_back_equal(tmp_path, tracks):
    read = pd.read_csv(
        export_tracks(scenario(), tmp_path / "t.csv", days="0:20"), dtype={"lineage": "uint64"}, keep_default_na=False
    )
    pd.testing.assert_frame_equal(read, tracks, check_dtype=False)


# ---- states of cells


def test_states_of_cells_read_back_as_agents_tell_them(tmp_path):
    anndata = pytest.importorskip("anndata")
    case = scenario()
    read = anndata.read_h5ad(export_cells(case, tmp_path / "cells.h5ad", day=20, arm="treated"))
    from testis_abm.experiments.simulate import men_of

    man = men_of(case)["treated"]
    man.run_for(20)
    for kind, of in (("germ", ta.GermCell), ("sertoli", ta.SertoliCell), ("leydig", ta.LeydigCell)):
        cells, rows = man.agents_by_type[of], read[read.obs["kind"] == kind]
        assert list(rows.obs_names) == [f"{kind}-{lineage}" for lineage in cells.array("lineage")]
        for name in ("testosterone_nmol_l", "oestradiol_pmol_l", "aromatase", "er_alpha_signal"):
            np.testing.assert_array_equal(np.asarray(rows[:, name].X)[:, 0], cells.array(name))
        np.testing.assert_allclose(rows.obsm["spatial"], np.array(cells.get("position")))
    germ = read[read.obs["kind"] == "germ"]
    assert list(germ.obs["step"]) == man.agents_by_type[ta.GermCell].get("step")
    ages = germ.obs.groupby("step", observed=True)["age_days"].mean()
    assert ages["pachytene"] < ages["round_spermatid"] < ages["elongated_spermatid"]
    assert np.isnan(ages["a_dark"])
    assert np.isnan(np.asarray(germ[:, "fsh"].X)).all()
    units = read.var["unit"]
    assert units["testosterone_nmol_l"] == "nmol/L"
    assert units["oestradiol_pmol_l"] == "pmol/L"
    assert units["hazard_per_day"] == "per day"
    assert units["fsh"] == "IU/L"
    assert (read.uns["software"], read.uns["arm"], int(read.uns["day"])) == ("testis_abm", "treated", 20)
    assert "not medical advice" in read.uns["disclaimer"]


# ---- film


@pytest.mark.slow
def test_a_film_has_a_frame_a_day_that_changes_and_says_who_made_it(tmp_path):
    from PIL import Image

    case = scenario()
    gif = export_film(case, tmp_path / "f.gif", days="3:5", field="t_over_e2", arm="both")
    with Image.open(gif) as film:
        assert film.n_frames == 3
        assert film.info["duration"] == 250
        assert b"testis_abm" in film.info["comment"]
        frames = []
        for k in range(3):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB")))
    assert all(frame.std() > 10 for frame in frames)
    assert all((one != other).mean() > 0.001 for one, other in pairwise(frames))
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    mp4 = export_film(case, tmp_path / "f.mp4", days="3:4")
    meta, *shown = ffmpeg.read_frames(str(mp4))
    assert meta["fps"] == 4.0
    assert len(shown) == 2
    export_film(case, mp4, days="3:3")  # its own is replaced


# ---- equations


@pytest.mark.slow
def test_the_untreated_man_stands_still_in_his_equations():
    libsbml = pytest.importorskip("libsbml")
    pytest.importorskip("roadrunner")
    from testis_abm.exports.sbml import sbml_of
    from testis_abm.exports.target import described

    case = scenario(therapy=[])
    made = equations(case)
    assert libsbml.readSBMLFromString(sbml_of(made, described(case))).getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    for name, course in simulated(sbml_of(made, described(case)), 30).items():
        assert np.ptp(course) < 1e-4 * course[0], name


LEVELS = ("testosterone_nmol_l", "oestradiol_pmol_l", "lh_iu_l", "fsh_iu_l", "inhibin_b_pg_ml", "shbg_nmol_l")
INSIDE = ("intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l")


def simulated(text: str, days: int) -> dict[str, np.ndarray]:
    """Return the daily means that libRoadRunner makes of SBML."""
    import roadrunner

    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-8, 1e-10
    columns = [*(f"[{name}]" for name in LEVELS), *INSIDE]
    found = np.asarray(runner.simulate(0, days, 24 * days + 1, ["time", *columns]))[1:]
    return dict(zip((*LEVELS, *INSIDE), found[:, 1:].reshape(days, 24, -1).mean(axis=1).T))


@pytest.mark.parametrize("drug", ["anastrozole", "letrozole_testosterone"])
@pytest.mark.slow
def test_sbml_does_what_the_mean_field_man_does(tmp_path, drug):
    libsbml = pytest.importorskip("libsbml")
    pytest.importorskip("roadrunner")
    given = {
        "anastrozole": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        "letrozole_testosterone": [
            {"drug": "letrozole", "dose": "2.5 mg", "every": "1 day", "until": "day 20"},
            {"drug": "testosterone_enanthate", "dose": "100 mg", "every": "7 days", "from": "day 10"},
        ],
    }[drug]
    case = scenario(therapy=given)
    path = export_sbml(case, tmp_path / "man.xml")
    document = libsbml.readSBMLFromFile(str(path))
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, False)
    document.checkConsistency()
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    found = simulated(path.read_text(), DAYS)
    treatment = Treatment(case, history=True)
    own = equations(case).man
    days = treatment.follow(ExpectedMan(own.values, case.man.physiology, treatment.kinetics)).days[1:]
    for name in (*LEVELS, *INSIDE):
        off = np.abs(found[name] / days[name] - 1.0)
        # In the first days the model's steps of a day show; FSH follows germ cells by inhibin B, and they are held here.
        most = {"fsh_iu_l": 0.03, "inhibin_b_pg_ml": 0.03}.get(name, 0.02)
        assert off[7:].max() < most if drug == "anastrozole" else off[-1] < 0.10, (name, off.max(), off.argmax())
    assert abs(days["oestradiol_pmol_l"][-1] / days["oestradiol_pmol_l"][0] - 1.0) > 0.1  # there is something to follow


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"weight": [{"bmi": 28, "until": "day 50"}]}, "weight"),
        ({"insult": [{"kind": "fever", "days": "5 days", "peak": "39 C", "day": "day 2"}]}, "insult"),
        ({"therapy": [{"drug": "leuprolide", "dose": "7.5 mg", "every": "28 days"}]}, "within the hour"),
        (
            {
                "therapy": [
                    {
                        "drug": "anastrozole",
                        "dose": "1 mg",
                        "every": "1 day",
                        "when": "LH < 5 IU/L at day 10",
                        "from": "day 11",
                    }
                ]
            },
            "measurements",
        ),
    ],
)
def test_what_the_equations_do_not_hold_is_refused(more, told):
    with pytest.raises(ta.TestisError, match=told):
        equations(scenario(**more))


# ---- observations


@pytest.mark.slow
def test_a_study_is_a_valid_petab_problem_whose_nominal_man_answers(tmp_path):
    petab = pytest.importorskip("petab.v1")
    pytest.importorskip("roadrunner")
    folder = export_petab(["leder_2004"], tmp_path / "studies")
    problem = petab.Problem.from_yaml(folder / "leder_2004.yaml")
    assert not petab.lint_problem(problem)
    study = ta_study("leder_2004")
    assert set(problem.measurement_df["measurement"]) <= {seen.number for seen in study.observed}
    left = pd.read_csv(folder / "leder_2004_left_out.tsv", sep="\t")
    assert len(problem.measurement_df) + len(left) == len(study.observed)
    import roadrunner

    runner = roadrunner.RoadRunner((folder / "leder_2004.xml").read_text())
    resting = np.asarray(runner.simulate(0, 50, 51, ["time", "[testosterone_nmol_l]"]))[:, 1]
    assert np.ptp(resting) < 1e-3 * resting[0]  # no arm: nothing is given
    libsbml = pytest.importorskip("libsbml")
    document = libsbml.readSBMLFromFile(str(folder / "leder_2004.xml"))
    document.getModel().getParameter("arm_anastrozole").setValue(1.0)
    runner = roadrunner.RoadRunner(libsbml.writeSBMLToString(document))
    treated = np.asarray(runner.simulate(0, 84, 85, ["time", "[testosterone_nmol_l]", "baseline_testosterone_nmol_l"]))
    assert treated[-1, 2] == pytest.approx(resting[0], rel=1e-6)
    assert treated[-1, 1] > 1.2 * resting[0]
    for row in problem.parameter_df.itertuples():
        assert row.lowerBound <= row.nominalValue <= row.upperBound
        assert runner[row.Index] == pytest.approx(row.nominalValue)


def ta_study(name):
    from testis_abm.studies.study import known, load_study

    return load_study(known()[name])


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tracks", "fertile_man", "--days", "9:3", "--out", "x.csv"], "--days: day 3 is before day 9"),
        (["tracks", "fertile_man", "--days", "0:9999", "--out", "x.csv"], "--days: day 9999 is out of range"),
        (["tracks", "fertile_man", "--out", "x.txt"], ".simularium or .parquet or .csv"),
        (["tracks", "fertile_man", "--arm", "treated", "--out", "x.csv"], "--arm: there is no therapy"),
        (["film", "fertile_man", "--days", "0:3", "--field", "cortisol", "--out", "x.gif"], "--field"),
        (["film", "fertile_man", "--set", "plan.duration=900 days", "--out", "x.gif"], "more than 200"),
        (["cells", "fertile_man", "--day", "99999", "--out", "x.h5ad"], "--day"),
        (["parameters", "--out", "x.xlsx"], ".csv or .json"),
        (["parameters", "extra", "--out", "x.csv"], "takes nothing"),
        (["parameters", "--out", "x.csv", "--day", "3"], "--day: is not used by export parameters"),
        (["petab", "no_study", "--out", "folder"], "no_study"),
        (["petab", "pavlovich_2001", "--out", "folder"], "none of its observations can be given"),
        (["sbml", "fever", "--out", "x.xml"], "insult"),
        (["nonsense", "--out", "x"], "nonsense"),
        (["parameters"], "--out"),
    ],
)
def test_bad_input_is_one_clear_error_and_nothing_is_written(tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("anndata", ["cells", "fertile_man", "--out", "x.h5ad"]),
        ("simulariumio", ["tracks", "fertile_man", "--out", "x.simularium"]),
        ("imageio_ffmpeg", ["film", "fertile_man", "--out", "x.mp4"]),
        ("libsbml", ["sbml", "fertile_man", "--out", "x.xml"]),
        ("libsbml", ["petab", "leder_2004", "--out", "folder"]),
    ],
)
def test_a_missing_package_is_told_before_the_work(tmp_path, monkeypatch, capsys, module, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert 'pip install "testis_abm[export]"' in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.simularium", "x.h5ad", "x.gif", "x.mp4", "x.xml"])
def test_what_somebody_else_wrote_stays(tmp_path, capsys, name):
    for module in ("simulariumio", "anndata", "libsbml", "imageio_ffmpeg"):
        pytest.importorskip(module)
    what = {
        ".csv": "parameters",
        ".json": "parameters",
        ".simularium": "tracks",
        ".h5ad": "cells",
        ".gif": "film",
        ".mp4": "film",
        ".xml": "sbml",
    }
    path = tmp_path / name
    path.write_text("mine")
    kind = what[path.suffix]
    assert main(["export", kind, *([] if kind == "parameters" else ["fertile_man"]), "--out", str(path)]) == 2
    assert "was not written by testis_abm" in capsys.readouterr().err
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "days"), [("0:16", range(17)), ("5", range(5, 6)), (None, range(31)), (" 3 : 4 ", range(3, 5))]
)
def test_days_are_read_with_both_ends(text, days):
    assert days_of(text, 30) == days
