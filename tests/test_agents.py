"""Cells as Mesa agents: each operation of a column-backed set equals Mesa's own on the same agents."""

from __future__ import annotations

import copy
import itertools
import math
import operator
import pickle
import random

import mesa
import numpy as np
import pytest
from conftest import NORMAL_BLOOD
from mesa.agentset import AgentSet
from small_tissue import SmallModel

from testis_abm.agents.cells import GermCell, LeydigCell, SertoliCell
from testis_abm.agents.views import Reading
from testis_abm.biology import germ, steps
from testis_abm.biology.sertoli import Response, signals
from testis_abm.testis.places import germ_places, leydig_places, sertoli_places

KINDS = (LeydigCell, SertoliCell, GermCell)
NUMBERS = {
    LeydigCell: ["size", "testosterone_nmol_l", "corner"],
    SertoliCell: ["phase", "androgen_signal", "germ_cells"],
    GermCell: ["remaining_days", "hazard_per_day", "niche"],
}


@pytest.fixture(scope="module")
def settled():
    model = SmallModel(seed=2).settle()
    model.step()
    return model


@pytest.fixture
def model(settled):
    return copy.deepcopy(settled)


def of(model, kind):
    """Return the set of a kind, the agents one by one, and Mesa's own set of them."""
    columns = model.agents_by_type[kind]
    agents = columns.to_list()
    return columns, agents, AgentSet(agents, random=random.Random(5))


def same(found, expected):
    assert [agent.unique_id for agent in found] == [agent.unique_id for agent in expected]


# ---- sets


@pytest.mark.parametrize("kind", KINDS)
def test_length_iteration_and_membership(model, kind):
    columns, agents, _ = of(model, kind)
    assert len(columns) == len(agents) == len(set(agents)) > 0
    assert all(type(agent) is kind for agent in agents)
    assert all(agent in columns for agent in agents[:20])
    assert agents[3] == columns[3]
    same(columns[2:5], agents[2:5])
    assert mesa.Agent(model) not in columns
    assert "cell" not in columns
    other = LeydigCell if kind is not LeydigCell else GermCell
    assert model.agents_by_type[other][0] not in columns


@pytest.mark.parametrize("kind", KINDS)
def test_get_and_agg_equal_mesas(model, kind):
    columns, _, own = of(model, kind)
    names = NUMBERS[kind]
    for name in names:
        assert columns.get(name) == own.get(name)
        assert columns.agg(name, np.mean) == own.agg(name, np.mean)
        assert columns.agg(name, [min, max, len]) == own.agg(name, [min, max, len])
        assert columns.array(name).tolist() == columns.get(name)
    assert columns.get(names) == own.get(names)
    assert columns.get([]) == own.get([])
    assert columns.get("lineage") == columns.get("unique_id") == own.get("unique_id")
    assert columns.get("nothing", handle_missing="default", default_value=7) == [7] * len(columns)
    with pytest.raises(AttributeError, match="nothing"):
        columns.get("nothing")
    with pytest.raises(AttributeError, match="nothing"):
        columns.array("nothing")
    with pytest.raises(ValueError, match="handle_missing"):
        columns.get(names, handle_missing="ignore")


@pytest.mark.parametrize("kind", KINDS)
def test_every_attribute_reads_alike_from_a_view_and_a_set(model, kind):
    columns, agents, _ = of(model, kind)
    names = [name for name, what in vars(kind).items() if isinstance(what, Reading)]
    assert len(names) >= 10
    for name in names:
        assert getattr(kind, name).__doc__
        values = columns.get(name)
        assert values == [getattr(agent, name) for agent in agents]
        assert type(values[0]) in (int, float, str, tuple)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_most", [float("inf"), math.nan, 5, 0, 0.5, 1.0, 2.5, 10_000])
def test_select_equals_mesas(model, kind, at_most):
    columns, agents, own = of(model, kind)
    name = NUMBERS[kind][0]
    middle = float(np.median(columns.get(name)))
    for test in (None, lambda agent: getattr(agent, name) > middle):
        for agent_type in (None, kind, mesa.Agent, AgentSet, (kind, AgentSet)):
            chosen = columns.select(test, at_most=at_most, agent_type=agent_type)
            same(chosen, own.select(test, at_most=at_most, agent_type=agent_type))
    assert len(columns) == len(agents)
    everything = model.agents_by_type[kind]
    assert everything.select(lambda agent: getattr(agent, name) > middle, inplace=True) is everything
    assert 0 < len(everything) < len(agents)


