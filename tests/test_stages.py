"""Stages of the cycle: their clock, how they lie along a tubule, what thin sections show of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from small_tissue import SmallModel

from testis_abm.agents import histology as histology_of_man
from testis_abm.agents.model import TestisModel
from testis_abm.biology import stages, steps
from testis_abm.choices import HELIX, PATCHES, STAGE_LAYOUTS
from testis_abm.cli.command import main
from testis_abm.cli.histology import _text, _whole
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.drawing import draw_figure
from testis_abm.results import KINDS
from testis_abm.scenario import load
from testis_abm.support.errors import ScenarioError
from testis_abm.testis import biopsy, build, histology
from testis_abm.testis import kinds as cells
from testis_abm.testis.stage_layout import phases


@pytest.fixture(scope="module")
def clock(values, fertile):
    return stages.Clock.of(values, build.tissue_parameters(values, fertile)[0])


@pytest.fixture(scope="module")
def tissue():
    """Return a tissue of many rows, so that sections differ."""
    return SmallModel(tubules=8, rows=36, sertoli_per_tubule=26).settle().tissue


@pytest.fixture(scope="module")
def sections(tissue, values):
    return histology.cut_sections(tissue, values)


# ---- the clock


def test_a_turn_of_the_clock_spends_in_each_stage_its_share_of_the_days(clock):
    days = np.linspace(0.0, clock.cycle_days, 15_900, endpoint=False)
    found = np.array([clock.stage_at(0.3, day) for day in days])
    share = np.bincount(found, minlength=6) / len(found)
    assert share == pytest.approx(np.array([4.8, 3.1, 1.0, 1.2, 5.0, 0.8]) / 15.9, abs=2e-4)
    changes = np.diff(found) % 6
    assert set(changes) == {0, 1}  # none is left out, none comes back


def test_after_a_turn_all_niches_are_in_the_same_stage_again_and_a_phase_is_time(clock):
    phase = np.linspace(0.0, 1.0, 997, endpoint=False)
    assert (clock.stage_at(phase, 5.0) == clock.stage_at(phase, 5.0 + 3 * clock.cycle_days)).all()
    assert (clock.stage_at(phase, 5.0) == clock.stage_at(phase - 0.25, 5.0 + clock.cycle_days / 4)).mean() > 0.995
    assert (clock.stage_at(phase, 5.0) != clock.stage_at(phase, 10.0)).mean() > 0.5


def test_spermatids_of_the_model_change_where_stages_do(clock):
    late = {mark.event: clock.lateness(mark) for mark in (*stages.SPERMATIDS, *stages.OTHERS)}
    assert sum(late[mark.event] for mark in stages.SPERMATIDS) == pytest.approx(0.0, abs=0.02)
    assert max(abs(late[mark.event]) for mark in stages.SPERMATIDS) < 0.9
    assert -0.9 < late["spermiation"] < 0.0  # before the end of II
    assert 0.0 < late["A-pale found clones of B"] < 1.1  # at the beginning of I
    # Tables of durations disagree with one another here (docs/model.md).
    assert 4.0 < late["leptotene begins"] < 6.0


def test_each_stage_shows_the_spermatids_that_define_it(clock):
    present = clock.present()
    kinds = present[:, [steps.ROUND_SPERMATID, steps.ELONGATING_SPERMATID, steps.ELONGATED_SPERMATID]]
    main_one = [
        np.argmax(kinds[stage, :2])
        for stage in (stages.STAGE_I, stages.STAGE_II, stages.STAGE_III, stages.STAGE_IV, stages.STAGE_V)
    ]
    assert main_one == [0, 0, 0, 0, 1]  # Sa, Sa, Sb, Sb, Sc
    assert kinds[stages.STAGE_I, 2] == 1.0 and kinds[stages.STAGE_VI, 2] > 0.9 and kinds[stages.STAGE_II, 2] > 0.7
    assert not kinds[[stages.STAGE_III, stages.STAGE_IV, stages.STAGE_V], 2].any()
    assert present[stages.STAGE_VI, steps.PACHYTENE] < 0.01 < present[stages.STAGE_VI, steps.SECONDARY_SPERMATOCYTE]


def test_the_zero_follows_the_durations_of_the_cells(values, fertile, clock):
    slower = {**values, "germ.round_spermatid_days": values["germ.round_spermatid_days"] + 1.0}
    other = stages.Clock.of(slower, build.tissue_parameters(slower, fertile)[0])
    assert 0.5 < other.zero - clock.zero < 1.0  # three of four events come a day later


# ---- how they lie


def mapped(layout, values, clock, tubules, rows, seed=1, now=0.0):
    geometry = build.build_geometry(values, tubules, 26, rows)
    return clock.stage_at(phases(layout, values, geometry, seed), now).reshape(tubules, rows, 26)


@pytest.mark.parametrize("layout", STAGE_LAYOUTS)
def test_stages_are_as_frequent_as_they_last(values, clock, layout):
    found = mapped(layout, values, clock, 120, 12)
    share = np.bincount(found.ravel(), minlength=stages.COUNT_OF_STAGES) / found.size
    assert share == pytest.approx(clock.shares, abs=0.012)


@pytest.mark.parametrize(("layout", "mean"), [(PATCHES, 2.8), (HELIX, 3.0)])
def test_a_section_shows_two_to_four_stages(values, clock, layout, mean):
    found = np.concatenate(
        [stages.stages_a_section(mapped(layout, values, clock, 60, 12, now=now)).ravel() for now in (0.0, 3.0, 7.0)]
    )
    assert found.mean() == pytest.approx(mean, abs=0.12)
    assert ((found >= 2) & (found <= 4)).mean() > 0.95


def test_the_smallest_tissue_of_the_defaults_shows_them_too(values, clock):
    found = [stages.stages_a_section(mapped(PATCHES, values, clock, 6, 3, seed)).mean() for seed in range(12)]
    assert 2.5 < np.mean(found) < 3.1


def test_patches_are_blocks_of_neighbours_around_and_along(values):
    geometry = build.build_geometry(values, 40, 26, 18)
    phase = phases(PATCHES, values, geometry, 5).reshape(40, 18, 26)
    runs = [len(set(section)) for section in phase[:, 9]]
    assert set(runs) == {4}  # 26 Sertoli cells, patches of 6 or 7
    changed = (phase[:, 1:] != phase[:, :-1]).any(axis=2)
    assert changed.sum(axis=1).min() >= 2 and changed.sum(axis=1).max() <= 3  # bands six rows long, beginning anywhere
    assert len(set(changed.argmax(axis=1))) > 3
    assert (phases(PATCHES, values, geometry, 6).reshape(40, 18, 26) != phase).mean() > 0.9


def test_a_helix_orders_stages_and_patches_do_not(values, clock):
    def follow_on(layout):
        """Return the share of sections whose stages are consecutive."""
        found = mapped(layout, values, clock, 40, 24).reshape(-1, 26)
        shown = np.array([[(section == one).any() for one in range(6)] for section in found])
        gaps = (shown & ~np.roll(shown, -1, axis=1)).sum(axis=1)  # ends of runs of stages
        return (gaps <= 1).mean()

    assert follow_on(HELIX) == 1.0
    assert follow_on(PATCHES) < 0.9


def test_a_helix_advances_by_its_angle(values):
    even = {**values, "stage.helix_angle_sd": 0.0}
    geometry = build.build_geometry(even, 3, 26, 30)
    phase = phases(HELIX, even, geometry, 1).reshape(3, 30, 26)
    forward = np.diff(np.unwrap(phase[:, :, 0], period=1.0), axis=1).sum(axis=1)
    turns = 29 / values["stage.helix_pitch"]
    assert forward == pytest.approx(turns * 360.0 / 173.8 / 6.0, abs=360.0 / 173.8 / 6.0)


def test_a_wrong_layout_is_refused():
    with pytest.raises(ScenarioError, match=r'"spiral" is not one of patches, helix'):
        load("fertile_man", overrides={"tissue.stages": "spiral"})
    assert load("fertile_man", overrides={"tissue.stages": "helix"}).tissue.stages == HELIX
    assert load("fertile_man").tissue.stages == PATCHES


# ---- a tissue in time


def test_sixteen_days_later_every_niche_is_in_the_same_stage(tissue):
    model = SmallModel(tubules=3, rows=2, sertoli_per_tubule=26).settle()
    before = model.tissue.stages()
    assert before.shape == (3, 2, 26)
    seen = []
    for _ in range(16):
        model.step()
        seen.append(model.tissue.stages())
    assert (seen[-1] == before).all()
    assert all((seen[k] != before).any() for k in (2, 7, 12))
    assert ((np.array(seen) == seen[0]).mean(axis=0) < 1.0).all()


def test_sperm_leave_from_where_stage_two_ends(tissue):
    found = histology.by_stage(tissue)
    elongated = found.counts[:, steps.ELONGATED_SPERMATID]
    assert elongated[stages.STAGE_I] > 3.5 and elongated[stages.STAGE_III] < 0.2 and elongated[stages.STAGE_IV] < 0.1
    assert found.counts[stages.STAGE_V, steps.ELONGATING_SPERMATID] > 3.0
    assert (
        found.counts[stages.STAGE_II, steps.B_SPERMATOGONIUM]
        > 0.8
        > found.counts[stages.STAGE_V, steps.B_SPERMATOGONIUM]
    )


def test_counts_and_deaths_by_stage_add_up_to_those_of_the_tissue():
    model = SmallModel(tubules=12, rows=12, sertoli_per_tubule=26).settle()
    expected, died = 0.0, 0
    for _ in range(16):
        found = histology.by_stage(model.tissue)
        cells = found.niches @ found.counts
        assert cells == pytest.approx(model.tissue.counts())
        expected += float(np.sum(found.niches @ found.apoptosis))
        model.step()
        died += model.tissue.events.deaths[:, steps.B_SPERMATOGONIUM :].sum()
    assert died == pytest.approx(expected, rel=0.05)
    meiosis = histology.by_stage(model.tissue).apoptosis.sum(axis=1)
    assert np.argmax(meiosis) == stages.STAGE_VI and meiosis[stages.STAGE_VI] > 8 * meiosis[stages.STAGE_III]


# ---- thin sections


def test_abercrombie_brings_counts_back_to_the_true_ones(tissue, sections):
    truth = tissue.counts() / len(sections.row)
    many = truth > 2.0
    assert sections.cells().mean(axis=0)[many] == pytest.approx(truth[many], rel=0.06)
    assert sections.sertoli_cells().mean() == pytest.approx(26.0, rel=0.03)


def test_raw_counts_favour_large_nuclei(tissue, sections):
    seen = sections.nuclei.sum(axis=0) / tissue.counts()
    assert seen[steps.PACHYTENE] > 1.9 * seen[steps.ELONGATED_SPERMATID]


def test_sections_thicker_show_more(values, tissue, sections):
    thick = histology.cut_sections(tissue, {**values, "section.thickness": 10.0})
    assert (thick.nuclei >= sections.nuclei).all()
    assert thick.nuclei.sum() > 1.3 * sections.nuclei.sum()


def test_a_section_thicker_than_its_disc_shows_every_cell(values):
    tissue = SmallModel(tubules=3, sertoli_per_tubule=6).settle().tissue
    found = histology.cut_sections(tissue, {**values, "section.thickness": 10.0})
    assert (found.nuclei.sum(axis=0) == tissue.counts()).all()
    assert found.cells() == pytest.approx(found.nuclei)


def test_late_spermatids_a_section_are_those_of_normal_men(sections):
    assert 17.0 < sections.late.mean() < 35.0  # Silber 1997


def test_a_normal_biopsy_scores_high_with_a_spread(values, sections):
    found = biopsy.scores(sections, values)
    assert 8.9 < found.johnsen_score < 9.7  # published means of normal men: 8.9 to 9.4
    assert 0.2 < found.johnsen_sd < 1.0
    assert found.elongated_sections_pct > 98.0 and found.sertoli_only_sections_pct == found.arrested_sections_pct == 0.0


def nuclei(**counts):
    row = np.zeros(steps.COUNT, dtype=int)
    for name, count in counts.items():
        row[steps.NAMES.index(name)] = count
    return row


SCORES = {
    10: {"elongated_spermatid": 20, "elongating_spermatid": 6},
    9: {"elongated_spermatid": 10, "round_spermatid": 40},
    8: {"elongating_spermatid": 1, "round_spermatid": 40},
    7: {"round_spermatid": 10},
    6: {"round_spermatid": 9, "pachytene": 30},
    5: {"pachytene": 8, "secondary_spermatocyte": 2},
    4: {"preleptotene": 1, "b_spermatogonium": 9},
    3: {"a_dark": 1},
    2: {},
}


def test_a_section_scores_by_johnsens_definition(values):
    found = biopsy.johnsen_scores(np.array([nuclei(**counts) for counts in SCORES.values()]), values)
    assert found.tolist() == list(SCORES)


def test_scores_of_mixed_sections_have_their_shares_and_spread(values, sections):
    rows = np.array([nuclei(**SCORES[score]) for score in (10, 10, 5, 2)])
    some = replace(sections, nuclei=rows, around=sections.around[:4], hyalinised=False)
    found = biopsy.scores(some, values)
    assert (found.johnsen_score, found.johnsen_sd) == (6.75, pytest.approx(np.std([10, 10, 5, 2])))
    assert found[2:6] == (50.0, 25.0, 25.0, 0.0)


def test_every_section_is_in_one_class_late_arrest_and_hyalinised_ones_too(sections):
    rows = np.array([nuclei(**counts) for counts in (*SCORES.values(), {})])
    of = biopsy.classes(replace(sections, nuclei=rows, hyalinised=np.arange(10) == 9))
    assert (of.sum(axis=0) == 1).all()
    assert of.argmax(axis=0).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 3]  # Johnsen 10 to 1


def test_men_without_germ_cells_or_without_meiosis_score_low(values):
    empty = SmallModel(tubules=2, rows=2, sertoli_per_tubule=26, germ_cell_endowment=0.0).settle().tissue
    found = biopsy.scores(histology.cut_sections(empty, values), values)
    assert found.johnsen_score == 2.0 and found.sertoli_only_sections_pct == 100.0
    assert np.isnan(found.stages_per_section) and (empty.stages_shown() == stages.NONE).all()
    shown = histology.by_stage(empty)
    assert not shown.niches.any() and np.isnan(shown.share).all()
    arrest = SmallModel(tubules=2, rows=2, sertoli_per_tubule=26, meiotic_completion=1e-6).settle().tissue
    found = biopsy.scores(histology.cut_sections(arrest, values), values)
    assert found.johnsen_score == 5.0 and found.arrested_sections_pct == 100.0 and found.elongated_sections_pct == 0.0


# ---- what a user gets


def test_the_command_writes_tables_and_pictures_beside_one_another(tmp_path, capsys):
    words = ["histology", "fertile_man", "--day", "3", "--set", "tissue.tubules=3", "--set", "plan.baseline=0 days"]
    assert main([*words, "--out", str(tmp_path / "it")]) == 0
    assert "stages a section" in (printed := capsys.readouterr().out) and "Johnsen score" in printed
    names = {path.name for path in (tmp_path / "it").iterdir()}
    pictures = {f"{name}.{kind}" for name in ("tubules", "wall") for kind in KINDS}
    assert names == {"results.json", "stages.csv", "sections.csv", "nuclei.csv", "stage_map.csv"} | pictures
    assert len((tmp_path / "it" / "stage_map.csv").read_text().splitlines()) == 1 + 3 * 3 * 26
    assert len((tmp_path / "it" / "sections.csv").read_text().splitlines()) == 1 + 3 * 3
    assert main([*words, "--out", str(tmp_path / "it")]) == 0  # its own files are replaced
    assert main(["histology", "fertile_man", "--day", "999"]) == 2
    assert "--day: 999 is out of range; allowed: 0 to 242" in capsys.readouterr().err


def lived(*insults, days=1, **man):
    """Return a man on a morning, of two rows of six tubules."""
    plan = {"baseline": "0 days", "duration": f"{days} days"}
    case = load({"title": "x", "man": man, "tissue": {"tubules": 6, "rows": 2}, "plan": plan, "insult": list(insults)})
    model = TestisModel(case, rng=1)
    model.run_for(days)
    return model


def test_only_niches_with_germ_cells_show_a_stage_in_what_a_user_gets():
    model = lived(germ_cell_endowment=0.5)
    empty = model.tissue.columns.sertoli.counts.sum(axis=1) == 0
    assert 0.1 < empty.mean() < 0.9
    assert ((model.stages().ravel() == 0) == empty).all()
    assert ((model.stage_map()["stage"] == "none") == empty).all()
    by_stage, sections = model.by_stage(), model.sections()
    of = model.stages()[model.stages() > 0]
    assert by_stage["niches_pct"].to_numpy() == pytest.approx(100.0 * np.bincount(of, minlength=7)[1:] / of.size)
    bare = ~(model.stages() > 0).any(axis=-1).ravel()
    assert bare.any() and ((sections["stages"] == "none") == bare).all()
    shown = sections["stages"][~bare].str.split().str.len()
    assert histology_of_man.scores(model).stages_per_section == pytest.approx(shown.mean())


def test_of_a_testis_taken_away_nothing_is_cut_or_drawn():
    model = lived({"kind": "orchiectomy", "side": "left", "day": 0})
    gone = model.tissue.columns.sertoli.present.reshape(6, -1)[:, 0] == 0.0
    assert gone.sum() == 3
    left = set(np.flatnonzero(~gone))
    assert set(model.sections()["tubule"]) == set(model.stage_map()["tubule"]) == left
    assert "none" not in set(model.sections()["stages"])
    true, counted = (
        model.nuclei().set_index("type")[name]["pachytene"] for name in ("true_per_sertoli", "per_sertoli")
    )
    assert true == pytest.approx(counted, rel=0.25)  # and not half of it
    drawn = model.cross_section()
    assert drawn["tubule_removed"].tolist() == gone.tolist()
    assert len(drawn["sertoli_x"]) == 3 * model.tissue.geometry.around
    beside = np.array([model.tissue.columns.leydig.corner[row] // 2 for row in cells.KINDS[0].in_section(model.tissue)])
    assert len(beside) and set(beside) <= left and len(drawn["capillary_x"]) == 6


def test_of_two_testes_taken_away_tables_and_pictures_say_so():
    model = lived({"kind": "orchiectomy", "side": "both", "day": 0})
    assert model.sections().empty and model.stage_map().empty and not model.stages().any()
    assert np.isnan(histology_of_man.scores(model)).all()
    assert model.nuclei().drop(columns="type").isna().all(axis=None)
    said = _text(model, {"sections": model.sections()})
    assert said == "Both testes taken away: there is nothing to cut."
    other = lived().cross_section()
    arms = {"untreated": other, "treated": model.cross_section()}
    for shown in (arms, {"treated": arms["treated"]}):
        data = PlotData("x", tuple(shown), "", "", (0.0, 1.0), (), {}, {}, shown)
        for name, panels in (("tubules", 1), ("wall", 3)):
            figure = draw_figure(data, name)
            words = [text.get_text() for text in figure.findobj(Text)]
            assert words.count("both testes taken away") == panels


@pytest.mark.parametrize("shares", [(12.5, 87.5, 0.0, 0.0), (100 / 3, 100 / 3, 100 / 3, 0.0), (0.4, 0.4, 0.4, 98.8)])
def test_printed_shares_add_up_to_a_hundred(shares):
    assert sum(_whole(*shares)) == 100
    assert all(abs(whole - share) <= 1.0 for whole, share in zip(_whole(*shares), shares, strict=True))