@pytest.mark.parametrize("kind", KINDS)
def test_sort_equals_mesas(model, kind):
    columns, _, own = of(model, kind)
    for key in (*NUMBERS[kind], "unique_id", lambda agent: -agent.unique_id):
        for ascending in (False, True):
            same(columns.sort(key, ascending=ascending), own.sort(key, ascending=ascending))
    if kind is GermCell:
        same(columns.sort("sertoli.phase"), own.sort("sertoli.phase"))
    assert columns.sort("unique_id", inplace=True) is columns
    assert columns.get("unique_id") == sorted(columns.get("unique_id"), reverse=True)


@pytest.mark.parametrize("kind", KINDS)
def test_shuffle_equals_mesas(model, kind):
    columns, agents, own = of(model, kind)
    columns.random = random.Random(5)
    same(columns.shuffle(), own.shuffle())
    same(columns, agents)
    assert columns.shuffle(inplace=True) is columns
    assert set(columns) == set(agents)
    seen = []
    columns.random, own.random = random.Random(6), random.Random(6)
    columns = columns.sort("unique_id")
    columns.shuffle_do(lambda agent: seen.append(agent.unique_id))
    expected = []
    own.sort("unique_id", inplace=True).shuffle_do(lambda agent: expected.append(agent.unique_id))
    assert seen == expected


@pytest.mark.parametrize("by", ["step", "niche", lambda agent: agent.remaining_days > 3])
def test_groupby_equals_mesas(model, by):
    columns, _, own = of(model, GermCell)
    left, right = columns.groupby(by), own.groupby(by)
    assert left.count() == right.count()
    assert list(left.groups) == list(right.groups)
    for key, group in left:
        same(group, right.groups[key])
    assert left.agg("hazard_budget", max) == right.agg("hazard_budget", max)
    assert left.map(len) == right.map(len)
    listed = columns.groupby(by, result_type="list")
    assert {key: len(group) for key, group in listed.groups.items()} == left.count()


@pytest.mark.parametrize("kind", KINDS)
def test_do_and_map_equal_mesas(model, kind):
    columns, agents, own = of(model, kind)
    name = NUMBERS[kind][0]
    assert columns.map(lambda agent, more: getattr(agent, name) + more, 2) == own.map(
        lambda agent, more: getattr(agent, name) + more, 2
    )
    assert columns.map("__repr__") == own.map("__repr__")
    seen = []
    assert columns.do(seen.append) is columns
    assert seen == agents
    assert columns.do("__repr__") is columns


def test_set_writes_columns(model):
    cells = model.agents_by_type[GermCell]
    rounds = cells.select(lambda cell: cell.step == "round_spermatid")
    assert rounds.set("remaining_days", 1.5) is rounds
    assert set(rounds.get("remaining_days")) == {1.5}
    step = model.tissue.columns.germ.compacted("step")
    remaining = model.tissue.columns.germ.compacted("ends") - model.tissue.now
    assert np.array_equal(remaining == 1.5, step == steps.ROUND_SPERMATID)
    model.agents_by_type[LeydigCell].set("capacity", 2.0)
    assert np.all(model.tissue.columns.leydig.capacity == 2.0)
    with pytest.raises(AttributeError, match=r"cannot be set.*remaining_days"):
        cells.set("niche", 3)
    with pytest.raises(AttributeError, match="none can be set"):
        model.agents_by_type[SertoliCell].set("phase", 0.0)
    with pytest.raises(ValueError, match="0 or more"):
        cells.set("remaining_days", -1.0)
    with pytest.raises(ValueError, match="0 or more"):
        cells.set("remaining_days", math.nan)


def test_what_not_all_agents_have_is_written_to_none(model):
    before = model.tissue.columns.leydig.capacity.copy()
    mine = Macrophage(model)
    for agents in (model.agents, model.agents.select(lambda agent: True)):
        with pytest.raises(AttributeError, match=r"'capacity' of .* cannot be set"):
            agents.set("capacity", 2.0)
        with pytest.raises(AttributeError, match="cannot be set"):
            agents.set("fed", 2)
    assert np.array_equal(model.tissue.columns.leydig.capacity, before) and mine.fed == 0
    model.agents.select(agent_type=Macrophage).set("fed", 3)
    assert mine.fed == 3


def test_a_selection_is_a_users_own(model):
    germ, leydig = model.agents_by_type[GermCell], model.agents_by_type[LeydigCell]
    for chosen in (germ.select(at_most=5), model.agents.select(lambda cell: isinstance(cell, GermCell), at_most=5)):
        first, other = chosen[0], germ[7]
        chosen.add(other)
        chosen.add(other)
        chosen.remove(first)
        chosen.discard(first)
        assert len(chosen) == 5 and other in chosen and first not in chosen
        assert (chosen.index(other), chosen.count(other), chosen.count(first)) == (4, 1, 0)
        with pytest.raises(KeyError):
            chosen.remove(first)
        with pytest.raises(ValueError, match="not in"):
            chosen.index(first)
        assert isinstance(chosen, AgentSet)
        chosen.clear()
        assert len(chosen) == 0 < len(germ)
    with pytest.raises(TypeError, match="a selection of GermCell of one model cannot hold LeydigCell"):
        germ.select(at_most=5).add(leydig[0])
    with pytest.raises(TypeError, match="the rules"):
        germ.clear()


def test_arrays_of_every_set(model):
    germ = model.agents_by_type[GermCell]
    assert germ.array("unique_id").tolist() == germ.get("unique_id")
    assert germ.array("position").shape == (len(germ), 2)
    assert model.agents.array("unique_id").tolist() == model.agents.get("unique_id")
    listed = model.agents.select(lambda cell: isinstance(cell, GermCell))
    assert listed.array("step_index").tolist() == germ.array("step_index").tolist()
    with pytest.raises(AttributeError, match="nothing"):
        model.agents.array("nothing")


def test_cells_are_neither_added_nor_removed(model):
    cells = model.agents_by_type[GermCell]
    cell = cells[0]
    for refused in (lambda: cells.add(cell), lambda: cells.discard(cell), lambda: cells.remove(cell), cell.remove):
        with pytest.raises(TypeError, match="the rules"):
            refused()
    assert cell in cells


def test_copies_and_set_algebra(model):
    cells = model.agents_by_type[GermCell]
    for duplicate in (copy.copy(cells), cells.copy(), cells.select()):
        assert duplicate is not cells
        same(duplicate, cells)
    stem = cells.select(lambda cell: cell.step_index <= steps.A_PALE)
    dark = cells.select(lambda cell: cell.step_index == steps.A_DARK)
    same(stem & dark, dark)
    assert len(stem - dark) == len(stem) - len(dark)
    assert set(dark | stem) == set(stem)
    assert dark <= stem
    assert len(pickle.loads(pickle.dumps(dark))) == len(dark)


# ---- all agents, and a user's own


class Macrophage(mesa.Agent):
    def __init__(self, model):
        super().__init__(model)
        self.size = 5.0
        self.fed = 0

    def eat(self):
        self.fed += 1


def test_a_users_agents_stand_beside_the_cells(model):
    cells = len(model.agents)
    mine = [Macrophage(model) for _ in range(3)]
    assert len(model.agents) == cells + 3
    assert list(model.agents)[-3:] == mine
    assert all(agent in model.agents for agent in mine)
    assert model.agent_types == [LeydigCell, SertoliCell, GermCell, Macrophage]
    model.agents_by_type[Macrophage].do("eat")
    assert mine[0].fed == 1
    assert sum(model.agents.get("fed", handle_missing="default", default_value=0)) == 3
    same(model.agents.select(agent_type=Macrophage), mine)
    same(model.agents.select(agent_type=GermCell, at_most=4), model.agents_by_type[GermCell][:4])
    same(
        model.agents.select(agent_type=GermCell, at_most=0.1),
        model.agents.select(agent_type=GermCell)[: len(model.agents) // 10],
    )
    assert len(model.agents.select(agent_type=mesa.Agent)) == cells + 3
    two = model.agents.select(agent_type=(LeydigCell, Macrophage))
    assert len(two) == len(model.agents_by_type[LeydigCell]) + 3
    with pytest.raises(AttributeError):
        model.agents.get("step_index")
    mine[0].remove()
    assert len(model.agents) == cells + 2
    model.remove_all_agents()
    assert model.agent_types == [LeydigCell, SertoliCell, GermCell, Macrophage]
    assert len(model.agents) == cells


def test_all_agents_equal_mesas_own_set(model):
    Macrophage(model)
    everything = model.agents
    agents = everything.to_list()
    own = AgentSet(agents, random=random.Random(5))
    everything.random = random.Random(5)
    same(everything.shuffle(), own.shuffle())
    same(everything.sort("unique_id"), own.sort("unique_id"))
    same(
        everything.select(lambda agent: agent.unique_id % 2, at_most=20),
        own.select(lambda agent: agent.unique_id % 2, at_most=20),
    )
    assert everything.groupby(type).count() == own.groupby(type).count()
    assert everything.get("unique_id") == own.get("unique_id")
    assert everything.map(operator.attrgetter("unique_id")) == own.get("unique_id")
    assert everything.agg("unique_id", max) == own.agg("unique_id", max)
    same(everything.copy(), agents)
    assert len(everything.select(lambda agent: isinstance(agent, LeydigCell), inplace=True)) == len(
        model.agents_by_type[LeydigCell]
    )
    before = [agent for agent in model.agents_by_type[GermCell] if agent.step_index > steps.A_PALE]
    listed = model.agents.select(lambda agent: agent in set(before))
    model.step()
    assert 0 < len(listed) < len(before)
    assert all(agent.alive for agent in listed)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_data_collector(engine):
    model = SmallModel(engine, seed=3).settle()
    Macrophage(model)
    collector = mesa.DataCollector(
        model_reporters={"germ_cells": lambda m: len(m.agents_by_type[GermCell])},
        agenttype_reporters={
            GermCell: {"step": "step", "left": "remaining_days"},
            SertoliCell: {"androgen": lambda cell: cell.androgen_signal},
        },
    )
    for _ in range(3):
        model.step()
        collector.collect(model)
    germ = collector.get_agenttype_vars_dataframe(GermCell)
    counts = collector.get_model_vars_dataframe()["germ_cells"].tolist()
    assert germ.groupby(level="Step").size().tolist() == counts
    last = germ.loc[3.0].sort_index()
    cells = model.agents_by_type[GermCell].sort("unique_id", ascending=True)
    assert last.index.tolist() == cells.get("unique_id")
    assert last["step"].tolist() == cells.get("step")
    assert len(collector.get_agenttype_vars_dataframe(SertoliCell)) == 3 * 24


def test_sets_are_empty_where_there_are_no_cells():
    model = SmallModel(germ_cell_endowment=0.0).settle()
    cells = model.agents_by_type[GermCell]
    assert len(cells) == 0
    assert cells.get("step") == cells.get(["step", "niche"]) == list(cells) == []
    assert len(cells.sort("niche")) == len(cells.shuffle()) == len(cells.select(at_most=0.5)) == 0
    assert cells.groupby("step").count() == {}
    assert len(germ_places(model.tissue, model.tissue.columns.germ.rows())[0]) == 0
    assert GermCell(model, 5) not in cells


# ---- views


def test_views_survive_births_deaths_and_compaction(model):
    cells = model.agents_by_type[GermCell].to_list()
    known = {cell: (cell.lineage, cell.niche, cell.step_index) for cell in cells}
    selection = model.agents_by_type[GermCell].copy()
    moved = 0
    for _ in range(20):
        rows = {cell: cell.row for cell in cells if cell.alive}
        model.step()
        lineages = set(model.tissue.columns.germ.compacted("lineage").tolist())
        for cell, row in rows.items():
            assert cell.alive == (cell.lineage in lineages)
            if cell.alive:
                lineage, niche, step = known[cell]
                assert model.tissue.columns.germ.lineage[cell.row] == lineage
                assert cell.niche == niche
                assert cell.step_index >= step
                moved += cell.row != row
    assert moved > 0
    dead = next(cell for cell in cells if not cell.alive)
    for look in (lambda: dead.step, lambda: dead.position, lambda: setattr(dead, "remaining_days", 1.0)):
        with pytest.raises(LookupError, match=f"GermCell {dead.lineage} is no longer in the tissue"):
            look()
    assert dead not in model.agents
    assert dead not in selection
    assert 0 < len(selection) < len(cells)
    assert len(model.agents_by_type[GermCell]) == model.tissue.columns.germ.total


def test_views_are_equal_by_kind_and_lineage(model):
    cell = model.agents_by_type[GermCell][7]
    twin = GermCell(model, cell.lineage)
    assert cell == twin
    assert hash(cell) == hash(twin)
    assert cell is not twin
    assert {cell: "found"}[twin] == "found"
    assert cell != SertoliCell(model, cell.lineage)
    assert cell != cell.lineage
    assert cell.pos is None
    assert pickle.loads(pickle.dumps(cell)).position == cell.position
    model.followed = {cell: 1, cell.sertoli: 2}
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.step()
        assert [view.lineage for view in other.followed] == [cell.lineage, cell.sertoli.lineage]
        assert all(view.model is other for view in other.followed)


def test_cells_of_a_copy_are_other_cells(model):
    other = copy.deepcopy(model)
    mine, theirs = model.agents_by_type[GermCell], other.agents_by_type[GermCell]
    assert mine[0].lineage == theirs[0].lineage and mine[0] != theirs[0]
    for members in (other.agents, theirs, other.agents.select(lambda cell: True)):
        assert mine[0] not in members and theirs[0] in members
    assert len(mine - theirs) == len(mine) and len(mine & theirs) == 0
    assert len(mine - mine) == 0 and len(mine & mine) == len(mine)


def test_a_view_holds_nothing_of_a_users_own(model):
    cells = model.agents_by_type[GermCell]
    for name in ("flag", "unique_id", "pos", "lineage"):
        with pytest.raises(AttributeError, match=rf"'{name}' of GermCell cannot be set.* in a dict by cell\.lineage"):
            setattr(cells[0], name, 1)
        with pytest.raises(AttributeError, match=name):
            cells.set(name, 1)
    with pytest.raises(AttributeError, match="flag"):
        cells.do(lambda cell: setattr(cell, "flag", 1))


def test_one_cell_is_found_without_a_view_of_each(model, monkeypatch):
    cells = model.agents_by_type[GermCell]
    agents, made = cells.to_list(), []
    at = GermCell.at.__func__
    monkeypatch.setattr(GermCell, "at", classmethod(lambda *args: made.append(1) or at(*args)))
    assert (cells[0], cells[-1], cells[2:4]) == (agents[0], agents[-1], agents[2:4])
    assert cells[3] in model.agents
    assert len(made) == 5
    with pytest.raises(IndexError):
        cells[len(agents)]


def test_a_view_writes_its_row(model):
    cell = next(cell for cell in model.agents_by_type[GermCell] if cell.step == "pachytene")
    counts = model.tissue.counts()
    cell.step = "round_spermatid"
    assert (cell.step, cell.step_index) == ("round_spermatid", steps.ROUND_SPERMATID)
    assert cell.remaining_days == pytest.approx(
        germ.on_entering(
            cell.lineage,
            cell.clone,
            steps.ROUND_SPERMATID,
            germ.durations(model.tissue.p),
            model.tissue.p.germ.duration_variation,
            0.0,
        )[0],
        abs=1e-4,
    )
    change = model.tissue.counts() - counts
    assert (change[steps.PACHYTENE], change[steps.ROUND_SPERMATID]) == (-1, 1)
    with pytest.raises(ValueError, match="use one of a_dark"):
        cell.step = "sperm"
    with pytest.raises(ValueError, match="0 to 11"):
        cell.step_index = 12
    with pytest.raises(AttributeError, match=r"'niche' of GermCell cannot be set \(can be set: step, "):
        cell.niche = 3
    for wrong in (3.9, True, -1, None):
        with pytest.raises(ValueError, match="is not an index from 0 to 11"):
            cell.step = wrong
    for name in ("share", "remaining_days", "hazard_budget"):
        with pytest.raises(ValueError, match=rf"{name} must be a number of 0 or more, up to 3.4e\+38, not 1e\+40"):
            setattr(cell, name, 1e40)
    cell.hazard_budget = 0.0
    model.step()
    assert not cell.alive


def test_readings_mean_what_they_say(model):
    tissue, per = model.tissue, model.tissue.geometry.sertoli_per_tubule
    for cell in model.agents_by_type[GermCell][::7]:
        niche, sertoli = cell.niche, cell.sertoli
        assert cell.tubule == sertoli.tubule == niche // per
        assert sertoli.lineage == int(tissue.columns.sertoli.lineage[niche])
        assert cell.hazard_per_day == getattr(sertoli, f"{cell.step}_hazard")
        assert cell.testosterone_nmol_l == sertoli.testosterone_nmol_l == tissue.testosterone.ravel()[niche]
        assert cell.oestradiol_pmol_l == sertoli.oestradiol_pmol_l == 1e3 * tissue.oestradiol.ravel()[niche]
        assert cell.er_alpha_signal == sertoli.er_alpha_signal
        assert cell.er_beta_signal == sertoli.er_beta_signal
        assert cell.aromatase == germ.aromatase(tissue.p)[cell.step_index]
    sertoli = model.agents_by_type[SertoliCell]
    assert sum(sertoli.get("germ_cells")) == len(model.agents_by_type[GermCell])
    columns = tissue.columns.sertoli
    for i, cell in enumerate(sertoli):
        response = Response(*(getattr(columns, name)[i] for name in Response._fields))
        signal = signals(response, 0.0, tissue.p)
        set_by_rule = germ.rates_under(signal, tissue.p)
        assert [getattr(cell, name) for name in steps.RATES] == pytest.approx(set_by_rule, rel=1e-12)
    leydig = model.agents_by_type[LeydigCell]
    for name in ("androgen_signal", "fsh_signal", "er_alpha_signal", "er_beta_signal", "inhibin"):
        assert np.mean(sertoli.get(name)) == pytest.approx(1.0, abs=0.1)
    assert np.mean(leydig.get("er_alpha_signal")) == pytest.approx(1.0, abs=0.1)
    made = sum(leydig.get("oestradiol_secretion")) + sum(sertoli.get("oestradiol_secretion"))
    assert made / len(sertoli) == pytest.approx(1.0, abs=0.15)
    activity = sum(sum(kind.get("aromatase")) for kind in model.agents_by_type.values())
    assert activity / len(sertoli) == pytest.approx(1.0, abs=0.15)


# ---- places


def test_positions_lie_where_histology_has_them():
    model = SmallModel(seed=4, tubules=6, sertoli_per_tubule=24).settle()
    tissue = model.tissue
    geometry, centres = tissue.geometry, tissue.geometry.centres()
    x, y, angle = germ_places(tissue, tissue.columns.germ.rows())
    cells = model.agents_by_type[GermCell]
    assert cells.get("position") == list(zip(x.tolist(), y.tolist(), strict=True))
    centre = centres[cells.get("tubule")]
    depth = np.hypot(x - centre[:, 0], y - centre[:, 1]) / geometry.radius
    step = np.array(cells.get("step_index"))
    assert np.allclose(np.arctan2(y - centre[:, 1], x - centre[:, 0]), (angle + np.pi) % (2 * np.pi) - np.pi)
    assert 0.30 < depth.min() < depth.max() < 0.98
    means = [depth[step == k].mean() for k in range(steps.COUNT)]
    assert all(outer > inner - 0.01 for outer, inner in itertools.pairwise(means[1:]))
    assert depth[step <= steps.B_SPERMATOGONIUM].min() > 0.88
    assert depth[step == steps.ELONGATED_SPERMATID].max() < 0.46
    sector = 2 * np.pi / 24
    offset = angle - geometry.niche_angle[np.array(cells.get("niche")) % 24]
    assert np.abs(offset).max() <= sector / 2

    sertoli_x, sertoli_y = sertoli_places(tissue, tissue.columns.sertoli.rows())
    sertoli_centre = np.repeat(centres, 24, axis=0)
    assert np.allclose(np.hypot(sertoli_x - sertoli_centre[:, 0], sertoli_y - sertoli_centre[:, 1]), geometry.radius)
    assert model.agents_by_type[SertoliCell][30].position == (sertoli_x[30], sertoli_y[30])

    leydig_x, leydig_y = leydig_places(tissue, tissue.columns.leydig.rows())
    width, height = geometry.extent
    for cx, cy in centres:
        dx, dy = np.abs(leydig_x - cx) % width, np.abs(leydig_y - cy) % height
        away = np.hypot(np.minimum(dx, width - dx), np.minimum(dy, height - dy))
        assert away.min() > geometry.radius
    assert model.agents_by_type[LeydigCell].get("position") == list(
        zip(leydig_x.tolist(), leydig_y.tolist(), strict=True)
    )


def test_a_cell_moves_inward_as_it_ages_and_does_not_jump(model):
    model.blood = NORMAL_BLOOD
    tissue, centres = model.tissue, model.tissue.geometry.centres()

    def depths():
        cells = model.agents_by_type[GermCell]
        place = np.array(cells.get("position")) - centres[cells.get("tubule")]
        return dict(zip(cells.get("lineage"), np.hypot(place[:, 0], place[:, 1]) / tissue.geometry.radius, strict=True))

    before = depths()
    for _ in range(10):
        model.step()
        after = depths()
        moves = [before[lineage] - depth for lineage, depth in after.items() if lineage in before]
        assert min(moves) > -0.01
        assert max(moves) < 0.08
        before = after
